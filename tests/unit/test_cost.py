"""What applying a plan would take."""

from __future__ import annotations

import pytest

from batch.core.cost import believed, cost
from batch.core.model import Change, Plan
from tests.records import change, kept, plan

NOTHING = plan([], [kept()])


def writes(count: int, *, pages: int = 1, waves: int = 1, total: int = 200) -> Plan:
    """A plan of *count* numbers, spread over list pages and waves."""
    made: list[Change] = [
        change(i, of=i + 2, page=i % pages + 1 if pages else 0, wave=i * waves // count) for i in range(count)
    ]
    return plan([], made, trunks_total=total)


@pytest.mark.parametrize(
    ("made", "gets"),
    [
        (NOTHING, 0),
        (writes(1), 1 + 1),
        (writes(20), 1 + 1),
        (writes(20, waves=2), 1 + 1 + 1),
        (writes(20, pages=3, waves=2), 1 + 3 + 3),
        (writes(20, pages=0), 1 + 20),
        (writes(20, total=1050, waves=2), 1 + 6 + 6),
        (writes(4, total=1050, waves=2), 1 + 2 + 4),
    ],
    ids=[
        *("nothing to change", "one", "one page", "two waves", "three pages", "no list: one by one"),
        *("the list is longer than what is on it", "fewer numbers than pages"),
    ],
)
def test_reads_are_the_canarys_each_waves_and_the_last(made: Plan, gets: int) -> None:
    """Of each wave but the last, by list pages or number by number, whichever takes fewer calls."""
    assert gets == cost(made, 1000.0).gets


def test_the_look_that_comes_before_is_counted_where_it_is_still_to_come() -> None:
    """A plan is applied later, with a look of its own."""
    price = cost(writes(20), 1000.0, looking=18)
    assert (20, 18 + 2, 40 / 1000.0) == (price.puts, price.gets, price.seconds)


def test_looks_are_renewed_while_a_slow_run_goes_on() -> None:
    """102 calls at one a second: its two pages grow old three times."""
    assert cost(writes(98, pages=2), 1000.0).gets + 2 * 3 == cost(writes(98, pages=2), 1.0).gets


def test_no_more_looks_are_renewed_than_there_are_writes() -> None:
    """Each write needs one look at most."""
    assert cost(writes(60, pages=50), 1000.0).gets + 60 == cost(writes(60, pages=50), 1.0).gets


def test_without_a_known_rate_the_usual_limit_is_assumed() -> None:
    """And said to be."""
    price = cost(writes(20), None)
    assert (1.0, True, 22.0) == (price.per_second, price.usual, price.seconds)
    assert not cost(writes(20), 1.0).usual


@pytest.mark.parametrize(
    ("pace", "rate"),
    [
        ({"per_second": "2.5"}, 2.5),
        ({}, None),
        ({"per_second": ""}, None),
        ({"per_second": "0"}, None),
        ({"per_second": "inf"}, None),
        ({"per_second": "nan"}, None),
        ({"per_second": "soon"}, None),
    ],
    ids=["known", "an older record", "not known", "nought", "without end", "no number", "no figure"],
)
def test_the_rate_believed_in_is_the_one_in_the_record(pace: dict[str, str], rate: float | None) -> None:
    """Where it is one that a time can be told by."""
    assert rate == believed(pace)
