"""What an XLSX says of its cells and the reader leaves out: errors, truth values, missing results, merges, hidden rows.

The reader gives an error as an empty text, a truth value in words of its own, a formula that was never computed as an
empty text too, and of merged cells only the first. A person should be told which of them it was. Whatever cannot be
found out leaves the reader's text as it is.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.etree import ElementTree as ET

Place = tuple[int, int]
"""A row and a column, both from 0."""
Area = tuple[Place, Place]
"""The first and the last cell of a merged area."""


@dataclass(slots=True, kw_only=True)
class Marks:
    """What is known of a sheet: texts to put in place of the reader's, cells with no result, merges, hidden rows."""

    texts: dict[Place, str] = field(default_factory=dict)
    uncomputed: set[Place] = field(default_factory=set)
    merged: list[Area] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)


_UNREADABLE = (zipfile.BadZipFile, zlib.error, ET.ParseError, KeyError, EOFError, OSError, ValueError, RuntimeError)


def marks_of(data: bytes, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*; none for a workbook that is no XLSX."""
    marks = Marks()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            part = _part(archive, sheet)
            if part:
                with archive.open(part) as file:
                    for xml in _pieces(file):
                        _mark(xml, marks)
    except _UNREADABLE:
        return Marks()
    return marks


# ── the part that holds the sheet ─────────────────────────────────────────────────────────────────────────────────────

_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_LARGEST = 16 * 1024 * 1024
"""A directory of sheets larger than this is none."""


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    if not {_WORKBOOK, _RELATIONS} <= set(archive.namelist()):
        return ""
    targets = {relation.get("Id"): relation.get("Target", "") for relation in _elements(archive, _RELATIONS)}
    for element in _elements(archive, _WORKBOOK):
        if _local(element.tag) == "sheet" and element.get("name") == sheet:
            relation = next((value for name, value in element.items() if _local(name) == "id"), "")
            target = targets.get(relation, "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return ""


def _elements(archive: zipfile.ZipFile, part: str) -> Iterator[ET.Element]:
    with archive.open(part) as file:
        return ET.fromstring(file.read(_LARGEST)).iter()  # noqa: S314 - expat itself refuses entities that grow


def _local(name: str) -> str:
    return name.rpartition("}")[2]


# ── its cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_STEP = 1024 * 1024
_LONGEST_ROW = 64 * _STEP
_TELLING = (b't="e"', b't="b"', b"<f", b":f", b'hidden="', b"mergeCell")
"""Most rows of most sheets have nothing of this, and are not looked at more closely."""
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_NUMBER = re.compile(rb'\br="(\d{1,7})"')
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_KIND = re.compile(rb'\bt="(\w+)"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>([^<]+)</")
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_TRUTH = {b"0": "FALSE", b"1": "TRUE"}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The XML in pieces that end with a row, so that no cell is cut in two."""
    rest = b""
    while piece := file.read(_STEP):
        rest += piece
        end = max(rest.rfind(b"</row>"), rest.rfind(b":row>"))
        if end >= 0:
            end = rest.index(b">", end) + 1
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _LONGEST_ROW:
            return
    yield rest


def _mark(xml: bytes, marks: Marks) -> None:
    if not any(word in xml for word in _TELLING):
        return
    for attributes in _ROW.findall(xml):
        number = _NUMBER.search(attributes) if _HIDDEN.search(attributes) else None
        if number:
            marks.hidden.add(int(number[1]) - 1)
    for attributes, content in _CELL.findall(xml):
        place = _PLACE.search(attributes)
        if place:
            _mark_cell(_place(place[1], place[2]), attributes, content, marks)
    marks.merged += [(_place(*area[:2]), _place(*area[2:])) for area in _MERGE.findall(xml)]


def _mark_cell(place: Place, attributes: bytes, content: bytes, marks: Marks) -> None:
    kind = _KIND.search(attributes)
    value = _VALUE.search(content)
    if value and kind and kind[1] == b"e":
        marks.texts[place] = value[1].decode("ascii", "replace")
    elif value and kind and kind[1] == b"b":
        marks.texts[place] = _TRUTH.get(value[1], "TRUE")
    elif not value and not (kind and kind[1] == b"str") and _FORMULA.search(content):
        marks.uncomputed.add(place)


def _place(letters: bytes, row: bytes) -> Place:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return int(row) - 1, index - 1
