"""What is known of the live owners: how old, by which calls, and what an older look may not undo. Time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from batch.core.calls import Call
from batch.core.model import AgentId, Channel, Number
from batch.engine.caller import NoAnswerError
from batch.engine.pace import Rate
from batch.errors import CredentialsError, UnavailableError
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import CarryOut, FakeApi, Say
from tests.rigs import Rig, is_look, is_read, page, rig, said, trunk, trunks
from tests.scripted import answer
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

PAGE, LOOK = "GET /phone-numbers/trunks", "GET /phone-numbers/channels"


async def looked_at(count: int = 3, **how: Any) -> Rig:
    """So many numbers, with agent 0 on both channels of the first, as seen just now."""
    return await rig(FakeApi(world({"call": 0, "whatsapp": 0}, *trunks(count - 1))), **how)


def give(made: Rig, to: int, *, index: int = 0, channel: str = "call") -> None:
    """The server's truth changes."""
    made.api.service.world.set_owner(number(index), channel, agent(to))


def bound(index: int) -> dict[str, Any]:
    """A binding as a list shows it."""
    return {"bound": True, "agent_uuid": agent(index)}


def items(rows: list[dict[str, Any]]) -> Any:
    """A page of the list."""
    return answer({"success": True, "data": {"items": rows}})


def is_page(call: Call) -> bool:
    return call.path == "/phone-numbers/trunks"


# ── how old ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_look_is_fresh_for_as_long_as_it_may_be_old() -> None:
    """And not a moment longer; what was never seen is not fresh."""
    made = await looked_at(max_age=30.0)
    fresh = []
    for _ in range(3):
        fresh.append(made.live.fresh(trunk()))
        await anyio.sleep(15.0 if len(fresh) == 1 else 15.1)
    assert (fresh, made.live.fresh(trunk(99))) == ([True, True, False], False)


async def test_a_look_is_as_old_as_its_call_not_as_its_wait() -> None:
    """Forty seconds in the queue before the call leaves do not age what it shows."""
    made = await looked_at(max_age=30.0, rate=Rate(1, 40.0))
    await made.gate.enter()
    await made.live.look(made.caller(), trunk().number)
    assert made.live.fresh(trunk())


async def test_a_slow_answer_is_as_old_as_its_question() -> None:
    """What it shows was true when the server was asked, or later: nobody knows when."""
    made = await looked_at(max_age=30.0)
    await anyio.sleep(31.0)
    made.api.latency = 31.0
    await made.live.look(made.caller(), trunk().number)
    assert not made.live.fresh(trunk())


# ── before it must be ─────────────────────────────────────────────────────────────────────────────────────────────────


async def written(made: Rig, count: int) -> None:
    """So many writes of others, a second after the look."""
    await anyio.sleep(1.0)
    for _ in range(count):
        made.live.wrote(trunk(1), AgentId(agent(1)))


@pytest.mark.parametrize(("writes", "worth"), [(99, False), (100, True)])
async def test_a_hundred_writes_pay_for_a_page(writes: int, worth: bool) -> None:
    """So that the looks cost a call in a hundred, however fast the run is."""
    made = await looked_at()
    await written(made, writes)
    assert made.live.worth_a_look(trunk(0), 1) is worth


async def test_a_page_that_was_read_is_paid_for() -> None:
    """Whoever read it, and for whatever reason."""
    made = await looked_at()
    await written(made, 150)
    await made.live.renew(made.caller(), trunk(0), 1)
    await written(made, 49)
    assert not made.live.worth_a_look(trunk(0), 1)
    await written(made, 1)
    assert made.live.worth_a_look(trunk(0), 1)


async def test_what_was_seen_just_now_is_not_worth_a_look() -> None:
    """Nor is our own write, nor a number that is on no page."""
    made = await looked_at()
    await written(made, 100)
    assert not made.live.worth_a_look(trunk(1), 1)
    assert not made.live.worth_a_look(trunk(0), 0)
    await made.live.look(made.caller(), trunk(0).number)
    assert not made.live.worth_a_look(trunk(0), 1)


async def test_a_page_that_is_being_read_is_not_waited_for() -> None:
    """What is known is fresh enough: only one worker looks, the others write on."""
    made = await looked_at()
    await written(made, 300)
    made.api.latency = 0.5
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.live.renew, made.caller(), trunk(0), 1)
        await anyio.sleep(0.1)
        assert not made.live.worth_a_look(trunk(0), 1)


# ── by which calls ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_page_renews_everything_on_it() -> None:
    """One call for a hundred numbers."""
    made = await looked_at(100, max_age=1.0)
    await anyio.sleep(2.0)
    give(made, 3, index=41)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert (made.paths(), made.live.owner(trunk(41)), made.live.fresh(trunk(99))) == ([PAGE], agent(3), True)


