"""What people are told: complete where it matters, capped where it is long, inert always."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from batch.console import Grid, Line, View, plain, progress_text, renderables, span
from batch.core.guard import Refusal
from batch.core.model import (
    Action,
    AgentId,
    Calls,
    Change,
    Channel,
    Field,
    Number,
    Occupancy,
    Origin,
    Plan,
    PlanRow,
    Problem,
    Reason,
    Result,
    Source,
    SourceTable,
    Status,
    Summary,
    Trunk,
    Verified,
    Workspace,
)
from batch.run import Progress
from batch.views.endings import ending, next_steps
from batch.views.plan import plan_review
from batch.views.problems import check_data, check_view, problem_groups

A, B, C = (AgentId(f"{letter}1111111-2222-3333-4444-555555555555") for letter in "abc")
NAMES = {A: "Ayşe", B: "Bob", C: "Bob"}


def origin(row: int) -> Origin:
    return Origin("moves.xlsx", "Sheet1", row)


def change(id_: int, **more) -> Change:
    facts = {
        "trunk": Trunk(Number(f"+9021255500{id_:02d}"), Channel.CALL),
        "action": Action.ASSIGN,
        "reason": Reason.DIFFERS,
        "before": A,
        "after": B,
        "origin": origin(id_ + 2),
        "page": 1,
        "wave": min(id_, 1),
    }
    return Change(id=id_, **(facts | more))


def plan(*changes: Change, invalid: int = 0) -> Plan:
    rows = [
        PlanRow(origin=c.origin, cells=(), number=c.trunk.number, channels=(c.trunk.channel.value,), agent_uuid=c.after)
        for c in changes
    ]
    problem = Problem("agent_unknown", origin(99), "agent", "Nobody", "")
    wrong = PlanRow(origin=origin(99), cells=(), number="?", channels=("call",), valid=False, problems=(problem,))
    return Plan(
        workspace=Workspace("acme", "acme.mihu.ai"),
        source=Source(file="moves.xlsx", sheet="Sheet1", sha256="00"),
        header=("number",),
        columns={Field.NUMBER: 0},
        rows=(*rows, *[wrong] * invalid),
        changes=changes,
        agents=NAMES,
        occupancy=Occupancy.EXCLUSIVE,
        trunks_total=100,
    )


def text(view: View) -> str:
    return "\n".join(plain(view))


def on_terminal(view: View, width: int = 200) -> str:
    """The view as a terminal shows it, colours included."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, markup=False, highlight=False)
    for renderable in renderables(view):
        console.print(renderable)
    return out.getvalue()


# ── inert ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\r\n[bold red]x[/]\t=1+1"


def test_hostile_text_cannot_act_on_a_terminal() -> None:
    """Escape sequences, direction marks and line breaks are replaced; markup is only text."""
    for shown in (on_terminal((Line(HOSTILE),)), on_terminal((Grid(("name",), ((HOSTILE,),)),))):
        assert not re.search("\x1b[^[]|\x1b\\[2J|\x07|\r|\u202e", shown)
        assert "[bold red]x[/]" in shown


@given(st.text())
def test_a_plain_line_is_one_line_of_printable_text(value: str) -> None:
    """Whatever the sheet holds, one value stays on its line and in its cell."""
    (line,) = plain((Line(value),))
    _, cells = plain((Grid(("a", "b"), ((value, "end"),)),))
    assert len(line.splitlines()) <= 1
    assert cells.split("\t")[1:] == ["end"]


# ── the plan under review ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_review_shows_where_how_many_and_at_what_cost() -> None:
    """Workspace, counts, occupancy, waves, calls and time are there before anybody says yes."""
    kept = change(3, action=Action.KEEP, reason=Reason.ALREADY_THERE)
    drifted = change(4, action=Action.KEEP, reason=Reason.NOT_EXPECTED)
    shown = text(plan_review(plan(change(0), change(1), change(2), kept, drifted, invalid=1), ()))
    for told in (
        *("acme at acme.mihu.ai", "6, 1 already right, 1 drifted, 1 invalid", "3 of 100 (3 %) trunks", "1, then 2"),
        *("exclusive:", "3 PUT and about 3 GET: 6 s at 60 calls a minute"),
    ):
        assert told in shown


