"""The engine around the fake server: a settler, or a whole execution, with a journal in memory and the clock's time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from batch.adapters.api import Api
from batch.core.calls import Answer, Call, Fault, FaultKind
from batch.core.lifecycle import Entry, Kind
from batch.core.model import Action, AgentId, Change, Channel, Number, Origin, Outcome, Reason, Status, Trunk
from batch.engine.breaker import Breaker
from batch.engine.caller import Caller
from batch.engine.execute import Ending, Execution, Setting
from batch.engine.gate import Gate
from batch.engine.live import Live
from batch.engine.pace import Pacer, Rate
from batch.engine.schedule import Brakes, Schedule
from batch.engine.settle import WRITES, Settler
from batch.engine.snapshot import gather
from batch.engine.width import Width
from batch.errors import JournalError
from tests.fake_api import EPOCH, FakeApi
from tests.worlds import agent, number

# ── what a server can answer ──────────────────────────────────────────────────────────────────────────────────────────


def said(status: int, message: str = "no", **headers: str) -> Answer:
    """An answer of the API that is no success."""
    body = json.dumps({"success": False, "message": message}).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def page(status: int, title: str = "Bad Gateway") -> Answer:
    """A page for people."""
    return Answer(status, {"content-type": "text/html"}, f"<html><title>{title}</title></html>".encode())


STALE = Fault(FaultKind.STALE, "closed before any answer")
RESET = Fault(FaultKind.READ, "reset before any answer")
TOO_MANY = said(429, "Too Many Attempts.", retry_after="3")

UNCLEAR = {
    "reset": RESET,
    "cut": Fault(FaultKind.CUT),
    "deadline": Fault(FaultKind.DEADLINE),
    "502": page(502),
    "504": page(504),
    "202": said(202, "Accepted"),
    "a page at 200": page(200, "Log in"),
    "success: false": said(200, "The trunk could not be reassigned."),
}
"""Answers to a PUT after which nobody knows whether it was applied."""


def is_look(call: Call) -> bool:
    """Whether a call asks for one number by itself."""
    return call.path == "/phone-numbers/channels"


def is_read(call: Call) -> bool:
    return not call.writes


# ── what is to be done ────────────────────────────────────────────────────────────────────────────────────────────────


def trunk(index: int = 0, channel: str = "call") -> Trunk:
    return Trunk(Number(number(index)), Channel(channel))


def move(
    id_: int = 0, before: int | None = 0, after: int = 1, *, of: int | None = None, channel: str = "call", **more: Any
) -> Change:
    """The change that moves external number *of* (else the *id_*-th) from agent *before* to agent *after*."""
    facts: dict[str, Any] = {"action": Action.ASSIGN, "reason": Reason.DIFFERS, "unit": id_, "page": 1} | more
    return Change(
        id=id_,
        trunk=trunk(id_ if of is None else of, channel),
        before=None if before is None else AgentId(agent(before)),
        after=AgentId(agent(after)),
        origin=Origin("moves.csv", "", id_ + 2),
        **facts,
    )


def ended(id_: int = 0, status: Status = Status.DONE, reason: Reason = Reason.VERIFIED, **more: Any) -> Outcome:
    """How a change ended."""
    facts = {"attempts": 1, "written": True, "started_at": EPOCH} | more
    return Outcome(change=id_, status=status, reason=reason, **facts)


# ── who does it ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Notes:
    """A journal in memory. Appending takes *seconds*; with *room* for so many entries the next one fails."""

    seconds: float = 0.0
    room: int | None = None
    entries: list[Entry] = field(default_factory=list)

    added: list[Entry] = field(default_factory=list)
    failed: bool = False

    async def append(self, *entries: Entry) -> None:
        self.add(*entries)
        await self.flush()

    def add(self, *entries: Entry) -> None:
        self.added.extend(entries)

    @property
    def pending(self) -> bool:
        return bool(self.added) and not self.failed

    async def flush(self) -> None:
        entries, self.added = self.added, []
        await anyio.sleep(self.seconds)
        self.failed = self.failed or (self.room is not None and len(self.entries) + len(entries) > self.room)
        if self.failed:
            raise JournalError("the journal cannot be written: no space left on device")
        self.entries.extend(entries)

    def kinds(self) -> list[tuple[Kind, int | None]]:
        """What was noted, in order."""
        return [(entry.kind, entry.change) for entry in self.entries]

    def outcomes(self) -> dict[int, tuple[Status, Reason]]:
        """How each change ended, by the last word on it."""
        told = [e for e in self.entries if e.kind is Kind.OUTCOME and e.change is not None]
        return {e.change or 0: (Status(e.body["status"]), Reason(e.body["reason"])) for e in told}


def wall() -> float:
    """Seconds since the epoch, as the fake server counts them."""
    return EPOCH + anyio.current_time()


@dataclass(slots=True)
class Rig:
    """One server, one gate, one look at everything, and whoever works with them."""

    api: FakeApi
    gate: Gate
    live: Live
    notes: Notes = field(default_factory=Notes)

    def caller(self) -> Caller:
        return Caller(self.api, self.gate)

    def settler(self, **how: Any) -> Settler:
        return Settler(self.caller(), self.notes, self.live, wall=wall, **{"policy": WRITES} | how)

    async def execute(
        self,
        changes: Iterable[Change],
        *,
        workers: int | None = 4,
        brakes: Brakes | None = None,
        known: Mapping[int, Outcome] | None = None,
        **setting: Any,
    ) -> Ending:
        """Do *changes* with so many *workers* (``None``: as many as seem right); what is open in *known* goes on."""
        known = known or {}
        final = {id_: o for id_, o in known.items() if o.status not in {Status.UNKNOWN, Status.SKIPPED}}
        schedule = Schedule(changes, final, brakes or Brakes(budget=1000, canary=False))
        given = Setting(log=self.notes, gate=self.gate, live=self.live, wall=wall, **setting)
        self.gate.width = Width(workers)
        return await Execution(schedule, given, known=known, apis=[self.api] * self.gate.width.most).run()

    def writes(self) -> list[tuple[str, str]]:
        """What was sent to be written, in order: the number and its agent."""
        return [(call.body["phone_number"], call.body["agent_uuid"]) for call in self.api.calls if call.body]

    def paths(self) -> list[str]:
        """What was asked, in order, the calls of the first look left out."""
        return [f"{call.method} {call.path}" for call in self.api.calls]

    def owner(self, index: int = 0, channel: str = "call") -> str | None:
        """The agent that truly serves a trunk."""
        self.api.service.settle()
        return self.api.service.world.owner(number(index), channel)


AT_WILL = Rate(1_000_000, 60.0)
"""A pace that holds nobody back, and leaves nothing to be guessed."""


async def rig(api: FakeApi, *, max_age: float = 30.0, rate: Rate = AT_WILL, deadline: float | None = None) -> Rig:
    """Everything around *api*, after the first look, whose calls are forgotten."""
    end = None if deadline is None else anyio.current_time() + deadline
    live = await _seen(api, max_age)
    api.calls.clear()
    api.peak = 0
    return Rig(api, Gate(pacer=Pacer(rate=rate), breaker=Breaker(), deadline=end), live)


async def over_the_wire(apis: Sequence[Api], changes: Iterable[Change]) -> tuple[Ending, Gate]:
    """Do *changes* on a real server, one connection per worker."""
    gate = Gate(pacer=Pacer(AT_WILL), breaker=Breaker(), width=Width(len(apis)))
    setting = Setting(log=Notes(), gate=gate, live=await _seen(apis[0]), wall=wall)
    schedule = Schedule(changes, {}, Brakes(budget=1000, canary=False))
    return await Execution(schedule, setting, known={}, apis=apis).run(), gate


async def _seen(api: Api, max_age: float = 30.0) -> Live:
    seen_at = anyio.current_time()
    snapshot = await gather([Caller(api, Gate(pacer=Pacer(), breaker=Breaker()))])
    return Live(snapshot, frozenset(snapshot.numbers), seen_at=seen_at, clock=anyio.current_time, max_age=max_age)


def statuses(ending: Ending) -> dict[int, Status]:
    """How each change ended."""
    return {id_: outcome.status for id_, outcome in sorted(ending.outcomes.items())}


def trunks(count: int) -> Sequence[dict[str, int | None]]:
    """So many numbers, all of them with agent 0 on the call channel."""
    return [{"call": 0}] * count
