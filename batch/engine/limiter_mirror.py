"""A copy of the server's own limiter, kept in step by the rest it tells with each answer.

Calls left at arrival = last rest told + refill × age - calls sent since. A bucket refills while one watches; a fixed
window stands still and then jumps. Which of the two it is shows in the refill, so nobody has to say.
"""

from __future__ import annotations

import math

from batch.engine.limiter_refill import Heard, Refill
from batch.engine.rate_headers import Quota
from batch.engine.send_log import TICK, Latency, SendLog

LIKELY_SPANS = (1.0, 60.0, 10.0, 3600.0, 5.0, 30.0, 2.0, 15.0, 20.0, 300.0, 900.0, 600.0, 120.0, 1800.0, 86400.0)
"""Windows people configure, the likeliest first: of several that fit what was seen, it is taken for that one."""
USUAL_SPANS = tuple(sorted(LIKELY_SPANS))
"""The same by length; a measured length within a second of one of them is taken for it."""
SHORT = 10.0
"""Seconds: where each answer tells the end of its window, the length itself is of use only for a shorter one, of which
the rounding of what is told is a large part."""
STOCK_WINDOW = 60.0
"""Laravel's stock throttle, the likeliest window of an API that does not tell (API.md §5)."""
FIRST_LOOK = 0.06
"""Seconds after which we ask whether there is something again, where nobody tells when and no refill was seen: a bucket
of 20/s has one call by then, and one of 100/s is not yet full, which would hide its refill."""
UNPROVEN = 4
"""Calls under way at the start of a window that we only believe to have begun."""
INEXACT = 2.0
"""Seconds by which a window may seem longer than it is: what the server tells is rounded."""
ROUNDING = 1.0
"""Seconds by which a reset that is told in whole ones may be wrong, either way."""
DOUBT = 0.3
"""Share of a window that we only believe in, after which we look once: a bucket would have something again."""
SMALL = 3
"""Of a smaller quota nearly every call finds it full."""


def usual_span(seconds: float, tolerance: float) -> float:
    """The usual window within *tolerance* of a measured length, else the length itself."""
    nearest = min(USUAL_SPANS, key=lambda span: abs(span - seconds))
    return nearest if abs(nearest - seconds) <= tolerance else seconds


def window_of(lasted: float, told: float) -> float:
    """The window that was used up after *lasted* seconds and ends in *told* seconds, as a server rounds them up."""
    latest = lasted + told
    inside = (span for span in USUAL_SPANS if latest - 1.0 < span <= latest)
    return next(inside, usual_span(latest, 1.0))


