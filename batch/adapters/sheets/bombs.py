"""Whether a workbook is safe to open: looked through piece by piece before anything unpacks it as a whole.

Refused are parts that unpack to far more than a sheet holds, parts that do not unpack at all, an ODS whose XML breaks
off, at whose end its reader would wait for ever, and a sheet whose cells span far more than they fill: the reader keeps
a full rectangle of it, so one stray cell in the last row and column would cost some hundred gigabytes. So would texts
that a workbook only says it has, for the reader makes room for them, and one long text that many cells show.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.parsers import expat

from batch.adapters.sheets import biff
from batch.adapters.sheets.archive import END
from batch.adapters.sheets.container import damaged, password
from batch.adapters.sheets.extent import Extent, ImpossibleError, Reach, UnclearError, extent_of
from batch.adapters.sheets.shared import most_copied
from batch.adapters.sheets.table import MAX_COLUMNS, MAX_ROWS
from batch.errors import InputError

MAX_UNPACKED = 1024 * 1024 * 1024
"""A million rows of ten columns unpack to about half of it."""
MAX_RATIO = 100
SMALL = 32 * 1024 * 1024
"""Real sheets shrink 5 to 20 times, one whose rows are nearly the same 50; a bomb a thousand times. Under ``SMALL`` the
ratio does not matter."""
MAX_CELLS = 64 * 1024 * 1024
"""A million rows of sixty columns."""
MAX_SPARSE = 4 * 1024 * 1024
SPARSE = 50
"""A rectangle of more than ``MAX_SPARSE`` cells has at least one in ``SPARSE`` filled, or it is no table."""

MAX_TOGETHER = 4 * MAX_SPARSE
"""The same for all sheets of a workbook whose reader keeps them all."""
MAX_COPIED = 256 * 1024 * 1024
"""Bytes of texts that are written once and stand in many cells."""

_BINARY = "xl/workbook.bin"
_WORKBOOK_PARTS = frozenset({"xl/workbook.xml", _BINARY, "content.xml"})
_ODS_MANIFEST = "META-INF/manifest.xml"
_ENCRYPTED_PART = 1
_STEP = 1024 * 1024


def refuse_bombs(data: bytes, name: str) -> None:
    """Raise :class:`InputError` unless the workbook can be opened safely.

    The sizes in the directory are not believed: every part is unpacked, counted, and checked against its checksum.
    """
    if not data.startswith(b"PK"):
        _look_through_xls(data, name)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _look_through(archive, len(data), name)
    except ImpossibleError as error:
        raise _senseless(name) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise damaged(name, "its parts do not unpack") from error
    except expat.ExpatError as error:
        raise damaged(name, "its XML is not whole") from error
    except NotImplementedError as error:
        raise damaged(name, "it is packed in an unusual way") from error


def _look_through(archive: zipfile.ZipFile, packed: int, name: str) -> None:
    parts = archive.infolist()
    if _WORKBOOK_PARTS.isdisjoint(part.filename for part in parts):
        raise InputError(f"{name} is a ZIP archive, but no workbook", hint="save the sheet as XLSX or CSV")
    limit = min(MAX_UNPACKED, max(SMALL, MAX_RATIO * packed))
    if sum(part.file_size for part in parts) > limit:
        raise _bomb(name)
    if _encrypted(archive, parts):
        raise password(name)
    binary = any(part.filename.casefold() == _BINARY for part in parts)
    filled: dict[zipfile.ZipInfo, int] = {}
    for part in parts:
        extent = _looked_at(archive, part, limit, name, binary=binary)
        limit -= part.file_size
        filled[part] = extent.reach.filled
    if most_copied(archive, filled, MAX_UNPACKED) > MAX_UNPACKED:
        raise _bomb(name)


def _look_through_xls(data: bytes, name: str) -> None:
    try:
        stream = biff.stream_of(data)
        far = next(filter(_sprawls, biff.reaches(stream)), None)
    except Exception as error:  # the container's reader raises of its own and of Python's
        raise _senseless(name) from error
    if END in data and (END in stream or not stream):  # an archive, to which the reader would go on
        raise _senseless(name)
    if far is not None:
        raise _sprawl(name, far)


def _encrypted(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> bool:
    """Whether a part is encrypted, by the archive or by ODS; the reader would only see damage."""
    if any(part.flag_bits & _ENCRYPTED_PART for part in parts):
        return True
    if not any(part.filename == _ODS_MANIFEST for part in parts):
        return False
    with archive.open(_ODS_MANIFEST) as file:
        return b"encryption-data" in file.read(_STEP)


def _looked_at(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int, name: str, *, binary: bool) -> Extent:
    """Unpack one part, a second time if the first look could not tell, and leave its true size with it."""
    try:
        return _unpacked(archive, part, limit, name, extent_of(part.filename, binary=binary))
    except UnclearError:
        return _unpacked(archive, part, limit, name, extent_of(part.filename, binary=binary, quick=False))


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int, name: str, extent: Extent) -> Extent:
    size = 0
    part.file_size = limit + 2 * _STEP  # zipfile stops at this size; the directory's own figure may be a lie
    with archive.open(part) as file:
        while piece := file.read(_STEP):
            size += len(piece)
            if size > limit:
                raise _bomb(name)
            extent.see(piece)
            _check(extent, name)
    part.file_size = size
    extent.end()
    _check(extent, name)
    if extent.promised > max(size, MAX_SPARSE):
        raise damaged(name, "it says that it has more texts than bytes")
    return extent


def _check(extent: Extent, name: str) -> None:
    if _sprawls(extent.reach):
        raise _sprawl(name, extent.reach)
    total = extent.total
    if total.copied > MAX_COPIED or (total.cells > MAX_TOGETHER and total.cells > SPARSE * total.filled):
        raise _bomb(name)


def _sprawls(reach: Reach) -> bool:
    if reach.rows > MAX_ROWS or reach.columns > MAX_COLUMNS:
        return True
    return reach.cells > MAX_CELLS or (reach.cells > MAX_SPARSE and reach.cells > SPARSE * reach.filled)


def _senseless(name: str) -> InputError:
    return damaged(name, "its records make no sense")


def _bomb(name: str) -> InputError:
    return InputError(f"{name} unpacks to far more than a sheet holds", hint="save the rows into a new workbook")


def _sprawl(name: str, reach: Reach) -> InputError:
    return InputError(
        f"{name} has a cell far outside its table: {reach.rows:,} rows × {reach.columns:,} columns",
        hint="copy the table into a new workbook; a stray value sits near the last row or column",
    )
