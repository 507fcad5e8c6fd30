"""Every file of `samples` is used: sheets are applied, job files run, units and crontabs read, fault scripts played."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook

from batch.sandbox import faults
from batch.sandbox.world import World
from tests import migration
from tests.acceptance.desk import ROOT, TOKEN, Desk, Sandbox, sandbox_process

SAMPLES = ROOT / "samples"
SHEETS = ("sheets/migration.csv", "sheets/migration.xlsx")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The stand-in as `reassign sandbox` starts it."""
    with sandbox_process(folder=tmp_path_factory.mktemp("default")) as running:
        yield running


@pytest.fixture
def here(process: Sandbox, desk: Desk) -> Desk:
    """An account set up for it as it was at first."""
    process.reset()
    return desk.set_up_for(process)


# ── sheets ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_migration_sheets_are_what_their_script_makes() -> None:
    """Nobody edits them by hand; the workbook's rows are those of the text."""
    book = load_workbook(SAMPLES / "sheets/migration.xlsx", read_only=True)
    told = [tuple(cell or "" for cell in row) for row in book["Migration"].iter_rows(values_only=True)]
    assert told == migration.rows(World.generate())
    lines = (SAMPLES / "sheets/migration.csv").read_text("utf-8").splitlines()
    assert len(lines) == len(told)


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_sample_sheet_is_applied_and_taken_back(here: Desk, process: Sandbox, sheet: str) -> None:
    """Every row, several channels in a cell among them, is done and verified."""
    done = here("apply", SAMPLES / sheet, "--yes", "--run-id", "r1")
    assert done.returncode == 0, done.stderr
    told = here.results("r1")
    rows = [line["row"] for line in told]
    assert (set(here.statuses("r1").values()) <= {"done", "already"}, len(rows) > len(set(rows))) == (True, True)
    assert here("rollback", "r1", "--yes").returncode == 0
    assert process.moved() == {}


# ── what calls the jobs ───────────────────────────────────────────────────────────────────────────────────────────────


def crontab() -> str:
    """The one line of the crontab that runs something."""
    lines = (SAMPLES / "cron/crontab").read_text().splitlines()
    told = [line for line in lines if not re.match(r"#|\w+=|$", line)]
    assert len(told) == 1
    return told[0]


def unit(name: str) -> configparser.ConfigParser:
    """A file of systemd's, as it reads it: keys are told apart by case."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the standard library's documentation has it
    parser.read(SAMPLES / "cron" / name)
    return parser


def pod() -> list[str]:
    """The arguments in the CronJob."""
    arguments: list[str] = json.loads(
        (SAMPLES / "cron/cronjob.yaml").read_text().partition("args: ")[2].splitlines()[0]
    )
    return arguments


def test_the_crontab_runs_its_job(here: Desk, tmp_path: Path) -> None:
    """Five fields, a user, a command: an audit that finds differences, and says so by 8."""
    *when, user, command = crontab().split(None, 6)
    command, sign, sink = command.rpartition(" >")  # cron would mail the folder every morning
    assert (len(when), user, sign, sink) == (5, "reassign", " >", "/dev/null")
    assert run(here, tmp_path, shlex.split(command)) == 8


def test_the_service_and_the_cron_job_run_theirs(here: Desk, tmp_path: Path) -> None:
    """First systemd migrates; then Kubernetes finds nothing to complain about; then the newest run is taken back."""
    service, timer = unit("reassign.service"), unit("reassign.timer")
    assert (service["Service"]["Type"], timer["Install"]["WantedBy"]) == ("oneshot", "timers.target")
    assert run(here, tmp_path, shlex.split(service["Service"]["ExecStart"])) == 0
    assert run(here, tmp_path, pod()) == 0
    newest = here("runs").stdout.splitlines()
    assert [line.split("\t")[1] for line in newest] == ["audit", "apply"]


def test_the_rollback_job_takes_the_newest_run_back(here: Desk, process: Sandbox, tmp_path: Path) -> None:
    """After a night that went wrong."""
    run(here, tmp_path, ["reassign", "job", "run", "/etc/reassign/migrate.toml"])
    assert process.moved() != {}
    assert run(here, tmp_path, ["reassign", "job", "run", "/etc/reassign/rollback.toml"]) == 0
    assert process.moved() == {}


def run(desk: Desk, folder: Path, words: list[str]) -> int:
    """A sample's command, with its folders moved into this test's and its token there; gives the exit code."""
    etc = folder / "etc"
    shutil.copytree(SAMPLES / "jobs", etc, dirs_exist_ok=True)
    (etc / "token").write_text(TOKEN)
    desk.environment.pop("MIHU_API_TOKEN", None)
    places = {"%d": etc, "/var/run/reassign": etc, "/etc/reassign": etc}
    if "--token-file" not in words:
        words = [*words, "--token-file", "/etc/reassign/token"]
    for sample, place in places.items():
        words = [word.replace(sample, str(place)) for word in words]
    assert words[0] == "reassign"
    code: int = desk(*words[1:]).returncode
    return code


# ── fault scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted((SAMPLES / "faults").glob("*.json")), ids=lambda path: path.stem)
def test_a_fault_script_can_be_played(path: Path) -> None:
    """Every rule is one of the stand-in's."""
    assert faults.load(path).rules


@pytest.mark.parametrize("name", ["bad_gateway", "slow_and_odd", "cut_after_applying"])
def test_under_a_fault_script_every_line_is_told_as_it_is(here: Desk, process: Sandbox, name: str) -> None:
    """What is reported done is done, and the rest is not claimed."""
    process.control("faults", json.loads((SAMPLES / "faults" / f"{name}.json").read_text()))
    done = here("apply", SAMPLES / "sheets/migration.csv", "--yes", "--run-id", "r1")
    assert done.returncode in (0, 5, 6), done.stderr
    owners = process.owners()
    told = [line for line in here.results("r1") if line["status"] in ("done", "already")]
    assert told
    assert [line for line in told if owners[line["number"], line["channel"]] != line["agent_uuid"]] == []
