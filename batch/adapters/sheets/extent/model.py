"""What is known of the cells of a part, and what can be said of numbers and markup before they are believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from xml.parsers import expat


class ImpossibleError(ValueError):
    """The records say what no workbook can hold."""


class UnclearError(Exception):
    """The part is not written as usual, and has to be parsed to know how far its cells reach."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The rectangle that the cells of one sheet span, and how many of them hold something."""

    rows: int = 0
    columns: int = 0
    filled: int = 0

    @property
    def cells(self) -> int:
        """The area of the rectangle."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Total:
    """What the reader keeps at once of all sheets of one part, beyond what is written there.

    ``copied`` is in bytes: texts that are written once and stand in many cells, and spaces that are only counted.
    """

    cells: int = 0
    filled: int = 0
    copied: int = 0


class Extent(Protocol):
    """Follows one part of a workbook."""

    @property
    def reach(self) -> Reach:
        """That of the sheet which spans most."""

    @property
    def total(self) -> Total:
        """That of all sheets."""

    @property
    def promised(self) -> int:
        """How many texts the part says that it has: the reader makes room for them at once."""

    def see(self, piece: bytes) -> None:
        """Widen the reach by the cells of the next piece. Raises ExpatError for XML that no reader should be given."""

    def end(self) -> None:
        """Say that this was all. Raises ExpatError when the reader would wait for more."""


_MOST_DIGITS = 12


def number(digits: str | bytes) -> int:
    """The number that *digits* are; of a longer one only that it is enormous, for Python is slow with such."""
    zero = "0" if isinstance(digits, str) else b"0"
    return int(digits.lstrip(zero)[:_MOST_DIGITS] or 0)  # type: ignore[arg-type]


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
_LETTERS = bytes.maketrans(_CONTROLS, b"_" * len(_CONTROLS))


class Markup:
    """XML as the reader cuts it into tags, which it does by bytes, whatever encoding the XML claims.

    A document type is refused: what it defines, this parser and the reader do not understand alike. Control characters,
    which the reader does not mind, are taken for letters unless the look is *strict*.
    """

    _BOM = b"\xef\xbb\xbf"
    _LONGEST = 8 * 1024 * 1024
    """No tag of a sheet is longer; expat looks at one from its beginning whenever a piece is added."""

    def __init__(self, *, strict: bool = False) -> None:
        self._letters = None if strict else _LETTERS
        self.parser = expat.ParserCreate("ISO-8859-1")
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self._seen = 0

    def see(self, piece: bytes) -> None:
        """The next piece. Raises ExpatError for what is no XML."""
        piece = piece if self._seen else piece.removeprefix(self._BOM)
        self._seen += len(piece)
        self.parser.Parse(piece.translate(self._letters))
        if self._seen - self.parser.CurrentByteIndex > self._LONGEST:
            raise expat.ExpatError("a tag without end")

    def end(self) -> None:
        """Raises ExpatError when a tag has no end."""
        self.parser.Parse(b"", True)  # noqa: FBT003 - the end


def _refuse_doctype(*_: object) -> None:
    raise expat.ExpatError("a document type")
