"""``report.xlsx``, the report for people who live in spreadsheets: text cells, nothing live, row by row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.reports.clean import clean
from batch.adapters.reports.failed import failures, reason_header
from batch.adapters.reports.told import Told
from batch.adapters.reports.words import headline
from batch.core.exits import MEANINGS as EXITS
from batch.core.exits import Exit
from batch.core.model import Result, Status
from batch.core.problems import CATALOGUE, Severity, describe
from batch.core.reasons import MEANINGS

ROWS = 1_048_576
"""Rows a sheet holds (Excel's specification of limits); more go on in a further sheet."""

OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}

COLOURS: Mapping[Status, tuple[str, str]] = {
    Status.DONE: ("#14653a", "#dcf3e4"),
    Status.ALREADY: ("#4b5563", "#eceff3"),
    Status.INVALID: ("#8a4b08", "#fdeccf"),
    Status.REJECTED: ("#9b1c1c", "#fbdfdf"),
    Status.FAILED: ("#9b1c1c", "#fbdfdf"),
    Status.UNKNOWN: ("#5b21b6", "#ebe3fb"),
    Status.DRIFTED: ("#1e4fa3", "#dfe9fb"),
    Status.SKIPPED: ("#4b5563", "#eceff3"),
}
"""Text and ground of a status; the word always stands beside the colour."""

Cell = str | int | None


class Styles:
    """The few formats a workbook needs."""

    def __init__(self, book: Workbook) -> None:
        self.text = book.add_format({"num_format": "@", "valign": "top"})
        self.head = book.add_format({"bold": True, "bg_color": "#e5e7eb", "bottom": 1, "valign": "vcenter"})
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.bold = book.add_format({"bold": True})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.faint = book.add_format({"font_color": "#6b7280"})
        self.status = {
            status: book.add_format({"font_color": ink, "bg_color": ground, "valign": "top"})
            for status, (ink, ground) in COLOURS.items()
        }


