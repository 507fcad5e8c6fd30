"""What the tests of the gate share."""

from __future__ import annotations

import anyio

from batch.core import calls
from batch.core.calls import Answer, Call, Fault, FaultKind, Reply
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate
from batch.engine.pace import Pacer, Rate

READ = calls.probe()
WRITE = Call("PUT", "/x", body={})
OK = Answer(200, {}, b"{}")
TOO_MANY = Answer(429, {"retry-after": "5"}, b"")
AWAY = Answer(503, {"retry-after": "5"}, b"")
BROKEN = Answer(500, {}, b"")
DOWN = Fault(FaultKind.CONNECT)


def a_gate(*, rate: Rate | None = None, deadline: float | None = None) -> Gate:
    return Gate(pacer=Pacer(rate), breaker=Breaker(), deadline=deadline)


async def calls_without_end(gate: Gate, reply: Reply, *, seconds: float = 0.0) -> None:
    while True:
        await one_call(gate, reply, seconds=seconds)


async def one_call(gate: Gate, reply: Reply = OK, call: Call = READ, *, seconds: float = 0.0) -> float:
    """A call through the gate; returns when it left."""
    entered_at = await gate.enter()
    await anyio.sleep(seconds)
    gate.ended(call, entered_at, reply)
    return entered_at
