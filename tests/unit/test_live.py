"""What is known of the live owners: how old it is, and by which calls it is renewed. Time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from batch.core.model import AgentId, Channel, Number
from batch.engine.caller import NoAnswerError
from batch.engine.pace import Rate
from batch.errors import CredentialsError, UnavailableError
from tests.fake_api import Say
from tests.rigs import Rig, is_look, is_read, page, said, trunk
from tests.scripted import answer
from tests.seeing import LOOK, PAGE, give, is_page, looked_at
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number

pytestmark = pytest.mark.anyio

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
