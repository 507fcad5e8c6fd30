"""Bringing one change to its end: what is looked at, noted, sent, read back and claimed. Time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from batch.core import calls
from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.core.lifecycle import Kind
from batch.core.model import Outcome, Reason, Status, Verified
from batch.engine.pace import Rate
from batch.engine.retry import Policy
from batch.engine.settle import Conflict
from batch.errors import CredentialsError, JournalError, UnavailableError
from batch.sandbox import faults
from batch.sandbox.faults import Outside
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import CarryOut, FakeApi, Say
from tests.rigs import (
    RESET,
    STALE,
    TOO_MANY,
    UNCLEAR,
    Rig,
    ended,
    is_look,
    is_read,
    move,
    page,
    rig,
    said,
)
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

PUT, PAGE, LOOK = "PUT /phone-numbers/trunks/assign", "GET /phone-numbers/trunks", "GET /phone-numbers/channels"
unclear = pytest.mark.parametrize("reply", UNCLEAR.values(), ids=UNCLEAR)


@pytest.fixture(params=[pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="virtual clock")])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Trio with a clock that jumps: waiting costs nothing."""
    return request.param


async def one_trunk(*steps: Any, **how: Any) -> Rig:
    """A number that agent 0 serves on both channels, and what happens to the next writes."""
    made = await rig(FakeApi(world({"call": 0, "whatsapp": 0}, {"call": 4})), **how)
    made.api.script(*steps)
    return made


async def faulty(rule: dict[str, Any]) -> Rig:
    """A number that agent 0 serves, on a server with a fault."""
    script = faults.parse({"rules": [rule]})
    return await rig(FakeApi(world({"call": 0}), Options(throttle=ThrottleRule(kind="none"), script=script)))


def outside(made: Rig, to: int | None) -> None:
    """Somebody in the panel gives the trunk to another agent."""
    made.api.service.outside(Outside(number=number(0), channel="call", agent=None if to is None else agent(to)))


def facts(outcome: Outcome) -> tuple[Status, Reason, int, bool]:
    return outcome.status, outcome.reason, outcome.attempts, outcome.written


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
    assert (outcome.after, made.writes()) == (agent(3), [])


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


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
async def test_a_refusal_is_final_and_its_words_are_kept(status: int) -> None:
    """Never tried again."""
    made = await one_trunk(Say(said(status, "The selected agent is not yours.")))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.REJECTED, Reason.SERVER_REFUSED, 1, False)
    assert (outcome.http_status, made.paths()) == (status, [PUT])
    assert outcome.detail.endswith(": The selected agent is not yours.")


async def test_a_firewalls_page_ends_the_run() -> None:
    """403 as HTML is about us, not about the row, which surely is not applied."""
    made = await one_trunk(Say(page(403, "Attention Required!")))
    settler = made.settler()
    with pytest.raises(CredentialsError, match=r"in front of the API.*Attention Required!"):
        await settler.settle(move())
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.SKIPPED, Reason.CREDENTIALS, 1, False)


async def test_a_refused_token_is_confirmed_by_one_probe_and_ends_the_run() -> None:
    """The row surely is not applied."""
    made = await one_trunk(Say(said(401)))
    made.api.script(Say(said(401)), matching=is_read)
    settler = made.settler()
    with pytest.raises(CredentialsError, match="does not accept the token"):
        await settler.settle(move())
    assert made.paths() == [PUT, "GET /contacts"]
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.SKIPPED, Reason.CREDENTIALS, 1, False)


async def test_one_server_of_several_that_erred_about_the_token_is_forgiven() -> None:
    """The probe works: the row is tried again."""
    made = await one_trunk(Say(said(401)), Say(Answer(302, {"location": "/login"}, b"")))
    assert facts(await made.settler().settle(move())) == (Status.DONE, Reason.VERIFIED, 3, True)
    assert made.paths() == [PUT, "GET /contacts", PUT, "GET /contacts", PUT]


async def test_a_page_in_place_of_each_answer_to_a_write_ends_the_run() -> None:
    """Reading works all the while: after three it is believed that writing does not, and what was sent is in doubt."""
    made = await one_trunk(*[Say(Answer(200, {"content-type": "text/html"}, b"<html>Log in</html>"))] * 9)
    settler = made.settler()
    with pytest.raises(CredentialsError, match="good for reading, but not for writing: a page for people"):
        await settler.settle(move())
    assert made.paths() == [PUT, LOOK, PUT, LOOK, PUT]
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.UNKNOWN, Reason.CREDENTIALS, 3, True)


