"""A limit that nobody tells, inferred from the refusals themselves.

Until the first refusal calls go faster and faster, but never with more under way than a small share of what was
accepted so far, so that one surprise costs little. A refusal says: the server has nothing left *now*. What it accepted
between two such moments is its rate, for a window and for a bucket alike. From then on no more than that leaves in any
such span, and now and then a little more is tried, one call at a time.
"""

from __future__ import annotations

import math

from batch.engine.limiter_ceiling import START, Ceiling
from batch.engine.limiter_mirror import usual_span, window_of
from batch.engine.send_log import TICK, Latency, SendLog

MODEST_RATE, MODEST_WIDTH = 75.0, 4
"""Calls per second that may be reached from the start, over a slow line with up to so many under way."""
ACCEPTED_PER_STEP = 60
"""One more call under way for every so many accepted: a first refusal wastes at most 2 + 1.7 % of the calls before."""
FIRST_PAUSE, LONGEST_PAUSE, SLOWER = 0.1, 60.0, 3.0
"""Seconds after a refusal that does not say how long, tripled each time, but never past a usual window's end."""
MARKS = (1.0, 60.0)
FEW = 8
"""Fewer accepted calls than this say little about the rate: try more soon."""
TRY_AFTER, TRY_AT_MOST = 100, 400
TRY_SECONDS, HURRIED_SECONDS, TRY_AT_LEAST = 30.0, 6.0, 60
"""Trying more: first after 100 calls, each failure doubling that up to 400, or after 30 s and 60 calls."""
UNSETTLED = 120.0
"""Seconds: a limit that has just changed may change again, so more is tried sooner."""
STEP, STEP_SECONDS = 4, 1.0
"""Trying more goes on to yet more after this many calls and, once a rate is settled, seconds: a bucket has credit."""
GENTLE, BOLD = 1.25, 2.0
ALIKE = 1.3
"""A rate that differs by less than this factor from what was believed confirms it."""
SHARE_OF_WINDOW = 0.6
LOWER = 0.98
SECOND = 2


