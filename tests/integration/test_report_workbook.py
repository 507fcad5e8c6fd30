"""The workbook, and that nothing in any report file acts."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.adapters import reports, runs, sheets
from batch.adapters.reports import grid, package
from batch.adapters.reports.lines import data
from batch.adapters.reports.told import tell
from batch.adapters.reports.words import headline
from batch.core.again import retry_table
from batch.core.model import Field, Problem, RunRecord, Status
from batch.core.results import results
from tests.days import believable, hostile
from tests.records import agent, change, kept, name, number, origin, outcome, plan, record, row
from tests.report_files import REFUSED, table

MEANT = {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2}

# ── the workbook ──────────────────────────────────────────────────────────────────────────────────────────────────────


def opened(folder: Path, told: RunRecord) -> Workbook:
    """The workbook of a run, as a spreadsheet program opens it."""
    reports.write_all(told, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # openpyxl does not know the solid kind of data bar
        return openpyxl.load_workbook(folder / runs.REPORT_XLSX)


def column(sheet: Worksheet, header: str) -> list[object]:
    """The values of the column under *header*."""
    place = [cell.value for cell in sheet[1]].index(header)
    return [line[place].value for line in sheet.iter_rows(min_row=2)]


def test_the_workbook_has_its_five_sheets(folder: Path) -> None:
    """Excel allows no slash in a name."""
    assert ["Summary", "Results", "Failures", "Before-After", "Problems"] == opened(folder, believable(40)).sheetnames


@pytest.mark.parametrize("name", ["Results", "Failures", "Before-After", "Problems"])
def test_a_table_has_a_frozen_filtered_header_and_prints_well(folder: Path, name: str) -> None:
    """Scrolling or printing, the header stays; the filter covers every row."""
    sheet = opened(folder, believable(60))[name]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", sheet.dimensions)
    assert (sheet.page_setup.orientation, sheet.print_title_rows) == ("landscape", "$1:$1")
    assert all(cell.font.bold for cell in sheet[1])


def test_the_summary_says_first_what_happened(folder: Path) -> None:
    """The same words as the page, then counts, causes and facts."""
    told = believable(120)
    sheet = opened(folder, told)["Summary"]
    said = headline(tell(told))
    assert [said.what, said.more] == [sheet["A1"].value, sheet["A2"].value]
    cells = [cell.value for line in sheet.iter_rows() for cell in line]
    counts = tell(told).summary.counts
    assert {status: cells[cells.index(status.value) + 1] for status in Status} == counts
    assert "The server said no – HTTP 422: agent_uuid: The agent is archived." in cells
    assert told.run_id in next(str(value) for value in cells if str(value).startswith(told.run_id))


def test_every_line_is_in_the_results(folder: Path) -> None:
    """In the order of the sheet."""
    told = believable(80)
    sheet = opened(folder, told)["Results"]
    assert [line.reason for line in results(told)] == column(sheet, "reason")
    assert [line.row for line in results(told)] == column(sheet, "row")


def test_a_status_is_told_in_words_and_colour(folder: Path) -> None:
    """Neither alone."""
    sheet = opened(folder, believable(200))["Results"]
    shown = {line[3].value: line[3].fill.fgColor.rgb[-6:] for line in sheet.iter_rows(min_row=2)}
    assert {status.value: grid.COLOURS[status][1][1:].upper() for status in Status} == shown


def test_texts_are_text_cells(folder: Path) -> None:
    """A spreadsheet keeps the plus of a number, and whatever is typed over it."""
    sheet = opened(folder, believable(40))["Results"]
    cells = [line[1] for line in sheet.iter_rows(min_row=2)]
    assert {("s", "@")} == {(cell.data_type, cell.number_format) for cell in cells}


def test_the_failures_can_be_run_again_as_they_are(folder: Path) -> None:
    """The program reads the sheet, and passes over the column of reasons."""
    told = believable(120)
    sheet = opened(folder, told)["Failures"]
    again = sheets.read(folder / runs.REPORT_XLSX, sheet="Failures")
    wanted = retry_table(told)
    assert (wanted.columns, [one.cells for one in wanted.rows]) == (
        again.columns,
        [one.cells[:4] for one in again.rows],
    )
    assert all(column(sheet, "reason"))


def test_the_column_of_reasons_never_takes_the_name_of_one_of_the_inputs(folder: Path) -> None:
    """The input may be the failures of an earlier run."""
    told = record([row()], [change()], [REFUSED], header=("number", "channel", "agent", "Reason"), columns=MEANT)
    header = [cell.value for cell in opened(folder, told)["Failures"][1]]
    assert ["number", "channel", "agent", "Reason", f"reason of {told.run_id}"] == header


def test_a_row_longer_than_the_header_keeps_its_cells(folder: Path) -> None:
    """It is a problem of that row, to be seen as it was typed."""
    problem = Problem("ragged_row", origin(2), detail="5 cells")
    told = record([row(cells=("a", "b", "c", "d", "e"), valid=False, problems=(problem,))])
    line = [cell.value for cell in opened(folder, told)["Failures"][2]]
    assert ["a", "b", "c", "d", "e"] == line[:5]
    assert line[5].startswith("invalid – invalid_row")


def test_the_widest_of_inputs_leaves_no_room_for_the_reasons(folder: Path) -> None:
    """It has as many columns as a sheet can have."""
    names = ("number", "channel", "agent", *(f"c{place}" for place in range(grid.COLUMNS - 3)))
    told = record([row(cells=(number(2), *names[1:]))], [change()], [REFUSED], header=names, columns=MEANT)
    sheet = opened(folder, told)["Failures"]
    assert [*names] == [cell.value for cell in sheet[1]]
    assert [number(2), *names[1:]] == [cell.value for cell in sheet[2]]


def test_agents_of_one_name_are_told_apart(folder: Path) -> None:
    """In the workbook and on the page, or nothing would seem to have moved."""
    told = record([row(agent_name="Bob")], [change()], [outcome(0)], agents={agent(0): "Bob", agent(1): "Bob"})
    sheet = opened(folder, told)["Results"]
    called = [f"Bob [{agent(1)}]", f"Bob [{agent(0)}]", f"Bob [{agent(1)}]"]
    assert called == [column(sheet, name)[0] for name in ("agent", "before", "after")]
    assert [[agent(1), called[0]], [agent(0), called[1]]] == json.loads(data(tell(told)))["agents"]


def test_before_after_shows_the_trunks_that_have_another_agent_now(folder: Path) -> None:
    """And only those."""
    told = record([row(2), row(3)], [change(0), kept(1, of=3)], [outcome(0)])
    sheet = opened(folder, told)["Before-After"]
    assert [(2, name(0), name(1))] == [
        *zip(column(sheet, "row"), column(sheet, "before"), column(sheet, "after"), strict=True)
    ]


def test_the_problems_sheet_tells_problems_and_repairs(folder: Path) -> None:
    """What was typed, what is wrong, what to do."""
    problems = (
        Problem("wave_malformed", origin(2), "wave", "soon"),
        Problem("number_repaired", origin(2), "number", "0049", "+49"),
    )
    sheet = opened(folder, record([row(valid=False, problems=problems)]))["Problems"]
    assert ["problem", "note"] == column(sheet, "kind")
    assert ["soon", "0049"] == column(sheet, "value")
    assert ["'soon' is not a wave", "'0049' is read as +49"] == column(sheet, "what is wrong")


def test_a_full_sheet_goes_on_in_a_further_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million lines are one more than a sheet holds."""
    monkeypatch.setattr(grid, "ROWS", 11)
    told = believable(25)
    book = opened(folder, told)
    names = [name for name in book.sheetnames if name.startswith("Results")]
    assert ["Results", "Results 2", "Results 3"] == names
    assert [line.row for line in results(told)] == [row for name in names for row in column(book[name], "row")]
    assert {"A2"} == {book[name].freeze_panes for name in names}
    last = len([*results(told)]) - 2 * 10
    assert [(f"A1:N{rows + 1}", f"A1:N{rows + 1}") for rows in (10, 10, last)] == [
        (book[name].dimensions, book[name].auto_filter.ref) for name in names
    ]