class Grid:
    """A table with a frozen, filtered header that goes on in a further sheet when one is full."""

    def __init__(self, book: Workbook, styles: Styles, name: str, columns: Sequence[tuple[str, int]]) -> None:
        self._book = book
        self._styles = styles
        self._name = name
        self._columns = columns
        self._sheets = 0
        self._open()

    def add(self, cells: Iterable[Cell], formats: Mapping[int, Format] | None = None) -> None:
        """One more row; texts are texts whatever they look like."""
        if self._row == ROWS:
            self.close()
            self._open()
        row, sheet = self._row, self._sheet
        for column, cell in enumerate(cells):
            style = formats.get(column) if formats else None
            if cell is None or cell == "":
                continue
            if isinstance(cell, str):
                sheet.write_string(row, column, clean(cell), style)
            else:
                sheet.write_number(row, column, cell, style)
        self._row += 1

    def close(self) -> None:
        """Put the filter over what was written."""
        self._sheet.autofilter(0, 0, max(self._row - 1, 1), len(self._columns) - 1)

    def _open(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for column, (header, width) in enumerate(self._columns):
            self._sheet.set_column(column, column, width, self._styles.text)
            self._sheet.write_string(0, column, clean(header), self._styles.head)
        self._row = 1


def write_workbook(told: Told, file: IO[bytes], folder: Path) -> None:
    """Fill *file*. What xlsxwriter sets aside meanwhile lies in *folder*, which is nobody else's. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=".xlsx-", dir=folder) as aside:
        try:
            with Workbook(file, {**OPTIONS, "tmpdir": aside}) as book:
                _fill(book, told)
        except FileCreateError as error:  # the library hides a full disk in an exception of its own
            raise OSError(*error.args) from error


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
    _results(book, styles, told)
    _failures(book, styles, told)
    _before_after(book, styles, told)
    _problems(book, styles, told)


# ── the sheets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _summary(sheet: Worksheet, styles: Styles, told: Told) -> None:
    said = headline(told)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 90)
    sheet.write_string(0, 0, said.what, styles.title)
    sheet.write_string(1, 0, clean(said.more), styles.bold)
    sheet.write_string(2, 0, clean(f"{said.next} {said.command}".strip()))
    row = 4
    for column, name in enumerate(("status", "lines", "meaning")):
        sheet.write_string(row, column, name, styles.head)
    for status, count in told.summary.counts.items():
        row += 1
        sheet.write_string(row, 0, status.value, styles.status[status])
        sheet.write_number(row, 1, count)
        sheet.write_string(row, 2, MEANINGS[status], styles.faint)
    sheet.conditional_format(
        5, 1, row, 1, {"type": "data_bar", "bar_solid": True, "bar_color": "#cbd5e1", "min_type": "num", "min_value": 0}
    )
    row += 1
    for name, value in _facts(told):
        row += 1
        sheet.write_string(row, 0, name, styles.bold)
        sheet.write_string(row, 1, clean(value))


def _facts(told: Told) -> Iterable[tuple[str, str]]:
    summary, calls = told.summary, told.summary.calls
    source = told.record.plan.source
    yield "run", summary.run_id
    yield "command", summary.command
    yield "workspace", summary.workspace
    yield "input", f"{source.file}{f' [{source.sheet}]' if source.sheet else ''}"
    yield "input sha256", summary.input_sha256
    yield "started", summary.started_at
    yield "finished", summary.finished_at or "not yet"
    if summary.exit_code is not None:
        meaning = EXITS.get(Exit(summary.exit_code), "") if summary.exit_code in set(Exit) else ""
        yield "exit code", f"{summary.exit_code}: {meaning}"
    if summary.stopped:
        yield "stopped", summary.stopped
    yield "rows", f"{summary.rows:,}"
    yield "changes planned", f"{summary.changes:,}"
    yield (
        "calls",
        f"{calls.get:,} GET, {calls.put:,} PUT, {calls.retried:,} retried, {calls.refused_429:,} refused (429)",
    )
    yield from ((f"pace {name}", value) for name, value in summary.pace.items())
    yield "otherwise than planned", f"{summary.mispredicted:,}"
    yield "plan digest", summary.plan_digest
    yield "tool version", summary.tool_version
    yield from (("note", note) for note in summary.notes)


RESULTS = (
    *(("row", 7), ("number", 18), ("channel", 11), ("status", 11), ("agent", 26), ("before", 26), ("after", 26)),
    *(("reason", 70), ("http", 7), ("attempts", 9), ("finished", 26), ("verified", 10), ("wave", 7), ("note", 30)),
)


def _results(book: Workbook, styles: Styles, told: Told) -> None:
    grid = Grid(book, styles, "Results", RESULTS)
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
    header = told.record.plan.header
    rows = list(failures(told))
    width = max([len(header), *(len(cells) for cells, _ in rows)])
    columns = [(name, 24) for name in (*header, *[""] * (width - len(header)))]
    grid = Grid(book, styles, "Failures", [*columns, (reason_header(told), 100)])
    for cells, reasons in rows:
        grid.add((*cells, *[""] * (width - len(cells)), reasons), {width: styles.wrap})
    grid.close()


BEFORE_AFTER = (
    *(("row", 7), ("number", 18), ("channel", 11), ("before", 26), ("after", 26), ("status", 11)),
    *(("before uuid", 38), ("after uuid", 38)),
)


def _before_after(book: Workbook, styles: Styles, told: Told) -> None:
    """The trunks whose owner is another one than before the run."""
    grid = Grid(book, styles, "Before-After", BEFORE_AFTER)
    formats = {status: {5: style} for status, style in styles.status.items()}
    for _, line in told.lines:
        before, after = line.before_agent_uuid, line.after_agent_uuid
        if before != after:
            cells = (
                line.row,
                line.number,
                line.channel,
                line.before_agent_name,
                line.after_agent_name,
                line.status.value,
            )
            grid.add((*cells, before, after), formats[line.status])
    grid.close()


PROBLEMS = (
    *(("row", 7), ("column", 18), ("value", 28), ("kind", 9), ("code", 24)),
    *(("what is wrong", 70), ("what to do", 70)),
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
