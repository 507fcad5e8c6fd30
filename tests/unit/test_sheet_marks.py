"""What a workbook says of its cells and the reader leaves out."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from batch.adapters.sheets.marks import Marks, marks_of, xlsx
from tests import corpus
from tests.builders import write_xlsx
from tests.containers import MAIN, OFFICE, bare_ods, bare_xlsb, bare_xlsx, ods_cell, ods_row, record, repacked, zipped

ERROR = '<row r="2"><c r="B2" t="e"><v>#N/A</v></c></row>'
FOUND = Marks(texts={(1, 1): "#N/A"})


def sheet(content: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{content}</sheetData></worksheet>'


def marked(tmp_path: Path, content: str, name: str = "Trunks") -> Marks:
    return marks_of(bare_xlsx(tmp_path / "a.xlsx", sheet(content)).read_bytes(), name)


def test_errors_truth_values_and_missing_results_are_found_by_their_place(tmp_path: Path) -> None:
    """Row and column from 0, as the rows are handed on."""
    cells = (
        '<row r="3"><c r="A3" t="e"><v>#REF!</v></c><c r="AA3" t="b"><v>1</v></c><c r="B3" t="b"><v>0</v></c></row>'
        '<row r="4" hidden="1"><c r="C4"><f>A1</f></c><c r="D4" t="str"><f>A1</f><v></v></c></row>'
    )
    texts = {(2, 0): "#REF!", (2, 26): "TRUE", (2, 1): "FALSE"}
    assert Marks(texts=texts, uncomputed={(3, 2)}, hidden={3}) == marked(tmp_path, cells)


@pytest.mark.parametrize(
    "content",
    [
        '<row r="2"><c r="B2" t="s"><v>0</v></c></row>',
        '<row hidden="1"><c t="e"><v>#N/A</v></c></row>',
        '<row r="2" hidden="0"><c r="A2" t="e"/><c r="B2" t="b"></c></row>',
    ],
    ids=["nothing to tell", "no places", "no values"],
)
def test_what_cannot_be_placed_is_left_as_the_reader_has_it(content: str, tmp_path: Path) -> None:
    """A guess about the place would put an error into another cell."""
    assert Marks() == marked(tmp_path, content)


def test_only_the_sheet_that_is_read_is_looked_at(tmp_path: Path) -> None:
    """The parts of a workbook are not in the order of its sheets."""
    path = write_xlsx(tmp_path / "a.xlsx", {"One": [["a"]], "Two & <3>": [["b", True]]})
    assert Marks(texts={(0, 1): "TRUE"}) == marks_of(path.read_bytes(), "Two & <3>")
    assert Marks() == marks_of(path.read_bytes(), "One")
    assert Marks() == marks_of(path.read_bytes(), "Three")


@pytest.mark.parametrize("target", ["/xl/worksheets/sheet1.xml", "worksheets/sheet1.xml"])
def test_a_part_is_found_by_an_absolute_or_a_relative_name(target: str, tmp_path: Path) -> None:
    """Both are written."""
    path = bare_xlsx(tmp_path / "a.xlsx", sheet(ERROR))
    repacked(path, "xl/_rels/workbook.xml.rels", lambda xml: xml.replace(b"worksheets/sheet1.xml", target.encode()))
    assert FOUND == marks_of(path.read_bytes(), "Trunks")


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/workbook.xml", b"<workbook>"),
        ("xl/workbook.xml", b"<workbook><sheets><sheet name='Trunks'/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", b"<Relationships/>"),
        ("xl/_rels/workbook.xml.rels", f'<a><r Id="rId1" Target="none.xml" T="{OFFICE}"/></a>'.encode()),
    ],
    ids=["broken", "no relation", "no relations", "no such part"],
)
def test_a_workbook_that_does_not_say_where_its_sheet_is_has_no_marks(
    part: str, content: bytes, tmp_path: Path
) -> None:
    """Its cells are what the reader makes of them."""
    path = repacked(bare_xlsx(tmp_path / "a.xlsx", sheet(ERROR)), part, lambda _: content)
    assert Marks() == marks_of(path.read_bytes(), "Trunks")


@pytest.mark.parametrize("ending", ["ods", "xls"])
def test_libreoffices_own_workbooks_have_the_same_marks(ending: str) -> None:
    """Errors of formulas, truths, a hidden row, a merged area; nothing of the sheet beside."""
    data = (corpus.FILES / f"marked.{ending}").read_bytes()
    told = marks_of(data, "Trunks")
    truths = (
        corpus.MARKED.texts if ending == "xls" else {(1, 3): "#N/A", (2, 3): "#DIV/0!"}
    )  # Calc's truths are 1 and 0
    merged = corpus.MARKED.merged if ending == "ods" else []  # of an XLS the reader tells them
    assert (told.texts, told.merged, told.hidden) == (truths, merged, corpus.MARKED.hidden)
    assert Marks() == marks_of(data, "Notes")


def test_an_ods_says_one_cell_for_many(tmp_path: Path) -> None:
    """A cell and a row may be repeated; the million empty rows below a filtered table are not told one by one."""
    error = (
        '<table:table-cell xmlns:c="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
        'c:value-type="error" table:number-columns-repeated="2"><text:p>#REF!</text:p></table:table-cell>'
    )
    truth = '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'
    never = '<table:table-cell table:formula="of:=A1"/>'
    hidden = '<table:table-row table:visibility="filter" table:number-rows-repeated="1000000"><table:table-cell/>'
    rows = ods_row(ods_cell("x"), error, truth, times=2) + ods_row(ods_cell("", times=3), never)
    data = bare_ods(tmp_path / "a.ods", f"{rows}{hidden}</table:table-row>").read_bytes()
    texts = {(row, column): "#REF!" for row in (0, 1) for column in (1, 2)} | {(0, 3): "TRUE", (1, 3): "TRUE"}
    assert Marks(texts=texts, uncomputed={(2, 3)}) == marks_of(data, "Trunks")


def test_a_binary_workbook_has_the_same_marks(tmp_path: Path) -> None:
    """XLSB: an error and a truth as values, the same as results, a hidden row, a merged area."""
    place = struct.Struct("<IIB")
    body = (
        *(record(0, struct.pack("<IIHHBI", 1, 0, 300, 0x1000, 0, 0)), record(3, place.pack(1, 0, 0x2A))),
        *(record(4, place.pack(2, 0, 1)), record(11, place.pack(3, 0, 0x07) + bytes(9))),
        *(record(0, struct.pack("<IIHHBI", 2, 0, 300, 0, 0, 0)), record(10, place.pack(0, 0, 0) + bytes(9))),
        record(176, struct.pack("<IIII", 7, 8, 0, 1)),
    )
    path = repacked(
        bare_xlsb(tmp_path / "a.xlsb", {(0, 0): "number"}),
        "xl/worksheets/sheet1.bin",
        lambda sheet: sheet.replace(record(146), b"".join(body) + record(146)),
    )
    texts = {(1, 1): "#N/A", (1, 2): "TRUE", (1, 3): "#DIV/0!", (2, 0): "FALSE"}
    assert Marks(texts=texts, merged=[((7, 0), (8, 1))], hidden={1}) == marks_of(path.read_bytes(), "Trunks")


def test_what_is_no_workbook_has_no_marks(tmp_path: Path) -> None:
    """A damaged one is the reader's affair."""
    assert Marks() == marks_of(corpus.COMPOUND + bytes(600), "Trunks")
    assert Marks() == marks_of(zipped(tmp_path / "b.zip", {"a": "b"}).read_bytes(), "Trunks")
    assert Marks() == marks_of(zipped(tmp_path / "a.zip", {"a": "b"}).read_bytes()[:-10], "Trunks")


