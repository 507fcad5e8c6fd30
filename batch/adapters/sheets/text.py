"""CSV and TSV: which encoding, which separator, how many cells each row really has.

A text file is gone through twice. First the standard library's strict reader looks at its shape: it notices quotes
that do not close, and rows with too few or too many cells, which pandas would pad or cut in silence. Then pandas reads
it in chunks. A file on which the two do not agree is refused.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from batch.adapters.sheets.table import MAX_COLUMNS, Grid
from batch.core import columns
from batch.core.texts import is_blank
from batch.errors import InputError, UsageError

SEPARATORS = (",", ";", "\t", "|")
"""In this order when the header does not decide."""

_CHUNK_CELLS = 500_000
_SAMPLE = 128 * 1024
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LONGEST_CELL = 512 * 1024 * 1024
"""As long as a file can be: a workbook takes any cell, and so does a text."""
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|:^~#])"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Text:
    """A decodable file. ``separator`` is what its own ``sep=`` line says; that line is no row, in no program."""

    name: str
    data: bytes
    encoding: str
    separator: str = ""

    def stream(self) -> io.TextIOWrapper:
        stream = io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, newline="")
        if self.separator:
            stream.readline()
        return stream

    def records(self, separator: str) -> Iterator[list[str]]:
        return csv.reader(self.stream(), delimiter=separator, strict=True)


@dataclass(slots=True)
class _Shape:
    """What the strict reader saw: the rows in all, the header's width, and the rows of another width."""

    count: int = 0
    width: int = 1
    ragged: dict[int, Sequence[str]] = field(default_factory=dict)


def grid(data: bytes, name: str, *, mapping: Mapping[str, str], encoding: str) -> Grid:
    """The rows of a text file; raises :class:`InputError` naming the line or row that cannot be read."""
    text = _decodable(data, name, encoding)
    csv.field_size_limit(_LONGEST_CELL)
    header, separator = _header(text, mapping)
    shape = _shape(text, separator, header)
    return Grid(rows=_rows(text, separator, shape))


# ── encoding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _decodable(data: bytes, name: str, encoding: str) -> _Text:
    known = next((codec for mark, codec in _BOMS if data.startswith(mark)), _codec(encoding) or "utf-8")
    text = _Text(name, data, known)
    try:
        stream = text.stream()
        first = stream.readline(_SAMPLE)
        nul = "\0" in first or any("\0" in piece for piece in iter(lambda: stream.read(_SAMPLE), ""))
    except (UnicodeError, LookupError) as error:
        raise _undecodable(text, error) from error
    if nul:
        raise _unmarked(text) or InputError(f"{name} is binary: it has NUL characters in it", hint=_SAVE_IT)
    line = _SEPARATOR_LINE.fullmatch(first)
    return _Text(name, data, known, line[1]) if line else text


def _codec(encoding: str) -> str:
    if not encoding:
        return ""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--encoding {encoding!r} is not known", hint="for example utf-8, cp1254, cp1252, utf-16"
        ) from error
    return encoding


_SAVE_IT = "save it as XLSX or CSV UTF-8"


def _unmarked(text: _Text) -> InputError | None:
    """The refusal of UTF-16 without its mark: of plain letters every other byte is NUL there, and no other byte is."""
    if codecs.lookup(text.encoding).name.startswith("utf-16"):
        return None
    first, second = text.data[:_SAMPLE:2], text.data[1:_SAMPLE:2]
    for encoding, nuls, letters in (("utf-16-le", second, first), ("utf-16-be", first, second)):
        if 4 * nuls.count(0) > len(nuls) and 0 not in letters:
            return InputError(
                f"{text.name} is UTF-16 without its mark", hint=f"say --encoding {encoding}, or {_SAVE_IT}"
            )
    return None


