"""The report files of a run: what they say, that they are whole, and that nothing in them acts."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import resource
import warnings
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.adapters import reports, runs, sheets
from batch.adapters.reports import grid
from batch.adapters.reports.causes import MOST_OF_KIND, MOST_ROWS, causes, groups
from batch.adapters.reports.facts import facts
from batch.adapters.reports.failed import failures, reasons
from batch.adapters.reports.lines import data
from batch.adapters.reports.told import tell
from batch.adapters.reports.words import Headline, Tone, headline
from batch.adapters.reports.workbook import write_workbook
from batch.core.again import retry_table
from batch.core.encode import number_to_json
from batch.core.model import Action, Outcome, Problem, Reason, RunRecord, Status, Verified
from batch.core.results import results
from batch.errors import JournalError
from tests.records import (
    BEGAN,
    FATES,
    agent,
    believable,
    change,
    hostile,
    kept,
    name,
    number,
    one,
    origin,
    outcome,
    plan,
    record,
    row,
    state,
)

FILES = {
    *(runs.RESULTS_CSV, runs.RESULTS_JSONL, runs.FAILED),
    *(runs.REPORT_HTML, runs.REPORT_XLSX, runs.SUMMARY),
}
REFUSED = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED, http_status=422, detail="archived", after=agent(0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder."""
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


