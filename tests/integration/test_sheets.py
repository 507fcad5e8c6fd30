"""Real files of every kind: the same rows give the same table, and no row is lost or shifted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from batch.adapters import sheets
from batch.core.model import Field
from batch.core.normalise import normalise
from batch.errors import UsageError
from tests import corpus
from tests.builders import HEADER, NUMBER, write_csv, write_xlsx
from tests.corpus import codes, refusal, rows, text

GOOD = (NUMBER, "call", "Ali")


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
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
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
    assert "say --encoding utf-16-le" in refusal(path).hint
    assert {} == rows(sheets.read(path, encoding="utf-16-le"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("given", ["", "cp1254"])
def test_utf16_without_its_mark_is_known_by_its_other_bytes(encoding: str, given: str, tmp_path: Path) -> None:
    """With a letter that is no UTF-8, another encoding would be the next that fails."""
    path = write_csv(tmp_path / "a.csv", [HEADER, (NUMBER, "call", "Ayşe Yılmaz")], encoding=encoding)
    error = refusal(path, encoding=given)
    assert "a.csv is UTF-16 without its mark" == error.message
    assert f"say --encoding {encoding}, " in error.hint
    assert (NUMBER, "call", "Ayşe Yılmaz") == rows(sheets.read(path, encoding=encoding))[2]


def test_an_encoding_that_was_told_is_not_told_back(tmp_path: Path) -> None:
    """It was tried, and the file breaks off in the middle of a letter."""
    path = text(tmp_path, "number,channel,agent\r\n".encode("utf-16-le") + b"x")
    assert "a.csv is not UTF-16-LE" in refusal(path, encoding="utf-16-le").message


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


@pytest.mark.parametrize(
    ("header", "line", "cells"),
    [
        ("number,channel,agent,note", "+905321234567,call,Ali", (*GOOD, "")),
        ("number,channel,agent,expect,wave,city", "+905321234567,call,Ali", (*GOOD, "", "", "")),
        ("number,channel,agent,city", "+905321234567,call,Ali", (*GOOD, "")),
    ],
    ids=["note", "wave and a column that means nothing", "a column that means nothing"],
)
def test_a_row_that_ends_before_columns_that_may_be_empty_is_read(
    header: str, line: str, cells: tuple[str, ...], tmp_path: Path
) -> None:
    """Spreadsheet programs leave out the separators of empty cells at the end."""
    table = sheets.read(text(tmp_path, f"{header}\n{line}\n{line}\n"))
    assert ({2: cells, 3: cells}, ()) == (rows(table), table.problems)
    assert 2 == len(normalise(table).requests)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("number,channel,agent,note", "+905321234567,call"),
        ("number,channel,note,agent", "+905321234567,call,Ali"),
        ("number,channel,agent_uuid,agent_name", "+905321234567,call,Ali"),
        ("number,channel,agent,note", "+905321234567,call,Ali,a,b"),
        ("number,channel,agent,note,expect", "+905321234567,call,Sales, EU"),
    ],
    ids=["no agent", "the agent stands last", "no agent's name", "too long", "a comma in the agent"],
)
def test_a_row_that_may_have_lost_more_than_that_is_rejected(header: str, line: str, tmp_path: Path) -> None:
    """What is missing could be anywhere in it."""
    assert [(2, "ragged_row", "")] == codes(sheets.read(text(tmp_path, f"{header}\n{line}\n")).problems)


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


def test_a_cell_of_two_hundred_thousand_characters_is_a_cell(tmp_path: Path) -> None:
    """Somebody pasted a letter into a note; Python's own reader ends at 131,072."""
    path = write_csv(tmp_path / "a.csv", [(*HEADER, "note"), (*GOOD, "x" * 200_000)])
    assert 200_000 == len(sheets.read(path).rows[0].cells[3])


@pytest.mark.parametrize("word", ["NA", "null", "None", "007", "1e5", "nan", "N/A", "TRUE", "-inf", "1_000", ""])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_words_that_tools_like_to_interpret_stay_texts(word: str, ending: str, tmp_path: Path) -> None:
    """They are names of agents."""
    sheet = [(*HEADER, "note"), (*GOOD, word)]
    path = tmp_path / f"a.{ending}"
    table = sheets.read(write_csv(path, sheet) if ending == "csv" else write_xlsx(path, {"S": sheet}))
    assert (*GOOD, word) == table.rows[0].cells


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"\xff\xfen\x00u\x00m\x00b", ""),
        ("number\n".encode("utf-16") + b"\x00\xd8\x0a\x00", ""),
        (b"number,\x81", "cp1252"),
        (b"number,channel,agent\r\n" * 20_000 + b"\xff", ""),
    ],
    ids=["half a character", "half a pair", "a byte without meaning", "late"],
)
def test_a_byte_that_the_encoding_does_not_have_refuses_the_file(content: bytes, encoding: str, tmp_path: Path) -> None:
    """Replaced, it would be another name."""
    error = refusal(text(tmp_path, content), encoding=encoding)
    assert " is not " in error.message
    assert "--encoding" in error.hint


def test_the_line_of_a_wrong_byte_is_named(tmp_path: Path) -> None:
    """It is where the person should look."""
    assert (
        "(line 3)" in refusal(text(tmp_path, b"number,channel,agent\n+905321234567,call,Ali\n+90,wa,\xdeule\n")).message
    )


TOP = "+4930120001,call,Ali\nMigration 2026,,\n+4930120002,,\n,,+4930120003\n"


def test_a_row_above_the_header_is_refused_and_not_lost(tmp_path: Path) -> None:
    """A sheet that was sorted with its header in it. A title is passed over, and so is a letterhead's number."""
    table = sheets.read(text(tmp_path, f"{TOP}Number,Channel,Agent\n+4930120004,call,Ali\n"))
    assert [(1, "row_above_header", "Number")] == codes(table.problems)
    assert [1, 6] == [row.origin.row for row in table.rows]
