"""``report.xlsx``, the report for people who live in spreadsheets: what became of a run, or a plan under review."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.reports.causes import causes
from batch.adapters.reports.facts import facts
from batch.adapters.reports.failed import failures, reason_header, reasons
from batch.adapters.reports.grid import Cell, Column, Grid, Look, Styles, header, widest
from batch.adapters.reports.plan_sheets import review_blocks, steps_sheet
from batch.adapters.reports.told import Told
from batch.adapters.reports.words import headline
from batch.core.model import Result, Status
from batch.core.problems import CATALOGUE, Severity, describe
from batch.core.reasons import MEANINGS

HELD = 25_000
"""Lines up to which a workbook is built in memory, in three fifths of the time; some 3 KB a line."""

SET_ASIDE = ".xlsx-"
"""How the folders are called that hold a workbook's sheets until it is whole."""

OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_workbook(told: Told, file: IO[bytes], folder: Path) -> None:
    """Fill *file*. What xlsxwriter sets aside meanwhile lies in *folder*, which is nobody else's. Raises OSError."""
    whole = io.BytesIO()  # 10 MB for 100,000 lines; onto a full disk zipfile would complain a second time, on stderr
    small = len(told.lines) <= HELD
    held = {"in_memory": small, "constant_memory": not small}
    with tempfile.TemporaryDirectory(prefix=SET_ASIDE, dir=folder) as aside:
        try:
            with Workbook(whole, {**OPTIONS, **held, "tmpdir": aside}) as book:
                _fill(book, told)
        except FileCreateError as error:  # the library hides a full disk in an exception of its own
            raise OSError(getattr(error.__context__, "errno", None), str(error)) from error
    file.write(whole.getbuffer())


def _fill(book: Workbook, told: Told) -> None:
    book.set_properties(
        {
            "title": f"Run {told.summary.run_id}",
            "author": f"reassign {told.summary.tool_version}",
            "created": datetime.fromtimestamp(told.record.started_at, UTC).replace(tzinfo=None, microsecond=0),
        }
    )
    styles = Styles(book)
    _summary(book.add_worksheet("Summary"), styles, told)
    if told.looked:
        steps_sheet(book, styles, told)
    _results(book, styles, told)
    if not told.looked:  # nothing has failed, nothing has moved
        _failures(book, styles, told)
        _before_after(book, styles, told)
    _problems(book, styles, told)


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


def _results(book: Workbook, styles: Styles, told: Told) -> None:
    names = widest({name for _, line in told.lines for name in (line.before_agent_name, line.after_agent_name)})
    columns = (
        *(Column("row", 7, Look.FIGURE), Column("number", 18), Column("channel", 11), Column("status", 11)),
        *(Column(name, names, Look.LONG) for name in ("agent", "before", "after")),
        *(Column("reason", 70, Look.LONG), Column("http", 7, Look.FIGURE), Column("attempts", 10, Look.FIGURE)),
        *(Column("finished", 26), Column("verified", 10), Column("wave", 7), Column("note", 30, Look.LONG)),
    )
    grid = Grid(book, styles, "Results", columns)
    formats = {status: {3: style} for status, style in styles.status.items()}
    for _, line in told.lines:
        grid.add(_result_cells(line), formats[line.status])
    grid.close()


def _result_cells(line: Result) -> tuple[Cell, ...]:
    return (
        line.row,
        line.number,
        line.channel,
        line.status.value,
        line.agent_name or line.agent_uuid,
        line.before_agent_name or line.before_agent_uuid,
        line.after_agent_name or line.after_agent_uuid,
        line.reason,
        line.http_status,
        line.attempts or None,
        line.finished_at,
        line.verified.value,
        line.wave,
        line.note,
    )


def _failures(book: Workbook, styles: Styles, told: Told) -> None:
    """Rows to run again as they are: the input's header, and a column of reasons that the reader passes over."""
    rows = list(failures(told))
    width = max([len(told.record.plan.header), *(len(row.cells) for row in rows)])
    names = _padded(told.record.plan.header, width)
    widths = [widest({name, *(_padded(row.cells, width)[place] for row in rows)}) for place, name in enumerate(names)]
    columns = [Column(name, widths[place]) for place, name in enumerate(names)]
    grid = Grid(book, styles, "Failures", [*columns, Column(reason_header(told), 100, Look.LONG)])
    for row in rows:
        grid.add((*_padded(row.cells, width), reasons(row)))
    grid.close()


def _padded(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return (*cells, *[""] * (width - len(cells)))


def _before_after(book: Workbook, styles: Styles, told: Told) -> None:
    """The trunks whose owner is another one than before the run."""
    moved = [line for _, line in told.lines if line.before_agent_uuid != line.after_agent_uuid]
    names = widest({name for line in moved for name in (line.before_agent_name, line.after_agent_name)})
    columns = (
        *(Column("row", 7, Look.FIGURE), Column("number", 18), Column("channel", 11)),
        *(Column("before", names, Look.LONG), Column("after", names, Look.LONG), Column("status", 11)),
        *(Column("before uuid", 38), Column("after uuid", 38)),
    )
    grid = Grid(book, styles, "Before-After", columns)  # Excel allows no slash in a name
    formats = {status: {5: style} for status, style in styles.status.items()}
    for line in moved:
        names_ = (line.before_agent_name, line.after_agent_name)
        uuids = (line.before_agent_uuid, line.after_agent_uuid)
        cells = (line.row, line.number, line.channel, *names_, line.status.value, *uuids)
        grid.add(cells, formats[line.status])
    grid.close()


PROBLEMS = (
    *(Column("row", 7, Look.FIGURE), Column("column", 18), Column("value", 28, Look.LONG), Column("kind", 9)),
    *(Column("code", 24), Column("what is wrong", 70, Look.LONG), Column("what to do", 70, Look.LONG)),
)


def _problems(book: Workbook, styles: Styles, told: Told) -> None:
    grid = Grid(book, styles, "Problems", PROBLEMS)
    marked = {Severity.ERROR: {3: styles.status[Status.INVALID]}, Severity.NOTE: {3: styles.status[Status.ALREADY]}}
    for problem in told.record.plan.problems():
        kind = CATALOGUE[problem.code]
        word = "problem" if kind.severity is Severity.ERROR else "note"
        cells = (problem.origin.row, problem.column, problem.value, word, problem.code, describe(problem), kind.hint)
        grid.add(cells, marked[kind.severity])
    grid.close()
