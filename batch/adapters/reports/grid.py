"""What the sheets of ``report.xlsx`` are made of: their formats, and tables with all but their rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.reports.clean import clean
from batch.adapters.reports.entries import Verdict
from batch.adapters.reports.words import Tone
from batch.core.model import Status

ROWS, COLUMNS = 1_048_576, 16_384
"""What a sheet holds (Excel's specification of limits); more rows go on in a further sheet."""

COLOURS: Mapping[Status, tuple[str, str]] = {
    Status.DONE: ("#14653a", "#dcf3e4"),
    Status.ALREADY: ("#4b5563", "#eceff3"),
    Status.INVALID: ("#8a4b08", "#fdeccf"),
    Status.REJECTED: ("#9b1c1c", "#fbdfdf"),
    Status.FAILED: ("#9b1c1c", "#fbdfdf"),
    Status.UNKNOWN: ("#5b21b6", "#ebe3fb"),
    Status.DRIFTED: ("#1e4fa3", "#dfe9fb"),
    Status.SKIPPED: ("#4b5563", "#eceff3"),
}
"""Text and ground of a status; the word always stands beside the colour."""

PLANNED: Mapping[Verdict, tuple[str, str]] = {
    Verdict.MOVE: ("#1e4fa3", "#dfe9fb"),
    Verdict.PARK: ("#5b21b6", "#ebe3fb"),
    Verdict.ALREADY: ("#4b5563", "#eceff3"),
    Verdict.REPEATED: ("#4b5563", "#eceff3"),
    Verdict.INVALID: ("#8a4b08", "#fdeccf"),
    Verdict.DRIFTED: ("#8a4b08", "#fdeccf"),
    Verdict.SKIPPED: ("#4b5563", "#eceff3"),
}
"""The same of what a plan means to do."""

INKS: Mapping[Tone, str] = {Tone.GOOD: "#14653a", Tone.CALM: "#1e4fa3", Tone.WARN: "#8a4b08", Tone.BAD: "#9b1c1c"}

NARROWEST, WIDEST = 14, 36
"""Characters; what is longer goes on in a second line."""

Cell = str | int | None


class Look(Enum):
    """How the cells of a column are shown."""

    TEXT = "text"
    FIGURE = "figure"
    LONG = "text in several lines"


class Styles:
    """The few formats a workbook needs."""

    def __init__(self, book: Workbook) -> None:
        self.looks = {
            Look.TEXT: book.add_format({"num_format": "@", "valign": "top"}),
            Look.FIGURE: book.add_format({"valign": "top"}),
            Look.LONG: book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}),
        }
        self.head = book.add_format({"bold": True, "bg_color": "#e5e7eb", "bottom": 1, "valign": "vcenter"})
        self.titles = {
            tone: book.add_format({"bold": True, "font_size": 18, "font_color": ink, "valign": "vcenter"})
            for tone, ink in INKS.items()
        }
        self.bold = book.add_format({"bold": True})
        self.left = book.add_format({"align": "left"})
        self.faint = book.add_format({"font_color": "#6b7280"})
        self.warning = book.add_format({"font_color": INKS[Tone.WARN]})
        self.status = {status: _marked(book, *colours) for status, colours in COLOURS.items()}
        self.verdict = {verdict: _marked(book, *colours) for verdict, colours in PLANNED.items()}


def _marked(book: Workbook, ink: str, ground: str) -> Format:
    return book.add_format({"num_format": "@", "font_color": ink, "bg_color": ground, "valign": "top"})


@dataclass(frozen=True, slots=True)
class Column:
    """A header, its width in characters, and how its cells are shown."""

    name: str
    width: int
    look: Look = Look.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """So many rows under a header, of which each has a mark: the format of its cell in the column *marked*."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[tuple[Format | None, Sequence[Cell]]]
    count: int
    marked: int = 0
    marks: Sequence[Format] = ()


@dataclass(frozen=True, slots=True)
class Laid:
    """A table laid out on its sheets: the place of each in the workbook, and how many of the rows it takes.

    The first data row of each sheet shows the formats, with one empty cell a column, then one for each mark: their
    numbers are only known once the workbook is put together.
    """

    table: Table
    sheets: Sequence[tuple[int, int]]


def lay_out(book: Workbook, styles: Styles, table: Table) -> Laid:
    """Give *book* the sheets of *table*, with frozen, filtered headers; a full one goes on in a further one."""
    sheets: list[tuple[int, int]] = []
    for first in range(0, max(table.count, 1), ROWS - 1):
        count = min(table.count - first, ROWS - 1)
        name = f"{table.name} {len(sheets) + 1}" if sheets else table.name
        sheets.append((len(book.worksheets()), count))
        _lay_out(book.add_worksheet(name), styles, table, max(count, 1))
    return Laid(table, sheets)


def _lay_out(sheet: Worksheet, styles: Styles, table: Table, last: int) -> None:
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&L&A&RPage &P of &N")
    for place, column in enumerate(table.columns):
        look = styles.looks[column.look]
        sheet.set_column(place, place, column.width, look)
        sheet.write_string(0, place, clean(column.name), styles.head)
        sheet.write_blank(1, place, None, look)
    for place, mark in enumerate(table.marks, len(table.columns)):
        sheet.write_blank(1, place, None, mark)
    sheet.autofilter(0, 0, last, len(table.columns) - 1)
    everything = f"A1:{xl_rowcol_to_cell(last, len(table.columns) - 1)}"
    sheet.ignore_errors({"number_stored_as_text": everything})  # they are meant to be text


def header(sheet: Worksheet, styles: Styles, row: int, names: Sequence[str]) -> None:
    """The names over a small table."""
    for column, name in enumerate(names):
        sheet.write_string(row, column, name, styles.head)


def widest(texts: Iterable[str]) -> int:
    """A width that fits the longest of *texts*, within reason; a Chinese or Japanese character takes two."""
    longest = max((len(text) + sum(map(_is_wide, text)) for text in texts), default=0)
    return min(max(longest + 2, NARROWEST), WIDEST)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