async def test_a_page_has_one_reader() -> None:
    """Twenty workers that find their looks too old at once wait for one call."""
    made = await looked_at(20, max_age=1.0)
    await anyio.sleep(2.0)
    made.api.latency = 0.5
    async with anyio.create_task_group() as tasks:
        for index in range(20):
            tasks.start_soon(made.live.renew, made.caller(), trunk(index), 1)
    assert made.paths() == [PAGE]


async def test_a_reader_that_is_cancelled_lets_the_others_look_for_themselves() -> None:
    """They do not wait for a page that nobody reads any more."""
    made = await looked_at(max_age=1.0)
    await anyio.sleep(2.0)
    made.api.latency = 0.5
    async with anyio.create_task_group() as tasks:

        async def impatient() -> None:
            with anyio.move_on_after(0.1):
                await made.live.renew(made.caller(), trunk(0), 1)

        tasks.start_soon(impatient)
        await anyio.sleep(0.05)
        await made.live.renew(made.caller(), trunk(1), 1)
    assert (made.paths(), made.live.fresh(trunk(1))) == ([PAGE, LOOK], True)


async def test_a_number_without_a_page_is_asked_for_by_itself() -> None:
    """As on a server without a trunk list."""
    made = await looked_at(max_age=1.0)
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 0)
    assert (made.paths(), made.live.fresh(trunk(0))) == ([LOOK], True)


@pytest.mark.parametrize("reply", [said(404), said(408), page(500)], ids=["404", "408", "500"])
async def test_a_page_that_cannot_be_read_is_no_reason_to_stop(reply: Any) -> None:
    """Each number can still be asked for by itself."""
    made = await looked_at(max_age=1.0)
    made.api.script(*[Say(reply)] * 6, matching=is_page)
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert (made.paths()[-1], made.live.fresh(trunk(0))) == (LOOK, True)


async def test_a_number_that_moved_to_another_page_is_not_gone() -> None:
    """Numbers were added before it, and the server knows no call for a single one: the whole list is read."""
    made = await looked_at(250, max_age=1.0)
    numbers = made.api.service.world.numbers
    first = numbers.pop(number(0))
    numbers[number(0)] = first
    made.api.script(*[Say(said(404))] * 9, matching=is_look)
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert (made.live.owner(trunk(0)), made.live.fresh(trunk(0))) == (agent(0), True)
    assert made.paths() == [PAGE, LOOK, PAGE, PAGE, PAGE]


@pytest.mark.parametrize("reply", [said(404), said(422), said(200)], ids=["404", "422", "success: false"])
async def test_a_server_that_does_not_tell_of_single_numbers_is_asked_for_the_page(reply: Any) -> None:
    """A look of its own all the same: it is asked for after the question that was not answered."""
    made = await looked_at(max_age=60.0)
    give(made, 3)
    made.api.script(Say(reply), matching=is_look)
    state = await made.live.look(made.caller(), trunk().number)
    assert state is not None
    assert (state.owner(Channel.CALL), made.paths()) == (agent(3), [LOOK, PAGE])


async def test_a_number_in_no_list_is_gone() -> None:
    """Deleted in the panel: nobody owns it, and that is fresh knowledge."""
    made = await looked_at(max_age=1.0)
    del made.api.service.world.numbers[number(0)]
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert (made.live.state(trunk(0).number), made.live.owner(trunk(0)), made.live.fresh(trunk(0))) == (
        None,
        None,
        True,
    )


async def test_a_number_that_was_never_seen_and_is_not_there_is_gone() -> None:
    """404 is enough where no list ever showed it."""
    made = await looked_at()
    assert await made.live.look(made.caller(), Number(number(77))) is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [(said(403), CredentialsError), (said(422), UnavailableError), (said(408), NoAnswerError)],
    ids=["403", "422", "no answer"],
)
async def test_a_number_that_may_not_be_read_at_all_ends_the_looking(reply: Any, error: type[Exception]) -> None:
    """There is no page to fall back on."""
    made = await looked_at()
    made.api.script(*[Say(reply)] * 9, matching=is_read)
    with pytest.raises(error):
        await made.live.look(made.caller(), Number(number(77)))


async def test_an_answer_about_another_number_is_not_believed() -> None:
    """The list decides."""
    made = await looked_at()
    other = {"number": number(1), "channels": {"call": {"agent_uuid": agent(4)}}}
    made.api.script(Say(answer({"success": True, "data": other})), matching=is_look)
    state = await made.live.look(made.caller(), trunk().number)
    assert state is not None
    assert state.owner(Channel.CALL) == agent(0)


# ── what may not be undone ────────────────────────────────────────────────────────────────────────────────────────────


