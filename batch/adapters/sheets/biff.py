"""An XLS as its records ([MS-XLS] 2.3), and whether they keep within what an XLS can hold.

The reader allocates for what these records say, and ends the whole program when that is more than there is memory.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import olefile

from batch.adapters.sheets.extent import ImpossibleError, Reach

Record = tuple[int, bytes]

BOF, EOF, BOUND_SHEET = 0x0809, 0x000A, 0x0085
ROW, BOOL_ERR, FORMULA = 0x0208, 0x0205, 0x0006
_DIMENSIONS, _STRINGS = 0x0200, 0x00FC
_MANY = frozenset({0x00BD, 0x00BE})
"""Records of several cells side by side: MULRK, MULBLANK."""
_CELLS = frozenset({BOOL_ERR, FORMULA, 0x00FD, 0x0204, 0x00D6, 0x0203, 0x027E, 0x0201, *_MANY})
"""… and of one: errors and truths, formulas, texts of three kinds, numbers of two, blanks."""
MOST_ROWS, MOST_COLUMNS = 65_536, 256
_AREA, _AREA_BEFORE_97 = struct.Struct("<IIHH"), struct.Struct("<HHHH")
_PLACE = struct.Struct("<HH")


def stream_of(data: bytes) -> bytes:
    """The stream of records; empty when there is none. Raises OSError and others for a container that is damaged."""
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        name = next((name for name in ("Workbook", "Book") if file.exists(name)), None)
        return bytes(file.openstream(name).read()) if name else b""


def records(stream: bytes, at: int = 0) -> Iterator[Record]:
    """Type and body of each record from *at* on."""
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def reaches(stream: bytes) -> Iterator[Reach]:
    """How far the cells of a sheet reach, each time that they reach farther.

    Raises :class:`ImpossibleError` for places and counts that cannot be; struct.error for a record that is cut.
    """
    reach = Reach()
    for kind, body in records(stream):
        if kind == BOF:
            reach = Reach()
        elif kind == _STRINGS and int.from_bytes(body[4:8], "little") > len(stream):
            raise ImpossibleError("more texts than bytes")
        elif kind == _DIMENSIONS:
            _check_area(body)
        elif kind in _CELLS:
            old, reach = reach, _with_cell(reach, kind, body)
            if reach.cells > old.cells:
                yield reach


def _check_area(body: bytes) -> None:
    layout = _AREA if len(body) >= _AREA.size else _AREA_BEFORE_97
    top, bottom, left, right = layout.unpack_from(body)
    if not (top <= bottom <= MOST_ROWS and left <= right <= MOST_COLUMNS):
        raise ImpossibleError("an area outside of any sheet")


def _with_cell(reach: Reach, kind: int, body: bytes) -> Reach:
    row, first = _PLACE.unpack_from(body)
    last = int.from_bytes(body[-2:], "little") if kind in _MANY else first
    if not first <= last < MOST_COLUMNS:
        raise ImpossibleError("a cell outside of any sheet")
    return Reach(max(reach.rows, row + 1), max(reach.columns, last + 1), reach.filled + last - first + 1)
