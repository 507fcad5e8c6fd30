"""A run that begins later than it was started. Time is virtual."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from batch.carry import _started
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate
from batch.engine.pace import Pacer
from batch.errors import UnavailableError
from batch.watches import Signals
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


async def test_a_run_that_had_to_wait_for_its_moment_has_all_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline of three seconds counts from when the run begins."""
    gate = Gate(pacer=Pacer(), breaker=Breaker(), deadline=anyio.current_time() + 3.0)
    monkeypatch.setattr("time.time", anyio.current_time)
    in_a_minute: Any = SimpleNamespace(start=SimpleNamespace(seconds_until=lambda _now: 60.0), at="02:00 UTC")
    around: Any = SimpleNamespace(gate=gate, say=lambda _text: None)
    assert await _started(around, in_a_minute, around, Signals())
    await gate.sleep(2.0)
    with pytest.raises(UnavailableError, match="time is over"):
        await gate.sleep(2.0)