def _undecodable(text: _Text, error: Exception) -> InputError:
    line = _line_of_failure(text)
    return _unmarked(text) or InputError(
        f"{text.name} is not {text.encoding.upper()}{line}: {getattr(error, 'reason', error)}",
        hint="save it as 'CSV UTF-8', or name its encoding, such as --encoding cp1254 (Turkish) or cp1252 (western)",
    )


def _line_of_failure(text: _Text) -> str:
    try:
        text.data.decode(text.encoding)
    except UnicodeDecodeError as error:
        before = text.data.count(b"\n", 0, error.start)
        return f" (line {before + 1})"
    except (UnicodeError, LookupError):
        pass
    return ""


# ── separator and shape ───────────────────────────────────────────────────────────────────────────────────────────────


def _header(text: _Text, mapping: Mapping[str, str]) -> tuple[int, str]:
    """The header's position and the separator: the one under which a header with the needed columns appears."""
    candidates = (text.separator,) if text.separator else SEPARATORS
    heads = {separator: _head(text, separator) for separator in candidates}
    for separator, head in heads.items():
        at = columns.locate(head, mapping)
        if at is not None:
            return at, separator
    widest = max(heads, key=lambda separator: max((len(row) for row in heads[separator]), default=0))
    return columns.likeliest(heads[widest], mapping) or 0, widest


def _head(text: _Text, separator: str) -> list[list[str]]:
    """The first rows under *separator*; wrong quotes are not the business of this look."""
    sample = io.StringIO(text.stream().read(_SAMPLE), newline="")
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(itertools.islice(csv.reader(sample, delimiter=separator), columns.HEADER_WITHIN))
    return rows


def _shape(text: _Text, separator: str, header: int) -> _Shape:
    shape = _Shape()
    records = enumerate(text.records(separator))
    try:
        for index, cells in records:
            shape.count += 1
            if index == header:
                shape.width = max(1, len(cells))
            elif index > header and len(cells) != shape.width:
                _note_width(shape, index, cells)
    except csv.Error as error:
        raise _misquoted(text, shape.count + 1, error) from error
    return shape


def _note_width(shape: _Shape, index: int, cells: list[str]) -> None:
    """Blank rows, and separators after the last cell, move nothing; any other difference makes the row ragged."""
    if is_blank("".join(cells)) or (len(cells) > shape.width and is_blank("".join(cells[shape.width :]))):
        return
    shape.ragged[index] = tuple(cells)


def _misquoted(text: _Text, row: int, error: csv.Error) -> InputError:
    return InputError(
        f"{text.name} row {row}: a quotation mark is not closed, or stands inside a quoted cell ({error})",
        hint='write "" for a quotation mark inside quotes, or save the sheet as XLSX',
    )


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(text: _Text, separator: str, shape: _Shape) -> Iterator[Sequence[str]]:
    index = 0
    for chunk in _chunks(text, separator, shape.width):
        for cells in zip(*(_lines(chunk[column].tolist()) for column in chunk), strict=True):
            yield shape.ragged.get(index, cells) if shape.ragged else cells
            index += 1
    if index != shape.count:
        raise InputError(
            f"{text.name} can be read in two ways: {shape.count} rows or {index}", hint="save the sheet as XLSX"
        )


def _chunks(text: _Text, separator: str, width: int) -> Iterator[pd.DataFrame]:
    """Chunks of text cells, exactly *width* wide; what pandas pads or cuts is known from the shape."""
    if width > MAX_COLUMNS:
        raise InputError(f"{text.name} has {width} columns", hint="check the separator, or save the sheet as XLSX")
    try:
        yield from pd.read_csv(
            text.stream(),
            sep=separator,
            header=None,
            names=range(width),
            usecols=range(width),
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            index_col=False,
            skip_blank_lines=False,
            chunksize=max(1, _CHUNK_CELLS // width),
        )
    except (ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
        raise InputError(f"{text.name} cannot be read: {error}", hint="save the sheet as XLSX") from error


def _lines(cells: list[str]) -> list[str]:
    """Line breaks inside cells as a workbook has them, so that both give the same text."""
    return [cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell for cell in cells]
