"""Every exit code of the table, produced by a real process."""

from __future__ import annotations

import resource
import signal
import socket
import time
from typing import Any

import pytest

from tests.acceptance.desk import Desk, Sandbox, row, rows, until, wanted
from tests.worlds import agent, bought, number

PUT = {"method": "PUT"}


# ── 2: usage or configuration ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["aplly", "moves.csv"], id="unknown command"),
        pytest.param(["plan", "moves.csv", "--frobnicate"], id="unknown option"),
        pytest.param(["plan"], id="no file"),
        pytest.param(["plan", "absent.csv"], id="file not there"),
        pytest.param(["plan", "moves.csv", "--rate", "fast"], id="bad rate"),
        pytest.param(["plan", "moves.csv", "--deadline", "soon"], id="bad duration"),
        pytest.param(["plan", "moves.csv", "--waves", "10%,5%"], id="shrinking waves"),
        pytest.param(["plan", "moves.csv", "--only", "colour=red"], id="bad expression"),
        pytest.param(["plan", "moves.csv", "--run-id", "../up"], id="run id that leaves the folder"),
        pytest.param(["plan", "moves.csv", "--base-url", "http://example.com"], id="token over plain http"),
        pytest.param(["plan", "moves.csv", "--token-file", "absent"], id="no token file"),
        pytest.param(["plan", "moves.csv", "--map", "Phone=colour"], id="map to no field"),
        pytest.param(["plan", "moves.csv", "--token", "x"], id="a token on the command line"),
        pytest.param(["show", "nothing"], id="no such run"),
        pytest.param(["rollback", "nothing", "--yes"], id="no such run to roll back"),
        pytest.param(["job", "run", "absent.toml"], id="no such job"),
        pytest.param(["template", "empty.csv"], id="no such kind of template"),
    ],
)
def test_2_what_was_typed_cannot_be_meant(desk: Desk, args: list[str]) -> None:
    """A sentence on stderr, nothing on stdout, no call."""
    desk.environment |= {"MIHU_BASE_URL": "http://127.0.0.1:9", "MIHU_TENANT": "acme", "MIHU_API_TOKEN": "x"}
    desk.sheet(*rows(1))
    done = desk(*args)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "tökén"], ids=repr)
def test_2_a_token_that_is_none(at: Desk, sandbox: Sandbox, token: str) -> None:
    """It is not sent, and not quoted."""
    at.environment["MIHU_API_TOKEN"] = token
    done = at("doctor")
    assert (done.returncode, sandbox.log()) == (2, [])
    assert not token.strip() or token not in done.stderr


# ── 3: invalid rows ───────────────────────────────────────────────────────────────────────────────────────────────────


BAD = {
    "number_short": ("+90 12", "call", agent(10)),
    "no_such_trunk": (number(99), "call", agent(10)),
    "purchased_number": (bought(0), "call", agent(10)),
    "agent_unknown": (number(2), "call", "Nobody at all"),
    "agent_unassign": (number(3), "call", "unassign"),
    "contradiction": (number(0), "call", agent(19)),
}
"""A row for each code, beside a good first row."""


def test_3_every_kind_of_invalid_row_is_told_by_its_code(at: Desk, sandbox: Sandbox) -> None:
    """Nothing is sent, not even for the good ones."""
    done = at("apply", at.sheet(row(0, 10), row(1, 11), *BAD.values()), "--yes", "--run-id", "r1")
    assert (done.returncode, sandbox.log("PUT")) == (3, []), done.stderr
    assert [code for code in BAD if f"({code})" not in done.stderr] == []
    told = [line["status"] for line in at.results("r1")]
    assert told == ["invalid", "skipped", *["invalid"] * len(BAD)]


@pytest.mark.parametrize("code", ["no_such_trunk", "contradiction"])
def test_3_one_invalid_row_holds_up_the_whole_sheet(at: Desk, sandbox: Sandbox, code: str) -> None:
    """Problems that only planning can see are problems of their rows like any other."""
    done = at("apply", at.sheet(row(0, 10), BAD[code]), "--yes")
    assert (done.returncode, sandbox.log("PUT")) == (3, []), done.stderr