async def test_our_own_write_is_not_undone_by_an_older_look() -> None:
    """A page that was asked for before the write, and comes after it, shows the owner of then."""
    made = await looked_at(max_age=1.0)
    await anyio.sleep(2.0)
    made.api.latency = 1.0
    made.api.script(CarryOut(), matching=is_page)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.live.renew, made.caller(), trunk(0), 1)
        await anyio.sleep(0.5)
        made.live.wrote(trunk(0), AgentId(agent(1)))
    assert made.live.owner(trunk(0)) == agent(1)
    assert made.live.owner(trunk(0, "whatsapp")) == agent(0)


async def test_our_own_write_makes_the_other_channel_no_younger() -> None:
    """That one was not looked at: somebody may have changed it meanwhile."""
    made = await looked_at(max_age=30.0)
    await anyio.sleep(29.0)
    made.live.wrote(trunk(0), AgentId(agent(1)))
    await anyio.sleep(2.0)
    assert [made.live.fresh(trunk(0)), made.live.fresh(trunk(0, "whatsapp"))] == [True, False]


async def test_a_look_after_our_write_is_believed() -> None:
    """Somebody changed it again: that is the truth now."""
    made = await looked_at()
    made.live.wrote(trunk(0), AgentId(agent(1)))
    give(made, 3)
    await anyio.sleep(0.1)
    await made.live.look(made.caller(), trunk().number)
    assert made.live.owner(trunk(0)) == agent(3)


async def test_a_page_with_another_owner_than_we_wrote_is_not_believed_alone() -> None:
    """It may come out of a server's cache: the number itself is asked for at once, however young our write is."""
    made = await looked_at(max_age=5.0)
    made.live.wrote(trunk(0), AgentId(agent(1)))
    await anyio.sleep(2.0)
    give(made, 3, channel="whatsapp")
    await made.live.renew(made.caller(), trunk(0), 1)
    assert (made.live.owner(trunk(0)), made.paths()) == (agent(0), [PAGE, LOOK])


async def test_a_page_that_somebody_else_read_makes_our_write_doubtful() -> None:
    """However young it is: before the next write on it, the number itself is asked for."""
    made = await looked_at(count=2)
    made.live.wrote(trunk(0), AgentId(agent(1)))
    await anyio.sleep(1.0)
    await made.live.renew(made.caller(), trunk(1), 1)
    doubtful = made.live.fresh(trunk(0))
    await made.live.renew(made.caller(), trunk(0), 0)
    assert (doubtful, made.live.fresh(trunk(0)), made.live.owner(trunk(0))) == (False, True, agent(0))


async def test_an_older_look_does_not_replace_a_younger_one() -> None:
    """A page that took long comes after the number was asked for by itself."""
    rule = {"match": {"path": "/phone-numbers/trunks", "nth": 2}, "when": "after", "do": {"delay": 5}}
    options = Options(throttle=ThrottleRule(kind="none"), script=faults.parse({"rules": [rule]}))
    api = FakeApi(world({"call": 0}), options)
    made = await rig(api, max_age=60.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.live.renew, made.caller(), trunk(0), 1)
        await anyio.sleep(1.0)
        give(made, 3)
        await made.live.look(made.caller(), trunk().number)
    assert made.live.owner(trunk(0)) == agent(3)


ROWS = {
    "of their own": [
        {"number": number(0), "channel": c, "agent_uuid": agent(a)} for c, a in (("call", 3), ("whatsapp", 4))
    ],
    "with the other as nobody's": [
        {"number": number(0), "bindings": {c: bound(a), other: {"bound": False}}}
        for c, a, other in (("call", 3, "whatsapp"), ("whatsapp", 4, "call"))
    ],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
async def test_a_list_of_one_row_per_trunk_is_put_together(rows: list[dict[str, Any]]) -> None:
    """The two rows of a number on one page are both looks of the same moment."""
    made = await looked_at(max_age=1.0)
    made.api.script(Say(items(rows)), matching=is_page)
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert [made.live.owner(trunk(0, channel)) for channel in ("call", "whatsapp")] == [agent(3), agent(4)]
    assert made.paths() == [PAGE]


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
async def test_a_page_that_shows_a_channel_without_its_agent_is_not_believed_alone(rows: list[dict[str, Any]]) -> None:
    """The number's other row may be on the next page: the number itself is asked for."""
    made = await looked_at(max_age=1.0)
    give(made, 4, channel="whatsapp")
    made.api.script(Say(items(rows[:1])), matching=is_page)
    await anyio.sleep(2.0)
    await made.live.renew(made.caller(), trunk(0), 1)
    assert [made.live.owner(trunk(0, channel)) for channel in ("call", "whatsapp")] == [agent(0), agent(4)]
    assert made.paths() == [PAGE, LOOK]


async def test_what_only_the_list_shows_is_kept_when_a_number_is_read_alone() -> None:
    """Its page and its status."""
    made = await looked_at()
    await made.live.look(made.caller(), trunk().number)
    state = made.live.states[trunk().number]
    assert (state.page, state.status) == (1, "active")
