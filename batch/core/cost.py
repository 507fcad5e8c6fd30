"""What applying a plan would take: calls, and the time they need at the rate that is believed in."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from batch.core.model import Change, Number, Plan

USUAL_PER_SECOND = 1.0
"""The limit a stock server of this kind has, 60 calls a minute (API.md §5): assumed where no rate is known."""

PER_PAGE = 200
"""Items asked for on a list page (:mod:`batch.engine.snapshot`); a server may give fewer."""

FRESH = 30.0
"""Seconds after which a look is too old to decide a write on, unless ``--max-age`` says otherwise."""


class Cost(Struct, frozen=True):
    """What applying a plan takes: writes, reads, and seconds at *per_second* calls; ``usual`` is an assumed rate."""

    puts: int
    gets: int
    per_second: float
    usual: bool

    @property
    def seconds(self) -> float:
        """The time the calls take at that rate."""
        return (self.puts + self.gets) / self.per_second


def cost(plan: Plan, per_second: float | None, *, looking: int = 0) -> Cost:
    """The cost of *plan*; without a known rate the platform's usual limit is assumed, and said to be.

    *looking* is how many calls the look before it takes, where that is still to come. The reads are those of a run in
    which nothing goes wrong: the first change is read back, each wave is looked at, and in the end everything.
    """
    writes = plan.writes()
    rate = per_second or USUAL_PER_SECOND
    gets = looking + _looks(plan, writes)
    touched = len({change.page or change.trunk.number for change in writes})
    renewals = int((len(writes) + gets) / rate / FRESH) * touched
    return Cost(len(writes), gets + min(len(writes), renewals), rate, per_second is None)


def believed(pace: Mapping[str, str]) -> float | None:
    """The rate that a run came to believe in, in calls per second, from its record; ``None`` when it saw no limit."""
    try:
        rate = float(pace.get("per_second", ""))
    except ValueError:
        return None
    return rate if 0 < rate < math.inf else None


def _looks(plan: Plan, writes: tuple[Change, ...]) -> int:
    """The looks at what was written: at the first change, at every wave but the last, at everything."""
    if not writes:
        return 0
    pages = max(change.page for change in writes)
    if pages:
        pages = max(pages, math.ceil(plan.trunks_total / PER_PAGE))
    waves: dict[int, set[Number]] = {}
    for change in writes:
        waves.setdefault(change.wave, set()).add(change.trunk.number)
    groups = [waves[wave] for wave in sorted(waves)][:-1]
    return 1 + sum(_look(len(group), pages) for group in (*groups, set().union(*waves.values())))


def _look(numbers: int, pages: int) -> int:
    """By list pages or number by number, whichever takes fewer calls."""
    return min(numbers, pages) if pages else numbers
