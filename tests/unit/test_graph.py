"""The two graph questions: an order with a preference, and what belongs together."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.graph import backwards, components, in_order

LONG = 2 * sys.getrecursionlimit()


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Up to seven nodes with any needs, a node's own and doubled ones included."""
    size = draw(st.integers(0, 7))
    return [draw(st.lists(st.integers(0, size - 1), max_size=3)) for _ in range(size)]


def reach(needs: Sequence[Sequence[int]]) -> list[set[int]]:
    """For each node all that it needs, directly or not."""
    reached = [set(needed) for needed in needs]
    for _ in needs:
        reached = [mine.union(*(reached[other] for other in mine)) for mine in reached]
    return reached


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([[], [], []], [0, 1, 2], id="as they stand"),
        pytest.param([[2], [], []], [1, 2, 0], id="the needed one first"),
        pytest.param([[1, 1], []], [1, 0], id="needed twice"),
        pytest.param([[1], [0], [], [0]], [2], id="a ring, and who needs it, are left out"),
    ],
)
def test_a_node_comes_after_all_it_needs(needs: list[list[int]], order: list[int]) -> None:
    """Needs first; otherwise the order given."""
    assert order == in_order(needs, [(0, node) for node in range(len(needs))])


def test_among_those_that_could_come_next_the_preferred_one_does() -> None:
    """A smaller preference goes first, whatever its place."""
    assert [2, 1, 0] == in_order([[], [], []], [(2, 0), (1, 1), (0, 2)])


@given(graphs())
def test_an_order_holds_exactly_the_nodes_that_need_no_ring(needs: list[list[int]]) -> None:
    """Nothing is lost but what can never come, and everything stands after its needs."""
    order = in_order(needs, [(0, node) for node in range(len(needs))])
    place = {node: position for position, node in enumerate(order)}
    reached = reach(needs)
    ringed = {node for node in range(len(needs)) if node in reached[node]}
    assert {n for n in range(len(needs)) if n not in ringed and not ringed & reached[n]} == set(order)
    assert all(place[other] < place[node] for node in order for other in needs[node])


def test_backwards_names_who_needs_a_node() -> None:
    """As often as it is needed."""
    assert [[1, 1, 2], [2], []] == [list(who) for who in backwards([[], [0, 0], [0, 1]])]


@given(graphs())
def test_a_component_is_what_needs_each_other_and_is_numbered_above_its_needs(needs: list[list[int]]) -> None:
    """Two nodes share a component exactly when each needs the other; numbers have no gaps."""
    found, reached = components(needs), reach(needs)
    for node, mine in enumerate(reached):
        for other in range(len(needs)):
            together = node == other or (other in mine and node in reached[other])
            assert together == (found[node] == found[other])
            assert found[other] <= found[node] or other not in mine
    assert set(range(len(set(found)))) == set(found)


@pytest.mark.parametrize("closed", [False, True], ids=["chain", "ring"])
def test_a_long_chain_meets_no_recursion_limit(closed: bool) -> None:
    """A sheet may be one chain from its first row to its last."""
    needs = [[node + 1] for node in range(LONG - 1)] + [[0] if closed else []]
    assert (1 if closed else LONG) == len(set(components(needs)))
    assert (0 if closed else LONG) == len(in_order(needs, [(0, node) for node in range(LONG)]))
