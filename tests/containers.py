"""Workbooks from their bare parts: files that no program would write, and kinds that Python has no writer for."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OASIS = "urn:oasis:names:tc:opendocument:xmlns"


def zipped(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def repacked(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one part changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped(path, {**parts, part: change(parts[part])})


def with_parts(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """The workbook with these parts more, or in place of those of the same name."""
    return zipped(path, {**parts_of(path.read_bytes()), **parts})


def bare_xlsx(path: Path, sheet: str) -> Path:
    """An XLSX of one worksheet, whose XML is *sheet*."""
    return zipped(path, {**_package("xml"), "xl/worksheets/sheet1.xml": sheet, "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Trunks" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>")})  # fmt: skip


def inline(text: str, place: str = "") -> str:
    """A cell of an XLSX with its text in it; without *place* it is the one after the cell before."""
    said = f'r="{place}" ' if place else ""
    return f'<c {said}t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def _package(ending: str) -> dict[str, str]:
    kind = "spreadsheetml.sheet.main+xml" if ending == "xml" else "ms-excel.sheet.binary.macroEnabled.main"
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Override PartName="/xl/workbook.{ending}" '
        f'ContentType="application/vnd.{kind}"/></Types>',
        "_rels/.rels": _relation("officeDocument", f"xl/workbook.{ending}"),
        f"xl/_rels/workbook.{ending}.rels": _relation("worksheet", f"worksheets/sheet1.{ending}"),
    }


def _relation(kind: str, target: str) -> str:
    relation = f'<Relationship Id="rId1" Type="{OFFICE}/{kind}" Target="{target}"/>'
    return f'<Relationships xmlns="{PACKAGE}/relationships">{relation}</Relationships>'


def bare_ods(path: Path, rows: str, *, manifest: str = "") -> Path:
    names = " ".join(f'xmlns:{name}="{OASIS}:{name}:1.0"' for name in ("office", "table", "text"))
    entry = f'<m:file-entry m:full-path="/" m:media-type="application/vnd.oasis.opendocument.spreadsheet"/>{manifest}'
    table = f'<table:table table:name="Trunks">{rows}</table:table>'
    return zipped(path, {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": f'<m:manifest xmlns:m="{OASIS}:manifest:1.0">{entry}</m:manifest>',
        "content.xml": f"<office:document-content {names}><office:body><office:spreadsheet>{table}</office:spreadsheet>"
        "</office:body></office:document-content>",
    })  # fmt: skip


def ods_row(*cells: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'


def ods_cell(text: str, *, times: int = 1) -> str:
    repeated = f'table:number-columns-repeated="{times}"'
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
    return f'<table:table-cell office:value-type="string" {repeated}>{lines}</table:table-cell>' if text else (
        f"<table:table-cell {repeated}/>")  # fmt: skip


def bare_xlsb(path: Path, cells: Mapping[tuple[int, int], str]) -> Path:
    """A binary workbook of text cells by (row, column), both from 0 ([MS-XLSB] 2.1.7)."""
    bundle = struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Trunks")
    book = record(131) + record(143) + record(156, bundle) + record(144) + record(132)
    body, last = b"", -1
    for (row, column), text in sorted(cells.items()):
        if row != last:
            body += record(0, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0))
            last = row
        body += record(6, struct.pack("<II", column, 0) + _wide(text))
    span = struct.pack("<IIII", 0, last, 0, max(column for _, column in cells))
    sheet = record(129) + record(148, span) + record(145) + body + record(146) + record(130)
    return zipped(path, {**_package("bin"), "xl/workbook.bin": book, "xl/worksheets/sheet1.bin": sheet})


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def record(kind: int, body: bytes = b"") -> bytes:
    """A record of a binary workbook ([MS-XLSB] 2.1.4)."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = b"", len(body)
    while length > 127:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return head + size + bytes([length]) + body


def parts_of(data: bytes) -> dict[str, bytes]:
    """The unpacked parts of a ZIP-based workbook."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
