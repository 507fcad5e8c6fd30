"""What kind of file the bytes are, whatever its name says."""

from __future__ import annotations

import re
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
_ENCRYPTED_XLS = re.compile(
    rb"\x09\x08(?:\x10\x00\x00\x06\x05\x00.{12}|\x08\x00\x00\x05\x05\x00.{4})(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL
)
"""The beginning of a workbook's globals with a FILEPASS record ([MS-XLS] 2.1.7.20.1); the reader only sees damage."""


def container_of(data: bytes, path: Path) -> Container:
    """The wrapping of *data*; raises :class:`InputError` for what is no sheet, or not what the name says."""
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            raise InputError(f"{path.name} is {words}, not a sheet", hint="save the sheet as XLSX or CSV")
    found = next((container for magic, container in _MAGIC if data.startswith(magic)), Container.TEXT)
    if found is Container.OLE and (_ENCRYPTED_OLE in data or _ENCRYPTED_XLS.search(data)):
        raise password(path.name)
    if found is Container.TEXT and (_WEB_PAGE.match(data) or _XML.match(data)):
        raise InputError(
            f"{path.name} is a web page or XML document, whatever its name says",
            hint="open it in a spreadsheet program and save it as XLSX",
        )
    promised = _PROMISED.get(path.suffix.lower(), found)
    if promised is not found and found is Container.TEXT and b"\0" not in data:
        raise InputError(
            f"{path.name} is called {path.suffix.lower()}, but is text",
            hint="rename it to .csv, or save it again from the spreadsheet program",
        )
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
