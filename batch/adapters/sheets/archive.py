"""A workbook whose ZIP archive has one directory, and in it one name for each part.

Where the directory is, archives say in several places (APPNOTE.TXT 4.3.14 to 4.3.16), and of some our look and the
reader would believe different ones: then what was looked through is not what is read. Such an archive is written anew.
"""

from __future__ import annotations

import io
import struct
import zipfile

END = b"PK\x05\x06"
"""How the end of a directory begins, by which an archive is found."""
_END_RECORD = struct.Struct("<4s4H2IH")


def of_one_directory(data: bytes) -> bytes:
    """The workbook itself, as nearly all are, or its parts as they were looked through, in an archive of our own.

    Args:
        data: an archive whose parts are known to unpack to what memory can hold.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data if _is_plain(data, archive.infolist()) else _anew(archive)


def of_no_directory(data: bytes) -> bytes:
    """An old workbook in which no archive is found: the reader tries that when the workbook is not to its liking.

    Args:
        data: a compound file whose workbook has no such bytes in it; in what is beside it, nobody reads them.
    """
    return data.replace(END, bytes(len(END)))


def _is_plain(data: bytes, parts: list[zipfile.ZipInfo]) -> bool:
    at = data.find(END)
    if len(data) - at < _END_RECORD.size or data.find(END, at + 1) >= 0:
        return False
    _, disk, begins_on, here, entries, size, begin, comment = _END_RECORD.unpack_from(data, at)
    # no directory of 64 bits fits in between, and no extra field can move or rename a part
    whole = begin + size == at and at + _END_RECORD.size + comment == len(data) and not disk and not begins_on
    return whole and here == entries == len(parts) and not any(map(_is_told_twice, parts))


def _is_told_twice(part: zipfile.ZipInfo) -> bool:
    return bool(part.extra) or part.filename != part.orig_filename


def _anew(archive: zipfile.ZipFile) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name in dict.fromkeys(archive.namelist()):  # of two parts of one name the last is read
            copy.writestr(name, archive.read(name))
    return whole.getvalue()
