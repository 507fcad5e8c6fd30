"""An Api that answers as told, for tests of what is around it: a function from call to reply, and a record of calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import anyio

from batch.core.calls import Answer, Call, Reply
from batch.engine.breaker import Breaker
from batch.engine.caller import Caller
from batch.engine.gate import Gate
from batch.engine.pace import Pacer


class Scripted:
    """Answers each call by *answer*; ``sent`` is every call in order. A call takes *seconds*."""

    def __init__(self, answer: Callable[[Call], Reply], *, seconds: float = 0.0) -> None:
        self._answer = answer
        self._seconds = seconds
        self.sent: list[Call] = []

    async def send(self, call: Call) -> Reply:
        self.sent.append(call)
        await anyio.sleep(self._seconds)
        return self._answer(call)

    async def aclose(self) -> None:
        """Nothing to close."""


def in_turn(replies: Iterable[Reply]) -> Callable[[Call], Reply]:
    """One reply after another, whatever is asked; the last one for ever."""
    rest: Iterator[Reply] = iter(replies)
    last: list[Reply] = []

    def answer(_: Call) -> Reply:
        last[:] = [next(rest, *last)]
        return last[0]

    return answer


def caller_for(api: Scripted, *, deadline: float | None = None) -> Caller:
    """A worker's way to *api*, with a gate of its own."""
    return Caller(api, Gate(pacer=Pacer(), breaker=Breaker(), deadline=deadline))


def callers_for(api: Scripted, count: int = 3) -> list[Caller]:
    """Several ways to *api* behind one gate."""
    gate = Gate(pacer=Pacer(), breaker=Breaker())
    return [Caller(api, gate) for _ in range(count)]


def answer(data: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer."""
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(data).encode())
