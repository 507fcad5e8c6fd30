"""Struck at one system call: killed before it, or told that the disk is full or broken. `resume` then finishes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import violations
from tests.chaos.stand import Stand, shared, standing
from tests.chaos.syscalls import STRACE, WRITES, Point, Surgeon, points, sample, sent_after_failure, undurable
from tests.forks import Forks

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")

ROWS, SEED, WORKERS = 50, 11, 16
TASK = shared(SEED, ROWS)
PARTS = 12


@pytest.fixture
def surgeon(tmp_path: Path, forks: Forks) -> Iterator[Surgeon]:
    """A stand-in that answers after a few milliseconds, so that calls are in flight at once."""
    with standing(tmp_path / "stand", TASK, latency=0.004) as stand:
        stand.forks = forks
        stand.extra["PYTHONDONTWRITEBYTECODE"] = "1"  # compiled files are no part of a run
        yield Surgeon(stand, TASK)


def put_back(stand: Stand) -> None:
    """The workspace as it was at first."""
    first = TASK.world().owners()
    for trunk, owner in stand.owners().items():
        if owner != first[trunk]:
            stand.edit(trunk, first[trunk])


def killed_at(surgeon: Surgeon, point: Point) -> bool:
    """Kill at a point, on a workspace that is as it was at first; False when it was not met.

    How many calls share a commit differs from run to run, so the last points are not always there.
    """
    evidence, _ = surgeon.struck(f"at-{point}", "signal=KILL", point)
    assert violations(evidence) == [], point
    assert evidence.exit_code == 0, point
    put_back(surgeon.stand)
    return evidence.sittings[0].killed


def test_nothing_is_sent_before_its_intent_is_on_the_disk(surgeon: Surgeon) -> None:
    """Between the write of an intent and its PUT there is always a whole sync."""
    sitting, made = surgeon.trace("run", whole=True)
    assert sitting.exit_code == 0
    assert [*undurable(made)] == []
    assert sum(call.name == "sendto" and '"PUT ' in call.rest for call in made) >= ROWS


@pytest.mark.parametrize("part", range(2))
def test_a_sample_of_kills_at_writing_calls(surgeon: Surgeon, part: int) -> None:
    """One from each sixth of the run."""
    _, made = surgeon.trace("first")
    put_back(surgeon.stand)
    for point in sample(points(made), 6, SEED)[part::2]:
        earlier = [replace(point, nth=nth) for nth in (point.nth, point.nth * 2 // 3, 1) if nth]
        assert any(killed_at(surgeon, one) for one in earlier), point


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_every_writing_call(surgeon: Surgeon, part: int) -> None:
    """All points of the run."""
    _, made = surgeon.trace("first")
    put_back(surgeon.stand)
    struck = points(made)[part::PARTS]
    assert sum(killed_at(surgeon, point) for point in struck) >= 0.8 * len(struck)


def both(name: str, before: int, count: int) -> list[Point]:
    """*count* points: *before* the journal has its name, and from then on."""
    early = [Point(name, nth) for nth in range(1, before + 1)]
    return early + [Point(name, nth, journal=True) for nth in range(1, count - before + 1)]


KINDS = {
    "full": both("pwrite64", 14, 200),
    "broken": both("fdatasync", 6, 50),
    "no room": [Point("write", nth) for nth in range(1, 51)],
}
"""The journal's disk is full from a write on; a sync of it fails; one write to any other file finds no room."""
ORDINARY = {"full": slice(5, None, 70), "broken": slice(3, None, 17), "no room": slice(1, 18, 5)}
WHAT = {"full": "error=ENOSPC", "broken": "error=EIO", "no room": "error=ENOSPC"}


def fails_at(surgeon: Surgeon, kind: str, point: Point) -> bool:
    """The run stops with 11, sends no more than what is in flight, and `resume` works once there is space.

    False when the point was not met: not every run makes as many of these calls.
    """
    evidence, made = surgeon.struck(f"at-{point}", WHAT[kind], point, for_good=kind == "full")
    failing, failed = evidence.sittings[0], next((call for call in made if call.failed_by_us), None)
    if failed is None:
        put_back(surgeon.stand)
        return False
    if "/run" in failed.rest and "." in Path(failed.rest.partition(">")[0]).name:
        # (SQLite passes over a folder that cannot be synced, and is as safe as before)
        assert failing.exit_code == 11, (point, failing.output[-500:])
        assert kind == "no room" or sent_after_failure(evidence, made) <= WORKERS, point
    assert violations(evidence) == [], point
    assert evidence.exit_code == 0, point
    put_back(surgeon.stand)
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_disk_stops_the_run(surgeon: Surgeon, kind: str) -> None:
    """At a few points."""
    struck = [fails_at(surgeon, kind, point) for point in KINDS[kind][ORDINARY[kind]]]
    assert sum(struck) > 1


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_anywhere_stops_the_run(surgeon: Surgeon, kind: str, part: int) -> None:
    """ENOSPC from write 1 … 200 on, EIO at sync 1 … 50, no room for write 1 … 50 of the other files."""
    for point in KINDS[kind][part::PARTS]:
        fails_at(surgeon, kind, point)


def test_every_call_that_leaves_a_trace_is_traced(surgeon: Surgeon) -> None:
    """A write by another name would be a point that nobody strikes."""
    others = ("pwritev", "writev", "sendmsg", "renameat", "renameat2", "unlinkat", "truncate", "sync_file_range")
    _, made = surgeon.trace("run", names=(*WRITES, *others))
    assert {call.name for call in made} <= set(WRITES)