def table(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file by their columns."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_report_is_written_for_its_owner_only(folder: Path) -> None:
    """Six files of mode 0600, and nothing that was set aside on the way."""
    reports.write_all(believable(40), folder)
    assert dict.fromkeys(FILES, 0o600) == {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_the_same_record_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Reports made again from the journal are the reports."""
    reports.write_all(believable(60), folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = tmp_path / "again"
    again.mkdir()
    reports.write_all(believable(60), again)
    assert first == {path.name: path.read_bytes() for path in again.iterdir()}


@pytest.mark.parametrize("told", [record([]), one(Status.DONE)], ids=["an empty sheet", "one line"])
def test_the_smallest_runs_have_all_reports_too(folder: Path, told: RunRecord) -> None:
    """No status, no failure, no problem is no special case."""
    reports.write_all(told, folder)
    assert {path.name for path in folder.iterdir()} == FILES


def test_a_report_that_the_disk_does_not_take_leaves_the_old_one(folder: Path) -> None:
    """It is an error of the disk, and nothing half is left behind."""
    reports.write_all(believable(20), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / runs.RESULTS_CSV).unlink()
    (folder / runs.RESULTS_CSV).mkdir()  # a folder in the way cannot be replaced by a file
    with pytest.raises(JournalError, match="cannot write"):
        reports.write_all(believable(30), folder)
    assert {path.name for path in folder.iterdir()} == FILES
    assert before[runs.REPORT_XLSX] == (folder / runs.REPORT_XLSX).read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_workbook_is_an_error_of_the_disk(folder: Path) -> None:
    """And nothing that was set aside stays."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        write_workbook(tell(believable(20)), full, folder)
    assert list(folder.iterdir()) == []


def test_a_full_disk_under_what_is_set_aside_is_one_too(folder: Path) -> None:
    """The library hides it in an exception of its own."""
    told, limits = tell(believable(1000)), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_workbook(told, io.BytesIO(), folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(folder.iterdir()) == []


# ── for machines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_results_csv_has_every_line_under_the_columns_of_the_contract(folder: Path) -> None:
    """RFC 4180, UTF-8 without a mark; what is not there is empty."""
    told = believable(80)
    reports.write_all(told, folder)
    raw = (folder / runs.RESULTS_CSV).read_bytes()
    assert raw.startswith(b"run_id,file,sheet,row,number,channel,agent_uuid,agent_name,before_agent_uuid,")
    assert raw.endswith(b"\r\n")
    lines = table(folder / runs.RESULTS_CSV)
    wanted = [(str(line.row), line.channel, line.status.value, line.reason) for line in results(told)]
    assert wanted == [(line["row"], line["channel"], line["status"], line["reason"]) for line in lines]
    assert {"", "200", "422"} <= {line["http_status"] for line in lines}


def test_results_jsonl_has_the_same_lines_with_the_pictures_before_and_after(folder: Path) -> None:
    """Every binding of the number, not only that of the line's channel."""
    before, after = state(call=0, whatsapp=5), state(call=1, whatsapp=5)
    reports.write_all(record([row()], [change()], [outcome()], befores=[before], afters=[after]), folder)
    (line,) = map(json.loads, (folder / runs.RESULTS_JSONL).read_text("utf-8").splitlines())
    assert (number_to_json(before), number_to_json(after)) == (line["before"], line["after"])
    (told,) = table(folder / runs.RESULTS_CSV)
    assert told == {key: "" if line[key] is None else str(line[key]) for key in told}


def test_results_jsonl_names_the_problems_of_the_row(folder: Path) -> None:
    """With what is wrong and what to do."""
    problem = Problem("contradiction", origin(2), "", number(2), "call", (origin(7),))
    reports.write_all(record([row(valid=False, problems=(problem,))]), folder)
    line = json.loads((folder / runs.RESULTS_JSONL).read_text("utf-8"))
    assert (None, None) == (line["before"], line["after"])
    assert line["problems"] == [
        {
            "code": "contradiction",
            "severity": "error",
            "column": "",
            "value": number(2),
            "message": f"{number(2)} on call is given to another agent in row 7",
            "hint": "keep one of the rows",
            "related_rows": [7],
        }
    ]


def test_summary_json_counts_what_the_lines_say(folder: Path) -> None:
    """One source, two files."""
    reports.write_all(believable(80), folder)
    counts = json.loads((folder / runs.SUMMARY).read_bytes())["status_counts"]
    statuses = [line["status"] for line in table(folder / runs.RESULTS_CSV)]
    assert {status.value: statuses.count(status) for status in Status} == counts


def test_half_a_character_is_named_not_lost(folder: Path) -> None:
    """UTF-8 cannot hold it, and the machine's files must be whole."""
    reports.write_all(record([row(note="a\ud800b")], [change()], [outcome()]), folder)
    assert table(folder / runs.RESULTS_CSV)[0]["note"] == r"a\ud800b"
    assert json.loads((folder / runs.RESULTS_JSONL).read_text("utf-8"))["note"] == "a\ud800b"


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@x", "\t=1"], ids=repr)
def test_the_files_for_machines_are_as_typed(folder: Path, text: str) -> None:
    """A number begins with a plus: an escaped one would be another number."""
    reports.write_all(record([row(note=text)], [change()], [outcome()]), folder)
    assert text == table(folder / runs.RESULTS_CSV)[0]["note"]


# ── what to run again ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_failed_csv_is_a_sheet_of_exactly_what_is_left(folder: Path) -> None:
    """Read by the program itself, it says what ``retry`` would do."""
    told = believable(120)
    reports.write_all(told, folder)
    again, wanted = sheets.read(folder / runs.FAILED), retry_table(told)
    assert (wanted.header, wanted.columns) == (again.header, again.columns)
    assert [one.cells for one in wanted.rows] == [one.cells for one in again.rows]


def test_failed_csv_of_a_good_run_has_a_header_and_no_row(folder: Path) -> None:
    """Nothing is left to do."""
    reports.write_all(one(Status.DONE), folder)
    assert (folder / runs.FAILED).read_bytes() == b"number,channel,agent,note\r\n"


def test_a_row_has_one_reason_or_one_for_each_channel() -> None:
    """A reader sees at once whether both channels failed alike."""
    two = row(channels=("call", "whatsapp"))
    alike = record([two], [change(0), change(1, channel="whatsapp")], [REFUSED, replace(REFUSED, change=1)])
    other = replace(REFUSED, change=1, http_status=409, reason=Reason.AGENT_TAKEN)
    unlike = record([two], [change(0), change(1, channel="whatsapp")], [REFUSED, other])
    said = "rejected – server_refused: The server said no (422): archived"
    assert [said] == [reasons(one) for one in failures(tell(alike))]
    (each,) = (reasons(one).splitlines() for one in failures(tell(unlike)))
    assert [f"call: {said}", "whatsapp: rejected – agent_taken"] == [each[0], each[1].partition(": The")[0]]


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
    told = record([row()], [change()], [REFUSED], header=("number", "channel", "agent", "Reason"))
    header = [cell.value for cell in opened(folder, told)["Failures"][1]]
    assert ["number", "channel", "agent", "Reason", f"reason of {told.run_id}"] == header


def test_a_row_longer_than_the_header_keeps_its_cells(folder: Path) -> None:
    """It is a problem of that row, to be seen as it was typed."""
    problem = Problem("ragged_row", origin(2), detail="5 cells")
    told = record([row(cells=("a", "b", "c", "d", "e"), valid=False, problems=(problem,))])
    line = [cell.value for cell in opened(folder, told)["Failures"][2]]
    assert ["a", "b", "c", "d", "e"] == line[:5]
    assert line[5].startswith("invalid – invalid_row")


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
    sheets_read = opened(folder, told)["Results"]
    assert ["_x0041_"] == [openpyxl.utils.escape.unescape(str(value)) for value in column(sheets_read, "note")]


# ── the page as text ──────────────────────────────────────────────────────────────────────────────────────────────────


def page(folder: Path, told: RunRecord) -> str:
    reports.write_all(told, folder)
    return (folder / runs.REPORT_HTML).read_text("utf-8")


def test_the_page_allows_exactly_its_own_script_and_style(folder: Path) -> None:
    """By their hashes; nothing else may run, load, send or frame."""
    text = page(folder, believable(40))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    scripts, styles = (
        re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
        re.findall(r"<style>(.*?)</style>", text, re.DOTALL),
    )
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (*scripts, *styles)]
    assert policy is not None
    assert policy[1] == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_refers_to_nothing_outside_itself(folder: Path) -> None:
    """One file, offline."""
    text = page(folder, believable(40))
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"#lines", "data:,"}
    assert "url(" not in text
    assert "@import" not in text


def test_the_picture_of_the_totals_adds_up(folder: Path) -> None:
    """Slices stand side by side, and even one line of a hundred thousand is seen."""
    rows = [row(place) for place in range(2, 1002)]
    changes = [change(id_, of=place) for id_, place in enumerate(range(2, 1002))]
    outcomes = [replace(REFUSED, change=0), *(outcome(id_) for id_ in range(1, 1000))]
    text = page(folder, record(rows, changes, outcomes))
    slices = [
        (float(x), float(width)) for x, width in re.findall(r'<rect [^>]*x="([\d.]+)"[^>]*width="([\d.]+)"', text)
    ]
    assert [0.0, 100.0] == [slices[0][0], round(sum(width for _, width in slices), 1)]
    assert slices[1][0] == pytest.approx(slices[0][1], abs=0.002)
    assert min(width for _, width in slices) >= 0.4
    assert 'aria-label="999 done, 1 rejected"' in text


def test_each_status_with_lines_has_its_figure_and_its_meaning(folder: Path) -> None:
    """They are also the filter."""
    text = page(folder, believable(200))
    assert [status.value for status in Status] == re.findall(r'class="chip" data-status="(\w+)"', text)
    assert [] == re.findall(r'class="chip"', page(folder, record([])))


def test_the_lines_of_the_page_name_what_they_share_once() -> None:
    """So that a hundred thousand are a small file."""
    told = tell(believable(2000))
    body = json.loads(data(told))
    assert len(told.lines) == len(body["row"]) == len(body["agent"])
    assert 50 >= len(body["agents"]) == len({tuple(one) for one in body["agents"]})
    assert 20 >= len(body["reasons"])


@pytest.mark.parametrize(
    ("ended", "how", "at"),
    [
        (outcome(verified=Verified.ECHO), "by the server's answer", 1),
        (outcome(verified=Verified.EACH, attempts=3, finished_at=BEGAN + 90.4), "3 attempts · read back", 90),
        (REFUSED, "", 1),
        (outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED, http_status=409), "HTTP 409", 1),
        (outcome(status=Status.SKIPPED, reason=Reason.DEPENDENCY, attempts=0, finished_at=None), "", -1),
    ],
    ids=["echo", "read back after three", "its status is in the reason", "a status nobody told", "never"],
)
def test_a_line_of_the_page_says_how_and_when_it_ended(ended: Outcome, how: str, at: int) -> None:
    """The small print, as far as the reason does not say it."""
    body = json.loads(data(tell(record([row()], [change()], [ended]))))
    assert ([how], [at]) == (body["hows"], body["at"])


