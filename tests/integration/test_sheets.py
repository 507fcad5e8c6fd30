"""Real files of every kind: the same rows give the same table, and what cannot be read for certain is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from batch.adapters import sheets
from batch.core.model import Field, Problem, SourceTable
from batch.core.normalise import normalise
from batch.errors import InputError, ReassignError, UsageError
from tests import corpus
from tests.builders import HEADER, NUMBER, write_csv, write_xlsx
from tests.containers import MAIN, bare_xlsx, repacked, zipped

GOOD = (NUMBER, "call", "Ali")


def rows(table: SourceTable) -> dict[int, tuple[str, ...]]:
    return {row.origin.row: row.cells for row in table.rows}


def codes(problems: Sequence[Problem]) -> list[tuple[int, str, str]]:
    return [(problem.origin.row, problem.code, problem.column) for problem in problems]


def refusal(path: Path, **flags: str) -> ReassignError:
    with pytest.raises(ReassignError) as refused:
        sheets.read(path, **flags)  # type: ignore[arg-type]
    return refused.value


def text(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ── every kind of file ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", corpus.KINDS)
def test_the_same_rows_in_any_kind_of_file_are_the_same_table(kind: str, tmp_path: Path) -> None:
    """With the spreadsheet's own row numbers, a title above, a total below and a blank row between."""
    encoding = "cp1254" if kind == "turkish" else ""
    table = sheets.read(corpus.KINDS[kind](tmp_path), encoding=encoding)
    assert corpus.ROWS == rows(table)
    assert corpus.HEADER == table.header
    assert {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2, Field.NOTE: 3} == table.columns
    assert (1, True, ()) == (table.blank, table.only_sheet, table.problems)


def test_a_row_is_told_by_file_sheet_and_row(tmp_path: Path) -> None:
    """Any line of any output leads back to it."""
    origin = sheets.read(corpus.xlsx(tmp_path)).rows[0].origin
    assert "a.xlsx [Trunks] row 4" == str(origin)
    assert "a.csv row 4" == str(sheets.read(corpus.comma(tmp_path)).rows[0].origin)


def test_what_is_hashed_is_the_file(tmp_path: Path) -> None:
    """A plan says which file it was made from."""
    path = corpus.comma(tmp_path)
    digest = __import__("hashlib").sha256(path.read_bytes()).hexdigest()
    assert digest == sheets.read(path).sha256


def test_a_column_that_means_nothing_is_carried_along(tmp_path: Path) -> None:
    """It comes back in ``failed.csv``, and costs nothing."""
    path = write_csv(tmp_path / "a.csv", [("city", *HEADER), ("Ankara", *GOOD)])
    table = sheets.read(path)
    assert {2: ("Ankara", *GOOD)} == rows(table)
    assert "city" == table.header[0]


def test_headers_can_be_told(tmp_path: Path) -> None:
    """``--map``, for a sheet whose words are not known."""
    path = write_csv(tmp_path / "a.csv", [("Kim", "channel", "Nereye"), GOOD])
    table = sheets.read(path, mapping={"Kim": "number", "Nereye": "agent"})
    assert {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2} == table.columns


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_columns_without_header_and_text_on_the_right_are_cut_off(ending: str, tmp_path: Path) -> None:
    """Formats and separators reach far to the right in real files."""
    sheet = [(*HEADER, "", "", ""), (*GOOD, "", "x", ""), (*GOOD, "", "", " ")]
    path = tmp_path / f"a.{ending}"
    table = sheets.read(write_csv(path, sheet) if ending == "csv" else write_xlsx(path, {"S": sheet}))
    assert (*HEADER, "", "") == table.header
    assert [(*GOOD, "", "x"), (*GOOD, "", "")] == list(rows(table).values())


# ── text: encoding, separator, quotes, ragged rows ────────────────────────────────────────────────────────────────────


def test_a_file_that_is_not_utf8_asks_for_its_encoding(tmp_path: Path) -> None:
    """Guessing would read other, valid-looking names."""
    error = refusal(corpus.turkish(tmp_path))
    assert "a.csv is not UTF-8 (line 1)" in error.message
    assert "--encoding cp1254" in error.hint


@pytest.mark.parametrize("encoding", ["cp1254", "utf-8"])
def test_a_byte_order_mark_leads_over_the_flag(encoding: str, tmp_path: Path) -> None:
    """The file itself knows better."""
    assert corpus.ROWS == rows(sheets.read(corpus.utf16(tmp_path), encoding=encoding))


def test_an_encoding_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    """And one that does not fit is the file's."""
    assert isinstance(refusal(corpus.comma(tmp_path), encoding="klingon"), UsageError)
    error = refusal(corpus.comma(tmp_path), encoding="ascii")
    assert "a.csv is not ASCII (line 1)" in error.message


