"""What must come first when an agent serves one number per channel, and what can never be (DESIGN.md §3.6)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import AgentId, Occupancy, Plan
from batch.core.order import MOST_NAMED
from batch.core.problems import describe
from tests.builders import HEADER
from tests.plans import agents, bought, codes, complaints, live, number, plan_of, related, steps, uuid, waits, want

EXCLUSIVE = Occupancy.EXCLUSIVE
PARKING = (uuid("H"),)
SWAP = ({"call": "A"}, {"call": "B"})


def told(plan: Plan, row: int) -> str:
    """The last thing said about a row."""
    return describe(plan.rows[row - 2].problems[-1])


# ── chains ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chain_runs_from_its_far_end() -> None:
    """Each change waits for the one that frees its agent, whatever the order of the rows."""
    plan = plan_of(
        [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "D")],
        live({"call": "A"}, {"call": "B"}, {"call": "C"}),
    )
    assert ["row 4 call C→D", "row 3 call B→C", "row 2 call A→B"] == steps(plan)
    assert {"row 3 call B→C": ["row 4 call C→D"], "row 2 call A→B": ["row 3 call B→C"]} == waits(plan)


def test_independent_changes_do_not_wait_for_each_other() -> None:
    """Two chains go side by side: there is no edge between them."""
    plan = plan_of(
        [want(0, "call", "C"), want(1, "call", "A"), want(2, "call", "D"), want(3, "call", "E")],
        live({"call": "A"}, {"call": "B"}, {"call": "F"}, {"call": "G"}),
    )
    assert {"row 3 call B→A": ["row 2 call A→C"]} == waits(plan)


def test_the_channels_of_an_agent_are_occupied_apart() -> None:
    """An agent with a call number is free on whatsapp."""
    plan = plan_of([want(0, "call", "B")], live({"call": "A"}, {"whatsapp": "B"}))
    assert ({}, {}) == (complaints(plan), waits(plan))


def test_an_agent_with_two_numbers_is_free_when_both_have_left() -> None:
    """Under *exclusive* a live state that is not is still waited for."""
    plan = plan_of(
        [want(0, "call", "A"), want(1, "call", "D"), want(2, "call", "E")],
        live({"call": "C"}, {"call": "A"}, {"call": "A"}),
        occupancy=EXCLUSIVE,
    )
    assert {"row 2 call C→A": ["row 3 call A→D", "row 4 call A→E"]} == waits(plan)


def test_a_trunk_that_keeps_its_agent_waits_for_nothing() -> None:
    """Nothing to do needs nobody."""
    assert {} == waits(plan_of([want(0, "call", "A")], live({"call": "A"}, {"call": "B"})))


# ── rings ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_swap_parks_its_first_row_on_the_spare() -> None:
    """One call more than there are trunks: away, the other one in, and home."""
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], live(*SWAP), parking=PARKING)
    assert ["row 2 call A⇢H", "row 3 call B→A", "row 2 call H→B"] == steps(plan)
    assert {
        "row 3 call B→A": ["row 2 call A⇢H"],
        "row 2 call H→B": ["row 2 call A⇢H", "row 3 call B→A"],
    } == waits(plan)


def test_rings_share_a_spare_one_after_the_other() -> None:
    """The second ring begins when the first has given the spare back."""
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "D"), want(3, "call", "C")]
    plan = plan_of(rows, live(*SWAP, {"call": "C"}, {"call": "D"}), parking=PARKING)
    assert ["row 2 call H→B"] == waits(plan)["row 4 call C⇢H"]
    assert 6 == len(plan.writes())


def test_two_spares_take_two_rings_at_once() -> None:
    """With a spare each, rings do not wait for each other."""
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "D"), want(3, "call", "C")]
    plan = plan_of(rows, live(*SWAP, {"call": "C"}, {"call": "D"}), parking=(uuid("G"), uuid("H")))
    assert {"row 2 call A⇢G", "row 4 call C⇢H"} <= set(steps(plan)) - set(waits(plan))


def test_a_swap_on_both_channels_parks_each_channel() -> None:
    """Each channel is a ring of its own, on the same spare agent; neither waits for the other's to come round."""
    there = live({"call": "A", "whatsapp": "A"}, {"call": "B", "whatsapp": "B"})
    plan = plan_of([want(0, "both", "B"), want(1, "both", "A")], there, parking=PARKING)
    assert 6 == len(plan.writes())
    parked = ["row 2 call A⇢H", "row 2 whatsapp A⇢H"]
    assert parked == sorted(set(steps(plan)) - set(waits(plan)))
    assert [parked, parked] == [waits(plan)["row 3 call B→A"], waits(plan)["row 3 whatsapp B→A"]]


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(({"call": "H"},), id="held by a trunk"),
        pytest.param(({"call": "C"},), id="wanted by a row"),
    ],
)
def test_a_spare_must_be_free_on_that_channel(taken: tuple[dict[str, str]]) -> None:
    """A spare that somebody holds or will hold is none, so the ring is refused."""
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "H")]
    plan = plan_of(rows, live(*SWAP, *taken), parking=PARKING)
    assert {2: ["ring_without_spare"], 3: ["ring_without_spare"]} == complaints(plan)


