"""Many starts at once, and signals at random points: one works, the others say who; a signal leaves a run to resume."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import violations
from tests.chaos.killer import Killer, Moment, When
from tests.chaos.proxy import ChaosProxy, through
from tests.chaos.stand import Process, Stand, shared, standing, wait_until
from tests.forks import Forks

TASK = shared(3, 60)
LOCKED = 9
SEED = 5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WARM = (
    "import sys, pandas, batch.pipeline, batch.cli.work, batch.cli.people, batch.sources, batch.views.plan\n"
    "print('ready', flush=True)\n"
    "open(sys.argv.pop(1)).close()\n"  # a pipe: opening it waits until somebody opens its other end
    "from batch.cli.entry import main\n"
    "main(sys.argv[1:])\n"
)
"""A start that has its imports behind it, so that what is measured is the lock and not the interpreter."""


@pytest.fixture
def stand(tmp_path: Path, forks: Forks) -> Iterator[Stand]:
    """A stand-in with a little latency."""
    with standing(tmp_path / "stand", TASK, latency=0.02) as made:
        made.forks = forks
        yield made


@pytest.fixture
def proxy(stand: Stand) -> Iterator[ChaosProxy]:
    """A proxy before it, that the account goes through."""
    with through(stand.url) as made:
        stand.url = made.url
        yield made


def apply(stand: Stand, run: str) -> list[str | Path]:
    return ["apply", TASK.write(stand.folder / "sheet.csv"), "--yes", "--run-id", run, *TASK.flags]


# ── the lock ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "seconds"), [pytest.param(12, 20.0, id="12"), pytest.param(50, 40.0, id="50", marks=pytest.mark.nightly)]
)
def test_of_many_starts_at_once_one_works(stand: Stand, proxy: ChaosProxy, count: int, seconds: float) -> None:
    """The others end with 9 within seconds, naming the one that holds the workspace, and send nothing.

    (Each waits half a second for the lock; the rest is for two cores that everything else wants too.)
    """
    proxy.hold()
    starts, began = at_once(stand, count)
    wait_until(lambda: sum(start.running for start in starts) == 1, "all but one to give up")
    assert time.monotonic() - began < seconds
    holder = next(start for start in starts if start.running)
    refused = [start.end() for start in starts if start is not holder]
    assert {sitting.exit_code for sitting in refused} == {LOCKED}
    named = {re.search(rb"process (\d+)", sitting.output) for sitting in refused}
    assert {found and int(found[1]) for found in named} == {holder.popen.pid}
    assert len(stand.log()) == 0
    proxy.release()
    assert holder.end().exit_code == 0


def at_once(stand: Stand, count: int) -> tuple[list[Process], float]:
    """*count* starts that all go for the lock in one moment, and that moment."""
    gun = stand.folder / "gun"
    os.mkfifo(gun)
    starts = [stand.start(gun, *apply(stand, f"run-{i}"), entry=("-c", WARM)) for i in range(count)]
    wait_until(lambda: all(start.said.read_bytes() for start in starts), "all to have their imports behind them")
    began = time.monotonic()
    gun.open("w").close()
    return starts, began


def test_after_a_kill_the_next_start_works_at_once(stand: Stand, proxy: ChaosProxy) -> None:
    """The kernel's lock dies with its holder, whatever its note says."""
    proxy.hold()
    first = stand.start(*apply(stand, "first"))
    wait_until(lambda: proxy.accepted > 0, "the first to hold the workspace")
    first.popen.kill()
    first.end()
    proxy.release()
    assert stand.run(*apply(stand, "second")).exit_code == 0


def test_a_run_is_resumed_by_one_of_two(stand: Stand) -> None:
    """Two resumes at once: one goes on, the other is told, or finds nothing left to do."""
    killer = Killer(stand, TASK)
    since = stand.since()
    killed = killer.struck(stand.start(*apply(stand, "run")), "run", Moment(when=When.DECIDED, nth=20))
    both = [stand.start("resume", "run", "--yes") for _ in range(2)]
    ended = sorted((process.end() for process in both), key=lambda sitting: sitting.exit_code, reverse=True)
    assert [sitting.exit_code for sitting in ended] in ([LOCKED, 0], [0, 0])
    assert violations(stand.evidence("run", TASK, [killed, ended[-1]], since)) == []


