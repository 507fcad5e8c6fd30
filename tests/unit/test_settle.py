"""Bringing one change to its end: what is looked at, noted, sent and claimed. Time is virtual."""

from __future__ import annotations

import anyio
import pytest

from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.core.lifecycle import Kind
from batch.core.model import AgentId, Reason, Status, Verified
from batch.engine.retry import Policy
from batch.errors import JournalError
from tests.fake_api import CarryOut, FakeApi, Say
from tests.rigs import (
    RESET,
    STALE,
    TOO_MANY,
    move,
    page,
    rig,
    said,
    trunk,
)
from tests.settling import LOOK, PAGE, PUT, facts, faulty, one_trunk, outside, unclear
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

# ── the plain way ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_change_is_one_call_and_its_echo_is_believed() -> None:
    """A fresh look, one PUT, done by the word of the answer."""
    made = await one_trunk()
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 1, True)
    assert (outcome.verified, outcome.http_status, outcome.after, outcome.detail) == (Verified.ECHO, 200, agent(1), "")
    assert (made.paths(), made.owner()) == ([PUT], agent(1))


async def test_the_intent_is_on_disk_before_the_call_leaves() -> None:
    """As long as the journal takes, nothing is sent; the first intent keeps the picture before."""
    made = await one_trunk()
    made.notes.seconds = 5.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.settler().settle, move())
        await anyio.sleep(4.9)
        assert ([], []) == (made.notes.entries, made.api.calls)
    assert made.notes.kinds() == [(Kind.INTENT, 0)]
    assert made.notes.entries[0].body["before"]["bindings"]["call"]["agent"] == agent(0)


async def test_without_an_intent_on_disk_nothing_is_sent() -> None:
    """The disk is full: the error ends the run, and the change surely is not applied."""
    made = await one_trunk()
    made.notes.room = 0
    settler = made.settler()
    with pytest.raises(JournalError):
        await settler.settle(move())
    left = settler.broken_off(Reason.JOURNAL_FAILED)
    assert left is not None
    assert ([], Status.SKIPPED, Reason.JOURNAL_FAILED) == (made.api.calls, left.status, left.reason)


async def test_only_the_first_attempt_takes_the_picture_before() -> None:
    """Each PUT has its intent; a later look must not pass for the state before the run."""
    made = await one_trunk(Say(RESET))
    await made.settler().settle(move())
    assert made.notes.kinds() == [(Kind.INTENT, 0)] * 2
    assert ["before" in entry.body for entry in made.notes.entries] == [True, False]


# ── the look before ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("age", "paths"), [(29.0, [PUT]), (31.0, [PAGE, PUT])], ids=["young", "old"])
async def test_a_write_is_decided_on_a_look_of_half_a_minute_at_most(age: float, paths: list[str]) -> None:
    """An older one is renewed by the list page the number stood on."""
    made = await one_trunk()
    await anyio.sleep(age)
    await made.settler().settle(move())
    assert made.paths() == paths


async def test_a_write_goes_by_a_younger_look_once_a_hundred_others_have_paid_for_it() -> None:
    """Somebody has changed the owner two seconds ago: that is seen, and left alone."""
    made = await rig(FakeApi(world({"call": 0}, {"call": 0})))
    for _ in range(100):
        made.live.wrote(trunk(1), AgentId(agent(0)))
    await anyio.sleep(2.0)
    made.api.service.world.set_owner(number(0), "call", agent(3))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DRIFTED, Reason.OWNER_CHANGED, 0, False)
    assert made.paths() == [PAGE]


async def test_a_look_that_grew_old_while_waiting_is_made_again() -> None:
    """A pause of a minute lies between the look and the moment the PUT may leave."""
    made = await one_trunk(Say(said(429, retry_after="60")))
    assert (await made.settler().settle(move())).status is Status.DONE
    assert made.paths() == [PUT, PAGE, PUT]


async def test_what_somebody_else_changed_is_left_alone() -> None:
    """Seen in time: no PUT, and the outcome names the present owner."""
    made = await one_trunk(max_age=1.0)
    outside(made, 3)
    await anyio.sleep(2.0)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DRIFTED, Reason.OWNER_CHANGED, 0, False)
    assert (outcome.after, outcome.after_name, made.writes()) == (agent(3), "Agent 3", [])


async def test_a_trunk_that_was_taken_from_everybody_is_drifted_too() -> None:
    """Nobody's trunk is not the agent's before."""
    made = await one_trunk(max_age=1.0)
    outside(made, None)
    await anyio.sleep(2.0)
    outcome = await made.settler().settle(move())
    assert (outcome.status, outcome.after, made.writes()) == (Status.DRIFTED, None, [])


async def test_a_trunk_that_is_there_already_needs_no_call() -> None:
    """Whoever did it."""
    made = await one_trunk()
    outcome = await made.settler().settle(move(0, before=4, after=0))
    assert facts(outcome) == (Status.ALREADY, Reason.ALREADY_THERE, 0, False)
    assert made.api.calls == []


