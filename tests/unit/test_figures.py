"""Figures as people say them."""

from __future__ import annotations

import pytest

from batch.core.figures import many, rows_said, share, span


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (40, 120, "40 of 120 (33 %)"),
        (1500, 3000, "1,500 of 3,000 (50 %)"),
        (5, 1050, "5 of 1,050 (under 1 %)"),
        (5, 1000, "5 of 1,000 (0 %)"),
        (0, 7, "0 of 7 (0 %)"),
        (3, 0, "3"),
    ],
    ids=["a third", "thousands", "too small for a per cent", "half a per cent", "none", "of nothing"],
)
def test_a_part_is_said_with_its_share(part: int, whole: int, said: str) -> None:
    """In whole per cent."""
    assert said == share(part, whole)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (40.4, "40 s"), (60, "1 min"), (725, "12 min"), (12_000, "3 h 20 min")],
    ids=["a moment", "seconds", "a minute", "minutes", "hours"],
)
def test_a_time_is_said_as_exactly_as_it_matters(seconds: float, said: str) -> None:
    """An estimate is no stopwatch."""
    assert said == span(seconds)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        ([7], "row 7"),
        ([3, 2], "rows 2–3"),
        ([2, 3, 4, 9, 9], "rows 2–4, 9"),
        (range(2, 40, 2), "rows 2, 4, 6, 8, 10, 12 and 13 more"),
        ([*range(2, 14, 2), *range(20, 30)], "rows 2, 4, 6, 8, 10, 12 and 10 more"),
    ],
    ids=["none", "one", "neighbours, sorted", "each once", "many", "a whole range is left"],
)
def test_rows_are_named_by_their_ranges_and_the_rest_is_counted(rows: list[int], said: str) -> None:
    """A sentence stays one."""
    assert said == rows_said(rows)


def test_one_of_a_kind_is_not_many() -> None:
    """Nor is none."""
    assert ["0 rows", "1 row", "1,200 rows"] == [many(count, "row") for count in (0, 1, 1200)]
