"""Wanted × existing: a change per trunk, why it is one, and what must be known to send it later."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import (
    Action,
    Channel,
    Facts,
    Limits,
    Occupancy,
    Origin,
    Plan,
    Problem,
    Reason,
    Source,
    Trunk,
)
from batch.core.occupancy import Fixture, learn, seats
from batch.errors import UsageError
from tests.builders import HEADER, table
from tests.plans import WORKSPACE, agents, bought, codes, complaints, live, number, plan_of, state, steps, uuid, want

WITH_EXPECT = (*HEADER, "expect")


def reasons(plan: Plan) -> list[tuple[int, str, Action, Reason]]:
    """Every change: row, channel, what is done, and why."""
    return [(c.origin.row, c.trunk.channel.value, c.action, c.reason) for c in plan.changes]


# ── what is to be done for a trunk ────────────────────────────────────────────────────────────────────────────────────


def test_a_trunk_that_is_elsewhere_is_assigned() -> None:
    """The change carries the owner that was seen, the one that is wanted, its row, and its place in the list."""
    plan = plan_of([want(0, "call", "C")], live({"call": "A"}))
    (change,) = plan.changes
    assert (Trunk(number(0), Channel.CALL), uuid("A"), uuid("C")) == (change.trunk, change.before, change.after)
    assert (Action.ASSIGN, Reason.DIFFERS) == (change.action, change.reason)
    assert (Origin("sheet.csv", "", 2), 1) == (change.origin, change.page)


def test_a_trunk_that_is_there_already_is_kept() -> None:
    """Nothing to do is a change too, and needs no call."""
    plan = plan_of([want(0, "call", "A")], live({"call": "A"}))
    assert [(2, "call", Action.KEEP, Reason.ALREADY_THERE)] == reasons(plan)
    assert ((), False) == (plan.writes(), plan.differs())


def test_a_trunk_that_nobody_serves_is_assigned_from_nobody() -> None:
    """An unbound trunk has no owner before."""
    plan = plan_of([want(0, "call", "C")], live({"call": None}))
    assert ["row 2 call nobody→C"] == steps(plan)


def test_a_row_whose_expected_agent_is_not_there_is_left_alone_as_a_whole() -> None:
    """One channel has another owner than the row expects: the other channel of the row is not touched either."""
    there = live({"call": "A", "whatsapp": "B"})
    plan = plan_of([want(0, "both", "C", "A")], there, header=WITH_EXPECT)
    assert [
        (2, "call", Action.KEEP, Reason.NOT_EXPECTED),
        (2, "whatsapp", Action.KEEP, Reason.NOT_EXPECTED),
    ] == reasons(plan)
    assert plan.differs()


def test_a_row_that_finds_the_wanted_agent_has_not_drifted() -> None:
    """Whoever is expected: where the wanted agent serves already, nothing is to be done, and nothing is wrong."""
    there = live({"call": "C", "whatsapp": "A"})
    plan = plan_of([want(0, "both", "C", "A")], there, header=WITH_EXPECT)
    assert [(2, "call", Action.KEEP, Reason.ALREADY_THERE), (2, "whatsapp", Action.ASSIGN, Reason.DIFFERS)] == reasons(
        plan
    )


def test_the_same_sheet_and_live_state_make_the_same_plan() -> None:
    """A plan holds no time of day and nothing random."""
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "both", "D")]
    there = live({"call": "A"}, {"call": "B"}, {"call": "C", "whatsapp": "C"})
    assert plan_of(rows, there, parking=(uuid("H"),)) == plan_of(rows, there, parking=(uuid("H"),))


# ── what is known of the whole ────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_knows_its_source_its_workspace_and_its_limits() -> None:
    """What a saved plan needs in order to be applied elsewhere, later."""
    limits = Limits(waves="all", max_change="50%")
    plan = plan_of([want(0, "call", "C")], live({"call": "A"}, {"call": "B", "whatsapp": "B"}), limits=limits)
    assert (WORKSPACE, Source(file="sheet.csv", sheet="", sha256="0" * 64)) == (plan.workspace, plan.source)
    assert (3, limits, HEADER) == (plan.trunks_total, plan.limits, plan.header)


def test_every_agent_that_occurs_is_named() -> None:
    """By the roster; one that the roster lacks by its binding; one that only a sheet knows not at all."""
    there = live({"call": "Z"}, {"call": "A"}, {"call": "Y"}, roster=agents("AC"))
    rows = [want(0, "call", "C"), want(1, "call", uuid("X")), want(2, "call", uuid("Y"))]
    plan = plan_of(rows, there)
    assert {uuid("C"): "C", uuid("X"): "", uuid("Y"): "Y", uuid("Z"): "Z"} == plan.agents


def test_a_spare_agent_is_named_as_the_roster_names_it() -> None:
    """A parked trunk comes home from an agent that no binding and no row names."""
    there = live({"call": "A"}, {"call": "B"})
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], there, parking=(uuid("H"),))
    assert "H" == plan.agents[uuid("H")]


def test_facts_count_agents_by_what_they_serve_before_and_after() -> None:
    """A loses its last number, B keeps one; a purchased number counts, and so does the other channel."""
    there = live({"call": "A"}, {"call": "B", "whatsapp": "B"}, purchased=[{"call": "D"}])
    plan = plan_of([want(0, "call", "C"), want(1, "call", "E")], there)
    assert (3, 1) == (plan.facts.agents_serving, plan.facts.agents_emptied)


def test_facts_are_not_deceived_by_a_ring() -> None:
    """Whoever swaps has a number before and after; the spare never had one and has none afterwards."""
    there = live({"call": "A"}, {"call": "B"})
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], there, parking=(uuid("H"),))
    assert Facts(agents_serving=2, numbers_asked=2) == plan.facts


def test_an_unserved_trunk_takes_a_number_from_nobody() -> None:
    """A change from nobody empties no agent."""
    assert 0 == plan_of([want(0, "call", "C")], live({"call": None}, {"call": "A"})).facts.agents_emptied


def test_facts_count_the_sheets_numbers_that_the_workspace_does_not_have() -> None:
    """Each number once, purchased ones as known; what could not be read as a number says nothing of the workspace."""
    rows = [
        *(want(0, "call", "C"), want(0, "whatsapp", "C"), (bought(0), "call", "C")),
        *(("+49301234567", "call", "C"), ("+49 30 7654321", "call", ""), ("+49abc", "call", "C")),
    ]
    plan = plan_of(rows, live({"call": "A", "whatsapp": "A"}, purchased=[{"call": "B"}]))
    assert (4, 2) == (plan.facts.numbers_asked, plan.facts.numbers_missing)


# ── what is said of the whole ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_concerns_no_single_row_is_a_note_of_the_plan() -> None:
    """Notes of the snapshot, of the table, and which part was taken."""
    sheet = replace(
        table(want(0, "call", "C")), problems=(Problem("sheets_passed_over", Origin("sheet.csv", "", 1), "", "A", "B"),)
    )
    plan = plan_of(sheet, live({"call": "A"}, notes=("seen twice",)), only=" row=2 ", limit=5)
    assert (
        "seen twice",
        "sheet.csv row 1: read 'A'; not read: B",
        "--only row=2: the other rows are left out",
        "--limit 5: the rest is left out",
    ) == plan.notes


def test_an_incomplete_snapshot_is_said_to_be_one() -> None:
    """Where numbers were read one by one, nobody knows who else holds an agent."""
    (note,) = plan_of([want(0, "call", "C")], live({"call": "A"}, complete=False)).notes
    assert note.startswith("not every number could be listed")


def test_a_problem_of_a_row_is_not_told_twice() -> None:
    """What the reader said of a row stands at the row, not among the notes of the whole."""
    sheet = table(want(0, "call", "C"))
    sheet = replace(sheet, problems=(Problem("row_hidden", sheet.rows[0].origin),))
    plan = plan_of(sheet, live({"call": "A"}))
    assert ((), {2: ["row_hidden"]}, True) == (plan.notes, complaints(plan), plan.rows[0].valid)


def test_a_parking_agent_that_the_workspace_lacks_is_refused_at_once() -> None:
    """A wrong flag is an error of usage, whether a ring needs it or not."""
    with pytest.raises(UsageError, match=r"--parking-agent .* is not an agent of this workspace"):
        plan_of([want(0, "call", "C")], live({"call": "A"}), parking=(uuid("Z"),))


# ── rows whose changes cannot be ordered ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", ["agent", "agent_uuid", "agent_name"])
def test_a_change_that_cannot_be_ordered_makes_its_row_invalid(header: str) -> None:
    """The problem stands at the row, under the column that named the agent; nothing is planned for it."""
    rows = [(number(0), "call", uuid("B") if header == "agent_uuid" else "B")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}), header=("number", "channel", header))
    assert [(False, ["agent_occupied"])] == [(row.valid, codes(row)) for row in plan.rows]
    assert (header, ()) == (plan.rows[0].problems[0].column, plan.changes)


def test_a_row_that_repeats_a_fallen_one_falls_with_it() -> None:
    """Its change is the other row's, so it cannot be made either; a row already wrong gets no second complaint."""
    rows = [want(0, "call", "B"), want(0, "call", "B"), want(0, "fax", "B")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}))
    assert {2: ["agent_occupied"], 3: ["duplicate", "agent_occupied"], 4: ["channel_unknown"]} == complaints(plan)
    assert [2, 3, 4] == [row.problems[-1].origin.row for row in plan.rows]


