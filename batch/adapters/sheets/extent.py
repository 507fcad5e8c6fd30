"""How far the cells of a worksheet reach, told from its bytes as they are unpacked, before a reader allocates for them.

Only cells that hold something count, as they do for the reader. XLSX says the place of each cell, XLSB its row and its
column, and ODS how often a cell and a row are repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reach:
    """The rectangle that the cells of one sheet span, and how many of them hold something."""

    rows: int = 0
    columns: int = 0
    filled: int = 0

    @property
    def cells(self) -> int:
        """The area of the rectangle."""
        return self.rows * self.columns


class Extent(Protocol):
    """Follows one part of a workbook; ``reach`` is that of the sheet in it which spans most."""

    reach: Reach

    def see(self, piece: bytes) -> None:
        """Widen the reach by the cells of the next piece."""


def extent_of(part: str) -> Extent | None:
    """What follows the cells of *part* of a workbook; ``None`` when it is no sheet."""
    if part.startswith("xl/worksheets/") and part.endswith(".xml"):
        return _Xlsx()
    if part.startswith("xl/worksheets/") and part.endswith(".bin"):
        return _Xlsb()
    return _Ods() if part == "content.xml" else None


def _larger(old: Reach, rows: int, columns: int, filled: int) -> Reach:
    return Reach(rows, columns, filled) if rows * columns >= old.cells else old


class _Tags:
    """Cuts a stream of XML into pieces that end between two tags."""

    LONGEST = 64 * 1024
    """No tag of a sheet is longer; what is, is text."""

    def __init__(self) -> None:
        self._rest = b""

    def whole(self, piece: bytes) -> bytes:
        text = self._rest + piece
        cut = text.rfind(b"<")
        if cut < 0 or len(text) - cut > self.LONGEST:
            cut = len(text)
        self._rest = text[cut:]
        return text[:cut]


# ── XLSX ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_XLSX_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*(?<!/)>')


class _Xlsx:
    def __init__(self) -> None:
        self.reach = Reach()
        self._tags = _Tags()

    def see(self, piece: bytes) -> None:
        places = _XLSX_CELL.findall(self._tags.whole(piece))
        if places:
            old = self.reach
            rows = max(old.rows, *(int(row) for _, row in places))
            columns = max(old.columns, *map(_column, {letters for letters, _ in places}))
            self.reach = Reach(rows, columns, old.filled + len(places))


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index


# ── ODS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

_ODS_TAG = re.compile(
    rb"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*?)(/?)>|</table:(table-row)>"
)
_ODS_REPEATED = re.compile(rb'number-(?:rows|columns)-repeated="([0-9]{1,9})"')


class _Ods:
    def __init__(self) -> None:
        self.reach = Reach()
        self._tags = _Tags()
        self._begin_sheet()
        self._begin_row(1)

    def see(self, piece: bytes) -> None:
        for tag, attributes, alone, end in _ODS_TAG.findall(self._tags.whole(piece)):
            if tag == b"table":
                self._begin_sheet()
            elif tag == b"table-row":
                self._begin_row(_repeated(attributes))
            elif tag:
                self._cell(_repeated(attributes), empty=bool(alone) and b"value-type" not in attributes)
            if end or (tag == b"table-row" and alone):
                self._end_row()

    def _begin_sheet(self) -> None:
        self._row = self._columns = self._filled = 0

    def _begin_row(self, times: int) -> None:
        self._times, self._column, self._width = times, 0, 0

    def _cell(self, times: int, *, empty: bool) -> None:
        self._column += times
        if not empty:
            self._width = self._column
            self._filled += 1

    def _end_row(self) -> None:
        self._row += self._times
        if self._width:
            self._columns = max(self._columns, self._width)
            self.reach = _larger(self.reach, self._row, self._columns, self._filled)


def _repeated(attributes: bytes) -> int:
    found = _ODS_REPEATED.search(attributes)
    return int(found[1]) if found else 1


# ── XLSB ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_ROW_HEADER = 0
_CELLS = range(2, 12)
"""Record types of cells that hold something ([MS-XLSB] 2.3.1: BrtCellRk … BrtFmlaError)."""
_LONGEST_HEAD = 6
_MORE, _LOW = 0x80, 0x7F


class _Xlsb:
    def __init__(self) -> None:
        self.reach = Reach()
        self._rest = b""
        self._skip = 0
        self._row = 0

    def see(self, piece: bytes) -> None:
        data, at = self._rest + piece[self._skip :], 0
        self._skip = max(0, self._skip - len(piece))
        while at + _LONGEST_HEAD + 4 <= len(data):
            kind, size, body = record_at(data, at)
            place = int.from_bytes(data[body : body + 4], "little")
            if kind == _ROW_HEADER:
                self._row = place
            elif kind in _CELLS:
                old = self.reach
                self.reach = Reach(max(old.rows, self._row + 1), max(old.columns, place + 1), old.filled + 1)
            at = body + size
        self._rest = data[at:]
        self._skip += max(0, at - len(data))


def record_at(data: bytes, at: int) -> tuple[int, int, int]:
    """The type and the size of the record at *at*, and where its body begins; both are in bytes of 7 bits."""
    kind, at = data[at], at + 1
    if kind & _MORE:
        kind, at = (kind & _LOW) | (data[at] & _LOW) << 7, at + 1
    size = 0
    for shift in (0, 7, 14, 21):
        byte, at = data[at], at + 1
        size |= (byte & _LOW) << shift
        if not byte & _MORE:
            break
    return kind, size, at
