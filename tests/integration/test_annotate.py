"""The sheet with its problems in it: what a person mends and sends back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from batch.adapters import sheets
from batch.adapters.sheets.annotate import annotate
from batch.core.model import SourceTable
from batch.core.normalise import normalise
from batch.errors import UsageError
from tests import corpus
from tests.builders import HEADER, NUMBER, table, write_csv

GOOD = (NUMBER, "call", "Ali")
RED, AMBER = "FFFBDFDF", "FFFDECCF"


def annotated(source: SourceTable, tmp_path: Path) -> Any:
    """The only sheet of the annotated copy, as a spreadsheet program sees it."""
    out = tmp_path / "out.xlsx"
    annotate(source, normalise(source).problems, out)
    book = openpyxl.load_workbook(out)
    assert 1 == len(book.worksheets)
    return book.worksheets[0]


def comment(sheet: Any, place: str) -> str:
    found = sheet[place].comment
    return found.text if found else ""


def rows(source: SourceTable) -> dict[int, tuple[str, ...]]:
    return {row.origin.row: row.cells for row in source.rows}


def test_a_problem_is_a_red_cell_with_a_comment_that_says_what_to_do(tmp_path: Path) -> None:
    """Where the person is looking anyway."""
    sheet = annotated(table(GOOD, ("112", "call", "Ali")), tmp_path)
    said = "'112' is too short (a short code or an extension): write the whole number with + and country code"
    assert (RED, said) == (sheet["A3"].fill.start_color.rgb, comment(sheet, "A3"))
    assert said == sheet["D3"].value
    assert "" == comment(sheet, "A2")
    assert sheet["B3"].fill.fill_type is None


def test_a_note_is_an_amber_cell(tmp_path: Path) -> None:
    """Nothing needs to be done about it."""
    sheet = annotated(table(("0090 532 123 45 67", "call", "Ali")), tmp_path)
    assert AMBER == sheet["A2"].fill.start_color.rgb
    assert "00 read as +" in comment(sheet, "A2")


def test_an_empty_cell_can_have_a_problem_too(tmp_path: Path) -> None:
    """That it is empty is the problem."""
    sheet = annotated(table((NUMBER, "", "")), tmp_path)
    assert [RED, RED] == [sheet[place].fill.start_color.rgb for place in ("B2", "C2")]
    assert "the channel is empty" in comment(sheet, "B2")


def test_several_problems_of_a_cell_share_its_comment(tmp_path: Path) -> None:
    """And the worst of them gives the colour."""
    source = table(GOOD)
    problems = normalise(table(("112", "", "Ali"), ("0090 532 123 45 67", "", "Ali"))).problems
    mine = [replace(problem, origin=source.rows[0].origin, column="number") for problem in problems]
    annotate(source, [*mine, *mine], tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert RED == sheet["A2"].fill.start_color.rgb
    assert len(set(mine)) - 1 == comment(sheet, "A2").count("\n")


@pytest.mark.parametrize("kind", ["comma", "xlsx", "ods"])
def test_rows_keep_their_own_numbers(kind: str, tmp_path: Path) -> None:
    """*Row 9* of a message is row 9 of the copy, and the copy reads as the sheet did."""
    source = sheets.read(corpus.KINDS[kind](tmp_path))
    annotated(source, tmp_path)
    again = sheets.read(tmp_path / "out.xlsx")
    assert (*corpus.HEADER, "problems") == again.header
    assert corpus.ROWS == {number: cells[:-1] for number, cells in rows(again).items()}
    assert source.columns == again.columns


def test_a_copy_whose_cells_were_mended_loads_back_as_input(tmp_path: Path) -> None:
    """It is the sheet from then on; the column of problems means nothing to the reader."""
    annotated(table(GOOD, ("112", "wa", "Ali")), tmp_path)
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    book.worksheets[0]["A3"].value = "+905321234568"
    book.save(tmp_path / "mended.xlsx")
    found = normalise(sheets.read(tmp_path / "mended.xlsx"))
    assert ([NUMBER, "+905321234568"], ()) == ([request.number for request in found.requests], found.problems)


def test_a_copy_of_a_copy_has_a_column_of_its_own(tmp_path: Path) -> None:
    """Two columns of one name would be refused."""
    source = table((*GOOD, "x"), header=(*HEADER, "Problems"))
    annotated(source, tmp_path)
    assert (*HEADER, "Problems", "problems 2") == sheets.read(tmp_path / "out.xlsx").header


@pytest.mark.parametrize("line", ["+905321234567,call,Ali,x", "+905321234567,call", "+905321234567"])
def test_a_ragged_row_is_never_read_from_the_copy_until_it_was_split(line: str, tmp_path: Path) -> None:
    """Spread over columns, it would look like a good row."""
    source = sheets.read(write_csv(tmp_path / "a.csv", [HEADER, GOOD, line.split(",")]))
    sheet = annotated(source, tmp_path)
    assert line.replace(",", " | ") == sheet["A3"].value
    again = normalise(sheets.read(tmp_path / "out.xlsx"))
    assert [2] == [request.origin.row for request in again.requests]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1-1", "@SUM(A1)", "-2+3", "=cmd|' /C calc'!A0", "http://a.example", "{=A1}"]
)
def test_nothing_in_the_copy_computes_or_links(text: str, tmp_path: Path) -> None:
    """A sheet comes from anybody, and the copy is opened by somebody with rights."""
    sheet = annotated(table((text, text, text, text), header=(*HEADER, "=1+1")), tmp_path)
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {"s"} == {cell.data_type for cell in cells}
    assert not any(cell.hyperlink for cell in cells)
    assert text == sheet["D2"].value


def test_what_a_cell_cannot_hold_is_shown(tmp_path: Path) -> None:
    """Control characters and half characters crash a writer after the work is done."""
    sheet = annotated(table((NUMBER, "call", "A\x0bl\ud800i\x00")), tmp_path)
    assert "A␋l\ufffdi␀" == sheet["C2"].value


def test_the_number_column_is_text_so_that_what_is_typed_stays(tmp_path: Path) -> None:
    """Else the mended number loses its plus again."""
    sheet = annotated(table(GOOD), tmp_path)
    assert "@" == sheet["A2"].number_format
    assert "@" == sheet.column_dimensions["A"].number_format


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Trunks", "Trunks"), ("", "Sheet1"), ("a/b[c]", "a_b_c_"), ("x" * 40, "x" * 31), ("'", "_")],
    ids=["as it was", "text file", "taboo", "long", "quote"],
)
def test_the_sheet_is_called_as_it_was_as_far_as_can_be(name: str, expected: str, tmp_path: Path) -> None:
    """So that ``--sheet`` of a job file still fits."""
    assert expected == annotated(replace(table(GOOD), sheet=name), tmp_path).title


def test_comments_are_capped_and_the_column_of_problems_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand comments take a spreadsheet program minutes."""
    monkeypatch.setattr("batch.adapters.sheets.annotate.MOST_COMMENTS", 2)
    sheet = annotated(table(*[("112", "call", "Ali")] * 4), tmp_path)
    assert [True, True, False, False] == [bool(comment(sheet, f"A{row}")) for row in range(2, 6)]
    assert all(sheet[f"D{row}"].value for row in range(2, 6))
    assert {RED} == {sheet[f"A{row}"].fill.start_color.rgb for row in range(2, 6)}


