"""So many calls in so many seconds, and in which shape they may leave."""

from __future__ import annotations

import math
from enum import IntEnum

from batch.engine.send_log import SLACK, SendLog

UNPROVEN = 4
"""Calls under way at the start of a window that we only believe to have begun."""
FIRST_AT_LEAST, FIRST_PART = 4, 5
"""So many calls leave before the first answer even of a rate that was typed in, or this part of the count; and one more
for every one accepted."""


class Shape(IntEnum):
    """What the count is kept in; each is stricter than the one before, and wastes a little more."""

    WINDOW = 0  # windows that begin with a call of ours, as the server's do
    ANYWHERE = 1  # any span, wherever it begins: the server's windows begin by the clock
    EVENLY = 2  # one by one, at equal distances: a bucket that holds little


class Allowance:
    """*count* calls in *span* seconds."""

    __slots__ = ("_proven", "_start", "count", "shape", "span")

    def __init__(self, count: int, span: float, shape: Shape = Shape.WINDOW, start: float = -math.inf) -> None:
        self.count = count
        self.span = span
        self.shape = Shape.EVENLY if count == 1 else shape
        self._start = start  # of the window under way
        self._proven = start  # and whether a call of it was accepted

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.count / self.span

    @property
    def start(self) -> float:
        """When the window under way began."""
        return self._start

    def booked(self, now: float, log: SendLog) -> None:
        """A call leaves now; *log* does not hold it yet."""
        if self._start > -math.inf and now < log.first_arrival(self._start) + self.span:
            return
        if log.since(self._start) < self.count:  # there was room left, so whenever the next one begins is fine
            self._proven = now
        self._start = min(now, log.first_since(self._start + self.span * (1.0 - 1.0 / SLACK)))

    def accepted(self, sent_at: float) -> None:
        """The server took the call sent then."""
        self._proven = max(self._proven, sent_at)

    def wait(self, now: float, log: SendLog) -> float:
        """Seconds until one more call is allowed; 0.0 = now, infinity = an answer must come first."""
        if self.shape is Shape.WINDOW:
            if log.since(self._start) < self.count:
                return 0.0 if self._proven >= self._start or log.in_flight < UNPROVEN else math.inf
            return max(0.0, log.first_arrival(self._start) + self.span - now)
        seconds = 0.0 if self.count == 1 else log.wait_for(self.count, self.span, now)
        if self.shape is Shape.EVENLY:
            seconds = max(seconds, log.last() + self.span / self.count - now)
        return seconds

    def used_up(self, now: float, log: SendLog) -> bool:
        """Whether the whole count has left in the span under way."""
        if self.shape is Shape.WINDOW:
            return self.wait(now, log) > 0.0
        return self.count > 1 and log.wait_for(self.count, self.span, now) > 0.0

    def __str__(self) -> str:
        return f"{self.rate:.3g} per second" if self.count == 1 else f"{self.count} per {self.span:g} s"

    def soften(self, *, fully: bool = False) -> bool:
        """Take the next stricter shape, or the strictest; False when there is none."""
        if self.shape is Shape.EVENLY:
            return False
        self.shape = Shape.EVENLY if fully else Shape(self.shape + 1)
        return True


class Typed:
    """A rate that was typed in: no more than *count* calls leave in any *span* seconds, or arrive, as far as one knows.

    Refusals make it stricter still: there are servers that allow a rate, but not all its calls at once.
    """

    def __init__(self, count: int, span: float) -> None:
        self._allowance = Allowance(count, span, Shape.ANYWHERE)
        self._first = max(FIRST_AT_LEAST, count // FIRST_PART)
        self._accepted = 0

    def wait(self, now: float, log: SendLog) -> float:
        """Seconds until one more call is allowed; 0.0 = now, infinity = an answer must come first."""
        if log.in_flight >= self._first + self._accepted:
            return math.inf
        return self._allowance.wait(now, log)

    def booked(self, now: float, log: SendLog) -> None:
        """A call leaves now; *log* does not hold it yet."""
        self._allowance.booked(now, log)

    def accepted(self, sent_at: float) -> None:
        """The server took the call sent then."""
        self._accepted += 1
        self._allowance.accepted(sent_at)

    def refused(self) -> bool:
        """A call was refused nevertheless; False when that cannot be helped by keeping the rate more strictly."""
        return self._allowance.soften(fully=self._accepted < self._allowance.count)
