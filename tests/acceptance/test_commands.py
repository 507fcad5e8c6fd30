"""Each command does what its line in the table of commands says."""

from __future__ import annotations

import csv
import json
import os

import pytest

from tests.acceptance.desk import Desk, Sandbox, row, rows, wanted
from tests.worlds import agent, number

# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_needs_no_account(desk: Desk) -> None:
    """Offline: nothing is set, nothing is asked."""
    done = desk("check", desk.sheet(*rows(3)))
    assert (done.returncode, done.stdout) == (0, "")


def test_check_tells_every_problem_of_every_row(desk: Desk) -> None:
    """One row may have several, and all rows are told."""
    sheet = desk.sheet(("12", "fax", ""), row(0, 1), ("+902125550001", "", "unassign"))
    done = desk("check", sheet, "--json", "-q")
    told = {(problem["row"], problem["column"]) for problem in json.loads(done.stdout)["problems"]}
    assert done.returncode == 3
    assert told == {(2, "number"), (2, "channel"), (2, "agent"), (4, "channel"), (4, "agent")}


def test_check_cuts_nothing_off_where_nobody_looks_on(desk: Desk) -> None:
    """On a terminal a kind of problem shows its first rows; a file that the words go to has all of them."""
    done = desk("check", desk.sheet(*(("+4930123456", "fax", f"Anna {index}") for index in range(12))))
    assert [place for place in range(2, 14) if f"row {place}, channel" not in done.stderr] == []


def test_check_tells_of_rows_that_contradict_each_other(desk: Desk) -> None:
    """What the sheet itself shows needs no live state."""
    done = desk("check", desk.sheet(row(0, 1), row(1, 2), row(0, 3)), "--json", "-q")
    told = [(problem["row"], problem["code"]) for problem in json.loads(done.stdout)["problems"]]
    assert (done.returncode, told) == (3, [(2, "contradiction"), (4, "contradiction")])


def test_plan_saves_the_plan_and_prints_the_run_folder(at: Desk, sandbox: Sandbox) -> None:
    """Nothing is written to the API."""
    done = at("plan", at.sheet(*rows(3)), "-o", "plan.json", "--run-id", "look")
    assert (done.returncode, done.stdout) == (0, f"{at.runs / 'look'}\n")
    assert (at.folder / "plan.json").read_bytes() == (at.runs / "look" / "plan.json").read_bytes()
    assert sandbox.moved() == {}


@pytest.mark.parametrize(
    ("to", "code"), [pytest.param(10, 8, id="differences"), pytest.param(0, 0, id="nothing to do")]
)
def test_plan_with_a_detailed_exit_code_tells_whether_there_is_something_to_do(at: Desk, to: int, code: int) -> None:
    """Without the flag a good plan is 0 in any case."""
    sheet = at.sheet(row(0, to))
    assert at("plan", sheet, "--detailed-exitcode").returncode == code
    assert at("plan", sheet).returncode == 0


@pytest.mark.parametrize(
    ("to", "code"), [pytest.param(10, 8, id="differences"), pytest.param(0, 0, id="as the sheet says")]
)
def test_audit_tells_whether_reality_is_what_the_sheet_says(at: Desk, sandbox: Sandbox, to: int, code: int) -> None:
    """Reads only; quiet speaks of differences only."""
    done = at("audit", at.sheet(row(0, to)), "--json", "-q")
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"], bool(done.stderr)) == (code, code, code == 8)
    assert [line["status"] for line in told["results"]] == ["skipped" if code else "already"]
    assert sandbox.moved() == {}


def test_doctor_finds_a_good_account_good(at: Desk) -> None:
    """Counts of what is there, and what cannot be known."""
    done = at("doctor", "--json", "-q")
    told = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (0, "")
    assert {"host", "token", "clock", "rate", "agents", "trunks"} <= told.keys()
    assert told["agents"]["detail"].startswith("20")
    assert told["trunks"]["detail"].startswith("60 on 40 numbers")


def test_schema_is_a_json_schema_of_every_option(desk: Desk) -> None:
    """Needs no account."""
    done = desk("schema")
    assert (done.returncode, "max_change" in json.loads(done.stdout)["properties"]) == (0, True)


def test_a_template_is_a_sheet_without_rows(desk: Desk) -> None:
    """Its own check finds nothing wrong with it."""
    done = desk("template", "empty.xlsx")
    assert (done.returncode, done.stdout) == (0, "empty.xlsx\n")
    told = json.loads(desk("check", "empty.xlsx", "--json", "-q").stdout)
    assert (told["rows"], [problem for problem in told["problems"] if problem["severity"] == "error"]) == (0, [])