def test_a_header_far_down_is_brought_to_where_the_reader_looks(tmp_path: Path) -> None:
    """Blank rows between the header and the first row are many in some sheets."""
    gap: Sequence[Sequence[str]] = [("", "", "")] * 40
    source = sheets.read(write_csv(tmp_path / "a.csv", [HEADER, *gap, GOOD]))
    annotated(source, tmp_path)
    assert {42: (*GOOD, "")} == rows(sheets.read(tmp_path / "out.xlsx"))


def test_a_sheet_without_rows_is_copied_too(tmp_path: Path) -> None:
    """There is a header to look at."""
    assert [*HEADER, "problems"] == [cell.value for cell in annotated(table(), tmp_path)[1]]


def test_only_an_xlsx_can_be_annotated(tmp_path: Path) -> None:
    """Colours and comments need one; nothing is written otherwise."""
    with pytest.raises(UsageError, match=r"out\.csv"):
        annotate(table(), (), tmp_path / "out.csv")
    assert [] == list(tmp_path.iterdir())


def test_a_table_larger_than_a_sheet_is_refused(tmp_path: Path) -> None:
    """Rows past the last one would be lost in silence."""
    source = table(GOOD)
    far = replace(source.rows[0], origin=replace(source.rows[0].origin, row=1_048_577))
    with pytest.raises(UsageError, match="larger than a sheet can be"):
        annotate(replace(source, rows=(far,)), (), tmp_path / "out.xlsx")
