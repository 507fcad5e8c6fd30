"""The final look: late writes, stale reads, and what was seen. Time is virtual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from batch.core.model import Action, Number, NumberState, Outcome, Plan, Reason, Status, Verified
from batch.engine.gate import StopRequested
from batch.engine.sweep import Patience, sweep
from batch.errors import UnavailableError
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import FakeApi, Say
from tests.plans import live, plan_of, uuid, want
from tests.rigs import Rig, ended, page, rig, said, trunk, trunks
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

PAGE, LOOK = "GET /phone-numbers/trunks", "GET /phone-numbers/channels"
Swept = tuple[Mapping[int, Outcome], Mapping[Number, NumberState]]


def moves(count: int) -> Plan:
    """So many numbers from agent A to agent B."""
    return plan_of([want(i, "call", "B") for i in range(count)], live(*[{"call": "A"}] * count))


async def at_the_end(count: int = 1, *, moved: int = 0, **options: Any) -> Rig:
    """So many numbers of agent 0, of which the first few are on agent 1."""
    made = await rig(FakeApi(world(*trunks(count)), Options(**{"throttle": ThrottleRule(kind="none")} | options)))
    for index in range(moved):
        give(made, 1, index)
    return made


def give(made: Rig, to: int | None, index: int = 0) -> None:
    made.api.service.world.set_owner(number(index), "call", None if to is None else agent(to))


async def swept(made: Rig, outcomes: Mapping[int, Outcome], *, of: int = 1, pages: int = 1) -> Swept:
    return await sweep([made.caller()], moves(of), outcomes, pages=pages)


def facts(found: Swept, id_: int = 0) -> tuple[Status, Reason, Verified]:
    outcome = found[0][id_]
    return outcome.status, outcome.reason, outcome.verified


DOUBT = ended(0, Status.UNKNOWN, Reason.UNCLEAR)


# ── in a hurry ────────────────────────────────────────────────────────────────────────────────────────────────────────

HURRIED = Patience(pauses=(), settled=False)


async def test_a_hurried_look_confirms_what_fits_and_leaves_the_rest_in_doubt() -> None:
    """One look: whether a write comes late, or an answer was a lie, cannot be known yet."""
    made = await at_the_end(3, moved=1)
    outcomes = {0: ended(0), 1: ended(1), 2: ended(2, Status.UNKNOWN, Reason.UNCLEAR)}
    found = await sweep([made.caller()], moves(3), outcomes, pages=1, patience=HURRIED)
    assert [facts(found, id_) for id_ in range(3)] == [
        (Status.DONE, Reason.VERIFIED, Verified.SWEEP),
        (Status.UNKNOWN, Reason.UNCLEAR, Verified.NO),
        (Status.UNKNOWN, Reason.UNCLEAR, Verified.NO),
    ]
    assert len(made.paths()) == 1


# ── one look is enough ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_done_is_seen_to_hold_in_one_look() -> None:
    """By list pages, with no wait, and what was seen is handed on."""
    made = await at_the_end(120, moved=120)
    start = anyio.current_time()
    outcomes, seen = await swept(made, {i: ended(i) for i in range(120)}, of=120, pages=1)
    assert {o.verified for o in outcomes.values()} == {Verified.SWEEP}
    assert (set(made.paths()), len(seen), anyio.current_time()) == ({PAGE}, 120, start)


async def test_few_numbers_of_many_are_read_one_by_one() -> None:
    """Two calls instead of fifty pages."""
    made = await at_the_end(2, moved=2)
    await swept(made, {i: ended(i) for i in range(2)}, of=2, pages=50)
    assert made.paths() == [LOOK, LOOK]


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SKIPPED, Status.DRIFTED, Status.FAILED, Status.ALREADY])
async def test_what_was_never_written_is_not_looked_at(status: Status) -> None:
    """Nothing of ours can have changed it."""
    made = await at_the_end()
    kept = {0: ended(0, status, Reason.SERVER_REFUSED, written=False)}
    assert (await swept(made, kept), made.api.calls) == ((kept, {}), [])


async def test_what_is_in_doubt_and_was_applied_is_done() -> None:
    """The first look settles it."""
    made = await at_the_end(moved=1)
    assert facts(await swept(made, {0: DOUBT})) == (Status.DONE, Reason.VERIFIED, Verified.SWEEP)
    assert len(made.api.calls) == 1


async def test_a_refused_change_that_was_applied_after_all_is_done() -> None:
    """A PUT before the refusal may have arrived."""
    made = await at_the_end(moved=1)
    found = await swept(made, {0: ended(0, Status.REJECTED, Reason.SERVER_REFUSED, attempts=2)})
    assert facts(found) == (Status.DONE, Reason.VERIFIED, Verified.SWEEP)


# ── late writes and stale reads ───────────────────────────────────────────────────────────────────────────────────────


async def later(made: Rig, seconds: float, to: int) -> None:
    await anyio.sleep(seconds)
    give(made, to)


async def test_each_look_tells_how_many_do_not_fit_yet_and_how_long_they_have() -> None:
    """Two of three come late: after the second look, eight seconds less one and two are left, then nothing is."""
    made = await at_the_end(3, moved=1)
    heard: list[tuple[int, float]] = []

    async def late() -> None:
        await anyio.sleep(0.5)
        give(made, 1, 1)
        await anyio.sleep(2.0)
        give(made, 1, 2)

    async with anyio.create_task_group() as others:
        others.start_soon(late)
        outcomes = {i: ended(i) for i in range(3)}
        patience = Patience(on_look=lambda *told: heard.append(told))
        await sweep([made.caller()], moves(3), outcomes, pages=1, patience=patience)
    assert heard == [(2, 8.0), (1, 7.0), (0, 0.0)]


@pytest.mark.parametrize("seconds", [0.5, 2.5, 7.5])
async def test_a_write_that_comes_late_is_waited_for(seconds: float) -> None:
    """Eight seconds in all: what arrives in them is done."""
    made = await at_the_end()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, made, seconds, 1)
        found = await swept(made, {0: DOUBT})
    assert facts(found) == (Status.DONE, Reason.VERIFIED, Verified.SWEEP)


async def test_what_does_not_come_in_that_time_was_not_applied() -> None:
    """Seen four times, with a second, two and five between."""
    made = await at_the_end()
    start = anyio.current_time()
    assert facts(await swept(made, {0: DOUBT})) == (Status.FAILED, Reason.NOT_APPLIED, Verified.SWEEP)
    assert (len(made.api.calls), anyio.current_time() - start) == (4, pytest.approx(8.0))


@pytest.mark.parametrize(
    "outcome",
    [
        ended(0, Status.REJECTED, Reason.SERVER_REFUSED, attempts=2),
        ended(0, Status.FAILED, Reason.UNIT_PUT_BACK, attempts=3),
    ],
    ids=["refused at last", "put back"],
)
async def test_an_earlier_attempt_may_come_late_too(outcome: Outcome) -> None:
    """A first PUT that was unclear arrives after what was sent later: the trunk ends on the wanted agent."""
    made = await at_the_end()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, made, 5.0, 1)
        found = await swept(made, {0: outcome})
    assert facts(found)[0] is Status.DONE


@pytest.mark.parametrize(
    "outcome",
    [
        ended(0, Status.REJECTED, Reason.SERVER_REFUSED, attempts=1),
        ended(0, Status.FAILED, Reason.UNIT_PUT_BACK, attempts=2),
    ],
    ids=["refused", "put back"],
)
async def test_where_no_attempt_was_unclear_one_look_is_enough(outcome: Outcome) -> None:
    """The end of a run is not kept waiting for what cannot come."""
    made = await at_the_end()
    start = anyio.current_time()
    assert facts(await swept(made, {0: outcome}))[:2] == (outcome.status, outcome.reason)
    assert anyio.current_time() == start


SPARE = 4
RING = plan_of([want(0, "call", "B"), want(1, "call", "A")], live({"call": "A"}, {"call": "B"}), parking=(uuid("E"),))


@pytest.mark.parametrize(
    ("attempts", "status"), [(2, Status.UNKNOWN), (1, Status.DONE)], ids=["an unclear attempt", "one that was clear"]
)
async def test_a_parking_that_may_come_late_is_waited_for_though_all_fits(attempts: int, status: Status) -> None:
    """Its first PUT arrives after the trunk came home, and takes it to the spare again."""
    made = await at_the_end(2, moved=1)
    outcomes = {c.id: ended(c.id, attempts=attempts if c.action is Action.PARK else 1) for c in RING.writes()}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, made, 5.0, SPARE)
        judged, _ = await sweep([made.caller()], RING, outcomes, pages=1)
    home = next(c for c in RING.writes() if c.before == uuid("E"))
    assert judged[home.id].status is status


async def test_a_read_that_lags_behind_does_not_deny_what_was_done() -> None:
    """For three seconds reads show the old owner."""
    rule = {"match": {"method": "PUT"}, "do": {"stale": 3}}
    made = await at_the_end(script=faults.parse({"rules": [rule]}))
    done = await made.settler().settle(moves(1).changes[0])
    assert facts(await swept(made, {0: done})) == (Status.DONE, Reason.VERIFIED, Verified.SWEEP)


async def test_what_was_promised_and_never_shows_is_unknown() -> None:
    """The answer said yes, and for eight seconds the trunk stays on its old agent: nobody can tell why."""
    made = await at_the_end()
    assert facts(await swept(made, {0: ended()})) == (Status.UNKNOWN, Reason.UNCLEAR, Verified.NO)


async def test_what_somebody_changed_since_is_named() -> None:
    """Looked at again before it is said."""
    made = await at_the_end()
    give(made, 3)
    found = await swept(made, {0: ended()})
    assert facts(found) == (Status.DRIFTED, Reason.CHANGED_AFTERWARDS, Verified.SWEEP)
    assert (found[1][trunk().number].owner(trunk().channel), len(made.api.calls)) == (agent(3), 4)


async def test_only_what_does_not_fit_is_looked_at_again() -> None:
    """One of three hundred is in doubt: one call a time, not the whole list."""
    made = await at_the_end(300, moved=299)
    outcomes = {i: ended(i) for i in range(299)} | {299: ended(299, Status.UNKNOWN, Reason.UNCLEAR)}
    await swept(made, outcomes, of=300, pages=2)
    assert made.paths()[-3:] == [LOOK] * 3
    assert made.paths().count(PAGE) <= 3


async def test_a_number_that_is_not_there_any_more_leaves_its_outcome_alone() -> None:
    """Nothing was seen of it."""
    made = await at_the_end(2, moved=1)
    del made.api.service.world.numbers[number(1)]
    outcomes, seen = await swept(made, {0: ended(0), 1: ended(1, Status.UNKNOWN, Reason.UNCLEAR)}, of=2)
    assert (outcomes[0].verified, outcomes[1].status) == (Verified.SWEEP, Status.UNKNOWN)
    assert set(seen) == {number(0)}


async def test_what_was_done_to_a_number_that_is_gone_is_not_known() -> None:
    """The answer said yes, but nobody can see it: never *done*."""
    made = await at_the_end(2, moved=2)
    del made.api.service.world.numbers[number(1)]
    found = await swept(made, {0: ended(0), 1: ended(1)}, of=2)
    assert facts(found, 0) == (Status.DONE, Reason.VERIFIED, Verified.SWEEP)
    assert facts(found, 1) == (Status.UNKNOWN, Reason.TRUNK_GONE, Verified.NO)


# ── what ends it ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_reads_that_fail_end_the_look() -> None:
    """The outcomes then stand as they were: the caller still has them."""
    made = await at_the_end(moved=1)
    made.api.script(*[Say(said(408)), Say(page(502))] * 9, matching=lambda _: True)
    with pytest.raises(UnavailableError):
        await swept(made, {0: ended()})


async def test_a_stop_ends_the_look() -> None:
    """Also between two looks."""
    made = await at_the_end()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_after, made, 0.5)
        with pytest.raises(StopRequested):
            await swept(made, {0: DOUBT})


async def stop_after(made: Rig, seconds: float) -> None:
    await anyio.sleep(seconds)
    made.gate.stop()
