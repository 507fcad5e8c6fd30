"""The cells of an XLSX, from the XML of any of its parts (ECMA-376 part 1, 18.3.1.4 and 18.3.1.73).

The reader takes for a worksheet whatever part the workbook names, whatever its root is. It finds ``sheetData``, ``row``
and ``c`` by their local names, a cell's place in its last ``r``, and counts the places that are not said. So a part is
looked at from its first ``sheetData`` on: by patterns, which is quick, as long as they account for every tag that could
be a cell, and else by a parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batch.adapters.sheets.extent.model import Markup, Reach, Total, UnclearError, number

_SHEET = re.compile(rb"[<:]sheetData[\s/>]")
_TEXTS_TAG = re.compile(rb"[<:]sst[\s/>]")
_TEXTS = re.compile(rb'<(?:\w+:)?sst((?:\s+[\w:]+="[^"<>]*")*)\s*/?>')
_PROMISED = re.compile(rb'\suniqueCount="([0-9]+)"')


def column(letters: str | bytes) -> int:
    """The number of a column from 1, and for one of more letters than any sheet has only that it is enormous."""
    index = 0
    for letter in letters.upper()[:8]:
        index = index * 26 + (letter if isinstance(letter, int) else ord(letter)) - 64
    return index


# ── by patterns ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Patterns:
    """How the tags of cells are usually written: with content, without, and the end; and what each of them has in it.

    The end has no pattern where what is in each is not in it.
    """

    filled: re.Pattern[bytes]
    blank: re.Pattern[bytes]
    end: re.Pattern[bytes] | None
    any: re.Pattern[bytes]


def _patterns(prefix: bytes, end: bytes, tag: bytes) -> _Patterns:
    # no second r: the reader takes the last
    usual = rb'<%sc r="([A-Z]{1,3})([0-9]{1,7})"(?: [a-qs-z]\w*="[^"<>]*")*' % prefix
    return _Patterns(
        re.compile(usual + b">"), re.compile(usual + b"/>"), re.compile(end) if end else None, re.compile(tag)
    )


_PLAIN = _patterns(b"", b"", rb"<c[\s/>]")
_PREFIXED = _patterns(rb"(?:\w+:)?", rb"(?<=>)</\w+:c>", rb"[<:]c[\s/>]")
"""An end follows another tag, or ``<a</x:c>`` would be taken for one, which to the reader is a beginning."""
_PREFIXED_TAG = re.compile(rb":c[\s/>]")


class Quick:
    """Follows a part that is written as Excel, LibreOffice and most others do; raises UnclearError for another."""

    _LONGEST = 64 * 1024
    """No tag of a sheet is longer; what is, is text."""
    _OVERLAP = 16
    """No name that is looked for is longer."""

    def __init__(self) -> None:
        self.reach = Reach()
        self.total = Total()
        self.promised = 0
        self._rest = b""
        self._begun = False

    def see(self, piece: bytes) -> None:
        """The next piece, which may end in the middle of a tag."""
        text = self._rest + piece
        cut = text.rfind(b"<")
        again = 1  # so that what a tag follows is known
        if cut < 0 or len(text) - cut > self._LONGEST:
            cut, again = len(text), self._OVERLAP
        self._rest = text[max(0, cut - again) :]
        self._look(text[:cut])

    def end(self) -> None:
        """Look at the last tag too."""
        self._look(self._rest)

    def _look(self, text: bytes) -> None:
        if b"sst" in text:
            self._promise(text)
        self._begun = self._begun or (b"sheetData" in text and _SHEET.search(text) is not None)
        if self._begun:
            self._cells(text, _PREFIXED if _PREFIXED_TAG.search(text) else _PLAIN)

    def _promise(self, text: bytes) -> None:
        texts = _TEXTS.findall(text)
        if len(texts) != len(_TEXTS_TAG.findall(text)):
            raise UnclearError
        self.promised = max(self.promised, 0, *map(number, _PROMISED.findall(b"".join(texts))))

    def _cells(self, text: bytes, cell: _Patterns) -> None:
        places = cell.filled.findall(text)
        others = len(cell.any.findall(text)) - len(places)
        if others and others != sum(len(usual.findall(text)) for usual in (cell.blank, cell.end) if usual):
            raise UnclearError
        if places:
            old = self.reach
            rows = max(old.rows, *(int(row) for _, row in places))
            columns = max(old.columns, *map(column, {letters for letters, _ in places}))
            self.reach = Reach(rows, columns, old.filled + len(places))


# ── by a parser ───────────────────────────────────────────────────────────────────────────────────────────────────────

_DIGITS = re.compile(r"[0-9]+")
_PLACE = re.compile(r"([A-Za-z]*)([0-9]+)")


class Parsed:
    """Follows a part that is XML, however it is written."""

    def __init__(self, *, strict: bool = False) -> None:
        self.total = Total()
        self.promised = 0
        self._markup = Markup(strict=strict)
        self._markup.parser.StartElementHandler = self._start
        self._markup.parser.EndElementHandler = self._end
        self._begun = False
        self._row = self._column = 1
        self._cell: tuple[int, int] | None = None
        self._rows = self._columns = self._filled = 0

    @property
    def reach(self) -> Reach:
        """That of all cells seen."""
        return Reach(self._rows, self._columns, self._filled)

    def see(self, piece: bytes) -> None:
        """The next piece. Raises ExpatError for what is no XML, or has a document type."""
        self._markup.see(piece)

    def end(self) -> None:
        """What breaks off, the reader refuses itself."""

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "sst":
            promised = _DIGITS.fullmatch(attributes.get("uniqueCount", ""))
            self.promised = max(self.promised, number(promised[0]) if promised else 0)
        elif local == "sheetData":
            self._begun = True
        elif local == "row":
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._row = number(place[2]) if place else self._row
        elif local == "c" and self._begun:
            self._cell = self._place(attributes.get("r"))
        elif self._cell:
            self._fill(*self._cell)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self._row, self._column = self._row + 1, 1
        elif local == "c":
            self._cell, self._column = None, self._column + 1

    def _place(self, said: str | None) -> tuple[int, int] | None:
        """Where the cell is; ``None`` when it says a place that is none, for which the reader refuses the sheet."""
        if said is None:
            return self._row, self._column
        place = _PLACE.fullmatch(said)
        if place is None:
            return None
        self._column = column(place[1])
        return number(place[2]), self._column

    def _fill(self, row: int, at: int) -> None:
        """The cell holds something, once: formats alone cost the reader nothing."""
        self._rows, self._columns = max(self._rows, row), max(self._columns, at)
        self._filled += 1
        self._cell = None