class Guess:
    """The limit as inferred: ``count`` calls in any ``span`` seconds; ``count`` is ``None`` while none showed."""

    def __init__(self, *, reserve: float, now: float) -> None:
        self.count: int | None = None
        self.span = 1.0
        self.lessons = 0
        self._reserve = reserve
        self._began = now  # of the burst under way: the first call after the last pause
        self._fresh = True  # the next call is the first after a pause
        self._empty_at: float | None = None  # the server surely had nothing left
        self._taught_at = -math.inf
        self._accepted = 0  # since it had nothing left
        self._last_burst = (-math.inf, 0)  # when the burst before began, and how much was accepted
        self._bare = 0  # refusals in a row without a word how long
        self._since_try = 0
        self._tried_at = now
        self._patience = TRY_AFTER
        self._growth = 1.0  # > 1: trying more
        self._try_count, self._try_span, self._try_accepted = 0, 0.0, 0
        self._climb = (now, 0)  # when trying more began, and what had been accepted then
        self._unsettled_until = -math.inf
        self._sure_rate = 0.0  # as it was before trying more
        self._ceiling = Ceiling()

    # ── may a call leave? ─────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, now: float, log: SendLog, latency: Latency) -> float:
        """Seconds until one more call is within what is believed; 0.0 = now, infinity = an answer must come first."""
        if self.count is None:
            return 0.0 if log.in_flight < self._exploring(latency) else math.inf
        count, span = self._allowed(now)
        seconds = log.wait_for(count, span + latency.spread(span), now)
        if seconds > 0.0:
            return seconds
        return 0.0 if log.in_flight < self._width(now, log, latency) else math.inf

    def _exploring(self, latency: Latency) -> int:
        """How many may be under way while no limit is known: ever more, but few where the last burst was refused."""
        likely = self._last_burst[1]
        if 0.8 * likely <= self._accepted <= 1.2 * likely:
            return self._ceiling.bounded(START)
        slow_line = min(MODEST_WIDTH, math.ceil(MODEST_RATE * latency.usual))
        return self._ceiling.bounded(max(START, slow_line) + self._accepted // ACCEPTED_PER_STEP)

    def _ours(self, count: int, span: float) -> tuple[int, float]:
        """Our share of *count* calls in *span* seconds, the reserve left to others."""
        share = 1.0 - self._reserve
        return (math.floor(count * share), span) if count >= FEW else (count, span / share)

    def _allowed(self, now: float) -> tuple[int, float]:
        assert self.count is not None
        if self._growth == 1.0 and self._due(now):
            self._growth = BOLD if self._patience < FEW else GENTLE
            self._sure_rate = self.count / self.span
            self._tried_at, self._climb = now, (now, self._accepted)
            self._begin_try()
        return (self._try_count, self._try_span) if self._growth > 1.0 else self._ours(self.count, self.span)

    def _due(self, now: float) -> bool:
        """Whether it is time to try more; it takes what a reserve leaves to others, so with one only at the start."""
        if self._reserve and self._patience >= FEW:
            return False
        if self._since_try >= self._patience:
            return True
        if now < self._unsettled_until:
            return self._since_try >= TRY_AT_LEAST / 2 and now - self._tried_at >= HURRIED_SECONDS
        return self._since_try >= TRY_AT_LEAST and now - self._tried_at >= TRY_SECONDS

    def _begin_try(self) -> None:
        assert self.count is not None
        self._try_accepted = 0
        if self.count >= FEW:
            self._try_count, self._try_span = math.ceil(self.count * self._growth), self.span
        else:
            self._try_count, self._try_span = self.count, self.span / self._growth

    def _width(self, now: float, log: SendLog, latency: Latency) -> int:
        """How many may be under way.

        One beyond what is believed; what the rate needs while it is unproven; then what lets a burst take a quarter of
        its span.
        """
        assert self.count is not None
        if self._growth > 1.0 and log.since(now - self.span) >= self._ours(self.count, self.span)[0]:
            return 1
        steady = self.count * latency.usual / self.span
        wide = 4 * steady
        return self._ceiling.bounded(
            max(START, math.ceil(wide if self._accepted >= self.count else max(steady, min(wide, 4))))
        )

    # ── what an acceptance tells ──────────────────────────────────────────────────────────────────────────────────────

    def accepted(self, sent_at: float, now: float) -> None:
        """The server took a call."""
        if sent_at < self._taught_at:  # it had left before the lesson was over: it belongs to what was counted there
            if self.count is not None and self.count >= FEW and self._growth == 1.0 and self._accepted == 0:
                self.count += 1
            return
        if self._fresh:
            self._began, self._fresh = sent_at, False
        self._bare = 0
        self._accepted += 1
        self._since_try += 1
        self._ceiling.accepted()
        if self._growth > 1.0:
            self._try_accepted += 1
            long = now - self._tried_at >= STEP_SECONDS or self._patience < TRY_AT_LEAST
            if long and self._try_accepted > max(STEP, self._try_count):
                self._more_was_fine(now)

    def _more_was_fine(self, now: float) -> None:
        """A bit more was accepted: believe it, and try yet more, unless it is not this limit that holds us up."""
        reached = self._try_accepted / max(now - self._tried_at, TICK)
        if reached < self._try_count / self._try_span / 2:
            self._growth = 1.0
            self._patience = min(2 * self._patience, TRY_AT_MOST)
        else:
            self.count, self.span = self._try_count, self._try_span
            self._growth = min(BOLD, self._growth * GENTLE)
        self._tried_at, self._since_try = now, 0
        self._begin_try()

    # ── what a refusal tells ──────────────────────────────────────────────────────────────────────────────────────────

    def refused(self, sent_at: float, now: float, told: float | None, log: SendLog) -> float:
        """The server said 429; the pause it asks for is *told*. Returns the pause to make, in seconds.

        Calls that were under way together are one lesson. *log* no longer holds the refused call.
        """
        if sent_at >= self._taught_at:
            if self._accepted:
                self._learn(sent_at, told, log)
            elif told is not None and self.count is not None:  # even after the pause nothing: the window is longer
                self.span = max(self.span, usual_span(now + told - self._began, 1.0))
            self._bare += told is None
            self._taught_at = now
            self._growth = 1.0
            self._since_try, self._tried_at = 0, now
        self._fresh = True
        pause = self._own_pause(now) if told is None else told
        self._accepted = 0
        return pause

    def _learn(self, sent_at: float, told: float | None, log: SendLog) -> None:
        self.lessons += 1
        before, self._empty_at = self._empty_at, sent_at
        if self._ceiling.refused(log.in_flight + 1):
            return
        believed = self._sure_rate if self._growth > 1.0 else self.rate()
        if before is None:
            self._first(sent_at, told, log)
        elif self._growth > 1.0:
            self._failed_try(sent_at, sent_at - before, log)
        elif self.count is None or self.count == 1 or sent_at - self._began < max(3.0, 3 * self.span):
            self._measured(self._accepted, sent_at - before, sent_at - self._began, told)
        else:
            self._surprised(sent_at, log)
        self._be_patient(believed)

    def _be_patient(self, believed: float | None) -> None:
        """When to try more: later each time when the belief was confirmed, soon when it was overthrown."""
        rate = self.rate()
        if self.count is None or rate is None:
            return
        most = max(TRY_AT_MOST, 4 * self.count)
        if believed is None:
            self._patience = max(TRY_AFTER, 4 * self.count) if self._accepted >= FEW else START
        elif self._growth > GENTLE and rate > believed * ALIKE:  # big steps led here: the truth may lie well above
            self._patience = TRY_AT_LEAST
        elif self._growth > 1.0 or believed / ALIKE < rate < believed * ALIKE:
            self._patience = min(2 * self._patience, most)
        else:
            self._patience = max(TRY_AT_LEAST, 4 * self.count)

    def rate(self) -> float | None:
        """Calls per second as believed; ``None`` while no limit showed."""
        return None if self.count is None else self.count / self.span

    def _first(self, sent_at: float, told: float | None, log: SendLog) -> None:
        """The first refusal. What was accepted in the last second bounds the rate; a short burst may be a window's."""
        lasted = sent_at - self._began
        self._last_burst = (self._began, self._accepted)
        if lasted >= MARKS[0]:
            self.count, self.span = max(1, log.between(sent_at - MARKS[0], sent_at)), MARKS[0]
        elif told is not None:
            self.count, self.span = self._accepted, window_of(lasted, told)

    def _measured(self, accepted: int, span: float, lasted: float, told: float | None) -> None:
        """From nothing left to nothing left: what was accepted is the rate, give or take one call.

        A burst after a silence, the two together a usual span, is a window's, and so is the same count again after a
        usual span; everything else is kept evenly, as a bucket wants it. *lasted* is how long calls were accepted.
        """
        another = self.lessons == SECOND or ((self.count or 0) < FEW and lasted < (told or 0.0))
        if told is not None and another and accepted >= FEW:  # the first refusal may have come after two windows
            self._last_burst = (self._began, accepted)
            self.count, self.span = accepted, window_of(lasted, told)
            return
        known = self.count or 1
        (before, as_many), self._last_burst = self._last_burst, (self._began, accepted)
        for seconds, sure in ((span, lasted < span / 2), (self._began - before, abs(accepted - as_many) <= 1)):
            usual = usual_span(seconds, 0.12 * seconds)
            if sure and usual != seconds and usual < 1.5 * span and accepted >= max(FEW, SHARE_OF_WINDOW * known):
                self.count, self.span = max(accepted, as_many if seconds != span else 0), usual
                return
        rate = max(accepted - 1, 0.5) / span
        believed = self.rate()
        if believed is not None and (
            self.count == 1 or accepted < FEW
        ):  # a pause that filled the bucket hides the rate
            rate = min(max(rate, believed / 2), LOWER * believed)
        self.count, self.span = 1, 1.0 / rate

    def _failed_try(self, sent_at: float, since_empty: float, log: SendLog) -> None:
        """More was too much. What was reached since nothing was left, or within the span, was not."""
        assert self.count is not None
        if self.count == 1:
            measured = (self._accepted - 1) / since_empty
            modest = 0.95 * self._sure_rate <= measured and 1.0 / self.span <= 2.0 * self._sure_rate
            began, before = self._climb
            on_credit = self._accepted - before - self._sure_rate * (sent_at - began) > STEP
            if modest and on_credit:
                self.span = 1.0 / measured
            elif self._growth > GENTLE:  # the last step of several
                self.span /= LOWER
        elif self.count >= FEW:
            reached = log.between(sent_at - self.span, sent_at)
            self.count = reached if reached > ALIKE * self.count else self.count

    def _surprised(self, sent_at: float, log: SendLog) -> None:
        """Refused although within what was believed, after long peace: the limit has become smaller.

        The burst under way is what it is now: half a span back does not reach the burst before.
        """
        assert self.count is not None
        self.count = min(self.count, max(1, log.between(sent_at - self.span / 2, sent_at) - log.in_flight))
        self._unsettled_until = sent_at + UNSETTLED

    def _own_pause(self, now: float) -> float:
        pause = min(FIRST_PAUSE * SLOWER ** (self._bare - 1 if self._bare else 0), LONGEST_PAUSE)
        ends = (self._began + mark * 1.005 - now for mark in MARKS)
        return min((end for end in ends if 0.0 < end < pause), default=pause)