def test_a_spare_that_is_taken_on_the_other_channel_will_do() -> None:
    """Channels of an agent are seats of their own."""
    rows = [want(0, "call", "B"), want(1, "call", "A")]
    assert {} == complaints(plan_of(rows, live(*SWAP, {"whatsapp": "H"}), parking=PARKING))


def test_a_ring_without_a_spare_is_refused_naming_its_members() -> None:
    """Every member is a problem that names agents and rows, and says which flag helps."""
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "A")]
    plan = plan_of(rows, live(*SWAP, {"call": "C"}))
    assert {row: ["ring_without_spare"] for row in (2, 3, 4)} == complaints(plan)
    assert "these rows swap agents in a ring, B → A → C → B, so none can go first: row 2, row 4, row 3" == told(plan, 2)
    assert () == plan.changes


def test_a_ring_of_many_names_some_of_its_members_and_how_many_there_are() -> None:
    """A problem is a sentence, even of a ring of fifty."""
    letters = [chr(0x4E00 + i) for i in range(50)]
    roster = {AgentId(f"{i:08x}-0000-4000-8000-000000000000"): letter for i, letter in enumerate(letters)}
    base = agents("A")[uuid("A")]
    there = live(*({"call": "A"} for _ in roster), roster={u: replace(base, uuid=u, name=n) for u, n in roster.items()})
    for index, agent in enumerate(roster):
        state = there.numbers[number(index)]
        state.bindings["call"] = replace(state.bindings["call"], agent=agent)  # type: ignore[index]
    plan = plan_of([want(i, "call", letters[(i + 1) % 50]) for i in range(50)], there)
    assert {MOST_NAMED} == {len(named) for row in plan.rows for named in related(row)}
    assert "… (50 agents)" in told(plan, 2)


def test_what_hangs_on_a_refused_ring_falls_with_it() -> None:
    """The ring's trunks stay, so a change into one of their agents can never be made; a chain behind it neither."""
    there = live({"call": "A"}, {"call": "A"}, {"call": "B"}, {"call": "C"})
    rows = [want(0, "call", "B"), want(1, "call", "E"), want(2, "call", "A"), want(3, "call", "D")]
    plan = plan_of(rows, there, occupancy=EXCLUSIVE)
    assert {2: ["ring_without_spare"], 4: ["ring_without_spare"]} == complaints(plan)
    assert ["row 3 call A→E", "row 5 call C→D"] == sorted(steps(plan))


def test_a_ring_that_another_rings_fall_breaks_is_told_what_holds_its_agent() -> None:
    """Row 2 is in a ring on each channel; its fall on one leaves the other ring's member an occupied agent."""
    there = live({"call": "A", "whatsapp": "A"}, {"call": "B"}, {"whatsapp": "B"})
    rows = [want(0, "both", "B"), want(1, "call", "A"), want(2, "whatsapp", "A")]
    plan = plan_of(rows, there)
    assert {2: ["ring_without_spare"], 3: ["ring_without_spare"], 4: ["agent_occupied"]} == complaints(plan)
    assert f"agent A already serves {number(0)} on whatsapp, which row 2 leaves there" == told(plan, 4)