@pytest.mark.parametrize("name", ["state.xlsx", "state.csv"])
def test_an_export_plans_to_nothing(at: Desk, name: str) -> None:
    """Every trunk is in it, with the agent it has."""
    assert at("export", name).returncode == 0
    done = at("plan", name, "--json", "--detailed-exitcode", "-q")
    told = json.loads(done.stdout)
    assert (done.returncode, len(told["rows"])) == (0, 60)
    assert {change["action"] for change in told["changes"]} == {"keep"}


def test_an_edited_export_plans_to_exactly_the_edits(at: Desk) -> None:
    """Export, edit, plan: the way a spreadsheet person works."""
    at("export", "state.csv")
    path = at.folder / "state.csv"
    with path.open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    edits = {(number(3), "call"): "Agent 11", (number(6), "whatsapp"): "Agent 12"}
    for line in told:
        line["agent"] = edits.get((line["number"], line["channel"]), line["agent"])
    at.sheet(*(list(line.values()) for line in told), name="state.csv", header=list(told[0]))
    changes = json.loads(at("plan", "state.csv", "--json", "-q").stdout)["changes"]
    planned = {(it["number"], it["channel"]): it["after"] for it in changes if it["action"] != "keep"}
    assert planned == {(number(3), "call"): agent(11), (number(6), "whatsapp"): agent(12)}


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_apply_makes_reality_what_the_sheet_says(at: Desk, sandbox: Sandbox) -> None:
    """Exactly the rows, nothing else; done and verified."""
    asked = rows(6)
    done = at("apply", at.sheet(*asked), "--yes", "--run-id", "r1")
    assert (done.returncode, done.stdout) == (0, f"{at.runs / 'r1'}\n"), done.stderr
    assert sandbox.moved() == wanted(asked)
    assert at.statuses("r1") == dict.fromkeys(wanted(asked), "done")


def test_apply_again_sends_nothing(at: Desk, sandbox: Sandbox) -> None:
    """Nothing to do is success."""
    sheet = at.sheet(*rows(2))
    at("apply", sheet, "--yes")
    done = at("apply", sheet, "--yes", "--run-id", "again")
    assert (done.returncode, set(at.statuses("again").values())) == (0, {"already"})
    assert len(sandbox.log("PUT")) == 2


@pytest.mark.parametrize("command", [("apply", "moves.csv"), ("retry", "r1"), ("rollback", "r1")], ids=lambda c: c[0])
def test_what_writes_needs_a_yes_where_nobody_can_be_asked(at: Desk, sandbox: Sandbox, command: list[str]) -> None:
    """A usage error before the first call."""
    at.sheet(*rows(2))
    done = at(*command)
    assert (done.returncode, done.stdout, sandbox.log()) == (2, "", [])
    assert "--yes" in done.stderr


@pytest.mark.parametrize(("answer", "code", "moved"), [("y\n", 0, 1), ("\n", 7, 0)], ids=repr)
def test_apply_asks_on_a_terminal(at: Desk, sandbox: Sandbox, answer: str, code: int, moved: int) -> None:
    """Only a yes is a yes; the question names how many and where, and the run's folder stands on a line of its own."""
    main, other = os.openpty()
    with at.start("apply", at.sheet(row(0, 10)), "--run-id", "r1", stdin=other, stdout=other, stderr=other) as process:
        os.close(other)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(main, 4096)
        os.write(main, answer.encode())
        try:
            while True:
                said += os.read(main, 4096)
        except OSError:  # the terminal is gone with its last process
            os.close(main)
    assert (process.returncode, len(sandbox.moved())) == (code, moved)
    assert f"Send 1 change to acme at {sandbox.url.split('/')[2]}? [y/N]".encode() in said
    assert said.split(b"\r\n")[-2] == os.fsencode(at.runs / "r1")


def test_a_saved_plan_is_applied_exactly_and_once(at: Desk, sandbox: Sandbox) -> None:
    """The second time it is refused, though the trunks are as it found them; so is a copy; made again it is good."""
    asked = rows(3)
    sheet = at.sheet(*asked)
    at("plan", sheet, "-o", "plan.json")
    assert at("apply", "plan.json", "--yes", "--run-id", "r1").returncode == 0
    assert sandbox.moved() == wanted(asked)
    at("rollback", "r1", "--yes")
    (at.folder / "copy.json").write_bytes((at.folder / "plan.json").read_bytes())
    again = [at("apply", name, "--yes") for name in ("plan.json", "copy.json")]
    assert ([done.returncode for done in again], sandbox.moved()) == ([7, 7], {})
    assert "already applied by run r1" in again[0].stderr
    parts = [at("apply", "plan.json", "--yes", *part) for part in (("--limit", "99"), ("--only", "row=2"))]
    assert ([done.returncode for done in parts], sandbox.moved()) == ([7, 7], {})
    at("plan", sheet, "-o", "new.json")
    assert (at("apply", "new.json", "--yes").returncode, sandbox.moved()) == (0, wanted(asked))


