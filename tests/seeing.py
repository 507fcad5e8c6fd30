"""What the tests of the live owners share: numbers as seen just now, and what the server shows next."""

from __future__ import annotations

from typing import Any

from batch.core.calls import Call
from tests.fake_api import FakeApi
from tests.rigs import Rig, rig, trunks
from tests.scripted import answer
from tests.worlds import agent, number, world

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
