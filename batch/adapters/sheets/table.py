"""From a grid of text to the table: where the header is, what the columns mean, which rows are blank or damaged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from batch.adapters.sheets.marks.model import Area, Marks
from batch.core import columns
from batch.core.model import Field, Origin, Problem, SourceRow, SourceTable
from batch.core.texts import is_blank, trim
from batch.errors import InputError

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
"""What a spreadsheet has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every row of a sheet from its first one on, title rows included; a ragged row has its own width.

    ``passed_over`` names the worksheets that were not read, and says which of them are hidden.
    """

    rows: Iterable[Sequence[str]]
    sheet: str = ""
    only_sheet: bool = True
    passed_over: tuple[str, ...] = ()
    marks: Marks = field(default_factory=Marks)


def build(grid: Grid, *, file: str, sha256: str, mapping: Mapping[str, str]) -> SourceTable:
    """The table in *grid*; raises :class:`InputError` when there is no header, or a needed column is missing."""
    rows = iter(grid.rows)
    head = list(itertools.islice(rows, columns.HEADER_WITHIN))
    at = columns.locate(head, mapping)
    if at is None:
        at = columns.likeliest(head, mapping)
    place = f"{file} [{grid.sheet}]" if grid.sheet else file
    if at is None:
        raise InputError(f"{place} has no header row, only blank rows", hint="write number, channel, agent on top")
    header = tuple(trim(name) for name in head[at])
    fields = columns.settle(header, mapping, f"{place} row {at + 1}")
    origin = Origin(file, grid.sheet, at + 1)
    body = _Body(origin, header, fields, _Marked(grid.marks, fields))
    body.refuse_above(head[:at], fields)
    body.take(itertools.chain(head[at + 1 :], rows))
    width = body.used_width()
    return SourceTable(
        file=file,
        sheet=grid.sheet,
        sha256=sha256,
        header=header[:width],
        columns=fields,
        rows=tuple(body.trimmed(width)),
        problems=(*_passed_over(grid, origin), *body.problems),
        blank=body.blank,
        only_sheet=grid.only_sheet,
    )


def _passed_over(grid: Grid, header: Origin) -> Iterator[Problem]:
    if grid.passed_over:
        yield Problem("sheets_passed_over", header, "", grid.sheet, ", ".join(grid.passed_over))


class _Marked:
    """The marks of a sheet by row number: texts to put in, cells to refuse (column and code), hidden rows."""

    def __init__(self, marks: Marks, fields: Mapping[Field, int]) -> None:
        self.texts: dict[int, dict[int, str]] = {}
        self.refused: dict[int, dict[int, str]] = {}
        self.hidden = {row + 1 for row in marks.hidden}
        meant = sorted(column for what, column in fields.items() if what is not Field.NOTE)
        for (row, column), text in marks.texts.items():
            self.texts.setdefault(row + 1, {})[column] = text
        for column in meant:
            for row in _covered(marks.merged, column):
                self.refused.setdefault(row + 1, {})[column] = "cell_merged"
        for row, column in marks.uncomputed:
            if column in meant:
                self.refused.setdefault(row + 1, {})[column] = "cell_uncomputed"
        self.rows = self.hidden | self.texts.keys() | self.refused.keys()
        self.never_blank = {row + 1 for row, _ in marks.uncomputed}


def _covered(merged: Iterable[Area], column: int) -> Iterator[int]:
    """The rows in which a merged area covers *column*, once each, but not the area's first cell: it has the value."""
    done = 0
    for (top, left), (bottom, right) in sorted(merged):
        if left <= column <= right:
            begin = max(done, top + (left == column))
            yield from range(begin, min(bottom + 1, MAX_ROWS))
            done = max(done, bottom + 1)


_OPTIONAL = frozenset({Field.EXPECT, Field.WAVE, Field.NOTE})


class _Body:
    """The rows below the header.

    A row that ends with the last column that must have a text is filled up with blanks: programs leave out separators
    at the end of a row. One of any other length may have a separator in a cell, and cannot be told apart.
    """

    def __init__(self, origin: Origin, header: Sequence[str], fields: Mapping[Field, int], marked: _Marked) -> None:
        self.origin = origin
        self.header = header
        self.needed = 1 + max(column for what, column in fields.items() if what not in _OPTIONAL)
        self.marked = marked
        self.rows: list[SourceRow] = []
        self.problems: list[Problem] = []
        self.blank = 0

    def refuse_above(self, rows: Iterable[Sequence[str]], fields: Mapping[Field, int]) -> None:
        """Rows over the header that are no title: a sheet that was sorted with its header in it has some."""
        number = fields[Field.NUMBER]
        others = [column for what, column in fields.items() if what not in (*_OPTIONAL, Field.NUMBER)]
        width = len(self.header)
        for at, read in enumerate(rows, start=1):
            cells = (*read, *[""] * width)[:width]
            if columns.is_phone_number(cells[number]) and not is_blank("".join(cells[column] for column in others)):
                row = SourceRow(Origin(self.origin.file, self.origin.sheet, at), cells)
                self.rows.append(row)
                self.problems.append(Problem("row_above_header", row.origin, self.header[number], cells[number]))

    def take(self, rows: Iterable[Sequence[str]]) -> None:
        file, sheet, width = self.origin.file, self.origin.sheet, len(self.header)
        marked = self.marked.rows
        for number, read in enumerate(rows, start=self.origin.row + 1):
            cells = self._with_texts(number, read) if number in marked else read
            if is_blank("".join(cells)) and number not in self.marked.never_blank:
                self.blank += 1
                continue
            if self.needed == len(cells) < width:
                cells = (*cells, *[""] * (width - len(cells)))
            row = SourceRow(Origin(file, sheet, number), tuple(cells))
            self.rows.append(row)
            if len(cells) != width:
                detail = f"{len(cells)} cells where the header has {width}"
                self.problems.append(Problem("ragged_row", row.origin, "", "", detail))
            if number in marked:
                self.problems.extend(self._said(row))

    def _with_texts(self, number: int, cells: Sequence[str]) -> Sequence[str]:
        texts = self.marked.texts.get(number, {})
        return [texts.get(column, cell) for column, cell in enumerate(cells)] if texts else cells

    def _said(self, row: SourceRow) -> Iterator[Problem]:
        """What the marks of a row are to be told as. A text under a merged cell is refused too: nobody sees it."""
        if row.origin.row in self.marked.hidden:
            yield Problem("row_hidden", row.origin)
        for column, code in sorted(self.marked.refused.get(row.origin.row, {}).items()):
            yield Problem(code, row.origin, self.header[column], row.cells[column])

    def used_width(self) -> int:
        """The width without columns on the right that have neither a header nor a cell with text."""
        width = len(self.header)
        named = max((index for index, name in enumerate(self.header, start=1) if name), default=0)
        if named == width:
            return named
        longest = (index for row in self.rows for index, cell in enumerate(row.cells, start=1) if not is_blank(cell))
        return min(width, max(named, max(longest, default=0)))

    def trimmed(self, width: int) -> Iterator[SourceRow]:
        if width == len(self.header):
            return iter(self.rows)
        ragged = {problem.origin for problem in self.problems if problem.code == "ragged_row"}
        return (row if row.origin in ragged else SourceRow(row.origin, row.cells[:width]) for row in self.rows)