def test_an_edited_plan_is_refused(at: Desk, sandbox: Sandbox) -> None:
    """Before any call."""
    at("plan", at.sheet(*rows(2)), "-o", "plan.json")
    path = at.folder / "plan.json"
    path.write_text(path.read_text("utf-8").replace(agent(10), agent(12)), "utf-8")
    sandbox.control("log", method="DELETE")
    done = at("apply", path, "--yes")
    assert (done.returncode, sandbox.log()) == (7, [])
    assert "edited" in done.stderr


def test_a_plan_of_another_workspace_is_refused(at: Desk) -> None:
    """Nothing is sent to either."""
    at("plan", at.sheet(*rows(2)), "-o", "plan.json")
    done = at("apply", "plan.json", "--yes", "--base-url", "http://127.0.0.1:9")
    assert done.returncode == 7
    assert "belongs to" in done.stderr


def test_a_plan_leaves_alone_what_somebody_else_has_changed(at: Desk, sandbox: Sandbox) -> None:
    """The row is drifted, never overwritten; the others are done."""
    at("plan", at.sheet(*rows(3)), "-o", "plan.json")
    sandbox.set_owner((number(1), "call"), agent(19))
    done = at("apply", "plan.json", "--yes", "--run-id", "r1")
    assert (done.returncode, at.statuses("r1")[number(1), "call"]) == (5, "drifted")
    assert sandbox.owners()[number(1), "call"] == agent(19)
    assert sorted(at.statuses("r1").values()) == ["done", "done", "drifted"]


def test_limits_given_to_apply_win_over_those_saved_in_the_plan(at: Desk) -> None:
    """A plan made with a permissive guard meets a strict one."""
    at("plan", at.sheet(*rows(10)), "-o", "plan.json", "--max-change", "50%")
    assert at("apply", "plan.json", "--yes", "--max-change", "5%").returncode == 7
    assert at("apply", "plan.json", "--yes").returncode == 0


def test_retry_tries_only_what_did_not_end_well(at: Desk, sandbox: Sandbox) -> None:
    """As a new run; the rows that were done are not in it."""
    sandbox.faults({"match": {"method": "PUT", "number": number(1)}, "do": {"status": 422}})
    assert at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1").returncode == 5
    sandbox.faults()
    assert at("retry", "r1", "--yes", "--run-id", "r2").returncode == 0
    assert at.statuses("r2") == {(number(1), "call"): "done"}
    assert sandbox.moved() == wanted(rows(3))


def test_failed_csv_is_a_sheet_that_can_be_applied_as_it_is(at: Desk, sandbox: Sandbox) -> None:
    """The input's columns, only the rows that did not end well."""
    sandbox.faults({"match": {"method": "PUT", "number": number(1)}, "do": {"status": 422}})
    at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    sandbox.faults()
    failed = at.runs / "r1" / "failed.csv"
    assert failed.read_text("utf-8").splitlines() == ["number,channel,agent", ",".join(row(1, 11))]
    assert at("apply", failed, "--yes").returncode == 0
    assert sandbox.moved() == wanted(rows(3))


def test_failed_csv_needs_neither_the_map_nor_the_region_of_its_run(at: Desk, sandbox: Sandbox) -> None:
    """Not for a row that the server refused, nor for one that has to be mended; the old agent's column is not read."""
    national = number(0).replace("+90", "0")
    sheet = at.sheet((national, "call", agent(19), agent(10)), (national, "cal", agent(19), agent(10)), header=MAPPED)
    sandbox.faults({"match": {"method": "PUT"}, "do": {"status": 422, "body": {"message": "no"}}})
    told = ("--map", "To=agent", "--region", "TR", "--skip-invalid", "--run-id", "r1")
    assert at("apply", sheet, *told, "--yes").returncode == 5
    sandbox.faults()
    again = at.runs / "r1" / "failed.csv"
    assert [number(0)] * 2 == [row["number"] for row in csv.DictReader(again.read_text().splitlines())]
    assert at("apply", again, "--skip-invalid", "--yes").returncode in {0, 5}
    assert sandbox.moved() == {(number(0), "call"): agent(10)}


MAPPED = ("number", "channel", "Agent", "To")


