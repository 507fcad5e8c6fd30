"""XLSX, XLSM, XLS, XLSB and ODS, through pandas with the calamine engine.

Cells are taken as the file stores them: a number cell gives its digits, a formula the value computed when the file was
saved. A merged cell's value stands in its first cell alone, and a hidden row is a row; both are said. Of several sheets
the visible one is read, or the only visible one that has the needed columns and a row below them, or the one that
``--sheet`` names.
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
from batch.adapters.sheets.hush import hushed
from batch.adapters.sheets.marks import Area, Marks, marks_of
from batch.adapters.sheets.table import MAX_ROWS, Grid
from batch.core import columns
from batch.core.texts import is_blank
from batch.errors import InputError, ReassignError


def grid(data: bytes, name: str, *, sheet: str, mapping: Mapping[str, str]) -> Grid:
    """The rows of one worksheet: the one called *sheet*, or the only visible one with the needed columns.

    Raises:
        InputError: the workbook cannot be opened, or it does not say which of its sheets is meant.
    """
    with _opened(data, name) as book:
        visible, worksheets = _worksheets(book)
        chosen = _named(sheet, worksheets, name) if sheet else _only(book, data, visible, mapping, name)
        rows = tuple(_rows(_frame(book, chosen, None)))
        marks = _marks(book, data, chosen)
    rows = (*rows, *_unread(rows, marks))
    marks.merged = list(_within(len(rows), marks.merged))
    return Grid(
        rows=rows,
        sheet=chosen,
        only_sheet=visible == [chosen],
        passed_over=tuple(_passed_over(chosen, visible, worksheets)),
        marks=marks,
    )


_FAILURES = "Failures"
_OF_A_REPORT = frozenset({"Results", _FAILURES})
"""Sheets of a report of ours. The failures are what is given back, even if there are none; the results are all rows."""


def _marks(book: pd.ExcelFile, data: bytes, sheet: str) -> Marks:
    """What the engine does not tell in the cells' texts; of an XLS it knows the merged areas."""
    marks = marks_of(data, sheet)
    if not data.startswith(b"PK"):
        marks.merged = _sheet(book, sheet).merged_cell_ranges or []
    return marks


def _unread(rows: Sequence[Sequence[str]], marks: Marks) -> Iterator[Sequence[str]]:
    """The last rows of a sheet when they have nothing but formulas without results: for the engine it ends before."""
    last = max((row for row, _ in marks.uncomputed), default=-1)
    blank = ("",) * max(map(len, rows[:1]), default=0)
    return itertools.repeat(blank, max(0, min(last + 1, MAX_ROWS) - len(rows)))


def _within(rows: int, merged: Sequence[Area]) -> Iterator[Area]:
    """The merged areas without what is below the last row; some programs merge whole columns."""
    return ((first, (min(bottom, rows), right)) for first, (bottom, right) in merged)


def _passed_over(chosen: str, visible: list[str], worksheets: list[str]) -> Iterator[str]:
    for sheet in worksheets:
        if sheet != chosen:
            yield repr(sheet) if sheet in visible else f"{sheet!r} (hidden)"


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Iterator[pd.ExcelFile]:
    """The workbook; whatever the engine raises on a strange file becomes one refusal."""
    try:
        with hushed():
            opened = pd.ExcelFile(io.BytesIO(data), engine="calamine")
        with opened as book:
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


def _only(book: pd.ExcelFile, data: bytes, visible: list[str], mapping: Mapping[str, str], name: str) -> str:
    """The visible sheet to read when none was named; several that fit and have rows are never chosen between."""
    if len(visible) == 1:
        return visible[0]
    if not visible:
        raise InputError(f"{name} has no visible worksheet", hint="name a hidden one with --sheet")
    headers = {sheet: columns.locate(_rows(_frame(book, sheet, columns.HEADER_WITHIN)), mapping) for sheet in visible}
    fitting = {sheet: header for sheet, header in headers.items() if header is not None}
    if not fitting:
        raise _no_choice(name, "several sheets, none", {sheet: _height(book, sheet) for sheet in visible})
    if len(fitting) == 1:
        return next(iter(fitting))
    counts = {sheet: _data_rows(book, data, sheet, header) for sheet, header in fitting.items()}
    filled = {sheet: count for sheet, count in counts.items() if count}
    ours = counts.keys() >= _OF_A_REPORT
    if len(filled) == 1 and not ours:
        return next(iter(filled))
    raise _no_choice(name, "several sheets", counts if ours or not filled else filled)


def _no_choice(name: str, which: str, counts: Mapping[str, int]) -> InputError:
    """The refusal to choose, with the fullest sheet as a suggestion."""
    told = ", ".join(f"{sheet!r} ({count} row{'s' if count != 1 else ''})" for sheet, count in counts.items())
    likeliest = _FAILURES if counts.keys() >= _OF_A_REPORT else max(counts, key=lambda sheet: counts[sheet])
    return InputError(
        f"{name} has {which} with columns for number and agent: {told}", hint=f'choose one: --sheet "{likeliest}"'
    )


def _data_rows(book: pd.ExcelFile, data: bytes, sheet: str, header: int) -> int:
    """How many rows below the header are not blank; an error, or a formula without a result, only looks so."""
    inked = {index for index, row in enumerate(_rows(_frame(book, sheet, None))) if not is_blank("".join(row))}
    marks = marks_of(data, sheet)
    return sum(index > header for index in inked | {row for row, _ in (*marks.texts, *marks.uncomputed)})


def _height(book: pd.ExcelFile, sheet: str) -> int:
    end = _sheet(book, sheet).end
    return 0 if end is None else int(end[0]) + 1


def _sheet(book: pd.ExcelFile, sheet: str) -> Any:
    with hushed():
        return book.book.get_sheet_by_name(sheet)


def _frame(book: pd.ExcelFile, sheet: str, rows: int | None) -> pd.DataFrame:
    with hushed():
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
