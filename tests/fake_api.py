"""An Api without sockets: the stand-in's service, reached directly, for tests on a virtual clock.

The contract suite (``tests/contract``) holds it against the real HTTP stack, so that what a test learns here is true.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio

from batch.core.calls import Answer, Call, Fault, FaultKind, Reply
from batch.sandbox.faults import Do
from batch.sandbox.options import Options
from batch.sandbox.request import Request, Response
from batch.sandbox.service import Service, Ticket
from batch.sandbox.throttle import Clock, ThrottleRule
from batch.sandbox.world import World

EPOCH = 1_790_000_000.0  # September 2026: where the virtual clock's wall time begins
CALL_DEADLINE = 30.0  # what HttpApi gives a call by default

VIRTUAL = Clock(monotonic=anyio.current_time, time=lambda: EPOCH + anyio.current_time())


@dataclass(frozen=True, slots=True)
class Say:
    """Answer this; the call does not reach the server."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class CarryOut:
    """The server carries the call out, but this is what comes back (``None``: its true answer)."""

    reply: Reply | None = None


Step = Say | CarryOut
Matching = Callable[[Call], bool]


@dataclass(slots=True)
class FakeApi:
    """Any number of tasks may use one. ``calls`` is everything sent, ``peak`` the most calls at once.

    Nothing is throttled unless *options* say so; the fault script of *options* is played too. ``latency`` is seconds
    per call, ``deadline`` how long one may take. Steps queued with :meth:`script` come before all of this, each used
    once, in order.
    """

    world: World
    options: Options = field(default_factory=lambda: Options(throttle=ThrottleRule(kind="none")))
    latency: float = 0.0
    deadline: float = CALL_DEADLINE
    clock: Clock = VIRTUAL
    token: str = ""
    calls: list[Call] = field(default_factory=list)
    closed: int = 0
    peak: int = 0
    service: Service = field(init=False)
    _active: int = 0
    _scripts: list[tuple[Matching, deque[Step]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = Service(self.world, self.options, clock=self.clock)

    def script(self, *steps: Step, matching: Matching = lambda call: call.writes) -> None:
        """Queue what happens to the next calls that match (writes, unless told otherwise)."""
        self._scripts.append((matching, deque(steps)))

    def count(self, method: str) -> int:
        """How many calls of a method were sent."""
        return sum(call.method == method for call in self.calls)

    async def send(self, call: Call) -> Reply:
        """Send *call* and return what came back."""
        self.calls.append(call)
        self._active += 1
        self.peak = max(self.peak, self._active)
        try:
            await anyio.sleep(self.latency)
            step = self._step(call)
            if isinstance(step, Say):
                return step.reply
            reply = await self._served(call)
            return reply if step is None or step.reply is None else step.reply
        finally:
            self._active -= 1

    async def aclose(self) -> None:
        """Count the closing; the fake itself stays usable by other workers."""
        self.closed += 1
        await anyio.lowlevel.checkpoint()

    def _step(self, call: Call) -> Step | None:
        return next((steps.popleft() for matching, steps in self._scripts if steps and matching(call)), None)

    async def _served(self, call: Call) -> Reply:
        ticket = self.service.arrive(self._request(call))
        try:
            before = ticket.delay("before")
            if before > self.deadline:
                _carry_out_later(ticket, before - self.deadline)
            await anyio.sleep(min(before, self.deadline))
            response = self.service.carry_out(ticket)
            waited = before + ticket.delay("after") + _dripping(response, ticket.do)
            await anyio.sleep(min(waited, self.deadline) - min(before, self.deadline))
            if waited > self.deadline:
                return Fault(FaultKind.DEADLINE, "took too long", self.deadline)
            return _delivered(response, ticket.do)
        finally:
            self.service.leave(ticket)

    def _request(self, call: Call) -> Request:
        body: Mapping[str, str] = call.body or {}
        token = self.token or self.options.token
        return Request(
            method=call.method,
            path=call.path,
            query=dict(call.query),
            fields=body,
            authorization=f"Bearer {token}",
            accept="application/json",
        )


def _carry_out_later(ticket: Ticket, seconds: float) -> None:
    """The client gives up before the server gets to it: a late write."""
    assert ticket.rule is not None
    late = ticket.rule.do.model_copy(update={"late": seconds})
    ticket.rule = ticket.rule.model_copy(update={"do": late})


def _dripping(response: Response, do: Do | None) -> float:
    return 0.0 if do is None or do.drip is None else len(response.body) / do.drip.bytes * do.drip.every


def _delivered(response: Response, do: Do | None) -> Reply:
    """What the client makes of a broken answer."""
    if do is not None:
        if do.reset or do.close:
            return Fault(FaultKind.READ, "the connection died")
        if do.garbled:
            return Fault(FaultKind.GARBLED, "not HTTP")
        if do.cut is not None and not (do.cut.framing == "close" and do.cut.end == "close"):
            return Fault(FaultKind.CUT, "the answer was cut")
        if do.huge or do.bomb or do.endless in {"headers", "body"}:
            return Fault(FaultKind.TOO_LARGE, "the answer is too large")
    headers = {name.lower(): value for name, value in response.headers} | {"content-type": response.content_type}
    body = response.body if do is None or do.cut is None else response.body[: do.cut.bytes]
    return Answer(response.status, headers, body)
