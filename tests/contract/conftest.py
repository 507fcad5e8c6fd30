"""Each test runs on every implementation."""

from typing import Any

import pytest

from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import World
from tests.contract.stands import Standing, fake_stand, http_stand


@pytest.fixture(params=["fake on asyncio", "fake on trio", "http on asyncio"])
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which implementation, on which event loop: the real one is a protocol of the loop that the program runs on."""
    implementation, _, loop = request.param.split()
    return implementation, loop


@pytest.fixture
def anyio_backend(kind: tuple[str, str]) -> str:
    """The event loop."""
    return kind[1]


@pytest.fixture
def standing(kind: tuple[str, str]) -> Standing:
    """A stand of either implementation, around a world, fault rules and options."""
    stand = fake_stand if kind[0] == "fake" else http_stand

    def make(made: World, *rules: dict[str, Any], **options: Any) -> Any:
        script = faults.parse({"rules": list(rules)})
        given = {"throttle": ThrottleRule(kind="none"), "script": script} | options
        return stand(made, Options(**given))

    return make
