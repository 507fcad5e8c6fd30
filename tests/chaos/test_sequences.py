"""Whatever order it all happens in: the checker is content after each step."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.sequences import Sequences
from tests.forks import Forks

PARTS, EACH = 20, 25
COMMANDS = ("apply", "resume", "rollback", "retry")


def play(forks: Forks, number: int, count: int, steps: int) -> Counter[str]:
    """*count* sequences that the seed draws; how often each kind of step was taken."""
    Sequences.forks = forks
    Sequences.steps = Counter()
    run_state_machine_as_test(
        seed(number)(Sequences),
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Sequences.steps


@pytest.mark.parametrize("number", [2, 3])
def test_a_few_sequences_keep_the_invariants(forks: Forks, number: int) -> None:
    """Eight of five steps, twice."""
    taken = play(forks, number, 8, 5)
    assert taken["kills"] > 0
    assert taken["edit"] > 0


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_five_hundred_sequences_keep_the_invariants(forks: Forks, part: int) -> None:
    """Twenty-five in each of twenty parts; every command comes in each."""
    taken = play(forks, 100 + part, EACH, 7)
    assert taken["kills"] > EACH / 3
    assert all(taken[command] + taken[f"{command} killed"] for command in COMMANDS)


@pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
def test_a_rollback_of_a_rollback_gives_back_what_the_run_had_made(forks: Forks, exclusive: bool) -> None:
    """With kills on each of the ways, a ring and a chain among the changes."""
    Sequences.forks = forks
    sequence = Sequences()
    try:
        sequence.begin(exclusive=exclusive)
        first = sequence.stand.owners()
        sequence.apply({0: 1, 1: 2, 2: 0, 4: 6, 5: 4}, kill=25, skip=False)
        sequence.resume(0, None)
        made = sequence.stand.owners()
        assert made != first
        for expected in (first, made, first):
            sequence.rollback(0, kill=30, skip=False)
            sequence.resume(0, None)
            assert sequence.stand.owners() == expected
    finally:
        sequence.teardown()
