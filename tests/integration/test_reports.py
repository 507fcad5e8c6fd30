"""The report files of a run: that they are whole, and what machines read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from batch.adapters import reports, runs, sheets
from batch.adapters.reports.failed import failures, reasons
from batch.adapters.reports.told import tell
from batch.adapters.reports.workbook import write_workbook
from batch.core.again import retry_table
from batch.core.encode import number_to_json
from batch.core.model import Field, Problem, Reason, RunRecord, Status
from batch.core.results import results
from batch.errors import JournalError
from tests.days import believable, one
from tests.records import change, name, number, origin, outcome, record, row, state
from tests.report_files import FILES, REFUSED, table

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
def test_a_full_disk_under_the_workbook_is_an_error_of_the_disk() -> None:
    """Not one of a library's own."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        write_workbook(tell(believable(20)), full)


def test_a_writer_is_known_for_every_file() -> None:
    """The list of writers is what a run folder has."""
    assert FILES == {*reports.WRITERS}


@pytest.mark.parametrize("broken", [runs.REPORT_HTML, runs.REPORT_XLSX])
def test_a_page_that_fails_takes_nothing_from_machines(folder: Path, broken: str, monkeypatch) -> None:
    """Results and summary are there before anything is written that only people look at."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(reports.WRITERS, broken, fails)
    with pytest.raises(ZeroDivisionError):
        reports.write_all(believable(20), folder)
    machines = {runs.RESULTS_CSV, runs.RESULTS_JSONL, runs.FAILED, runs.SUMMARY}
    assert machines == {path.name for path in folder.iterdir()} - {runs.REPORT_HTML}


def test_what_a_killed_writer_left_is_swept_up(folder: Path, tmp_path: Path) -> None:
    """Its temporary files; a link's target is not touched."""
    (folder / ".results.csv.0123456789ab").write_text("half a li")
    (folder / ".plan.json.0123456789ab").write_text("{")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / ".summary.json.0123456789ab").symlink_to(elsewhere)
    reports.write_all(believable(20), folder)
    assert {path.name for path in folder.iterdir()} == FILES
    assert elsewhere.is_dir()


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


def test_failed_csv_of_a_run_with_a_map_means_the_same_without_it(folder: Path) -> None:
    """Else its column *Agent*, the old one, would be taken for the wanted one, and a number be sent there."""
    header, meant = ("number", "channel", "Agent", "Move to"), {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 3}
    cells = (number(2), "call", name(0), name(1))
    told = record([row(cells=cells)], [change()], [REFUSED], header=header, columns=meant)
    reports.write_all(told, folder)
    for again in (sheets.read(folder / runs.FAILED), sheets.read(folder / runs.REPORT_XLSX, sheet="Failures")):
        assert (again.columns, [one.cells[:4] for one in again.rows]) == (meant, [cells])


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
