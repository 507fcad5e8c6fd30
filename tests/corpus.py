"""Files of every kind that a telephony admin really has, each written by a function, and the rows they all hold.

``python -m tests.corpus`` makes ``tests/files/libreoffice.*`` again, which are LibreOffice's own and so are kept.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import xlsxwriter

from batch.adapters import sheets
from batch.adapters.sheets import biff
from batch.adapters.sheets.marks import Marks
from batch.core.model import Problem, SourceTable
from batch.errors import ReassignError
from tests.builders import write_csv, write_xlsx
from tests.containers import MAIN, bare_ods, bare_xlsb, bare_xlsx, ods_cell, ods_row, repacked

Rows = Sequence[Sequence[str]]

FILES = Path(__file__).parent / "files"

HEADER = ("Number", "Channel", "Agent", "Note")
ROWS: dict[int, tuple[str, str, str, str]] = {
    4: ("+905321234567", "call", "Şule Öztürk", 'first; "line", 1'),
    5: ("0090 532 123 45 68", "call, whatsapp", "NA", "two\nlines"),
    7: ("'+905321234569", "both", "007", "ğüşiöç"),
    8: ("+905321234570", "wa", "1e5", ""),
    9: ("Total", "4", "", ""),
}
"""By the spreadsheet's own row number; rows 1 and 2 are a title, row 3 is the header, row 6 is blank."""
BLANK = ("", "", "", "")
SHEET: Rows = (("Trunks of İstanbul", "", "", ""), BLANK, HEADER, *(ROWS.get(row, BLANK) for row in range(4, 10)))


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def comma(folder: Path) -> Path:
    return write_csv(folder / "a.csv", SHEET)


def semicolon(folder: Path) -> Path:
    return write_csv(folder / "a.csv", SHEET, separator=";")


def tab(folder: Path) -> Path:
    return write_csv(folder / "a.tsv", SHEET, separator="\t")


def bar(folder: Path) -> Path:
    return write_csv(folder / "a.txt", SHEET, separator="|")


def separator_line(folder: Path) -> Path:
    """Excel's own way to say which separator follows; its line is no row."""
    path = write_csv(folder / "a.csv", SHEET, separator="^")
    path.write_bytes(b"sep=^\r\n" + path.read_bytes())
    return path


def marked(folder: Path) -> Path:
    return write_csv(folder / "a.csv", SHEET, encoding="utf-8-sig")


def utf16(folder: Path) -> Path:
    """What Excel calls *Unicode text*."""
    return write_csv(folder / "a.txt", SHEET, separator="\t", encoding="utf-16")


def utf16_big(folder: Path) -> Path:
    path = write_csv(folder / "a.csv", SHEET, separator=";", encoding="utf-16-be")
    path.write_bytes(b"\xfe\xff" + path.read_bytes())
    return path


def turkish(folder: Path) -> Path:
    """What a Turkish Excel calls CSV; it needs ``--encoding cp1254``."""
    return write_csv(folder / "a.csv", SHEET, separator=";", encoding="cp1254")


def old_mac(folder: Path) -> Path:
    path = write_csv(folder / "a.csv", SHEET)
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\r"))
    return path


def without_last_line_end(folder: Path) -> Path:
    path = write_csv(folder / "a.csv", SHEET)
    path.write_bytes(path.read_bytes().rstrip())
    return path


# ── workbooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def xlsx(folder: Path) -> Path:
    return write_xlsx(folder / "a.xlsx", {"Trunks": SHEET})


def xlsm(folder: Path) -> Path:
    return write_xlsx(folder / "a.xlsx", {"Trunks": SHEET}).rename(folder / "a.xlsm")


def foreign_xlsx(folder: Path) -> Path:
    """XLSX with prefixed names and texts in the cells, as the Open XML SDK writes it, and a dimension that is a lie."""
    cells = "".join(_foreign_row(number, row) for number, row in enumerate(SHEET, 1))
    body = f'<x:dimension ref="A1:B2"/><x:sheetData>{cells}</x:sheetData>'
    return bare_xlsx(folder / "a.xlsx", f'<x:worksheet xmlns:x="{MAIN}">{body}</x:worksheet>')


