"""How far the cells of a sheet reach, told before a reader allocates for them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from xml.parsers.expat import ExpatError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.adapters.sheets.extent import Extent, ImpossibleError, Reach, Total, UnclearError, extent_of
from tests.containers import bare_ods, bare_xlsb, ods_cell, ods_row, parts_of, record

XLSX, ODS, XLSB = "xl/worksheets/sheet1.xml", "content.xml", "xl/worksheets/sheet1.bin"
FAR = Reach(1_048_576, 16_384, 1)


def followed(part: str, *pieces: bytes | str, quick: bool = True) -> Extent:
    extent = extent_of(part, binary=part == XLSB, quick=quick)
    for piece in pieces:
        extent.see(piece.encode() if isinstance(piece, str) else piece)
    extent.end()
    return extent


def reach(part: str, *pieces: bytes | str, quick: bool = True) -> Reach:
    return followed(part, *pieces, quick=quick).reach


def xlsx(cells: str) -> str:
    return f'<worksheet><dimension ref="A1"/><sheetData>{cells}</sheetData></worksheet>'


def ods(*rows: str) -> str:
    return f'<a><table:table table:name="T">{"".join(rows)}</table:table></a>'


# ── XLSX ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

USUAL = {
    "two cells": ('<c r="B3"><v>1</v></c><c r="A7" t="s"><v>0</v></c>', Reach(7, 2, 2)),
    "prefixed": ('<x:c r="AA10" s="1"><x:v>1</x:v></x:c>', Reach(10, 27, 1)),
    "a format without a value": ('<c r="XFD1048576" s="4"/><c r="A1"><v>1</v></c>', Reach(1, 1, 1)),
    "prefixed formats": ('<x:c r="XFD1048576"/><x:c r="A1"><v>1</v></x:c>', Reach(1, 1, 1)),
    "no cells": ('<col r="Z9"/><row r="9"/><cfRule r="Z9"/>', Reach(0, 0, 0)),
    "in no order": ('<c r="A9"><v>1</v></c><c r="A2"><v>1</v></c>', Reach(9, 1, 2)),
}


@pytest.mark.parametrize("quick", [True, False], ids=["by patterns", "by a parser"])
@pytest.mark.parametrize(("cells", "expected"), USUAL.values(), ids=USUAL)
def test_cells_of_an_xlsx_say_their_place(cells: str, expected: Reach, quick: bool) -> None:
    """Formats alone cost the reader nothing, so they do not count. Both looks see the same."""
    assert expected == reach(XLSX, xlsx(cells), quick=quick)


UNUSUAL = {
    "single quotes": ("<c r='XFD1048576'><v>1</v></c>", FAR),
    "lower case": ('<c r="xfd1048576"><v>1</v></c>', FAR),
    "spaces around the sign": ('<c r = "XFD1048576"><v>1</v></c>', FAR),
    "another line": ('<c\nr="XFD1048576"><v>1</v></c>', FAR),
    "behind another attribute": ('<c s="1" r="XFD1048576"><v>1</v></c>', FAR),
    "behind one with an end of tag in it": ('<c x="a>b" r="XFD1048576"><v>1</v></c>', FAR),
    "by entities": ('<c r="&#88;FD1048576"><v>1</v></c>', FAR),
    "counted rows and cells": ("<row><c/><c><v>1</v></c></row><row/><row><c><v>1</v></c></row>", Reach(3, 2, 2)),
    "cells counted from a said row": ('<row r="1048576"><c/><c><v>1</v></c></row>', Reach(1_048_576, 2, 1)),
    "cells counted from a said cell": ('<row><c r="C1"/><c><v>1</v></c></row>', Reach(1, 4, 1)),
    "rows counted from a said row": ('<row r="9"/><row><c><v>1</v></c></row>', Reach(10, 1, 1)),
    "a row that no number is for": (
        '<row r="99999999999999999999"><c><v>1</v></c></row>', Reach(999_999_999_999, 1, 1)),
    "a column that no sheet has": ('<c r="AAAAAAAAAAAAA1"><v>1</v></c>', Reach(1, sum(26**i for i in range(8)), 1)),
    "zeros in front": (f'<c r="A{"0" * 5000}1048576"><v>1</v></c>', Reach(1_048_576, 1, 1)),
    "a place that is none": ('<c r="$XFD$1"><v>1</v></c><c><v>1</v></c>', Reach(1, 2, 1)),
    "prefixed": ("<x:c r='XFD1048576'><v>1</v></x:c>", FAR),
    "in a comment": ("<!-- <c r='XFD1048576'><v>1</v></c> --><c r='A1'><v>1</v></c>", Reach(1, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), UNUSUAL.values(), ids=UNUSUAL)
def test_cells_of_an_xlsx_are_found_however_they_are_written(cells: str, expected: Reach) -> None:
    """The quick look says that it cannot tell; the parser finds what the reader would."""
    with pytest.raises(UnclearError):
        followed(XLSX, xlsx(cells))
    assert expected == reach(XLSX, xlsx(cells), quick=False)


@pytest.mark.parametrize(
    "cells",
    [
        '<c r="A1" r="XFD1048576"><v>1</v></c>',
        '<row r="1048576"><a</x:c><v>1</v></x:c></row>',
        '<"a>":c r="XFD1048576"><v>1</v></c>',
        '<c s="1"r="XFD1048576"><v>1</v></c>',
        f'<{"a" * 300_000}:c r="XFD1048576"><v>1</v></c>',
        f'<c {" " * 300_000} r="XFD1048576"',
    ],
    ids=["a second place", "an end in a name", "a quoted name", "no space", "a long name", "a long tag"],
)
def test_cells_that_only_the_reader_takes_for_some_are_never_passed_over(cells: str) -> None:
    """It is not strict about XML: the quick look must not be quicker than it."""
    with pytest.raises(UnclearError):
        followed(XLSX, *cut(xlsx(cells).encode(), range(0, 400_000, 100_000)))


@pytest.mark.parametrize(
    "part", ["xl/other/data.bin2", "xl/theme/theme1.xml", "XL\\WORKSHEETS\\SHEET1.XML", "meta.xml"]
)
def test_a_sheet_is_one_whatever_the_name_of_its_part(part: str) -> None:
    """The workbook says by its relations which part it is."""
    assert Reach(3, 2, 1) == reach(part, "PNG<any>" + xlsx('<c r="B3"><v>1</v></c>'))


def test_what_is_no_sheet_has_no_cells() -> None:
    """A picture or macros have bytes that look like the beginning of a cell."""
    assert Reach() == reach("xl/vbaProject.bin", b"\0\xff<c \0:c/\r sheetData \0<c r='XFD1048576'>")
    assert Reach() == reach("xl/worksheets/_rels/sheet1.xml.rels", "<Relationships/>")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<sst count="9" uniqueCount="4000000000" xmlns="a">', 4_000_000_000),
        ("<x:sst uniqueCount='4000000000'>", 4_000_000_000),
        ('<sst uniqueCount = "4000000000">', 4_000_000_000),
        ('<sst uniqueCount="000000000000000000018446744073709551615">', 184_467_440_737),
        ('<sst count="4000000000">', 0),
        ('<sst uniqueCount="-1">', 0),
    ],
    ids=["usual", "single quotes", "spaces", "enormous", "not said", "no number"],
)
def test_the_texts_that_an_xlsx_promises_are_known(tag: str, expected: int) -> None:
    """The reader makes room for them before it sees one."""
    end = tag[1:].partition(" ")[0]
    xml = f"<any>{tag}<si><t>first sst of us</t></si></{end}></any>"
    assert expected == followed("xl/sharedStrings.xml", xml, quick=False).promised
    try:
        assert expected == followed("xl/sharedStrings.xml", xml).promised
    except UnclearError:
        assert "='" in tag or " = " in tag


def test_the_last_tag_of_a_part_counts() -> None:
    """Nothing follows it, and the reader has made room by then."""
    assert 4_000_000_000 == followed("xl/sharedStrings.xml", '<sst uniqueCount="4000000000">').promised


@pytest.mark.parametrize(
    "xml",
    ["<!DOCTYPE a><a/>", "<a><b></a>", "<a b='1' b='2'/>", f"<a b='{'x' * 9_000_000}'/>"],
    ids=["a document type", "not nested", "an attribute twice", "a tag without end"],
)
@pytest.mark.parametrize("part", [XLSX, ODS])
def test_what_a_parser_and_the_reader_may_understand_differently_is_refused(part: str, xml: str) -> None:
    """Else the parser could be shown another sheet than the reader."""
    with pytest.raises(ExpatError):
        followed(part, *cut(xml.encode(), range(0, 10_000_000, 1_000_000)), quick=False)


@pytest.mark.parametrize("encoding", ["UTF-16", "cp037", "no-such"])
def test_the_encoding_that_a_sheet_claims_is_not_believed(encoding: str) -> None:
    """The reader cuts bytes into tags."""
    xml = f"\ufeff<?xml version='1.0' encoding='{encoding}'?>" + xlsx('<c r="B3"><v>ş</v></c>')
    assert Reach(3, 2, 1) == reach(XLSX, xml, quick=False) == reach(XLSX, xml)


# ── ODS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


@pytest.mark.parametrize(
    "said",
    ["table:{}='{}'", 'table:{} = "{}"', 'table:{}="+{}"', 'x="a>b" table:{}="{}"', 'x:{0}="1" table:{0}="{1}"'],
    ids=["single quotes", "spaces", "a plus", "behind an end of tag", "behind another name's"],
)
def test_repetitions_are_found_however_they_are_written(said: str) -> None:
    """The reader finds them."""
    cell = f"<table:table-cell office:value='1' {said.format('number-columns-repeated', 5)}/>"
    row = f"<table:table-row {said.format('number-rows-repeated', 7)}>{cell}</table:table-row>"
    assert Reach(7, 5, 1) == reach(ODS, ods(row))


def test_a_repetition_without_end_is_enormous() -> None:
    """The number need not fit anywhere."""
    assert Reach(100_000_000_000, 1, 1) == reach(ODS, ods(ods_row(ods_cell("a"), times=10**30)))
    assert Reach(1, 1, 1) == reach(ODS, ods(ods_row(ods_cell("a")).replace('repeated="1"', 'repeated="none"')))


def test_only_what_the_reader_keeps_counts_in_an_ods() -> None:
    """A note on a cell is no value."""
    note = '<table:table-cell table:number-columns-repeated="9"><office:annotation/></table:table-cell>'
    assert Reach(1, 1, 1) == reach(ODS, ods(ods_row(ods_cell("a"), note)))


def test_a_table_in_a_sheet_is_none_of_its_own() -> None:
    """The reader goes on counting the rows; those within a cell it leaves out."""
    row = ods_row(ods_cell("a"))
    chart = f"<table:shapes><table:table>{row}</table:shapes>"
    assert Reach(3, 1, 3) == reach(
        ODS, ods(row, chart.replace("</table:shapes>", f"{row}</table:table></table:shapes>"))
    )
    inner = ods_row(f"<table:table-cell office:value='1'><table:table>{row * 9}</table:table></table:table-cell>")
    assert Reach(2, 1, 2) == reach(ODS, ods(inner, row))


def test_all_sheets_of_an_ods_are_kept_with_all_that_is_repeated() -> None:
    """Beside the rectangles, the texts are: those that are written once and stand in many cells, and counted spaces."""
    spaces = '<table:table-cell office:value-type="string"><text:p>a<text:s text:c="500"/>b</text:p></table:table-cell>'
    first = ods(ods_row(ods_cell("long text"), times=100), ods_row(ods_cell("a")))
    second = ods(ods_row(spaces, ods_cell("")))
    both = f"<b>{first}{second}</b>"
    copied = 100 * (len("long text") + len("string")) + 500
    assert Total(cells=102, filled=3, copied=copied) == followed(ODS, both).total
    assert Reach(101, 1, 2) == reach(ODS, both)


def test_the_sheet_that_spans_most_counts() -> None:
    """One part of an ODS holds all sheets; a tall one and a wide one are not one that is both."""
    tall = ods(ods_row(ods_cell("a"), times=100))
    wide = ods(ods_row(ods_cell("a", times=90)))
    assert Reach(100, 1, 1) == reach(ODS, "<b>", tall, wide, "</b>") == reach(ODS, "<b>", wide, tall, "</b>")


def test_an_ods_that_breaks_off_is_refused() -> None:
    """At its end the reader would wait for ever."""
    with pytest.raises(ExpatError):
        reach(ODS, "<a><table:table>")


# ── XLSB ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


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
    assert Reach(9, 4, 1) == reach(XLSB, b"\x01\x84\x80\x80\x80" + bytes(4) + row)


def test_the_last_record_counts() -> None:
    """The reader needs no end of the sheet behind it."""
    assert Reach(1, 4, 1) == reach(XLSB, record(2, struct.pack("<II", 3, 0)))


@pytest.mark.parametrize("short", [record(0, b"\1"), record(2, b"\1\0\0\0")], ids=["row", "cell"])
def test_a_record_without_a_place_is_refused(short: bytes) -> None:
    """The reader takes what is missing from the record before, where it may be anything."""
    with pytest.raises(ImpossibleError):
        reach(XLSB, record(500, b"\xff" * 20) + short + record(146))


@pytest.mark.parametrize(
    "part", ["xl/worksheets/a.xml", "XL\\Worksheets\\A", "xl/worksheets/_rels/a", "xl/chartsheets/sheet1.bin"]
)
def test_a_sheet_of_an_xlsb_is_one_whatever_its_ending(part: str) -> None:
    """The workbook says by its relations which it is."""
    extent = extent_of(part, binary=True)
    extent.see(SAMPLES[XLSB])
    assert Reach(9, 4, 1) == extent.reach


def test_relations_of_an_xlsb_are_xml() -> None:
    """No record of a sheet could be in it."""
    part = "xl/worksheets/_rels/sheet1.bin.rels"
    extent_of(part, binary=True).see(b"<Relationships/>")
    with pytest.raises(ExpatError):
        extent_of(part, binary=True).see(SAMPLES[XLSB])


# ── all kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_longer_than_any_tag_is_no_tag() -> None:
    """It is not kept in the hope of an end."""
    text = b"<t>" + b"x" * 200_000
    assert Reach(2, 1, 1) == reach(XLSX, b"<sheetData>", text, text, b'</t><c r="A2"><v>1</v></c>')


SAMPLES = {
    XLSX: xlsx('<row r="1"><c r="A1"><v>1</v></c><c r="AB12" t="s"><v>0</v></c><c r="B3"/></row>').encode(),
    ODS: ods(ods_row(ods_cell("a", times=3), times=2), ods_row(ods_cell("")), ods_row(ods_cell("b"))).encode(),
    XLSB: record(0, struct.pack("<I", 8)) + record(5, struct.pack("<I", 3) + bytes(300)) + record(146),
}


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    at = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[begin:end] for begin, end in pairwise(at)]


@pytest.mark.parametrize("quick", [True, False], ids=["by patterns", "by a parser"])
@pytest.mark.parametrize("part", SAMPLES)
@given(places=st.sets(st.integers(0, 400)))
def test_however_the_pieces_are_cut_the_reach_is_the_same(part: str, quick: bool, places: set[int]) -> None:
    """They end in the middle of a tag or a record."""
    pieces = cut(SAMPLES[part], places)
    assert reach(part, SAMPLES[part], quick=quick) == reach(part, *pieces, quick=quick) != Reach()


def test_a_follower_is_made_for_each_part(tmp_path: Path) -> None:
    """Sheets of one workbook are not added up."""
    extent_of(XLSX).see(SAMPLES[XLSX])
    assert Reach() == reach(XLSX)
    assert b"table:table" in parts_of(bare_ods(tmp_path / "a.ods", "").read_bytes())[ODS]
