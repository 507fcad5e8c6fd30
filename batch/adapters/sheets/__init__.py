"""Read a sheet as rows of text: the first room, and the only one that opens the input file.

Nothing is interpreted here beyond *which column means what*. Every cell is the text that was typed, every row keeps
the spreadsheet's own number, and a file that cannot be read for certain is refused in words a person understands.
The same rows make the same table, whether they come as CSV or as a workbook.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from batch.adapters.sheets import table
from batch.adapters.sheets.archive import of_no_directory, of_one_directory
from batch.adapters.sheets.bombs import refuse_bombs
from batch.adapters.sheets.container import Container, container_of
from batch.core.model import SourceTable
from batch.errors import InputError, UsageError

__all__ = ["read"]

MAX_BYTES = 512 * 1024 * 1024
"""Some six million rows; more is a mistake, or a job for several files."""

_NO_MAPPING: Mapping[str, str] = MappingProxyType({})


def read(path: Path, *, sheet: str = "", mapping: Mapping[str, str] = _NO_MAPPING, encoding: str = "") -> SourceTable:
    """Read CSV, TSV, XLSX, XLSM, XLS, XLSB or ODS.

    Args:
        path: the file; what it is, is told from its content, and its name may not claim something else.
        sheet: the worksheet to read, hidden ones too; empty means the only visible one with the needed columns.
        mapping: header → field, for headers that are not recognised (``--map``).
        encoding: of a text file without byte order mark that is not UTF-8.

    Raises:
        UsageError: the file is not there or may not be read, or a flag makes no sense.
        InputError: the file as a whole cannot be used; names the file and, where known, the sheet and row.
    """
    # pandas takes 0.2 s to import, and most commands read no sheet
    from batch.adapters.sheets import text, workbook  # noqa: PLC0415

    data = _bytes_of(path)
    name = path.name
    container = container_of(data, path)
    if container is Container.TEXT:
        if sheet:
            raise InputError(f"{name} is a text file and has no sheets", hint="leave --sheet away")
        grid = text.grid(data, name, mapping=mapping, encoding=encoding)
    else:
        refuse_bombs(data, name)
        book = of_one_directory(data) if container is Container.ZIP else of_no_directory(data)
        grid = workbook.grid(book, name, sheet=sheet, mapping=mapping)
    return table.build(grid, file=name, sha256=hashlib.sha256(data).hexdigest(), mapping=mapping)


def _bytes_of(path: Path) -> bytes:
    """The whole file, once: what is hashed is what is read, even if somebody saves it meanwhile."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check the name and the rights") from error
    except ValueError as error:  # a name with a NUL in it
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path.name} is larger than {MAX_BYTES // 1024**2} MB", hint="split it into several files")
    if not data or data.isspace():
        raise InputError(f"{path.name} is empty", hint="`reassign template OUT.xlsx` makes an empty sheet with headers")
    return data