def test_5_skip_invalid_sends_the_valid_rows(at: Desk, sandbox: Sandbox) -> None:
    """The invalid one is in the report."""
    sheet = at.sheet(row(0, 10), ("12", "call", agent(10)))
    assert at("apply", sheet, "--yes", "--skip-invalid", "--run-id", "r1").returncode == 5
    assert sorted(at.statuses("r1").values()) == ["done", "invalid"]
    assert sandbox.moved() == wanted([row(0, 10)])


@pytest.mark.parametrize("text", ["", "number;channel\n1;2\n", "\x00\x01\x02", "name,phone\n"], ids=repr)
def test_3_a_file_that_is_no_sheet(desk: Desk, text: str) -> None:
    """Said in a sentence."""
    (desk.folder / "odd.csv").write_text(text)
    done = desk("check", "odd.csv")
    assert (done.returncode, done.stdout, done.stderr.startswith("reassign: error: ")) == (3, "", True), done.stderr


# ── 4: credentials ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_4_a_token_that_the_server_refuses(at: Desk, sandbox: Sandbox) -> None:
    """Nothing is written."""
    at.environment["MIHU_API_TOKEN"] = "not-the-token"
    done = at("apply", at.sheet(*rows(2)), "--yes")
    assert (done.returncode, sandbox.moved()) == (4, {})


