"""kill -9 at random moments: afterwards `resume` goes on by itself, and the report is the server's truth."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.chaos.evidence import ONE_NUMBER
from tests.chaos.killer import Killer, Moment, When, complaints, moments
from tests.chaos.stand import Task, exclusive, shared, standing
from tests.chaos.whole import torn
from tests.forks import Forks

ORDINARY = [(seed, shared if seed % 3 else exclusive) for seed in range(6)]
"""Six stories of ten kills: six while a sheet is applied, four while that is rolled back."""
LONG, WORKERS = 3_000, 16
STORIES = 40
TROUBLE = [
    {"match": {"method": "PUT", "channel": "whatsapp", "share": 0.3}, "do": {"status": 422}},
    {"match": {"method": "PUT", "share": 0.04}, "when": "after", "do": {"status": 502, "html": "gateway"}},
    {"match": {"method": "PUT", "share": 0.03}, "when": "after", "do": {"reset": True}},
    {"match": {"method": "PUT", "share": 0.03}, "do": {"late": 0.4, "status": 504}},
    {"match": {"method": "GET", "path": "/phone-numbers/channels", "share": 0.05}, "do": {"status": 500}},
]
"""Rows of which one channel is refused, so that the other is put back; and answers that leave things open."""
PAUSES = (0.2, 0.8)
"""Long enough for the late writes of that trouble."""


def story(folder: Path, task: Task, seed: int, forks: Forks, *, kills: tuple[int, int], latency: float) -> Killer:
    """Apply under kills, then roll back under kills; whatever is wrong fails here."""
    with standing(folder, task, latency=latency) as stand:
        stand.forks = forks
        killer = Killer(stand, task)
        calls = len(task.rows)
        applied = killer.apply("there", moments(seed, kills[0], calls))
        undone = killer.rollback(applied, "there", "back", moments(seed + 1000, kills[1], calls))
        assert complaints(killer, applied, undone) == []
        assert (applied.exit_code, undone.exit_code) == (0, 0)
        assert stand.owners() == applied.before
        # lists are read page by page; one by one only what was in doubt, and the canaries
        singly = [event for event in stand.log() if event.path == ONE_NUMBER]
        assert len(singly) <= WORKERS * (killer.kills + 2)
        return killer


@pytest.mark.parametrize(("seed", "make"), [pytest.param(s, m, id=f"{m.__name__}-{s}") for s, m in ORDINARY])
def test_ten_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, forks: Forks, seed: int, make: Callable[[int, int], Task]
) -> None:
    """There and back; every planned kill has struck."""
    killer = story(tmp_path / "stand", make(seed, 90), seed, forks, kills=(6, 4), latency=0.008)
    assert killer.kills == 10


@pytest.mark.parametrize("seed", [5, *(pytest.param(s, marks=pytest.mark.nightly) for s in range(100, 110))])
def test_kills_among_faults_lose_nothing_either(tmp_path: Path, forks: Forks, seed: int) -> None:
    """Also while a unit is put back, an unclear answer is read back, and somebody works in the panel meanwhile."""
    task = shared(seed, 60)
    with standing(tmp_path / "stand", task, latency=0.008) as stand:
        stand.forks, stand.pauses = forks, PAUSES
        killer = Killer(stand, task, meddler=random.Random(seed))
        stand.faults(*TROUBLE, seed=seed)
        applied = killer.apply("there", moments(seed, 7, 70), "--max-failures", "100%")
        stand.faults()
        undone = killer.rollback(applied, "there", "back", moments(seed + 1000, 3, 60))
        assert complaints(killer, applied, undone) == []
        assert killer.kills == 10


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(STORIES))
def test_a_thousand_kills_in_long_runs(tmp_path: Path, forks: Forks, seed: int) -> None:
    """Forty stories of 3,000 rows with 16 workers, 25 kills each."""
    make = exclusive if seed % 8 == 0 else shared
    killer = story(tmp_path / "stand", make(seed, LONG), seed, forks, kills=(15, 10), latency=0.004)
    assert killer.kills == 25


def kept(files: Mapping[str, bytes]) -> set[str]:
    """The names of the files that stay: not what is set aside, nor the journal's log while somebody has it open."""
    return {name for name in files if not name.startswith(".") and not name.endswith("-wal")}


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.nightly)])
def test_reports_are_the_old_file_or_the_new_one(tmp_path: Path, forks: Forks, count: int) -> None:
    """Killed while `report` writes them again and again."""
    task = shared(7, 60)
    with standing(tmp_path / "stand", task) as stand:
        stand.forks = forks
        killer = Killer(stand, task)
        applied = killer.apply("run", ())
        for step in range(count):
            moment = Moment(when=When.REPORTS, pause=step * 0.15 / count)
            sitting = killer.struck(stand.start("report", "run"), "run", moment)
            assert sitting.exit_code in {-9, 0}
            files = killer.files("run")
            assert torn(files) == []
            assert kept(files) == kept(applied.files)
        assert stand.run("report", "run").exit_code == 0
        assert [name for name in killer.files("run") if name.startswith(".")] == []