# ── the first thing a reader sees ─────────────────────────────────────────────────────────────────────────────────────


def said(told: RunRecord) -> Headline:
    return headline(tell(told))


def moved(*outcomes, **more) -> RunRecord:
    """A run of two rows that move a trunk each."""
    return record([row(2), row(3)], [change(0), change(1, of=3)], outcomes, **more)


DONE = [outcome(0), outcome(1)]
INVALID = record([row(2, valid=False), row(3)], [change(0, of=3)], whole_run=Reason.OTHER_ROWS_INVALID)
LOOK = {"whole_run": Reason.AUDIT, "command": "plan"}
RUN = "20261125-200000-k3x9"


@pytest.mark.parametrize(
    ("told", "tone", "what", "command"),
    [
        (moved(*DONE), Tone.GOOD, "All 2 are with the wanted agent.", f"rollback {RUN}"),
        (one(Status.DONE), Tone.GOOD, "It is with the wanted agent.", f"rollback {RUN}"),
        (moved(*DONE, command="rollback"), Tone.GOOD, "All 2 are back with the wanted agent.", f"rollback {RUN}"),
        (one(Status.ALREADY), Tone.GOOD, "There was nothing to do.", ""),
        (record([]), Tone.GOOD, "There was nothing to do.", ""),
        (
            moved(outcome(0), replace(REFUSED, change=1)),
            Tone.WARN,
            "1 of 2 is with the wanted agent, 1 is not.",
            f"retry {RUN}",
        ),
        (one(Status.FAILED), Tone.BAD, "0 of 1 are with the wanted agent, 1 is not.", f"retry {RUN}"),
        (one(Status.UNKNOWN), Tone.BAD, "0 of 1 are with the wanted agent, 1 is not.", f"retry {RUN}"),
        (
            moved(outcome(0), whole_run=Reason.DEADLINE),
            Tone.WARN,
            "The run did not go to its end: 1 of 2 is with the wanted agent.",
            f"resume {RUN}",
        ),
        (
            moved(*DONE, finished_at=None),
            Tone.WARN,
            "The run did not go to its end: 2 of 2 are with the wanted agent.",
            f"resume {RUN}",
        ),
        (
            moved(whole_run=Reason.CREDENTIALS),
            Tone.BAD,
            "The run did not go to its end: 0 of 2 are with the wanted agent.",
            f"resume {RUN}",
        ),
        (INVALID, Tone.WARN, "Nothing was sent: 1 row needs mending first.", ""),
        (
            moved(whole_run=Reason.DECLINED),
            Tone.WARN,
            f"{'Nothing was sent: the question was not answered with yes'}.",
            "",
        ),
        (moved(**LOOK), Tone.CALM, "2 trunks would be moved; nothing has been changed yet.", "apply plan.json"),
        (
            moved(**LOOK | {"command": "audit"}),
            Tone.CALM,
            "2 trunks are not where the sheet wants them.",
            "apply moves.csv",
        ),
        (
            record([row()], [change()], **LOOK | {"command": "audit"}),
            Tone.CALM,
            "1 trunk is not where the sheet wants it.",
            "apply moves.csv",
        ),
        (record([row()], [kept()], **LOOK), Tone.GOOD, "Reality is what the sheet says.", ""),
        (replace(INVALID, whole_run=Reason.AUDIT), Tone.WARN, "Looked only: 1 row needs mending.", ""),
    ],
    ids=[
        *("all done", "the one done", "taken back", "already", "empty", "one refused", "failed", "unknown"),
        *("stopped", "cut off", "credentials", "invalid rows", "declined"),
        *("plan", "audit", "audit of one", "nothing differs", "plan with problems"),
    ],
)
def test_the_headline_is_the_verdict_and_the_way_on(told: RunRecord, tone: Tone, what: str, command: str) -> None:
    """One sentence, and the command to go on with, where there is one."""
    found = said(told)
    assert (tone, what, command) == (found.tone, found.what, found.command.removeprefix("reassign "))


