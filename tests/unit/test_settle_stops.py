"""A change that is stopped, gone on with, kept waiting or put back. Time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from batch.core.calls import Fault, FaultKind, Reply
from batch.core.lifecycle import Kind
from batch.core.model import AgentId, Channel, Outcome, Reason, Status
from batch.engine.pace import Rate
from batch.engine.settle import Conflict
from tests.fake_api import CarryOut, FakeApi, Say
from tests.rigs import (
    RESET,
    STALE,
    Rig,
    ended,
    move,
    rig,
    said,
    trunk,
)
from tests.settling import LOOK, PUT, facts, one_trunk, outside
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, world

pytestmark = pytest.mark.anyio

# ── a stop ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_before_sending_leaves_the_row_skipped() -> None:
    """Its intent is on disk, but nothing left."""
    made = await one_trunk()
    made.gate.stop()
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.SKIPPED, Reason.INTERRUPTED, 0, False)
    assert made.api.calls == []


@pytest.mark.parametrize("reply", [RESET, STALE], ids=["reset", "idle"])
async def test_a_stop_in_doubt_leaves_the_row_unknown(reply: Reply) -> None:
    """The PUT may have been applied, and there is no time left to look."""
    made = await one_trunk(Say(reply))
    made.api.latency = 1.0
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await anyio.sleep(0.5)
            made.gate.stop()

        tasks.start_soon(stop)
        outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.UNKNOWN, Reason.INTERRUPTED, 1, True)


async def test_a_stop_before_the_read_back_does_not_deny_the_write() -> None:
    """The answer said yes: skipped, *never sent*, would be wrong."""
    made = await one_trunk()
    made.api.latency = 1.0
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await anyio.sleep(0.5)
            made.gate.stop()

        tasks.start_soon(stop)
        outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.UNKNOWN, Reason.INTERRUPTED, 1, True)


async def test_a_call_that_is_cut_off_under_way_is_unknown() -> None:
    """The grace is over: nobody knows what the server made of it."""
    made = await one_trunk()
    made.api.latency = 10.0
    settler = made.settler()
    with anyio.move_on_after(5.0):
        await settler.settle(move())
    left = settler.broken_off(Reason.DEADLINE)
    assert left is not None
    assert facts(left) == (Status.UNKNOWN, Reason.DEADLINE, 0, True)
    assert left.unanswered


SLOW = Fault(FaultKind.DEADLINE, "no answer in time")


@pytest.mark.parametrize(
    ("replies", "unanswered"),
    [
        ([SLOW] * 5, True),
        ([said(500), RESET, RESET, RESET, RESET], True),
        ([SLOW, said(500), said(500), said(500), said(500)], False),
        ([SLOW, CarryOut()], False),
    ],
    ids=["never answered", "cut off", "answered in the end", "done in the end"],
)
async def test_a_last_call_that_nobody_answered_is_told(replies: list[Any], unanswered: bool) -> None:
    """Such a call may be applied long after it was given up on; one that was answered is over."""
    made = await one_trunk(*(reply if isinstance(reply, CarryOut) else Say(reply) for reply in replies))
    outcome = await made.settler().settle(move())
    assert outcome.unanswered is unanswered
    assert outcome.status in (Status.UNKNOWN, Status.DONE)


async def test_a_change_that_came_to_its_end_was_not_broken_off() -> None:
    """Neither one that was done nor one that waits for another."""
    made = await one_trunk(CarryOut(), Say(said(409)))
    settler = made.settler()
    await settler.settle(move())
    with pytest.raises(Conflict):
        await settler.settle(move(0, before=1, after=2))
    assert settler.broken_off(Reason.DEADLINE) is None


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_going_on_with_a_change_in_doubt_begins_with_a_look() -> None:
    """It was applied: no second PUT; the attempts and the beginning are those of the first sitting."""
    made = await one_trunk()
    outside(made, 1)
    outcome = await made.settler().settle(move(), earlier=ended(0, Status.UNKNOWN, Reason.INTERRUPTED, attempts=2))
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert (made.paths(), outcome.started_at) == ([LOOK], ended().started_at)


async def test_a_change_in_doubt_that_was_not_applied_is_made() -> None:
    """Its PUT is no retry of this sitting, and the picture before is not taken again."""
    made = await one_trunk()
    outcome = await made.settler().settle(move(), earlier=ended(0, Status.UNKNOWN, Reason.INTERRUPTED))
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert (made.gate.calls().retried, made.notes.entries[0].body) == (0, {})


async def test_a_trunk_on_its_way_home_that_is_seen_where_it_came_from_is_in_doubt() -> None:
    """Our own write has moved it away: somebody has put it back, or the look is stale. The last look tells which."""
    made = await one_trunk()
    settler = made.settler()
    await settler.settle(move(after=3))
    outside(made, 0)
    outcome = await settler.settle(move(1, of=0, before=3), earlier=ended(1, Status.UNKNOWN, Reason.INTERRUPTED))
    assert (outcome.status, outcome.reason, made.api.count("PUT")) == (Status.UNKNOWN, Reason.UNCLEAR, 1)


async def test_a_change_in_doubt_takes_nobody_an_agent_that_was_given_away_since() -> None:
    """No second PUT; the first may yet be applied, so it stays in doubt until the last look."""
    made = await one_trunk()
    made.live._strangers = {(AgentId(agent(1)), Channel.CALL): trunk(1)}
    outcome = await made.settler().settle(move(), earlier=ended(0, Status.UNKNOWN, Reason.INTERRUPTED))
    assert (outcome.status, outcome.reason, made.paths()) == (Status.UNKNOWN, Reason.AGENT_OCCUPIED, [LOOK])


async def test_a_change_that_was_put_back_before_the_crash_is_not_made_again() -> None:
    """The old owner is what was wanted last: no PUT."""
    made = await one_trunk()
    outcome = await made.settler().settle(move(), earlier=ended(0, Status.UNKNOWN, Reason.UNIT_PUT_BACK))
    assert (outcome.status, outcome.reason, made.paths()) == (Status.FAILED, Reason.UNIT_PUT_BACK, [LOOK])


async def test_a_change_whose_putting_back_was_not_applied_stands_as_done() -> None:
    """The schedule sees a row that is still split, and puts it back."""
    made = await one_trunk()
    outside(made, 1)
    outcome = await made.settler().settle(move(), earlier=ended(0, Status.UNKNOWN, Reason.UNIT_PUT_BACK))
    assert (outcome.status, made.paths()) == (Status.DONE, [LOOK])


async def test_a_change_that_had_to_wait_keeps_what_is_known_of_it() -> None:
    """Its first PUT may have arrived: after the wait the look comes first, and the row is done, not *already* so."""
    made = await one_trunk()
    outside(made, 1)
    earlier = ended(0, Status.REJECTED, Reason.AGENT_TAKEN, attempts=2, written=True)
    assert facts(await made.settler().settle(move(), earlier=earlier)) == (Status.DONE, Reason.VERIFIED, 2, True)


# ── a pace slower than a look may be old ──────────────────────────────────────────────────────────────────────────────


async def test_at_a_slow_pace_the_write_follows_its_look() -> None:
    """Sixteen workers that look one by one, a call each ten seconds: no look outlasts a round of the queue."""
    made = await rig(FakeApi(world(*[{"call": 0}] * 16)), rate=Rate(1, 10.0))
    start = anyio.current_time()
    outcomes: list[Outcome] = []

    async def worker(id_: int) -> None:
        outcomes.append(await made.settler().settle(move(id_, page=0)))

    await anyio.sleep(31.0)
    async with anyio.create_task_group() as tasks:
        for id_ in range(16):
            tasks.start_soon(worker, id_)
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 16
    assert anyio.current_time() - start <= 600.0


async def test_a_pace_that_lets_no_look_be_young_enough_fails_the_row() -> None:
    """One call a minute: no PUT on an old look, no looking for ever, and the reader learns what to change."""
    made = await rig(FakeApi(world({"call": 0})), rate=Rate(1, 60.0))
    await anyio.sleep(31.0)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.FAILED, Reason.OUT_OF_RETRIES, 0, False)
    assert ("--max-age" in outcome.detail, made.writes()) == (True, [])


# ── putting back ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def moved(*steps: Any, **how: Any) -> Rig:
    """The trunk on its new agent already, and what happens to the next writes."""
    made = await one_trunk(**how)
    await made.settler().settle(move())
    made.api.calls.clear()
    made.notes.entries.clear()
    made.api.script(*steps)
    return made


async def test_putting_back_gives_the_trunk_to_its_agent_before() -> None:
    """Noted as such before it is sent, and read back; the attempts of both go together."""
    made = await moved()
    outcome = await made.settler().put_back(move(), ended())
    assert facts(outcome) == (Status.FAILED, Reason.UNIT_PUT_BACK, 2, True)
    assert (made.owner(), outcome.after, outcome.started_at) == (agent(0), agent(0), ended().started_at)
    assert (made.paths(), made.notes.kinds()) == ([PUT, LOOK], [(Kind.RESTORING, 0)])


@pytest.mark.parametrize("why", [Reason.UNIT_PUT_BACK, Reason.WAVE_PUT_BACK], ids=str)
async def test_a_putting_back_is_noted_with_its_reason(why: Reason) -> None:
    """For whoever reads the journal of a run that was cut off just then."""
    made = await moved()
    await made.settler().put_back(move(), ended(), why)
    assert [entry.body["why"] for entry in made.notes.entries if entry.kind is Kind.RESTORING] == [why]


async def test_a_trunk_that_nobody_served_cannot_be_put_back() -> None:
    """The API has no way to take an agent away: the row stays split, and says so."""
    made = await moved()
    outcome = await made.settler().put_back(move(0, before=None), ended())
    assert (outcome.status, outcome.reason, made.api.calls) == (Status.DONE, Reason.LEFT_SPLIT, [])


@pytest.mark.parametrize("reply", [said(404), said(409), said(422, "taken")], ids=["404", "409", "422"])
async def test_what_may_not_be_put_back_stays_done_and_split(reply: Reply) -> None:
    """The words of the refusal are kept."""
    made = await moved(Say(reply))
    outcome = await made.settler().put_back(move(), ended())
    assert facts(outcome) == (Status.DONE, Reason.LEFT_SPLIT, 2, True)
    assert (outcome.detail != "", made.owner()) == (True, agent(1))


async def test_what_somebody_changed_since_is_not_put_back() -> None:
    """Theirs is left alone."""
    made = await moved(max_age=1.0)
    outside(made, 3)
    await anyio.sleep(2.0)
    outcome = await made.settler().put_back(move(), ended())
    assert (outcome.status, outcome.reason, made.owner()) == (Status.DRIFTED, Reason.CHANGED_AFTERWARDS, agent(3))


async def test_a_putting_back_that_stays_unclear_is_unknown() -> None:
    """It keeps its reason, so that the next look knows what was meant."""
    made = await moved(*[Say(RESET)] * 9)
    outcome = await made.settler().put_back(move(), ended())
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNIT_PUT_BACK, 6, True)


async def test_a_stop_leaves_the_row_for_resume_to_put_back() -> None:
    """Nothing was sent: what was done stands, and no outcome says that it must stay split."""
    made = await moved()
    made.gate.stop()
    assert (await made.settler().put_back(move(), ended()), made.api.calls) == (ended(), [])


async def test_a_wave_that_is_put_back_says_so() -> None:
    """The same, with the reason of the wave."""
    made = await moved()
    settler = made.settler()
    back = await settler.put_back(move(), ended(), Reason.WAVE_PUT_BACK)
    made.gate.stop()
    left = await settler.put_back(move(0, before=2, after=0), ended(), Reason.WAVE_PUT_BACK)
    assert (back.status, back.reason) == (Status.FAILED, Reason.WAVE_PUT_BACK)
    assert (left.status, left.reason) == (Status.DONE, Reason.LEFT_IN_PLACE)


async def test_a_putting_back_that_is_cut_off_under_way_is_unknown() -> None:
    """Cut off before anything was sent, what was done stands."""
    made = await moved()
    settler = made.settler()
    made.notes.seconds = 10.0
    with anyio.move_on_after(5.0):
        await settler.put_back(move(), ended())
    assert settler.broken_off(Reason.DEADLINE) == ended()
    made.notes.seconds, made.api.latency = 0.0, 10.0
    with anyio.move_on_after(5.0):
        await settler.put_back(move(), ended())
    left = settler.broken_off(Reason.DEADLINE)
    assert left is not None
    assert (left.status, left.reason) == (Status.UNKNOWN, Reason.UNIT_PUT_BACK)
