"""Marks of an XLSX, from the XML of its worksheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO
from xml.etree import ElementTree as ET

from batch.adapters.sheets.marks.model import TRUTH, Marks, Place

PART = "xl/workbook.xml"


def marks(archive: zipfile.ZipFile, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*."""
    found = Marks()
    part = sheet_part(archive, _names(archive), "xl/_rels/workbook.xml.rels", sheet)
    if part:
        with archive.open(part) as file:
            for xml in _pieces(file):
                _mark(xml, found)
    return found


# ── the part that holds the sheet ─────────────────────────────────────────────────────────────────────────────────────

_LARGEST = 16 * 1024 * 1024
"""A directory of sheets larger than this is none."""


def sheet_part(archive: zipfile.ZipFile, names: Iterable[tuple[str, str]], relations: str, sheet: str) -> str:
    """The part that holds *sheet*; *names* are the sheets' names with the relations that lead to them."""
    targets = {relation.get("Id"): relation.get("Target", "") for relation in _elements(archive, relations)}
    target = next((targets.get(relation, "") for name, relation in names if name == sheet), "")
    if not target:
        return ""
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _names(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    for element in _elements(archive, PART):
        if _local(element.tag) == "sheet":
            relation = next((value for name, value in element.items() if _local(name) == "id"), "")
            yield element.get("name", ""), relation


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
        marks.texts[place] = TRUTH[value[1] != b"0"]
    elif not value and not (kind and kind[1] == b"str") and _FORMULA.search(content):
        marks.uncomputed.add(place)


def _place(letters: bytes, row: bytes) -> Place:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return int(row) - 1, index - 1
