"""Workbooks made to take all memory: each is refused before the reader, which would end the whole program, sees it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from xml.parsers.expat import ExpatError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineError, CalamineWorkbook

from batch.adapters.sheets import workbook
from batch.adapters.sheets.bombs import refuse_bombs
from batch.adapters.sheets.extent import Reach, UnclearError, extent_of
from batch.adapters.sheets.hush import hushed
from batch.errors import InputError
from tests.containers import (
    bare_ods,
    bare_xlsb,
    bare_xlsx,
    inline,
    ods_cell,
    ods_row,
    parts_of,
    record,
    repacked,
    with_parts,
)
from tests.corpus import refusal

FAR = "XFD1048576"
SHEET, BINARY = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.bin"
STDERR = 2
RELATIONS = "xl/_rels/workbook.xml.rels"


def xlsx(folder: Path, cells: str, **parts: str) -> Path:
    """A header, a row, and *cells*; further parts by their names."""
    rows = "".join(
        f"<row>{''.join(map(inline, row))}</row>" for row in (("number", "channel", "agent"), ("1", "call", "A"))
    )
    path = bare_xlsx(folder / "a.xlsx", f"<worksheet><sheetData>{rows}{cells}</sheetData></worksheet>")
    return with_parts(path, parts)


def refused(path: Path) -> InputError:
    """How the workbook is refused before the reader sees it."""
    with pytest.raises(InputError) as refusal:
        refuse_bombs(path.read_bytes(), path.name)
    return refusal.value


SPRAWLING = {
    "single quotes": f"<c r='{FAR}'><v>1</v></c>",
    "lower case": f'<c r="{FAR.lower()}"><v>1</v></c>',
    "spaces": f'<c r = "{FAR}"><v>1</v></c>',
    "an end of tag": f'<c x="a>b" r="{FAR}"><v>1</v></c>',
    "counted columns": f'<row r="1048576">{inline("x") * 16_384}</row>',
    "a counted row": f'<row r="4294967295">{inline("x")}</row>',
    "a row that no number is for": f'<row r="{"9" * 20}">{inline("x")}</row>',
    "a few rows too many": f'<row r="2000000">{inline("x")}</row>',
}


@pytest.mark.parametrize("cells", SPRAWLING.values(), ids=SPRAWLING)
def test_a_cell_far_outside_is_found_however_it_is_written(cells: str, tmp_path: Path) -> None:
    """The reader finds it."""
    error = refused(xlsx(tmp_path, cells))
    assert "has a cell far outside its table" in error.message
    assert error.hint.startswith("copy the table into a new workbook")


@pytest.mark.parametrize("part", ["xl/other/data.bin2", "XL\\WORKSHEETS\\S.XML", "xl/sharedStrings.xml"])
def test_a_sheet_is_looked_at_in_whatever_part_it_is(part: str, tmp_path: Path) -> None:
    """Its name is the workbook's affair."""
    path = xlsx(tmp_path, f"<c r='{FAR}'><v>1</v></c>")
    path = repacked(path, RELATIONS, lambda xml: xml.replace(b"worksheets/sheet1.xml", part[3:].encode()))
    assert (
        "has a cell far outside its table"
        in refused(with_parts(path, {part: parts_of(path.read_bytes())[SHEET], SHEET: "<a/>"})).message
    )


@pytest.mark.parametrize(
    "change",
    [lambda xml: b"<!DOCTYPE a>" + xml, lambda xml: xml.replace(b"<c r='B9'", b'<c r="A3" r="XFD1048576"')],
    ids=["a document type", "a place twice"],
)
def test_a_sheet_that_could_be_read_in_two_ways_is_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """The reader takes the last place, and passes over what a document type defines."""
    path = repacked(xlsx(tmp_path, "<c r='B9'><v>1</v></c>"), SHEET, change)
    assert "is damaged or incomplete: its XML is not whole" in refused(path).message


@pytest.mark.parametrize("count", [10**8, 4 * 10**9, 2**64 - 1])
@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "XL\\SharedStrings.xml"])
def test_texts_that_are_only_promised_are_refused(count: int, part: str, tmp_path: Path) -> None:
    """The reader makes room for them before it sees one."""
    path = xlsx(tmp_path, "", **{part: f"<sst uniqueCount='{count}'><si><t>a</t></si></sst>"})
    assert "is damaged or incomplete: it says that it has more texts than bytes" in refused(path).message


def test_a_wrong_count_of_texts_does_no_harm(tmp_path: Path) -> None:
    """Some programs never set it right."""
    path = xlsx(tmp_path, "", **{"xl/sharedStrings.xml": '<sst uniqueCount="1000000"><si><t>a</t></si></sst>'})
    refuse_bombs(path.read_bytes(), path.name)


# ── ODS and XLSB ──────────────────────────────────────────────────────────────────────────────────────────────────────

SPACES = (
    '<table:table-cell office:value-type="string"><text:p><text:s text:c="2000000000"/></text:p></table:table-cell>'
)
TABLE = ods_row(ods_cell("a", times=4), times=1_000_000)
ODS = {
    "rows in single quotes": (
        ods_row(ods_cell("x", times=9), times=1_000_000).replace('"', "'"), "has a cell far outside its table"),
    "more rows than a number": (ods_row(ods_cell("x"), times=10**30), "has a cell far outside its table"),
    "a long text in many cells": (ods_row(ods_cell("x" * 1_000_000, times=1000)), "unpacks to far more"),
    "a text that is only spaces": (ods_row(SPACES), "unpacks to far more"),
    "many sheets": (
        "</table:table><table:table table:name='a'>".join([TABLE] * 5), "unpacks to far more than a sheet holds"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "words"), ODS.values(), ids=ODS)
