"""A record as lines: every row × channel exactly once, in the one state it ended in, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batch.core.model import Problem, Reason, Result, RunRecord, Status, Verified
from batch.core.results import ECHO_ONLY, GOOD, iso, lines, reason_of, results, stopped_by, unwell
from tests.days import believable, one
from tests.records import BEGAN, agent, change, kept, name, number, only, origin, outcome, record, row, state

COLUMNS = (
    "run_id, file, sheet, row, number, channel, agent_uuid, agent_name, before_agent_uuid, before_agent_name, "
    "after_agent_uuid, after_agent_name, status, reason, http_status, attempts, started_at, finished_at, verified, "
    "wave, note"
)


def moved(*outcomes, **more) -> RunRecord:
    """A run of one row that moves one trunk from agent 0 to agent 1."""
    return record([row()], [change()], outcomes, **more)


def test_the_fields_of_a_result_are_the_columns_of_the_contract() -> None:
    """Other programs read results.csv by these names, in this order."""
    assert COLUMNS.split(", ") == list(Result.__struct_fields__)


# ── every line once ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", Status)
def test_a_row_ends_in_one_named_state(status: Status) -> None:
    """The builder's run of one row has one line, of the status it was built for."""
    assert status is only(one(status)).status


@given(cut=st.sets(st.integers(0, 80)), finished=st.booleans())
def test_every_row_and_channel_occurs_once_whatever_is_missing(cut: set[int], finished: bool) -> None:
    """A run that was cut off anywhere has the same lines as one that was not."""
    told = believable(80)
    left = {id_: o for id_, o in told.outcomes.items() if id_ not in cut}
    broken = replace(told, outcomes=left, finished_at=told.finished_at if finished else None)
    wanted = [(r.origin.row, r.number, channel) for r in told.plan.rows for channel in r.channels]
    assert wanted == [(line.row, line.number, line.channel) for line in results(broken)]
    assert [*unwell(broken)] == [line for line in results(broken) if line.status not in GOOD]


def test_a_line_stands_beside_its_row() -> None:
    """Writers need both."""
    two = row(2, channels=("call", "whatsapp"))
    told = record([two], [change(0), change(1, channel="whatsapp")], [outcome(0), outcome(1)])
    assert [(two, "call"), (two, "whatsapp")] == [(found, line.channel) for found, line in lines(told)]


def test_a_line_says_who_what_when_and_how() -> None:
    """Every column of a change that was done."""
    done = outcome(http_status=200, attempts=2)
    line = only(moved(done, befores=[state(call=0)], afters=[state(call=1)]))
    assert (
        Result(
            run_id="20261125-200000-k3x9",
            file="moves.csv",
            sheet="",
            row=2,
            number=number(2),
            channel="call",
            agent_uuid=agent(1),
            agent_name=name(1),
            before_agent_uuid=agent(0),
            before_agent_name=name(0),
            after_agent_uuid=agent(1),
            after_agent_name=name(1),
            status=Status.DONE,
            reason="verified: The wanted agent serves the trunk",
            http_status=200,
            attempts=2,
            started_at="2026-11-25T20:00:01.000Z",
            finished_at="2026-11-25T20:00:01.250Z",
            verified=Verified.SWEEP,
            wave="",
            note="",
        )
        == line
    )


def test_wave_and_note_come_from_the_row() -> None:
    """They are the sheet's own."""
    line = only(record([row(wave=3, note="ticket 4711")], [change()], [outcome()]))
    assert ("3", "ticket 4711") == (line.wave, line.note)


# ── rows that nothing is sent for ─────────────────────────────────────────────────────────────────────────────────────


def test_an_invalid_row_names_every_problem_but_no_mere_note() -> None:
    """Each with its code; a repaired number is not what makes a row invalid."""
    problems = (
        Problem("agent_empty", origin(2), "agent"),
        Problem("number_repaired", origin(2), "number", "0049", "+49"),
        Problem("wave_malformed", origin(2), "wave", "soon"),
    )
    line = only(record([row(valid=False, problems=problems)]))
    said = "[agent_empty] the agent is empty, which does not mean nobody; [wave_malformed] 'soon' is not a wave"
    assert (Status.INVALID, f"invalid_row: The row has problems: {said}") == (line.status, line.reason)


def test_an_invalid_row_does_not_borrow_the_fate_of_another_row_on_its_trunk() -> None:
    """The trunk was moved by a good row; this one still has a problem."""
    told = record([row(2), row(3, of=2, valid=False)], [change()], [outcome()])
    assert [Status.DONE, Status.INVALID] == [line.status for line in results(told)]


