"""Whether a plan that comes out of a file is one that this program could have made: its digest anybody can work out.

A change that belongs to no row would be sent, and be in no report; a row without its change would be told as left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from batch.core.model import Action, Change, Channel, Number, Plan, Trunk


class _Problem(Struct, forbid_unknown_fields=True):
    code: str
    column: str = ""
    value: str = ""
    detail: str = ""
    related: list[int] = []


class _Row(Struct, forbid_unknown_fields=True):
    row: int
    cells: list[str]
    number: str
    channels: list[str]
    agent_uuid: str = ""
    agent_name: str = ""
    note: str = ""
    wave: int | None = None
    valid: bool = True
    selected: bool = True
    duplicate_of: dict[str, int] = {}
    problems: list[_Problem] = []


class _Change(Struct, forbid_unknown_fields=True):
    row: int
    number: str
    channel: str
    action: str
    reason: str
    before: str | None
    after: str
    unit: int
    wave: int
    page: int
    needs: list[int] = []


class _Facts(Struct, forbid_unknown_fields=True):
    agents_serving: int
    agents_emptied: int
    numbers_asked: int
    numbers_missing: int


class _Document(Struct):
    workspace: dict[str, str]
    limits: dict[str, str]
    header: list[str]
    columns: dict[str, int]
    agents: dict[str, str]
    trunks_total: int
    facts: _Facts
    notes: list[str]
    rows: list[_Row]
    changes: list[_Change]


def check_shape(document: Any) -> None:
    """Raises ValueError when a part of a decoded plan is of another kind than it is written as."""
    try:
        msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def check_sound(plan: Plan) -> None:
    """Raises ValueError when changes and rows do not fit: each asked-for trunk has its change, and no other has one."""
    asked = dict(_asked(plan))
    written = _by_trunk(plan.changes)
    for trunk, changes in written.items():
        writes = [change.action for change in changes if change.action is not Action.KEEP]
        if writes and trunk not in asked:
            raise ValueError(f"it changes {trunk}, which none of its rows asks for")
        if writes and changes[-1].after != asked[trunk]:
            raise ValueError(f"it gives {trunk} another agent than its row asks for")
        if writes not in ([], [Action.ASSIGN], [Action.PARK, Action.ASSIGN]) or (writes and len(writes) < len(changes)):
            raise ValueError(f"it changes {trunk} more than once")
    for trunk in asked:
        if trunk not in written:
            raise ValueError(f"it has no change for {trunk}, which one of its rows asks for")


def _asked(plan: Plan) -> Iterable[tuple[Trunk, str]]:
    """What the good rows ask for, each trunk by the first of them."""
    for row in plan.rows:
        if row.valid and row.selected:
            for channel in row.channels:
                if channel not in row.duplicate_of:
                    yield Trunk(Number(row.number), Channel(channel)), row.agent_uuid


def _by_trunk(changes: Iterable[Change]) -> Mapping[Trunk, list[Change]]:
    found: dict[Trunk, list[Change]] = {}
    for change in changes:
        found.setdefault(change.trunk, []).append(change)
    return found
