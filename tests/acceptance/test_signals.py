"""Being stopped: by a signal in any stage, by a kill, by a stop file. Whatever happened, `resume` ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.desk import ROOT, Desk, Sandbox, rows, until, wanted

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
PUT = {"method": "PUT"}
LISTS = {"method": "GET", "path": "/phone-numbers/trunks"}
COUNT = 16


def after(puts: int) -> Callable[[Sandbox], bool]:
    """Whether so many writes have arrived."""
    return lambda sandbox: len(sandbox.log("PUT")) >= puts


def looks_again(sandbox: Sandbox) -> bool:
    """Whether the final look has begun: a read after the last write."""
    methods = [entry["method"] for entry in sandbox.log()]
    return methods.count("PUT") == COUNT and methods[-1] == "GET"


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_in_the_middle_ends_the_run_in_good_order(at: Desk, sandbox: Sandbox, number: signal.Signals) -> None:
    """Calls in flight finish, nothing new is sent, every row is in the report, and `resume` does the rest."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.2}})
    sheet = at.sheet(*rows(COUNT))
    with at.start("apply", sheet, "--yes", "--run-id", "r1", "--concurrency", "2") as process:
        until(lambda: after(5)(sandbox))
        process.send_signal(number)
        sent, began = len(sandbox.log("PUT")), time.monotonic()
        process.communicate()
    assert (process.returncode, time.monotonic() - began < 10) == (128 + number, True)
    assert len(sandbox.log("PUT")) <= sent + 2
    told = Counter(at.statuses("r1").values())
    assert (told.total(), told["done"] + told["skipped"]) == (COUNT, COUNT)
    assert {line["verified"] for line in at.results("r1") if line["status"] == "done"} == {"sweep"}
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0
    assert (at.statuses("r1"), sandbox.moved()) == (dict.fromkeys(wanted(rows(COUNT)), "done"), wanted(rows(COUNT)))
    assert len(sandbox.log("PUT")) == COUNT


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_the_plan_is_made_sends_nothing(at: Desk, sandbox: Sandbox, number: signal.Signals) -> None:
    """The lists are slow; the signal's own code all the same."""
    sandbox.faults({"match": LISTS, "do": {"delay": 3}})
    with at.start("apply", at.sheet(*rows(2)), "--yes") as process:
        until(lambda: any(entry["path"] == "/phone-numbers/trunks" for entry in sandbox.log()))
        process.send_signal(number)
        _, err = process.communicate()
    assert (process.returncode, sandbox.log("PUT")) == (128 + number, [])
    assert "Traceback" not in err


@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_a_signal_during_the_final_look_leaves_a_report(at: Desk, sandbox: Sandbox, number: signal.Signals) -> None:
    """What was written is told as far as it was seen; `resume` looks again."""
    sandbox.faults(
        {"match": {"method": "GET", "path": "/phone-numbers/trunks", "nth": [2, 3, 4, 5]}, "do": {"delay": 3}}
    )
    sheet = at.sheet(*rows(COUNT))
    with at.start("apply", sheet, "--yes", "--run-id", "r1", "--waves", "all") as process:
        until(lambda: looks_again(sandbox))
        process.send_signal(number)
        began = time.monotonic()
        process.communicate()
    assert (process.returncode, time.monotonic() - began < 10) == (128 + number, True)
    assert len(at.statuses("r1")) == COUNT
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0
    assert {line["verified"] for line in at.results("r1")} == {"sweep"}


def test_a_second_signal_ends_the_run_at_once(at: Desk, sandbox: Sandbox) -> None:
    """Without waiting for the call in flight, which may take long; `resume` does the rest."""
    sandbox.faults({"match": PUT, "do": {"delay": 20, "status": 503}})  # never carried out, in no later test either
    with at.start("apply", at.sheet(*rows(4)), "--yes", "--run-id", "r1") as process:
        until(lambda: after(1)(sandbox))
        process.terminate()
        time.sleep(0.3)
        began = time.monotonic()
        process.terminate()
        process.communicate()
    assert (process.returncode in (143, -15), time.monotonic() - began < 2) == (True, True)
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0
    assert set(at.statuses("r1").values()) == {"done"}