async def test_a_number_that_left_the_workspace_is_rejected() -> None:
    """In neither list nor by itself: the trunk is gone."""
    made = await one_trunk(max_age=1.0)
    del made.api.service.world.numbers[number(0)]
    await anyio.sleep(2.0)
    outcome = await made.settler().settle(move())
    assert (outcome.status, outcome.reason, made.writes()) == (Status.REJECTED, Reason.TRUNK_GONE, [])


async def test_a_trunk_that_nobody_serves_can_be_given() -> None:
    """``before`` is nobody, and so it is."""
    made = await rig(FakeApi(world({"call": None})))
    outcome = await made.settler().settle(move(0, before=None))
    assert (outcome.status, made.owner()) == (Status.DONE, agent(1))


# ── unclear answers ───────────────────────────────────────────────────────────────────────────────────────────────────


@unclear
async def test_what_was_applied_under_an_unclear_answer_is_read_back_not_sent_again(reply: Reply) -> None:
    """The write was done and its answer lost: the number itself says so, and no second PUT leaves."""
    made = await one_trunk(CarryOut(reply))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 1, True)
    assert (outcome.verified, made.paths()) == (Verified.EACH, [PUT, LOOK])


@unclear
async def test_what_was_not_applied_is_sent_again_once_the_old_owner_is_seen(reply: Reply) -> None:
    """Back off, read back, and only then resend."""
    made = await one_trunk(Say(reply))
    start = anyio.current_time()
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert (made.paths(), made.owner()) == ([PUT, LOOK, PUT], agent(1))
    assert anyio.current_time() - start <= 0.5


async def test_somebody_elses_change_after_an_unclear_answer_is_left_alone() -> None:
    """The read-back shows a third agent."""
    do = {"reset": True, "outside": {"number": number(0), "channel": "call", "agent": agent(3)}}
    made = await faulty({"match": {"method": "PUT", "nth": 1}, "when": "after", "do": do})
    outcome = await made.settler().settle(move())
    assert (outcome.status, outcome.after, len(made.writes())) == (Status.DRIFTED, agent(3), 1)


async def test_what_stays_unclear_is_unknown_and_bounded() -> None:
    """Five PUTs, each after a look, one last look: then nobody knows, and it is called so."""
    made = await one_trunk(*[Say(RESET)] * 9)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 5, True)
    assert made.paths() == [PUT, LOOK] * 5
    assert outcome.detail.startswith("the request may have arrived")


async def test_the_last_look_finds_what_the_last_attempt_did() -> None:
    """The fifth PUT is applied under a broken answer."""
    made = await one_trunk(*[Say(RESET)] * 4, CarryOut(RESET))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 5, True)


async def test_a_row_is_not_tried_for_longer_than_its_policy_allows() -> None:
    """Bounded by time as well as by attempts."""
    made = await one_trunk(*[Say(RESET)] * 9)
    outcome = await made.settler(policy=Policy(attempts=9, base=1.0, cap=1.0, seconds=0.0)).settle(move())
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 1, True)


async def test_what_surely_never_arrived_is_sent_again_without_a_look() -> None:
    """No connection: nothing to read back, but a pause and another attempt."""
    made = await one_trunk(Say(Fault(FaultKind.CONNECT, "refused")), Say(page(521)))
    assert facts(await made.settler().settle(move())) == (Status.DONE, Reason.VERIFIED, 3, True)
    assert made.paths() == [PUT] * 3


async def test_what_never_arrived_at_all_has_failed() -> None:
    """Not unknown: no PUT can have been applied."""
    made = await one_trunk(*[Say(Fault(FaultKind.CONNECT, "no route to host"))] * 9)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.FAILED, Reason.OUT_OF_RETRIES, 5, False)
    assert outcome.detail == "nothing was sent: no route to host"


# ── pauses and idle connections ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("pause", [TOO_MANY, page(429), said(503, retry_after="3")], ids=["429", "429 page", "503"])
async def test_being_told_to_wait_costs_no_attempt(pause: Answer) -> None:
    """Five times, each obeyed; the row has been tried once."""
    made = await one_trunk(*[Say(pause)] * 5)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 1, True)
    assert (len(made.writes()), made.gate.calls().retried) == (6, 0)


async def test_a_write_on_a_connection_that_died_idle_is_sent_again_at_once() -> None:
    """No pause, no look, and no share of the retry budget."""
    made = await one_trunk(Say(STALE))
    start = anyio.current_time()
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert (made.paths(), anyio.current_time(), made.gate.calls().retried) == ([PUT, PUT], start, 0)


async def test_a_second_dead_connection_is_unclear_like_any_other() -> None:
    """Once is the server's housekeeping; twice may be more."""
    made = await one_trunk(Say(STALE), Say(STALE))
    assert facts(await made.settler().settle(move())) == (Status.DONE, Reason.VERIFIED, 3, True)
    assert made.paths() == [PUT, PUT, LOOK, PUT]


async def test_a_write_that_a_dying_connection_let_through_is_ours() -> None:
    """*Mostly* not applied: when it was, and the look shows it, the row is done and not *already* so."""
    made = await one_trunk(CarryOut(STALE), Say(said(429, retry_after="60")))
    assert facts(await made.settler().settle(move())) == (Status.DONE, Reason.VERIFIED, 1, True)
    assert made.paths() == [PUT, PUT, PAGE]
