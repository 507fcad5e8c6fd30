"""How much the texts come to that a workbook has once and shows in many cells: the reader copies them into each.

They are gone through only when the longest could be too much, which of most workbooks their number alone rules out.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from xml.parsers import expat

from batch.adapters.sheets.extent.model import Markup
from batch.adapters.sheets.extent.xlsb import record_at

_STEP = 1024 * 1024


def most_copied(archive: zipfile.ZipFile, filled: Mapping[zipfile.ZipInfo, int], enough: int) -> int:
    """The bytes of text in the cells of the sheet that has most, or a smaller number than *enough*.

    Args:
        archive: a workbook whose parts are known to unpack to what memory can hold.
        filled: its sheets, and how many of their cells hold something.
        enough: up to here it need not be exact.

    Raises:
        ExpatError: the texts or the cells can be understood in two ways.
    """
    most = 0
    cells = max(filled.values(), default=0)
    for part in archive.infolist():
        kind = _KINDS.get(part.filename.replace("\\", "/").casefold())
        if kind is None or cells * part.file_size <= enough:
            continue
        texts, references = kind
        sizes = texts(archive, part, enough // cells)
        for sheet, count in filled.items():
            if count * max(sizes, default=0) > enough:
                shown = references(archive, sheet)
                most = max(most, sum(sizes[text] * times for text, times in shown.items() if text < len(sizes)))
    return most


# ── XLSX ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_LARGE = 64 * _STEP
"""A part that has more is not taken into memory at once."""
_PREFIXED = re.compile(rb":si[\s/>]")
_QUOTES_IN_A_TAG = re.compile(rb"<[^<>\"']*[\"']")
_MOST_DIGITS = 12


class _Texts:
    """The size of each shared text with its markup (ECMA-376 part 1, 18.4.8)."""

    def __init__(self, markup: Markup) -> None:
        self._parser = markup.parser
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._begin, self._end
        self.sizes: list[int] = []
        self._since = -1

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 - the parser's own signature
        if _local(name) == "si":
            if self._since >= 0:
                raise expat.ExpatError("a text within a text")
            self._since = self._parser.CurrentByteIndex

    def _end(self, name: str) -> None:
        if _local(name) == "si":
            self.sizes.append(self._parser.CurrentByteIndex - self._since)
            self._since = -1


class _References:
    """How often each shared text is shown (18.18.11, ``s``)."""

    def __init__(self, markup: Markup) -> None:
        self._parser = markup.parser
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._begin, self._end
        self.shown: Counter[int] = Counter()
        self._shared = False
        self._digits = ""

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        local = _local(name)
        if local == "c":
            self._shared = attributes.get("t") == "s"
        elif local == "v" and self._shared:
            self._digits = ""
            self._parser.CharacterDataHandler = self._add

    def _add(self, text: str) -> None:
        self._digits += text[:_MOST_DIGITS]

    def _end(self, name: str) -> None:
        if _local(name) == "v" and self._shared:
            self._parser.CharacterDataHandler = None
            if self._digits.isdecimal():
                self.shown[int(self._digits[:_MOST_DIGITS])] += 1


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _xlsx_texts(archive: zipfile.ZipFile, part: zipfile.ZipInfo, short: int) -> list[int]:
    if part.file_size < _LARGE and _are_short(archive.read(part), short):
        return []
    markup = Markup()
    texts = _Texts(markup)
    _parse(markup, archive, part)
    return texts.sizes


def _are_short(xml: bytes, most: int) -> bool:
    """Whether no text has more than *most* bytes, as far as that is plain: nothing may hide an end of a text."""
    begin = xml.find(b"<si")
    if max(map(len, xml.split(b"></si>"))) > most or begin < 0 or xml.find(b"<si>") != begin:
        return False
    if b"<!" in xml or xml.rfind(b"<?") > begin or _PREFIXED.search(xml):
        return False
    texts = xml[begin:].replace(b' xml:space="preserve"', b"")
    return not (b'"' in texts or b"'" in texts) or _QUOTES_IN_A_TAG.search(texts) is None


def _xlsx_references(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Counter[int]:
    markup = Markup()
    references = _References(markup)
    _parse(markup, archive, part)
    return references.shown


def _parse(markup: Markup, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with archive.open(part) as file:
        while piece := file.read(_STEP):
            markup.see(piece)


# ── XLSB ([MS-XLSB] 2.4) ──────────────────────────────────────────────────────────────────────────────────────────────

_TEXT, _CELL_WITH_TEXT = 19, 7
"""BrtSSTItem, BrtCellIsst."""
_PLACE_AND_FORMAT = 8


def _records(archive: zipfile.ZipFile, part: zipfile.ZipInfo, wanted: int) -> Iterator[bytes]:
    data, at = archive.read(part), 0
    end, data = len(data), data + bytes(6)  # so that the last head can be read like any other
    while at < end:
        kind, size, body = record_at(data, at)
        if kind == wanted:
            yield data[body : body + size]
        at = body + size


def _xlsb_texts(archive: zipfile.ZipFile, part: zipfile.ZipInfo, _short: int) -> list[int]:
    return [len(text) for text in _records(archive, part, _TEXT)]


def _xlsb_references(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Counter[int]:
    cells = _records(archive, part, _CELL_WITH_TEXT)
    return Counter(int.from_bytes(cell[_PLACE_AND_FORMAT : _PLACE_AND_FORMAT + 4], "little") for cell in cells)


_TextsOf = Callable[[zipfile.ZipFile, zipfile.ZipInfo, int], list[int]]
"""Gives the size of each text; none if all are plainly shorter than so many bytes."""
_ReferencesOf = Callable[[zipfile.ZipFile, zipfile.ZipInfo], Counter[int]]
"""Gives how often each text is shown by a sheet."""
_KINDS: Mapping[str, tuple[_TextsOf, _ReferencesOf]] = {
    "xl/sharedstrings.xml": (_xlsx_texts, _xlsx_references),
    "xl/sharedstrings.bin": (_xlsb_texts, _xlsb_references),
}
"""Where the reader looks for them, in capitals and with backslashes too."""
