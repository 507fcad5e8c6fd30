"""What was sent when, and what is still under way: the pacer's memory. Times are of the caller's monotonic clock."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter

KEEP = 200_000
"""So many send times are kept (1.6 MB): more than any limit we hold to allows within its span."""
GENERATION = 64
TICK = 1e-6
"""Seconds too short to wait for: the sum of a clock and a difference may round them away."""


class SendLog:
    """Send times in order. A call is under way from :meth:`book` until :meth:`ended`."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._under_way: Counter[float] = Counter()
        self._alone_at = -math.inf
        self._counted = 0
        self.in_flight = 0
        self.total = 0

    def book(self, now: float) -> None:
        """A call leaves now."""
        self._alone_at = now if self.in_flight == 0 else -math.inf
        self._times.append(now)
        self._under_way[now] += 1
        self.in_flight += 1
        self.total += 1
        self._counted += 1
        if len(self._times) > 2 * KEEP:
            del self._times[:KEEP]

    def ended(self, sent_at: float) -> bool:
        """The call sent then is over. True when no other call was under way at any time during it."""
        if self._under_way[sent_at] > 1:
            self._under_way[sent_at] -= 1
        else:
            del self._under_way[sent_at]
        self.in_flight -= 1
        return self._alone_at == sent_at and self.in_flight == 0

    def forget(self, sent_at: float) -> None:
        """The call sent then was not counted by the server, or never left."""
        index = bisect_right(self._times, sent_at) - 1
        if index >= 0 and self._times[index] == sent_at:
            del self._times[index]
            self._counted -= 1

    def after(self, sent_at: float) -> int:
        """How many calls the server sees after the one sent then; of several sent at once, those not yet answered."""
        return len(self._times) - bisect_right(self._times, sent_at) + self._under_way.get(sent_at, 0)

    def position(self, sent_at: float) -> int:
        """The how-manieth call the one sent then is for the server, as far as order of sending tells."""
        return self._counted - self.after(sent_at)

    def between(self, start: float, end: float) -> int:
        """How many calls left in ``start < t <= end``."""
        return bisect_right(self._times, end) - bisect_right(self._times, start)

    def since(self, start: float) -> int:
        """How many calls left at *start* or later."""
        return len(self._times) - bisect_left(self._times, start)

    def wait_for(self, count: int, span: float, now: float) -> float:
        """Seconds until one more call keeps to *count* calls in any *span* seconds; 0.0 = now."""
        if len(self._times) < count:
            return 0.0
        return max(0.0, self._times[-count] + span - now)


class Latency:
    """How long answers take, lately: the shortest, the longest and the usual, in seconds."""

    def __init__(self) -> None:
        self._low, self._high = math.inf, 0.0
        self._last_low, self._last_high = math.inf, 0.0
        self._seen = 0
        self.usual = 0.0

    def saw(self, seconds: float) -> None:
        """Take one answer's time into account; two generations of answers are remembered."""
        if self._seen == GENERATION:
            self._last_low, self._last_high = self._low, self._high
            self._low, self._high, self._seen = math.inf, 0.0, 0
        self._seen += 1
        self._low, self._high = min(self._low, seconds), max(self._high, seconds)
        self.usual = seconds if self.usual == 0.0 else 0.9 * self.usual + 0.1 * seconds

    def spread(self, span: float) -> float:
        """By how much one call may overtake another on the way, at most a twentieth of *span*.

        The way there varies no more than the whole; an answer may be slow for other reasons, hence the bound.
        """
        low, high = min(self._low, self._last_low), max(self._high, self._last_high)
        return min(high - low, span / 20) if high > 0.0 else 0.0
