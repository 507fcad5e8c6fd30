"""What rows say against each other, as far as the sheet alone shows it."""

from __future__ import annotations

import pytest

from batch.core.normalise import normalise
from batch.core.offline import contradictions
from batch.core.problems import describe
from tests.builders import table
from tests.plans import number, uuid, want


def told(*rows: tuple[str, ...]) -> list[tuple[int, str]]:
    """The rows that are complained about, and on which channel."""
    return [(problem.origin.row, problem.detail) for problem in contradictions(normalise(table(*rows)).requests)]


@pytest.mark.parametrize(
    ("one", "other", "channel"),
    [
        pytest.param("call", "call", "call", id="the same channel"),
        pytest.param("call, whatsapp", "wa", "whatsapp", id="one channel of two"),
        pytest.param("all", "call", "call", id="all and one of them"),
        pytest.param("all", "both", "every channel", id="all twice"),
    ],
)
def test_rows_that_give_a_trunk_to_two_agents_both_have_a_problem(one: str, other: str, channel: str) -> None:
    """A uuid each."""
    assert told((number(0), one, uuid("A")), (number(0), other, uuid("B"))) == [(2, channel), (3, channel)]


def test_rows_between_that_name_other_numbers_have_none() -> None:
    """However far the two are from each other."""
    rows = [(number(i), "call", uuid("A")) for i in (0, 1, 2)]
    assert told(*rows, (number(0), "call", uuid("B"))) == [(2, "call"), (5, "call")]


def test_two_names_are_two_agents() -> None:
    """A name is exact, or it is none."""
    assert told((number(0), "call", "Ayşe"), (number(0), "call", "Bob")) == [(2, "call"), (3, "call")]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((number(0), "call", uuid("A")), id="the same agent"),
        pytest.param((number(0), "whatsapp", uuid("B")), id="another channel"),
        pytest.param((number(1), "call", uuid("B")), id="another number"),
        pytest.param((number(0), "call", "Ayşe"), id="a name, which may be that agent's"),
    ],
)
def test_rows_that_can_both_be_meant_have_no_problem(other: tuple[str, ...]) -> None:
    """Only the live state knows more."""
    assert told((number(0), "call", uuid("A")), other) == []


def test_a_contradiction_names_the_trunk_and_the_other_row() -> None:
    """In the words that a plan uses."""
    first, _ = contradictions(normalise(table(want(0, "call", "A"), want(0, "call", "B"))).requests)
    assert describe(first) == f"{number(0)} on call is given to another agent in row 3"
    assert uuid("A") not in describe(first)
