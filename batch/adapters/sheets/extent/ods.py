"""The cells of an ODS, from its ``content.xml`` (OpenDocument 1.3, part 3, 9.1 and 19.675).

A cell and a row stand for as many as they say. The reader writes all of them out, with their texts, when it opens the
workbook, and those of every sheet of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from batch.adapters.sheets.extent.model import Markup, Reach, Total, number

PART = "content.xml"
_TABLE, _ROW = "table:table", "table:table-row"
_CELLS = frozenset({"table:table-cell", "table:covered-table-cell"})
_SPACES = "text:s"
_DIGITS = re.compile(r"\+?([0-9]+)")
_HELD = frozenset({
    *("office:value", "office:value-type", "office:string-value", "office:boolean-value"),
    *("office:date-value", "office:time-value", "table:formula"),
})  # fmt: skip
"""What a cell has that holds something; the reader knows these names by their letters, not by what they stand for."""


class Parsed:
    """Follows the one part that has all sheets."""

    def __init__(self) -> None:
        self.reach = Reach()
        self.total = Total()
        self.promised = 0
        self._markup = Markup()
        self._markup.parser.StartElementHandler = self._start
        self._markup.parser.EndElementHandler = self._end
        self._in_table = False
        self._cell, self._depth, self._copies = "", 0, 1
        self._before = Total()
        self._begin_sheet()
        self._begin_row(1)

    def see(self, piece: bytes) -> None:
        """The next piece. Raises ExpatError for what is no XML, or has a document type."""
        self._markup.see(piece)

    def end(self) -> None:
        """Raises ExpatError for XML that breaks off, at whose end the reader would wait for ever."""
        self._markup.end()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._cell:
            self._depth += name == self._cell
            if name == _SPACES:
                self._copy(_count(attributes, "text:c"))
        elif name in _CELLS:
            self._begin_cell(name, attributes)
        elif name == _ROW:
            self._begin_row(_count(attributes, "table:number-rows-repeated"))
        elif name == _TABLE and not self._in_table:  # one inside is a chart's: to the reader its rows are of this one
            self._in_table = True
            self._begin_sheet()

    def _end(self, name: str) -> None:
        if self._cell:
            self._depth -= name == self._cell
            if not self._depth:
                self._cell, self._markup.parser.CharacterDataHandler = "", None
        elif name == _ROW:
            self._end_row()
        elif name == _TABLE:
            self._in_table = False

    def _begin_sheet(self) -> None:
        self._before = self.total
        self._row = self._columns = self._filled = 0

    def _begin_row(self, times: int) -> None:
        self._times, self._column, self._width = times, 0, 0

    def _begin_cell(self, name: str, attributes: Mapping[str, str]) -> None:
        times = _count(attributes, "table:number-columns-repeated")
        self._cell, self._depth, self._copies = name, 1, times * self._times
        self._column += times
        if not _HELD.isdisjoint(attributes):
            self._width = self._column
            self._filled += 1
            if self._copies > 1:
                self._copy(sum(len(attributes[said]) for said in _HELD.intersection(attributes)))
                self._markup.parser.CharacterDataHandler = self._text

    def _text(self, text: str) -> None:
        self._copy(len(text))

    def _copy(self, size: int) -> None:
        """So many bytes more in each of the cells that this one stands for."""
        self.total = replace(self.total, copied=self.total.copied + size * self._copies)

    def _end_row(self) -> None:
        self._row += self._times
        if self._width:
            self._columns = max(self._columns, self._width)
            found = Reach(self._row, self._columns, self._filled)
            self.reach = found if found.cells >= self.reach.cells else self.reach
            cells, filled = self._before.cells + found.cells, self._before.filled + found.filled
            self.total = replace(self.total, cells=cells, filled=filled)


def _count(attributes: Mapping[str, str], name: str) -> int:
    """How often something is there; what is no number, the reader refuses."""
    digits = _DIGITS.fullmatch(attributes.get(name, ""))
    return number(digits[1]) if digits else 1
