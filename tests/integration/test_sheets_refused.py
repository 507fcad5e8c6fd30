"""Files that are refused as a whole, quickly, in words that a person understands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batch.adapters import sheets
from batch.errors import InputError, UsageError
from tests import corpus
from tests.containers import zipped
from tests.corpus import refusal, rows, text

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
    corpus.wide_xlsb: "has a cell far outside its table: 2 rows × 458,754 columns",
    corpus.broken_off_ods: "is damaged or incomplete: its XML is not whole",
    corpus.without_end_xls: "is damaged or incomplete: its records make no sense",
    corpus.boundless_xls: "is damaged or incomplete: its records make no sense",
    corpus.stray_xls: "is damaged or incomplete: its records make no sense",
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
    "blank lines": (b"\n \r\n\t\n", "is empty"),
    "blank": (b"\n\n , \n", "no header row, only blank rows"),
    "a sheet without headers": (b"+905321234567,call,Ali\n", "has no column for number"),
    "a list": (b"+905321234567\n", "has no column for number and column for channel and column for agent"),
    "an old workbook that is none": (corpus.COMPOUND + bytes(2000), "is damaged or incomplete"),
}


@pytest.mark.parametrize(("content", "words"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_sheet_is_called_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    """A download that failed is a web page named like a sheet."""
    assert words in refusal(text(tmp_path, content, "a")).message


@pytest.mark.parametrize(
    ("make", "name"),
    [(corpus.xlsx, "b.csv"), (corpus.utf16, "b.xlsx"), (corpus.xlsx, "b.xls"), (corpus.libreoffice("xls"), "b.xlsx")],
    ids=["workbook as CSV", "binary as workbook", "XLSX as XLS", "XLS as XLSX"],
)
def test_a_renamed_file_is_refused_with_both_kinds(make: Callable[[Path], Path], name: str, tmp_path: Path) -> None:
    """It was renamed by somebody who thought that this converts it."""
    error = refusal(make(tmp_path).rename(tmp_path / name))
    assert f"{name} is named like" in error.message
    assert "give it the right ending" in error.hint


@pytest.mark.parametrize("name", ["b.xlsx", "b.XLS", "b.ods"])
def test_a_text_that_is_called_a_workbook_only_wants_another_ending(name: str, tmp_path: Path) -> None:
    """It is one kind of sheet as well as another."""
    error = refusal(corpus.comma(tmp_path).rename(tmp_path / name))
    assert f"{name} is called {name[1:].lower()}, but is text" == error.message
    assert error.hint.startswith("rename it to .csv")


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


def test_a_part_packed_in_an_unusual_way_is_refused(tmp_path: Path) -> None:
    """Some archivers know methods that no spreadsheet program writes."""
    path = corpus.xlsx(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 10] = 99
    path.write_bytes(data)
    assert "it is packed in an unusual way" in refusal(path).message


def test_a_workbook_without_sheets_in_it_is_damaged(tmp_path: Path) -> None:
    """Its parts unpack, and are nothing."""
    path = zipped(tmp_path / "a.xlsx", {"xl/workbook.xml": "<workbook/>"})
    assert "no workbook can be read from it" in refusal(path).message
