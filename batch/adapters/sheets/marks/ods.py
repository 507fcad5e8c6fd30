"""Marks of an ODS, from ``content.xml`` (OpenDocument 1.3, part 3, 9.1 and 19.385)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from html import unescape
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
"""Most rows have nothing of this, and are only counted."""
_ROOT = re.compile(rb"<office:document-content\b[^>]*>")
_PARTS = re.compile(
    rb"<table:table(?=[\s>])([^>]*)>|<table:table-row\b([^>]*?)(?:/>|>.*?</table:table-row>)", re.DOTALL
)
_NAME = re.compile(rb'\btable:name="([^"]*)"')
_REPEATED = re.compile(rb'\bnumber-rows-repeated="(\d{1,9})"')
_ROW_END = b"</table:table-row>"
_STEP = 1024 * 1024
_LONGEST_ROW = 64 * _STEP


def marks(archive: zipfile.ZipFile, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*."""
    looking, root, inside = _Sheet(), b"", False
    with archive.open(PART) as file:
        for xml in _pieces(file):
            found = None if root else _ROOT.search(xml)
            root = root or (found[0] if found else b"")
            for part in _PARTS.finditer(xml):
                if part[1] is not None:
                    name = _NAME.search(part[1])
                    inside = name is not None and unescape(name[1].decode()) == sheet
                elif inside and any(word in part[0] for word in _TELLING):
                    # with the root's names, which the row's own stand on
                    (row,) = ET.fromstring(root + part[0] + b"</office:document-content>")  # noqa: S314 - it was read whole before
                    looking.row(row)
                elif inside:
                    times = _REPEATED.search(part[2])
                    looking.pass_over(int(times[1]) if times else 1)
    return looking.marks


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The XML in pieces that end with a row, so that none is cut in two."""
    rest = b""
    while piece := file.read(_STEP):
        rest += piece
        end = rest.rfind(_ROW_END) + len(_ROW_END)
        if end >= len(_ROW_END):
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _LONGEST_ROW:
            return
    yield rest


class _Sheet:
    """Where the reading has come to. A row or a cell may stand for many."""

    def __init__(self) -> None:
        self.marks = Marks()
        self._row = self._column = 0
        self._times = 1
        self._filled = False

    def pass_over(self, times: int) -> None:
        """So many rows that tell nothing."""
        self._row += times

    def row(self, element: ET.Element) -> None:
        """A row, for all that it stands for."""
        self._column, self._times = 0, _count(element, "number-rows-repeated")
        self._filled = False
        for cell in element:
            if cell.tag in _CELLS:
                self._cell(cell)
        # not the million of empty ones below a filtered table
        if self._filled and element.get(f"{_TABLE}visibility") in ("collapse", "filter"):
            self.marks.hidden.update(range(self._row, self._row + self._times))
        self._row += self._times

    def _cell(self, element: ET.Element) -> None:
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
