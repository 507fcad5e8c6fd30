"""Values of the journal as JSON, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError

from batch.core.encode import number_from_json, number_to_json, outcome_from_json, outcome_to_json
from batch.core.model import Binding, Number, NumberState, Outcome, Reason, Status, Verified
from tests.records import agent, outcome

texts = st.text(st.characters(exclude_categories=["Cs"]))
agents = st.none() | st.integers(0, 9).map(agent)
times = st.none() | st.floats(1, 4e9)
outcomes = st.builds(
    Outcome,
    change=st.just(7),
    status=st.sampled_from(Status),
    reason=st.sampled_from(Reason),
    detail=texts,
    http_status=st.none() | st.integers(100, 599),
    attempts=st.integers(0, 9),
    started_at=times,
    finished_at=times,
    verified=st.sampled_from(Verified),
    after=agents,
    written=st.booleans(),
)
bindings = st.builds(Binding, bound=st.booleans(), agent=agents, agent_name=texts)
states = st.builds(
    NumberState,
    number=st.from_regex(r"\+[0-9]{5,15}", fullmatch=True).map(Number),
    uuid=texts,
    external=st.booleans(),
    source=texts,
    status=texts,
    bindings=st.dictionaries(texts, bindings, max_size=4),
    page=st.integers(0, 999),
)


def through_json(body: object):
    return json.loads(json.dumps(body))


@given(outcomes)
def test_an_outcome_comes_back_as_it_was(ended: Outcome) -> None:
    """Nothing is lost on the way to the disk."""
    assert ended == outcome_from_json(7, through_json(outcome_to_json(ended)))


@given(states)
def test_a_number_comes_back_as_it_was(seen: NumberState) -> None:
    """Unknown channels and empty bindings included."""
    assert seen == number_from_json(through_json(number_to_json(seen)))


def test_an_outcome_is_written_without_what_is_empty() -> None:
    """A million of them are written; the change's id stands beside each."""
    bare = Outcome(change=3, status=Status.SKIPPED, reason=Reason.STOPPED)
    assert {"status": "skipped", "reason": "stopped"} == outcome_to_json(bare)


@pytest.mark.parametrize("missing", ["status", "reason"])
def test_an_outcome_without_its_heart_is_not_one(missing: str) -> None:
    """The reader of the journal reports it as damaged."""
    body = outcome_to_json(outcome())
    del body[missing]
    with pytest.raises(ValidationError):
        outcome_from_json(0, body)
