"""No bytes make a traceback, and no row is lost or invented: rows in = accepted + rejected + blank."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batch.adapters import sheets
from batch.core.model import SourceTable
from batch.core.normalise import normalise
from batch.core.numbers import read_number
from batch.core.problems import is_error
from batch.errors import ReassignError
from tests import corpus
from tests.builders import HEADER, write_xlsx
from tests.containers import parts_of, repacked

NIGHTLY = pytest.mark.nightly
ORDINARY = settings(max_examples=150)
Cells = Sequence[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a test; each writes the same file anew."""
    return tmp_path_factory.mktemp("generated")


def add_up(table: SourceTable) -> int:
    """How many rows below the header *table* accounts for, each exactly once."""
    found = normalise(table)
    accepted = [request.origin for request in found.requests]
    rejected = {problem.origin for problem in found.problems if is_error(problem)}
    origins = [row.origin for row in table.rows]
    assert sorted({origin.row for origin in origins}) == [origin.row for origin in origins]
    assert [origin for origin in origins if origin not in rejected] == accepted
    assert rejected <= set(origins)
    return len(accepted) + len(rejected) + table.blank


def read(path: Path, data: bytes) -> SourceTable | None:
    """The table in a file of these bytes, or ``None`` when it is refused in words; anything else is a failure."""
    path.write_bytes(data)
    try:
        return sheets.read(path)
    except ReassignError:
        return None


# ── arbitrary bytes as text ───────────────────────────────────────────────────────────────────────────────────────────

CHARS = st.sampled_from("+905321234567,;\t|\"'= \r\n\0\ufeff\u200baN/éş") | st.characters(codec="utf-8")
TEXTS = st.text(CHARS, max_size=120).map(lambda text: text.encode())
HEADED = st.sampled_from(
    [b"number,channel,agent\n", b"\xef\xbb\xbfTel;Kanal;Temsilci\r\n", b"sep=|\nnumber|channel|agent\n"]
)
BYTES = st.binary(max_size=300) | TEXTS | st.tuples(HEADED, TEXTS | st.binary(max_size=200)).map(b"".join)


def any_bytes_are_read_or_refused(folder: Path, data: bytes) -> None:
    table = read(folder / "a.csv", data)
    if table is not None:
        assert len(table.rows) + table.blank == add_up(table)


@ORDINARY
@given(BYTES)
@example(b'number,channel,agent\n"a\r\nb",call,"x\ry"\r\r\n')
@example(b"number,channel,agent\n\x0c\n\x1c\n\x85\n")
@example("number,channel,agent\n\u2028,\u2029,\n".encode())
def test_any_bytes_as_a_text_file_are_read_or_refused_in_words(folder: Path, data: bytes) -> None:
    """Somebody's export was cut off, or is something else."""
    any_bytes_are_read_or_refused(folder, data)


@NIGHTLY
@settings(max_examples=100_000, suppress_health_check=list(HealthCheck))
@given(BYTES)
def test_a_hundred_thousand_text_files_are_read_or_refused_in_words(folder: Path, data: bytes) -> None:
    """The same at length."""
    any_bytes_are_read_or_refused(folder, data)


# ── rows that are known ───────────────────────────────────────────────────────────────────────────────────────────────

NUMBERS = st.sampled_from(["+905321234567", "0090 532 123 45 67", "905321234567", "112", "", "#N/A", "Total", " "])
CHANNELS = st.sampled_from(["call", "wa", "both", "call, wa", "sms", "", "\u200b"])
AGENTS = st.sampled_from(["Ali", "NA", "None", "0a1b2c3d-0000-4000-8000-00000000000a", "", "-", "Şule"])
ANY_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.lists(
    st.tuples(NUMBERS | ANY_CELL, CHANNELS | ANY_CELL, AGENTS | ANY_CELL) | st.just(("", "", "")), max_size=12
)
FORMS = st.sampled_from([(",", "\r\n"), (";", "\n"), ("\t", "\r\n"), ("|", "\n")])