@pytest.mark.parametrize(
    ("told", "more"),
    [
        (moved(*DONE), "2 moved and seen to be true, 0 there already."),
        (moved(outcome(0), replace(REFUSED, change=1)), "1 rejected."),
        (one(Status.UNKNOWN), "1 unknown. Unknown means: look before trusting."),
        (
            record([row(2), row(3)], [change(0), kept(1, of=3, reason=Reason.NOT_SELECTED)], [outcome(0)]),
            "1 moved and seen to be true, 0 there already. 1 left out on purpose.",
        ),
        (
            moved(outcome(0), whole_run=Reason.API_UNAVAILABLE, whole_run_detail="no answer for 60 s"),
            "The API did not answer any more: no answer for 60 s. The others: 1 skipped.",
        ),
        (moved(*DONE, whole_run=Reason.DEADLINE), "The time allowed for the run was over."),
        (moved(whole_run=Reason.REFUSED_BY_GUARD, whole_run_detail="too many trunks!"), "Too many trunks!"),
        (moved(whole_run=Reason.DECLINED), "No trunk was changed."),
        (
            record([row()], [kept(reason=Reason.NOT_EXPECTED)], **LOOK | {"command": "audit"}),
            "0 already right, 1 drifted.",
        ),
    ],
    ids=[
        *("figures", "what did not", "unknown", "left out", "why it stopped", "nothing left"),
        *("the guard's words", "nothing changed", "drifted"),
    ],
)
def test_the_second_line_gives_the_figures_or_the_cause(told: RunRecord, more: str) -> None:
    """Whole sentences."""
    assert more == said(told).more


