"""A plan as JSON-ready dictionaries, and back; what is empty, or as usual, is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from batch.core.model import (
    Action,
    AgentId,
    Change,
    Channel,
    Facts,
    Field,
    Limits,
    Number,
    Occupancy,
    OnSplit,
    Origin,
    Plan,
    PlanRow,
    Problem,
    Reason,
    Source,
    Trunk,
    Workspace,
)
from batch.core.problems import CATALOGUE

_NUMBER = re.compile(r"\+[0-9]{3,20}")
"""What the API's lists have as a number (:mod:`batch.core.fields`)."""


def head_to_json(plan: Plan) -> dict[str, Any]:
    """Everything of *plan* but its source, rows and changes."""
    facts, limits = plan.facts, plan.limits
    return {
        "workspace": {"tenant": plan.workspace.tenant, "host": plan.workspace.host},
        "occupancy": plan.occupancy.value,
        "limits": {
            "waves": limits.waves,
            "max_failures": limits.max_failures,
            "max_change": limits.max_change,
            "max_changes": limits.max_changes,
            "allow": limits.allow,
            "on_split": limits.on_split.value,
        },
        "header": list(plan.header),
        "columns": {what.value: index for what, index in plan.columns.items()},
        "agents": dict(plan.agents),
        "trunks_total": plan.trunks_total,
        "facts": {
            "agents_serving": facts.agents_serving,
            "agents_emptied": facts.agents_emptied,
            "numbers_asked": facts.numbers_asked,
            "numbers_missing": facts.numbers_missing,
        },
        "notes": list(plan.notes),
    }


def source_to_json(source: Source) -> dict[str, Any]:
    """Where a plan came from; the name of a workbook's only sheet is not kept."""
    told = {"file": source.file, "sha256": source.sha256}
    return told if source.only_sheet else {**told, "sheet": source.sheet}


def row_to_json(row: PlanRow) -> dict[str, Any]:
    """A row; its problems are its own, so they need no place."""
    pairs: tuple[tuple[str, Any], ...] = (
        ("agent_uuid", row.agent_uuid),
        ("agent_name", row.agent_name),
        ("note", row.note),
        ("duplicate_of", dict(row.duplicate_of)),
        ("problems", [_problem(problem) for problem in row.problems]),
    )
    told = {key: value for key, value in pairs if value}
    told |= {"row": row.origin.row, "cells": row.cells, "number": row.number, "channels": row.channels}
    if row.wave is not None:
        told["wave"] = row.wave
    if not row.valid:
        told["valid"] = False
    if not row.selected:
        told["selected"] = False
    return told


def _problem(problem: Problem) -> dict[str, Any]:
    related = [origin.row for origin in problem.related]
    told = {"column": problem.column, "value": problem.value, "detail": problem.detail, "related": related}
    return {"code": problem.code, **{key: value for key, value in told.items() if value}}


def change_to_json(change: Change) -> dict[str, Any]:
    """A change; its id is its position."""
    told: dict[str, Any] = {
        "row": change.origin.row,
        "number": change.trunk.number,
        "channel": change.trunk.channel.value,
        "action": change.action.value,
        "reason": change.reason.value,
        "before": change.before,
        "after": change.after,
        "unit": change.unit,
        "wave": change.wave,
        "page": change.page,
    }
    if change.needs:
        told["needs"] = change.needs
    return told


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan_from_json(document: Mapping[str, Any], rows: Iterable[Any], changes: Iterable[Any], sheet: str) -> Plan:
    """The plan that *document* tells, and its *rows* and *changes*; *sheet* is the name of the workbook's only sheet.

    Raises KeyError, TypeError, ValueError or AttributeError when the document is not one.
    """
    source = _read_source(document["source"], sheet)
    limits = dict(document["limits"])
    return Plan(
        workspace=Workspace(**document["workspace"]),
        source=source,
        header=tuple(document["header"]),
        columns={Field(name): index for name, index in document["columns"].items()},
        rows=tuple([_read_row(row, source) for row in rows]),
        changes=tuple(_read_changes(changes, source)),
        agents={AgentId(uuid): name for uuid, name in document["agents"].items()},
        occupancy=Occupancy(document["occupancy"]),
        trunks_total=document["trunks_total"],
        facts=Facts(**document["facts"]),
        limits=Limits(**{**limits, "on_split": OnSplit(limits["on_split"])}),
        notes=tuple(document["notes"]),
    )


def _read_source(said: Mapping[str, Any], sheet: str) -> Source:
    if not all(isinstance(text, str) for text in said.values()):
        raise TypeError("its source is not text")
    only_sheet = "sheet" not in said
    return Source(
        file=said["file"], sheet=sheet if only_sheet else said["sheet"], sha256=said["sha256"], only_sheet=only_sheet
    )


def _read_row(said: Mapping[str, Any], source: Source) -> PlanRow:
    origin = Origin(source.file, source.sheet, said["row"])
    return PlanRow(
        origin=origin,
        cells=tuple(said["cells"]),
        number=said["number"],
        channels=tuple(said["channels"]),
        agent_uuid=said.get("agent_uuid", ""),
        agent_name=said.get("agent_name", ""),
        wave=said.get("wave"),
        note=said.get("note", ""),
        problems=tuple(_read_problem(problem, origin) for problem in said.get("problems", ())),
        valid=said.get("valid", True),
        selected=said.get("selected", True),
        duplicate_of=said.get("duplicate_of", {}),
    )


def _read_problem(said: Mapping[str, Any], origin: Origin) -> Problem:
    if said["code"] not in CATALOGUE:
        raise ValueError(f"no problem is called {said['code']!r}")
    related = tuple(Origin(origin.file, origin.sheet, row) for row in said.get("related", ()))
    column, value, detail = (said.get(key, "") for key in ("column", "value", "detail"))
    return Problem(said["code"], origin, column, value, detail, related)


def _read_changes(said: Iterable[Mapping[str, Any]], source: Source) -> Iterator[Change]:
    origins: dict[int, Origin] = {}
    for id_, told in enumerate(said):
        row = told["row"]
        needs = tuple(told.get("needs", ()))
        if any(not 0 <= need < id_ for need in needs):
            raise ValueError(f"change {id_} needs one that does not come before it")
        if _NUMBER.fullmatch(told["number"]) is None:
            raise ValueError(f"change {id_} is about {told['number']!r}, which is no number")
        yield Change(
            id=id_,
            trunk=Trunk(Number(told["number"]), Channel(told["channel"])),
            action=Action(told["action"]),
            reason=Reason(told["reason"]),
            before=told["before"],
            after=told["after"],
            origin=origins.setdefault(row, Origin(source.file, source.sheet, row)),
            needs=needs,
            unit=told["unit"],
            wave=told["wave"],
            page=told["page"],
        )
