"""What must never leave: writes of a dry command, the token, a call to another host."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.acceptance.desk import TOKEN, Desk, Sandbox, row, rows, sandbox_process, until, wanted
from tests.worlds import agent, number, world

PUT = {"method": "PUT"}
CANARY = "canary-4f1d9c2e7b6a8035-token"
"""A token that occurs nowhere by chance."""


# ── dry commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

DRY = {
    "plan": ("plan", "moves.csv", "--yes", "-o", "plan.json"),
    "audit": ("audit", "moves.csv", "--yes"),
    "doctor": ("doctor", "--yes"),
    "export": ("export", "out.xlsx", "--yes"),
}


@pytest.mark.parametrize("name", DRY)
def test_a_dry_command_sends_reads_only(at: Desk, sandbox: Sandbox, name: str) -> None:
    """Even when it is told yes."""
    at.sheet(*rows(3))
    assert at(*DRY[name]).returncode in (0, 8)
    assert {entry["method"] for entry in sandbox.log()} == {"GET"}


def test_a_plan_costs_list_pages_and_not_a_call_for_each_row(at: Desk, sandbox: Sandbox) -> None:
    """Three lists of one page each here, however many rows there are."""
    at("plan", at.sheet(*rows(15)))
    assert len(sandbox.log()) <= 5


def test_apply_sends_exactly_the_planned_writes(at: Desk, sandbox: Sandbox) -> None:
    """One each, to the endpoint for it; nothing that is there already, nothing else."""
    sheet = at.sheet(*rows(4), row(20, 0), (number(6), "all", agent(17)))
    planned = json.loads(at("plan", sheet, "--json", "-q").stdout)["changes"]
    assert at("apply", sheet, "--yes").returncode == 0
    sent = [(entry["number"], entry["channel"], entry["agent"]) for entry in sandbox.log("PUT")]
    assert sorted(sent) == sorted(
        (it["number"], it["channel"], it["after"]) for it in planned if it["action"] != "keep"
    )
    assert {entry["path"] for entry in sandbox.log("PUT")} == {"/phone-numbers/trunks/assign"}
    assert {entry["method"] for entry in sandbox.log()} == {"GET", "PUT"}


def test_the_servers_own_log_agrees(tmp_path: Path) -> None:
    """`sandbox --log` writes each call as a line, with the right token seen."""
    state = tmp_path / "state.json"
    world({"call": 0}, {"call": 1}).save(state)
    with sandbox_process("--state", state, "--log", tmp_path / "calls.jsonl", folder=tmp_path) as running:
        desk = Desk(tmp_path).set_up_for(running)
        assert desk("apply", desk.sheet(row(0, 3)), "--yes").returncode == 0
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [call["number"] for call in calls if call["method"] == "PUT"] == [number(0)]
    assert {call["token"] for call in calls} == {"right"}


# ── other hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Another server on this machine, and the requests it has had."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            heard.append(str(self.rfile.readline()))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("method", "status"), [("GET", 302), ("PUT", 302), ("PUT", 307)])
def test_a_redirect_is_never_followed(at: Desk, sandbox: Sandbox, method: str, status: int) -> None:
    """Neither with the token nor without."""
    with stranger() as (url, heard):
        to = {"redirect": f"{url}/api/v1/phone-numbers/trunks", "status": status}
        sandbox.faults({"match": {"nth": list(range(4 if method == "PUT" else 1, 99))}, "do": to})
        done = at("apply", at.sheet(*rows(1)), "--yes")
    assert (done.returncode, heard, sandbox.moved()) == (4, [], {})


def test_a_proxy_of_the_environment_gets_nothing(at: Desk) -> None:
    """The token goes to the host that the settings name, or nowhere."""
    with stranger() as (url, heard):
        at.environment |= dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), url)
        assert at("doctor").returncode == 0
    assert heard == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com", "https://acme.mihu.ai@127.0.0.1/", "http://127.0.0.1.nip.invalid"),
        *("http://user:secret@127.0.0.1", "//127.0.0.1"),
    ],
)
def test_a_base_url_that_could_send_the_token_elsewhere_is_refused(desk: Desk, url: str) -> None:
    """Exit 2; a password in it is not repeated."""
    desk.environment |= {"MIHU_BASE_URL": url, "MIHU_TENANT": "acme", "MIHU_API_TOKEN": CANARY}
    done = desk("doctor")
    assert (done.returncode, "secret" in done.stderr) == (2, False), done.stderr


# ── the token ─────────────────────────────────────────────────────────────────────────────────────────────────────────

MATRIX = (
    ("check", "moves.csv"),
    ("doctor", "--json"),
    ("export", "out.xlsx"),
    ("plan", "moves.csv", "-o", "plan.json", "--json"),
    ("apply", "plan.json", "--yes", "--run-id", "r1"),
    ("audit", "moves.csv"),
    ("runs", "--json"),
    ("show", "r1"),
    ("report", "r1"),
    ("retry", "r1", "--yes"),
    ("rollback", "r1", "--yes"),
    ("plan", "moves.csv", "--workspace", "not a name"),
)


def occurrences(folder: Path) -> list[Path]:
    """Files that hold the canary, whatever kind of file they are."""
    for book in folder.rglob("*.xlsx"):
        shutil.unpack_archive(book, book.with_suffix(".unpacked"), "zip")
    return [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A stand-in that expects the canary, and fails in ways that make the client tell what it had sent."""
    folder = tmp_path_factory.mktemp("canary")
    world(*({"call": i} for i in range(12)), agents=20).save(folder / "state.json")
    (folder / "secret").write_text(CANARY)
    args = ("--state", folder / "state.json", "--token-file", folder / "secret")
    with sandbox_process(*args, folder=folder) as running:
        yield running