def _foreign_row(number: int, row: Sequence[str]) -> str:
    filled = {f"{chr(65 + column)}{number}": escape(cell) for column, cell in enumerate(row) if cell}
    cells = "".join(
        f'<x:c r="{place}" t="inlineStr"><x:is><x:t>{text}</x:t></x:is></x:c>' for place, text in filled.items()
    )
    return f'<x:row r="{number}">{cells}</x:row>'


def ods(folder: Path) -> Path:
    rows = "".join(ods_row(*(ods_cell(cell) for cell in row)) for row in SHEET)
    return bare_ods(folder / "a.ods", rows + ods_row(ods_cell("", times=1024), times=1_048_567))


def xlsb(folder: Path) -> Path:
    return bare_xlsb(
        folder / "a.xlsb", {(r, c): cell for r, row in enumerate(SHEET) for c, cell in enumerate(row) if cell}
    )


def libreoffice(ending: str) -> Callable[[Path], Path]:
    """A copy of the file that LibreOffice saved as *ending*."""
    return lambda folder: Path(shutil.copy(FILES / f"libreoffice.{ending}", folder))


KINDS: Mapping[str, Callable[[Path], Path]] = {
    **{kind.__name__: kind for kind in (comma, semicolon, tab, bar, separator_line, marked, utf16, utf16_big)},
    **{kind.__name__: kind for kind in (turkish, old_mac, without_last_line_end, xlsx, xlsm, foreign_xlsx, ods, xlsb)},
    **{f"libreoffice {ending}": libreoffice(ending) for ending in ("xlsx", "ods", "xls")},
}
"""Every way to write :data:`SHEET`."""


# ── files to refuse ───────────────────────────────────────────────────────────────────────────────────────────────────

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How a compound file begins: an old workbook, and the wrapping of an encrypted new one."""


def protected_xlsx(folder: Path) -> Path:
    path = folder / "a.xlsx"
    path.write_bytes(COMPOUND + bytes(1016) + "EncryptedPackage".encode("utf-16-le") + bytes(480))
    return path


def protected_xls(folder: Path) -> Path:
    """A real XLS whose globals go on with FILEPASS where another record of the same size was."""
    data = (FILES / "libreoffice.xls").read_bytes()
    begin = re.search(rb"\x09\x08\x10\x00\x00\x06\x05\x00.{12}", data, re.DOTALL)
    assert begin is not None
    path = folder / "a.xls"
    path.write_bytes(data[: begin.end()] + b"\x2f\x00" + data[begin.end() + 2 :])
    return path


def protected_ods(folder: Path) -> Path:
    entry = '<m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry>'
    return bare_ods(folder / "a.ods", "", manifest=entry)


def protected_zip(folder: Path) -> Path:
    """A workbook in which a part is marked as encrypted by the archive itself."""
    path = xlsx(folder)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def truncated(folder: Path) -> Path:
    path = xlsx(folder)
    path.write_bytes(path.read_bytes()[:-400])
    return path


def corrupted(folder: Path) -> Path:
    """One byte of a packed part is another."""
    path = xlsx(folder)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 100
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    return path


def bomb(folder: Path) -> Path:
    """One gigabyte of shared texts in five megabytes."""
    return _large_part(folder, b"<si><t>" + b"A" * 1000 + b"</t></si>", times=1_060_000)


def lying_bomb(folder: Path) -> Path:
    """A bomb whose directory says that it is small."""
    path = _large_part(folder, b"A" * 1024, times=200 * 1024)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(data)
    return path


def _large_part(folder: Path, text: bytes, *, times: int) -> Path:
    path = xlsx(folder)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/large.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(times // 1000):
            part.write(text * 1000)
    return path


def stray_xlsx(folder: Path) -> Path:
    """A table, and one cell in the last row and column of the sheet."""
    stray = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    return repacked(
        xlsx(folder),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", f"{stray}</sheetData>".encode()),
    )


def stray_ods(folder: Path) -> Path:
    rows = "".join(ods_row(*map(ods_cell, row)) for row in SHEET)
    return bare_ods(folder / "a.ods", rows + ods_row(ods_cell("x", times=16_384), times=1_000_000))


def stray_xlsb(folder: Path) -> Path:
    return bare_xlsb(folder / "a.xlsb", {(0, 0): "number", (1_048_575, 16_383): "x"})


def wide_xlsb(folder: Path) -> Path:
    """A few rows with a column that no sheet has; the reader would make room for all before it."""
    return bare_xlsb(folder / "a.xlsb", {(0, 0): "number", (1, 458_753): "x"})


def broken_off_ods(folder: Path) -> Path:
    """Its archive is whole, its XML is not: the reader would wait for the rest for ever."""
    return repacked(libreoffice("ods")(folder), "content.xml", lambda xml: xml[: xml.rindex(b"</table:table>")])


def without_end_xls(folder: Path) -> Path:
    """An area of the sheet that ends before it begins."""
    return _with_record(folder, 0x0200, "<IIHHH", 0xF7, 9, 0, 4, 0)


def boundless_xls(folder: Path) -> Path:
    """More texts than there are bytes."""
    return _with_record(folder, 0x00FC, "<II", 1, 0x7FFFFFFF)


def stray_xls(folder: Path) -> Path:
    """A text in a row and a column that no XLS has."""
    return _with_record(folder, 0x00FD, "<HHHI", 0x7C61, 0x24D9, 15, 10)


def _with_record(folder: Path, kind: int, layout: str, *values: int) -> Path:
    """LibreOffice's XLS with another beginning of the last record of that kind."""
    path = libreoffice("xls")(folder)
    data, body = bytearray(path.read_bytes()), struct.pack(layout, *values)
    stream = biff.stream_of(data)
    places = accumulate((4 + len(record) for _, record in biff.records(stream)), initial=0)
    at = [place for place, (found, _) in zip(places, biff.records(stream), strict=False) if found == kind][-1]
    data = data.replace(stream[at : at + 4 + len(body)], stream[at : at + 4] + body)
    path.write_bytes(data)
    return path


