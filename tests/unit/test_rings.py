"""Rings: how they are found, which spares they may use, and who parks where."""

from __future__ import annotations

import pytest

from batch.core.model import AgentId, Channel, Number, Trunk
from batch.core.problems import describe
from batch.core.rings import Parking, find_rings, park, spares
from tests.plans import live, number, plan_of, uuid, want

CALL, WHATSAPP = Channel
S, T = AgentId("s"), AgentId("t")
TRUNK = Trunk(Number("+4930123456"), CALL)


@pytest.mark.parametrize(
    ("follower", "rings"),
    [
        pytest.param({}, (), id="nothing"),
        pytest.param({0: 1, 1: 2}, (), id="a chain"),
        pytest.param({0: 1, 1: 0}, ((0, 1),), id="a swap"),
        pytest.param({2: 0, 0: 1, 1: 2}, ((0, 1, 2),), id="begins with the smallest"),
        pytest.param({5: 3, 3: 4, 4: 5, 0: 1, 1: 0}, ((0, 1), (3, 4, 5)), id="two rings, sorted"),
        pytest.param({0: 1, 1: 2, 2: 1}, ((1, 2),), id="a chain that leads into a ring is not part of it"),
        pytest.param({1: 2, 2: 1, 0: 1}, ((1, 2),), id="a chain that leads into a ring found before"),
        pytest.param({0: 2, 1: 2}, (), id="two that leave one seat"),
    ],
)
def test_rings_are_found(follower: dict[int, int], rings: tuple[tuple[int, ...], ...]) -> None:
    """A ring is named once, from its smallest change on, in the order in which its members need each other."""
    assert rings == find_rings(follower)


def test_a_spare_is_free_now_and_wanted_by_no_row() -> None:
    """On each channel by itself: an agent that has a call number may still lend its whatsapp seat."""
    found = spares([S, T], {(S, CALL): [TRUNK]}, [(T, WHATSAPP)])
    assert {CALL: (T,), WHATSAPP: (S,)} == found


def test_a_spare_that_is_named_twice_is_one_spare() -> None:
    """Two rings must not be parked on one seat at once."""
    assert (S, T) == spares([S, T, S], {}, [])[CALL]


def test_rings_are_dealt_out_among_the_spares() -> None:
    """With two spares two rings go side by side; the third waits until the first has given its spare back."""
    parkings = park({CALL: [(0, 1), (2, 3), (4, 5)]}, {CALL: (S, T)})
    assert {0: Parking(S), 2: Parking(T), 4: Parking(S, after=0)} == parkings


def test_rings_of_two_channels_share_a_spare_agent_without_waiting() -> None:
    """The two channels of a spare are two seats."""
    parkings = park({CALL: [(0, 1)], WHATSAPP: [(2, 3)]}, {CALL: (S,), WHATSAPP: (S,)})
    assert {0: Parking(S), 2: Parking(S)} == parkings


# ── spares that were given and will not do ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "rows", "said"),
    [
        pytest.param([{"call": "H"}], [], f"it serves {number(2)} on call", id="held by a trunk"),
        pytest.param([{"call": "H"}], [want(2, "call", "F")], f"it serves {number(2)} on call", id="held until later"),
        pytest.param([{"call": "C"}], [want(2, "call", "H")], "row 4 asks for it", id="wanted by a row"),
    ],
)
def test_a_spare_that_is_not_free_is_named_with_what_keeps_it(more: list, rows: list, said: str) -> None:
    """On the channel of the ring; *name a free agent* alone would puzzle whoever has just named one."""
    there = live({"call": "A"}, {"call": "B"}, *more)
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A"), *rows], there, parking=(uuid("H"),))
    assert (
        f"these rows swap agents in a ring, B → A → B (the spare H is not free: {said}), so none can go first:"
        " row 2, row 3" == describe(plan.rows[0].problems[-1])
    )


def test_every_given_spare_is_told_once() -> None:
    """One is bought, the other is held."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "G"}, purchased=[{"call": "H"}])
    given = (uuid("G"), uuid("H"), uuid("G"))
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], there, parking=given)
    told = describe(plan.rows[0].problems[-1])
    assert f"the spare G is not free: it serves {number(2)} on call; the spare H is not free: it serves the" in told
    assert 1 == told.count("spare G")