def test_a_command_to_copy_survives_a_shell() -> None:
    """File names have spaces, and worse."""
    source = replace(plan([], []).source, file="moves; rm -rf.csv")
    told = record([], plan=plan([row()], [change()], source=source), **LOOK | {"command": "audit"})
    assert said(told).command == "reassign apply 'moves; rm -rf.csv'"


# ── causes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_causes_count_lines_by_status_and_reason_the_worst_first() -> None:
    """What a reader would otherwise have to count."""
    found = causes(tell(believable(300)))
    assert [(cause.status, cause.code) for cause in found][:3] == [
        ("unknown", "unclear"),
        ("failed", "out_of_retries"),
        ("failed", "not_applied"),
    ]
    ill = sum(line.status not in (Status.DONE, Status.ALREADY, Status.INVALID) for line in results(believable(300)))
    assert ill == sum(cause.count for cause in found)


def test_a_cause_names_its_first_rows_and_what_was_said() -> None:
    """Each row once, though it may have two lines."""
    places = range(2, MOST_ROWS + 5)
    rows = [row(place, channels=("call", "whatsapp")) for place in places]
    changes = [
        change(2 * i + j, of=p, channel=c) for i, p in enumerate(places) for j, c in enumerate(("call", "whatsapp"))
    ]
    (cause,) = causes(tell(record(rows, changes, [replace(REFUSED, change=made.id) for made in changes])))
    assert (2 * len(places), list(places)[:MOST_ROWS], 3) == (cause.count, list(cause.rows), cause.more)
    assert (cause.words, cause.said) == ("The server said no", "HTTP 422: archived")


def test_a_cause_of_which_different_things_were_said_gives_one_as_an_example() -> None:
    """The most frequent one."""
    told = moved(replace(REFUSED, detail="a"), replace(REFUSED, change=1, detail="b"))
    (cause,) = causes(tell(told))
    assert cause.said == "for instance: HTTP 422: a"


@pytest.mark.parametrize(
    "told",
    [
        one(Status.DONE),
        one(Status.INVALID),
        moved(whole_run=Reason.DEADLINE),
        moved(finished_at=None),
        record([row()], [kept(reason=Reason.NOT_SELECTED)]),
    ],
    ids=["done", "invalid, told as a problem", "stopped as a whole", "cut off", "left out on purpose"],
)
def test_what_is_told_elsewhere_is_no_cause(told: RunRecord) -> None:
    """Or nothing is wrong."""
    assert [] == causes(tell(told))


@pytest.mark.parametrize("reason", [Reason.LEFT_SPLIT, Reason.LEFT_IN_PLACE], ids=str)
def test_a_change_that_should_not_have_stayed_is_told_though_it_is_done(reason: Reason) -> None:
    """Somebody has to look after it."""
    (cause,) = causes(tell(moved(outcome(0), outcome(1, reason=reason))))
    assert ("done", reason.value, [3]) == (cause.status, cause.code, list(cause.rows))


def test_a_ring_left_open_is_a_cause_with_the_place_of_its_trunk() -> None:
    """The reader must know where the calls go meanwhile."""
    park = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
    ends = [outcome(0, after=agent(9)), outcome(1, Status.SKIPPED, Reason.DEPENDENCY)]
    (cause,) = causes(tell(record([row()], [park, change(1, before=9)], ends)))
    assert ("failed", f"left on the parking agent {name(9)}") == (cause.status, cause.said)