# ── how tests look at what was read ─────────────────────────────────────────────────────────────────────────────────


def rows(table: SourceTable) -> dict[int, tuple[str, ...]]:
    """The cells of each row, by the row's own number."""
    return {row.origin.row: row.cells for row in table.rows}


def codes(problems: Sequence[Problem]) -> list[tuple[int, str, str]]:
    """Row, code and column of each problem."""
    return [(problem.origin.row, problem.code, problem.column) for problem in problems]


def refusal(path: Path, **flags: str) -> ReassignError:
    """How the file is refused."""
    with pytest.raises(ReassignError) as refused:
        sheets.read(path, **flags)  # type: ignore[arg-type]
    return refused.value


def text(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    """A file with this content."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ── LibreOffice's own ─────────────────────────────────────────────────────────────────────────────────────────────────


def make_libreoffice_files() -> None:
    """Have LibreOffice (Debian's ``libreoffice-calc-nogui``) save the corpus' sheets in its own way."""
    FILES.mkdir(exist_ok=True)
    _save(write_xlsx(FILES / "libreoffice.xlsx", {"Trunks": SHEET}), "ods", "xls", "xlsx")
    _save(write_marked(FILES / "marked.xlsx"), "ods", "xls")
    (FILES / "marked.xlsx").unlink()


def write_marked(path: Path) -> Path:
    """A sheet with all that a reader leaves out, behind a sheet without any of it."""
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Notes").write_row(0, 0, ("nothing", "here"))
        sheet = book.add_worksheet("Trunks")
        sheet.write_row(0, 0, ("number", "channel", "agent", "expect"))
        for row in range(1, 6):
            sheet.write_row(row, 0, (f"+90532000000{row}", "call", "Ali"))
        sheet.write_formula(1, 3, "=NA()", None, "#N/A")
        sheet.write_formula(2, 3, "=1/0", None, "#DIV/0!")
        sheet.write_formula(3, 3, "=1=1", None, True)
        sheet.write_boolean(4, 3, False)
        sheet.set_row(4, None, None, {"hidden": True})
        sheet.merge_range(7, 0, 8, 1, "written by hand")
    return path


MARKED = Marks(
    texts={(1, 3): "#N/A", (2, 3): "#DIV/0!", (3, 3): "TRUE", (4, 3): "FALSE"}, merged=[((7, 0), (8, 1))], hidden={4}
)
"""What is to be found in it."""


def _save(source: Path, *endings: str) -> None:
    for ending in endings:
        command = ["soffice", "--headless", "--convert-to", ending, "--outdir", str(FILES / "made"), str(source)]
        subprocess.run(command, check=True, timeout=120)
        shutil.move(FILES / "made" / f"{source.stem}.{ending}", FILES / f"{source.stem}.{ending}")
    (FILES / "made").rmdir()


if __name__ == "__main__":
    make_libreoffice_files()