@pytest.mark.parametrize("valid", [True, False], ids=["good", "with a problem"])
def test_a_row_left_out_is_skipped_whatever_is_wrong_with_it(valid: bool) -> None:
    """``--only`` left it out; its problems hold nothing up."""
    out = kept(reason=Reason.NOT_SELECTED, before=0)
    line = only(record([row(selected=False, valid=valid)], [out]))
    assert (Status.SKIPPED, Reason.NOT_SELECTED) == (line.status, reason_of(line))


def test_a_row_without_a_change_was_left_out() -> None:
    """There is nothing in the plan for it, so nothing can have become of it."""
    line = only(record([row()]))
    assert (Status.SKIPPED, Reason.NOT_SELECTED) == (line.status, reason_of(line))


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.ALREADY_THERE, Status.ALREADY),
        (Reason.NOT_EXPECTED, Status.DRIFTED),
        (Reason.NOT_SELECTED, Status.SKIPPED),
    ],
    ids=str,
)
def test_a_kept_trunk_is_told_by_why_it_was_kept(reason: Reason, status: Status) -> None:
    """Nothing-to-do is a decision with a reason too."""
    line = only(record([row()], [kept(reason=reason)]))
    assert (status, reason) == (line.status, reason_of(line))
    assert line.before_agent_uuid == line.after_agent_uuid


def test_a_kept_trunk_seen_in_the_final_look_is_verified() -> None:
    """Its number was read because of its other channel."""
    line = only(record([row()], [kept()], afters=[state(call=1)]))
    assert (Status.ALREADY, Verified.SWEEP) == (line.status, line.verified)


def test_a_kept_trunk_that_the_final_look_shows_elsewhere_has_drifted() -> None:
    """Somebody else moved it during the run: *already* would not be true any more."""
    line = only(record([row()], [kept()], afters=[state(call=7)]))
    assert (Status.DRIFTED, Reason.CHANGED_AFTERWARDS) == (line.status, reason_of(line))
    assert (agent(1), agent(7)) == (line.before_agent_uuid, line.after_agent_uuid)


def test_a_row_left_alone_shows_who_serves_its_trunk_now() -> None:
    """The status stands; the owner is the one last seen."""
    line = only(record([row()], [kept(reason=Reason.NOT_EXPECTED)], afters=[state(call=7)]))
    assert (Status.DRIFTED, agent(7)) == (line.status, line.after_agent_uuid)


def test_somebody_elses_agent_is_called_by_the_name_it_was_seen_with() -> None:
    """The plan may not know it; a name without its agent says nothing."""
    drifted = outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED, after=agent(7), after_name="Eve")
    seen, gone = (only(record([row()], [change()], [one])) for one in (drifted, replace(drifted, after=None)))
    assert (agent(7), "Eve") == (seen.after_agent_uuid, seen.after_agent_name)
    assert ("", "") == (gone.after_agent_uuid, gone.after_agent_name)


def test_a_trunk_that_is_gone_is_with_nobody() -> None:
    """Neither is the agent that it had before."""
    gone = outcome(status=Status.REJECTED, reason=Reason.TRUNK_GONE)
    assert "" == only(record([row()], [change()], [gone])).after_agent_uuid


def test_a_change_kept_in_the_plan_but_settled_is_told_as_it_was_settled() -> None:
    """An outcome in the journal outweighs the plan."""
    line = only(record([row()], [kept()], [outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED)]))
    assert Status.DRIFTED is line.status


# ── rows that repeat another ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_duplicate_shares_the_fate_of_the_first_row() -> None:
    """It names that row and the reason there; calls are counted once."""
    told = record([row(2), row(3, of=2, duplicate_of={"call": 2})], [change()], [outcome(attempts=2)])
    _, line = results(told)
    assert Status.DONE is line.status
    assert line.reason == "duplicate: An earlier row asks for the same: same as row 2 (verified)"
    assert (0, None, "", Verified.SWEEP) == (line.attempts, line.http_status, line.started_at, line.verified)


# ── changes that were never started, or not finished ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("whole_run", "finished_at", "reason"),
    [
        (Reason.DEADLINE, BEGAN + 9, Reason.DEADLINE),
        (None, None, Reason.INTERRUPTED),
        (None, BEGAN + 9, Reason.STOPPED),
    ],
    ids=["stopped by the deadline", "cut off", "ended without it"],
)
def test_a_change_never_started_is_skipped_for_the_reason_of_the_run(
    whole_run: Reason | None, finished_at: float | None, reason: Reason
) -> None:
    """Its trunk is where it was."""
    line = only(moved(whole_run=whole_run, finished_at=finished_at))
    assert (Status.SKIPPED, reason, agent(0)) == (line.status, reason_of(line), line.after_agent_uuid)


def test_what_stopped_the_run_is_told_in_its_own_words() -> None:
    """The detail of the run stands in each line that it stopped."""
    line = only(moved(whole_run=Reason.REFUSED_BY_GUARD, whole_run_detail="31 % of the trunks"))
    assert line.reason == "refused_by_guard: Nothing was sent: a guard refused the plan: 31 % of the trunks"