def test_problems_are_grouped_errors_before_notes_the_frequent_first() -> None:
    """Each kind with its hint and its first rows."""
    problems = [Problem("number_repaired", origin(2), "number", "0049", "+49")] * 9
    problems += [Problem("agent_empty", origin(3), "agent"), *[Problem("wave_malformed", origin(4), "wave", "x")] * 30]
    found = list(groups(problems))
    assert [("wave_malformed", 30), ("agent_empty", 1), ("number_repaired", 9)] == [(g.code, g.count) for g in found]
    assert [False, False, True] == [group.note for group in found]
    assert MOST_OF_KIND == len(found[0].first)
    assert found[1].first == [(3, "agent", "the agent is empty, which does not mean nobody")]


# ── facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "name_", "value"),
    [
        (moved(*DONE), "Finished", "25 Nov 2026, 20:00:03 UTC, after 3.0 s"),
        (moved(*DONE, finished_at=BEGAN + 125), "Finished", "25 Nov 2026, 20:02:05 UTC, after 2 min 5 s"),
        (moved(*DONE, finished_at=BEGAN + 7500), "Finished", "25 Nov 2026, 22:05:00 UTC, after 2 h 5 min"),
        (moved(*DONE, finished_at=BEGAN - 5), "Finished", "25 Nov 2026, 19:59:55 UTC, after 0.0 s"),
        (moved(*DONE, finished_at=None), "Finished", "not yet"),
        (moved(*DONE), "Input", "moves.csv · 2 rows"),
        (moved(*DONE, source=replace(plan([], []).source, sheet="July")), "Input", "moves.csv · sheet July · 2 rows"),
        (moved(*DONE, exit_code=5), "Exit code", "5 – finished; some changes rejected, failed, drifted or skipped"),
        (moved(*DONE, exit_code=99), "Exit code", "99"),
        (moved(*DONE, exit_code=None), "Exit code", None),
        (moved(*DONE), "Otherwise than planned", None),
        (moved(outcome(0), replace(REFUSED, change=1)), "Otherwise than planned", "1 lines"),
        (moved(*DONE, pace={"limit": "60/min", "learnt": "yes"}), "Pace", "limit 60/min · learnt yes"),
        (moved(whole_run=Reason.DEADLINE), "Stopped", "deadline: The time allowed for the run was over"),
    ],
    ids=[
        *("seconds", "minutes", "hours", "a clock put back", "unfinished", "file", "worksheet"),
        *("exit", "a later version's exit", "no exit", "as planned", "not as planned", "pace", "stopped"),
    ],
)
def test_the_facts_of_a_run_are_told_by_name(told: RunRecord, name_: str, value: str | None) -> None:
    """What is not known is left out."""
    assert value == dict(facts(tell(told))).get(name_)


def test_the_fates_of_the_builder_are_all_kinds_of_end() -> None:
    """The tests of this file would prove less with a status missing."""
    assert set(Status) == set(FATES) == {line.status for line in results(believable(200))}


def test_a_writer_is_known_for_every_file() -> None:
    """The list of writers is what a run folder has."""
    assert FILES == {*reports.WRITERS, runs.REPORT_XLSX}


@pytest.mark.parametrize("broken", ["write_page", "write_workbook"])
def test_a_page_that_fails_takes_nothing_from_machines(folder: Path, broken: str, monkeypatch) -> None:
    """Results and summary are there before anything is written that only people look at."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reports, broken, fails)
    monkeypatch.setitem(reports.WRITERS, runs.REPORT_HTML, reports.write_page)
    with pytest.raises(ZeroDivisionError):
        reports.write_all(believable(20), folder)
    machines = {runs.RESULTS_CSV, runs.RESULTS_JSONL, runs.FAILED, runs.SUMMARY}
    assert machines == {path.name for path in folder.iterdir()} - {runs.REPORT_HTML}


def test_what_a_killed_writer_left_is_swept_up(folder: Path, tmp_path: Path) -> None:
    """Its temporary files, and the folder of its workbook's sheets; a link's target is not touched."""
    (folder / ".results.csv.0123456789ab").write_text("half a li")
    (folder / ".plan.json.0123456789ab").write_text("{")
    (folder / ".xlsx-abc").mkdir()
    (folder / ".xlsx-abc" / "sheet1.xml").write_text("<")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / ".summary.json.0123456789ab").symlink_to(elsewhere)
    reports.write_all(believable(20), folder)
    assert {path.name for path in folder.iterdir()} == FILES
    assert elsewhere.is_dir()
