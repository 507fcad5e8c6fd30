"""Run records for tests: what a journal would tell of runs that were never made. Whole ones are in ``tests.days``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from batch.core.model import (
    Action,
    AgentId,
    Binding,
    Calls,
    Change,
    Channel,
    Field,
    Number,
    NumberState,
    Occupancy,
    Origin,
    Outcome,
    Plan,
    PlanRow,
    Reason,
    Result,
    RunRecord,
    Source,
    Status,
    Trunk,
    Verified,
    Workspace,
)
from batch.core.planfile import digest
from batch.core.results import results

BEGAN = 1_795_636_800.0
"""2026-11-25T20:00:00Z"""

HEADER = ("number", "channel", "agent", "note")
COLUMNS = {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2, Field.NOTE: 3}

NAMES = (
    "Reception Berlin",
    "Ayşe Yılmaz · Müşteri Hizmetleri",
    "Zoë O’Brien-Featherstonehaugh, out-of-hours escalations and emergency dispatch",
    "مركز الاتصال – الرياض",
    "תמיכה טכנית",
    "Отдел продаж, Москва",
    "Εξυπηρέτηση πελατών",
    "東京サポート窓口",
    "客服中心（上海）",
    "Sales Desk São Paulo",
    "Night Line",
    "Łódź – Obsługa",
)


def agent(index: int) -> AgentId:
    """The uuid of the index-th agent."""
    return AgentId(f"a9e10000-0000-4000-8000-{index:012d}")


def name(index: int) -> str:
    """The name of the index-th agent; names repeat after a round, with a figure."""
    rounds, place = divmod(index, len(NAMES))
    return NAMES[place] + (f" {rounds + 1}" if rounds else "")


def number(index: int) -> Number:
    """The index-th number."""
    return Number(f"+4930{index + 12_000_000:08d}")


def origin(row: int) -> Origin:
    return Origin("moves.csv", "", row)


def row(
    place: int = 2, *, of: int | None = None, channels: tuple[str, ...] = ("call",), to: int = 1, **more
) -> PlanRow:
    """The row in line *place* of the sheet: it gives the trunks of number *of* to agent *to*."""
    text = number(place if of is None else of)
    facts: dict[str, Any] = {
        "cells": (text, ", ".join(channels), name(to), more.get("note", "")),
        "number": text,
        "agent_uuid": agent(to),
        "agent_name": name(to),
    }
    return PlanRow(origin=origin(place), channels=channels, **(facts | more))


def change(
    id_: int = 0, *, of: int = 2, channel: str = "call", before: int | None = 0, after: int = 1, **more
) -> Change:
    """The change that moves number *of* from agent *before* to agent *after*."""
    facts: dict[str, Any] = {
        "trunk": Trunk(number(of), Channel(channel)),
        "action": Action.ASSIGN,
        "reason": Reason.DIFFERS,
        "origin": origin(of),
    }
    old = None if before is None else agent(before)
    return Change(id=id_, before=old, after=agent(after), **(facts | more))


def kept(id_: int = 0, *, reason: Reason = Reason.ALREADY_THERE, **more) -> Change:
    """A change that leaves its trunk where it is."""
    if reason is Reason.ALREADY_THERE:
        more = {"before": 1, "after": 1} | more
    return change(id_, action=Action.KEEP, reason=reason, **more)


def outcome(id_: int = 0, status: Status = Status.DONE, reason: Reason = Reason.VERIFIED, **more) -> Outcome:
    """How change *id_* ended, a second after the beginning."""
    facts: dict[str, Any] = {"attempts": 1, "started_at": BEGAN + 1, "finished_at": BEGAN + 1.25}
    if status is Status.DONE:
        facts |= {"verified": Verified.SWEEP, "after": agent(1), "http_status": 200, "written": True}
    return Outcome(change=id_, status=status, reason=reason, **(facts | more))


def state(of: int = 2, **owners: int | None) -> NumberState:
    """Number *of* as the API shows it: ``state(2, call=0, whatsapp=None)``."""
    bindings = {
        channel: Binding(True, agent(index), name(index)) if index is not None else Binding(bound=False)
        for channel, index in owners.items()
    }
    return NumberState(number=number(of), uuid=f"10000000-0000-4000-8000-{of:012d}", bindings=bindings)


def plan(rows: Iterable[PlanRow], changes: Iterable[Change], **more) -> Plan:
    made = tuple(changes)
    occurring = {c.after for c in made} | {c.before for c in made if c.before is not None}
    facts: dict[str, Any] = {
        "workspace": Workspace("acme", "acme.mihu.ai"),
        "source": Source(file="moves.csv", sheet="", sha256="ab" * 32),
        "header": HEADER,
        "columns": COLUMNS,
        "agents": {uuid: name(int(uuid[-12:])) for uuid in sorted(occurring)},
        "occupancy": Occupancy.SHARED,
        "trunks_total": 1000,
    }
    return Plan(rows=tuple(rows), changes=made, **(facts | more))


def record(
    rows: Iterable[PlanRow],
    changes: Iterable[Change] = (),
    outcomes: Iterable[Outcome] = (),
    *,
    befores: Iterable[NumberState] = (),
    afters: Iterable[NumberState] = (),
    **more,
) -> RunRecord:
    """A run that went to its end; facts of its plan may be given too."""
    of_run = {key: more.pop(key) for key in list(more) if key in RunRecord.__struct_fields__}
    facts: dict[str, Any] = {
        "run_id": "20261125-200000-k3x9",
        "command": "apply",
        "tool_version": "0.1.0",
        "calls": Calls(get=4, put=1),
        "started_at": BEGAN,
        "finished_at": BEGAN + 3,
        "exit_code": 0,
    }
    planned = of_run.pop("plan", None) or plan(rows, changes, **more)
    return RunRecord(
        plan=planned,
        plan_digest=digest(planned),
        outcomes={o.change: o for o in outcomes},
        befores={s.number: s for s in befores},
        afters={s.number: s for s in afters},
        **(facts | of_run),
    )


def only(told: RunRecord) -> Result:
    """The one line of a run of one line."""
    (line,) = results(told)
    return line
