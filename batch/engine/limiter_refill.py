"""Whether, and how fast, a server's quota fills up again while one watches: a bucket does, a fixed window does not.

What is left after a call, and the calls that came before it, together make a sum that only a refill can raise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from batch.engine.send_log import TICK, SendLog

FIRST_GAIN = 2
"""Calls regained: one might be rounding, two are a refill."""
FULLS, TOO_SHORT = 3, 0.9
"""So many calls in so many seconds that found it full: windows are longer, and each has one such call."""
FASTER, SLOWER = 1.1, 0.9
"""What is made of the rate when a bucket is full although we waited, and when it is empty although we did."""
SURE_GAIN = 10
REFILL_SPAN = 10.0
"""Seconds over which a refill is measured; long enough to be exact, short enough to notice a change."""


class Heard(NamedTuple):
    """An answer: when its call was sent, when it came, and when the call had arrived at the latest.

    ``before`` calls had surely arrived before it, for they had been answered when it was sent.
    """

    sent_at: float
    now: float
    arrived: float
    before: int


class Refill:
    """Calls per second regained; ``None`` = not known yet."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._most = math.inf  # the sum, at most, and since when
        self._since = -math.inf
        self._suspected_at = math.inf
        self._fulls: tuple[tuple[float, int], ...] = ()  # when calls found it full, and how many were sent before
        self._full_at = -math.inf
        self._held = False
        self._too_fast = math.inf
        self._anchor: tuple[float, int, int] | None = None  # when, and the sum, at least and at most
        self._next_anchor: tuple[float, int, int] | None = None

    def full(self, heard: Heard) -> bool:
        """The call found it full; true when that was so too often for a window."""
        here = (heard.sent_at, heard.before)
        first = self._fulls[0] if len(self._fulls) == FULLS - 1 else (-math.inf, 0)
        self._fulls = (*self._fulls, here)[-(FULLS - 1) :]
        seconds = heard.now - first[0]
        if not TICK < seconds < TOO_SHORT:
            return False
        self._begin(max(1, here[1] - first[1]) / seconds)
        return True

    def restart(self, at: float = -math.inf, most: float = math.inf) -> None:
        """The quota was full, or jumped: what was regained before says nothing."""
        self._since, self._most, self._suspected_at = at, most, math.inf

    def gained(self, least: int) -> float:
        """How many calls were surely regained when the sum is *least* or more."""
        return least - self._most

    def notice(self, heard: Heard, least: int, most: int, *, told: bool) -> bool:
        """Take in a sum that no jump explains; true when it shows that this is a bucket, unless a window is *told*."""
        gain = self.gained(least)
        if most < self._most:
            if self._most == math.inf:
                self._since = heard.sent_at
            self._most = most
        if told or gain < FIRST_GAIN:
            return False
        if heard.sent_at < self._suspected_at:  # a window that began under way may look like this: wait for one more
            self._suspected_at = min(self._suspected_at, heard.now)
            return False
        self._begin((gain - 1) / (heard.now - self._since))
        return True

    def _begin(self, rate: float) -> None:
        """This is a bucket; *rate* is what it surely regains."""
        self.rate, self._anchor = rate, None

    def measure(self, remaining: int, limit: int, heard: Heard, log: SendLog) -> None:
        """The refill over the last seconds, at least; where it was full meanwhile, it may be more."""
        least, most = remaining + heard.before + 1, remaining + log.counted
        if remaining + 1 >= limit:
            self._full_at = heard.now
            if self._held and self.rate is not None:  # and yet we waited: more is regained than believed
                self.rate, self._held = min(self.rate * FASTER, self._too_fast * SLOWER), False
        if self._anchor is None or self._next_anchor is None:
            self._anchor = self._next_anchor = (heard.sent_at, least, most)
            return
        gain, span = least - self._anchor[2] - 1, heard.now - self._anchor[0]  # what is told is rounded down
        if span >= REFILL_SPAN / 2 and self._full_at < self._anchor[0]:
            self._set(gain / span, nothing=most <= self._anchor[1])
        elif gain >= SURE_GAIN and self.rate is not None:
            self.rate = max(self.rate, gain / span)
        if span > REFILL_SPAN:
            self._anchor, self._next_anchor = self._next_anchor, (heard.sent_at, least, most)
        elif self._next_anchor == self._anchor and span > REFILL_SPAN / 2:
            self._next_anchor = (heard.sent_at, least, most)

    def _set(self, rate: float, *, nothing: bool) -> None:
        if nothing:  # was regained in all that time: it is no bucket after all
            self.rate = None
        elif rate > 0.0:
            self.rate = rate

    def held(self) -> None:
        """A call had to wait for the refill."""
        self._held = True

    def correct(self) -> None:
        """Nothing left where something was expected: the bucket fills more slowly than believed."""
        if self.rate is not None:
            self._held, self._too_fast = False, self.rate
            self.rate *= SLOWER
