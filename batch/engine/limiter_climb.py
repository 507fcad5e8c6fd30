"""When to try more than is believed to be allowed, and by how much.

Nobody tells that a limit has grown: it must be tried, and each try that fails costs a refusal. So tries become rarer as
they fail, and each begins with a small step; a limit that has just become smaller may grow again, so it is tried soon.
"""

from __future__ import annotations

import math

from batch.engine.limiter_allowance import Allowance, Shape
from batch.engine.send_log import SendLog

TRY_AFTER, TRY_AT_MOST = 200, 600
"""Accepted calls before more is tried, doubled with each failure."""
TRY_SECONDS, TRY_AT_LEAST = 30.0, 60
"""Or so many seconds, and at least so many calls."""
HURRIED_SECONDS, HURRIED_AT_LEAST, UNSETTLED = 8.0, 20, 120.0
"""The same for so many seconds after the limit became smaller."""
LEAST, GENTLE, BOLD = 1.03, 1.125, 2.0
"""The first step, which failures make smaller, and the largest; each step is the square of the one before."""
GENTLE_SPANS, STEP_SECONDS, STEP_CALLS = 2.0, 1.0, 4
"""How long the first step lasts at least, and every step."""
SURPLUS, REACHED = 2, 0.7
"""Calls more than believed that make the first step good; share of what was tried that makes any other good."""
DEAR = 20.0
"""So many times the calls that the pause of a failed try cost are made before the next, unless TRY_SECONDS are over: of
pauses of a second a twentieth of the time is lost."""
TOLERATED, AT_FIRST, TRY_COSTS = 0.01, 1000, 2
"""Share of calls that may be refused, of so many at least, and how many a try may add: else it is put off."""
CREDIT, NO_CREDIT = 1.5, 0.9
"""Seconds: a bucket may hold what it regains in so many; what comes to less may be that, and no higher rate."""
EVEN_SPAN = 2.0
"""Seconds: in a shorter span more is tried evenly, for a bucket that holds little; a longer one would cost its time."""


class Climb:
    """Trying more, step by step, until it is refused. With a reserve only what may be far too little is raised."""

    def __init__(self, *, reserved: bool) -> None:
        self.steps = 0  # that were accepted
        self.bold = False  # what is known may be far too little
        self._reserved = reserved
        self._tried: Allowance | None = None
        self._base: Allowance | None = None  # what was believed before
        self._growth = self._gentle = GENTLE
        self._began = self._step_began = 0.0
        self._accepted = self._in_step = 0
        self._since = 0  # accepted since the last try
        self._rested_at = 0.0
        self._patience = TRY_AFTER
        self._unsettled_until = -math.inf
        self._calls = self._refused = 0  # since the limit was last seen to change

    @property
    def tried(self) -> Allowance | None:
        """What is tried just now, if anything."""
        return self._tried

    def allowance(self, known: Allowance, now: float, log: SendLog) -> Allowance | None:
        """What is tried instead of *known*, if anything; a window that is used up is waited for."""
        if self._tried is None and self._due(known, now) and not known.used_up(now, log):
            self._growth, self.steps, self._base = self._first_growth(known), 0, known
            self._began, self._accepted = now, 0
            self._step(known, now)
        return self._tried

    def _due(self, known: Allowance, now: float) -> bool:
        if self._reserved and not self.bold:
            return False
        seconds = now - self._rested_at
        if now < self._unsettled_until:
            soon = self._since >= HURRIED_AT_LEAST and seconds >= HURRIED_SECONDS
        elif self.bold or self._refused + TRY_COSTS <= TOLERATED * max(AT_FIRST, self._calls):
            soon = self._since >= max(TRY_AT_LEAST, 2 * known.count) and seconds >= TRY_SECONDS
        else:
            return False
        return soon or self._since >= self._patience

    def _first_growth(self, known: Allowance) -> float:
        """At least one call more in a second."""
        if self.bold:
            return BOLD
        return max(self._gentle, 1.0 + 1.0 / known.rate) if known.count == 1 else self._gentle

    def _step(self, known: Allowance, now: float) -> None:
        if known.count > 1:
            shape = Shape.EVENLY if known.span <= EVEN_SPAN else known.shape
            self._tried = Allowance(math.ceil(known.count * self._growth), known.span, shape, known.start)
        else:
            self._tried = Allowance(1, known.span / self._growth)
        self._step_began, self._in_step = now, 0

    def accepted(self, sent_at: float, now: float, known: Allowance) -> Allowance | None:
        """The server took a call; the allowance to believe in from now on, when that makes a step good."""
        self._since += 1
        self._calls += 1
        tried, base = self._tried, self._base
        if tried is None or base is None or sent_at < self._step_began:
            return None
        self._accepted += 1
        self._in_step += 1
        lasted = sent_at - self._step_began
        if lasted < self._seconds(known) or self._in_step < max(STEP_CALLS, 2 * base.count if self.bold else 0):
            return None
        gentle = self.steps == 0 and not self.bold
        if self._in_step < (known.rate * lasted + SURPLUS if gentle else REACHED * tried.rate * lasted):
            if not gentle or lasted > 2 * GENTLE_SPANS * max(1.0, known.span):  # it is not this limit that holds us up
                self.rest(now)
            return None
        self.steps += 1
        if self.bold or (self.steps == 1 and self._growth <= GENTLE) or self.surplus(now) > NO_CREDIT * base.rate:
            self._growth = min(BOLD, self._growth * self._growth)
        self._step(tried, now)
        return tried

    def _seconds(self, known: Allowance) -> float:
        """How long a step lasts at least."""
        if self.bold:
            return 0.0
        return max(STEP_SECONDS, known.span if self.steps else GENTLE_SPANS * known.span)

    def surplus(self, now: float) -> float:
        """How many calls were accepted beyond what was believed before."""
        return self._accepted - (self._base.rate if self._base else 0.0) * (now - self._began)

    def failed(self, now: float, pause: float) -> Allowance:
        """More was refused, and *pause* seconds were lost by it. Returns what was believed before all this."""
        assert self._base is not None
        most = max(TRY_AT_MOST, 4 * self._base.count)
        self._patience = max(TRY_AFTER, min(2 * self._patience, most), math.ceil(DEAR * pause * self._base.rate))
        smaller = self.steps == 0 and self._base.count == 1
        self._gentle = max(LEAST, math.sqrt(self._gentle)) if smaller else GENTLE
        self.bold = False
        self.rest(now)
        return self._base

    def wait(self, now: float, calls: int, *, bold: bool = False) -> None:
        """Something was learned: no more trying for so many calls. *bold*: it may be far too little."""
        self._patience, self.bold = calls, bold
        self.rest(now)

    def rest(self, now: float) -> None:
        """No more trying for a while."""
        self._tried = None
        self._since, self._rested_at = 0, now

    def refused(self) -> None:
        """The server refused a call."""
        self._refused += 1

    def hurry(self, now: float) -> None:
        """The limit has become smaller."""
        self._unsettled_until = now + UNSETTLED
        self._calls = self._refused = 0

    def settle(self) -> None:
        """It has grown again."""
        self._unsettled_until = -math.inf
        self._calls = self._refused = 0
