"""The commands that look back at past runs, and the ways in to all of them."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from batch.sandbox.world import World
from tests.acceptance.desk import REASSIGN, TOKEN, Desk, Sandbox, rows, sandbox_process, until, wanted
from tests.worlds import agent, bought, number, world

PYTHON = Path(sys.executable)

# ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_history_shows_a_run_in_every_way(at: Desk) -> None:
    """runs, show, show --json, show --verify, last."""
    at("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1")
    assert at("runs").stdout.split("\t")[:2] == ["r1", "apply"]
    assert [run["run_id"] for run in json.loads(at("runs", "--json").stdout)] == ["r1"]
    shown = at("show", "last")
    assert (shown.returncode, number(0) in shown.stdout, shown.stderr) == (0, True, "")
    told = json.loads(at("show", "r1", "--json").stdout)
    assert (told["summary"], len(told["results"])) == (at.summary("r1"), 2)
    assert at("show", "r1", "--verify").returncode == 0
    assert json.loads(at("show", "r1", "--verify", "--json").stdout) == {"run_id": "r1", "whole": True}


def test_a_run_that_goes_on_is_shown_as_one(at: Desk, sandbox: Sandbox) -> None:
    """As far as its journal knows, to people and to programs."""
    sandbox.faults({"match": {"method": "PUT"}, "do": {"delay": 4}})
    with at.start("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1") as process:
        until(lambda: len(sandbox.log("PUT")) == 1)
        sandbox.faults()
        shown, told = at("show", "r1").stdout, json.loads(at("show", "r1", "--json").stdout)
        process.communicate()
    assert ("still going on" in shown, "resume" in shown, told["running"]) == (True, False, True)
    assert json.loads(at("show", "r1", "--json").stdout)["running"] is False


def test_show_verify_names_the_first_altered_entry(at: Desk) -> None:
    """A journal that was tampered with is a journal failure."""
    at("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1")
    with sqlite3.connect(at.runs / "r1" / "journal.sqlite") as database:
        (first,) = database.execute("SELECT min(seq) FROM entry WHERE kind = 'outcome'").fetchone()
        database.execute("UPDATE entry SET body = replace(body, 'done', 'skipped') WHERE seq = ?", (first,))
    database.close()
    done = at("show", "r1", "--verify")
    assert (done.returncode, f"entry {first}" in done.stderr) == (11, True)


def test_show_reads_a_saved_plan(at: Desk) -> None:
    """What it would do, without an account."""
    at("plan", at.sheet(*rows(2)), "-o", "plan.json")
    at.environment = {name: value for name, value in at.environment.items() if not name.startswith("MIHU")}
    done = at("show", "plan.json")
    assert (done.returncode, "Agent 0 → Agent 10" in done.stdout) == (0, True)
    assert json.loads(at("show", "plan.json", "--json").stdout)["tool"] == "reassign"


def test_paths_are_json_when_json_is_asked_for(at: Desk) -> None:
    """A list of them, from every command whose result is files."""
    at("plan", at.sheet(*rows(1)), "--run-id", "r1")
    told = {
        ("template", "empty.xlsx"): ["empty.xlsx"],
        ("export", "state.csv"): ["state.csv"],
        ("report", "r1"): [str(at.runs / "r1")],
        ("purge",): [],
    }
    assert {command: json.loads(at(*command, "--json", "-q").stdout) for command in told} == told


def test_report_makes_the_files_again_from_the_journal(at: Desk) -> None:
    """Byte for byte, after all of them are gone."""
    at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    folder = at.runs / "r1"
    names = ("results.csv", "results.jsonl", "failed.csv", "summary.json", "report.html", "report.xlsx")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    done = at("report", "r1")
    assert (done.returncode, done.stdout) == (0, f"{folder}\n")
    after = {name: (folder / name).read_bytes() for name in names}
    assert [name for name in names if before[name] != after[name]] == []


# ── ways in ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_python_m_batch_is_the_same_command(at: Desk) -> None:
    """From any folder."""
    told = [at("runs", "--json", program=program) for program in ((REASSIGN,), (PYTHON, "-m", "batch"))]
    assert [(done.returncode, done.stdout) for done in told] == [(0, "[]\n")] * 2


@pytest.mark.parametrize("program", [(REASSIGN, "job"), (PYTHON, "-m", "jobs")], ids=["reassign job", "python -m jobs"])
def test_a_job_runs_and_is_checked(at: Desk, sandbox: Sandbox, program: list[str | Path]) -> None:
    """Its file is relative to the job; its exit code is that of the command."""
    (at.folder / "jobs").mkdir()
    at.sheet(*rows(2), name="jobs/moves.csv")
    job = at.folder / "jobs" / "job.toml"
    job.write_text('kind = "migrate"\nfile = "moves.csv"\nyes = true\nrun_id = "nightly"\n')
    assert at("check", job, program=program).returncode == 0
    done = at("run", job, program=program)
    assert (done.returncode, done.stdout) == (0, f"{at.runs / 'nightly'}\n"), done.stderr
    assert sandbox.moved() == wanted(rows(2))


def test_a_token_file_takes_the_place_of_the_variable(at: Desk) -> None:
    """With the line break that editors leave at its end."""
    del at.environment["MIHU_API_TOKEN"]
    (at.folder / "token").write_text(f"{TOKEN}\n")
    assert at("doctor").returncode == 2
    assert at("doctor", "--token-file", "token").returncode == 0


@pytest.mark.parametrize("end", ["", "/api/v1/"], ids=repr)
def test_the_base_url_may_end_in_the_apis_path_or_not(at: Desk, sandbox: Sandbox, end: str) -> None:
    """The vendor's pages show both."""
    at.environment["MIHU_BASE_URL"] = sandbox.url.removesuffix("/api/v1") + end
    assert at("doctor", "-q").returncode == 0


def test_a_sandbox_keeps_its_state_in_a_file(tmp_path: Path) -> None:
    """Loaded when it begins, saved when it ends; a purchased number is none of its trunks."""
    state = tmp_path / "state.json"
    world({"call": 0}, purchased=[{"call": 1}]).save(state)
    with sandbox_process("--state", state, folder=tmp_path) as running:
        assert running.owners() == {(number(0), "call"): agent(0)}
        running.set_owner((number(0), "call"), agent(3))
    assert running.process.returncode == 0
    assert World.load(state).owner(number(0), "call") == agent(3)
    assert bought(0) in World.load(state).numbers
