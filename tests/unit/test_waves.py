"""Which changes are made and looked at before the next ones may start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from batch.core.blocks import Block, blocks
from batch.core.model import Limits, Occupancy, Plan
from batch.core.waves import assign
from batch.errors import UsageError
from tests.builders import HEADER
from tests.plans import live, plan_of, step, steps, uuid, want

WITH_WAVE = (*HEADER, "wave")


def movers(count: int, to: str = "CDEFGH") -> Plan:
    """A plan of *count* trunks that go to agents in turn and do not wait for each other."""
    return plan_of(
        [want(i, "call", to[i % len(to)]) for i in range(count)],
        live(*({"call": "A"} for _ in range(count))),
        occupancy=Occupancy.SHARED,
    )


def sizes(plan: Plan) -> list[int]:
    """How many trunks each wave moves."""
    waves = Counter({(change.wave, change.trunk): 1 for change in plan.writes()})
    return [sum(wave == number for wave, _ in waves) for number in sorted({wave for wave, _ in waves})]


def by_wave(plan: Plan) -> list[list[int]]:
    """The rows of each wave, in their order."""
    waves = sorted({change.wave for change in plan.writes()})
    return [[change.origin.row for change in plan.writes() if change.wave == wave] for wave in waves]


# ── waves by size ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        pytest.param("", [1, 29], id="by default one trunk, then the rest"),
        pytest.param(" ", [1, 29], id="nothing but a space"),
        pytest.param("all", [30], id="all at once"),
        pytest.param("100%", [30], id="the whole"),
        pytest.param("1,10%,100%", [1, 2, 27], id="sizes add up"),
        pytest.param("1, 10%, All", [1, 2, 27], id="spaces and case"),
        pytest.param("5", [5, 25], id="what is left over is one more wave"),
        pytest.param("5,10,30", [5, 5, 20], id="counts"),
        pytest.param("0.1%", [1, 29], id="a part of a trunk is a trunk"),
        pytest.param("12.5%,50%", [4, 11, 15], id="parts are rounded up"),
        pytest.param("50%,1", [15, 15], id="a size that is reached already is passed over"),
        pytest.param("1000", [30], id="more than there are"),
    ],
)
def test_sizes_say_how_much_is_done_after_each_wave(waves: str, expected: list[int]) -> None:
    """Trunks, or per cent of the trunks that change."""
    assert expected == sizes(assign(movers(30), Limits(waves=waves)))


def test_per_cents_are_exact() -> None:
    """1.1 % of 3,000 trunks are 33; in binary fractions they would be 34."""
    assert [33, 2967] == sizes(assign(movers(3000), Limits(waves="1.1%")))


@pytest.mark.parametrize(
    "waves", ["0", "-1", "ten", "1.5", "101%", "0%", "1,,2", "10all", "1,1", "5,3", "50%,10%", "٣"]
)
def test_sizes_that_make_no_sense_are_refused(waves: str) -> None:
    """Each wave adds to the one before; anything else is an error of usage that quotes it."""
    with pytest.raises(UsageError, match="--waves"):
        assign(movers(3), Limits(waves=waves))


def test_a_plan_without_writes_has_no_waves() -> None:
    """Nothing to try first."""
    plan = plan_of([want(0, "call", "A")], live({"call": "A"}))
    assert [0] == [change.wave for change in plan.changes]


def test_waves_given_later_take_the_place_of_the_plans_own() -> None:
    """Limits given to ``apply`` override those saved in a plan; the other limits stay."""
    plan = movers(10)
    again = assign(plan, Limits(waves="2,6", max_failures="3"))
    assert ([2, 4, 4], Limits(waves="2,6")) == (sizes(again), again.limits)
    assert plan == assign(assign(plan, Limits(waves="all")), Limits())


# ── what a wave never cuts ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_canary_is_the_smallest_thing_that_can_go_first() -> None:
    """A row of two channels stands first, but one trunk is less to try."""
    plan = plan_of([want(0, "both", "C"), want(1, "call", "D")], live({"call": "A", "whatsapp": "A"}, {"call": "B"}))
    assert [[3], [2, 2]] == by_wave(plan)


def test_a_row_of_two_channels_is_in_one_wave() -> None:
    """A wave ends with the row that reaches its size, not in the middle of it."""
    there = live(*({"call": name, "whatsapp": name} for name in "ABC"))
    plan = plan_of([want(i, "both", to) for i, to in enumerate("DEF")], there, limits=Limits(waves="1,3"))
    assert [[2, 2], [3, 3], [4, 4]] == by_wave(plan)


def test_a_ring_is_in_one_wave() -> None:
    """A parked trunk never waits on its spare for people to look at a wave."""
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "A")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}, {"call": "C"}), parking=(uuid("H"),))
    assert [0, 0, 0, 0] == [change.wave for change in plan.writes()]


def test_a_change_is_never_in_an_earlier_wave_than_one_it_needs() -> None:
    """Of a chain the far end is the canary, and the rest follows it."""
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "D")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}, {"call": "C"}), limits=Limits(waves="1,2,3"))
    assert [[4], [3], [2]] == by_wave(plan)


def test_agents_take_turns_within_a_wave() -> None:
    """A sheet sorted by agent does not try a whole wave out on one of them."""
    rows = [want(i, "call", to) for i, to in enumerate("CCCDDDEEE")]
    there = live(*({"call": "A"} for _ in rows))
    plan = plan_of(rows, there, occupancy=Occupancy.SHARED, limits=Limits(waves="1,4"))
    assert [[2], [3, 5, 8], [4, 6, 7, 9, 10]] == by_wave(plan)


def test_what_waits_for_two_changes_goes_after_both() -> None:
    """Agent A has two numbers against the rule: row 2 can only be tried when both have left."""
    rows = [want(0, "call", "A"), want(1, "call", "D"), want(2, "call", "E")]
    there = live({"call": "C"}, {"call": "A"}, {"call": "A"})
    plan = plan_of(rows, there, occupancy=Occupancy.EXCLUSIVE, limits=Limits(waves="1,2,3"))
    assert [[3], [4], [2]] == by_wave(plan)


def test_agents_take_turns_in_the_order_of_the_rows() -> None:
    """D was tried out by row 3, so row 5 comes before row 4, though row 4 is what row 2 waits for."""
    rows = [want(0, "call", "B"), want(1, "whatsapp", "D"), want(2, "call", "D"), want(3, "whatsapp", "E")]
    there = live({"call": "A"}, {"whatsapp": "A"}, {"call": "B"}, {"whatsapp": "C"})
    assert [[3], [5], [4], [2]] == by_wave(plan_of(rows, there, limits=Limits(waves="1,2,3")))


def test_what_a_change_frees_takes_its_turn_when_it_can() -> None:
    """Row 2 can only go after row 4, so it is not in the wave that row 3 fills."""
    rows = [want(0, "call", "B"), want(1, "call", "D"), want(2, "call", "C")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "E"}, {"call": "B"}), limits=Limits(waves="1,2"))
    assert [[3], [4], [2]] == by_wave(plan)


# ── waves by the sheet's column ───────────────────────────────────────────────────────────────────────────────────────


def test_the_sheets_own_waves_take_the_place_of_sizes() -> None:
    """Rows without a wave come last, and numbers without rows leave no gap."""
    rows = [want(0, "call", "C", ""), want(1, "call", "D", "30"), want(2, "call", "E", "7"), want(3, "call", "F", "7")]
    there = live(*({"call": "A"} for _ in rows))
    plan = plan_of(rows, there, header=WITH_WAVE, occupancy=Occupancy.SHARED, limits=Limits(waves="1"))
    assert [[4, 5], [3], [2]] == by_wave(plan)
    assert not plan.notes


def test_a_row_goes_later_than_its_wave_when_what_it_needs_does() -> None:
    """Row 2 wants to be first, but row 3 frees its agent in wave 2."""
    rows = [want(0, "call", "B", "1"), want(1, "call", "C", "2"), want(2, "call", "E", "1")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}, {"call": "D"}), header=WITH_WAVE)
    assert [[4], [3, 2]] == by_wave(plan)
    assert plan.notes == (
        "row 2 cannot go in the wave asked for: other rows that must go first, or along, ask for a later one",
    )


def test_the_rows_of_a_ring_go_with_the_latest_of_them() -> None:
    """A ring is not cut, whatever its rows ask for."""
    rows = [want(0, "call", "B", "1"), want(1, "call", "A", "3"), want(2, "call", "E", "2")]
    there = live({"call": "A"}, {"call": "B"}, {"call": "D"})
    plan = plan_of(rows, there, header=WITH_WAVE, parking=(uuid("H"),))
    assert [[4], [2, 3, 2]] == by_wave(plan)
    assert [note.split(" cannot ")[0] for note in plan.notes] == ["row 2"]


def test_a_wave_of_a_row_that_changes_nothing_does_not_count() -> None:
    """The column says nothing when only rows that are there already have it."""
    rows = [want(0, "call", "A", "1"), want(1, "call", "C", ""), want(2, "call", "D", "")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}, {"call": "E"}), header=WITH_WAVE)
    assert [[3], [4]] == by_wave(plan)


def test_a_saved_plan_keeps_the_sheets_waves() -> None:
    """Waves given to ``apply`` do not override what the sheet itself says."""
    rows = [want(0, "call", "C", "2"), want(1, "call", "D", "1")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}), header=WITH_WAVE)
    assert [[3], [2]] == by_wave(assign(plan, Limits(waves="all")))


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def shape(found: Sequence[Block]) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Each block: its changes, the blocks it needs, its trunks."""
    return [(block.changes, block.needs, block.trunks) for block in found]


def test_blocks_are_what_can_only_go_together() -> None:
    """A ring is a block, and so is a row; a block needs those that free its agents; what is kept is in none."""
    rows = [
        want(0, "call", "B"),
        want(1, "call", "A"),
        want(2, "both", "E"),
        want(3, "call", "C"),
        want(4, "call", "F"),
    ]
    there = live({"call": "A"}, {"call": "B"}, {"call": "C", "whatsapp": "C"}, {"call": "D"}, {"call": "F"})
    plan = plan_of(rows, there, parking=(uuid("H"),), limits=Limits(waves="all"))
    assert [
        *("row 2 call A⇢H", "row 3 call B→A", "row 2 call H→B"),
        *("row 4 call C→E", "row 4 whatsapp C→E", "row 5 call D→C"),
    ] == steps(plan)
    found = blocks(plan.changes)
    assert [((0, 1, 2), (), 2), ((3, 4), (), 2), ((5,), (1,), 1)] == shape(found)
    assert [uuid("B"), uuid("E"), uuid("C")] == [block.agent for block in found]
    assert ["row 2 call A⇢H", "row 4 call C→E", "row 5 call D→C"] == [step(plan, plan.changes[b.place]) for b in found]