def test_rows_that_one_row_of_both_channels_binds_fall_together() -> None:
    """One channel cannot be ordered, so the row of both cannot be, nor the rows that carry its channels."""
    rows = [want(0, "call", "C"), want(0, "whatsapp", "C"), want(0, "both", "C")]
    plan = plan_of(rows, live({"call": "A", "whatsapp": "B"}, {"whatsapp": "C"}))
    assert [False, False, False] == [row.valid for row in plan.rows]
    assert () == plan.changes


# ── occupancy ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "second", "learned"),
    [
        pytest.param(Occupancy.AUTO, "B", Occupancy.EXCLUSIVE, id="auto, one number per agent"),
        pytest.param(Occupancy.AUTO, "A", Occupancy.SHARED, id="auto, an agent with two"),
        pytest.param(Occupancy.EXCLUSIVE, "A", Occupancy.EXCLUSIVE, id="exclusive is believed"),
        pytest.param(Occupancy.SHARED, "B", Occupancy.SHARED, id="shared is believed"),
    ],
)
def test_auto_learns_from_the_live_state(wanted: Occupancy, second: str, learned: Occupancy) -> None:
    """An agent with two numbers on one channel shows that the server allows it."""
    there = live({"call": "A"}, {"call": second})
    assert learned == learn(wanted, seats(there))
    assert learned == plan_of([want(0, "call", "C")], there, occupancy=wanted).occupancy


