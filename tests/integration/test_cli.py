"""The command line as programs and people meet it: arguments, streams, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import anyio
import click
import pytest

from batch import errors
from batch.adapters.journal import Journal
from batch.cli import entry as cli
from batch.cli.common import on_loop
from batch.options import OPTIONS
from jobs.commands import job

ROOT = Path(__file__).parents[2]
REASSIGN = [sys.executable, "-m", "batch"]
COMMANDS = [name for name in cli.ORDER if name != "job"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without anybody's settings, and with its own state folder."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


def reassign(home: dict[str, str], *args: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as its own process, with no terminal anywhere."""
    options = {"env": home, "cwd": ROOT, "capture_output": True, "text": True, "timeout": 60} | more
    return subprocess.run([*REASSIGN, *map(str, args)], stdin=subprocess.DEVNULL, check=False, **options)


def command(body: Callable[[], int]) -> click.Command:
    return click.command("probe")(body)


# ── arguments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_help_is_there_in_time(home: dict[str, str]) -> None:
    """Median of five, in a cold process: the promise is 200 ms on an idle machine."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        assert reassign(home, "--help").returncode == 0
        times.append(time.perf_counter() - begun)
    assert statistics.median(times) < 0.5  # a machine under load


def test_help_imports_nothing_heavy(home: dict[str, str]) -> None:
    """What makes --help slow is named, not only felt."""
    script = (
        "import sys, batch.cli; print([m for m in sys.modules if m in ('rich','pandas','pydantic','anyio','httpx')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=home, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_lists_every_command_in_order(home: dict[str, str]) -> None:
    """The order of a first use."""
    listed = reassign(home, "--help").stdout.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines() if line[2:3].strip()] == list(cli.ORDER)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "sandbox"])
def test_every_command_takes_every_common_option(name: str) -> None:
    """One set of flags fits a whole script; `show --verify` alone means something else."""
    taken = {
        flag for parameter in cli.root.get_command(click.Context(cli.root), name).params for flag in parameter.opts
    }
    assert {option.flag for option in OPTIONS} <= taken


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["aply", "x"], "apply", id="command suggested"),
        pytest.param(["plan", "x", "--max-chang", "5%"], "--max-change", id="option suggested"),
        pytest.param(["plan"], "FILE", id="argument missing"),
        pytest.param(["runs", "--rate", "fast"], "--rate is 'fast': give auto", id="bad value"),
    ],
)
def test_a_wrong_command_line_exits_with_2(args: list[str], said: str, capsys) -> None:
    """With a suggestion, on stderr."""
    assert cli.run(args) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""


def test_options_may_stand_before_and_after_the_command(tmp_path: Path, capsys, monkeypatch) -> None:
    """The later one wins."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "a" / "run-1").mkdir(parents=True)
    assert cli.run(["--runs-dir", str(tmp_path / "a"), "runs"]) == 0
    assert cli.run(["--runs-dir", str(tmp_path / "a"), "runs", "--runs-dir", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out.split("\t")[0] == "run-1"


# ── every way a command can end ───────────────────────────────────────────────────────────────────────────────────────


def failing(error: BaseException) -> click.Command:
    def body() -> NoReturn:
        raise error

    return command(body)


KINDS = [name for name in dir(errors) if name.endswith("Error")]


def raised(kind: type[errors.ReassignError]) -> errors.ReassignError:
    """An error of this kind; some have words of their own."""
    return kind("words", hint="do this") if kind.__init__ is errors.ReassignError.__init__ else kind()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((raised(getattr(errors, name)), getattr(errors, name).exit_code) for name in KINDS),
        (KeyboardInterrupt(), 130),
        (ExceptionGroup("", [errors.SafetyError("words"), errors.JournalError("words")]), 11),
        (BaseExceptionGroup("", [ExceptionGroup("", [errors.UnavailableError("words")])]), 10),
        (ExceptionGroup("", [errors.SafetyError("words"), RuntimeError("x")]), 1),
        (RuntimeError("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_has_its_exit_code_and_a_sentence(error: BaseException, code: int, capsys) -> None:
    """On stderr; stdout stays empty."""
    assert cli.run([], failing(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip("\n").startswith("reassign: ")  # click ends the line of a ^C


def test_an_error_tells_what_to_do_and_stays_inert(capsys) -> None:
    """Message and hint; what a server said cannot move the cursor."""
    cli.run([], failing(errors.UsageError("no \x1b[2Jfile", hint="give one")))
    assert capsys.readouterr().err == "reassign: error: no �[2Jfile\nreassign: hint: give one\n"


def test_a_bug_is_one_sentence_without_its_text_or_traceback(capsys) -> None:
    """The text of an unexpected error may hold anything, a token too."""
    assert cli.run([], failing(RuntimeError("secret-token"))) == 1
    err = capsys.readouterr().err
    assert "secret-token" not in err
    assert "Traceback" not in err
    assert "RuntimeError in test_cli.py:" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["runs", "--json", "--rate", "fast"], "--rate is 'fast'", id="bad value"),
        pytest.param(["--json", "plan", "absent.csv"], "absent.csv", id="before the command"),
        pytest.param(["plan", "--json"], "FILE", id="argument missing"),
        pytest.param(["job", "run", "absent.toml", "--json"], "absent.toml", id="job"),
    ],
)
def test_whoever_asks_for_json_gets_a_failure_as_json(args: list[str], said: str, capsys) -> None:
    """One document on stdout in any case; the words on stderr all the same."""
    assert cli.run(args) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert (told["exit_code"], said in told["message"], told["message"] in err) == (2, True, True)


def test_a_wish_for_json_in_the_environment_counts_too(capsys, monkeypatch) -> None:
    """It is a setting like any other, and ends with the command that had it."""
    monkeypatch.setenv("REASSIGN_JSON", "true")
    assert cli.run(["check", "absent.csv"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == "check the name and the rights"
    monkeypatch.delenv("REASSIGN_JSON")
    assert cli.run(["check", "absent.csv"]) == 2
    assert capsys.readouterr().out == ""


def test_a_failure_that_stdout_cannot_take_keeps_its_code(home: dict[str, str]) -> None:
    """The words on stderr say it."""
    line = f"{shlex.join(REASSIGN)} plan absent.csv --json >/dev/full"
    done = subprocess.run(["/bin/sh", "-c", line], env=home, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "absent.csv" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_a_reader_that_goes_away_is_no_failure(home: dict[str, str]) -> None:
    """`reassign schema | head -1` ends quietly, with the command's own code."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*REASSIGN, "schema"], env=home, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(20)) == ("", 0)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_failure(home: dict[str, str], closed: str) -> None:
    """Whoever starts us may have closed any of them."""
    line = f"{shlex.join(REASSIGN)} check samples/jobs/moves.csv --json {closed}"
    done = subprocess.run(["/bin/sh", "-c", line], env=home, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# ── commands that need no API ─────────────────────────────────────────────────────────────────────────────────────────


def test_runs_are_tab_separated_in_a_pipe_and_complete_as_json(home: dict[str, str], tmp_path: Path) -> None:
    """One line a run, newest first; an unfinished one says so, and one that goes on just now, whatever its last end."""
    folder = tmp_path / "runs" / "r1"
    folder.mkdir(parents=True)
    summary = {"command": "apply", "workspace": "acme", "started_at": "2026-11-24T10:00:00Z", "exit_code": 0}
    (folder / "summary.json").write_text(json.dumps(summary | {"status_counts": {"done": 3}}))
    for name in ("r2", "r3"):
        (tmp_path / "runs" / name).mkdir()
    (tmp_path / "runs" / "r3" / "summary.json").write_text(json.dumps(summary | {"exit_code": 10}))
    with Journal.create(tmp_path / "runs" / "r3" / "journal.sqlite"):
        lines = reassign(home, "runs", "--runs-dir", tmp_path / "runs").stdout.splitlines()
        told = json.loads(reassign(home, "runs", "--json", "--runs-dir", tmp_path / "runs").stdout)
    assert sorted(line.split("\t") for line in lines) == [
        ["r1", "apply", "acme", "2026-11-24T10:00:00Z", "0", "3 done"],
        ["r2", "", "", "", "unfinished", ""],
        ["r3", "apply", "acme", "2026-11-24T10:00:00Z", "running", ""],
    ]
    assert {run["run_id"]: (run["finished"], run["running"]) for run in told} == {
        "r1": (True, False),
        "r2": (False, False),
        "r3": (False, True),
    }


def test_purge_lists_first_and_removes_only_with_yes(home: dict[str, str], tmp_path: Path) -> None:
    """The folders on stdout, what it means on stderr."""
    folder = tmp_path / "runs" / "r1"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text('{"exit_code": 0}')
    for path in (folder / "summary.json", folder):
        os.utime(path, (0, 0))
    asked = reassign(home, "purge", "--older-than", "1d", "--runs-dir", tmp_path / "runs")
    assert (asked.stdout, folder.exists()) == (f"{folder}\n", True)
    done = reassign(home, "purge", "--older-than", "1d", "--yes", "--runs-dir", tmp_path / "runs")
    assert (done.stdout, folder.exists()) == (f"{folder}\n", False)


def test_the_schema_is_json(home: dict[str, str]) -> None:
    """And that of a job file."""
    assert "kind" in json.loads(reassign(home, "schema").stdout)["properties"]


def test_a_job_is_checked_without_running(home: dict[str, str]) -> None:
    """The same as `python -m jobs check`."""
    sample = ROOT / "samples/jobs/audit.toml"
    assert reassign(home, "job", "check", sample).returncode == 0
    assert cli.run(["check", str(sample)], job) == 0
    wrong = reassign(home, "job", "check", ROOT / "pyproject.toml")
    assert wrong.returncode == 2
    assert "`kind` is missing" in wrong.stderr


def test_check_finds_problems_offline(home: dict[str, str], tmp_path: Path) -> None:
    """Exit 3, groups for people on stderr, everything for machines on stdout."""
    sheet = tmp_path / "s.csv"
    sheet.write_text("number,channel,agent\n+902125550001,call,\n+902125550002,fax,Bob\n+902125550003,call,Bob\n")
    plain = reassign(home, "check", sheet)
    assert (plain.returncode, plain.stdout) == (3, "")
    assert "2 rows to mend." in plain.stderr
    told = json.loads(reassign(home, "check", sheet, "--json").stdout)
    assert (told["rows"], told["rows_ok"], {problem["row"] for problem in told["problems"]}) == (3, 1, {2, 3})


def test_async_commands_run_on_a_fresh_loop() -> None:
    """Positional and keyword arguments reach the function."""

    async def body(left: int, *, right: int) -> int:
        return left + right

    assert on_loop(body, 1, right=2) == 3


def test_a_signal_that_ends_a_loop_is_no_news_of_the_loop(caplog) -> None:
    """The exit code tells it; what else goes wrong on a loop is told."""

    async def leave() -> NoReturn:
        sys.exit(129)

    async def body() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "odd", "exception": ValueError("x")})
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            await anyio.sleep_forever()

    with pytest.raises(SystemExit) as left:
        on_loop(body)
    assert (left.value.code, [record.getMessage() for record in caplog.records]) == (129, ["odd"])


# ── what comes out ────────────────────────────────────────────────────────────────────────────────────────────────────


ODD = "José ğ 😀 ð"
"""Characters that one encoding or another has not."""


@pytest.mark.parametrize(
    ("encoding", "read_as"),
    [("utf-8:strict", "utf-8"), ("iso-8859-9", "ascii"), ("cp1254:strict", "ascii"), ("utf-16", "utf-16")],
)
def test_json_is_json_in_every_encoding(home: dict[str, str], tmp_path: Path, encoding: str, read_as: str) -> None:
    """Whatever the sheet holds, and whatever bytes its name is."""
    name = os.fsdecode(os.fsencode(tmp_path) + b"/m\xff.csv")
    Path(name).write_text(f"number,channel,agent\n12,{ODD},Bob\n", "utf-8")
    done = reassign(home | {"PYTHONIOENCODING": encoding}, "check", name, "--json", text=False)
    told = json.loads(done.stdout.decode(read_as))
    assert (done.returncode, told["file"], told["problems"][1]["value"]) == (3, "m\udcff.csv", ODD)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "iso-8859-9", "cp1254:strict"])
def test_a_path_comes_out_as_the_bytes_that_it_is(home: dict[str, str], tmp_path: Path, encoding: str) -> None:
    """So that a script can use it; what else stdout has no character for is told by its number."""
    name = os.fsdecode(b"m\xff\xf0\x9f\x98\x80.xlsx")
    done = reassign(
        home | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}, "template", name, text=False, cwd=tmp_path
    )
    face = "\\ud83d\\ude00" if "utf" not in encoding else "😀"
    assert (done.returncode, done.stdout) == (0, b"m\xff" + face.encode() + b".xlsx\n"), done.stderr


def test_runs_in_a_pipe_cannot_act_on_a_terminal(home: dict[str, str], tmp_path: Path) -> None:
    """Nor put words into another column or line."""
    folder = tmp_path / "runs" / "r1"
    folder.mkdir(parents=True)
    hostile = {"command": "\x1b[2J\x07\u202eapply\tacme\nr2", "workspace": "\ud800\u2028", "exit_code": 0}
    (folder / "summary.json").write_text(json.dumps(hostile))
    told = reassign(home, "runs", "--runs-dir", tmp_path / "runs").stdout
    assert told == "r1\t�[2J��apply acme r2\t��\t\t0\t\n"
