"""A trunk that waits on a spare agent is one line too; and what a look says is planned."""

from __future__ import annotations

from batch.core.model import Action, Reason, Result, Status
from batch.core.results import reason_of, results
from tests.records import BEGAN, agent, change, kept, name, only, outcome, plan, record, row, state

# ── rings: a trunk that waits on a spare agent ────────────────────────────────────────────────────────────────────────

SPARE = 9
PARK = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=SPARE)
HOME = change(1, before=SPARE, needs=(0,))


def ring(*outcomes, **more) -> Result:
    """The line of a trunk that was parked on agent 9 and is to be brought home to agent 1."""
    return only(record([row()], [PARK, HOME], outcomes, **more))


def parked(**more):
    return outcome(0, **({"after": agent(SPARE), "attempts": 2} | more))


def test_a_trunk_brought_home_has_both_calls_and_the_time_of_both() -> None:
    """One line for two changes."""
    line = ring(parked(), outcome(1, started_at=BEGAN + 5, finished_at=BEGAN + 6))
    assert (Status.DONE, 3) == (line.status, line.attempts)
    assert ("2026-11-25T20:00:01.000Z", "2026-11-25T20:00:06.000Z") == (line.started_at, line.finished_at)
    assert (agent(0), agent(1)) == (line.before_agent_uuid, line.after_agent_uuid)


def test_a_trunk_left_on_the_spare_is_failed_not_skipped() -> None:
    """This run has moved it, so *never sent* would be untrue; the report says where it is."""
    line = ring(parked(), outcome(1, Status.SKIPPED, Reason.DEPENDENCY, attempts=0))
    assert (Status.FAILED, agent(SPARE)) == (line.status, line.after_agent_uuid)
    assert line.reason.endswith(f"did not end well: left on the parking agent {name(SPARE)}")


def test_a_trunk_refused_on_its_way_home_says_where_it_waits() -> None:
    """The refusal keeps its status; what the server said comes first."""
    line = ring(parked(), outcome(1, Status.REJECTED, Reason.SERVER_REFUSED, detail="no", after=agent(SPARE)))
    assert Status.REJECTED is line.status
    assert line.reason.endswith(f": no; left on the parking agent {name(SPARE)}")


def test_a_trunk_that_was_parked_after_it_was_said_to_wait_is_on_the_spare() -> None:
    """A first sitting had skipped it and looked; a second one parked it, and broke off before it could look."""
    line = ring(parked(), outcome(1, Status.SKIPPED, Reason.DEPENDENCY, attempts=0, after=agent(0)))
    assert (line.status, line.after_agent_uuid) == (Status.FAILED, agent(SPARE))


def test_a_look_after_the_parking_tells_where_the_trunk_is() -> None:
    """Somebody took it from the spare."""
    skipped = outcome(1, Status.SKIPPED, Reason.DEPENDENCY, attempts=0)
    line = ring(parked(), skipped, afters=[state(call=7)])
    assert (line.status, line.after_agent_uuid) == (Status.SKIPPED, agent(7))


def test_a_spare_agent_without_a_name_is_told_by_its_uuid() -> None:
    """A name may be missing, the place may not."""
    nameless = plan([row()], [PARK, HOME], agents={})
    line = only(record([], plan=nameless, outcomes=[parked(), outcome(1, Status.SKIPPED, Reason.STOPPED)]))
    assert f"left on the parking agent {agent(SPARE)}" in line.reason


def test_a_trunk_that_may_have_left_the_spare_is_unknown() -> None:
    """*Unknown* is never rounded to where it was last seen."""
    line = ring(parked(), outcome(1, Status.UNKNOWN, Reason.UNCLEAR, after=agent(SPARE)))
    assert Status.UNKNOWN is line.status
    assert "left on" not in line.reason


def test_a_trunk_seen_with_a_third_agent_is_not_said_to_be_on_the_spare() -> None:
    """Somebody else took it from there."""
    line = ring(parked(), outcome(1, Status.DRIFTED, Reason.OWNER_CHANGED, after=agent(7)))
    assert (Status.DRIFTED, agent(7)) == (line.status, line.after_agent_uuid)
    assert "left on" not in line.reason


def test_a_trunk_whose_parking_was_refused_is_told_by_the_parking() -> None:
    """That is the change which did not end well; the other one only waited for it."""
    line = ring(
        outcome(0, Status.REJECTED, Reason.SERVER_REFUSED, detail="no"),
        outcome(1, Status.SKIPPED, Reason.DEPENDENCY, attempts=0),
    )
    assert (Status.REJECTED, Reason.SERVER_REFUSED, 1) == (line.status, reason_of(line), line.attempts)


# ── what is planned for it ────────────────────────────────────────────────────────────────────────────────────────────

LOOK = "audit: Nothing was sent: this run only looks; planned: "


def test_a_trunk_that_was_only_looked_at_says_what_is_planned_for_it() -> None:
    """After the stable code: why, in which wave, after which row."""
    told = record([row(2), row(3)], [change(0), change(1, of=3, needs=(0,), wave=1)], whole_run=Reason.AUDIT)
    first, second = results(told)
    assert {Status.SKIPPED} == {first.status, second.status}
    assert f"{LOOK}Another agent serves the trunk, wave 1" == first.reason
    assert f"{LOOK}Another agent serves the trunk, wave 2, after row 2" == second.reason


def test_a_parked_trunk_says_so_in_its_one_line() -> None:
    """On which spare agent, and that it comes home."""
    line = only(record([row()], [PARK, HOME], whole_run=Reason.AUDIT))
    assert f"{LOOK}Parked on {name(SPARE)}: the rows swap agents in a ring, then home, wave 1" == line.reason


def test_what_takes_no_step_has_no_plan_told() -> None:
    """What is there already, and what repeats an earlier row."""
    rows = [row(2), row(3), row(4, of=3, duplicate_of={"call": 3})]
    told = record(rows, [kept(0), change(1, of=3)], whole_run=Reason.AUDIT)
    there, _, again = results(told)
    assert "already_there: The wanted agent already serves the trunk" == there.reason
    assert "duplicate: An earlier row asks for the same: same as row 3 (audit)" == again.reason