@pytest.mark.parametrize("puts", [1, 9])
def test_a_kill_in_the_middle_loses_and_doubles_nothing(at: Desk, sandbox: Sandbox, puts: int) -> None:
    """Each row exactly once, at most the calls in flight again."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.05}})
    sheet = at.sheet(*rows(COUNT))
    with at.start("apply", sheet, "--yes", "--run-id", "r1", "--concurrency", "2") as process:
        until(lambda: after(puts)(sandbox))
        process.kill()
    assert at("resume", "--yes").returncode == 0
    assert (at.statuses("r1"), sandbox.moved()) == (dict.fromkeys(wanted(rows(COUNT)), "done"), wanted(rows(COUNT)))
    assert len(sandbox.log("PUT")) <= COUNT + 2
    assert at("rollback", "r1", "--yes", "--max-change", "100%").returncode == 0
    assert sandbox.moved() == {}


def test_a_killed_run_can_be_shown_and_reported_before_it_is_resumed(at: Desk, sandbox: Sandbox) -> None:
    """Every row is there; what was in flight is unknown."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.3}})
    with at.start("apply", at.sheet(*rows(6)), "--yes", "--run-id", "r1", "--concurrency", "1") as process:
        until(lambda: after(3)(sandbox))
        process.kill()
    assert at("runs").stdout.split("\t")[4] == "unfinished"
    assert at("report", "r1").returncode == 0
    assert Counter(at.statuses("r1").values()) == {"done": 2, "unknown": 1, "skipped": 3}
    assert at("show", "r1").returncode == 0
    assert at("resume", "--yes").returncode == 0


def test_a_killed_run_can_be_rolled_back_without_being_resumed(at: Desk, sandbox: Sandbox) -> None:
    """What it may have written goes back, what was in flight too."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.2}})
    with at.start("apply", at.sheet(*rows(6)), "--yes", "--run-id", "r1", "--concurrency", "2") as process:
        until(lambda: after(4)(sandbox))
        process.kill()
    sandbox.faults()
    time.sleep(0.3)  # the stand-in still carries out what had arrived
    assert sandbox.moved() != {}
    assert at("rollback", "r1", "--yes", "--max-change", "100%").returncode == 0
    assert sandbox.moved() == {}


def test_a_kill_before_the_first_write_is_resumed_by_asking_again(at: Desk, sandbox: Sandbox) -> None:
    """A run whose plan nobody had agreed to yet."""
    sandbox.faults({"match": PUT, "do": {"delay": 5, "status": 503}})
    with at.start("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1") as process:
        until((at.runs / "r1" / "plan.json").exists)
        process.kill()
    sandbox.faults()
    assert at("resume", "--yes").returncode in (0, 2)
    if (at.runs / "r1" / "results.csv").exists():
        assert set(at.statuses("r1").values()) == {"done"}


def test_a_stop_file_ends_the_run_in_good_order(at: Desk, sandbox: Sandbox) -> None:
    """For whoever cannot reach the process; a safety rule of its own, which `resume` takes away."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.3}})
    with at.start("apply", at.sheet(*rows(COUNT)), "--yes", "--run-id", "r1", "--concurrency", "1") as process:
        until(lambda: after(2)(sandbox))
        (at.runs / "r1" / "STOP").touch()
        process.communicate()
    assert process.returncode == 7
    assert "skipped" in at.statuses("r1").values()
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0


def test_a_hang_up_that_is_ignored_ends_nothing(at: Desk, sandbox: Sandbox) -> None:
    """As nohup wants it."""

    def nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    sandbox.faults({"match": PUT, "do": {"delay": 0.3}})
    with at.start("apply", at.sheet(*rows(3)), "--yes", preexec_fn=nohup) as process:
        until(lambda: after(1)(sandbox))
        process.send_signal(signal.SIGHUP)
        process.communicate()
    assert (process.returncode, sandbox.moved()) == (0, wanted(rows(3)))


@pytest.mark.parametrize("program", ["batch", "jobs"])
def test_a_ctrl_c_while_the_program_is_loading_ends_it_without_a_traceback(at: Desk, program: str) -> None:
    """Before the command line is there to catch it, in the time that its own modules take to load."""
    loads = at.folder / "click.py"
    loads.write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    at.environment["PYTHONPATH"] = os.pathsep.join((str(at.folder), str(ROOT)))
    with at.start("--help", program=(sys.executable, "-m", program), stderr=subprocess.PIPE) as process:
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "")
