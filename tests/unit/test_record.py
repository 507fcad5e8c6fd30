"""A run as its journal tells it: entries in, record out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core import planfile
from batch.core.encode import number_to_json
from batch.core.entries import beside, confirm
from batch.core.lifecycle import Entry, Kind
from batch.core.model import (
    Calls,
    Channel,
    Reason,
    Source,
    Status,
    Trunk,
    Verified,
)
from batch.core.record import fold, opening_of
from batch.errors import JournalError
from tests.records import BEGAN, agent, change, number, outcome, plan, row, state
from tests.stories import (
    FINISHED,
    PLAN,
    RESUMED,
    cost,
    ended,
    intent,
    opened,
    opened_at_once,
    seen,
    stopped,
    told,
    without,
)

# ── a run from end to end ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_opened_run_is_who_what_when_and_the_whole_plan() -> None:
    """Before anything was sent."""
    found = fold(opened(notes=["a note"]))
    assert ("r1", "apply", "0.1.0", BEGAN) == (found.run_id, found.command, found.tool_version, found.started_at)
    assert planfile.digest(PLAN) == planfile.digest(found.plan) == found.plan_digest
    assert ({}, {}, {}, Calls(), None, None, None) == (
        *(found.outcomes, found.befores, found.afters, found.calls),
        *(found.finished_at, found.exit_code, found.whole_run),
    )
    assert ("a note",) == found.notes


def test_an_opening_that_was_just_written_is_known_without_reading_it() -> None:
    """As it would be read: the plan is at hand, and says its digest itself."""
    entries = opened(whole_run="audit")
    assert fold(entries) == opening_of(iter(entries[:1]), plan=PLAN)


def test_an_opening_takes_no_more_entries_than_are_its_own() -> None:
    """The rest is how it went; so many are left out when only that is asked for."""
    entries = iter([*opened(), intent(), FINISHED])
    opening = opening_of(entries)
    assert told(intent(), FINISHED) == fold(entries, opening=opening)
    assert len(opened()) == opening.opening_entries == 3


def test_a_plan_of_many_rows_is_put_together_from_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many these are; a plan without rows has none."""
    monkeypatch.setattr(planfile, "_AT_ONCE", 1)
    assert (6, PLAN) == (len(opened()), fold(opened()).plan)
    assert (1, plan([], [])) == (len(opened(plan([], []))), fold(opened(plan([], []))).plan)


def test_a_plan_may_be_told_at_once_as_journals_up_to_version_3_have_it() -> None:
    """They are read on, and gone on with."""
    found = fold([opened_at_once(), intent(), FINISHED])
    assert replace(found, opening_entries=3) == told(intent(), FINISHED)
    assert found.opening_entries == 1


def test_an_opening_that_cannot_be_one_is_refused_by_itself_too() -> None:
    """As `resume` reads it, before the rest."""
    with pytest.raises(JournalError, match="damaged: KeyError 'plan'"):
        opening_of(iter([without(opened()[0], "plan")]))


def test_the_name_of_the_only_sheet_comes_from_the_opening() -> None:
    """The plan does not keep it, and the results name it."""
    made = plan([row()], [change()], source=Source(file="moves.xlsx", sheet="July", sha256="00"))
    assert "July" == fold(opened(made, sheet="July")).plan.source.sheet


def test_a_change_is_what_its_last_outcome_says() -> None:
    """The sweep corrects what the echo had said."""
    first, last = outcome(verified=Verified.ECHO), outcome(status=Status.DRIFTED, reason=Reason.CHANGED_AFTERWARDS)
    assert {0: last} == told(intent(), ended(first), ended(last)).outcomes


def test_a_number_is_as_it_was_last_seen() -> None:
    """One picture per number."""
    assert {number(2): state(call=1)} == told(seen(state(call=7)), seen(state(call=1))).afters


def test_who_was_beside_the_plan_is_known_to_every_later_sitting() -> None:
    """However many entries tell it; a journal that tells nothing does not say that there was nobody."""
    served = {Trunk(state(of).number, Channel.CALL): agent(of) for of in range(600)}
    assert served == told(*beside(served, BEGAN)).beside
    assert told().beside is None


def test_what_was_seen_before_a_call_left_is_not_the_last_word() -> None:
    """An earlier sitting had looked; who serves the number now, only the next look can tell."""
    assert {} == told(seen(state(call=7)), intent()).afters


