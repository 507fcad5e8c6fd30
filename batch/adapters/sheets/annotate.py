"""The sheet as it was read, with its problems in it: coloured cells, and a comment on each that says what to do.

Rows keep their own numbers, so that *row 17* of a message is row 17 here too. Every cell is text: nothing computes,
links or is turned into another value. The copy loads back as input once its cells are mended; a ragged row, whose cells
cannot be told apart, comes as one cell that is refused until somebody splits it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.files import replacing
from batch.adapters.reports.clean import clean
from batch.adapters.sheets.table import MAX_COLUMNS, MAX_ROWS
from batch.core import columns
from batch.core.model import Origin, Problem, SourceRow, SourceTable
from batch.core.problems import CATALOGUE, describe, is_error
from batch.errors import UsageError

MOST_COMMENTS = 5_000
"""Comments are slow to open. Beyond so many, cells are coloured, and the problems stand in the last column only."""
LONGEST_COMMENT = 1_000
PROBLEMS = "problems"
"""The header of the last column; no field is called so."""

_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_SHEET_NAME_TABOO = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))
_LONGEST_SHEET_NAME = 31


@dataclass(frozen=True, slots=True)
class _Styles:
    text: Format
    head: Format
    error: Format
    note: Format
    told: Format


def annotate(table: SourceTable, problems: Iterable[Problem], out: Path) -> None:
    """Write *table* with *problems* to *out*.

    Raises:
        UsageError: *out* does not end in ``.xlsx``, or the table is larger than a sheet.
        JournalError: the disk does not take it.
    """
    if out.suffix.lower() != ".xlsx":
        raise UsageError(f"cannot write {out.name}: an annotated copy is XLSX", hint="end its name in .xlsx")
    if any(row.origin.row > MAX_ROWS for row in table.rows[-1:]) or len(table.header) >= MAX_COLUMNS:
        raise UsageError(f"{table.file} is larger than a sheet can be", hint="split it, or use --json")
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, _OPTIONS) as book:
        _Copy(book, table, problems).write()
    with replacing(out) as file:
        file.write(buffer.getvalue())


class _Copy:
    """One sheet being written."""

    def __init__(self, book: Workbook, table: SourceTable, problems: Iterable[Problem]) -> None:
        self.table = table
        self.sheet: Worksheet = book.add_worksheet(_sheet_name(table.sheet))
        self.styles = _styles(book)
        self.told = _by_row(problems)
        self.comments = 0

    def write(self) -> None:
        header, table = _header_row(self.table), self.table
        last = len(table.header)
        self.sheet.set_column(0, max(last - 1, 0), 22, self.styles.text)
        self.sheet.set_column(last, last, 90, self.styles.told)
        for column, name in enumerate((*table.header, _free_header(table))):
            self.sheet.write_string(header, column, clean(name), self.styles.head)
        for row in table.rows:
            self._row(row, self.told.get(row.origin, ()))
        self.sheet.freeze_panes(header + 1, 0)
        below = max((row.origin.row - 1 for row in table.rows[-1:]), default=header)
        self.sheet.autofilter(header, 0, below, last)

    def _row(self, row: SourceRow, told: Sequence[Problem]) -> None:
        index, last = row.origin.row - 1, len(self.table.header)
        cells = row.cells if len(row.cells) == last else (" | ".join(row.cells),)
        by_column = self._by_column(told)
        for column, cell in enumerate(cells):
            found = by_column.get(column, ())
            if cell or found:
                self.sheet.write_string(index, column, clean(cell), self._style(found))
            if found:
                self._comment(index, column, found)
        if told:
            self.sheet.write_string(index, last, clean("\n".join(map(_said, told))), self._style(told))

    def _by_column(self, told: Iterable[Problem]) -> Mapping[int, list[Problem]]:
        """The problems by the column they are about; those of a whole row stand at its first cell."""
        found: dict[int, list[Problem]] = {}
        for problem in told:
            named = problem.column in self.table.header
            found.setdefault(self.table.header.index(problem.column) if named else 0, []).append(problem)
        return found

    def _style(self, told: Iterable[Problem]) -> Format:
        severe = [is_error(problem) for problem in told]
        return self.styles.error if any(severe) else self.styles.note if severe else self.styles.text

    def _comment(self, index: int, column: int, told: Iterable[Problem]) -> None:
        if self.comments < MOST_COMMENTS:
            text = clean("\n".join(map(_said, told)))[:LONGEST_COMMENT]
            self.sheet.write_comment(index, column, text, {"x_scale": 2.5, "y_scale": 1.2})
            self.comments += 1


def _said(problem: Problem) -> str:
    return f"{describe(problem)}: {CATALOGUE[problem.code].hint}"


def _by_row(problems: Iterable[Problem]) -> Mapping[Origin, list[Problem]]:
    """The problems of each row, each once, in the order given."""
    found: dict[Origin, list[Problem]] = {}
    for problem in dict.fromkeys(problems):
        found.setdefault(problem.origin, []).append(problem)
    return found


def _header_row(table: SourceTable) -> int:
    """Just above the first row, where the reader will still look for it; from 0."""
    first = min((row.origin.row for row in table.rows), default=2)
    return min(max(first - 2, 0), columns.HEADER_WITHIN - 1)


def _free_header(table: SourceTable) -> str:
    """A header for the last column that is none of the table's: a copy can be annotated again."""
    taken = {columns.key(name) for name in table.header}
    name, number = PROBLEMS, 1
    while columns.key(name) in taken:
        number += 1
        name = f"{PROBLEMS} {number}"
    return name


def _sheet_name(name: str) -> str:
    """A name that a workbook takes, as close as can be to the one of the sheet that was read."""
    return clean(name).translate(_SHEET_NAME_TABOO)[:_LONGEST_SHEET_NAME].strip() or "Sheet1"


def _styles(book: Workbook) -> _Styles:
    def style(**more: object) -> Format:
        return book.add_format({"num_format": "@", "valign": "top", **more})

    return _Styles(
        text=style(),
        head=style(bold=True, bg_color="#e5e7eb", bottom=1),
        error=style(font_color="#9b1c1c", bg_color="#fbdfdf"),
        note=style(font_color="#8a4b08", bg_color="#fdeccf"),
        told=style(text_wrap=True, font_color="#6b7280"),
    )
