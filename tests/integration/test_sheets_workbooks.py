"""What cells, rows and sheets of a workbook are read as, and what is said of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from batch.adapters import sheets
from batch.core.model import SourceTable
from batch.core.normalise import normalise
from tests import corpus
from tests.builders import HEADER, NUMBER, write_xlsx
from tests.containers import MAIN, bare_xlsx, repacked
from tests.corpus import codes, refusal, rows

GOOD = (NUMBER, "call", "Ali")


# ── workbooks: what cells hold ────────────────────────────────────────────────────────────────────────────────────────


def cells_xlsx(tmp_path: Path, *cells: str, after: str = "") -> SourceTable:
    """A workbook whose row 2 has these number cells, raw, and a good channel and agent beside each."""
    head = _row(1, *HEADER)
    body = "".join(
        f'<row r="{row}">{cell.format(f"A{row}")}{_texts(row, "B", "call")}{_texts(row, "C", "Ali")}</row>'
        for row, cell in enumerate(cells, 2)
    )
    xml = f'<worksheet xmlns="{MAIN}"><sheetData>{head}{body}</sheetData>{after}</worksheet>'
    return sheets.read(bare_xlsx(tmp_path / "a.xlsx", xml))


def _texts(row: int, column: str, text: str) -> str:
    return f'<c r="{column}{row}" t="inlineStr"><is><t>{text}</t></is></c>'


def _row(row: int, *texts: str) -> str:
    cells = "".join(_texts(row, column, cell) for column, cell in zip("ABC", texts, strict=True))
    return f'<row r="{row}">{cells}</row>'


CELLS = {
    "number": ('<c r="{}"><v>905321234567</v></c>', "905321234567", []),
    "number as a float": ('<c r="{}"><v>9.05321234567E11</v></c>', "905321234567", []),
    "too long for a float": (
        '<c r="{}"><v>9.0532123456789E+15</v></c>',
        "9053212345678900",
        ["number_too_many_digits"],
    ),
    "formula with its result": ('<c r="{}" t="str"><f>B9</f><v>+905321234567</v></c>', NUMBER, []),
    "formula with an empty result": ('<c r="{}" t="str"><f>B9</f><v></v></c>', "", ["number_empty"]),
    "formula never computed": ('<c r="{}"><f>B9</f></c>', "", ["cell_uncomputed"]),
    "formula never computed, empty value": ('<c r="{}"><f>B9</f><v/></c>', "", ["cell_uncomputed"]),
    "shared formula never computed": ('<c r="{}"><f t="shared" si="0"/><v></v></c>', "", ["cell_uncomputed"]),
    "#N/A": ('<c r="{}" t="e"><f>NA()</f><v>#N/A</v></c>', "#N/A", ["cell_error"]),
    "#REF!": ('<c r="{}" t="e"><v>#REF!</v></c>', "#REF!", ["cell_error"]),
    "TRUE": ('<c r="{}" t="b"><v>1</v></c>', "TRUE", ["cell_boolean"]),
    "FALSE": ('<c r="{}" t="b"><v>0</v></c>', "FALSE", ["cell_boolean"]),
    "empty": ('<c r="{}"/>', "", ["number_empty"]),
    "error as text": ('<c r="{}" t="inlineStr"><is><t>t="e"</t></is></c>', 't="e"', ["number_letters"]),
}


@pytest.mark.parametrize(("cell", "expected", "complaints"), CELLS.values(), ids=CELLS)
def test_a_cell_of_a_workbook_is_read_or_refused_by_its_own_name(
    cell: str, expected: str, complaints: list[str], tmp_path: Path
) -> None:
    """The reader gives several of these as an empty text; a person should know which it was."""
    table = cells_xlsx(tmp_path, cell)
    assert {2: (expected, "call", "Ali")} == rows(table)
    said = [problem.code for problem in normalise(table).problems if problem.code != "number_repaired"]
    assert complaints == said


def test_dates_are_refused_where_they_mean_nothing(tmp_path: Path) -> None:
    """``1-2`` and ``01.02.`` are dates for a spreadsheet."""
    date = dt.date(2026, 2, 1)
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, (date, "call", date)]})
    table = sheets.read(path)
    assert ("2026-02-01 00:00:00", "call", "2026-02-01 00:00:00") == table.rows[0].cells
    assert [(2, "cell_date", "number"), (2, "cell_date", "agent")] == codes(normalise(table).problems)


def test_a_row_of_formulas_that_were_never_computed_is_not_blank(tmp_path: Path) -> None:
    """It looks blank to a reader, and would be lost."""
    row = "".join(f'<c r="{column}2"><f>Z1</f></c>' for column in "ABC")
    xml = f'<worksheet xmlns="{MAIN}"><sheetData>{_row(1, *HEADER)}<row r="2">{row}</row></sheetData></worksheet>'
    table = sheets.read(bare_xlsx(tmp_path / "a.xlsx", xml))
    assert [(2, "cell_uncomputed", column) for column in HEADER] == codes(table.problems)
    assert (1, 0) == (len(table.rows), table.blank)


def test_a_merged_cell_has_its_value_in_its_first_cell_only(tmp_path: Path) -> None:
    """Whether the others were meant too cannot be told: a CSV of the same sheet has them empty."""
    cells = ['<c r="{}"><v>905321234567</v></c>'] * 3
    merges = '<mergeCells count="2"><mergeCell ref="A3:A4"/><mergeCell ref="D1:E9"/></mergeCells>'
    table = cells_xlsx(tmp_path, cells[0], cells[1], '<c r="{}"/>', after=merges)
    assert [(4, "cell_merged", "number")] == codes(table.problems)
    assert [2, 3] == [request.origin.row for request in normalise(table).requests]


def test_a_text_under_a_merged_cell_is_not_believed(tmp_path: Path) -> None:
    """Programs can leave one there; the person sees the cell above, stretched over it."""
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, (NUMBER, "call", "Ali"), ("+905321234568", "wa", "Veli")]})
    merge = b'</sheetData><mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells>'
    repacked(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", merge))
    assert [(3, "cell_merged", "agent", "Veli")] == [
        (problem.origin.row, problem.code, problem.column, problem.value) for problem in sheets.read(path).problems
    ]


def test_a_formula_without_result_in_a_column_that_decides_nothing_is_empty(tmp_path: Path) -> None:
    """A note, or a column of the person's own."""
    cells = "".join(f'<c r="{column}2"><f>Z1</f></c>' for column in "DE")
    head = _row(1, *HEADER).replace("</row>", f"{_texts(1, 'D', 'note')}{_texts(1, 'E', 'city')}</row>")
    body = _row(2, *GOOD).replace("</row>", f"{cells}</row>")
    xml = f'<worksheet xmlns="{MAIN}"><sheetData>{head}{body}</sheetData></worksheet>'
    table = sheets.read(bare_xlsx(tmp_path / "a.xlsx", xml))
    assert ({2: (*GOOD, "", "")}, ()) == (rows(table), table.problems)


