"""What a look at many numbers leaves in the journal."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core import entries
from batch.core.encode import number_from_json, outcome_to_json
from batch.core.entries import TOGETHER, confirm
from batch.core.lifecycle import Kind
from batch.core.model import Reason, Status, Verified
from tests.records import agent, change, outcome, state

CHANGES = [change(id_, of=id_) for id_ in range(TOGETHER * 2 + 1)]
ECHOED = {id_: outcome(id_, verified=Verified.ECHO) for id_ in range(len(CHANGES))}


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (TOGETHER + 1, [TOGETHER, 1])])
def test_numbers_that_were_seen_are_told_together(count: int, sizes: list[int]) -> None:
    """All of them, in their order."""
    states = [state(of=index) for index in range(count)]
    told = list(entries.seen(states, 7.0))
    assert [(entry.kind, entry.at, entry.change, len(entry.body["numbers"])) for entry in told] == [
        (Kind.SEEN, 7.0, None, size) for size in sizes
    ]
    assert [number_from_json(body) for entry in told for body in entry.body["numbers"]] == states


def test_what_is_as_it_was_believed_is_confirmed_together() -> None:
    """A thousand changes in three entries."""
    found = {id_: confirm(one, CHANGES[id_]) for id_, one in ECHOED.items()}
    told = list(entries.judged(CHANGES, ECHOED, found, 7.0))
    assert [(entry.kind, len(entry.body["changes"])) for entry in told] == [
        *((Kind.CONFIRMED, TOGETHER), (Kind.CONFIRMED, TOGETHER), (Kind.CONFIRMED, 1))
    ]


def test_what_turned_out_otherwise_is_told_whole() -> None:
    """By itself; what a look says nothing new of is not told again."""
    known = confirm(ECHOED[0], CHANGES[0])
    drifted = outcome(1, Status.DRIFTED, Reason.CHANGED_AFTERWARDS, verified=Verified.SWEEP, after=agent(7))
    told = list(entries.judged(CHANGES, {0: known, 1: ECHOED[1]}, {0: known, 1: drifted, 2: ECHOED[2]}, 7.0))
    assert [(entry.kind, entry.change, entry.body) for entry in told] == [
        (Kind.OUTCOME, 1, outcome_to_json(drifted)),
        (Kind.OUTCOME, 2, outcome_to_json(ECHOED[2])),
    ]


def test_a_confirmed_outcome_differs_by_the_look_alone() -> None:
    """It was seen, on the agent that its change sets; how it came about stays."""
    before = outcome(3, verified=Verified.ECHO, after=None, attempts=4)
    assert confirm(before, CHANGES[3]) == replace(before, verified=Verified.SWEEP, after=agent(1))