async def test_a_taken_agent_is_the_schedules_to_resolve() -> None:
    """The conflict carries the outcome to use when nothing will free the agent."""
    made = await one_trunk(Say(said(409, "This agent is already assigned to another number.")))
    with pytest.raises(Conflict) as conflict:
        await made.settler().settle(move())
    assert facts(conflict.value.outcome) == (Status.REJECTED, Reason.AGENT_TAKEN, 1, False)
    assert "already assigned" in conflict.value.outcome.detail


REFUSALS = {"404": said(404), "409": said(409, "already assigned")}
refused = pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)


@refused
@pytest.mark.parametrize("first", [RESET, STALE], ids=["reset", "idle"])
async def test_a_refusal_after_doubt_is_not_believed_before_a_look(first: Reply, reply: Reply) -> None:
    """The write arrives late, and what the server objects to may be what it made: done, not rejected."""
    made = await one_trunk(Say(first), CarryOut(reply))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert made.paths()[-2:] == [PUT, LOOK]


@refused
async def test_a_refusal_after_doubt_stands_when_the_old_owner_is_seen(reply: Reply) -> None:
    """But the outcome says that a PUT may have arrived, so that the final look is made."""
    made = await one_trunk(Say(RESET), Say(reply))
    try:
        outcome = await made.settler().settle(move())
    except Conflict as conflict:
        outcome = conflict.outcome
    assert (outcome.status, outcome.attempts, outcome.written) == (Status.REJECTED, 2, True)


@refused
async def test_a_refusal_after_doubt_that_cannot_be_looked_at_is_unknown(reply: Reply) -> None:
    """Rejected would say *surely not applied*."""
    made = await one_trunk(Say(STALE), Say(reply))
    made.api.script(*[Say(page(500))] * 20, matching=is_look)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 2, True)


# ── reads that fail ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_row_that_cannot_be_looked_at_has_failed() -> None:
    """Nothing was sent, since nothing is sent without a look."""
    made = await one_trunk(max_age=1.0)
    made.api.script(*[Say(said(408))] * 12, matching=is_read)
    await anyio.sleep(2.0)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.FAILED, Reason.OUT_OF_RETRIES, 0, False)
    assert made.writes() == []


async def test_a_row_that_cannot_be_read_back_is_unknown() -> None:
    """Nothing is sent again without having seen the old owner."""
    made = await one_trunk(Say(RESET))
    made.api.script(*[Say(page(500))] * 20, matching=is_read)
    outcome = await made.settler().settle(move())
    assert (outcome.status, outcome.reason, len(made.writes())) == (Status.UNKNOWN, Reason.UNCLEAR, 1)


async def test_a_server_that_is_away_ends_the_run_and_leaves_the_row_in_doubt() -> None:
    """The breaker gives up; what was sent before may have been applied."""
    made = await one_trunk(Say(RESET))
    for _ in range(8):
        made.gate.ended(calls.probe(), await made.gate.enter(), RESET)
    settler = made.settler()
    made.api.script(*[Say(RESET)] * 20, matching=lambda _: True)
    with pytest.raises(UnavailableError):
        await settler.settle(move())
    left = settler.broken_off(Reason.API_UNAVAILABLE)
    assert left is not None
    assert (left.status, left.reason, len(made.writes())) == (Status.UNKNOWN, Reason.API_UNAVAILABLE, 1)


# ── reading back what was promised ────────────────────────────────────────────────────────────────────────────────────


async def test_a_read_back_confirms_the_echo() -> None:
    """As the canary is, and with ``--verify each`` every change."""
    made = await one_trunk()
    outcome = await made.settler(read_back=True).settle(move())
    assert (outcome.status, outcome.verified, made.paths()) == (Status.DONE, Verified.EACH, [PUT, LOOK])


async def test_an_echo_that_lied_is_found_out_by_the_read_back() -> None:
    """The server promised and did nothing; the second PUT does it."""
    made = await faulty({"match": {"method": "PUT", "nth": 1}, "do": {"lie": "wanted"}})
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert made.owner() == agent(1)


async def test_an_echo_that_lies_for_ever_is_unknown() -> None:
    """The reader learns that the answers said yes."""
    made = await faulty({"match": {"method": "PUT"}, "do": {"lie": "wanted"}})
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 5, True)
    assert outcome.detail == f"the answer said yes, but the trunk is still on {agent(0)}"


async def test_an_echo_that_cannot_be_read_back_is_unknown() -> None:
    """It was to be seen, and was not: neither done nor failed."""
    made = await one_trunk()
    made.api.script(*[Say(page(500))] * 20, matching=is_read)
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 1, True)


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
