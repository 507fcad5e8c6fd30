"""What every sheet of ``report.xlsx`` is made of: text cells, nothing live, row by row."""

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

ROWS = 1_048_576
"""Rows a sheet holds (Excel's specification of limits); more go on in a further sheet."""

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


class Grid:
    """A table with a frozen, filtered header that goes on in a further sheet when one is full."""

    def __init__(self, book: Workbook, styles: Styles, name: str, columns: Sequence[Column]) -> None:
        self._book = book
        self._styles = styles
        self._name = name
        self._columns = columns
        self._sheets = 0
        self._open()

    def add(self, cells: Iterable[Cell], formats: Mapping[int, Format] | None = None) -> None:
        """One more row; texts are texts whatever they look like."""
        if self._row == ROWS:
            self.close()
            self._open()
        row, sheet = self._row, self._sheet
        for column, cell in enumerate(cells):
            if cell is None or cell == "":
                continue
            style = formats.get(column) if formats else None
            if isinstance(cell, str):
                sheet.write_string(row, column, clean(cell), style)
            else:
                sheet.write_number(row, column, cell, style)
        self._row += 1

    def close(self) -> None:
        """Put the filter over what was written, and tell Excel that numbers are meant to be text."""
        last = max(self._row - 1, 1)
        self._sheet.autofilter(0, 0, last, len(self._columns) - 1)
        everything = f"A1:{xl_rowcol_to_cell(last, len(self._columns) - 1)}"
        self._sheet.ignore_errors({"number_stored_as_text": everything})

    def _open(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        sheet = self._sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer("&L&A&RPage &P of &N")
        for place, column in enumerate(self._columns):
            sheet.set_column(place, place, column.width, self._styles.looks[column.look])
            sheet.write_string(0, place, clean(column.name), self._styles.head)
        self._row = 1


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