def test_a_review_does_not_take_what_was_left_out_for_drift() -> None:
    """--only, --exclude and --limit are the user's own wish, not somebody else's change."""
    left_out = change(1, action=Action.KEEP, reason=Reason.NOT_SELECTED)
    assert re.search("^rows +2, 1 left out$", text(plan_review(plan(change(0), left_out), ())), re.MULTILINE)


def test_a_review_shows_each_change_with_before_after_and_what_it_waits_for() -> None:
    """Row, trunk, who had it, who gets it, and after which row."""
    shown = text(plan_review(plan(change(0, before=None), change(1, needs=(0,))), ()))
    first, second = (line.split("\t") for line in shown.splitlines() if line.startswith(("2\t", "3\t")))
    assert first[:4] == ["2", "+902125550000", "call", "nobody → Bob [b1111111]"]
    assert (second[3], second[5]) == ("Ayşe → Bob [b1111111]", "after row 2")


def test_a_long_review_is_capped_and_says_so() -> None:
    """Twenty changes are shown, the rest is counted."""
    shown = text(plan_review(plan(*(change(i) for i in range(25))), ()))
    assert shown.count("→") == 21  # the header has one
    assert "… and 5 more changes in plan.json" in shown


def test_a_review_says_what_apply_would_refuse_and_how_to_lift_it() -> None:
    """Each guard with its figures and its flag."""
    refusal = Refusal(rule="max_change", message="40 of 100 trunks would change (40 %).", flag="--max-change 40%")
    shown = text(plan_review(plan(change(0)), (refusal,)))
    assert "max_change: 40 of 100 trunks would change (40 %). Lift it with --max-change 40%." in shown


def test_a_review_of_nothing_says_so() -> None:
    """No grid, no cost."""
    shown = text(plan_review(plan(change(0, action=Action.KEEP, reason=Reason.ALREADY_THERE)), ()))
    assert "Nothing to change." in shown
    assert "PUT" not in shown


def test_the_look_that_is_still_to_come_is_part_of_the_cost() -> None:
    """A plan is applied later, which begins with the same look."""
    assert "1 PUT and about 20 GET: 21 s" in text(plan_review(plan(change(0)), (), looking=18))


def test_a_plan_of_invalid_rows_does_not_say_that_all_is_well() -> None:
    """Nothing to change and nothing that can be changed are two things."""
    assert "Nothing can be changed as it is." in text(plan_review(plan(invalid=1), ()))


def test_a_parked_trunk_is_shown_on_its_way() -> None:
    """There and back; the wave counts one trunk."""
    park = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=C)
    home = change(1, trunk=park.trunk, origin=park.origin, before=C, needs=(0,), wave=0)
    shown = text(plan_review(plan(park, home), ()))
    assert "Parked on Bob [c1111111]: the rows swap agents in a ring" in shown
    assert "Home from Bob [c1111111]: the ring has come round" in shown
    assert "waves      1\n" in shown


def test_the_cost_follows_the_users_rate() -> None:
    """Three writes, and a look after the first, its wave and all, at 2 calls a second."""
    shown = text(plan_review(plan(change(0), change(1), change(2)), (), per_second=2.0))
    assert "3 PUT and about 3 GET: 3 s at 120 calls a minute" in shown.splitlines()[6]


# ── problems ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def problems(count: int) -> tuple[Problem, ...]:
    unknown = (Problem("agent_unknown", origin(i + 2), "agent", f"Agent {i}", "") for i in range(count))
    return (Problem("duplicate", origin(90), related=(origin(2),)), *unknown)


def test_problems_are_grouped_by_kind_the_frequent_and_grave_first() -> None:
    """Errors before notes; count, hint and the first rows of each kind, then how many more."""
    shown = list(text(problem_groups(problems(8))).splitlines())
    assert shown[0].startswith("No such agent (agent_unknown): 8 – ")
    assert shown[1] == "  row 2, agent: no agent 'Agent 0' in this workspace"
    assert shown[6] == "  … and 3 more of this kind"
    assert shown[7].startswith("Same row twice (duplicate): 1 – ")


def test_a_check_for_machines_is_complete() -> None:
    """Every problem, with code, place, value, message and hint."""
    table = SourceTable(file="moves.xlsx", sheet="", sha256="00", header=(), columns={}, rows=(), blank=2)
    told = check_data(table, problems(30), 5)
    assert len(told["problems"]) == 31
    assert told["problems"][1] | {"hint": ""} == {
        "code": "agent_unknown",
        "severity": "error",
        "file": "moves.xlsx",
        "sheet": "Sheet1",
        "row": 2,
        "column": "agent",
        "value": "Agent 0",
        "message": "no agent 'Agent 0' in this workspace",
        "hint": "",
        "related_rows": [],
    }