def test_a_column_is_as_wide_as_its_names_within_reason(folder: Path) -> None:
    """A Chinese or Japanese character takes two places."""
    names = {agent(0): "東京サポート窓口", agent(1): "x" * 200}
    wide = opened(folder, record([], plan=plan([row()], [change()], agents=names), outcomes=[REFUSED]))
    assert 18 == round(wide["Results"].column_dimensions["E"].width - 0.71)
    long = opened(folder, record([], plan=plan([row()], [change()], agents=names), outcomes=[outcome()]))
    assert grid.WIDEST == round(long["Results"].column_dimensions["E"].width - 0.71)


# ── injection ─────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = {
    "formula": '=HYPERLINK("http://127.0.0.1:9/","x")',
    "command": "=cmd|' /C calc'!A0",
    "plus": "+1+cmd",
    "minus": "-2+3",
    "at": "@SUM(1)",
    "address": "http://127.0.0.1:9/",
    "array": "{=1+1}",
    "script": "<script>document.title='pwned'</script>",
    "end of script": "</script><script>document.title='pwned'</script>",
    "image": "<img src=http://127.0.0.1:9/ onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "template": "{{ 7 * 7 }}{% include 'x' %}",
    "comment": "<!--<script>",
    "line separator": "a\u2028b\u2029c",
    "control": "a\x00b\x1b[2Jc\x0bd\x7f\x85",
    "half": "a\ud800b\udfff",
    "no character": "\ufffe\uffff",
    "direction": "\u202egpj.exe\u202c",
    "cell escape": "_x000D_ _x0041_",
    "very long": "=" + "x" * 40_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_becomes_a_formula_or_a_link(folder: Path, text: str) -> None:
    """Whoever wrote it: in every sheet it is a text."""
    book = opened(folder, hostile(text))
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert {"s", "n"} >= {cell.data_type for cell in cells}
    assert [] == [cell for cell in cells if cell.hyperlink]
    assert all(isinstance(cell.value, int) for cell in cells if cell.data_type == "n")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_every_file_is_whole_whatever_the_texts(folder: Path, text: str) -> None:
    """Two lines in, two lines out, in each."""
    reports.write_all(hostile(text), folder)
    assert len(table(folder / runs.RESULTS_CSV)) == 2
    assert len((folder / runs.RESULTS_JSONL).read_bytes().decode("utf-8").rstrip("\n").split("\n")) == 2
    assert len(table(folder / runs.FAILED)) == 2
    assert json.loads((folder / runs.SUMMARY).read_bytes().decode("utf-8"))["rows"] == 2


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_page_has_no_markup_but_its_own(folder: Path, text: str) -> None:
    """Its elements are those of the same run with a harmless text, one for one."""

    def elements(told: RunRecord) -> list[str]:
        reports.write_all(told, folder)
        return re.findall(r"<[!/]?[a-zA-Z-]+", (folder / runs.REPORT_HTML).read_text("utf-8"))

    assert elements(hostile("harmless")) == elements(hostile(text))