def test_of_a_sitting_that_was_cut_off_the_writes_are_known() -> None:
    """What it read it has told nobody."""
    made = told(intent(), ended(outcome()), cost(get=3, put=1), RESUMED, intent(1), intent(1))
    assert (made.calls.get, made.calls.put) == (3, 3)
    gone_on_with = told(intent(), RESUMED, intent(1), cost(get=5, put=1))
    assert (gone_on_with.calls.get, gone_on_with.calls.put) == (5, 2)


def test_what_a_run_was_begun_under_and_when_it_sent_last_is_known() -> None:
    """For whoever goes on with it, or takes it back."""
    made = fold([*opened(terms={"probe": "true"}), intent(at=BEGAN + 1), intent(1, at=BEGAN + 4)])
    assert (made.terms, made.sent_at) == ({"probe": "true"}, BEGAN + 4)


def test_calls_of_several_sittings_add_up() -> None:
    """The pace is the last one's."""
    found = told(cost(get=4, put=2), RESUMED, cost(get=1, put=1, retried=1, refused_429=2))
    assert Calls(get=5, put=3, retried=1, refused_429=2) == found.calls
    assert {"limit": "60/min"} == found.pace


def test_a_finished_run_has_its_time_and_its_code() -> None:
    """Both from the last entry."""
    found = told(FINISHED)
    assert (BEGAN + 6, 5) == (found.finished_at, found.exit_code)


@pytest.mark.parametrize("opening", [True, False], ids=["from the start", "on the way"])
def test_why_the_run_as_a_whole_stopped_is_kept(opening: bool) -> None:
    """An audit says so when it opens; a stop is an entry of its own."""
    audit = {"whole_run": "audit", "detail": "looked"}
    found = fold(opened(**audit)) if opening else told(stopped(Reason.AUDIT, "looked"))
    assert (Reason.AUDIT, "looked") == (found.whole_run, found.whole_run_detail)


def test_a_resumed_run_is_neither_stopped_nor_finished() -> None:
    """What stopped the last sitting does not stop this one."""
    found = told(stopped(Reason.DEADLINE, "over"), FINISHED, RESUMED)
    assert (None, "", None, None) == (found.whole_run, found.whole_run_detail, found.finished_at, found.exit_code)


def test_what_a_look_confirms_stands_as_it_was_and_seen() -> None:
    """With the agent that its change sets; what was not confirmed stays as its answer left it."""
    echoed = [outcome(id_, verified=Verified.ECHO, after=None) for id_ in (0, 1)]
    confirmed = Entry(Kind.CONFIRMED, 9.0, body={"changes": [1]})
    found = told(intent(0), ended(echoed[0]), intent(1), ended(echoed[1]), confirmed)
    assert found.outcomes == {0: echoed[0], 1: confirm(echoed[1], PLAN.changes[1])}
    assert (found.outcomes[1].verified, found.outcomes[1].after) == (Verified.SWEEP, PLAN.changes[1].after)


def test_a_number_may_be_seen_by_itself_as_journals_of_version_2_have_it() -> None:
    """They are read on, and gone on with."""
    alone = Entry(Kind.SEEN, BEGAN + 3, body=number_to_json(state(call=4)))
    assert told(alone).afters == told(seen(state(call=4))).afters == {number(2): state(call=4)}


# ── the picture before ────────────────────────────────────────────────────────────────────────────────────────────────


def test_before_is_the_picture_of_the_first_put() -> None:
    """Resuming never overwrites it."""
    found = told(intent(before=state(call=0)), RESUMED, intent(before=state(call=1)))
    assert {number(2): state(call=0)} == found.befores


def test_an_intent_without_a_picture_adds_none() -> None:
    """A second attempt knows nothing new."""
    assert {} == told(intent()).befores


def test_each_trunk_of_a_number_has_the_picture_of_its_own_first_put() -> None:
    """Between the first channel's PUT and the second's somebody may have moved the second."""
    found = told(intent(0, before=state(call=0, whatsapp=5)), intent(1, before=state(call=1, whatsapp=0)))
    assert {number(2): state(call=0, whatsapp=0)} == found.befores


def test_a_trunk_that_a_later_picture_does_not_show_had_nobody() -> None:
    """What is not in a picture is not bound."""
    found = told(intent(0, before=state(call=0, whatsapp=5)), intent(1, before=state(call=1)))
    assert {number(2): state(call=0, whatsapp=None)} == found.befores
