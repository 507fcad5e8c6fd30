"""XLSX, XLSM, XLS, XLSB and ODS, through pandas with the calamine engine.

Cells are taken as the file stores them: a number cell gives its digits, a formula the value computed when the file was
saved. A merged cell's value stands in its first cell alone, and a hidden row is a row; both are said. Of several sheets
the visible one is read, or the only visible one that has the needed columns, or the one that ``--sheet`` names.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from python_calamine import SheetTypeEnum, SheetVisibleEnum

from batch.adapters.sheets.container import damaged
from batch.adapters.sheets.marks import Marks, marks_of
from batch.adapters.sheets.table import MAX_ROWS, Grid
from batch.core import columns
from batch.errors import InputError, ReassignError


def grid(data: bytes, name: str, *, sheet: str, mapping: Mapping[str, str]) -> Grid:
    """The rows of one worksheet: the one called *sheet*, or the only visible one with the needed columns.

    Raises:
        InputError: the workbook cannot be opened, or it does not say which of its sheets is meant.
    """
    with _opened(data, name) as book:
        visible, worksheets = _worksheets(book)
        chosen = _named(sheet, worksheets, name) if sheet else _only(book, visible, mapping, name)
        rows = tuple(_rows(_frame(book, chosen, None)))
        marks = _marks(book, data, chosen)
    return Grid(
        rows=(*rows, *_unread(rows, marks)),
        sheet=chosen,
        only_sheet=visible == [chosen],
        passed_over=tuple(_passed_over(chosen, visible, worksheets)),
        marks=marks,
    )


def _marks(book: pd.ExcelFile, data: bytes, sheet: str) -> Marks:
    """What the engine does not tell in the cells' texts; of an XLS it knows the merged areas."""
    marks = marks_of(data, sheet)
    if not data.startswith(b"PK"):
        marks.merged = book.book.get_sheet_by_name(sheet).merged_cell_ranges or []
    return marks


def _unread(rows: Sequence[Sequence[str]], marks: Marks) -> Iterator[Sequence[str]]:
    """The last rows of a sheet when they have nothing but formulas without results: for the engine it ends before."""
    last = max((row for row, _ in marks.uncomputed), default=-1)
    blank = ("",) * max(map(len, rows[:1]), default=0)
    return itertools.repeat(blank, max(0, min(last + 1, MAX_ROWS) - len(rows)))


def _passed_over(chosen: str, visible: list[str], worksheets: list[str]) -> Iterator[str]:
    for sheet in worksheets:
        if sheet != chosen:
            yield repr(sheet) if sheet in visible else f"{sheet!r} (hidden)"


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Iterator[pd.ExcelFile]:
    """The workbook; whatever the engine raises on a strange file becomes one refusal."""
    try:
        with pd.ExcelFile(io.BytesIO(data), engine="calamine") as book:
            yield book
    except ReassignError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or _is_panic(error):
            raise damaged(name, "no workbook can be read from it") from error
        raise


def _is_panic(error: BaseException) -> bool:
    """Whether the engine broke off; its own kind of exception is none of Python's and cannot be imported."""
    return type(error).__name__ == "PanicException"


def _worksheets(book: pd.ExcelFile) -> tuple[list[str], list[str]]:
    """The names of the visible worksheets, and of all; charts and macros are neither."""
    sheets: list[Any] = [meta for meta in book.book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    return [meta.name for meta in sheets if meta.visible == SheetVisibleEnum.Visible], [meta.name for meta in sheets]


def _named(sheet: str, worksheets: list[str], name: str) -> str:
    alike = [sheet] if sheet in worksheets else [known for known in worksheets if known.casefold() == sheet.casefold()]
    if len(alike) != 1:
        raise InputError(f"{name} has no sheet {sheet!r}", hint=f"it has {', '.join(map(repr, worksheets)) or 'none'}")
    return alike[0]


def _only(book: pd.ExcelFile, visible: list[str], mapping: Mapping[str, str], name: str) -> str:
    """The visible sheet to read when none was named; several that fit are never chosen between."""
    if len(visible) == 1:
        return visible[0]
    if not visible:
        raise InputError(f"{name} has no visible worksheet", hint="name a hidden one with --sheet")
    fitting = [sheet for sheet in visible if _fits(book, sheet, mapping)]
    if len(fitting) == 1:
        return fitting[0]
    choice = fitting or visible
    counts = ", ".join(f"{sheet!r} ({_height(book, sheet)} rows)" for sheet in choice)
    which = "several sheets" if fitting else "several sheets, none"
    raise InputError(
        f"{name} has {which} with columns for number and agent: {counts}", hint=f'choose one: --sheet "{choice[0]}"'
    )


def _fits(book: pd.ExcelFile, sheet: str, mapping: Mapping[str, str]) -> bool:
    head = _rows(_frame(book, sheet, columns.HEADER_WITHIN))
    return columns.locate(head, mapping) is not None


def _height(book: pd.ExcelFile, sheet: str) -> int:
    end = book.book.get_sheet_by_name(sheet).end
    return 0 if end is None else int(end[0]) + 1


def _frame(book: pd.ExcelFile, sheet: str, rows: int | None) -> pd.DataFrame:
    return pd.read_excel(
        book,
        sheet_name=sheet,
        header=None,
        dtype=str,
        keep_default_na=False,
        na_filter=False,
        index_col=None,
        nrows=rows,
    )


def _rows(frame: pd.DataFrame) -> Iterator[Sequence[str]]:
    return zip(*(_lines(frame[column].tolist()) for column in frame), strict=True)


def _lines(cells: list[str]) -> list[str]:
    return [cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell for cell in cells]
