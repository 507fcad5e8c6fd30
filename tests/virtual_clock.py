"""A clock that jumps: import the fixture into a module of anyio tests, and waiting costs nothing there."""

from __future__ import annotations

import pytest
from trio.testing import MockClock


@pytest.fixture(params=[pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="virtual clock")])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Trio with such a clock."""
    return request.param
