"""What kind of file the bytes are, whatever its name says, and whether it is safe to open."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

from batch.errors import InputError


class Container(StrEnum):
    """The three wrappings a sheet comes in."""

    TEXT = "text"
    ZIP = "a ZIP-based workbook (XLSX, XLSM, XLSB or ODS)"
    OLE = "an old Excel workbook (XLS)"


_MAGIC: tuple[tuple[bytes, Container], ...] = (
    (b"PK\x03\x04", Container.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Container.OLE),
)
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_WEB_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|table|head|body|meta)", re.IGNORECASE)
_XML = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<\?xml", re.IGNORECASE)

_PROMISED: dict[str, Container] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), Container.TEXT),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".ods"), Container.ZIP),
    ".xls": Container.OLE,
}
_ENCRYPTED_OLE = "EncryptedPackage".encode("utf-16-le")
_WORKBOOK_PARTS = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})

MAX_UNPACKED = 1024 * 1024 * 1024
"""A million rows of ten columns unpack to about half of it."""
MAX_RATIO = 200
SMALL = 32 * 1024 * 1024
"""Real sheets shrink 5 to 50 times; a bomb a thousand times. Under ``SMALL`` the ratio does not matter."""
MAX_CELLS = 64 * 1024 * 1024
"""The reader keeps a full rectangle, so one stray cell in the last row and column would cost 400 GB."""

_CELL = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_STEP = 1024 * 1024
_OVERLAP = 64


def container_of(data: bytes, path: Path) -> Container:
    """The wrapping of *data*; raises :class:`InputError` for what is no sheet, or not what the name says."""
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            raise InputError(f"{path.name} is {words}, not a sheet", hint="save the sheet as XLSX or CSV")
    found = next((container for magic, container in _MAGIC if data.startswith(magic)), Container.TEXT)
    if found is Container.OLE and _ENCRYPTED_OLE in data:
        raise password(path.name)
    if found is Container.TEXT and (_WEB_PAGE.match(data) or _XML.match(data)):
        raise InputError(
            f"{path.name} is a web page or XML document, whatever its name says",
            hint="open it in a spreadsheet program and save it as XLSX",
        )
    promised = _PROMISED.get(path.suffix.lower(), found)
    if promised is not found:
        raise InputError(
            f"{path.name} is named like {promised}, but its content is {_content(found, data)}",
            hint="give it the right ending, or save it again from the spreadsheet program",
        )
    return found


def _content(found: Container, data: bytes) -> str:
    return "binary" if found is Container.TEXT and b"\0" in data else str(found)


def password(name: str) -> InputError:
    """The refusal of a protected file."""
    return InputError(f"{name} is protected by a password", hint="save a copy without password, and use that")


def damaged(name: str, why: str) -> InputError:
    """The refusal of a file that breaks off or does not add up."""
    return InputError(
        f"{name} is damaged or incomplete: {why}", hint="copy or download it again, or save it again as XLSX"
    )


def refuse_bombs(data: bytes, name: str) -> None:
    """Look through a ZIP-based workbook before anything opens it: parts, sizes, checksums, extent.

    The sizes in the directory are not believed: every part is unpacked piece by piece, and counted.
    Raises :class:`InputError`; a workbook of another kind passes.
    """
    if not data.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if _WORKBOOK_PARTS.isdisjoint(part.filename for part in parts):
                raise InputError(f"{name} is a ZIP archive, but no workbook", hint="save the sheet as XLSX or CSV")
            if any(part.flag_bits & 1 for part in parts):
                raise password(name)
            limit = min(MAX_UNPACKED, max(SMALL, MAX_RATIO * len(data)))
            if sum(part.file_size for part in parts) > limit:
                raise _bomb(name)
            for part in parts:
                limit -= _unpacked(archive, part, limit, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise damaged(name, "its parts do not unpack") from error
    except NotImplementedError as error:
        raise damaged(name, "it is packed in an unusual way") from error


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int, name: str) -> int:
    """Unpack one part and return its true size."""
    size, tail, extent = 0, b"", _Extent()
    sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
    part.file_size = limit + 1  # zipfile stops at this size; the directory's own figure may be a lie
    with archive.open(part) as file:
        while piece := file.read(_STEP):
            size += len(piece)
            if size > limit:
                raise _bomb(name)
            if sheet:
                extent.see(tail + piece)
                if extent.cells > MAX_CELLS:
                    raise _sprawl(name, extent)
                tail = piece[-_OVERLAP:]
    return size


class _Extent:
    """The rectangle that a worksheet's cells span."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns = 0

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def see(self, xml: bytes) -> None:
        """Widen the rectangle by the cells of a piece of XML."""
        places = _CELL.findall(xml)
        letters = {letters for letters, _ in places}
        self.rows = max(self.rows, *(int(row) for _, row in places), 0)
        self.columns = max(self.columns, *map(_column, letters), 0)


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index


def _bomb(name: str) -> InputError:
    return InputError(f"{name} unpacks to far more than a sheet holds", hint="save the rows into a new workbook")


def _sprawl(name: str, extent: _Extent) -> InputError:
    return InputError(
        f"{name} has a cell far outside its table: {extent.rows} rows × {extent.columns} columns",
        hint="copy the table into a new workbook; a stray cell or format sits near the last row or column",
    )