# ── signals ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def points(count: int) -> list[tuple[signal.Signals, Moment]]:
    """Signals in turn, at moments of a run from its first call to its last."""
    chance = random.Random(f"signals/{SEED}")
    kinds = (When.ARRIVES, When.DECIDED, When.AFTER)
    return [
        (SIGNALS[i % 3], Moment(when=chance.choice(kinds), nth=chance.randint(1, 65), pause=chance.uniform(0, 0.01)))
        for i in range(count)
    ]


def interrupted(stand: Stand, number: signal.Signals, moment: Moment, run: str) -> None:
    """Nothing new after a second, an end within ten, a report of what was done, and the rest by `resume`."""
    killer = Killer(stand, TASK)
    since = stand.since()
    process = stand.start(*apply(stand, run))
    killer.tripwire.arm(moment, lambda: process.send(number))
    stopped = process.end()
    killer.tripwire.rest()
    assert stopped.exit_code == 128 + number, (moment, stopped.output[-400:])
    sittings = [stopped]
    if (stand.runs / run).exists():
        assert violations(stand.evidence(run, TASK, sittings, since)) == [], moment
    sittings.append(killer.go_on(run, apply(stand, run)[:2] + list(TASK.flags), since, [stopped], None))
    assert violations(stand.evidence(run, TASK, sittings, since)) == [], moment
    assert sittings[-1].exit_code == 0
    for trunk, owner in since.owners.items():
        stand.edit(trunk, owner)


@pytest.mark.parametrize(
    ("number", "moment"), [pytest.param(n, m, id=f"{n.name}-{m.when}-{m.nth}") for n, m in points(6)]
)
def test_a_signal_leaves_a_run_that_can_be_resumed(stand: Stand, number: signal.Signals, moment: Moment) -> None:
    """At six points."""
    interrupted(stand, number, moment, "run")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_the_run_is_opened_leaves_a_report_or_no_run(stand: Stand, number: signal.Signals) -> None:
    """At each crossing before the first PUT, the syncs of the run's folder, its plan and its journal among them."""
    killer = Killer(stand, TASK)
    for crossing in itertools.count(1):
        since, run = stand.since(), f"run-{crossing}"
        ended = stand.fork(*apply(stand, run), kill_at=crossing, by=number).end()
        stopped = replace(ended, signal=number, signalled_at=ended.ended_at)
        if any(event.is_put for event in stand.log()[since.events :]):
            break
        assert stopped.exit_code == 128 + number, stopped.output[-400:]
        if (stand.runs / run).exists():
            assert violations(stand.evidence(run, TASK, [stopped], since)) == [], crossing
            assert (killer.broken, (stand.runs / run / "report.html").exists()) == ([], True)
    assert crossing > 10


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(5))
def test_a_hundred_signals_leave_runs_that_can_be_resumed(stand: Stand, part: int) -> None:
    """At a hundred."""
    for place, (number, moment) in enumerate(points(100)[part::5]):
        interrupted(stand, number, moment, f"run-{place}")


def test_a_second_signal_ends_the_process_at_once(stand: Stand, proxy: ChaosProxy) -> None:
    """While calls are in flight that will not come back."""
    killer = Killer(stand, TASK)
    process = stand.start(*apply(stand, "run"))
    killer.tripwire.arm(Moment(when=When.DECIDED, nth=25), lambda: (proxy.hold(), process.send(signal.SIGTERM)))
    wait_until(lambda: process.signalled_at is not None, "the first signal")
    time.sleep(0.2)  # the first must have been taken for the second to be one
    second = time.monotonic()
    process.send(signal.SIGTERM)
    ended = process.end()
    assert ended.ended_at - second < 2
    assert ended.exit_code == 128 + signal.SIGTERM
    proxy.release()
    assert stand.run("resume", "run", "--yes").exit_code == 0
