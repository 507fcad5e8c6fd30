"""What was sent when, and what is still under way: the pacer's memory. Times are of the caller's monotonic clock.

A server counts a call when it arrives, which nobody tells us. It cannot have been later than the answer less the way
back, so it is kept as if every call travelled in no time at all but arrived somewhat late: by what its round trip took
longer than the fastest of all. A call that leaves now arrives no earlier than now.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort

KEEP = 200_000
"""So many send times are kept (3 MB): more than any limit we hold to allows within its span."""
GENERATION = 500
TICK = 1e-6
"""Seconds too short to wait for: the sum of a clock and a difference may round them away."""
SLACK, LATE = 20, 10
"""An answer may be slow for other reasons than the way: one call overtakes another by a twentieth of a limit's span at
most, and is taken to have arrived late by a tenth of it at most."""
UNSEEN, FEW_SEEN = 4.0, 1.0
"""The fastest of n round trips is slower than the fastest possible by some 1.25 × (usual - fastest) ÷ √n (two uniform
ways); thrice as much is left for the one that is faster still, so that it hardly ever is. And of few answers we do not
know how much they vary: at least the whole ÷ √n is left."""


class SendLog:
    """Send times in order. A call is under way from :meth:`book` until :meth:`ended`.

    ``in_flight`` are those that may still be on their way: not those that hang, for which nobody waits any more
    (:meth:`pass_over`). ``span`` is that of the tightest limit, in seconds, as far as it is known.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._arrived: list[float] = []  # for each counted call, the latest moment it can have arrived
        self._under_way: dict[float, tuple[int, float, int]] = {}  # sent at → how many, arrived by, ended before
        self.counted = 0
        self.span = 1.0
        self.in_flight = 0
        self._hung: dict[float, int] = {}  # sent at → how many
        self._answered = -math.inf  # when the last of the calls that were answered had left
        self.total = 0

    def book(self, now: float) -> None:
        """A call leaves now."""
        self._times.append(now)
        many, latest, before = self._under_way.get(now) or (0, now + self.span / LATE, self.counted - self.under_way)
        self._under_way[now] = (many + 1, latest, before)
        insort(self._arrived, latest)
        self.in_flight += 1
        self.total += 1
        self.counted += 1
        if len(self._times) > 2 * KEEP:
            del self._times[:KEEP], self._arrived[:KEEP]

    def ended(self, sent_at: float, arrived: float | None = None, *, counted: bool = True) -> None:
        """The call sent then is over, *arrived* by then if that is known; not *counted*: as if it had never left."""
        many, latest, before = self._under_way.pop(sent_at)
        if many > 1:
            self._under_way[sent_at] = (many - 1, latest, before)
        if sent_at not in self._hung:
            self.in_flight -= 1
        elif self._hung[sent_at] == 1:
            del self._hung[sent_at]
        else:
            self._hung[sent_at] -= 1
        if arrived is not None and sent_at > self._answered:
            self._answered = sent_at
        if not counted:
            self._remove(self._times, sent_at)
            self._remove(self._arrived, latest)
            self.counted -= 1
        elif arrived is not None and arrived < latest:
            self._remove(self._arrived, latest)
            insort(self._arrived, max(arrived, sent_at))

    @property
    def under_way(self) -> int:
        """How many calls have not ended, the hung ones among them."""
        return self.in_flight + sum(self._hung.values())

    def overtaken(self) -> float:
        """When the oldest call left that is waited for although a later one was answered; infinity if there is none."""
        waited_for = (sent_at for sent_at in self._under_way if sent_at not in self._hung)
        oldest = min(waited_for, default=math.inf)
        return oldest if oldest < self._answered else math.inf

    def pass_over(self, sent_at: float) -> None:
        """Wait no longer for what left then: wherever it hangs, it is on its way no more."""
        many, _, _ = self._under_way[sent_at]
        self._hung[sent_at] = many
        self.in_flight -= many

    @staticmethod
    def _remove(times: list[float], one: float) -> None:
        index = bisect_right(times, one) - 1
        if index >= 0 and times[index] == one:
            del times[index]

    def after(self, sent_at: float) -> int:
        """How many calls the server sees after the one sent then; of several sent at once, those not yet answered."""
        many, _, _ = self._under_way.get(sent_at, (0, 0.0, 0))
        return len(self._times) - bisect_right(self._times, sent_at) + many

    def before(self, sent_at: float) -> int:
        """How many calls had ended when the one sent then left; it is still under way."""
        return self._under_way[sent_at][2]

    def between(self, start: float, end: float) -> int:
        """How many calls left in ``start < t <= end``."""
        return bisect_right(self._times, end) - bisect_right(self._times, start)

    def since(self, start: float) -> int:
        """How many calls left at *start* or later."""
        return len(self._times) - bisect_left(self._times, start)

    def nth_last(self, count: int) -> float:
        """When the *count*-th last call left; minus infinity if there were not so many."""
        return self._times[-count] if count <= len(self._times) else -math.inf

    def first_since(self, start: float) -> float:
        """When the first call at *start* or later left; infinity if none did."""
        index = bisect_left(self._times, start)
        return self._times[index] if index < len(self._times) else math.inf

    def last(self) -> float:
        """When the last call left; minus infinity if none did."""
        return self._times[-1] if self._times else -math.inf

    def first_arrival(self, start: float) -> float:
        """When the first of the calls that left at *start* or later arrived, at the latest; infinity if none left."""
        index = bisect_left(self._arrived, start)
        return self._arrived[index] if index < len(self._arrived) else math.inf

    def arrival(self, nth_last: int, start: float) -> float:
        """When the *nth_last* call arrived, at the latest; but not before the first that left at *start* or later."""
        arrived = self._arrived
        nth = arrived[-nth_last] if 0 < nth_last <= len(arrived) else -math.inf
        return max(nth, self.first_arrival(start))

    def wait_for(self, count: int, span: float, now: float) -> float:
        """Seconds until one more call keeps to *count* arrivals in any *span* seconds; 0.0 = now."""
        if len(self._arrived) < count:
            return 0.0
        return max(0.0, self._arrived[-count] + span - now)


