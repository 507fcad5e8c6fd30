"""A run whose journal was cut off, or tells what cannot have happened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.lifecycle import Entry, Kind
from batch.core.model import (
    Outcome,
    Reason,
    Status,
)
from batch.core.record import fold
from batch.core.results import results
from batch.errors import JournalError
from tests.days import believable
from tests.records import BEGAN, agent, outcome
from tests.stories import (
    FINISHED,
    RESUMED,
    edited,
    ended,
    intent,
    opened,
    opened_at_once,
    stopped,
    story,
    told,
    without,
)

# ── changes in the air ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "reason"),
    [((), Reason.INTERRUPTED), ((stopped(Reason.JOURNAL_FAILED),), Reason.JOURNAL_FAILED)],
    ids=["killed", "stopped"],
)
def test_an_intent_without_an_outcome_is_unknown(more: tuple[Entry, ...], reason: Reason) -> None:
    """Its PUT may have reached the server; when it began and how often it was tried is known."""
    found = told(intent(at=BEGAN + 1), intent(at=BEGAN + 2), *more).outcomes[0]
    assert found == Outcome(
        change=0, status=Status.UNKNOWN, reason=reason, attempts=2, started_at=BEGAN + 1, written=True
    )


def test_an_outcome_that_another_intent_followed_is_not_the_last_word() -> None:
    """The run was resumed and killed again."""
    skipped = outcome(status=Status.SKIPPED, reason=Reason.INTERRUPTED)
    assert Status.UNKNOWN is told(intent(), ended(skipped), RESUMED, intent()).outcomes[0].status


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"why": "unit_put_back"}, Reason.UNIT_PUT_BACK),
        ({"why": "wave_put_back"}, Reason.WAVE_PUT_BACK),
        ({}, Reason.UNIT_PUT_BACK),
    ],
    ids=["a row", "a wave", "an older journal, which does not say"],
)
def test_a_putting_back_without_an_outcome_is_unknown_and_known_as_one(more: dict[str, str], reason: Reason) -> None:
    """The look that settles it must know which agent is wanted now, and the report why."""
    found = told(intent(), ended(outcome()), intent(kind=Kind.RESTORING, **more))
    assert (Status.UNKNOWN, reason) == (found.outcomes[0].status, found.outcomes[0].reason)
    assert frozenset({0}) == found.restoring


def test_a_putting_back_that_ended_is_over() -> None:
    """Its outcome is the change's."""
    back = outcome(status=Status.FAILED, reason=Reason.UNIT_PUT_BACK, after=agent(0))
    found = told(intent(), ended(outcome()), intent(kind=Kind.RESTORING), ended(back))
    assert ({0: back}, frozenset()) == (found.outcomes, found.restoring)


@given(st.data())
def test_a_journal_cut_off_anywhere_still_tells_every_line(data: st.DataObject) -> None:
    """A crash between any two entries leaves a record, in which nothing is done that was not written down.

    What a journal begins with is there as a whole, or not at all.
    """
    whole = believable(40)
    entries = list(story(whole))
    cut = fold(entries[: data.draw(st.integers(len(opened(whole.plan)), len(entries)))])
    lines, wanted = list(results(cut)), list(results(whole))
    assert [(line.row, line.channel) for line in wanted] == [(line.row, line.channel) for line in lines]
    assert all(line.status is Status.DONE for line, end in zip(wanted, lines, strict=True) if end.status is Status.DONE)


# ── what cannot have happened ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "the journal is empty"),
        ([FINISHED], "does not begin with its run"),
        ([*opened(), *opened()], "begins twice"),
        ([*opened(), intent(3)], "speaks of change 3"),
        ([*opened(), intent(-1)], "speaks of change -1"),
        ([*opened(), Entry(Kind.INTENT, BEGAN)], "speaks of change None"),
        ([*opened(), intent(kind=Kind.RESTORING)], "'restoring' of a change that is 'planned'"),
        (edited(opened()), "damaged: SafetyError this plan was edited"),
        (edited([opened_at_once()]), "damaged: SafetyError this plan was edited"),
        ([without(opened()[0], "plan")], "damaged: KeyError 'plan'"),
        (opened()[:1], "damaged: SafetyError this plan was edited"),
        ([*opened()[:2], intent()], "damaged: SafetyError this plan is damaged: KeyError 'changes'"),
        ([*opened(), opened()[1]], "begins twice"),
        ([*opened(), without(ended(outcome()), "status")], "damaged: ValidationError .* `status`"),
        ([*opened(), Entry(Kind.SEEN, BEGAN, body={"number": 1})], "damaged: ValidationError"),
        ([*opened(), Entry(Kind.CONFIRMED, BEGAN, body={"changes": [0]})], "damaged: KeyError"),
        ([*opened(), Entry(Kind.CALLS, BEGAN, body={"calls": 7})], "damaged: TypeError"),
        ([*opened(), Entry(Kind.STOPPED, BEGAN, body={"whole_run": "mood"})], "damaged: ValueError 'mood'"),
    ],
    ids=[
        *("nothing", "no opening", "two openings", "a change too many", "a negative change", "no change"),
        *(
            "a step that cannot be",
            "an edited plan",
            "an edited plan of old",
            "no plan",
            "half a plan",
            "less than a plan",
            "more than a plan",
            "no status",
            "half a number",
            "nothing to confirm",
            "no figures",
            "no reason",
        ),
    ],
)
def test_a_story_that_cannot_have_happened_is_refused(entries: list[Entry], said: str) -> None:
    """By the one error that says *journal*, with what is wrong."""
    with pytest.raises(JournalError, match=said):
        fold(entries)


def test_a_journal_is_made_of_json() -> None:
    """The builders of this file write what the disk would hold."""
    for entry in story(believable(20)):
        assert entry.body == json.loads(json.dumps(entry.body))
