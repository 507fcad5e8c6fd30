"""What a workbook says of its cells and the reader leaves out, for each kind of workbook."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from xml.etree import ElementTree as ET

from batch.adapters.sheets.marks import binary, ods, xlsx
from batch.adapters.sheets.marks.model import Area, Marks, Place

__all__ = ["Area", "Marks", "Place", "marks_of"]

_BY_PART = {xlsx.PART: xlsx.marks, binary.PART: binary.xlsb_marks, ods.PART: ods.marks}
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, ET.ParseError, struct.error),
    *(LookupError, EOFError, OSError, ValueError, RuntimeError),
)


def marks_of(data: bytes, sheet: str) -> Marks:
    """The marks of the worksheet called *sheet*. Whatever cannot be found out leaves the reader's text as it is."""
    try:
        if not data.startswith(b"PK"):
            return binary.xls_marks(data, sheet)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = set(archive.namelist())
            look = next((look for part, look in _BY_PART.items() if part in parts), None)
            return Marks() if look is None else look(archive, sheet)
    except _UNREADABLE:
        return Marks()
