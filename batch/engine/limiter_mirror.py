"""A copy of the server's own limiter, kept in step by the rest it tells with each answer.

Calls left at arrival = last rest told + refill × age − calls sent since. A bucket refills while one watches; a fixed
window stands still and then jumps. Which of the two it is shows in the refill, so nobody has to say.
"""

from __future__ import annotations

import math

from batch.engine.rate_headers import Quota
from batch.engine.send_log import TICK, Latency, SendLog

USUAL_SPANS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86400.0)
"""Windows people configure; a measured length within a second of one of them is taken for it."""
STOCK_WINDOW = 60.0
"""Laravel's stock throttle, the likeliest window of an API that does not tell (API.md §5)."""
LOW = 0.05
"""Below this share of the limit, and as long as the refill is unknown, calls go one at a time: exact to watch."""
FIRST_LOOK = 0.06
"""Seconds after which we ask whether there is something again, where nobody tells when and no refill was seen: a bucket
of 20/s has one call by then, and one of 100/s is not yet full, which would hide its refill."""
UNPROVEN = 2
"""Calls under way at the start of a window that we only believe to have begun."""
FIRST_GAIN = 2
"""Calls regained while only we look: one might be rounding, two are a refill."""
SURE_GAIN, SURE_SPAN = 10, 0.5
REFILL_SPAN = 10.0
"""Seconds over which a refill is measured; long enough to be exact, short enough to notice a change."""


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
        self.refill: float | None = None  # calls per second; 0.0 = a fixed window; None = not known yet
        self._reserve = reserve
        self._level = math.inf
        self._at = now
        self._heard_at = -math.inf
        self._told_at = -math.inf  # when the call was sent whose answer was believed last
        self._start = self._last_start = now
        self._resets_at: float | None = None
        self._late = 0.0  # seconds by which this server's resets proved to come later than told
        self._least = math.inf  # the smallest rest told in this window
        self._least_at = now
        self._proven = True
        self._anchor: tuple[float, int] | None = None  # when, and rest + calls so far: it grows by the refill alone
        self._next_anchor: tuple[float, int] | None = None
        self._exact: tuple[float, int] | None = None

    # ── may a call leave? ─────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, now: float, log: SendLog, latency: Latency) -> float:
        """Seconds until one more call is within the quota; 0.0 = now, infinity = an answer must come first."""
        self._roll(now, latency)
        level = self._level_at(now)
        if not self._proven and log.in_flight >= UNPROVEN:
            return math.inf
        if self.refill:
            needed = 1.0 + self._headroom(latency)
            return max(0.0, (needed - level) / self.refill)
        left = min(level, self.share() - log.since(self._start))
        if left < 1.0:
            return self._wait_for_reset(now, log, latency)
        low = self.refill is None and level <= max(2.0, LOW * self.limit)
        return math.inf if low and log.in_flight else 0.0

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

    def _headroom(self, latency: Latency) -> float:
        """What stays in a bucket: the reserve, and what calls overtaking each other may take too early."""
        refill = self.refill or 0.0
        jitter = min(refill * latency.spread(2 * self.limit / max(refill, TICK)), (self.limit - 1) / 2)
        return max(jitter, 0.0) + self._reserve * self.limit

    def _level_at(self, now: float) -> float:
        return min(float(self.limit), self._level + (self.refill or 0.0) * (now - self._at))

    def _wait_for_reset(self, now: float, log: SendLog, latency: Latency) -> float:
        if self._resets_at is not None:
            return self._resets_at + self._margin(latency) - now
        if self._reserve and self._start < math.inf:  # asking would take from the others: assume the usual instead
            return max(0.0, self._start + STOCK_WINDOW + self._margin(latency) - now)
        if log.in_flight:
            return math.inf
        return max(0.0, self._at + FIRST_LOOK - now)  # nobody told when: ask with a single call, a bucket has some then

    def _margin(self, latency: Latency) -> float:
        return latency.spread(self.window or STOCK_WINDOW)

    def _roll(self, now: float, latency: Latency) -> None:
        """Begin the next window when the present one is over, as far as is known."""
        if self.refill or self._resets_at is None or now + TICK < self._resets_at + self._margin(latency):
            return
        self._resets_at = None
        self._last_start = self._start
        self._start = self._least = math.inf
        self._level, self._at = float(self.limit), now
        self._proven = False

    # ── what an answer tells ──────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, quota: Quota, sent_at: float, now: float, log: SendLog, *, alone: bool) -> None:
        """Believe what an answer tells, the newest call's word before an older one's."""
        self._learn_limit(quota, sent_at)
        if quota.remaining is None:
            return
        if self._jumped(quota.remaining, sent_at):
            self._begin(sent_at)
        if sent_at >= self._start and quota.remaining < self._least:
            self._least, self._least_at = quota.remaining, now
        if sent_at >= self._told_at:
            self._believe(quota, quota.remaining, sent_at, now, log, alone=alone)
        if not self.refill and log.in_flight == 0 and self._least < math.inf:
            self._level = self._least  # every call is answered, so whatever overtook whatever, this is what is left

    def _believe(self, quota: Quota, remaining: int, sent_at: float, now: float, log: SendLog, *, alone: bool) -> None:
        self._learn_refill(remaining, sent_at, log, alone=alone)
        told = remaining + (self.refill or 0.0) * (now - sent_at) - log.after(sent_at)
        surely_later = sent_at >= self._heard_at
        believed = self._level_at(now)
        if surely_later or told < believed:
            self._level, self._at = min(told, float(self.limit)), now
        if surely_later:
            self._heard_at = now
        self._told_at = sent_at
        self._prove(quota, sent_at, now)

    def _learn_limit(self, quota: Quota, sent_at: float) -> None:
        limit = quota.limit if quota.limit is not None else max(self.limit, (quota.remaining or 0) + 1)
        if limit != self.limit:
            if self.limit:  # another limit is another limiter: nothing learned of the old one holds
                self.refill = self.window = self._resets_at = None
                self._anchor = self._next_anchor = self._exact = None
                self._start, self._least = sent_at, math.inf
            self.limit = limit
        if quota.window is not None and quota.window > 0:
            self.window = quota.window

    def _prove(self, quota: Quota, sent_at: float, now: float) -> None:
        """Whether the window we believed to have begun has; and when this one ends."""
        if not self._proven and sent_at >= self._start:
            self._proven = True
        if self.refill or self._start == math.inf:
            return
        ends = [self._start + self.window] if self.window is not None else []
        if quota.reset_in is not None and self.window is None:
            ends.append(now + quota.reset_in + self._late)
        if ends and self._resets_at is not None and sent_at > self._start:
            ends.append(self._resets_at)
        if ends:
            self._resets_at = min(ends)

    def _jumped(self, remaining: int, sent_at: float) -> bool:
        """Whether a window began without our expecting it: the rest rose, by more than a bucket would regain."""
        if self.refill or not self._proven or sent_at < self._least_at:
            return False
        return remaining > self._least + max(1.0, self.limit / 2)

    def _begin(self, sent_at: float) -> None:
        """A window began, no earlier than the last call that did not see it, no later than the one that did."""
        if self.window is None:
            spans = (span for span in USUAL_SPANS if self._least_at - self._start <= span <= sent_at - self._start)
            self.window = max(spans, default=None)
        self._start, self._least = sent_at, math.inf
        self._resets_at = None if self.window is None else sent_at + self.window

    def _learn_refill(self, remaining: int, sent_at: float, log: SendLog, *, alone: bool) -> None:
        here = (sent_at, remaining + log.position(sent_at))
        if self.refill:
            self._measure(remaining, here)
        elif alone:
            if self._exact is not None:
                gain = here[1] - self._exact[1]
                if FIRST_GAIN <= gain < max(FIRST_GAIN + 1, self.limit / 2) and remaining + 1 < self.limit:
                    self.refill = (gain - 1) / (sent_at - self._exact[0])
                    self._resets_at, self._proven = None, True
                    self._anchor = self._next_anchor = self._exact
                elif gain <= 0 or gain >= self.limit / 2:
                    self._exact = here
            else:
                self._exact = here

    def _measure(self, remaining: int, here: tuple[float, int]) -> None:
        """The refill over the last seconds; a full bucket hides how fast it fills."""
        if self._anchor is None or self._next_anchor is None or remaining + 1 >= self.limit:
            self._anchor = self._next_anchor = here
            return
        gain, span = here[1] - self._anchor[1], here[0] - self._anchor[0]
        if (gain >= SURE_GAIN and span >= SURE_SPAN) or span >= REFILL_SPAN / 2:
            self.refill = max(gain, 1) / span
        if span > REFILL_SPAN:
            self._anchor, self._next_anchor = self._next_anchor, here
        elif self._next_anchor == self._anchor and span > REFILL_SPAN / 2:
            self._next_anchor = here

    # ── what a refusal tells ──────────────────────────────────────────────────────────────────────────────────────────

    def refused(self, sent_at: float, now: float, pause: float, log: SendLog, *, told: bool) -> None:
        """The server said 429: nothing is left, and after *pause* seconds (*told* by it, or ours) there is again."""
        self._level, self._at = min(0.0, self._level_at(now)), now
        self._told_at = max(self._told_at, sent_at)
        if self.refill:
            self._correct(sent_at, log)
            return
        if not self._proven:  # we came too early: the window is longer, or its end is told a second short
            self._late = 1.0
            self.window, self._start = None, self._last_start
        if self.window is None and told and self._start < math.inf:
            self.window = window_of(now - self._start, pause)
        self._resets_at = now + pause
        self._proven = True

    def _correct(self, sent_at: float, log: SendLog) -> None:
        """Nothing left where something was expected: the bucket fills more slowly than believed."""
        if self._anchor is not None and sent_at > self._anchor[0]:
            gain = log.position(sent_at) - self._anchor[1] + 1
            self.refill = min(self.refill or math.inf, max(gain, 1) / (sent_at - self._anchor[0]))

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