def test_an_ods_that_writes_out_to_more_than_there_is_memory_is_refused(rows: str, words: str, tmp_path: Path) -> None:
    """The reader writes out every repetition of every sheet."""
    assert words in refused(bare_ods(tmp_path / "a.ods", rows)).message


@pytest.mark.parametrize("part", ["xl/worksheets/a.xml", "XL\\worksheets\\A"])
def test_a_sheet_of_an_xlsb_is_looked_at_whatever_its_name(part: str, tmp_path: Path) -> None:
    """Its ending is the workbook's affair."""
    path = bare_xlsb(tmp_path / "a.xlsb", {(0, 0): "number", (1_048_575, 16_383): "x"})
    assert (
        "has a cell far outside its table"
        in refused(with_parts(path, {part: parts_of(path.read_bytes())[BINARY], BINARY: b""})).message
    )


def test_a_cell_of_an_xlsb_without_a_place_is_refused(tmp_path: Path) -> None:
    """The reader takes the place of whatever was before it."""
    short = record(500, b"\xff" * 20) + record(2, b"\1")
    path = repacked(bare_xlsb(tmp_path / "a.xlsb", {(0, 0): "number"}), BINARY, lambda sheet: sheet + short)
    assert "is damaged or incomplete: its records make no sense" in refused(path).message


def test_a_merged_area_ends_with_the_rows(tmp_path: Path) -> None:
    """Some programs merge whole columns; each covered cell would be kept in mind."""
    merged = b'</sheetData><mergeCells><mergeCell ref="A2:XFD1048576"/></mergeCells>'
    path = repacked(xlsx(tmp_path, ""), SHEET, lambda xml: xml.replace(b"</sheetData>", merged))
    (area,) = workbook.grid(path.read_bytes(), path.name, sheet="", mapping={}).marks.merged
    assert ((1, 0), (2, 16_383)) == area


# ── what the reader prints ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_that_breaks_off_is_not_heard(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It prints where in its own source that was; people are told once, in words."""
    text = record(7, struct.pack("<III", 1, 0, 99))
    path = bare_xlsb(tmp_path / "a.xlsb", {(0, 0): "number"})
    path = repacked(path, BINARY, lambda sheet: sheet.replace(record(146), text + record(146)))
    assert "no workbook can be read from it" in refusal(path).message
    assert "" == capfd.readouterr().err


def test_silence_ends(capfd: pytest.CaptureFixture[str]) -> None:
    """What is said before and after is heard."""
    os.write(STDERR, b"before ")
    with hushed():
        os.write(STDERR, b"within ")
    os.write(STDERR, b"after")
    assert "before after" == capfd.readouterr().err


def test_no_stderr_needs_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job may run without."""
    monkeypatch.setattr("sys.stderr", None)
    with hushed():
        pass


# ── the reader itself ─────────────────────────────────────────────────────────────────────────────────────────────────

PLACES = st.sampled_from(
    ['r="{}"', "r='{}'", ' r = "{}" ', 'x="a>b" r="{}"', 'r="A1" r="{}"', 's="1"r="{}"', "", 'q:r="{}"']
)
NAMES = st.sampled_from(["c", "x:c", "a<b:c", "x:y:c", '"a>":c', "row", "x:row", "cell"])
CONTENTS = st.sampled_from(["<v>1</v>", "", "<v></v>", "<is><t>a:c b</t></is>", "<!-- <c r='Z99'><v>1</v></c> -->"])
CELL = st.builds(
    lambda name, place, at, content, end: f"<{name} {place.format(at)}>{content}</{end or name}>",
    NAMES, PLACES, st.sampled_from(["B2", "c3", "AA10", "7", "D", "$E$5", "0"]), CONTENTS,
    st.sampled_from(["", "", "", "c", "x:c", "row"]),
)  # fmt: skip


@given(cells=st.lists(CELL, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_no_cell_that_the_reader_sees_is_missed(cells: list[str], tmp_path: Path) -> None:
    """Whatever is thought of the XML: the rectangle that the reader makes is within the one that was foreseen."""
    path = bare_xlsx(tmp_path / "a.xlsx", f"<worksheet><sheetData>{''.join(cells)}</sheetData></worksheet>")
    try:
        with CalamineWorkbook.from_path(path) as book:
            end = book.get_sheet_by_index(0).end
    except CalamineError:
        return
    reach = foreseen(parts_of(path.read_bytes())[SHEET])
    assert end is None or reach is None or (end[0] < reach.rows and end[1] < reach.columns)


def foreseen(xml: bytes) -> Reach | None:
    """How far the cells reach; ``None`` when the sheet is refused."""
    for quick in (True, False):
        extent = extent_of(SHEET, quick=quick)
        try:
            extent.see(xml)
            extent.end()
        except UnclearError:
            continue
        except ExpatError:
            return None
        return extent.reach
    raise AssertionError("the parser is never unclear")
