"""Archives made so that our look and the reader would see different workbooks in them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.adapters import sheets
from batch.adapters.sheets.archive import of_one_directory
from tests import corpus
from tests.builders import write_xlsx
from tests.containers import bare_ods, ods_cell, ods_row
from tests.corpus import refusal

HEADER = ("number", "channel", "agent")
END = b"PK\x05\x06"


def workbook(folder: Path, agent: str) -> bytes:
    return write_xlsx(folder / "a.xlsx", {"Trunks": [HEADER, ("+905321234567", "call", agent)]}).read_bytes()


def agents(folder: Path, data: bytes, name: str = "b.xlsx") -> list[str]:
    path = folder / name
    path.write_bytes(data)
    return [row.cells[2] for row in sheets.read(path).rows]


def changed(data: bytes, offset: int, value: int) -> bytes:
    """The archive with another value of two bytes in the end of its directory."""
    at = data.rindex(END) + offset
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


ODD: dict[str, Callable[[bytes], bytes]] = {
    "as usual": lambda data: data,
    "on another disk": lambda data: changed(data, 4, 1),
    "begins on another disk": lambda data: changed(data, 6, 1),
    "of other parts": lambda data: changed(data, 8, 1),
    "with a comment": lambda data: changed(data, 20, 5),
    "something behind": lambda data: data + b"\r\n",
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_of_two_directories_that_is_read_which_was_looked_through(
    change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """The reader falls back on the first when it does not like the second."""
    first, second = workbook(tmp_path, "first"), change(workbook(tmp_path, "second"))
    assert ["second"] == agents(tmp_path, changed(first, 20, len(second)) + second)


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_an_odd_directory_alone_is_read(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """It always was; a mail program adds a line."""
    assert ["only"] == agents(tmp_path, change(workbook(tmp_path, "only")))


def test_a_usual_archive_is_handed_on_as_it_is(tmp_path: Path) -> None:
    """It costs nothing."""
    for make in (corpus.xlsx, corpus.ods, corpus.libreoffice("xlsx"), corpus.libreoffice("ods")):
        data = make(tmp_path).read_bytes()
        assert data is of_one_directory(data)


def test_a_part_has_the_name_by_which_it_was_looked_at(tmp_path: Path) -> None:
    """An extra field could give it another one, which only the reader would know."""
    rows = ods_row(*map(ods_cell, HEADER)) + ods_row(*map(ods_cell, ("+905321234567", "call", "hidden")))
    parts = zipfile.ZipFile(bare_ods(tmp_path / "a.ods", rows))
    renamed = io.BytesIO()
    with zipfile.ZipFile(renamed, "w") as archive:
        for name in parts.namelist():
            entry = zipfile.ZipInfo(name)
            if name == "content.xml":
                entry = zipfile.ZipInfo("other.xml")
                body = b"\1" + struct.pack("<I", zlib.crc32(b"other.xml")) + name.encode()
                entry.extra = struct.pack("<HH", 0x7075, len(body)) + body
            archive.writestr(entry, parts.read(name))
        archive.writestr("xl/workbook.xml", "")
    path = tmp_path / "b.ods"
    path.write_bytes(renamed.getvalue())
    assert "no workbook can be read from it" in refusal(path).message


def test_an_archive_behind_an_old_workbook_is_not_read(tmp_path: Path) -> None:
    """The reader goes on to it when it finds nothing in the old one."""
    old = corpus.libreoffice("xls")(tmp_path).read_bytes()
    nothing = old.replace("Workbook".encode("utf-16-le"), "Nothing!".encode("utf-16-le"))
    path = tmp_path / "b.xls"
    path.write_bytes(nothing + workbook(tmp_path, "behind"))
    assert "is damaged or incomplete: its records make no sense" in refusal(path).message
    path.write_bytes(old + workbook(tmp_path, "behind"))
    assert corpus.ROWS == corpus.rows(sheets.read(path))
