"""Days of a run, for tests: a single row that ended so, a working day in which every status occurs, a hostile one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from batch.core.model import (
    Binding,
    Calls,
    Change,
    NumberState,
    Outcome,
    PlanRow,
    Problem,
    Reason,
    RunRecord,
    Source,
    Status,
    Verified,
)
from tests.records import BEGAN, HEADER, agent, change, kept, origin, outcome, plan, record, row, state


def one(status: Status, **more) -> RunRecord:
    """A run of one row that ended in *status*."""
    fate = FATES[status][0]
    return record(**(_Sheet().add(fate, 2, ("call",), before=0, to=1).parts() | more))


# ── a working day ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fate:
    """How a row can end: what the plan makes of it, or how its change ended, or what is wrong with it."""

    kept: Reason | None = None
    outcome: Mapping[str, Any] = field(default_factory=dict)
    problem: tuple[str, str, str, str] | None = None  # code, column, value, detail


def _ended(status: Status, reason: Reason, **more: object) -> Fate:
    return Fate(outcome={"status": status, "reason": reason, **more})


FATES: Mapping[Status, tuple[Fate, ...]] = {
    Status.DONE: (
        _ended(Status.DONE, Reason.VERIFIED),
        _ended(Status.DONE, Reason.VERIFIED, attempts=3, verified=Verified.EACH),
    ),
    Status.ALREADY: (Fate(kept=Reason.ALREADY_THERE),),
    Status.INVALID: (
        Fate(problem=("agent_unknown", "agent", "Recepton Berlin", "; did you mean 'Reception Berlin'?")),
        Fate(problem=("number_scientific", "number", "4.93012E+11", "")),
        Fate(problem=("channel_unknown", "channel", "whatsap", ": did you mean 'whatsapp'")),
        Fate(problem=("agent_empty", "agent", "", "")),
    ),
    Status.REJECTED: (
        _ended(Status.REJECTED, Reason.SERVER_REFUSED, http_status=422, detail="agent_uuid: The agent is archived."),
        _ended(Status.REJECTED, Reason.AGENT_TAKEN, http_status=409, detail="already serves another number"),
    ),
    Status.FAILED: (
        _ended(Status.FAILED, Reason.OUT_OF_RETRIES, attempts=5, detail="connection refused"),
        _ended(Status.FAILED, Reason.NOT_APPLIED, attempts=2, written=True, verified=Verified.SWEEP, http_status=504),
    ),
    Status.UNKNOWN: (
        _ended(Status.UNKNOWN, Reason.UNCLEAR, attempts=5, written=True, http_status=502, detail="Bad Gateway"),
    ),
    Status.DRIFTED: (
        _ended(Status.DRIFTED, Reason.OWNER_CHANGED, attempts=0, after=agent(10)),
        Fate(kept=Reason.NOT_EXPECTED),
    ),
    Status.SKIPPED: (_ended(Status.SKIPPED, Reason.DEPENDENCY, attempts=0, detail="row 14 was rejected"),),
}

OFTEN: Mapping[Status, int] = {
    Status.DONE: 74,
    Status.ALREADY: 11,
    Status.INVALID: 4,
    Status.REJECTED: 3,
    Status.FAILED: 2,
    Status.UNKNOWN: 1,
    Status.DRIFTED: 2,
    Status.SKIPPED: 3,
}
"""Of a hundred rows."""

NOTES = ("", "", "", "", "", "moved with the Hamburg office", "", "asked for by facilities, ticket 4711")


def _spoilt(made: PlanRow, code: str, column: str, value: str, detail: str) -> PlanRow:
    """The row with *value* typed into *column*, and the problem it is."""
    cells = tuple(value if head == column else cell for head, cell in zip(HEADER, made.cells, strict=True))
    facts: Mapping[str, dict[str, Any]] = {
        "number": {"number": value},
        "channel": {"channels": (value,)},
        "agent": {"agent_uuid": "", "agent_name": value},
    }
    problem = Problem(code, made.origin, column, value, detail)
    return replace(made, cells=cells, valid=False, problems=(problem,), **facts[column])


class _Sheet:
    """Rows, changes and outcomes, growing together."""

    def __init__(self) -> None:
        self.rows: list[PlanRow] = []
        self.changes: list[Change] = []
        self.outcomes: list[Outcome] = []
        self.befores: list[NumberState] = []
        self.afters: list[NumberState] = []

    def add(self, fate: Fate, place: int, channels: tuple[str, ...], *, before: int, to: int, note: str = "") -> _Sheet:
        made = row(place, channels=channels, to=to, note=note)
        self.rows.append(made if fate.problem is None else _spoilt(made, *fate.problem))
        for channel in channels if fate.problem is None else ():
            self._settle(fate, place, channel, before, to)
        if fate.outcome.get("attempts", 1) and fate.outcome:
            self.befores.append(state(place, **dict.fromkeys(channels, before)))
        if fate.outcome.get("status") is Status.DONE:
            self.afters.append(state(place, **dict.fromkeys(channels, to)))
        return self

    def _settle(self, fate: Fate, place: int, channel: str, before: int, to: int) -> None:
        id_ = len(self.changes)
        if fate.kept is not None:
            there = to if fate.kept is Reason.ALREADY_THERE else before
            self.changes.append(kept(id_, reason=fate.kept, of=place, channel=channel, before=there, after=to))
            return
        self.changes.append(change(id_, of=place, channel=channel, before=before, after=to))
        at = BEGAN + 2 + place / 10
        times = {"started_at": at, "finished_at": at + 0.18} if fate.outcome.get("attempts", 1) else {}
        owners = {Status.DONE: {"after": agent(to)}, Status.UNKNOWN: {}}
        owner = owners.get(fate.outcome["status"], {"after": agent(before)})
        self.outcomes.append(outcome(id_, **(owner | times | fate.outcome)))

    def parts(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "changes": self.changes,
            "outcomes": self.outcomes,
            "befores": self.befores,
            "afters": self.afters,
        }


def believable(lines: int = 300, *, often: Mapping[Status, int] = OFTEN, agents: int = 40, **more) -> RunRecord:
    """A run of about *lines* lines in which every status occurs, and names are long and in several scripts."""
    sheet = _Sheet()
    made = 0
    for place, status in enumerate(_shuffled(often, lines), 2):
        if made >= lines:
            break
        fates = FATES[status]
        channels = ("call", "whatsapp") if place % 9 == 0 else ("call",) if place % 4 else ("whatsapp",)
        before = place % agents
        to = (before + 1 + place // agents % (agents - 1)) % agents
        note = NOTES[place % len(NOTES)]
        sheet.add(fates[place % len(fates)], place, channels, before=before, to=to, note=note)
        made += len(channels)
    facts: dict[str, Any] = {
        "exit_code": 6,
        "finished_at": BEGAN + 5 + made / 10,
        "calls": Calls(get=31, put=made - made // 8, retried=made // 40, refused_429=made // 150),
        "pace": {"limit": "600/min, learnt from the server's headers"},
        "notes": ("the canary went first and held",),
    }
    return record(**sheet.parts(), **(facts | more))


def _shuffled(often: Mapping[Status, int], count: int) -> Iterator[Status]:
    """Statuses as often as told, in an order that is always the same and looks like none."""
    hundred = [status for status, times in often.items() for _ in range(times)]
    step = next(size for size in (37, 41, 43) if len(hundred) % size)
    for index in range(count):
        yield hundred[index * step % len(hundred)]


# ── a hostile day ─────────────────────────────────────────────────────────────────────────────────────────────────────


def hostile(text: str) -> RunRecord:
    """A run in which every text that a sheet, a server or a person gave is *text*."""
    header = (f"{text} number", f"{text} channel", f"{text} agent", f"{text} note")
    problem = Problem("agent_unknown", origin(3), text, text, text)
    rows = [
        row(2, agent_name=text, note=text, cells=(text,) * 4),
        row(3, number=text, channels=(text,), agent_uuid="", agent_name=text, note=text, cells=(text,) * 4),
    ]
    rows[1] = replace(rows[1], valid=False, problems=(problem,))
    made = plan(
        rows,
        [change()],
        header=header,
        agents={agent(0): text, agent(1): text},
        source=Source(file=f"{text}.csv", sheet=text, sha256="ab" * 32, only_sheet=False),
        notes=(text,),
    )
    refused = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED, detail=text, http_status=422)
    seen = replace(state(call=0), bindings={"call": Binding(True, agent(0), text), text: Binding(True, None, text)})
    return record(
        [],
        plan=made,
        outcomes=[refused],
        befores=[seen],
        afters=[seen],
        pace={text: text},
        notes=(text,),
        exit_code=10,
        whole_run=Reason.API_UNAVAILABLE,
        whole_run_detail=text,
    )
