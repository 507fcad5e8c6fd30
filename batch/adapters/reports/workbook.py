"""``report.xlsx``, the report for people who live in spreadsheets: what became of a run, or a plan under review."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.reports.causes import causes
from batch.adapters.reports.facts import facts
from batch.adapters.reports.failed import failures, input_header, reason_header, reasons
from batch.adapters.reports.grid import COLUMNS, Cell, Column, Laid, Look, Styles, Table, header, lay_out, widest
from batch.adapters.reports.package import put_rows
from batch.adapters.reports.plan_sheets import review_blocks, steps_table
from batch.adapters.reports.told import Told, apart
from batch.adapters.reports.words import headline
from batch.core.model import Problem, Result, Status
from batch.core.problems import CATALOGUE, Severity, describe
from batch.core.reasons import MEANINGS

OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_workbook(told: Told, file: IO[bytes]) -> None:
    """Fill *file*. Raises OSError."""
    bare = io.BytesIO()
    with Workbook(bare, OPTIONS) as book:
        tables = _fill(book, told)
    whole = io.BytesIO()  # 10 MB for 100,000 lines; onto a full disk zipfile would complain a second time, on stderr
    put_rows(bare, whole, tables)
    file.write(whole.getbuffer())


def _fill(book: Workbook, told: Told) -> list[Laid]:
    book.set_properties(
        {
            "title": f"Run {told.summary.run_id}",
            "author": f"reassign {told.summary.tool_version}",
            "created": datetime.fromtimestamp(told.record.started_at, UTC).replace(tzinfo=None, microsecond=0),
        }
    )
    styles = Styles(book)
    _summary(book.add_worksheet("Summary"), styles, told)
    tables = [_results(styles, told), _problems(styles, told)]
    if told.looked:  # nothing has failed, nothing has moved
        tables.insert(0, steps_table(styles, told))
    else:
        tables[1:1] = [_failures(told), _before_after(styles, told)]
    return [lay_out(book, styles, table) for table in tables]


# ── the sheets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _summary(sheet: Worksheet, styles: Styles, told: Told) -> None:
    said = headline(told)
    for column, width in enumerate((24, 12, 12, 100)):
        sheet.set_column(column, column, width)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.hide_gridlines(2)
    sheet.set_row(0, 30)
    sheet.write_string(0, 0, said.what, styles.titles[said.tone])
    sheet.write_string(1, 0, said.more, styles.bold)
    sheet.write_string(2, 0, f"{said.next} {said.command}".strip())
    if told.looked:
        below = review_blocks(sheet, styles, told, 4)
    else:
        below = _causes(sheet, styles, told, _counts(sheet, styles, told, 4) + 2)
    for row, (name, value) in enumerate(facts(told), below + 2):
        sheet.write_string(row, 0, name, styles.bold)
        sheet.write_string(row, 1, value)


def _counts(sheet: Worksheet, styles: Styles, told: Told, top: int) -> int:
    """How the lines ended, from row *top* on; returns the last row."""
    header(sheet, styles, top, ("status", "lines", "planned", "meaning"))
    bottom = top + len(told.summary.counts)
    for row, (status, count) in enumerate(told.summary.counts.items(), top + 1):
        sheet.write_string(row, 0, status.value, styles.status[status])
        sheet.write_number(row, 1, count)
        sheet.write_number(row, 2, told.summary.predicted[status.value], styles.faint)
        sheet.write_string(row, 3, MEANINGS[status], styles.faint)
    bar = {"type": "data_bar", "bar_solid": True, "bar_color": "#cbd5e1", "min_type": "num", "min_value": 0}
    sheet.conditional_format(top + 1, 1, bottom, 1, bar)
    return bottom


def _causes(sheet: Worksheet, styles: Styles, told: Told, top: int) -> int:
    """Why lines did not end well, from row *top* on, when some did not; returns the last row."""
    found = causes(told)
    if not found:
        return top - 2
    header(sheet, styles, top, ("did not end well", "lines", "", "why"))
    for row, cause in enumerate(found, top + 1):
        sheet.write_string(row, 0, cause.status, styles.status[Status(cause.status)])
        sheet.write_number(row, 1, cause.count)
        sheet.write_string(row, 3, f"{cause.words}{f' – {cause.said}' if cause.said else ''}")
    return top + len(found)


def _results(styles: Styles, told: Told) -> Table:
    called = apart(told)
    names = widest({name for _, line in told.lines for name in (line.before_agent_name, line.after_agent_name)})
    columns = (
        *(Column("row", 7, Look.FIGURE), Column("number", 18), Column("channel", 11), Column("status", 11)),
        *(Column(name, names, Look.LONG) for name in ("agent", "before", "after")),
        *(Column("reason", 70, Look.LONG), Column("http", 7, Look.FIGURE), Column("attempts", 10, Look.FIGURE)),
        *(Column("finished", 26), Column("verified", 10), Column("wave", 7), Column("note", 30, Look.LONG)),
    )
    return Table(
        name="Results",
        columns=columns,
        rows=((styles.status[line.status], _result_cells(line, called)) for _, line in told.lines),
        count=len(told.lines),
        marked=3,
        marks=tuple(styles.status.values()),
    )


def _result_cells(line: Result, called: Mapping[str, str]) -> tuple[Cell, ...]:
    return (
        line.row,
        line.number,
        line.channel,
        line.status.value,
        called.get(line.agent_uuid) or line.agent_name or line.agent_uuid,
        called.get(line.before_agent_uuid) or line.before_agent_name or line.before_agent_uuid,
        called.get(line.after_agent_uuid) or line.after_agent_name or line.after_agent_uuid,
        line.reason,
        line.http_status,
        line.attempts or None,
        line.finished_at,
        line.verified.value,
        line.wave,
        line.note,
    )


def _failures(told: Told) -> Table:
    """Rows to run again as they are: the input's header, and a column of reasons that the reader passes over."""
    rows = list(failures(told))
    meant = input_header(told)
    width = max([len(meant), *(len(row.cells) for row in rows)])
    names = _padded(meant, width)
    widths = [widest({name, *(_padded(row.cells, width)[place] for row in rows)}) for place, name in enumerate(names)]
    columns = [Column(name, widths[place]) for place, name in enumerate(names)]
    columns.append(Column(reason_header(told), 100, Look.LONG))
    return Table(
        name="Failures",
        columns=columns[:COLUMNS],  # the widest of inputs leaves no room for the reasons
        rows=((None, (*_padded(row.cells, width), reasons(row))[:COLUMNS]) for row in rows),
        count=len(rows),
    )