# ── what can never be ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_rows_into_one_agent_are_a_problem_of_both() -> None:
    """Each names the other, and what would allow it."""
    plan = plan_of([want(0, "call", "D"), want(1, "call", "D")], live(*SWAP))
    assert {2: ["two_rows_one_agent"], 3: ["two_rows_one_agent"]} == complaints(plan)
    assert [[(3,)], [(2,)]] == [list(related(row)) for row in plan.rows]
    assert "agent D would serve two numbers on call, see row 3" == told(plan, 2)


def test_a_trunk_that_is_there_already_is_one_of_the_two() -> None:
    """A row that keeps its agent and a row that wants it cannot both be right."""
    plan = plan_of([want(0, "call", "A"), want(1, "call", "A")], live(*SWAP))
    assert {2: ["two_rows_one_agent"], 3: ["two_rows_one_agent"]} == complaints(plan)


@pytest.mark.parametrize("only", ["", "row=3"], ids=["drifted", "left out"])
def test_a_row_that_is_left_alone_wants_no_agent(only: str) -> None:
    """Row 2 will not be sent, so row 3 has the agent for itself."""
    rows = [want(0, "call", "D", "C"), want(1, "call", "D", "")]
    plan = plan_of(rows, live(*SWAP), header=(*HEADER, "expect"), only=only)
    assert ({}, ["row 3 call B→D"]) == (complaints(plan), steps(plan))


def test_a_thousand_rows_into_one_agent_do_not_name_each_other_all() -> None:
    """Some of the others are named, never the row itself."""
    plan = plan_of(
        [want(i, "call", "D") for i in range(50)], live(*({"whatsapp": "A", "call": None} for _ in range(50)))
    )
    assert [["no_such_trunk"]] * 50 == [codes(row) for row in plan.rows]
    plan = plan_of([want(i, "call", "D") for i in range(50)], live(*({"call": None} for _ in range(50))))
    for row in plan.rows:
        ((*named,),) = related(row)
        assert (MOST_NAMED, False) == (len(named), row.origin.row in named)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        pytest.param([want(0, "call", "B")], f"{number(1)} on call, which no row moves", id="no row"),
        pytest.param(
            [want(0, "call", "B", ""), want(1, "call", "C", "D")],
            f"{number(1)} on call, which row 3 leaves there",
            id="a row that has drifted",
        ),
    ],
)
def test_an_agent_whose_number_stays_is_occupied(rows: list[tuple[str, ...]], why: str) -> None:
    """The complaint names the number that is in the way, and why it stays."""
    plan = plan_of(rows, live(*SWAP), header=(*HEADER, "expect") if len(rows) > 1 else HEADER)
    assert {2: ["agent_occupied"]} == complaints(plan)
    assert f"agent B already serves {why}" == told(plan, 2)


def test_a_purchased_number_that_holds_an_agent_is_in_the_way() -> None:
    """It cannot be moved by this program, whatever the rows say."""
    plan = plan_of([want(0, "call", "B")], live({"call": "A"}, purchased=[{"call": "B"}]))
    assert f"agent B already serves the purchased number {bought(0)} on call, which this program cannot move" == told(
        plan, 2
    )


