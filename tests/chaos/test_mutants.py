"""A goal counts only if a planted bug fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.mutants import MUTANTS, Mutant, caught, plant
from tests.chaos.scenarios import SCENARIOS, Scenario
from tests.chaos.stand import ROOT

EACH = [pytest.param(mutant, id=mutant.name) for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", EACH)
def test_every_planted_bug_still_applies_to_the_program(mutant: Mutant, tmp_path: Path) -> None:
    """And leaves files that are Python."""
    package = plant(mutant, tmp_path)
    for patch in mutant.patches:
        compile((package / patch.file).read_text(), patch.file, "exec")


def test_there_is_a_dozen_and_more() -> None:
    """With names of their own."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 12


@pytest.mark.nightly
@pytest.mark.parametrize("mutant", EACH)
def test_every_planted_bug_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """By the scenario that is about it."""
    complaints, _ = caught(mutant, tmp_path)
    assert complaints != []


@pytest.mark.nightly
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_without_a_bug_no_scenario_complains(scenario: Scenario, tmp_path: Path) -> None:
    """Or what it catches would mean nothing."""
    assert scenario(tmp_path / "stand", ROOT) == []
