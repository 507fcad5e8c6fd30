"""How far the cells of a sheet reach, told before a reader allocates for them."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.adapters.sheets.extent import Extent, Reach, extent_of
from tests.containers import bare_ods, bare_xlsb, ods_cell, ods_row, parts_of, record

XLSX, ODS, XLSB = "xl/worksheets/sheet1.xml", "content.xml", "xl/worksheets/sheet1.bin"


def reach(part: str, *pieces: bytes | str) -> Reach:
    extent = extent_of(part)
    assert extent is not None
    for piece in pieces:
        extent.see(piece.encode() if isinstance(piece, str) else piece)
    return extent.reach


def ods(*rows: str) -> str:
    return f"<table:table>{''.join(rows)}</table:table>"


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/styles.xml", "xl/worksheets/_rels/sheet1.xml.rels", "meta.xml"]
)
def test_other_parts_have_no_cells(part: str) -> None:
    """They are only counted."""
    assert extent_of(part) is None


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ('<c r="B3"><v>1</v></c><c r="A7" t="s"><v>0</v></c>', Reach(7, 2, 2)),
        ('<x:c s="1" r="AA10" ><x:v>1</x:v></x:c>', Reach(10, 27, 1)),
        ('<c r="XFD1048576" s="4"/><c r="A1"><v>1</v></c>', Reach(1, 1, 1)),
        ('<col r="Z9"/><row r="9"/><cfRule r="Z9">', Reach(0, 0, 0)),
    ],
    ids=["two cells", "prefixed", "a format without a value", "no cells"],
)
def test_cells_of_an_xlsx_say_their_place(xml: str, expected: Reach) -> None:
    """Formats alone cost the reader nothing, so they do not count."""
    assert expected == reach(XLSX, xml)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([ods_row(ods_cell("a"), ods_cell("b"))], Reach(1, 2, 2)),
        ([ods_row(ods_cell("a", times=5), times=7)], Reach(7, 5, 1)),
        ([ods_row(ods_cell("a"), ods_cell("", times=1000))], Reach(1, 1, 1)),
        ([ods_row(ods_cell("a")), ods_row(ods_cell("", times=9), times=1_000_000)], Reach(1, 1, 1)),
        ([ods_row(ods_cell("", times=9), times=1000), ods_row(ods_cell("a"))], Reach(1001, 1, 1)),
        (['<table:table-row table:number-rows-repeated="4"/>', ods_row(ods_cell("a"))], Reach(5, 1, 1)),
        (["<table:table-row><table:covered-table-cell/>", ods_cell("a"), "</table:table-row>"], Reach(1, 2, 1)),
    ],
    ids=["two cells", "repeated", "blank to the right", "blank below", "blank above", "a row alone", "covered"],
)  # fmt: skip
def test_cells_of_an_ods_say_how_often_they_are_repeated(rows: list[str], expected: Reach) -> None:
    """Blank rows and cells count only when something comes after them."""
    assert expected == reach(ODS, ods(*rows))


def test_the_sheet_that_spans_most_counts() -> None:
    """One part of an ODS holds all sheets; a tall one and a wide one are not one that is both."""
    tall = ods(ods_row(ods_cell("a"), times=100))
    wide = ods(ods_row(ods_cell("a", times=90)))
    assert Reach(100, 1, 1) == reach(ODS, tall, wide) == reach(ODS, wide, tall)


def test_cells_of_an_xlsb_are_records(tmp_path: Path) -> None:
    """Also those behind a record that is longer than a piece, or whose length takes four bytes."""
    cells = {(0, 0): "number", (4, 30): "x" * 300, (300, 2): "y"}
    binary = parts_of(bare_xlsb(tmp_path / "a.xlsb", cells).read_bytes())[XLSB]
    assert Reach(301, 31, 3) == reach(XLSB, binary)
    long = record(500, bytes(3_000_000)) + record(200, bytes(20_000))
    assert Reach(301, 31, 3) == reach(XLSB, *cut(long + binary, range(0, 3_100_000, 700_000)))


def test_a_length_of_four_bytes_ends_there() -> None:
    """A fifth would be the record's own."""
    row = record(0, struct.pack("<I", 8)) + record(5, struct.pack("<I", 3) + bytes(8))
    assert Reach(9, 4, 1) == reach(XLSB, b"\x01\x84\x80\x80\x80" + bytes(4) + row + bytes(20))


def test_a_text_longer_than_any_tag_is_no_tag() -> None:
    """It is not kept in the hope of an end."""
    text = b"<t>" + b"x" * 200_000
    assert Reach(2, 1, 1) == reach(XLSX, text, text, b'</t><c r="A2"><v>1</v></c>')


SAMPLES = {
    XLSX: b'<row r="1"><c r="A1"><v>1</v></c><c r="AB12" t="s"><v>0</v></c><c r="B3"/></row>',
    ODS: ods(ods_row(ods_cell("a", times=3), times=2), ods_row(ods_cell("")), ods_row(ods_cell("b"))).encode(),
    XLSB: record(0, struct.pack("<I", 8)) + record(5, struct.pack("<I", 3) + bytes(300)) + record(146) + bytes(20),
}


def cut(data: bytes, places: object) -> list[bytes]:
    at = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]  # type: ignore[attr-defined]
    return [data[begin:end] for begin, end in pairwise(at)]


@pytest.mark.parametrize("part", SAMPLES)
@given(places=st.sets(st.integers(0, 400)))
def test_however_the_pieces_are_cut_the_reach_is_the_same(part: str, places: set[int]) -> None:
    """They end in the middle of a tag or a record."""
    assert reach(part, SAMPLES[part]) == reach(part, *cut(SAMPLES[part], places))


def test_a_follower_is_made_for_each_part(tmp_path: Path) -> None:
    """Sheets of one workbook are not added up."""
    first: Extent | None = extent_of(XLSX)
    assert first is not None
    first.see(b'<c r="C3"><v>1</v></c>')
    assert Reach() == reach(XLSX)
    assert b"table:table" in parts_of(bare_ods(tmp_path / "a.ods", "").read_bytes())[ODS]
