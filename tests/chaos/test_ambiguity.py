"""Answers that leave it open whether a PUT was applied, by the thousand: nothing wrong, hardly anything unknown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.checker import violations
from tests.chaos.stand import shared, standing
from tests.forks import Forks

SEED = 23
UNKNOWN = 0.001
"""The part of the rows that may be unknown after the final look; each is named."""
RULES = [
    {"match": {"method": "PUT", "share": 0.3}, "when": "after", "do": {"reset": True}},
    {"match": {"method": "PUT", "share": 0.1}, "do": {"late": 5.0, "status": 504}},
]


@pytest.mark.parametrize(
    "rows", [120, pytest.param(7_500, id="10,000 lines, since every third row has two", marks=pytest.mark.nightly)]
)
def test_a_third_cut_off_and_a_tenth_late_is_told_truly(tmp_path: Path, forks: Forks, rows: int) -> None:
    """Three tenths of the PUTs are applied and then cut off, one tenth is applied five seconds later."""
    task = shared(SEED, rows)
    with standing(tmp_path / "stand", task) as stand:
        stand.forks = forks
        stand.faults(*RULES, seed=SEED)
        since = stand.since()
        sheet = task.write(stand.folder / "sheet.csv")
        done = stand.start("apply", sheet, "--yes", "-q", "--run-id", "run", *task.flags).end(1200.0)
        evidence = stand.evidence("run", task, [done], since)
        assert violations(evidence) == []
        told = Counter(line["status"] for line in evidence.results)
        assert set(told) <= {"done", "already", "unknown"}
        assert told["unknown"] <= UNKNOWN * len(evidence.results)
