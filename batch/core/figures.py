"""Figures as people say them, the same on the terminal and in the reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

MOST_NAMED = 6
"""Rows, or ranges of rows, that a sentence names before it only counts."""

_MINUTE, _HOUR = 60, 3600


def share(part: int, whole: int) -> str:
    """``40 of 120 (33 %)``; a part too small to be a per cent is said to be under one."""
    if not whole:
        return f"{part:,}"
    small = part and part * 200 < whole
    return f"{part:,} of {whole:,} ({'under 1' if small else f'{part * 100 / whole:.0f}'} %)"


def many(count: int, noun: str) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """A length of time as people say it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / _MINUTE)
    if seconds < _HOUR:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def rows_said(rows: Iterable[int]) -> str:
    """``row 7``, ``rows 2–11, 14``, ``rows 2, 4, 6, 8, 10, 12 and 30 more``; nothing for no row."""
    named: list[str] = []
    left = 0
    for first, last in _ranges(sorted(set(rows))):
        if len(named) < MOST_NAMED:
            named.append(f"{first}" if first == last else f"{first}–{last}")
        else:
            left += last - first + 1
    if not named:
        return ""
    more = f" and {left:,} more" if left else ""
    return f"row{'' if len(named) == 1 and named[0].isdigit() else 's'} {', '.join(named)}{more}"


def _ranges(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbours together, as their first and their last."""
    for _, group in groupby(enumerate(rows), key=lambda placed: placed[1] - placed[0]):
        run = [row for _, row in group]
        yield run[0], run[-1]