def _padded(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return (*cells, *[""] * (width - len(cells)))


def _before_after(styles: Styles, told: Told) -> Table:
    """The trunks whose owner is another one than before the run."""
    moved = [line for _, line in told.lines if line.before_agent_uuid != line.after_agent_uuid]
    names = widest({name for line in moved for name in (line.before_agent_name, line.after_agent_name)})
    columns = (
        *(Column("row", 7, Look.FIGURE), Column("number", 18), Column("channel", 11)),
        *(Column("before", names, Look.LONG), Column("after", names, Look.LONG), Column("status", 11)),
        *(Column("before uuid", 38), Column("after uuid", 38)),
    )
    return Table(
        name="Before-After",  # Excel allows no slash in a name
        columns=columns,
        rows=((styles.status[line.status], _moved_cells(line)) for line in moved),
        count=len(moved),
        marked=5,
        marks=tuple(styles.status.values()),
    )


def _moved_cells(line: Result) -> tuple[Cell, ...]:
    return (
        line.row,
        line.number,
        line.channel,
        line.before_agent_name,
        line.after_agent_name,
        line.status.value,
        line.before_agent_uuid,
        line.after_agent_uuid,
    )


PROBLEMS = (
    *(Column("row", 7, Look.FIGURE), Column("column", 18), Column("value", 28, Look.LONG), Column("kind", 9)),
    *(Column("code", 24), Column("what is wrong", 70, Look.LONG), Column("what to do", 70, Look.LONG)),
)


def _problems(styles: Styles, told: Told) -> Table:
    marks = {Severity.ERROR: styles.status[Status.INVALID], Severity.NOTE: styles.status[Status.ALREADY]}
    return Table(
        name="Problems",
        columns=PROBLEMS,
        rows=(
            (marks[CATALOGUE[problem.code].severity], _problem_cells(problem))
            for problem in told.record.plan.problems()
        ),
        count=sum(1 for _ in told.record.plan.problems()),
        marked=3,
        marks=tuple(marks.values()),
    )


def _problem_cells(problem: Problem) -> tuple[Cell, ...]:
    kind = CATALOGUE[problem.code]
    word = "problem" if kind.severity is Severity.ERROR else "note"
    return (problem.origin.row, problem.column, problem.value, word, problem.code, describe(problem), kind.hint)
