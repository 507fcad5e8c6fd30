"""Texts that a workbook has once and shows in many cells: the reader copies them into each."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from batch.adapters.sheets.bombs import refuse_bombs
from batch.errors import InputError
from tests.containers import bare_xlsb, bare_xlsx, record, repacked, with_parts

LONG = 1_000_000
CELLS = 1_100
"""So many long texts are more than a gigabyte."""


def xlsx(folder: Path, texts: str, shown: str) -> Path:
    """A sheet that shows the shared texts whose numbers are in *shown*."""
    rows = "".join(f'<row><c t="s"><v>{text}</v></c></row>' for text in shown.split())
    path = bare_xlsx(folder / "a.xlsx", f"<worksheet><sheetData>{rows}</sheetData></worksheet>")
    return with_parts(path, {"xl/sharedStrings.xml": f"<sst xmlns:x='y'>{texts}</sst>"})


def xlsb(folder: Path, texts: list[str], shown: str) -> Path:
    """The same as an XLSB."""
    place = struct.Struct("<III")
    rows = b"".join(
        record(0, place.pack(row, 0, 0)) + record(7, place.pack(0, 0, int(text)))
        for row, text in enumerate(shown.split())
    )
    items = b"".join(record(19, b"\0" + struct.pack("<I", len(text)) + text.encode("utf-16-le")) for text in texts)
    path = bare_xlsb(folder / "a.xlsb", {(0, 0): "x"})
    path = repacked(path, "xl/worksheets/sheet1.bin", lambda sheet: sheet.replace(record(146), rows + record(146)))
    return with_parts(path, {"xl/sharedStrings.bin": record(159, bytes(8)) + items + record(160)})


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        refuse_bombs(path.read_bytes(), path.name)
    return error.value.message


HALF = "y" * (LONG // 2)
HIDDEN = {
    "plain": f"<si><t>{HALF}{HALF}</t></si>",
    "in two": f"<si><r><t>{HALF}</t></r><r><t>{HALF}</t></r></si>",
    "prefixed": f"<x:si><x:r><x:t>{HALF}</x:t></x:r><x:r><x:t>{HALF}</x:t></x:r></x:si>",
    "an end in a comment": "<si>" + f"<r><t>{'y' * 500}</t></r><!--></si><si>-->" * 2000 + "</si>",
    "a space in the tag": f"<si ><t>{HALF}{HALF}</t></si><si><t>a</t></si>",
    "a prefix in the tag": f"<x:si><t>{HALF}{HALF}</t></x:si><si><t>a</t></si>",
}


@pytest.mark.parametrize("texts", HIDDEN.values(), ids=HIDDEN)
def test_a_long_text_in_many_cells_is_refused_however_it_is_written(texts: str, tmp_path: Path) -> None:
    """A file of three kilobytes would take four gigabytes."""
    assert "unpacks to far more than a sheet holds" in refused(xlsx(tmp_path, texts, "0 " * CELLS))


@pytest.mark.parametrize(
    "texts",
    [f"<si><t>a</t><si/></si><si><t>{HALF}{HALF}</t></si>", f"<si><t a='></si>'>{HALF}{HALF}</t></si>"],
    ids=["a text in a text", "a tag in a tag"],
)
def test_texts_that_could_be_counted_in_two_ways_are_refused(texts: str, tmp_path: Path) -> None:
    """The reader would show another one than was measured."""
    assert "is damaged or incomplete: its XML is not whole" in refused(xlsx(tmp_path, texts, "0 " * 2 * CELLS))


def test_a_long_text_in_many_cells_of_an_xlsb_is_refused(tmp_path: Path) -> None:
    """Its cells say the number of a text just so."""
    assert "unpacks to far more than a sheet holds" in refused(xlsb(tmp_path, ["a", HALF], "1 " * CELLS))


@pytest.mark.parametrize("kind", ["xlsx", "xlsb"])
def test_a_long_text_in_one_cell_is_a_note(kind: str, tmp_path: Path) -> None:
    """Beside many short ones, and a number that no text has, it is no more than there is in the file."""
    shown = "0 " * 2 * CELLS + "1 99"
    note = HALF + HALF
    path = (
        xlsx(tmp_path, f"<si><t>call\x01</t></si><si><t>{note}</t></si>", shown)
        if kind == "xlsx"
        else xlsb(tmp_path, ["call", note], shown)
    )
    refuse_bombs(path.read_bytes(), path.name)


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_many_short_texts_need_no_parser(quote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet of many rows is not gone through a second time."""
    monkeypatch.setattr("batch.adapters.sheets.shared._parse", None)
    texts = f'<si><t xml:space="preserve">O{quote}Hara</t></si>' * 20_000
    path = xlsx(tmp_path, texts, "0 " * 2 * CELLS)
    refuse_bombs(path.read_bytes(), path.name)