@pytest.mark.parametrize(
    ("whole_run", "finished_at", "stopped"),
    [
        (None, BEGAN + 1, None),
        (None, None, Reason.INTERRUPTED),
        (Reason.AUDIT, None, Reason.AUDIT),
        (Reason.DEADLINE, BEGAN + 1, Reason.DEADLINE),
    ],
    ids=["to its end", "cut off", "only looked", "said why"],
)
def test_a_run_without_an_end_was_interrupted(
    whole_run: Reason | None, finished_at: float | None, stopped: Reason | None
) -> None:
    """Unless it wrote down another reason."""
    assert stopped is stopped_by(moved(whole_run=whole_run, finished_at=finished_at))


@pytest.mark.parametrize(
    ("verified", "whole_run", "finished_at", "told"),
    [
        (Verified.ECHO, None, None, True),
        (Verified.ECHO, Reason.API_UNAVAILABLE, BEGAN + 9, True),
        (Verified.ECHO, None, BEGAN + 9, False),
        (Verified.SWEEP, None, None, False),
    ],
    ids=["killed", "an outage", "to its end without a look", "killed after a look"],
)
def test_a_change_that_only_its_answer_vouches_for_says_that_the_last_look_is_missing(
    verified: Verified, whole_run: Reason | None, finished_at: float | None, *, told: bool
) -> None:
    """Nobody may take it for seen."""
    line = only(moved(outcome(verified=verified), whole_run=whole_run, finished_at=finished_at))
    assert (Status.DONE, told) == (line.status, line.reason.endswith(f": {ECHO_ONLY}"))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.REJECTED, " (422)"),
        (Status.FAILED, " (422)"),
        (Status.UNKNOWN, " (422)"),
        (Status.DRIFTED, ""),
        (Status.SKIPPED, ""),
    ],
    ids=str,
)
def test_the_last_http_status_is_named_where_it_explains(status: Status, told: str) -> None:
    """A number says something of a refusal, nothing of a dependency."""
    line = only(moved(outcome(status=status, reason=Reason.UNCLEAR, http_status=422, detail="no")))
    assert line.reason == f"unclear: Whether the change was applied could not be seen{told}: no"
    assert line.http_status == 422


def test_a_change_that_failed_though_its_agent_serves_the_trunk_says_so() -> None:
    """Somebody else may have moved it there; the status stays what we know of ourselves."""
    line = only(moved(outcome(status=Status.REJECTED, reason=Reason.SERVER_REFUSED), afters=[state(call=1)]))
    assert Status.REJECTED is line.status
    assert line.reason.endswith(": the wanted agent serves the trunk all the same")


# ── owners ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_before_is_what_was_seen_just_before_the_first_put() -> None:
    """The journal's picture, not the plan's belief."""
    line = only(moved(outcome(), befores=[state(call=7)]))
    assert (agent(7), name(7)) == (line.before_agent_uuid, line.before_agent_name)


def test_before_is_empty_where_nobody_served_the_trunk() -> None:
    """No agent, no name."""
    line = only(record([row()], [change(before=None)], [outcome()]))
    assert ("", "") == (line.before_agent_uuid, line.before_agent_name)


@pytest.mark.parametrize(
    ("ended", "after"),
    [
        (outcome(status=Status.UNKNOWN, reason=Reason.UNCLEAR), ""),
        (outcome(status=Status.FAILED, reason=Reason.NOT_APPLIED, written=True), ""),
        (outcome(status=Status.REJECTED, reason=Reason.SERVER_REFUSED), agent(0)),
        (outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED, after=agent(7)), agent(7)),
    ],
    ids=["unknown", "sent and not seen since", "refused", "seen elsewhere"],
)
def test_after_is_who_was_last_seen_and_never_a_guess(ended, after: str) -> None:
    """A trunk that a PUT may have reached, and that nobody has looked at since, has no known owner."""
    assert after == only(moved(ended)).after_agent_uuid


def test_an_agent_that_the_plan_does_not_name_is_named_by_its_binding() -> None:
    """A third agent turns up only in what was seen."""
    third = outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED, after=agent(7))
    assert name(7) == only(moved(third, afters=[state(call=7)])).after_agent_name
    assert name(7) == only(moved(third, befores=[state(call=7)])).after_agent_name
    assert only(moved(third, afters=[state(whatsapp=7)])).after_agent_name == ""


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("epoch", "text"),
    [(None, ""), (0.0, "1970-01-01T00:00:00.000Z"), (BEGAN + 0.1234, "2026-11-25T20:00:00.123Z")],
    ids=["never", "the epoch", "to the millisecond"],
)
def test_times_are_utc_in_iso_8601(epoch: float | None, text: str) -> None:
    """Sortable as text, the same everywhere."""
    assert text == iso(epoch)