@ORDINARY
@given(rows=ROWS, form=FORMS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_every_row_of_a_text_file_is_accepted_rejected_or_blank(
    folder: Path, rows: list[Cells], form: tuple[str, str], encoding: str
) -> None:
    """Exactly once, with the cells that were written and the row's own number."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=form[0], lineterminator=form[1], quoting=csv.QUOTE_ALL).writerows([HEADER, *rows])
    table = read(folder / "a.csv", text.getvalue().encode(encoding))
    assert table is not None
    assert len(rows) == add_up(table)
    plain = {number: tuple(re.sub("\r\n?", "\n", cell) for cell in row) for number, row in enumerate(rows, 2)}
    assert {row.origin.row: plain[row.origin.row] for row in table.rows} == corpus.rows(table)


@settings(max_examples=60)
@given(rows=ROWS)
def test_every_row_of_a_workbook_is_accepted_rejected_or_blank(folder: Path, rows: list[Cells]) -> None:
    """As in a text file; blank rows at its end are no rows for a workbook."""
    table = sheets.read(write_xlsx(folder / "a.xlsx", {"T": [HEADER, *rows]}))
    last = max((number for number, row in enumerate(rows, 1) if "".join(row)), default=0)
    assert last == add_up(table)


# ── mutated workbooks ─────────────────────────────────────────────────────────────────────────────────────────────────

Mutation = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return corpus.libreoffice("xlsx")(tmp_path_factory.mktemp("workbook")).read_bytes()


PARTS = ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels",
         "[Content_Types].xml", "xl/styles.xml")  # fmt: skip
TOKENS = st.sampled_from(
    [b"", b"<", b">", b"/", b'"', b"&", b"&#0;", b"&lol;", b"\0", b"\xff", b"9" * 30, b"-1", b't="e"', b't="s"',
     b't="b"', b't="d"', b"<f>", b"<v/>", b'r="A1"', b'r="ZZZ9"', b'r="A0"', b'hidden="1"', b"<row>", b"</row>",
     b"<c>", b"</c>", b"</sheetData>", b'<mergeCell ref="A1:XFD9"/>', b"1e999", b"NaN", b"]]>", b"<!--", b"sheetId"]
)  # fmt: skip
PLACES = st.floats(0, 1, exclude_max=True)
EDITS = st.lists(
    st.tuples(st.sampled_from(PARTS), PLACES, st.integers(0, 40), TOKENS | st.binary(max_size=6)), max_size=4
)
FLIPS = st.lists(st.tuples(PLACES, st.integers(1, 255)), max_size=6)
ENDS = st.floats(0, 1) | st.just(1.0)


def mutated(
    data: bytes, edits: list[tuple[str, float, int, bytes]], flips: list[tuple[float, int]], end: float
) -> bytes:
    """The workbook with pieces of its XML replaced, bytes of its archive flipped, and its end cut off."""
    parts = parts_of(data)
    for part, place, length, token in edits:
        at = int(place * len(parts[part]))
        parts[part] = parts[part][:at] + token + parts[part][at + length :]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return flipped(packed.getvalue(), flips, end)


def flipped(data: bytes, flips: list[tuple[float, int]], end: float) -> bytes:
    """Some bits of it are others, and its end is cut off."""
    made = bytearray(data)
    for place, bits in flips:
        made[int(place * len(made))] ^= bits
    return bytes(made[: max(1, int(end * len(made)))])


def a_mutated_workbook_is_read_or_refused(folder: Path, data: bytes) -> None:
    table = read(folder / "a.xlsx", data)
    if table is not None:
        assert len(table.rows) + table.blank == add_up(table)


@ORDINARY
@given(edits=EDITS, flips=FLIPS, end=ENDS)
def test_a_mutated_workbook_is_read_or_refused_in_words(
    folder: Path,
    workbook: bytes,
    edits: list[tuple[str, float, int, bytes]],
    flips: list[tuple[float, int]],
    end: float,
) -> None:
    """A download that broke, a program that writes XML of its own."""
    a_mutated_workbook_is_read_or_refused(folder, mutated(workbook, edits, flips, end))


@ORDINARY
@given(kind=st.sampled_from(["xls", "ods"]), flips=FLIPS, end=ENDS | st.just(1.0))
def test_a_mutated_workbook_of_another_kind_is_read_or_refused_in_words(
    folder: Path, kind: str, flips: list[tuple[float, int]], end: float
) -> None:
    """Bytes of its records or of its XML are others: no reader may end the program, or wait for ever."""
    data = (corpus.FILES / f"marked.{kind}").read_bytes()
    if kind == "xls":
        read(folder / "a.xls", flipped(data, flips, end))
    else:
        xml = flipped(parts_of(data)["content.xml"], flips, end)
        (folder / "b.ods").write_bytes(data)
        read(folder / "a.ods", repacked(folder / "b.ods", "content.xml", lambda _: xml).read_bytes())


@NIGHTLY
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
@given(edits=EDITS, flips=st.just([]) | FLIPS, end=ENDS)
def test_two_thousand_mutated_workbooks_are_read_or_refused_in_words(
    folder: Path,
    workbook: bytes,
    edits: list[tuple[str, float, int, bytes]],
    flips: list[tuple[float, int]],
    end: float,
) -> None:
    """The same at length."""
    a_mutated_workbook_is_read_or_refused(folder, mutated(workbook, edits, flips, end))


# ── an independent opinion of numbers ─────────────────────────────────────────────────────────────────────────────────


def independent(text: str) -> str:
    """The number in a text that is one for certain, worked out another way: by what is left when all else is gone."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(char for char in plain if unicodedata.category(char) not in ("Cf", "Cc")).strip()
    if re.fullmatch(r"\d[.,]\d+[eE]\+?\d+", plain):
        return f"+{int(Decimal(plain.replace(',', '.')))}"
    if re.fullmatch(r"\W*\d{7,}[.,]00?\W*", plain):
        plain = re.split("[.,]", plain)[0]
    digits = "".join(str(unicodedata.decimal(char)) for char in plain if char.isdecimal())
    return "+" + digits.removeprefix("00")


PREFIXES = st.sampled_from(["+", "00", "", "'+", '="+', "tel:+", "\u202a+", "＋", " +"])
SUFFIXES = st.sampled_from(["", ".0", ",00", '"', "\u202c", " ", "\u00a0", ")"])
BETWEEN = st.sampled_from(["", "", "", " ", "-", ".", "\u00a0", "–", "\u200b", "/", ",", "("])
DIGITS = st.lists(st.tuples(st.sampled_from("0123456789٠٣٥９"), BETWEEN).map("".join), min_size=6, max_size=16).map(
    "".join
)
COUNTRIES = st.sampled_from(["90", "1", "49", "39", "44", "33", "34"])


@settings(max_examples=400)
@given(st.tuples(PREFIXES, COUNTRIES, DIGITS, SUFFIXES).map("".join))
@example("9.05321234567E+11")
@example("0090 532 123 45 67")
@example('="905321234567"')
def test_an_independent_reading_agrees_on_every_accepted_number(text: str) -> None:
    """Save for the 0 after a country code, which is named as a repair."""
    reading = read_number(text)
    if reading.number is not None and "the 0 after the country code removed" not in reading.repairs:
        assert independent(text) == reading.number
