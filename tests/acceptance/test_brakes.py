"""Brakes that hold: waves and their probe, windows and moments, counts, approval, age, and parts of a plan."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, Sandbox, row, rows, until, wanted
from tests.worlds import agent, number

ALL = ("--yes", "--max-change", "100%", "--quiet")
TEN = rows(10)


def probe(desk: Desk, *, fails_after: int) -> str:
    """A probe that fails after one wave, and notes what it was told in a file."""
    script = desk.folder / "probe.sh"
    token = "${MIHU_API_TOKEN:-none}"
    script.write_text(f'echo "$RUN_WAVE {token}" >> "{desk.folder}/probed"\n[ "$RUN_WAVE" != {fails_after} ]\n')
    return f"sh {script}"


# ── waves ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_probe_that_fails_puts_its_wave_back_and_ends_the_run(at: Desk, sandbox: Sandbox) -> None:
    """The waves before it stay, those after it are not sent."""
    more = ("--waves", "1,40%,100%", "--probe", probe(at, fails_after=2), "--run-id", "probed")
    done = at("apply", at.sheet(*TEN), *ALL, *more)
    first = {trunk: to for trunk, to in wanted(TEN).items() if at.statuses("probed")[trunk] == "done"}
    told = [line["reason"].partition(":")[0] for line in at.results("probed")]
    assert (done.returncode, len(first), sandbox.moved()) == (7, 1, first)
    assert (told.count("wave_put_back"), told.count("wave_failed")) == (3, 6)


def test_a_run_that_its_probe_stopped_goes_on_with_the_waves_after_it(at: Desk, sandbox: Sandbox) -> None:
    """`resume` for the rest, `retry` for what was put back."""
    more = ("--waves", "1,40%,100%", "--probe", probe(at, fails_after=2), "--run-id", "probed")
    at("apply", at.sheet(*TEN), *ALL, *more)
    resumed = at("resume", *ALL)
    retried = at("retry", "probed", *ALL)
    assert (resumed.returncode, retried.returncode, sandbox.moved()) == (5, 0, wanted(TEN))


def test_a_probe_gets_the_wave_and_not_the_token(at: Desk) -> None:
    """It is somebody else's program."""
    at("apply", at.sheet(*TEN), *ALL, "--waves", "1,50%,100%", "--probe", probe(at, fails_after=9))
    assert (at.folder / "probed").read_text().splitlines() == ["1 none", "2 none"]


def test_only_the_last_line_of_what_a_probe_says_is_told(at: Desk, sandbox: Sandbox) -> None:
    """However much there is of it."""
    loud = "sh -c 'yes | head -c 3000000; echo broken; exit 3'"
    done = at("apply", at.sheet(*TEN), *ALL, "--probe", loud)
    assert (done.returncode, sandbox.moved(), "(exit 3: broken)" in done.stderr) == (7, {}, True)


def test_a_probe_that_is_not_there_fails(at: Desk, sandbox: Sandbox) -> None:
    """A check that cannot be made does not let the next wave pass."""
    done = at("apply", at.sheet(*TEN), *ALL, "--probe", "no-such-program")
    assert (done.returncode, sandbox.moved()) == (7, {})


def test_what_a_probe_leaves_running_holds_nothing_up(at: Desk) -> None:
    """It keeps the probe's output open for as long as it lives."""
    left = f"sh -c 'sleep 600 & echo $! > {at.folder}/left'"
    done = at("apply", at.sheet(*TEN), *ALL, "--probe", left)
    os.kill(int((at.folder / "left").read_text()), signal.SIGKILL)
    assert done.returncode == 0


def test_a_wave_that_does_not_hold_stops_the_run(at: Desk, sandbox: Sandbox) -> None:
    """The server said yes to the canary and to the second wave, but did not do the second."""
    sandbox.faults({"match": {"method": "PUT", "nth": [2, 3, 4]}, "do": {"lie": "wanted"}})
    done = at("apply", at.sheet(*TEN), *ALL, "--waves", "1,40%,100%", "--run-id", "lies")
    assert (done.returncode, len(sandbox.moved()), len(sandbox.log("PUT"))) == (7, 1, 4)
    assert sorted(set(at.statuses("lies").values())) == ["done", "failed", "skipped"]


def test_what_a_guard_was_lifted_for_may_be_taken_back(at: Desk, sandbox: Sandbox) -> None:
    """A rollback meets the guards with its run's own --max-change, unless another is given."""
    assert at("apply", at.sheet(*TEN), *ALL, "--run-id", "there").returncode == 0
    assert at("rollback", "there", "--yes", "--quiet", "--max-change", "10%").returncode == 7
    assert at("rollback", "there", "--yes", "--quiet").returncode == 0
    assert sandbox.moved() == {}


# ── when ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def clock(minutes: float) -> str:
    """A time of day that many minutes from now."""
    return f"{datetime.now(UTC) + timedelta(minutes=minutes):%H:%M}"


def test_a_run_waits_for_its_moment_and_can_be_stopped_while_it_waits(at: Desk, sandbox: Sandbox) -> None:
    """Nothing is sent; the run is there to be resumed."""
    with at.start("apply", at.sheet(*TEN), "--yes", "--at", f"{clock(120)} UTC", "--run-id", "later") as running:
        until((at.runs / "later" / "journal.sqlite").exists)
        told = running.stderr.readline()
        while "waiting until" not in told:
            told = running.stderr.readline()
        running.terminate()
        running.communicate()
    assert (running.returncode, sandbox.log("PUT")) == (143, [])
    assert (at("resume", "later", *ALL).returncode, sandbox.moved()) == (0, wanted(TEN))


