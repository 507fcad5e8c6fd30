"""Runs made from runs: the sheet that undoes one, and the sheet that tries again what did not end well.

Both give a :class:`SourceTable`, so they walk through the same rooms as any sheet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from batch.core.model import (
    Action,
    AgentId,
    Change,
    Field,
    Origin,
    Outcome,
    RunRecord,
    SourceRow,
    SourceTable,
    Status,
    Trunk,
)

ROLLBACK_HEADER = ("number", "channel", "agent_uuid", "expect")
ROLLBACK_COLUMNS = {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT_UUID: 2, Field.EXPECT: 3}


def rollback_table(record: RunRecord) -> SourceTable:
    """One row per trunk that the run may have changed: back to the agent before it, where the run's agent still is.

    A trunk that has another agent by now is *drifted* by its ``expect`` cell and left alone.
    """
    rows = []
    for trunk, changes in _by_trunk(record.plan.changes).items():
        last = _last_written(changes, record.outcomes)
        before = _before(record, trunk, changes[0])
        if last is not None and last.after != before:
            cells = (trunk.number, trunk.channel.value, before or "", last.after)
            rows.append(SourceRow(Origin(record.plan.source.file, changes[0].origin.sheet, changes[0].origin.row), cells))
    return _table(record, ROLLBACK_HEADER, ROLLBACK_COLUMNS, rows)


def retry_table(record: RunRecord) -> SourceTable:
    """The rows of a run that did not end well, as they were typed, each with the channels that are still wanted."""
    rows = [SourceRow(origin, cells) for origin, cells in unfinished_rows(record)]
    return _table(record, record.plan.header, record.plan.columns, rows)


def unfinished_rows(record: RunRecord) -> Iterable[tuple[Origin, tuple[str, ...]]]:
    """Rows with something that is neither done nor already so; their channel cell names just that."""
    good = _good_trunks(record)
    column = record.plan.columns.get(Field.CHANNEL)
    for row in record.plan.rows:
        left = [c for c in row.channels if c not in row.duplicate_of and (row.number, c) not in good]
        if not left:
            continue
        cells = row.cells
        if row.valid and column is not None and len(left) < len(row.channels):
            cells = (*cells[:column], ",".join(left), *cells[column + 1 :])
        yield row.origin, cells


def _good_trunks(record: RunRecord) -> set[tuple[str, str]]:
    """Trunks whose last change ended well or needed no call."""
    last = {change.trunk: change for change in record.plan.changes}
    return {(t.number, t.channel.value) for t, change in last.items() if _ended_well(change, record.outcomes)}


def _ended_well(change: Change, outcomes: Mapping[int, Outcome]) -> bool:
    outcome = outcomes.get(change.id)
    if outcome is None:
        return change.action is Action.KEEP and change.before == change.after
    return outcome.status in (Status.DONE, Status.ALREADY)


def _by_trunk(changes: Iterable[Change]) -> dict[Trunk, list[Change]]:
    found: dict[Trunk, list[Change]] = {}
    for change in changes:
        if change.action is not Action.KEEP:
            found.setdefault(change.trunk, []).append(change)
    return found


def _last_written(changes: Iterable[Change], outcomes: Mapping[int, Outcome]) -> Change | None:
    last = None
    for change in changes:
        outcome = outcomes.get(change.id)
        if outcome is not None and outcome.status in (Status.DONE, Status.UNKNOWN):
            last = change
    return last


def _before(record: RunRecord, trunk: Trunk, first: Change) -> AgentId | None:
    state = record.befores.get(trunk.number)
    return first.before if state is None else state.owner(trunk.channel)


def _table(
    record: RunRecord, header: tuple[str, ...], columns: Mapping[Field, int], rows: Iterable[SourceRow]
) -> SourceTable:
    source = record.plan.source
    kept = tuple(rows)
    text = "\n".join("\t".join((record.run_id, str(row.origin.row), *row.cells)) for row in kept)
    return SourceTable(
        file=source.file,
        sheet=source.sheet,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        header=header,
        columns=columns,
        rows=kept,
        only_sheet=source.only_sheet,
    )
