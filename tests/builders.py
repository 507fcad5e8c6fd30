"""Small values that tests are made of; every argument has a default that is fine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

from batch.core import columns
from batch.core.model import Origin, SourceRow, SourceTable

NUMBER = "+905321234567"
UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
HEADER = ("number", "channel", "agent")


def table(*rows: Sequence[str], header: Sequence[str] = HEADER) -> SourceTable:
    """A table as the reader makes it from ``sheet.csv``, its header in row 1."""
    origins = (Origin("sheet.csv", "", number) for number in range(2, len(rows) + 2))
    return SourceTable(
        file="sheet.csv",
        sheet="",
        sha256="0" * 64,
        header=tuple(header),
        columns=columns.settle(header, {}, "sheet.csv"),
        rows=tuple(SourceRow(origin, tuple(cells)) for origin, cells in zip(origins, rows, strict=True)),
    )


def write_csv(path: Path, rows: Sequence[Sequence[str]], *, separator: str = ",", encoding: str = "utf-8") -> Path:
    """A text file as a spreadsheet program writes it: every cell with a separator, quote or line break is quoted."""
    special = {separator, '"', "\n"}
    lines = (separator.join(_quoted(cell, special) for cell in row) for row in rows)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    return path


def _quoted(cell: str, special: set[str]) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if special.intersection(cell) else cell


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[object]]], *, hidden: Sequence[str] = ()) -> Path:
    """A workbook; texts stay texts, numbers, dates and truth values get cells of their own kind."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "default_date_format": "dd.mm.yyyy"}
    with xlsxwriter.Workbook(str(path), options) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for index, row in enumerate(rows):
                sheet.write_row(index, 0, row)
            if name in hidden:
                sheet.hide()
    return path