def test_a_merged_note_is_no_reason_to_refuse_a_row(tmp_path: Path) -> None:
    """A note decides nothing."""
    rows_ = [(*HEADER, "note"), (*GOOD, "both rows"), (*GOOD, "")]
    path = write_xlsx(tmp_path / "a.xlsx", {"S": rows_})
    merge = b'</sheetData><mergeCells count="1"><mergeCell ref="D2:D3"/></mergeCells>'
    repacked(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", merge))
    assert () == sheets.read(path).problems


def test_a_merged_title_covers_the_cells_beside_it(tmp_path: Path) -> None:
    """A total or a caption below the table is refused by its row, cell by cell."""
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("Region north", "", "")]})
    merge = b'</sheetData><mergeCells count="1"><mergeCell ref="A2:C2"/></mergeCells>'
    repacked(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", merge))
    found = normalise(sheets.read(path)).problems
    assert {("cell_merged", "channel"), ("cell_merged", "agent"), ("number_letters", "number")} == {
        (problem.code, problem.column) for problem in found
    }


def test_the_merged_cells_of_an_old_workbook_are_known_too(tmp_path: Path) -> None:
    """LibreOffice's XLS has a merged title; nothing below the header is merged."""
    table = sheets.read(corpus.libreoffice("xls")(tmp_path))
    assert () == table.problems


# ── workbooks: hidden rows and several sheets ─────────────────────────────────────────────────────────────────────────


def test_a_hidden_or_filtered_row_is_a_row_and_is_said(tmp_path: Path) -> None:
    """A filter that was left on must not decide what is sent; nor may it be passed over in silence."""
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [HEADER, GOOD, GOOD, ("", "", "")]})
    repacked(path, "xl/worksheets/sheet1.xml", lambda xml: re.sub(rb'<row r="[34]"', rb'\g<0> hidden="1"', xml))
    table = sheets.read(path)
    assert {2: GOOD, 3: GOOD} == rows(table)
    assert [(3, "row_hidden", "")] == codes(table.problems)
    assert 2 == len(normalise(table).requests)


NOTES = [("Read me",), ("one row per number",)]


def book(tmp_path: Path, names: Mapping[str, Sequence[Sequence[object]]], hidden: Sequence[str] = ()) -> Path:
    return write_xlsx(tmp_path / "a.xlsx", dict(names), hidden=hidden)


