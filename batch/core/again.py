"""Runs made from runs: the sheet that undoes one, and the sheet that tries again what did not end well.

Both give a :class:`SourceTable`, so they walk through the same rooms as any sheet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from batch.core.figures import rows_said
from batch.core.model import (
    Action,
    AgentId,
    Change,
    Field,
    Origin,
    Outcome,
    Plan,
    PlanRow,
    Reason,
    Result,
    RunRecord,
    SourceRow,
    SourceTable,
    Status,
    Trunk,
)
from batch.core.problems import is_error
from batch.core.results import GOOD, lines, reason_of
from batch.core.texts import trim

ROLLBACK_HEADER = ("number", "channel", "agent_uuid", "expect")
NOBODY = "nobody"
"""The agent before, where there was none: read as a wish that the API cannot grant, and refused as one."""
ROLLBACK_COLUMNS = {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT_UUID: 2, Field.EXPECT: 3}


def rollback_table(record: RunRecord) -> SourceTable:
    """One row per trunk that the run may have changed: back to the agent before it, where the run's agent still is.

    A trunk that has another agent by now is *drifted* by its ``expect`` cell, left alone and so named. One whose change
    is believed not to have been applied has a row too when a PUT for it was sent: the server may have applied it since.
    """
    rows = []
    for trunk, changes in _by_trunk(record.plan.changes).items():
        ours, before = _our_agent(record, trunk, changes), _before(record, trunk, changes[0])
        if ours is not None and ours != before:
            cells = (trunk.number, trunk.channel.value, before or NOBODY, ours)
            rows.append(SourceRow(changes[0].origin, cells))
    return _table(record, ROLLBACK_HEADER, ROLLBACK_COLUMNS, rows)


def spares(record: RunRecord) -> tuple[AgentId, ...]:
    """The agents on which the run's rings were to wait: to take them back one is needed again."""
    return tuple(dict.fromkeys(change.after for change in record.plan.changes if change.action is Action.PARK))


def retry_table(record: RunRecord) -> SourceTable:
    """The rows of a run that did not end well, as they were typed, each with the channels that are still wanted."""
    rows = [SourceRow(row.origin, row.cells) for row in unfinished(lines(record), record.plan)]
    return _table(record, record.plan.header, record.plan.columns, rows)


def somebody_elses(record: RunRecord) -> str:
    """What is to be said of rows that a run left alone, and a retry does not; nothing where there are none.

    A row that expects an agent is left alone again.
    """
    expects = record.plan.columns.get(Field.EXPECT)
    drifted = (row for row, line in lines(record) if line.status is Status.DRIFTED and not _cell(row, expects))
    rows = rows_said(row.origin.row for row in drifted)
    return f"{rows}: left to somebody else before, and moved now" if rows else ""


def _cell(row: PlanRow, column: int | None) -> str:
    return "" if column is None else trim(row.cells[column])


class Unfinished(Struct, frozen=True, kw_only=True):
    """A row with something left to do: its cells, and the lines about it.

    The channel's cell names just what is left. The number is written out, as it was read: what has to be known to read
    it again (``--region``) is not in the sheet.
    """

    origin: Origin
    cells: tuple[str, ...]
    lines: tuple[Result, ...]


def unfinished(told: Iterable[tuple[PlanRow, Result]], plan: Plan) -> Iterator[Unfinished]:
    """The rows that did not end well, from all lines of a run.

    What was left out on purpose is none of them, and what only repeats an earlier row is done by trying that one again.
    """
    # by identity: a run made from a run may have two rows of one origin, and equal rows are still two
    for _, group in groupby(told, key=lambda line: id(line[0])):
        row_lines = list(group)
        row = row_lines[0][0]
        left = tuple(result for _, result in row_lines if is_unfinished(result))
        again = [result.channel for result in left if result.channel not in row.duplicate_of]
        if again:
            yield Unfinished(origin=row.origin, cells=_cells(row, again, plan), lines=left)


def is_unfinished(result: Result) -> bool:
    """Whether something is left to do for a line: neither done nor already so, nor left out on purpose."""
    return result.status not in GOOD and reason_of(result) is not Reason.NOT_SELECTED


def _cells(row: PlanRow, channels: Sequence[str], plan: Plan) -> tuple[str, ...]:
    cells = list(row.cells)
    channel, number = plan.columns.get(Field.CHANNEL), plan.columns.get(Field.NUMBER)
    if row.valid and channel is not None and len(channels) < len(row.channels):
        cells[channel] = ",".join(channels)
    ragged = len(cells) != len(plan.header)
    if number is not None and not ragged and _is_read(row, plan.header[number]):
        cells[number] = row.number
    return tuple(cells)


def _is_read(row: PlanRow, column: str) -> bool:
    """Whether nothing is wrong with the row's number, which is in *column*; one that is not known to be is as typed."""
    return not any(problem.column == column and is_error(problem) for problem in row.problems)


def _by_trunk(changes: Iterable[Change]) -> dict[Trunk, list[Change]]:
    found: dict[Trunk, list[Change]] = {}
    for change in changes:
        if change.action is not Action.KEEP:
            found.setdefault(change.trunk, []).append(change)
    return found


def _our_agent(record: RunRecord, trunk: Trunk, changes: Iterable[Change]) -> AgentId | None:
    """The agent that the run gave a trunk: the one it was last seen on if that is ours, else the last one sent."""
    sent = [change.after for change in changes if _may_be_applied(record.outcomes.get(change.id))]
    if not sent:
        return None
    state = record.afters.get(trunk.number)
    seen = None if state is None else state.owner(trunk.channel)
    return seen if seen in sent else sent[-1]


def _may_be_applied(outcome: Outcome | None) -> bool:
    return outcome is not None and (outcome.written or outcome.status in (Status.DONE, Status.UNKNOWN))


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