def test_a_row_that_cannot_go_holds_up_the_whole_chain_behind_it() -> None:
    """Whoever stays frees nothing: each row of the chain says which one is before it."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"}, purchased=[{"call": "D"}])
    plan = plan_of([want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "D")], there)
    assert {row: ["agent_occupied"] for row in (2, 3, 4)} == complaints(plan)
    assert [[(3,)], [(4,)], [()]] == [list(related(row)) for row in plan.rows]


def test_a_row_falls_as_a_whole() -> None:
    """One channel of it cannot be ordered, so the other stays too, and whoever counted on it falls."""
    there = live({"call": "A", "whatsapp": "A"}, {"call": "B"}, {"whatsapp": "C"})
    plan = plan_of([want(0, "both", "B"), want(2, "whatsapp", "A")], there)
    assert {2: ["agent_occupied"], 3: ["agent_occupied"]} == complaints(plan)
    assert () == plan.changes


def test_what_is_there_already_stays_right_when_its_neighbour_cannot_leave() -> None:
    """Two numbers share agent A against the rule: row 3 cannot go, and row 2 asks for nothing."""
    there = live({"call": "A"}, {"call": "A"}, purchased=[{"call": "B"}])
    plan = plan_of([want(0, "call", "A"), want(1, "call", "B")], there, occupancy=EXCLUSIVE)
    assert {3: ["agent_occupied"]} == complaints(plan)
    assert [True, False] == [row.valid for row in plan.rows]


def test_an_agent_without_a_name_is_named_by_its_uuid() -> None:
    """People can always find out whom a sentence means."""
    nameless = agents("A") | {uuid("B"): replace(agents("B")[uuid("B")], name="")}
    plan = plan_of([want(0, "call", uuid("B"))], live(*SWAP, roster=nameless))
    assert told(plan, 2).startswith(f"agent {uuid('B')} already serves")


# ── rows are kept whole ───────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_waits_for_one_channel_of_a_row_waits_for_the_others_too() -> None:
    """If whatsapp of row 2 is refused its call goes back to A, so A must not be given away before."""
    there = live({"call": "A", "whatsapp": "A"}, {"call": "C"})
    plan = plan_of([want(0, "both", "B"), want(1, "call", "A")], there)
    assert {"row 3 call C→A": ["row 2 call A→B", "row 2 whatsapp A→B"]} == waits(plan)


def test_rows_that_would_wait_for_each_other_across_channels_do_not() -> None:
    """Row 2 waits for row 3 on call, row 3 for row 2 on whatsapp: no ring, if each waits for its own channel."""
    there = live({"call": "A", "whatsapp": "C"}, {"call": "B", "whatsapp": "D"})
    plan = plan_of([want(0, "both", "B"), want(1, "both", "C")], there)
    assert {
        "row 2 call A→B": ["row 3 call B→C"],
        "row 3 whatsapp D→C": ["row 2 whatsapp C→B"],
    } == waits(plan)


def test_whoever_takes_over_from_a_parked_row_waits_for_its_other_channel_too() -> None:
    """Row 2 is parked on call; its whatsapp must have gone as well before row 3 takes its agent on call."""
    there = live({"call": "A", "whatsapp": "A"}, {"call": "B"})
    plan = plan_of([want(0, "both", "B"), want(1, "call", "A")], there, parking=PARKING)
    assert ["row 2 call A⇢H", "row 2 whatsapp A→B"] == waits(plan)["row 3 call B→A"]


def test_what_stays_and_what_nobody_serves_frees_no_agent() -> None:
    """Row 2 keeps one channel and falls for the other, row 3 comes from nobody: nobody has counted on either."""
    there = live({"call": "A", "whatsapp": "B"}, {"call": "B"}, {"call": None, "whatsapp": None}, {"call": "E"})
    rows = [want(0, "both", "B"), want(2, "call,whatsapp", "E"), want(3, "call", "C")]
    plan = plan_of(rows, there)
    assert {2: ["agent_occupied"]} == complaints(plan)
    assert {"row 3 call nobody→E": ["row 4 call E→C"]} == waits(plan)


def test_a_channel_that_is_there_already_is_not_waited_for() -> None:
    """Of a row of two channels only what is still to be sent can hold anybody up."""
    there = live({"call": "A", "whatsapp": "B"}, {"call": "C"}, {"call": "D", "whatsapp": "D"})
    plan = plan_of([want(0, "both", "B"), want(1, "call", "A"), want(2, "both", "E")], there)
    assert {"row 3 call C→A": ["row 2 call A→B"]} == waits(plan)