def test_utf16_without_its_mark_is_called_by_name(tmp_path: Path) -> None:
    """It reads as UTF-8 with a NUL after every letter."""
    path = text(tmp_path, "number,channel,agent\r\n".encode("utf-16-le"))
    assert "--encoding utf-16-le" in refusal(path).hint
    assert {} == rows(sheets.read(path, encoding="utf-16-le"))


def test_the_separator_is_the_one_under_which_the_header_appears(tmp_path: Path) -> None:
    """Commas in the header's other cells and in titles say nothing."""
    path = text(tmp_path, "Trunks, all, of, May\nnumber;channel;agent;note, free\n+905321234567;call,wa;Ali;a,b,c\n")
    assert {3: ("+905321234567", "call,wa", "Ali", "a,b,c")} == rows(sheets.read(path))


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_line_that_says_the_separator_is_no_row(line: str, tmp_path: Path) -> None:
    """Neither is it one for the spreadsheet program."""
    path = text(tmp_path, f"{line}\nnumber;channel;agent\n+905321234567;call;Ali\n")
    assert {2: GOOD} == rows(sheets.read(path))


RAGGED = {
    "too few": "+905321234567,call",
    "too many": "+905321234567,call,Ali, Veli",
    "an unquoted separator": "+905321234567,call,wa,Ali",
    "one cell": "exported on Monday",
}


@pytest.mark.parametrize("line", RAGGED.values(), ids=RAGGED)
def test_a_ragged_row_is_rejected_alone_and_never_shifted(line: str, tmp_path: Path) -> None:
    """Otherwise pandas would pad it, cut it, or move every column of the file."""
    path = text(tmp_path, f"number,channel,agent\n+905321234567,call,Ali\n{line}\n+905321234567,wa,Ali\n")
    table = sheets.read(path)
    assert [(3, "ragged_row", "")] == codes(table.problems)
    assert tuple(line.split(",")) == rows(table)[3]
    assert [2, 4] == [request.origin.row for request in normalise(table).requests]


def test_separators_after_the_last_cell_make_no_row_ragged(tmp_path: Path) -> None:
    """Some programs write them to the widest row of the file; blank rows have any number of them."""
    path = text(tmp_path, "number,channel,agent\n+905321234567,call,Ali,, ,\n,\n,,,,,,\n")
    table = sheets.read(path)
    assert ({2: GOOD}, 2, ()) == (rows(table), table.blank, table.problems)


@pytest.mark.parametrize(
    ("line", "row"),
    [('+905321234567,"call,Ali', 3), ('+905321234567,"call"x,Ali', 3), ('"+905321234567\n,call,"Ali', 3)],
    ids=["not closed", "text after the quote", "closed elsewhere"],
)
def test_a_quotation_mark_that_does_not_close_refuses_the_file_naming_the_row(
    line: str, row: int, tmp_path: Path
) -> None:
    """It would swallow the rows after it."""
    path = text(tmp_path, f"number,channel,agent\n+905321234567,call,Ali\n{line}\n+905321234567,wa,Ali\n")
    assert f"a.csv row {row}: a quotation mark is not closed" in refusal(path).message


def test_a_line_break_inside_quotes_is_part_of_the_cell(tmp_path: Path) -> None:
    """The rows below it keep the numbers that the spreadsheet shows."""
    path = text(
        tmp_path, 'number,channel,agent\r\n+905321234567,"call\r\nwa","Ali\rVeli"\r\n+905321234567,call,Ali\r\n'
    )
    assert {2: (NUMBER, "call\nwa", "Ali\nVeli"), 3: GOOD} == rows(sheets.read(path))


def test_a_cell_of_a_hundred_thousand_characters_is_a_cell(tmp_path: Path) -> None:
    """Somebody pasted a letter into a note."""
    path = write_csv(tmp_path / "a.csv", [(*HEADER, "note"), (*GOOD, "x" * 100_000)])
    assert 100_000 == len(sheets.read(path).rows[0].cells[3])


@pytest.mark.parametrize("word", ["NA", "null", "None", "007", "1e5", "nan", "N/A", "TRUE", "-inf", "1_000", ""])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_words_that_tools_like_to_interpret_stay_texts(word: str, ending: str, tmp_path: Path) -> None:
    """They are names of agents."""
    sheet = [(*HEADER, "note"), (*GOOD, word)]
    path = tmp_path / f"a.{ending}"
    table = sheets.read(write_csv(path, sheet) if ending == "csv" else write_xlsx(path, {"S": sheet}))
    assert (*GOOD, word) == table.rows[0].cells


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
    date = __import__("datetime").date(2026, 2, 1)
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
    """The message has the counts to tell them apart, and the flag."""
    error = refusal(book(tmp_path, {"May": [HEADER, GOOD], "June": [HEADER, GOOD, GOOD]}))
    assert "several sheets with columns for number and agent: 'May' (2 rows), 'June' (3 rows)" in error.message
    assert 'choose one: --sheet "May"' == error.hint


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