def test_the_token_is_in_nothing_that_is_written(desk: Desk, canary: Sandbox) -> None:
    """A whole matrix of commands at the loudest, with answers that go wrong, each with a log."""
    canary.reset()
    canary.faults(
        {"match": PUT | {"number": number(1)}, "do": {"status": 422, "body": {"message": "no"}}},
        {"match": PUT, "times": 1, "do": {"garbled": True}},
        {"match": {"nth": 6}, "do": {"status": 500, "body": "oops"}},
    )
    desk.set_up_for(canary).environment["MIHU_API_TOKEN"] = CANARY
    desk.sheet(*rows(3, to=12))
    said = [desk(*command, "-vv", "--log-file", "log.jsonl") for command in MATRIX]
    assert [done.returncode for done in said] == [0, 0, 0, 0, 5, 8, 0, 0, 0, 5, 0, 2]
    assert [done.args for done in said if CANARY in done.stdout + done.stderr] == []
    assert occurrences(desk.folder) == []
    events = {json.loads(line)["event"] for line in (desk.folder / "log.jsonl").read_text("utf-8").splitlines()}
    assert {"run.opened", "call.ended", "change.settled", "run.finished"} <= events


def test_a_token_that_is_refused_is_not_told(desk: Desk, sandbox: Sandbox) -> None:
    """Exit 4, in words without it."""
    desk.set_up_for(sandbox).environment["MIHU_API_TOKEN"] = CANARY
    done = desk("apply", desk.sheet(*rows(1)), "--yes", "-vv", "--log-file", "log.jsonl")
    assert (done.returncode, CANARY in done.stdout + done.stderr, occurrences(desk.folder)) == (4, False, [])


def test_the_token_is_not_in_the_process_list(desk: Desk, sandbox: Sandbox) -> None:
    """From a file it is neither an argument nor in the environment of the process."""
    sandbox.faults({"match": PUT, "do": {"delay": 1}})
    (desk.folder / "secret").write_text(TOKEN)
    desk.forks = None  # a fork has the arguments of its parent
    desk.set_up_for(sandbox).environment.pop("MIHU_API_TOKEN")
    with desk.start("apply", desk.sheet(*rows(1)), "--yes", "--token-file", "secret") as process:
        until(lambda: sandbox.log("PUT"))
        shown = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        process.communicate()
    assert (process.returncode, [TOKEN.encode() in text for text in shown]) == (0, [False, False])