def test_a_clean_check_says_so() -> None:
    """No problem is a sentence too."""
    assert "No problem found offline." in text(check_view((), 5, 5))
    assert "2 rows to mend." in text(check_view((), 3, 5))


# ── endings and progress ──────────────────────────────────────────────────────────────────────────────────────────────


def summary(**counts: int) -> Summary:
    return Summary(
        run_id="r1",
        command="apply",
        workspace="acme",
        exit_code=5,
        calls=Calls(),
        started_at="",
        finished_at="",
        input_sha256="",
        plan_digest="",
        tool_version="",
        predicted={},
        actual={},
        rows=3,
        changes=3,
        counts={Status(name): count for name, count in counts.items()},
    )


def result(row: int, status: Status) -> Result:
    return Result(
        run_id="r1",
        file="f",
        sheet="",
        row=row,
        number=f"+{row}",
        channel="call",
        agent_uuid=B,
        agent_name="Bob",
        before_agent_uuid=A,
        before_agent_name="Ayşe",
        after_agent_uuid="",
        after_agent_name="",
        status=status,
        reason="said so",
        http_status=None,
        attempts=1,
        started_at="",
        finished_at="",
        verified=Verified.NO,
        wave="",
        note="",
    )


def test_an_ending_names_what_did_not_end_well_and_what_to_do(tmp_path) -> None:
    """Only the ill lines are listed, with the commands that go on from here and the reports."""
    lines = [result(2, Status.DONE), result(3, Status.REJECTED)]
    shown = text(ending(summary(done=1, rejected=1), tmp_path, 5, lines))
    assert "Run r1: 1 done, 1 rejected" in shown
    assert "3\t+3\tcall\tBob\trejected\tsaid so" in shown
    assert "+2" not in shown
    assert "reassign retry r1" in shown
    assert str(tmp_path / "report.html") in shown


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [("apply", 10, "resume"), ("apply", 143, "resume"), ("apply", 5, "retry"), ("apply", 0, ""), ("audit", 5, "")],
)
def test_the_next_step_fits_the_ending(command: str, code: int, told: str) -> None:
    """Resume what was cut off, retry what failed, nothing after success or a look."""
    shown = text(next_steps(replace(summary(rejected=1), command=command), code, Path()))
    assert told in shown
    assert bool(shown) == bool(told)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"done": 1, "invalid": 1}, ["mend", "back"]),
        ({"done": 1, "invalid": 1, "rejected": 1}, ["mend", "again", "back"]),
        ({"already": 1, "drifted": 1}, ["again"]),
        ({"failed": 1}, ["again", "back"]),
    ],
    ids=["invalid", "some of both", "nothing written", "perhaps left on a spare"],
)
def test_what_is_to_be_done_depends_on_what_is_left(counts: dict[str, int], told: list[str]) -> None:
    """A retry has its own copy of the sheet, so an invalid row is mended elsewhere; what wrote nothing has no back."""
    shown = text(next_steps(summary(**counts), 5, Path("r1")))
    words = {"mend": "reassign apply r1/failed.csv", "again": "reassign retry r1", "back": "reassign rollback r1"}
    assert told == [name for name, command in words.items() if command in shown]


def test_what_is_copied_from_the_screen_is_not_broken() -> None:
    """A run's id, however narrow the screen; the other columns give way."""
    grid = Grid(("run", "counts"), (("20261201-045754-xfjk", "69 done, 2 already, 1 rejected"),))
    assert "20261201-045754-xfjk" in on_terminal((grid,), width=30)


def test_progress_tells_counts_pace_and_the_time_left() -> None:
    """Empty parts are left out."""
    counts = {Status.DONE: 55, Status.REJECTED: 2, Status.FAILED: 0}
    full = Progress(phase="apply", done=57, total=1300, counts=counts, pace="60/min", eta_seconds=250.0)
    assert progress_text(full) == "apply 57/1,300 · 55 done, 2 rejected · 60/min · about 4 min left"
    assert progress_text(Progress(phase="verify", done=0, total=3)) == "verify 0/3"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (12000, "3 h 20 min")]
)
def test_a_span_is_said_as_people_say_it(seconds: float, said: str) -> None:
    """No decimals, no zero."""
    assert span(seconds) == said
