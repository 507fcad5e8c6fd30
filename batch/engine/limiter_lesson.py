"""What one refusal teaches about a limit that nobody tells.

A refusal says: the server has nothing left *now*. How much it took until then, how long that lasted, and when it takes
calls again, tell a window from a bucket, and how much either gives.
"""

from __future__ import annotations

import math

from msgspec import Struct

from batch.engine.limiter_allowance import Allowance, Shape
from batch.engine.limiter_mirror import window_of
from batch.engine.send_log import TICK, Latency, SendLog

MARKS = (1.0, 10.0, 60.0)
"""Seconds: the windows people configure most."""
FIRST_PAUSE, LONGEST_PAUSE, SLOWER = 0.1, 60.0, 3.0
"""Seconds, or a round trip, after a refusal that does not say how long; tripled each time it was too short."""
FEW, SOME, SEVERAL = 8, 3, 2
"""Calls that make a measurement; that say something about a rate; that are refused together by a window."""
KNOCKED = 0.995
"""Of a window: a call that was refused after so much of it came at its end, as far as the jitter allows."""
FULL = 0.8
"""Of a rate that was only estimated, so much is under way at first."""


class Lesson:
    """Calls refused together, and the knocking until one is accepted again."""

    def __init__(self, sent_at: float, now: float, *, began: float, width: int, told: float | None) -> None:
        self.at = sent_at  # the server surely had nothing left
        self.last = sent_at  # the same, the last time
        self.heard_at = now
        self.began = began  # the first call of the window, or after the server took calls again
        self.width = width  # so many were under way
        self.told = told  # seconds, by the call at *last*
        self.refused = 1  # together
        self.knocks = 0  # refused afterwards, one by one
        self.last_sent = sent_at  # of all before the knocking
        self.accepted = 0  # since *began*
        self.late = 0  # of them, surely later than a call that was refused

    @property
    def lasted(self) -> float:
        """Seconds from the first call to the first refusal."""
        return max(self.at - self.began, TICK)

    def refuse(self, sent_at: float, told: float | None) -> None:
        """One more call was refused."""
        if sent_at >= self.heard_at:
            self.knocks += 1
            self.last, self.told = sent_at, told
            return
        self.refused += 1
        self.last_sent = max(self.last_sent, sent_at)
        if sent_at < self.at:
            self.at, self.last, self.told = sent_at, sent_at, told

    def count(self, log: SendLog, latency: Latency) -> None:
        """Every call before the knocking was answered: take stock."""
        if self.knocks == 0:
            self.accepted = log.since(self.began)
            self.late = log.since(self.at + latency.spread(1.0) + TICK)
            self.last_sent = max(self.last_sent, log.last())

    def knock_at(self, log: SendLog, latency: Latency, *, first: bool, patience: int) -> float:
        """When to ask again with a single call, where nobody told; never past the end of a likely window.

        *first*: no limit was met before; *patience* doubles the pause so many times.
        """
        pause = max(FIRST_PAUSE, latency.usual) * SLOWER**self.knocks * 2.0**patience
        began = log.first_arrival(self.began)
        mark = next((began + mark for mark in MARKS if began + mark > self.last + TICK), math.inf)
        return mark if first and self.like_a_window else min(self.last + min(pause, LONGEST_PAUSE), mark)

    @property
    def like_a_window(self) -> bool:
        """Limits are round numbers, and a bucket would have regained something meanwhile."""
        n = self.accepted
        alike = n >= FEW and (n % 10 == 0 or n % 25 == 0) and self.refused >= SEVERAL
        return alike and self.lasted < MARKS[0] and not self.late

    def mark(self, again_at: float, log: SendLog) -> float | None:
        """The likely window that ended between the last refusal and *again_at*, in seconds."""
        began = log.first_arrival(self.began)
        inside = [mark for mark in MARKS if self.lasted < mark and self.last < began + mark <= again_at + TICK]
        clearly = (mark for mark in inside if self.last < began + KNOCKED * mark)
        return next(clearly, next(iter(inside), None))


class Finding(Struct, frozen=True, kw_only=True):
    """What was inferred: a limit, and whether that is sure; or only how many calls under way will measure it."""

    allowance: Allowance | None = None
    sure: bool = True
    start: int = 1


def find(
    lesson: Lesson, again_at: float, known: Allowance | None, measured: float | None, log: SendLog, latency: Latency
) -> Finding:
    """What the limit is, when the server accepts again from *again_at*.

    *known* is what was believed; *measured* are calls per second since it had nothing left before, if that was counted.
    """
    if known is None and lesson.accepted == 0:  # it had nothing from the start, which says nothing of what it gives
        return Finding()
    window = _window(lesson, again_at, known, measured, log)
    if window is not None:
        return window
    if measured is not None:
        return Finding(allowance=Allowance(1, 1.0 / _likely(lesson, measured, known, log)))
    if lesson.accepted < SOME:
        return Finding(allowance=Allowance(1, again_at - lesson.at), sure=False)
    return Finding(start=max(1, math.ceil(FULL * _estimate(lesson, latency) * latency.usual)))


def _window(
    lesson: Lesson, again_at: float, known: Allowance | None, measured: float | None, log: SendLog
) -> Finding | None:
    """A window, if it looks like one: as told, or by the time at which it accepts again."""
    if lesson.late >= SOME:  # accepted between refusals: no window does that
        return None
    n, bucket = max(lesson.accepted, 1), measured is not None and known is None
    shape = Shape.EVENLY if known is not None and known.shape is Shape.EVENLY else Shape.WINDOW
    if lesson.told is not None:
        if bucket or lesson.lasted >= lesson.told:
            return None
        span = window_of(lesson.last - lesson.began, lesson.told)
        return Finding(allowance=Allowance(n, span, shape, again_at), sure=n >= SOME)
    mark = lesson.mark(again_at, log)
    if mark is None or (bucket and not lesson.knocks):
        return None
    return Finding(allowance=Allowance(n, mark, shape, again_at), sure=n >= FEW or lesson.knocks > 0)


def _likely(lesson: Lesson, measured: float, known: Allowance | None, log: SendLog) -> float:
    """Calls per second. Where it took long to use up all there was, the truth lies above what was measured."""
    if known is not None or lesson.lasted <= MARKS[0]:
        return measured
    reached = log.between(lesson.at - MARKS[0], lesson.at) / MARKS[0]
    return math.sqrt(measured * max(measured, reached))


def _estimate(lesson: Lesson, latency: Latency) -> float:
    """Calls per second, roughly: what was accepted between refusals; or a bucket holds what it regains in a second."""
    seconds = lesson.last_sent - lesson.at - latency.spread(1.0)
    if lesson.late >= SOME and seconds > 0.0:
        return lesson.late / seconds
    return lesson.accepted / (lesson.lasted + MARKS[0]) if lesson.lasted > MARKS[0] else 0.0