def test_a_planted_link_is_not_followed(at: Desk, tmp_path: Path) -> None:
    """Neither as the folder of runs nor as the log."""
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "linked").symlink_to(target)
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    sheet = at.sheet(*rows(1))
    assert at("plan", sheet, "--runs-dir", "linked").returncode == 7
    assert at("plan", sheet, "--log-file", "log").returncode == 2
    assert (list(target.iterdir()), (tmp_path / "victim").exists()) == ([], False)


def test_formulas_and_markup_in_a_sheet_come_out_inert(at: Desk, sandbox: Sandbox) -> None:
    """No formula in the workbook, no tag in the page."""
    note = '=HYPERLINK("http://127.0.0.1/x","y")<script>alert(1)</script>'
    sheet = at.sheet((*row(0, 10), note), header=("number", "channel", "agent", "note"))
    assert at("apply", sheet, "--yes", "--run-id", "r1").returncode == 0
    shutil.unpack_archive(at.runs / "r1" / "report.xlsx", at.folder / "book", "zip")
    xml = "".join(path.read_text("utf-8") for path in (at.folder / "book").rglob("*.xml"))
    assert ("HYPERLINK" in xml, [mark for mark in ("<f>", "<f ", "<hyperlink") if mark in xml]) == (True, [])
    assert "<script>alert(1)" not in (at.runs / "r1" / "report.html").read_text("utf-8")
    assert sandbox.moved() == wanted([row(0, 10)])


@pytest.mark.parametrize("flag", ["--only", "--deadline", "--max-changes", "--runs-dir", "--limit"])
def test_an_option_without_a_value_is_not_the_same_as_none(at: Desk, sandbox: Sandbox, flag: str) -> None:
    """A script whose variable is not set must not lift a brake, before the command or after it."""
    sheet = at.sheet(*rows(2))
    done = [at("apply", sheet, "--yes", flag, ""), at(flag, " ", "apply", sheet, "--yes")]
    assert ([one.returncode for one in done], sandbox.log()) == ([2, 2], [])
    assert all(f"{flag} is empty" in one.stderr for one in done)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--rate", f"{'9' * 400}/s"),
        ("--deadline", f"{'9' * 400}h"),
        ("--max-changes", "9" * 5000),
        ("--max-failures", "12345678901"),
        ("--max-failures", "5.12345678901%"),
        ("--token-file", "~nosuchuser/x"),
        ("--runs-dir", "moves.csv"),
        ("--runs-dir", "n" * 300),
        ("--log-file", "moves.csv/log"),
    ],
    ids=lambda text: text[:20],
)
def test_a_brake_or_a_place_that_cannot_be_is_refused_before_any_call(
    at: Desk, sandbox: Sandbox, flag: str, text: str
) -> None:
    """Neither after the plan was made nor in the middle of the run."""
    done = at("apply", at.sheet(*rows(2)), "--yes", flag, text)
    code = 11 if flag == "--runs-dir" else 2
    assert (done.returncode, done.stdout, sandbox.log(), at.runs.exists()) == (code, "", [], False), done.stderr
    assert ("bug:" in done.stderr, "reassign: hint: " in done.stderr) == (False, True)


def test_a_damaged_run_of_the_past_is_no_reason_to_refuse_a_plan(at: Desk, sandbox: Sandbox) -> None:
    """Whatever its summary says of itself."""
    at("plan", at.sheet(*rows(2)), "-o", "plan.json", "--run-id", "look")
    (at.runs / "look" / "summary.json").write_text('{"plan_digest": [1], "exit_code": [], "status_counts": 5}')
    assert (at("runs").returncode, at("apply", "plan.json", "--yes").returncode) == (0, 0)
    assert sandbox.moved() == wanted(rows(2))


def test_the_input_is_not_written_over(at: Desk) -> None:
    """Neither by a plan nor by a marked copy."""
    sheet = at.sheet(*rows(2))
    before = sheet.read_bytes()
    done = [at("plan", sheet, "-o", sheet), at("check", sheet, "--annotate", sheet)]
    assert ([one.returncode for one in done], sheet.read_bytes()) == ([2, 2], before)