def test_two_channels_of_an_agent_are_two_seats() -> None:
    """An agent that serves one number on call and another on whatsapp shows nothing."""
    assert Occupancy.EXCLUSIVE == learn(Occupancy.AUTO, seats(live({"call": "A"}, {"whatsapp": "A"})))


def test_a_purchased_number_holds_its_agent_too() -> None:
    """Occupancy comes from all numbers (API.md §3.3); what cannot be moved is named for what it is."""
    there = live({"call": "A"}, purchased=[{"call": "A", "whatsapp": None, "sms": "A"}])
    held = seats(there)
    assert {(uuid("A"), Channel.CALL)} == set(held)
    assert [Trunk(number(0), Channel.CALL), Fixture(f"the purchased number {bought(0)} on call")] == held[
        uuid("A"), Channel.CALL
    ]


def test_a_number_that_both_lists_show_is_one_holder() -> None:
    """The list of all numbers may show the trunks again."""
    there = live({"call": "A"})
    assert seats(there) == seats(replace(there, others=there.numbers))


def test_a_number_of_unknown_origin_is_called_purchased() -> None:
    """``source`` may be missing; an internal number in the trunk list holds its agent all the same."""
    mine = {bought(0): replace(state(bought(0), {"call": "A"}, external=False), source="")}
    holder = Fixture(f"the purchased number {bought(0)} on call")
    assert {(uuid("A"), Channel.CALL): [holder]} == seats(replace(live(), numbers=mine))


def test_under_shared_nobody_waits_and_nobody_is_in_the_way() -> None:
    """Two rows into one agent, an occupied one, and a swap without a spare are all allowed."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"})
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "A")]
    plan = plan_of(rows, there, occupancy=Occupancy.SHARED)
    assert {} == complaints(plan)
    assert [()] * 3 == [change.needs for change in plan.changes]


@pytest.mark.parametrize(
    ("rows", "only", "said"),
    [([], "", "no row below its header"), ([want(0, "call", "C")], "row=99", "no row is left")],
    ids=["a header alone", "a filter that takes none"],
)
def test_a_plan_of_nothing_says_so(rows: list[tuple[str, ...]], only: str, said: str) -> None:
    """The sheet may have been cut off, the filter may have a slip in it."""
    assert said in plan_of(rows, live({"call": "A"}), only=only).notes[-1]