class Latency:
    """How long answers take, lately: the shortest, the longest and the usual, in seconds."""

    def __init__(self) -> None:
        self._low, self._high, self._seen = math.inf, 0.0, 0
        self._last_high, self._last_seen = 0.0, 0
        self._lowest = self._last_low = math.inf
        self.usual = 0.0

    def saw(self, seconds: float) -> None:
        """Take one answer's time into account; two generations of answers are remembered."""
        if self._seen == GENERATION:
            self._lowest = self._low
            self._last_low, self._last_high, self._last_seen = self._low, self._high, self._seen
            self._low, self._high, self._seen = math.inf, 0.0, 0
        self._seen += 1
        if seconds < self._low:
            self._low = seconds
            self._lowest = min(seconds, self._last_low)
        self._high = max(self._high, seconds)
        self.usual = seconds if self.usual == 0.0 else 0.9 * self.usual + 0.1 * seconds

    def fastest(self) -> float:
        """The shortest round trip that is likely to be possible; infinity before the first."""
        low = self._lowest
        if low == math.inf:
            return low
        unseen = max(UNSEEN * (self.usual - low), FEW_SEEN * low) / math.sqrt(self._seen + self._last_seen)
        return low - unseen if low > unseen else 0.0

    def spread(self, span: float) -> float:
        """By how much one call may overtake another on the way, at most a twentieth of *span*.

        The way there varies no more than the whole; an answer may be slow for other reasons, hence the bound.
        """
        high = max(self._high, self._last_high)
        return min(high - self._lowest, span / SLACK) if high > 0.0 else 0.0
