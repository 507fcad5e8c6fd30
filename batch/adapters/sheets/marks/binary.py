"""Marks of the binary workbooks: XLSB from the records of its worksheet, XLS from those of its one stream."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator

from batch.adapters.sheets import biff
from batch.adapters.sheets.extent.xlsb import record_at
from batch.adapters.sheets.marks.model import ERRORS, TRUTH, Marks
from batch.adapters.sheets.marks.xlsx import sheet_part

PART = "xl/workbook.bin"
_U16, _U32 = struct.Struct("<H"), struct.Struct("<I")

# ── XLSB ([MS-XLSB] 2.4) ──────────────────────────────────────────────────────────────────────────────────────────────

_ROW, _ERROR, _BOOL, _FORMULA_BOOL, _FORMULA_ERROR = 0, 3, 4, 10, 11
_BUNDLE, _MERGE = 156, 176
_ROW_FLAGS, _ROW_HIDDEN = 11, 0x10
_LONGEST_HEAD = 6


def xlsb_marks(archive: zipfile.ZipFile, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*."""
    marks = Marks()
    part = sheet_part(archive, _bundles(archive), "xl/_rels/workbook.bin.rels", sheet)
    row = 0
    for kind, body in _xlsb_records(archive.read(part)) if part else ():
        if kind == _ROW:
            row = _number(body, 0)
            if body[_ROW_FLAGS] & _ROW_HIDDEN:
                marks.hidden.add(row)
        elif kind in (_ERROR, _FORMULA_ERROR):
            marks.texts[row, _number(body, 0)] = ERRORS.get(body[8], "#N/A")
        elif kind in (_BOOL, _FORMULA_BOOL):
            marks.texts[row, _number(body, 0)] = TRUTH[body[8] != 0]
        elif kind == _MERGE:
            top, bottom, left, right = struct.unpack_from("<IIII", body)
            marks.merged.append(((top, left), (bottom, right)))
    return marks


def _xlsb_records(data: bytes) -> Iterator[biff.Record]:
    at = 0
    data += bytes(_LONGEST_HEAD)  # so that the last head can be read like any other
    while at < len(data) - _LONGEST_HEAD:
        kind, size, body = record_at(data, at)
        yield kind, data[body : body + size]
        at = body + size


def _bundles(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    for kind, body in _xlsb_records(archive.read(PART)):
        if kind == _BUNDLE:
            relation, at = _wide(body, 8)
            yield _wide(body, at)[0], relation


def _wide(body: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + 2 * _number(body, at)
    return body[at + 4 : end].decode("utf-16-le"), end


def _number(body: bytes, at: int) -> int:
    return int(_U32.unpack_from(body, at)[0])


# ── XLS ([MS-XLS] 2.4) ────────────────────────────────────────────────────────────────────────────────────────────────

_ROW_AT, _HIDDEN_XLS = 12, 0x20
_NO_NUMBER = b"\xff\xff"
_TRUTH_RESULT, _ERROR_RESULT = 1, 2


def xls_marks(data: bytes, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*, but for its merges, which the reader tells; none before Excel 97."""
    marks = Marks()
    stream = biff.stream_of(data)
    depth = 0
    for kind, body in biff.records(stream, _begin(stream, sheet)):
        depth += (kind == biff.BOF) - (kind == biff.EOF)  # a chart in a sheet has its own beginning and end
        if depth == 0:
            break
        if kind == biff.ROW and body[_ROW_AT] & _HIDDEN_XLS:
            marks.hidden.add(_U16.unpack_from(body)[0])
        elif kind == biff.BOOL_ERR:
            _mark(marks, body, body[6], is_error=body[7] != 0)
        elif kind == biff.FORMULA and body[12:14] == _NO_NUMBER and body[6] in (_TRUTH_RESULT, _ERROR_RESULT):
            _mark(marks, body, body[8], is_error=body[6] == _ERROR_RESULT)
    return marks


def _mark(marks: Marks, body: bytes, value: int, *, is_error: bool) -> None:
    place = _U16.unpack_from(body)[0], _U16.unpack_from(body, 2)[0]
    marks.texts[place] = ERRORS.get(value, "#N/A") if is_error else TRUTH[value != 0]


def _begin(stream: bytes, sheet: str) -> int:
    """Where the records of *sheet* begin; behind the end when there is none of that name."""
    for kind, body in biff.records(stream):
        if kind == biff.BOUND_SHEET:
            name = body[8:].decode("utf-16-le" if body[7] & 1 else "latin-1")
            if name == sheet:
                return _number(body, 0)
        elif kind == biff.EOF:
            break
    return len(stream)
