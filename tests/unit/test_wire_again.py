"""The HTTP edge against servers that speak byte by byte, on loopback: a connection that was used before."""

from __future__ import annotations

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from batch.core import calls
from batch.core.calls import Answer, Call, Fault, FaultKind
from tests.byte_servers import answer, serving

pytestmark = pytest.mark.anyio


async def answering_once(stream: anyio.abc.ByteStream) -> None:
    """A server that answers the first request at once, and no other ever."""
    await stream.receive()
    await stream.send(answer())
    await anyio.sleep_forever()


@pytest.mark.parametrize("idle", [0.1, 0.4], ids=["an alarm is still set", "the alarm rang in vain"])
async def test_a_later_call_of_a_connection_has_a_whole_deadline_of_its_own(idle: float) -> None:
    """The alarm that the first call set rings early for it, or has rung already: neither ends it, nor is missed."""
    async with serving(answering_once) as heard:
        api = heard.api(call_deadline=0.3)
        first = await api.send(calls.probe())
        until = anyio.current_time() + idle
        while anyio.current_time() < until:  # turns of the loop, in which an alarm would ring
            await anyio.lowlevel.checkpoint()
        with anyio.fail_after(0.4):  # a whole deadline from that alarm on would be 0.5
            later = await api.send(Call("GET", "/later"))
        await api.aclose()
    assert isinstance(first, Answer), first
    assert isinstance(later, Fault), later
    assert (FaultKind.DEADLINE, True) == (later.kind, later.seconds >= 0.3)
