"""The rows of a workbook's tables, put into the package that xlsxwriter made of all the rest.

Cell by cell through the library they take six times as long, which was half of a plan's time; here a row is one text.
What stands in it is SpreadsheetML as ECMA-376 part 1 has it: a cell with its text in it (18.3.1.4, type ``inlineStr``),
in which ``_x0041_`` would be an escape (22.9.2.19).
"""

from __future__ import annotations

import functools
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import IO, Any

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from batch.adapters.reports.clean import clean
from batch.adapters.reports.grid import Cell, Laid

CHUNK = 500
"""Rows that are compressed together."""
_REMEMBERED, _SHORT = 8192, 200
"""Texts whose form in a cell is kept, and how long one may be: names, statuses and reasons stand in many lines."""

_PACKED: Mapping[str, Any] = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 3}
"""A sixth larger than usual, in less than half the time."""

_EXTENT = re.compile(r'(<dimension ref=")[^"]*')
_PATTERN = re.compile(r'<row r="2".*?</row>', re.DOTALL)
_STYLE = re.compile(r'<c r="[A-Z]+2" s="([0-9]+)"/>')
_TO_ESCAPE = re.compile(r"[&<>]|_x[0-9A-Fa-f]{4}_")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def put_rows(bare: IO[bytes], whole: IO[bytes], tables: Sequence[Laid]) -> None:
    """Copy the package *bare* to *whole*, with the rows of *tables* on their sheets. Raises OSError."""
    filled = {f"xl/worksheets/sheet{sheet + 1}.xml": part for laid in tables for sheet, part in _parts(laid)}
    with zipfile.ZipFile(bare) as source, zipfile.ZipFile(whole, "w", **_PACKED) as package:
        for info in source.infolist():
            content = source.read(info)
            part = filled.get(info.filename)
            if part is None:
                package.writestr(info, content)
                continue
            with package.open(info.filename, "w") as file:
                for text in part.written(content.decode()):
                    file.write(text.encode())


def _parts(laid: Laid) -> Iterator[tuple[int, _Part]]:
    """Each sheet of a table with what stands on it; all take from the same rows, one after the other."""
    rows = iter(laid.table.rows)
    for sheet, count in laid.sheets:
        yield sheet, _Part(laid, rows, count)


class _Part:
    """What stands on one sheet of a table."""

    def __init__(self, laid: Laid, rows: Iterator[tuple[Format | None, Sequence[Cell]]], count: int) -> None:
        self._table = laid.table
        self._rows = islice(rows, count)
        self._count = count

    def written(self, bare: str) -> Iterator[str]:
        """The sheet in pieces: what xlsxwriter made of it, and the rows instead of the one that shows the formats."""
        corner = xl_rowcol_to_cell(self._count, len(self._table.columns) - 1)
        bare = _EXTENT.sub(rf"\g<1>A1:{corner}", bare, count=1)
        pattern = _PATTERN.search(bare)
        assert pattern is not None, "a table's sheet shows its formats in the second row"
        yield bare[: pattern.start()]
        yield from self._written(_STYLE.findall(pattern[0]))
        yield bare[pattern.end() :]

    def _written(self, styles: Sequence[str]) -> Iterator[str]:
        width = len(self._table.columns)
        marks = {None: styles[self._table.marked]} | dict(zip(self._table.marks, styles[width:], strict=True))
        first = 2
        while rows := list(islice(self._rows, CHUNK)):
            numbers = [str(number) for number in range(first, first + len(rows))]
            looks: list[Iterable[str]] = [repeat(style) for style in styles[:width]]
            looks[self._table.marked] = [marks[mark] for mark, _ in rows]
            by_column = zip(*[cells for _, cells in rows], strict=True)
            columns = [
                _column(xl_col_to_name(place), numbers, look, cells)
                for place, (look, cells) in enumerate(zip(looks, by_column, strict=True))
            ]
            yield "".join([_row(*row) for row in zip(numbers, *columns, strict=True)])
            first += len(rows)


def _row(number: str, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def _column(name: str, numbers: Sequence[str], styles: Iterable[str], cells: Sequence[Cell]) -> list[str]:
    """The cells of one column in the rows that *numbers* names: column by column is faster than row by row."""
    return [
        ""
        if cell is None or cell == ""
        else f'<c r="{name}{number}" s="{style}"{_remembered(cell) if len(cell) <= _SHORT else _text(cell)}'
        if isinstance(cell, str)
        else f'<c r="{name}{number}" s="{style}"><v>{cell}</v></c>'
        for number, style, cell in zip(numbers, styles, cells, strict=False)  # one style may go on for ever
    ]


def _text(text: str) -> str:
    """The rest of a cell that holds *text*, in which nothing is a formula, an escape or a link."""
    text = clean(text)
    space = ' xml:space="preserve"' if text[:1].isspace() or text[-1:].isspace() else ""
    return f' t="inlineStr"><is><t{space}>{_TO_ESCAPE.sub(_escaped, text)}</t></is></c>'


_remembered = functools.lru_cache(_REMEMBERED)(_text)


def _escaped(found: re.Match[str]) -> str:
    """A mark of XML by its name; what would be read as an escaped character with its ``_`` escaped."""
    return _ESCAPES.get(found[0]) or f"_x005F{found[0]}"