def test_of_several_sheets_the_only_one_that_fits_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    """Notes and lists are often beside the table."""
    table = sheets.read(book(tmp_path, {"Notes": NOTES, "T": [HEADER, GOOD], "Lists": NOTES}, ["Lists"]))
    assert ("T", False) == (table.sheet, table.only_sheet)
    assert [(1, "sheets_passed_over", "")] == codes(table.problems)
    assert ("T", "'Notes', 'Lists' (hidden)") == (table.problems[0].value, table.problems[0].detail)


def test_several_sheets_that_fit_are_not_chosen_between(tmp_path: Path) -> None:
    """The message has the counts to tell them apart, and the flag, and does not offer the others."""
    error = refusal(book(tmp_path, {"Read me": NOTES, "May": [HEADER, GOOD], "June": [HEADER, GOOD, GOOD]}))
    assert error.message.endswith("several sheets with columns for number and agent: 'May' (1 row), 'June' (2 rows)")
    assert 'choose one: --sheet "June"' == error.hint


TITLE = [("Moves of May",), (), HEADER]


def test_a_sheet_without_a_row_below_its_header_is_no_choice(tmp_path: Path) -> None:
    """It is a form that nobody has filled in; that it was passed over is said."""
    table = sheets.read(book(tmp_path, {"Form": [*TITLE, (" ", ""), ()], "T": [*TITLE, GOOD]}))
    assert ("T", {4: GOOD}) == (table.sheet, rows(table))
    assert ["'Form'"] == [problem.detail for problem in table.problems]


def test_sheets_of_which_all_are_empty_are_not_chosen_between(tmp_path: Path) -> None:
    """One of them may be meant to be."""
    error = refusal(book(tmp_path, {"May": TITLE, "June": [HEADER]}))
    assert "'May' (0 rows), 'June' (0 rows)" in error.message


def test_a_row_that_only_looks_blank_makes_a_sheet_a_choice(tmp_path: Path) -> None:
    """Its formulas were never computed, or end in an error."""
    path = book(tmp_path, {"New": [HEADER, GOOD], "Old": [HEADER, GOOD]})
    row = b'<row r="2"><c r="A2"><f>Z1</f></c></row><row r="3"><c r="A3" t="e"><v>#N/A</v></c></row>'
    repacked(path, "xl/worksheets/sheet1.xml", lambda xml: re.sub(rb'<row r="2".*</row>', row, xml))
    assert "'New' (2 rows), 'Old' (1 row)" in refusal(path).message


@pytest.mark.parametrize("failures", [[HEADER, GOOD], [HEADER]], ids=["some", "none"])
def test_of_a_report_of_ours_the_failures_are_suggested(failures: list[tuple[str, ...]], tmp_path: Path) -> None:
    """They are what is to be run again; the results, with all that went well, are not read in their place."""
    error = refusal(book(tmp_path, {"Results": [HEADER, GOOD, GOOD], "Failures": failures}))
    assert 'choose one: --sheet "Failures"' == error.hint
    assert "'Results' (2 rows)" in error.message


def test_several_sheets_of_which_none_fits_are_named(tmp_path: Path) -> None:
    """With a column told, one of them might."""
    error = refusal(book(tmp_path, {"A": NOTES, "B": NOTES}))
    assert "several sheets, none with columns for number and agent" in error.message


@pytest.mark.parametrize("asked", ["June", "june", "Old"])
def test_a_sheet_that_is_named_is_read_hidden_or_not(asked: str, tmp_path: Path) -> None:
    """``--sheet`` is in nobody's way."""
    path = book(tmp_path, {"May": [HEADER], "June": [HEADER, GOOD], "Old": [HEADER, GOOD]}, ["Old"])
    table = sheets.read(path, sheet=asked)
    assert (asked.capitalize(), {2: GOOD}) == (table.sheet, rows(table))


def test_a_hidden_sheet_is_never_read_unasked(tmp_path: Path) -> None:
    """It may be last year's."""
    table = sheets.read(book(tmp_path, {"New": [HEADER, GOOD], "Old": [HEADER, GOOD, GOOD]}, ["Old"]))
    assert ("New", True) == (table.sheet, table.only_sheet)


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """A text file has none."""
    assert "it has 'May', 'June'" == refusal(book(tmp_path, {"May": NOTES, "June": NOTES}), sheet="July").hint
    assert "a.csv is a text file and has no sheets" == refusal(corpus.comma(tmp_path), sheet="May").message


def test_a_workbook_with_only_hidden_sheets_says_so(tmp_path: Path) -> None:
    """It can be had by a macro."""
    path = write_xlsx(tmp_path / "a.xlsx", {"Old": [HEADER, GOOD]})
    repacked(path, "xl/workbook.xml", lambda xml: xml.replace(b"<sheet ", b'<sheet state="veryHidden" '))
    assert "a.xlsx has no visible worksheet" == refusal(path).message