LATER = {"nth": list(range(10, 99))}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"match": LATER, "do": {"html": "login"}}, id="login page"),
        pytest.param({"match": LATER, "do": {"html": "firewall", "status": 403}}, id="firewall"),
        pytest.param({"match": LATER, "do": {"status": 401}}, id="401"),
        pytest.param({"match": PUT | {"nth": list(range(4, 99))}, "do": {"status": 401}}, id="401, writes only"),
    ],
)
def test_4_credentials_that_end_in_the_middle_stop_the_run_which_can_be_resumed(
    at: Desk, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    """From some call on; what was done stays done, the rest is skipped or in doubt."""
    sandbox.faults(fault)
    done = at("apply", at.sheet(*rows(8)), "--yes", "--run-id", "r1", "--concurrency", "1")
    assert (done.returncode, len(at.statuses("r1"))) == (4, 8), done.stderr
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0
    assert (sandbox.moved(), set(at.statuses("r1").values())) == (wanted(rows(8)), {"done"})


# ── 5: not all ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [403, 422])
def test_5_a_row_that_the_server_refuses(at: Desk, sandbox: Sandbox, status: int) -> None:
    """Rejected, sent once, in the server's own words."""
    body = {"message": "The agent is on holiday."}
    sandbox.faults({"match": PUT | {"number": number(1)}, "do": {"status": status, "body": body}})
    done = at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    told = {line["number"]: line for line in at.results("r1")}[number(1)]
    assert (done.returncode, told["status"], told["http_status"]) == (5, "rejected", str(status))
    assert "on holiday" in told["reason"]
    assert len([entry for entry in sandbox.log("PUT") if entry["number"] == number(1)]) == 1


def test_5_a_row_whose_agent_is_not_the_expected_one(at: Desk, sandbox: Sandbox) -> None:
    """Drifted, left alone."""
    sheet = at.sheet((*row(0, 10), agent(5)), (*row(1, 11), agent(1)), header=("number", "channel", "agent", "expect"))
    assert at("apply", sheet, "--yes", "--run-id", "r1").returncode == 5
    assert at.statuses("r1") == {(number(0), "call"): "drifted", (number(1), "call"): "done"}
    assert sandbox.moved() == {(number(1), "call"): agent(11)}


# ── 6: unknown ────────────────────────────────────────────────────────────────────────────────────────────────────────


UNSEEN = (
    {"match": PUT | {"number": number(1)}, "when": "after", "do": {"cut": {"bytes": 20}}},
    {"match": {"method": "GET", "number": number(1)}, "do": {"status": 500}},
)
"""A write that is applied and then cut off, and a number that cannot be read back."""


def test_6_what_cannot_be_seen_is_unknown(at: Desk, sandbox: Sandbox) -> None:
    """Without the final look it stays so; it is not sent again blindly."""
    sandbox.faults(*UNSEEN)
    done = at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1", "--verify", "echo")
    assert (done.returncode, list(at.statuses("r1").values())) == (6, ["done", "unknown", "done"]), done.stderr
    assert len(sandbox.log("PUT")) == 3


def test_0_the_final_look_settles_what_was_unknown(at: Desk, sandbox: Sandbox) -> None:
    """By the lists; the write had been applied."""
    sandbox.faults(*UNSEEN)
    done = at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    told = [(line["status"], line["verified"]) for line in at.results("r1")]
    assert (done.returncode, told, len(sandbox.log("PUT"))) == (0, [("done", "sweep")] * 3, 3), done.stderr


# ── 7: safety rules ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_7_a_change_of_more_than_30_per_cent_needs_a_flag(at: Desk, sandbox: Sandbox) -> None:
    """The message names the numbers and the flag; the flag as told lifts it."""
    sheet = at.sheet(*rows(19))
    done = at("apply", sheet, "--yes")
    assert (done.returncode, sandbox.log("PUT")) == (7, [])
    assert "19 of 60 trunks would change (32%), more than 30%" in done.stderr
    assert "--max-change 32%" in done.stderr
    assert at("apply", sheet, "--yes", "--max-change", "32%").returncode == 0


def test_7_a_plan_is_never_refused_by_a_guard_but_says_what_apply_would_refuse(at: Desk) -> None:
    """Exit 0, with the same words."""
    done = at("plan", at.sheet(*rows(19)))
    assert done.returncode == 0
    assert "--max-change 32%" in done.stderr


def test_7_a_sheet_of_another_workspace_is_refused(at: Desk, sandbox: Sandbox) -> None:
    """Most of its numbers are not there, even when invalid rows are to be skipped."""
    strangers = [(number(index), "call", agent(10)) for index in range(90, 96)]
    done = at("apply", at.sheet(*rows(2), *strangers), "--yes", "--skip-invalid")
    assert (done.returncode, sandbox.log("PUT")) == (7, []), done.stderr


def test_7_a_budget_of_failures_stops_the_run(at: Desk, sandbox: Sandbox) -> None:
    """The calls in flight do not overrun it; the rest is skipped."""
    sandbox.faults({"match": PUT, "do": {"status": 422}})
    done = at("apply", at.sheet(*rows(16)), "--yes", "--run-id", "r1", "--max-failures", "2", "--waves", "all")
    assert (done.returncode, len(sandbox.log("PUT"))) == (7, 3), done.stderr
    assert sorted(at.statuses("r1").values()) == ["rejected"] * 3 + ["skipped"] * 13


def test_7_outside_its_window_nothing_is_written(at: Desk, sandbox: Sandbox) -> None:
    """The window is a minute that is half a day away."""
    there = time.gmtime(time.time() + 12 * 3600)
    window = f"{there.tm_hour:02}:00-{there.tm_hour:02}:01 UTC"
    done = at("apply", at.sheet(*rows(2)), "--yes", "--window", window)
    assert (done.returncode, sandbox.log("PUT")) == (7, []), done.stderr


# ── 9: locked ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_9_a_second_run_on_the_same_workspace(at: Desk, sandbox: Sandbox) -> None:
    """It names the holder and sends nothing; looking is allowed all the while."""
    sandbox.faults({"match": PUT, "do": {"delay": 0.5}})
    sheet = at.sheet(*rows(4))
    with at.start("apply", sheet, "--yes", "--run-id", "first", "--concurrency", "1") as first:
        until(lambda: sandbox.log("PUT"))
        first.send_signal(signal.SIGSTOP)  # holds the lock for as long as this test needs
        others = [at(*command, "--yes") for command in (("apply", sheet), ("resume",), ("rollback", "first"))]
        looked = at("audit", sheet)
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert ([other.returncode for other in others], looked.returncode, first.returncode) == ([9, 9, 9], 8, 0)
    assert f"run first, process {first.pid}" in others[0].stderr
    assert len(sandbox.log("PUT")) == 4


# ── 10: unavailable ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_10_a_server_that_is_not_there(desk: Desk) -> None:
    """A closed port; the command gives up within half a minute."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        desk.environment |= {"MIHU_BASE_URL": url, "MIHU_TENANT": "acme", "MIHU_API_TOKEN": "x"}
        began = time.monotonic()
        done = desk("plan", desk.sheet(*rows(2)))
    assert (done.returncode, done.stdout) == (10, ""), done.stderr
    assert time.monotonic() - began < 35


@pytest.mark.parametrize(
    "outage",
    [
        pytest.param({"match": PUT, "do": {"delay": 0.5}}, id="too slow"),
        pytest.param({"match": {"nth": list(range(7, 999))}, "do": {"close": True}}, id="gone"),
        pytest.param({"match": {"nth": list(range(7, 999))}, "do": {"status": 502, "html": "gateway"}}, id="502"),
    ],
)
def test_10_a_deadline_ends_the_run_which_can_be_resumed(at: Desk, sandbox: Sandbox, outage: dict[str, Any]) -> None:
    """What was done is done, the rest is skipped or in doubt until then."""
    sandbox.faults(outage)
    done = at("apply", at.sheet(*rows(12)), "--yes", "--run-id", "r1", "--concurrency", "1", "--deadline", "3s")
    told = set(at.statuses("r1").values())
    assert (done.returncode, {"done", "skipped"} <= told <= {"done", "skipped", "unknown"}) == (10, True), done.stderr
    sandbox.faults()
    assert at("resume", "--yes").returncode == 0
    assert (set(at.statuses("r1").values()), sandbox.moved()) == ({"done"}, wanted(rows(12)))


def test_0_a_deadline_that_finds_everything_done_has_stopped_nothing(at: Desk, sandbox: Sandbox) -> None:
    """The last answer comes after it, and the final look sees every change: nothing is left to resume."""
    sandbox.faults({"match": PUT | {"number": number(1)}, "do": {"delay": 3}})
    done = at("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1", "--concurrency", "1", "--deadline", "2s")
    assert (done.returncode, set(at.statuses("r1").values()), sandbox.moved()) == (0, {"done"}, wanted(rows(2)))
    assert at.summary("r1")["stopped"] == ""


def test_10_a_deadline_that_leaves_no_time_to_look_calls_nothing_seen(at: Desk, sandbox: Sandbox) -> None:
    """The answer was a lie, and the lists are slow by then: the run can be resumed, and the look shows it."""
    sandbox.faults(
        {"match": PUT | {"number": number(1)}, "do": {"lie": "wanted", "delay": 2.5}},
        {"match": {"method": "GET", "path": "/phone-numbers/trunks", "nth": list(range(2, 99))}, "do": {"delay": 5}},
    )
    command = ("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1", "--concurrency", "1", "--waves", "all")
    done = at(*command, "--deadline", "2s")
    (line,) = (line for line in at.results("r1") if line["number"] == number(1))
    assert (done.returncode, line["verified"], "before its last look" in line["reason"]) == (10, "echo", True)
    sandbox.faults()
    assert at("resume", "--yes").returncode in (5, 6)


# ── 11: journal or disk ───────────────────────────────────────────────────────────────────────────────────────────────


def test_11_a_runs_folder_that_cannot_be_made(at: Desk, sandbox: Sandbox) -> None:
    """Before the first write."""
    (at.folder / "file").write_text("not a folder")
    done = at("apply", at.sheet(*rows(2)), "--yes", "--runs-dir", "file/runs")
    assert (done.returncode, sandbox.log("PUT")) == (11, []), done.stderr


def test_11_a_disk_that_fills_up_stops_the_run_which_can_be_resumed(at: Desk, sandbox: Sandbox) -> None:
    """No file may grow beyond a few kilobytes; then there is room again."""

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))

    sandbox.faults({"match": PUT, "do": {"delay": 0.05}})
    command = ("apply", at.sheet(*rows(18)), "--yes", "--run-id", "r1", "--concurrency", "1")
    done = at(*command, preexec_fn=little_room)
    sent = len(sandbox.log("PUT"))
    assert (done.returncode, sent < 18) == (11, True), done.stderr
    assert at("resume", "r1", "--yes").returncode == 0
    assert (set(at.statuses("r1").values()), sandbox.moved()) == ({"done"}, wanted(rows(18)))
