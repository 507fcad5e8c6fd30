"""The reports of a run that only looks: a plan that a person reads before saying yes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from batch.adapters.reports.entries import Verdict, entries, verdicts
from batch.adapters.reports.facts import facts
from batch.adapters.reports.lines import data
from batch.adapters.reports.review import MOST_WAVES, lifting
from batch.adapters.reports.told import tell
from batch.adapters.reports.words import Tone
from batch.core.guard import Refusal
from batch.core.model import Facts, Limits, Reason, RunRecord
from batch.core.results import results
from tests.days import believable
from tests.records import agent, change, kept, name, row
from tests.reviews import (
    ALL_KINDS,
    CHANGES,
    ELSEWHERE,
    EMPTIES,
    HOME,
    MANY,
    OTHER,
    PARK,
    REPEATED,
    RING,
    SPARE,
    looked,
    moving,
    page,
    said,
    weighed,
)

# ── step by step ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_come_first_in_their_order_then_what_takes_none() -> None:
    """Each with what is meant to be done about it."""
    found = [(entry.step, entry.wave, entry.row, entry.verdict) for entry in entries(tell(ALL_KINDS))]
    assert [
        *((1, 1, 2, Verdict.MOVE), (2, 2, 3, Verdict.MOVE)),
        *((0, 0, 4, Verdict.ALREADY), (0, 0, 5, Verdict.REPEATED), (0, 0, 6, Verdict.DRIFTED)),
        *((0, 0, 7, Verdict.INVALID), (0, 0, 8, Verdict.SKIPPED)),
    ] == found


def test_a_step_says_from_whom_to_whom_after_which_row_and_why() -> None:
    """And carries the note of its row."""
    first, second, *_ = entries(tell(ALL_KINDS))
    assert ((agent(0), name(0)), (agent(1), name(1))) == (first.before, first.after)
    assert ("", "first") == (first.waits, first.note)
    assert ("row 2", "Another agent serves the trunk", "") == (second.waits, second.why, second.note)


def test_what_takes_no_step_says_why() -> None:
    """In a sentence, without the code."""
    there, again, drifted, wrong, left_out = entries(tell(ALL_KINDS))[2:]
    assert "The wanted agent already serves the trunk" == there.why
    assert "An earlier row asks for the same: row 3" == again.why
    assert drifted.why.startswith("The trunk of this row is not with the expected agent")
    assert "The row has problems: [agent_unknown] no agent 'Nobody' in this workspace" == wrong.why
    assert "Left out by --only, --exclude or --limit" == left_out.why


def test_a_ring_is_shown_as_its_steps() -> None:
    """Parked, the other one, and home."""
    steps = entries(tell(RING))
    assert [(2, Verdict.PARK, name(SPARE)), (3, Verdict.MOVE, name(0)), (2, Verdict.MOVE, name(1))] == [
        (step.row, step.verdict, step.after[1]) for step in steps
    ]
    assert ["", "row 2", "row 3"] == [step.waits for step in steps]
    assert [f"Parked on {name(SPARE)}: ", f"Home from {name(SPARE)}: "] == [
        steps[place].why.partition("the r")[0] for place in (0, 2)
    ]


def test_agents_of_one_name_are_told_apart() -> None:
    """Or nobody could say yes to *Bob → Bob*."""
    told = looked([row(agent_name="Bob")], [change()], agents={agent(0): "Bob", agent(1): "Bob"})
    assert {f"Bob [{agent(0)}]"} == {entry.before[1] for entry in entries(tell(told))}


def test_every_line_of_the_sheet_is_in_the_plan_once() -> None:
    """Whatever becomes of it."""
    told = replace(believable(300), outcomes={}, befores={}, afters={}, whole_run=Reason.AUDIT)
    found = Counter((entry.row, entry.number, entry.channel) for entry in entries(tell(told)))
    assert Counter((line.row, line.number, line.channel) for line in results(told)) == found


def test_the_page_names_what_many_steps_share_once() -> None:
    """A hundred thousand steps are a small file."""
    body = json.loads(data(tell(moving(500))))
    assert (500, 1, 1, 2) == tuple(len(body[key]) for key in ("step", "reasons", "waits", "agents"))
    assert [1, 2, 3] == body["step"][:3]


# ── what apply would refuse ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "against"),
    [
        (moving(5), []),
        (MANY, [("too_many_trunks", "--max-change 50%")]),
        (EMPTIES, [("too_many_trunks", "--max-change 50%"), ("agents_emptied", "--max-change 40%")]),
        (ELSEWHERE, [("wrong_workspace", "")]),
        (moving(5, limits=Limits(max_changes="3")), [("too_many_changes", "--max-changes 5")]),
        (moving(5, limits=Limits(max_change="lots")), [("limits", "")]),
        (ALL_KINDS, [("invalid_rows", "--skip-invalid")]),
        (looked([row(valid=False)]), [("invalid_rows", "")]),
        (looked([row(valid=False, selected=False)]), []),
        (looked([row()], [kept()], trunks_total=10, facts=Facts(numbers_asked=10, numbers_missing=9)), []),
    ],
    ids=[
        *("nothing", "many trunks", "many agents too", "another workspace", "more than a person need not see"),
        *("a limit nobody can read", "invalid rows", "nothing but invalid rows", "left out rows", "nothing to change"),
    ],
)
def test_what_apply_would_refuse_is_told_with_what_lifts_it(told: RunRecord, against: list) -> None:
    """By the limits that the plan was made with."""
    assert against == [(refusal.rule, refusal.flag) for refusal in weighed(told).against]


@pytest.mark.parametrize(
    ("flags", "all_of_them"),
    [
        ([], ""),
        (["--max-change 9%", "--max-change 40%"], "--max-change 40%"),
        (["--skip-invalid", "--max-change 40%"], "--skip-invalid --max-change 40%"),
        (["--max-change 40%", ""], ""),
    ],
    ids=["none", "the larger", "each", "one has none"],
)
def test_flags_that_lift_everything_are_given_together(flags: list[str], all_of_them: str) -> None:
    """Or not at all, where one refusal has none."""
    assert all_of_them == lifting([Refusal("rule", "words", flag) for flag in flags])


@pytest.mark.parametrize(
    ("told", "tone", "command"),
    [
        (moving(5), Tone.CALM, "reassign apply plan.json"),
        (MANY, Tone.WARN, "reassign apply plan.json --max-change 50%"),
        (EMPTIES, Tone.WARN, "reassign apply plan.json --max-change 50%"),
        (ELSEWHERE, Tone.WARN, ""),
        (looked([row()], [kept(reason=Reason.NOT_EXPECTED)]), Tone.CALM, ""),
        (looked([row()], [kept(reason=Reason.NOT_EXPECTED)], command="audit"), Tone.CALM, ""),
    ],
    ids=["nothing against it", "a flag", "one flag for two", "nothing lifts it", "drifted", "found to have drifted"],
)
def test_the_headline_leads_on_to_exactly_this_plan(told: RunRecord, tone: Tone, command: str) -> None:
    """With the flags it takes, or to nothing."""
    assert (tone, command) == (said(told).tone, said(told).command)


@pytest.mark.parametrize(
    ("told", "more"),
    [
        (moving(5), "In one wave, with 15 calls, in about 15 s."),
        (MANY, "In one wave, with 15 calls, in about 15 s. As it is, apply would refuse it."),
        (
            looked([row(n) for n in (2, 3, 4, 6)], CHANGES),
            "In 2 waves, with 10 calls, in about 10 s. 1 already right, 1 drifted.",
        ),
    ],
    ids=["figures", "refused", "the others"],
)
def test_the_second_line_says_how_large_it_is(told: RunRecord, more: str) -> None:
    """Before anything is scrolled."""
    assert more == said(told).more


def test_a_repeated_row_is_no_second_trunk() -> None:
    """The headline counts what would be moved."""
    told = looked([row(3, to=0), REPEATED], [change(0, of=3, before=1, after=0)])
    assert "1 trunk would be moved; nothing has been changed yet." == said(told).what
    assert {Verdict.MOVE: 1, Verdict.REPEATED: 1} == verdicts(tell(told))


# ── what it takes ─────────────────────────────────────────────────────────────────────────────────────────────────────

TOLD_RATE = {"per_second": "10", "why": "told by the server", "limit": "600 per 60 s"}


@pytest.mark.parametrize(
    ("told", "fact", "value"),
    [
        (moving(5), "To change", "5 of 1,000 (0 %) trunks of acme at acme.mihu.ai"),
        (moving(5), "Calls", "5 PUT and about 10 GET"),
        (RING, "Calls", "3 PUT, 1 of them to park a trunk on a spare agent that opens a ring, and about 7 GET"),
        (
            moving(5),
            "Time",
            "about 15 s at 60 calls a minute: assumed, the usual limit, as no rate is known; sooner if more is allowed",
        ),
        (moving(5, pace=TOLD_RATE), "Time", "about 2 s at 600 calls a minute (told by the server)"),
        (moving(5), "One after the other", None),
        (RING, "One after the other", "up to 3 calls, each waiting for the one before"),
        (moving(5), "Occupancy", "shared: an agent may serve several numbers on a channel"),
        (moving(5), "Agents emptied", None),
        (EMPTIES, "Agents emptied", "4 of 10 (40 %) that serve a number now would serve none"),
        (moving(5), "Stops", "when more than 5 changes fail"),
        (moving(5, limits=Limits(max_failures="1")), "Stops", "when more than 1 change fails"),
        (moving(5, limits=Limits(max_failures="few")), "Stops", None),
        (looked([row()], [kept()]), "Calls", None),
    ],
    ids=[
        *("trunks", "calls", "parking", "time assumed", "time believed", "side by side", "a ring", "occupancy"),
        *("none emptied", "emptied", "stops", "stops at the second", "a limit nobody can read", "nothing to change"),
    ],
)
def test_what_a_plan_takes_is_told_by_name(told: RunRecord, fact: str, value: str | None) -> None:
    """What is not so is left out."""
    assert value == dict(weighed(told).facts).get(fact)


def test_a_limit_without_a_rate_is_told_beside_the_assumption() -> None:
    """The server said how many, not how long."""
    pace = {"limit": "1200 per window of unknown length", "per_second": ""}
    assert "(seen so far: 1200 per window of unknown length)" in dict(weighed(moving(5, pace=pace)).facts)["Time"]


def test_notes_of_the_plan_are_told_where_it_is_weighed_and_once(tmp_path: Path) -> None:
    """What was left out is as important as what was not."""
    told = replace(ALL_KINDS, plan=replace(ALL_KINDS.plan, notes=("--only row=2-7: the other rows are left out",)))
    assert 1 == page(tmp_path, told).count("the other rows are left out")
    assert "Note" not in dict(facts(tell(told)))


def test_a_look_that_ended_well_is_not_said_to_have_done_anything() -> None:
    """0 is all that it has in common with a run that has."""
    assert "0 – looked; nothing was to be sent" == dict(facts(tell(moving(5))))["Exit code"]


# ── in which waves ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wave_tells_its_trunks_its_calls_and_its_rows() -> None:
    """A parked trunk is one trunk and two calls."""
    found = weighed(looked([row(2), row(3), row(4)], [change(3, of=4, wave=1), PARK, OTHER, HOME]))
    (first, second) = found.waves
    assert (1, 2, 3, "about 3 s", "rows 2–3") == (first.number, first.trunks, first.calls, first.time, first.rows)
    assert (2, 1, 1, "row 4") == (second.number, second.trunks, second.calls, second.rows)
    assert (1, 0) == (found.parked, found.further)


def test_many_waves_are_counted_and_the_first_are_told(tmp_path: Path) -> None:
    """A sheet may have a wave for each row."""
    changes = [change(i, of=i + 2, wave=i) for i in range(MOST_WAVES + 3)]
    told = looked([row(i + 2) for i in range(MOST_WAVES + 3)], changes)
    assert (MOST_WAVES, 3) == (len(weighed(told).waves), weighed(told).further)
    assert "and 3 further waves" in page(tmp_path, told)
