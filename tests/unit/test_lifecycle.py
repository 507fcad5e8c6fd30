"""The life of a change: which entry may follow which."""

from __future__ import annotations

from itertools import product

import pytest

from batch.core.lifecycle import NEXT, OPEN_STATUSES, Kind, State, step
from batch.core.model import Status
from batch.errors import JournalError

OF_A_CHANGE = (Kind.INTENT, Kind.RESTORING, Kind.OUTCOME)


@pytest.mark.parametrize(("state", "kind"), list(NEXT), ids=lambda one: one.value)
def test_a_step_of_the_table_leads_where_it_says(state: State, kind: Kind) -> None:
    """The table is the rule; the function only looks it up."""
    assert NEXT[state, kind] is step(state, kind)


@pytest.mark.parametrize(
    ("state", "kind"), [pair for pair in product(State, Kind) if pair not in NEXT], ids=lambda one: one.value
)
def test_a_step_that_is_not_in_the_table_cannot_have_happened(state: State, kind: Kind) -> None:
    """A journal that tells one was altered; the error names both."""
    with pytest.raises(JournalError, match=f"'{kind.value}' of a change that is '{state.value}'"):
        step(state, kind)


def test_a_change_is_put_back_only_after_it_was_settled() -> None:
    """There is nothing to put back before."""
    assert {State.SETTLED, State.RESTORING} == {state for state, kind in NEXT if kind is Kind.RESTORING}


def test_every_state_can_be_settled() -> None:
    """No change is left in the air for want of a step."""
    assert set(State) == {state for (state, kind), after in NEXT.items() if after is State.SETTLED}
    assert {kind for _, kind in NEXT} == set(OF_A_CHANGE)


def test_resuming_goes_on_only_with_what_is_not_final() -> None:
    """The others are tried again by a new run."""
    assert {Status.SKIPPED, Status.UNKNOWN} == OPEN_STATUSES
