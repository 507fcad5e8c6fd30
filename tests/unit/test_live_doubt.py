"""What an older look may not undo of what is known of the live owners. Time is virtual."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from batch.core.model import AgentId
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import CarryOut, FakeApi, Say
from tests.rigs import rig, trunk
from tests.seeing import LOOK, PAGE, bound, give, is_page, items, looked_at
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio


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
