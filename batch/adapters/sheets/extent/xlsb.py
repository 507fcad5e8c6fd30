"""The cells of an XLSB, from the records of its worksheets ([MS-XLSB] 2.1.4)."""

from __future__ import annotations

from batch.adapters.sheets.extent.model import ImpossibleError, Reach, Total

_ROW_HEADER = 0
_CELLS = range(2, 12)
"""Record types of cells that hold something ([MS-XLSB] 2.3.1: BrtCellRk … BrtFmlaError)."""
_SMALLEST = {_ROW_HEADER: 4, **dict.fromkeys(_CELLS, 8)}
"""The bytes of a row's place, and of a cell's with its format. Those that are missing the reader has from elsewhere."""
_LONGEST_HEAD, _PLACE = 6, 4
_MORE, _LOW = 0x80, 0x7F


class Records:
    """Follows the records of one worksheet."""

    def __init__(self) -> None:
        self.reach = Reach()
        self.total = Total()
        self.promised = 0
        self._rest = b""
        self._skip = 0
        self._row = 0

    def see(self, piece: bytes) -> None:
        """The next piece, which may end within a record. Raises ImpossibleError for a cell without a place."""
        data = self._rest + piece[self._skip :]
        self._skip = max(0, self._skip - len(piece))
        at = self._walk(data, len(data) - _LONGEST_HEAD - _PLACE + 1)
        self._rest = data[at:]
        self._skip += max(0, at - len(data))

    def end(self) -> None:
        """Look at the last records too; the reader makes do with some that break off."""
        self._walk(self._rest + bytes(_LONGEST_HEAD + _PLACE), len(self._rest))

    def _walk(self, data: bytes, until: int) -> int:
        """Go over the records that begin before *until*, and give the place of the next."""
        at = 0
        while at < until:
            kind, size, body = record_at(data, at)
            if size < _SMALLEST.get(kind, 0):
                raise ImpossibleError("a row or a cell without a place")
            place = int.from_bytes(data[body : body + _PLACE], "little")
            if kind == _ROW_HEADER:
                self._row = place
            elif kind in _CELLS:
                old = self.reach
                self.reach = Reach(max(old.rows, self._row + 1), max(old.columns, place + 1), old.filled + 1)
            at = body + size
        return at


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