# ── files that are refused as a whole ─────────────────────────────────────────────────────────────────────────────────

REFUSED: dict[Callable[[Path], Path], str] = {
    corpus.protected_xlsx: "is protected by a password",
    corpus.protected_xls: "is protected by a password",
    corpus.protected_ods: "is protected by a password",
    corpus.protected_zip: "is protected by a password",
    corpus.truncated: "is damaged or incomplete",
    corpus.corrupted: "is damaged or incomplete",
    corpus.bomb: "unpacks to far more than a sheet holds",
    corpus.lying_bomb: "unpacks to far more than a sheet holds",
    corpus.stray_xlsx: "has a cell far outside its table: 1,048,576 rows × 16,384 columns",
    corpus.stray_ods: "has a cell far outside its table: 1,000,009 rows × 16,384 columns",
    corpus.stray_xlsb: "has a cell far outside its table: 1,048,576 rows × 16,384 columns",
}


@pytest.mark.parametrize(("make", "words"), REFUSED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_file_that_cannot_be_read_safely_is_refused_in_words(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    """Whoever sent it can be told what is wrong with it."""
    error = refusal(make(tmp_path))
    assert isinstance(error, InputError)
    assert words in error.message
    assert error.hint


FOREIGN = {
    "pdf": (b"%PDF-1.7", "a PDF document"),
    "png": (b"\x89PNG\r\n", "a picture"),
    "gzip": (b"\x1f\x8b\x08", "a gzip archive"),
    "web page": (b"\xef\xbb\xbf <!DOCTYPE html><table>", "a web page"),
    "xml": (b'<?xml version="1.0"?><Workbook>', "a web page or XML document"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "an empty ZIP archive"),
    "binary": (b"\x00\x01\x02number,channel,agent", "NUL characters"),
    "nothing": (b"", "is empty"),
    "blank": (b"\n\n , \n", "no header row, only blank rows"),
    "a list": (b"+905321234567\n", "has no column for number and column for channel and column for agent"),
    "an old workbook that is none": (corpus.COMPOUND + bytes(2000), "is damaged or incomplete"),
}


@pytest.mark.parametrize(("content", "words"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_sheet_is_called_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    """A download that failed is a web page named like a sheet."""
    assert words in refusal(text(tmp_path, content, "a")).message


@pytest.mark.parametrize(
    ("make", "name"),
    [(corpus.xlsx, "b.csv"), (corpus.comma, "b.xlsx"), (corpus.xlsx, "b.xls"), (corpus.libreoffice("xls"), "b.xlsx")],
    ids=["workbook as CSV", "CSV as workbook", "XLSX as XLS", "XLS as XLSX"],
)
def test_a_renamed_file_is_refused_with_both_kinds(make: Callable[[Path], Path], name: str, tmp_path: Path) -> None:
    """It was renamed by somebody who thought that this converts it."""
    error = refusal(make(tmp_path).rename(tmp_path / name))
    assert f"{name} is named like" in error.message
    assert "give it the right ending" in error.hint


def test_a_file_without_a_known_ending_is_what_its_content_is(tmp_path: Path) -> None:
    """Mail programs drop endings."""
    assert corpus.ROWS == rows(sheets.read(corpus.xlsx(tmp_path).rename(tmp_path / "attachment")))


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    """Somebody packed the sheet."""
    path = zipped(tmp_path / "a.zip", {"a.csv": "number,channel,agent"})
    assert "a.zip is a ZIP archive, but no workbook" == refusal(path).message


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """Nothing is wrong with any sheet."""
    assert isinstance(refusal(tmp_path / "none.csv"), UsageError)
    assert isinstance(refusal(tmp_path), UsageError)
    assert isinstance(refusal(Path("a\0b")), UsageError)


def test_a_file_larger_than_any_sheet_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be a backup, or a log."""
    monkeypatch.setattr(sheets, "MAX_BYTES", 100)
    assert "is larger than" in refusal(corpus.comma(tmp_path)).message


def test_a_text_of_more_columns_than_a_sheet_has_is_refused(tmp_path: Path) -> None:
    """Its separator was not meant as one."""
    path = text(tmp_path, "number,channel,agent" + "," * 17_000 + "\n")
    assert "has 17003 columns" in refusal(path).message
