"""Rings: how they are found, which spares they may use, and who parks where."""

from __future__ import annotations

import pytest

from batch.core.model import AgentId, Channel, Number, Trunk
from batch.core.rings import Parking, find_rings, park, spares

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