def test_a_moment_that_is_now_is_not_waited_for(at: Desk, sandbox: Sandbox) -> None:
    """A day that has passed."""
    done = at("apply", at.sheet(*TEN), *ALL, "--at", "2020-01-31 02:00 Europe/Berlin")
    assert (done.returncode, sandbox.moved()) == (0, wanted(TEN))


def test_inside_its_window_a_run_writes(at: Desk, sandbox: Sandbox) -> None:
    """From an hour ago until in an hour."""
    done = at("apply", at.sheet(*TEN), *ALL, "--window", f"{clock(-60)}-{clock(60)} UTC")
    assert (done.returncode, sandbox.moved()) == (0, wanted(TEN))


# ── how many, how old, which ──────────────────────────────────────────────────────────────────────────────────────────


def test_cron_may_say_yes_to_few_changes_only(at: Desk, sandbox: Sandbox) -> None:
    """`--max-changes`: ten are too many for nine, and enough for ten."""
    sheet = at.sheet(*TEN)
    refused = at("apply", sheet, "--yes", "--max-changes", "9")
    assert (refused.returncode, sandbox.log("PUT")) == (7, [])
    assert "--max-changes 10" in refused.stderr
    assert at("apply", sheet, *ALL, "--max-changes", "10").returncode == 0


def test_a_plan_that_is_too_old_is_refused(at: Desk, sandbox: Sandbox) -> None:
    """`--plan-ttl` looks at the age of the file."""
    plan = at.folder / "plan.json"
    at("plan", at.sheet(*TEN), "-o", plan, "-q")
    hour_ago = plan.stat().st_mtime - 3600
    os.utime(plan, (hour_ago, hour_ago))
    refused = at("apply", plan, *ALL, "--plan-ttl", "30m")
    assert (refused.returncode, sandbox.log("PUT")) == (7, [])
    assert at("apply", plan, *ALL, "--plan-ttl", "2h").returncode == 0


def test_a_part_of_a_plan_can_be_applied_and_then_the_rest(at: Desk, sandbox: Sandbox) -> None:
    """What is left out is in the report; the same part a second time is refused."""
    plan = at.folder / "plan.json"
    at("plan", at.sheet(*TEN), "-o", plan, "-q")
    first = at("apply", plan, *ALL, "--only", "row=2-4", "--run-id", "first")
    told = list(at.statuses("first").values())
    again = at("apply", plan, *ALL, "--only", "row=2-4")
    rest = at("apply", plan, *ALL, "--exclude", "row=2-4")
    assert (first.returncode, again.returncode, rest.returncode) == (0, 7, 0)
    assert (told.count("done"), told.count("skipped"), sandbox.moved()) == (3, 7, wanted(TEN))


def test_rows_can_be_left_out_of_a_sheet(at: Desk, sandbox: Sandbox) -> None:
    """`--exclude` by agent."""
    done = at("apply", at.sheet(*TEN), *ALL, "--exclude", f"agent={agent(12)}|{agent(13)}")
    left = {trunk: to for trunk, to in wanted(TEN).items() if to not in (agent(12), agent(13))}
    assert (done.returncode, sandbox.moved()) == (0, left)


@pytest.mark.parametrize("budget", ["0", "3"])
def test_a_budget_is_not_overrun_by_calls_in_flight(at: Desk, sandbox: Sandbox, budget: str) -> None:
    """Every call fails: the server sees one more than the budget allows, however many workers there are."""
    sandbox.faults({"match": {"method": "PUT"}, "do": {"status": 422, "delay": 0.05}})
    more = ("--max-failures", budget, "--concurrency", "50", "--waves", "all")
    done = at("apply", at.sheet(*rows(20)), *ALL, *more)
    assert (done.returncode, len(sandbox.log("PUT"))) == (7, int(budget) + 1)


# ── four eyes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def signer(tmp_path: Path) -> Path:
    """A key, and a file that allows it."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("approvals are signed with ssh-keygen, which is not installed")
    for name in ("key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    (tmp_path / "allowed").write_text(f"ada@example.com {(tmp_path / 'key.pub').read_text()}")
    return tmp_path / "key"


def test_where_approval_is_asked_for_only_an_approved_plan_is_applied(at: Desk, sandbox: Sandbox, signer: Path) -> None:
    """Neither a sheet, nor a plan without a signature, nor one that a stranger signed."""
    sheet, plan, allowed = at.sheet(*TEN), at.folder / "plan.json", signer.with_name("allowed")
    at("plan", sheet, "-o", plan, "-q")
    codes = [at("apply", path, *ALL, "--approve-by", allowed).returncode for path in (sheet, plan)]
    at("approve", plan, "--key", signer.with_name("stranger"))
    codes.append(at("apply", plan, *ALL, "--approve-by", allowed).returncode)
    assert (codes, sandbox.log("PUT")) == ([7, 7, 7], [])
    at("approve", plan, "--key", signer)
    assert (at("apply", plan, *ALL, "--approve-by", allowed).returncode, sandbox.moved()) == (0, wanted(TEN))


def test_an_approval_is_good_for_one_plan_only(at: Desk, sandbox: Sandbox, signer: Path) -> None:
    """The signature of another plan beside it does not count."""
    one, two = at.folder / "one.json", at.folder / "two.json"
    at("plan", at.sheet(*TEN), "-o", one, "-q")
    at("plan", at.sheet(row(0, 11), name="other.csv"), "-o", two, "-q")
    at("approve", one, "--key", signer)
    shutil.copy(one.with_name("one.json.sig"), two.with_name("two.json.sig"))
    done = at("apply", two, *ALL, "--approve-by", signer.with_name("allowed"))
    assert (done.returncode, sandbox.log("PUT")) == (7, [])
    assert number(0) not in done.stderr
