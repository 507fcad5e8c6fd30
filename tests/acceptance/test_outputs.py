"""The run folder, and what goes to which stream: what scripts of other people read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, Sandbox, row, rows
from tests.worlds import agent, number

COLUMNS = (
    "run_id, file, sheet, row, number, channel, agent_uuid, agent_name, before_agent_uuid, before_agent_name, "
    "after_agent_uuid, after_agent_name, status, reason, http_status, attempts, started_at, finished_at, verified, "
    "wave, note"
)
FILES = {
    *("journal.sqlite", "input.csv", "plan.json", "results.csv", "results.jsonl"),
    *("report.xlsx", "report.html", "failed.csv", "summary.json"),
}
STATUSES = ("done", "already", "invalid", "rejected", "failed", "unknown", "drifted", "skipped")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, shared_process: Sandbox) -> Desk:
    """A run in which lines end in five ways, under a umask that forbids nothing."""
    shared_process.reset()
    shared_process.faults({"match": {"method": "PUT", "number": number(1)}, "do": {"status": 422}})
    desk = Desk(tmp_path_factory.mktemp("mixed")).set_up_for(shared_process)
    sheet = desk.sheet(
        (*row(0, 10), "", "first"),
        (*row(1, 11), "", ""),
        (*row(2, 2), "", ""),
        (number(4), "all", "Agent 14", "", ""),
        (*row(5, 15), agent(9), ""),
        ("12", "call", agent(3), "", ""),
        (*row(0, 10), "", ""),
        header=("number", "channel", "agent", "expect", "note"),
    )
    done = desk("apply", sheet, "--yes", "--skip-invalid", "--run-id", "r1", umask=0)
    assert done.returncode == 5, done.stderr
    return desk


def test_a_run_folder_holds_the_files_of_the_table_and_no_others(mixed: Desk) -> None:
    """Also none that SQLite or a writer left behind."""
    assert {path.name for path in (mixed.runs / "r1").iterdir()} == FILES


def test_a_run_folder_is_nobody_elses(mixed: Desk) -> None:
    """0700 and 0600, whatever the umask is."""
    folder = mixed.runs / "r1"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(mixed.runs.stat().st_mode) == 0o700


def test_results_have_their_columns_and_every_row_and_channel_once(mixed: Desk) -> None:
    """In the order of the sheet; a row of two channels has two lines."""
    path = mixed.runs / "r1" / "results.csv"
    assert path.read_text("utf-8").splitlines()[0] == COLUMNS.replace(", ", ",")
    told = [(line["row"], line["channel"], line["status"]) for line in mixed.results("r1")]
    assert told == [
        ("2", "call", "done"),
        ("3", "call", "rejected"),
        ("4", "call", "already"),
        ("5", "call", "done"),
        ("5", "whatsapp", "done"),
        ("6", "call", "drifted"),
        ("7", "call", "invalid"),
        ("8", "call", "done"),
    ]


def test_a_line_tells_before_and_after_by_uuid_and_name(mixed: Desk) -> None:
    """And everything else that its columns promise."""
    line = mixed.results("r1")[0]
    keys = ("run_id", "file", "sheet", "number", "note", "wave")
    assert tuple(line[key] for key in keys) == ("r1", "moves.csv", "", number(0), "first", "")
    names = ("agent_uuid", "agent_name", "before_agent_uuid", "before_agent_name", "after_agent_uuid")
    told = (agent(10), "Agent 10", agent(0), "Agent 0", agent(10))
    assert tuple(line[name] for name in names) == told
    assert (line["after_agent_name"], line["verified"], line["attempts"]) == ("Agent 10", "sweep", "1")
    assert line["http_status"] == "200"
    assert line["started_at"] <= line["finished_at"]


def test_results_as_json_lines_have_the_whole_number_before_and_after(mixed: Desk) -> None:
    """The same lines as the CSV."""
    text = (mixed.runs / "r1" / "results.jsonl").read_text("utf-8")
    told = [json.loads(line) for line in text.splitlines()]
    assert [(str(line["row"]), line["channel"], line["status"]) for line in told] == [
        (line["row"], line["channel"], line["status"]) for line in mixed.results("r1")
    ]
    assert told[0]["before"]["bindings"]["call"]["agent"] == agent(0)
    assert told[0]["after"]["bindings"]["call"]["agent"] == agent(10)


def test_the_summary_counts_what_the_results_hold(mixed: Desk) -> None:
    """Every promised field is there."""
    told = mixed.summary("r1")
    found = [line["status"] for line in mixed.results("r1")]
    assert told["status_counts"] == {status: found.count(status) for status in STATUSES}
    assert (told["run_id"], told["command"], told["exit_code"]) == ("r1", "apply", 5)
    assert told["calls"].keys() == {"get", "put", "retried", "refused_429"}
    assert told["calls"]["put"] == 4
    fields = {"workspace", "started_at", "finished_at", "input_sha256", "plan_digest", "tool_version"}
    assert (fields | {"predicted", "actual"}) <= told.keys()
    assert told["workspace"].startswith("acme at ")


def test_the_input_is_kept_as_it_was(mixed: Desk) -> None:
    """Byte for byte, with the hash that the summary names."""
    kept = (mixed.runs / "r1" / "input.csv").read_bytes()
    assert kept == (mixed.folder / "moves.csv").read_bytes()
    assert hashlib.sha256(kept).hexdigest() == mixed.summary("r1")["input_sha256"]


def test_failed_csv_has_the_inputs_columns_and_what_is_left_to_do(mixed: Desk) -> None:
    """Rows as typed; what repeats an earlier row is not repeated."""
    text = (mixed.runs / "r1" / "failed.csv").read_text("utf-8")
    assert [line.split(",")[0] for line in text.splitlines()] == ["number", number(1), number(5), "12"]


# ── streams ───────────────────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = {
    "check": ("check", "moves.csv"),
    "plan": ("plan", "moves.csv"),
    "audit": ("audit", "moves.csv"),
    "apply": ("apply", "moves.csv", "--yes"),
    "doctor": ("doctor",),
    "runs": ("runs",),
    "show": ("show", "last"),
}


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory, shared_process: Sandbox) -> Desk:
    """An account with a finished run, and a sheet that holds already."""
    shared_process.reset()
    desk = Desk(tmp_path_factory.mktemp("worked")).set_up_for(shared_process)
    desk.sheet(row(0, 0))
    assert desk("apply", "moves.csv", "--yes", "-q").returncode == 0
    return desk


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_on_stdout_alone_and_quiet_says_nothing(worked: Desk, name: str) -> None:
    """Valid JSON; and when all is well not a word on stderr."""
    done = worked(*COMMANDS[name], "--json", "-q")
    assert (done.returncode, done.stderr, bool(json.loads(done.stdout))) == (0, "", True)


@pytest.mark.parametrize("name", ["plan", "audit", "apply"])
def test_stdout_is_the_run_folder_and_stderr_is_for_people(worked: Desk, name: str) -> None:
    """One line that a script can use; nothing in colour where nobody sees it."""
    done = worked(*COMMANDS[name])
    folder = Path(done.stdout.removesuffix("\n"))
    assert ((folder / "results.csv").is_file(), "\n" in str(folder), "\x1b" in done.stderr) == (True, False, False)
    assert done.stderr


@pytest.mark.parametrize("encoding", ["iso-8859-9", "cp1254", "utf-8:strict"])
def test_a_stdout_that_lacks_a_character_takes_everything(worked: Desk, encoding: str) -> None:
    """Names of sheets and folders, as bytes or beyond the encoding, in words and in JSON."""
    sheet = worked.sheet(row(0, 10), name=os.fsdecode(b"m\xff") + " – ı 😀.csv")
    said = {"env": worked.environment | {"PYTHONIOENCODING": encoding}, "text": False}
    runs = worked.folder / f"{encoding}-{os.fsdecode(bytes([255]))}"
    planned = worked("plan", sheet, "-o", f"{encoding}.json", "--runs-dir", runs, **said)
    (folder,) = runs.iterdir()
    assert (planned.returncode, planned.stdout) == (0, os.fsencode(f"{folder}\n")), planned.stderr
    shown = [worked("show", what, "--runs-dir", runs, **said) for what in (f"{encoding}.json", "last")]
    told = [worked("show", what, "--json", "--runs-dir", runs, **said) for what in (f"{encoding}.json", "last")]
    assert [done.returncode for done in (*shown, *told)] == [0, 0, 0, 0]
    plan, run = (json.loads(done.stdout) for done in told)
    assert plan["source"]["file"] == run["results"][0]["file"] == sheet.name


def on_a_terminal(desk: Desk, *args: str, typed: bytes = b"") -> bytes:
    """What a person would see who has *typed* this."""
    main, other = os.openpty()
    with desk.start(*args, stdin=other, stdout=other, stderr=other):
        os.close(other)
        os.write(main, typed)
        said = b""
        try:
            while more := os.read(main, 4096):
                said += more
        except OSError:  # the terminal is gone with its last process
            os.close(main)
    return said


@pytest.mark.parametrize(
    ("extra", "variables", "coloured"),
    [
        pytest.param((), {}, True, id="as it is"),
        pytest.param((), {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(("--color", "never"), {}, False, id="--color never"),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    desk: Desk, extra: tuple[str, ...], variables: dict[str, str], coloured: bool
) -> None:
    """By sequences that colour; the words are the same."""
    desk.sheet(("12", "call", "Anna"))
    desk.environment |= {"TERM": "xterm-256color"} | variables
    said = on_a_terminal(desk, "check", "moves.csv", *extra)
    assert (b"\x1b[3" in said, b"1 row to mend" in said) == (coloured, True)


def test_a_sheet_that_is_there_is_not_replaced_unasked_on_a_terminal(desk: Desk) -> None:
    """Somebody may have typed into it; where nobody can be asked, a script means what it says."""
    out = desk.folder / "moves.xlsx"
    out.write_bytes(b"typed")
    said = on_a_terminal(desk, "template", str(out), typed=b"\n")
    assert (b"Replace it? [y/N]" in said, out.read_bytes()) == (True, b"typed")
    assert desk("template", out).returncode == 0
    assert out.read_bytes() != b"typed"


def test_a_full_disk_under_the_help_is_no_bug(desk: Desk) -> None:
    """It is the disk's trouble, wherever it shows."""
    with open("/dev/full", "w") as full, desk.start("--help", stdout=full) as process:  # noqa: PTH123 - a device
        told = process.communicate()[1]
    assert (process.returncode, "No space left" in told) == (11, True)


def test_what_the_server_says_cannot_move_the_cursor(at: Desk, sandbox: Sandbox) -> None:
    """Escape sequences, line breaks and direction marks are shown as marks, on the terminal and in the log."""
    body = {"message": "bad \x1b[2J\r\n\u202eevil"}
    sandbox.faults({"match": {"method": "PUT"}, "do": {"status": 422, "body": body}})
    done = at("apply", at.sheet(*rows(1)), "--yes", "-vv", "--log-file", "log.jsonl")
    assert done.returncode == 5
    text = done.stderr + (at.folder / "log.jsonl").read_text("utf-8")
    assert [mark for mark in ("\x1b", "\r", "\u202e") if mark in text] == []


def test_a_log_is_json_lines_without_whole_numbers_at_info(at: Desk) -> None:
    """Private, appended to, with dotted events."""
    at("apply", at.sheet(*rows(2)), "--yes", "-v", "--log-file", "log.jsonl")
    path = at.folder / "log.jsonl"
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [event["event"] for event in events if "." not in event["event"]] == []
    loud = [event for event in events if event["level"] != "debug"]
    assert [event for event in loud if number(0) in json.dumps(event)] == []
