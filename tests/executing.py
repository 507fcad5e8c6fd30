"""What the tests of an execution share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio

from batch.core.model import Reason
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule
from tests.fake_api import FakeApi
from tests.rigs import Rig, rig, trunks
from tests.worlds import world

EXCLUSIVE = Options(throttle=ThrottleRule(kind="none"), occupancy=Rule.REFUSE)


async def with_trunks(count: int, *steps: Any, latency: float = 0.1, **how: Any) -> Rig:
    """So many numbers, all of agent 0; calls take a tenth of a second."""
    made = await rig(FakeApi(world(*trunks(count))), **how)
    made.api.latency = latency
    made.api.script(*steps)
    return made


async def exclusive(*bindings: Mapping[str, int | None], **how: Any) -> Rig:
    """A server that refuses an agent who has another number."""
    return await rig(FakeApi(world(*bindings), EXCLUSIVE), **how)


def after(seconds: float, reason: Reason = Reason.DEADLINE) -> Any:
    """A watch that ends the run in so many seconds."""

    async def watch() -> Reason:
        await anyio.sleep(seconds)
        return reason

    return watch
