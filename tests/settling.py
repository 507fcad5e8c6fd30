"""What the tests of settling share: a trunk, a fault, somebody in the panel. Time is virtual."""

from __future__ import annotations

from typing import Any

import pytest

from batch.core.model import Outcome, Reason, Status
from batch.sandbox import faults
from batch.sandbox.faults import Outside
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import FakeApi
from tests.rigs import (
    UNCLEAR,
    Rig,
    rig,
)
from tests.worlds import agent, number, world

PUT, PAGE, LOOK = "PUT /phone-numbers/trunks/assign", "GET /phone-numbers/trunks", "GET /phone-numbers/channels"
unclear = pytest.mark.parametrize("reply", UNCLEAR.values(), ids=UNCLEAR)


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
