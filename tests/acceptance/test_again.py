"""Runs made from runs, and runs gone on with: what they keep, what they refuse, and what holds nothing up."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, Sandbox, broken_off, row, rows, sandbox_process, until, wanted
from tests.worlds import agent, number, world

PUT = {"method": "PUT"}
QUIET = ("--yes", "--quiet")


def interrupted(desk: Desk, sandbox: Sandbox, *options: str | Path, puts: int = 1) -> None:
    """A run of four rows that SIGTERM ends after so many writes; a moment later the server is quick again."""
    broken_off(desk, sandbox, "apply", desk.sheet(*rows(4)), *QUIET, "--run-id", "r1", *options, puts=puts)


def hours(first: int, last: int) -> str:
    """A window so many hours from now."""
    clock = [time.strftime("%H:%M", time.gmtime(time.time() + 3600 * after)) for after in (first, last)]
    return f"{'-'.join(clock)} UTC"


# ── what a run that is gone on with keeps ─────────────────────────────────────────────────────────────────────────────


def test_a_run_keeps_its_window(at: Desk, sandbox: Sandbox) -> None:
    """It is closed now, and no less so for a run that is resumed; another one may be given."""
    assert at("apply", at.sheet(*rows(2)), *QUIET, "--window", hours(2, 3)).returncode == 7
    done = at("resume", "--yes")
    assert (done.returncode, sandbox.log("PUT")) == (7, [])
    assert "as the run was begun: --window " in done.stderr
    assert at("resume", *QUIET, "--window", hours(-1, 1)).returncode == 0


def test_a_run_keeps_its_way_of_looking(at: Desk, sandbox: Sandbox) -> None:
    """Each write is read back in the second sitting too."""
    interrupted(at, sandbox, "--verify", "each")
    sandbox.control("log", method="DELETE")
    assert at("resume", *QUIET).returncode == 0
    looks = [entry for entry in sandbox.log("GET") if entry["path"] == "/phone-numbers/channels"]
    assert len(looks) >= len(sandbox.log("PUT")) > 0


def test_a_run_keeps_its_probe_and_a_wave_that_was_not_probed_is(at: Desk, sandbox: Sandbox) -> None:
    """The signal came with the last write of a wave: whether the next may begin is asked when it is to begin."""
    told = at.folder / "probed"
    probe = f"""sh -c 'echo $RUN_WAVE >> "{told}"'"""
    interrupted(at, sandbox, "--waves", "1,50%,100%", "--probe", probe, puts=2)
    before = told.read_text().split()
    assert at("resume", *QUIET).returncode == 0
    assert (before, sorted(set(told.read_text().split()))) == (["1"], ["1", "2"])


def test_a_probe_of_an_earlier_wave_holds_up_no_stop(at: Desk, sandbox: Sandbox) -> None:
    """It is given the grace of a call in flight, and then ended."""
    began = at.folder / "began"
    probe = f"""sh -c 'if [ -e "{at.folder}/slow" ]; then touch "{began}"; exec sleep 100; fi'"""
    interrupted(at, sandbox, "--waves", "1,50%,100%", "--probe", probe, puts=2)
    (at.folder / "slow").touch()
    with at.start("resume", *QUIET) as process:
        until(began.exists)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 143


# ── what a rollback and a retry do ────────────────────────────────────────────────────────────────────────────────────


def test_a_rollback_of_a_shared_run_finds_agents_shared(desk: Desk, tmp_path: Path) -> None:
    """The run itself has ended what showed that they may be."""
    world({"call": 0}, {"call": 0}, {"call": 1}, agents=6).save(tmp_path / "state.json")
    with sandbox_process("--state", tmp_path / "state.json", folder=tmp_path) as sandbox:
        desk.set_up_for(sandbox)
        assert desk("apply", desk.sheet(row(0, 3), row(1, 4)), *QUIET, "--run-id", "r1").returncode == 0
        done = desk("rollback", "r1", *QUIET)
        assert (done.returncode, sandbox.moved()) == (0, {}), done.stderr


def test_what_cannot_be_given_back_holds_up_nothing(at: Desk, sandbox: Sandbox) -> None:
    """Nobody served one of the trunks before, and the API cannot unassign; the others go home."""
    nobodys = (number(1), "call")
    sandbox.set_owner(nobodys, None)
    assert at("apply", at.sheet(*rows(3)), *QUIET, "--run-id", "r1").returncode == 0
    done = at("rollback", "r1", "--yes", "--run-id", "back")
    assert (done.returncode, at.statuses("back")[nobodys], number(1) in done.stderr) == (5, "invalid", True)
    assert "the API cannot take an agent away" in done.stderr
    assert sandbox.moved() == {nobodys: agent(11)}


def test_a_retry_of_a_run_in_spite_of_invalid_rows_is_one_too(at: Desk, sandbox: Sandbox) -> None:
    """Else what the run advises would send nothing."""
    sandbox.faults({"match": PUT | {"number": number(1)}, "do": {"status": 422}})
    sheet = at.sheet(*rows(2), ("nonsense", "call", agent(10)))
    assert at("apply", sheet, *QUIET, "--skip-invalid", "--run-id", "r1").returncode == 5
    sandbox.faults()
    assert at("retry", "r1", *QUIET).returncode == 5
    assert sandbox.moved() == wanted(rows(2))


def test_calls_that_were_never_answered_are_waited_for(at: Desk, sandbox: Sandbox) -> None:
    """A run was killed with a call under way, which the server carries out two seconds later: it is taken back too."""
    sandbox.faults({"match": PUT | {"number": number(1)}, "do": {"delay": 2.5}})
    command = ("apply", at.sheet(*rows(2)), *QUIET, "--run-id", "r1", "--concurrency", "1")
    with at.start(*command) as process:
        until(lambda: len(sandbox.log("PUT")) >= 2)
        process.kill()
        process.communicate()
    done = at("rollback", "r1", "--yes")
    assert (done.returncode, sandbox.moved()) == (0, {})
    assert "that were not answered" in done.stderr


def test_a_retry_is_no_way_round_an_approval(at: Desk, sandbox: Sandbox) -> None:
    """It would apply rows that nobody has signed."""
    (at.folder / "signers").touch()
    sandbox.faults({"match": PUT, "do": {"status": 422}})
    at("apply", at.sheet(*rows(2)), *QUIET, "--run-id", "r1")
    sandbox.faults()
    sandbox.control("log", method="DELETE")
    done = at("retry", "r1", *QUIET, "--approve-by", "signers")
    assert (done.returncode, sandbox.log("PUT")) == (7, [])


def test_a_look_is_nothing_to_try_again(at: Desk, sandbox: Sandbox) -> None:
    """However it is named."""
    at("plan", at.sheet(*rows(2)), "--quiet", "--run-id", "look")
    done = at("retry", "look", *QUIET)
    assert (done.returncode, sandbox.log("PUT"), "only looked" in done.stderr) == (2, [], True)


@pytest.mark.parametrize("command", ["rollback", "retry", "report", "resume"])
def test_an_altered_journal_is_no_ground_for_anything(at: Desk, sandbox: Sandbox, command: str) -> None:
    """Somebody has put another agent into the picture before."""
    at("apply", at.sheet(*rows(2)), *QUIET, "--run-id", "r1")
    sandbox.control("log", method="DELETE")
    with sqlite3.connect(at.runs / "r1" / "journal.sqlite") as database:
        words = "UPDATE entry SET body = replace(CAST(body AS TEXT), ?, ?) WHERE kind = 'intent'"
        database.execute(words, (agent(0), agent(5)))
    database.close()
    done = at(command, "r1", *QUIET)
    assert (done.returncode, "was altered" in done.stderr, sandbox.log("PUT")) == (11, True, [])
