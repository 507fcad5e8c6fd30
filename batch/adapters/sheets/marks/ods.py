"""Marks of an ODS, from ``content.xml`` (OpenDocument 1.3, part 3, 9.1 and 19.385)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import product
from typing import IO
from xml.etree import ElementTree as ET

from batch.adapters.sheets.marks.model import TRUTH, Marks, Place

PART = "content.xml"

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_TABLE, _OFFICE, _TEXT = (f"{{{_OASIS}:{name}:1.0}}" for name in ("table", "office", "text"))
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_CELLS = frozenset({f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"})
_TELLING = (b'value-type="error"', b'value-type="boolean"', b"visibility=", b"-spanned=", b"formula=")
"""Most sheets have nothing of this, and are not looked at more closely."""
_STEP = 1024 * 1024
_LONGEST = 32


def marks(archive: zipfile.ZipFile, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*."""
    with archive.open(PART) as file:
        if not _tells(file):
            return Marks()
    with archive.open(PART) as file:
        return _read(file, sheet)


def _tells(file: IO[bytes]) -> bool:
    rest = b""
    while piece := file.read(_STEP):
        rest += piece
        if any(word in rest for word in _TELLING):
            return True
        rest = rest[-_LONGEST:]
    return False


def _read(file: IO[bytes], sheet: str) -> Marks:
    looking = _Sheet()
    inside = False
    table: ET.Element | None = None
    for event, element in ET.iterparse(file, ("start", "end")):  # noqa: S314 - expat itself refuses entities that grow
        if element.tag == f"{_TABLE}table":
            inside, table = event == "start" and element.get(f"{_TABLE}name") == sheet, element
            if event == "end" and element.get(f"{_TABLE}name") == sheet:
                break
        elif not inside:
            pass
        elif element.tag == f"{_TABLE}table-row":
            looking.row(element) if event == "start" else looking.end_row()
        elif event == "end" and element.tag in _CELLS:
            looking.cell(element)
        if event == "end" and element.tag == f"{_TABLE}table-row" and table is not None:
            del table[:]
    return looking.marks


class _Sheet:
    """Where the reading has come to. A row or a cell may stand for many."""

    def __init__(self) -> None:
        self.marks = Marks()
        self._row = self._column = 0
        self._times = 1
        self._hidden = self._filled = False

    def row(self, element: ET.Element) -> None:
        self._column, self._times = 0, _count(element, "number-rows-repeated")
        self._hidden = element.get(f"{_TABLE}visibility") in ("collapse", "filter")
        self._filled = False

    def end_row(self) -> None:
        if self._hidden and self._filled:  # not the million of empty ones below a filtered table
            self.marks.hidden.update(range(self._row, self._row + self._times))
        self._row += self._times

    def cell(self, element: ET.Element) -> None:
        times = _count(element, "number-columns-repeated")
        kind = element.get(f"{_OFFICE}value-type")
        text = "\n".join("".join(part.itertext()) for part in element.findall(f"{_TEXT}p"))
        self._filled = self._filled or bool(kind or text)
        down, right = _count(element, "number-rows-spanned"), _count(element, "number-columns-spanned")
        if down > 1 or right > 1:
            last = self._row + down - 1, self._column + right - 1
            self.marks.merged.append(((self._row, self._column), last))
        told = _told(element, kind, text)
        if told is not None:
            self.marks.texts.update(dict.fromkeys(self._places(times), told))
        elif _uncomputed(element, kind, text):
            self.marks.uncomputed.update(self._places(times))
        self._column += times

    def _places(self, times: int) -> Iterator[Place]:
        """Those of a cell that stands for so many in each of its rows."""
        rows = range(self._row, self._row + self._times)
        return product(rows, range(self._column, self._column + times))


def _told(element: ET.Element, kind: str | None, text: str) -> str | None:
    """What a cell says that the reader does not."""
    if element.get(f"{_CALC}value-type") == "error":
        return text or "#N/A"
    if kind == "boolean":
        return TRUTH[element.get(f"{_OFFICE}boolean-value") == "true"]
    return None


def _uncomputed(element: ET.Element, kind: str | None, text: str) -> bool:
    return element.get(f"{_TABLE}formula") is not None and not (kind or text)


def _count(element: ET.Element, name: str) -> int:
    return int(element.get(f"{_TABLE}{name}", "1"))