def test_what_excel_would_read_as_an_escape_stays_as_it_is(folder: Path) -> None:
    """``_x0041_`` in a cell is the letter A to Excel unless it is written with care."""
    told = record([row(note="_x0041_")], [change()], [outcome()])
    (value,) = column(opened(folder, told)["Results"], "note")
    # of texts that stand in their cells openpyxl leaves the reading to others
    assert openpyxl.utils.escape.unescape(str(value)) == "_x0041_"


@pytest.mark.parametrize("text", [" led", "trailed\t", "two\nlines", "a  b", "\u00a0", "\"<&>'", "&amp;"])
def test_spaces_and_marks_of_a_text_stay(folder: Path, text: str) -> None:
    """As they were typed, at either end too."""
    told = record([row(note=text)], [change()], [outcome()])
    assert [text] == column(opened(folder, told)["Results"], "note")


def test_rows_are_the_same_however_many_are_put_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cell for cell, format for format."""

    def cells() -> list[tuple[str, str, object, str, str]]:
        book = opened(folder, believable(60))
        return [
            (sheet.title, cell.coordinate, cell.value, cell.number_format, cell.fill.fgColor.rgb)
            for sheet in book
            for row in sheet.iter_rows()
            for cell in row
        ]

    at_once = cells()
    monkeypatch.setattr(package, "CHUNK", 7)
    assert at_once == cells()


def test_a_table_without_rows_is_its_header(folder: Path) -> None:
    """Nothing of what it is made from is left on it."""
    sheet = opened(folder, record([row()], [change()], [outcome()]))["Failures"]
    assert [5] == [len(line) for line in sheet.iter_rows()]
    assert sheet.dimensions == "A1:E1"