def test_marks_are_found_however_long_the_sheet_is(tmp_path: Path) -> None:
    """It is looked through in pieces that end with a row."""
    filler = '<c r="A1" t="inlineStr"><is><t>row and &lt;/row&gt;</t></is></c>'
    rows = "".join(f'<row r="{row}">{filler}</row>' for row in range(10, 30_000))
    late = ERROR.replace('"2"', '"40000"').replace("B2", "B40000")
    assert Marks(texts={(1, 1): "#N/A", (39_999, 1): "#N/A"}) == marked(tmp_path, ERROR + rows + late)


def test_a_row_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not be gathered in memory; what was found before stays."""
    monkeypatch.setattr(xlsx, "_LONGEST_ROW", 1024)
    monkeypatch.setattr(xlsx, "_STEP", 512)
    assert FOUND == marked(tmp_path, f"{ERROR}<row r='3'>{'<c/>' * 5000}")


def test_merged_areas_are_found_behind_the_cells(tmp_path: Path) -> None:
    """With their first and their last cell."""
    xml = sheet("").replace("</worksheet>", '<mergeCells count="1"><mergeCell ref="B2:AA10"/></mergeCells></worksheet>')
    data = bare_xlsx(tmp_path / "a.xlsx", xml).read_bytes()
    assert [((1, 1), (9, 26))] == marks_of(data, "Trunks").merged


def test_a_workbook_whose_names_are_prefixed_is_read_too() -> None:
    """The Open XML SDK writes ``x:`` everywhere."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<x:workbook xmlns:x="{MAIN}" xmlns:r="{OFFICE}"><x:sheet name="T" r:id="a"/></x:workbook>',
        )
        archive.writestr("xl/_rels/workbook.xml.rels", '<R><Relationship Id="a" Target="s.xml"/></R>')
        archive.writestr("xl/s.xml", '<x:row r="2"><x:c t="e" r="B2"><x:v>#N/A</x:v></x:c></x:row>')
    assert FOUND == marks_of(packed.getvalue(), "T")
