"""Kinds of fault × stages of a run: every cell keeps the invariants, and what a fault stopped can be gone on with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from batch.log import logging_to
from tests.chaos.kinds import KINDS, Cell, Stage, cells
from tests.chaos.matrix import play_all
from tests.chaos.stand import TOKEN

SEED, SAMPLE, PARTS = 20261125, 40, 2
EVERY = list(cells())


def sample() -> list[Cell]:
    """The ordinary run's cells: as many of each stage, no kind twice."""
    chance = random.Random(SEED)
    kinds = sorted(chance.sample(KINDS, SAMPLE), key=lambda kind: len(kind.stages))
    left = [stage for stage in Stage for _ in range(SAMPLE // len(Stage))]
    drawn = []
    for kind in kinds:  # the choosy ones first
        stage = chance.choice([stage for stage in left if stage in kind.stages] or sorted(kind.stages))
        drawn.append(Cell(kind, stage))
        if stage in left:
            left.remove(stage)
    return drawn


def complaints(played: Sequence[Cell], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Play cells with everything logged, and look for the token in that too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    said: list[str] = []
    with logging_to(verbose=2, log_file=folder / "debug.log", echo=said.append):
        told = anyio.run(play_all, played, folder)
    assert TOKEN not in (folder / "debug.log").read_text() + "\n".join(said)
    return told


@pytest.mark.parametrize("part", range(PARTS))
def test_a_sample_of_the_matrix_keeps_the_invariants(part: int, tmp_path: Path, monkeypatch) -> None:
    """Forty cells, drawn by the seed."""
    assert complaints(sample()[part::PARTS], tmp_path, monkeypatch) == {}


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(-(-len(EVERY) // 20)))
def test_the_whole_matrix_keeps_the_invariants(part: int, tmp_path: Path, monkeypatch) -> None:
    """Every kind in every stage."""
    assert complaints(EVERY[part * 20 : part * 20 + 20], tmp_path, monkeypatch) == {}


def test_the_matrix_is_as_large_as_promised() -> None:
    """At least thirty kinds in five stages, each cell once."""
    assert len(KINDS) >= 30
    assert {cell.stage for cell in EVERY} == set(Stage)
    assert len({str(cell) for cell in EVERY}) == len(EVERY)