class Mirror:
    """One quota of the server. ``reserve`` is the share of it that is left to others."""

    def __init__(self, name: str, *, reserve: float, now: float) -> None:
        self.name = name
        self.limit = 0
        self.window: float | None = None
        self._reserve = reserve
        self._refill = Refill()
        self._level = math.inf  # as the newest answer tells, whatever overtook what
        self._at = now
        self._heard_at = -math.inf
        self._told_at = -math.inf  # when the call was sent whose answer was believed last
        self._start = self._last_start = now  # the first call of this window
        self._jumped_at = -math.inf  # when a window was last seen to have begun
        self._shut_at = -math.inf  # when a call was sent that was refused
        self._knocks = False  # that refusal did not tell when to come again
        self._told_end: float | None = None  # of this window, at the latest, as told or asked for
        self._late = 0.0  # seconds by which this server's resets proved to come later than told
        self._total: float = -math.inf  # calls sent ever, at which nothing is left
        self._least = math.inf  # the smallest rest told in this window
        self._least_at = now
        self._proven = True
        self._doubted = False  # the window may be a bucket that was full after a second
        self._look = FIRST_LOOK  # seconds: what the server asked for the last time, or what shows a bucket

    @property
    def refill(self) -> float | None:
        """Calls regained per second; ``None`` for a window, or as long as one cannot tell."""
        return self._refill.rate

    # ── may a call leave? ─────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, now: float, log: SendLog, latency: Latency) -> float:
        """Seconds until one more call is within the quota; 0.0 = now, infinity = an answer must come first."""
        rate = self._refill.rate
        if not rate:
            self._roll(now, log)
        if not self._proven and log.in_flight >= UNPROVEN:
            return math.inf
        if rate:
            needed = min(1.0 + self._headroom(rate, latency), float(self.limit))
            seconds = (needed - self._level_at(now)) / rate
            if seconds <= 0.0:
                return 0.0
            self._refill.held()
            return seconds
        left = min(self._level_at(now), self._total - log.counted)
        if self._reserve:
            left = min(left, self.share() - log.since(self._start))
        return 0.0 if left >= 1.0 else self._wait_for_reset(now, log, latency)

    def share(self) -> float:
        """How many calls of one window are ours."""
        return max(1.0, math.floor(self.limit * (1.0 - self._reserve)))

    def booked(self, now: float) -> None:
        """A call leaves."""
        if self._start == math.inf:
            self._start = now
        self._level -= 1.0

    def given_back(self) -> None:
        """A booked call did not leave."""
        self._level += 1.0

    def _headroom(self, refill: float, latency: Latency) -> float:
        """What stays in a bucket: the reserve, and what calls overtaking each other may take too early."""
        jitter = min(refill * latency.spread(2 * self.limit / max(refill, TICK)), (self.limit - 1) / 2)
        return max(jitter, 0.0) + self._reserve * self.limit

    def _level_at(self, now: float) -> float:
        return min(float(self.limit), self._level + (self._refill.rate or 0.0) * (now - self._at))

    def _wait_for_reset(self, now: float, log: SendLog, latency: Latency) -> float:
        end = self._end(log)
        if end is not None:
            early = DOUBT * (self.window or 0.0) if self._doubted and not log.in_flight else math.inf
            return min(end, self._at + early) - now
        if self._look > FIRST_LOOK and not log.in_flight:
            return max(0.0, self._at + self._look - now)
        if self._reserve and self._start < math.inf:  # asking would take from the others: assume the usual instead
            return max(0.0, self._start + STOCK_WINDOW + latency.spread(STOCK_WINDOW) - now)
        if log.in_flight:
            return math.inf
        return max(0.0, self._at + self._look - now)  # nobody told when: ask with a single call, a bucket has some then

    def _roll(self, now: float, log: SendLog) -> None:
        """Begin the next window when the present one is over, as far as is known."""
        end = self._end(log)
        if end is None or now + TICK < end:
            return
        self._last_start = self._start
        self._begin(math.inf)
        self._refill.restart()
        self._level, self._at = float(self.limit), now
        self._total = log.counted + self.limit
        self._proven = False

    def _begin(self, start: float) -> None:
        """A window begins: forget what was told of the one before."""
        self._start, self._least, self._told_end = start, math.inf, None

    def _end(self, log: SendLog) -> float | None:
        """When this window is over at the latest, as far as is known.

        As many calls as are missing from the limit were its own: it began no later than the first of them arrived, and
        whatever was sent earlier may have been of the one before.
        """
        if self.window is None or self._least == math.inf:
            return self._told_end
        end = log.arrival(self.limit - int(self._least), self._start) + self.window
        return end if self._told_end is None else min(end, self._told_end)

    # ── what an answer tells ──────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, quota: Quota, heard: Heard, log: SendLog) -> None:
        """Believe what an answer tells, the newest call's word before an older one's."""
        self._learn_limit(quota, heard.sent_at)
        if quota.remaining is None:
            return
        if self.refill:
            self._refill.measure(quota.remaining, self.limit, heard, log)
        else:
            self._watch(quota.remaining, heard, log, told=quota.window is not None)
        if heard.sent_at >= self._told_at:
            self._believe(quota, quota.remaining, heard, log)
        if not self.refill and log.in_flight == 0 and self._least < math.inf:
            self._level = self._least  # every call is answered, so whatever overtook whatever, this is what is left

    def _watch(self, remaining: int, heard: Heard, log: SendLog, *, told: bool) -> None:
        """Whether a window began without our expecting it, or this is a bucket; not if a window is *told*."""
        least, most = remaining + heard.before + 1, remaining + log.counted
        gain = self._refill.gained(least)
        full = remaining + 1 >= self.limit
        if full and not told and self.limit >= SMALL and self._refill.full(heard):
            self._told_end, self._proven = None, True
        elif gain >= 1.0 and (full or remaining > self._least + max(1.0, self.limit / 2)):
            self._jump(heard)
            self._refill.restart(heard.sent_at, most)
        elif full:
            if self.window is None and not self._proven and heard.sent_at - self._last_start <= SHORT:
                self.window = next(iter(self._fitting(self._last_start, heard.sent_at, told=True)), None)
            self._refill.restart(heard.sent_at, most)
        elif self._refill.notice(heard, least, most, told=told):
            self._told_end, self._proven = None, True
        self._total = max(self._total, least)
        if heard.sent_at >= self._start and remaining < self._least:
            self._least, self._least_at = remaining, heard.now

    def _jump(self, heard: Heard) -> None:
        """A window began, no earlier than the last call that did not see it, no later than the one that did."""
        sent_at = heard.sent_at
        if sent_at < self._jumped_at:  # the same jump, told by a call that came before or after the one that told first
            self._start = min(self._start, sent_at)
            return
        if self.window is None:
            fitting = self._fitting(self._start, sent_at, told=not self._knocks)
            self.window = next(iter(fitting), None) if self._knocks else max(fitting, default=None)
            self._doubted = self.window is not None and self.window <= INEXACT
        self._begin(sent_at)
        self._jumped_at = heard.now
        self._look = FIRST_LOOK

    def _fitting(self, start: float, sent_at: float, *, told: bool) -> list[float]:
        """The lengths, likeliest first, of a window that began at *start* if the call sent then found the next one.

        It was still shut when the last call was refused, and longer than it took to use it up; and if we came when we
        were *told* to, it is no shorter than what is told may be rounded by.
        """
        latest = sent_at - start
        earliest = max(self._least_at - start, self._shut_at - start, latest - INEXACT if told else 0.0)
        return [span for span in LIKELY_SPANS if earliest <= span <= latest]

    def _believe(self, quota: Quota, remaining: int, heard: Heard, log: SendLog) -> None:
        later = max(log.after(heard.sent_at), log.in_flight)  # what is under way may arrive after it, whenever it left
        told = remaining + (self.refill or 0.0) * (heard.now - heard.sent_at) - later
        surely_later = heard.sent_at >= self._heard_at
        if surely_later or told < self._level_at(heard.now):
            self._level, self._at = min(told, float(self.limit)), heard.now
        if surely_later:
            self._heard_at = heard.now
        self._told_at = heard.sent_at
        self._prove(quota, heard)

    def _learn_limit(self, quota: Quota, sent_at: float) -> None:
        limit = quota.limit if quota.limit is not None else max(self.limit, (quota.remaining or 0) + 1)
        if limit != self.limit:
            if self.limit:  # another limit is another limiter: nothing learned of the old one holds
                self._refill = Refill()
                self.window = None
                self._total = -math.inf
                self._begin(sent_at)
            self.limit = limit
        if quota.window is not None and quota.window > 0:
            self.window = quota.window

    def _prove(self, quota: Quota, heard: Heard) -> None:
        """Whether the window we believed to have begun has; and when this one ends."""
        if heard.sent_at < self._start:
            return
        self._proven = True
        if self.refill or quota.reset_in is None:
            return
        end = heard.arrived + quota.reset_in + (self._late if self.window is None else ROUNDING)
        earliest = heard.sent_at + quota.reset_in - ROUNDING
        if self._told_end is None or self._told_end < earliest:  # an end before that was of the window before
            self._told_end = end
        self._told_end = min(self._told_end, end)

    # ── what a refusal tells ──────────────────────────────────────────────────────────────────────────────────────────

    def refused(self, sent_at: float, now: float, pause: float, log: SendLog, *, told: bool = True) -> None:
        """The server said 429: nothing is left, and nobody calls for *pause* seconds, as the server *told* or not."""
        self._shut_at, self._knocks = max(self._shut_at, sent_at), not told
        self._level, self._at = min(0.0, self._level_at(now)), now
        self._told_at = max(self._told_at, sent_at)
        if self.refill:
            self._refill.correct()
            return
        self._refill.restart(sent_at, log.counted)  # nothing is left
        self._total = min(self._total, log.counted)
        self._look, self._doubted = pause, False
        if not self._proven:  # we came too early: the window is longer, or its end is told a second short
            self._late = 1.0
            self.window, self._start = None, self._last_start
        self._told_end = None
        if self.window is not None and not self._knows_better(now + pause, log):
            self._told_end = now + pause
        self._proven = True

    def _knows_better(self, told: float, log: SendLog) -> bool:
        """Whether the window's own end is the one that is *told* in whole seconds, of which a part may be cut off."""
        end = self._end(log)
        return end is not None and told <= end <= told + ROUNDING

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────

    def per_second(self) -> float | None:
        """The rate this quota comes to, our share of it; ``None`` while that is not known."""
        if self.refill:
            return self.refill
        return None if self.window is None else self.share() / self.window

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        if self.refill:
            return f"bucket of {self.limit}, {self.refill:.3g}/s{name}"
        return f"{self.limit} per {f'{self.window:g} s' if self.window else 'window of unknown length'}{name}"