def test_rollback_gives_back_what_the_run_changed(at: Desk, sandbox: Sandbox) -> None:
    """And a rollback of the rollback is the run again."""
    asked = rows(4)
    at("apply", at.sheet(*asked), "--yes", "--run-id", "r1")
    assert at("rollback", "r1", "--yes", "--run-id", "back").returncode == 0
    assert sandbox.moved() == {}
    assert at("rollback", "back", "--yes").returncode == 0
    assert sandbox.moved() == wanted(asked)


def test_rollback_of_the_last_run_passes_over_those_that_only_looked(at: Desk, sandbox: Sandbox) -> None:
    """Whoever audits what a run did, and does not like it, means that run."""
    sheet = at.sheet(*rows(3))
    at("apply", sheet, "--yes")
    at("audit", sheet)
    assert (at("rollback", "last", "--yes").returncode, sandbox.moved()) == (0, {})


def test_rollback_of_the_last_run_may_be_run_again(at: Desk, sandbox: Sandbox) -> None:
    """A scheduler that repeats it must not migrate again: a rollback is not what it takes back."""
    at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    assert at("rollback", "last", "--yes", "--max-changes", "1", "--run-id", "back").returncode == 7
    assert at("retry", "back", "--yes").returncode == 0
    done = [(at("rollback", "last", "--yes").returncode, sandbox.moved()) for _ in range(2)]
    assert done == [(0, {}), (0, {})]


def test_a_run_that_was_rolled_back_is_not_doubted_when_it_is_resumed(at: Desk, sandbox: Sandbox) -> None:
    """It was done, and seen; somebody has changed it since."""
    at("apply", at.sheet(*rows(2)), "--yes", "--run-id", "r1")
    at("rollback", "r1", "--yes")
    assert (at("resume", "r1", "--yes").returncode, sandbox.moved()) == (5, {})
    assert ["drifted", "drifted"] == sorted(at.statuses("r1").values())


def test_a_run_that_was_rolled_back_is_not_resumed_unasked(at: Desk, sandbox: Sandbox) -> None:
    """It was cut off, and taken back: the rest of it is not written because somebody says `resume`."""
    at("apply", at.sheet(*rows(6)), "--yes", "--run-id", "r1", "--rate", "2/s", "--deadline", "3s")
    assert at("rollback", "r1", "--yes", "--max-change", "100%").returncode == 0
    sent = len(sandbox.log("PUT"))
    done = at("resume", "--yes")
    assert (done.returncode, len(sandbox.log("PUT")), "was rolled back" in done.stderr) == (2, sent, True)


def test_a_run_that_only_looked_has_nothing_to_take_back(at: Desk) -> None:
    """Which is no success."""
    at("plan", at.sheet(*rows(1)), "--run-id", "look")
    done = at("rollback", "look", "--yes")
    assert (done.returncode, "only looked" in done.stderr) == (2, True)


def test_rollback_leaves_alone_and_names_what_somebody_else_has_changed_since(at: Desk, sandbox: Sandbox) -> None:
    """Exit 5: not everything could be given back."""
    at("apply", at.sheet(*rows(3)), "--yes", "--run-id", "r1")
    sandbox.set_owner((number(1), "call"), agent(19))
    done = at("rollback", "r1", "--yes", "--run-id", "back")
    assert (done.returncode, sandbox.moved()) == (5, {(number(1), "call"): agent(19)})
    assert at.statuses("back")[number(1), "call"] == "drifted"
    assert number(1) in done.stderr


def test_resume_without_anything_to_resume_is_a_usage_error(at: Desk) -> None:
    """Also when there are finished runs."""
    at("plan", at.sheet(*rows(1)))
    assert at("resume").returncode == 2


def test_a_run_that_only_looked_is_never_resumed_into_writing(at: Desk, sandbox: Sandbox) -> None:
    """An audit stays an audit, whatever is said yes to."""
    at("audit", at.sheet(*rows(2)), "--run-id", "look")
    done = at("resume", "look", "--yes")
    assert (done.returncode, sandbox.log("PUT")) == (2, [])


def test_a_run_that_a_guard_refused_goes_on_when_the_guard_is_lifted(at: Desk, sandbox: Sandbox) -> None:
    """And then ends as any run does."""
    assert at("apply", at.sheet(*rows(4)), "--yes", "--run-id", "r1", "--max-change", "5%").returncode == 7
    done = at("resume", "r1", "--yes", "--max-change", "50%")
    assert (done.returncode, sandbox.moved()) == (0, wanted(rows(4))), done.stderr
    assert at.summary("r1")["exit_code"] == 0
