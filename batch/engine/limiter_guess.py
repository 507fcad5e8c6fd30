"""A limit that nobody tells, inferred from the refusals themselves.

Until the first refusal ever more calls are under way (:mod:`batch.engine.limiter_explore`). What it and those after it
teach (:mod:`batch.engine.limiter_lesson`) becomes an allowance that is kept; now and then a little more is tried
(:mod:`batch.engine.limiter_climb`).
"""

from __future__ import annotations

import math
from collections import deque

from batch.engine.limiter_allowance import UNPROVEN, Allowance, Shape
from batch.engine.limiter_ceiling import START, Ceiling
from batch.engine.limiter_climb import CREDIT, TRY_AFTER, Climb
from batch.engine.limiter_explore import Explore, Sound
from batch.engine.limiter_lesson import FEW, FIRST_PAUSE, Lesson, find
from batch.engine.send_log import Latency, SendLog

REMEMBERED = 8
RECENT = 3.0
"""Spans, or seconds: between two refusals no further apart the server surely gave no more than its rate."""
QUICK, NEARLY = 0.2, 0.9
"""Shares of a span, of a count: who accepts again so soon, or had given so much, was only met a moment too early."""
LOWER = 0.95
"""What is left of a rate that was refused and is not known better."""
HARDLY = 4
"""What gave less than this part of its count is no window; it has only regained something since."""
ALIKE = 1.3
"""A rate that differs by less than this factor is the same."""
PROVEN = 2
"""So many times its count: then an allowance was right, and what is less is a limit that has become smaller."""
WIDER = 3
"""One more call under way for every so many accepted, where a burst is believed to be allowed but not proven."""
WIDE, NARROW = 8, 4
"""At most so many times as many under way as the rate needs, when it was used up once, and before."""
POOR = 6
"""Lessons without enough calls between them, each of which doubles the pause: at most so many doublings."""


class Guess:
    """The limit as inferred; ``allowance`` is ``None`` while none showed, or while one is being measured."""

    def __init__(self, *, reserve: float) -> None:
        self.allowance: Allowance | None = None
        self.lessons = 0
        self.shut_until = -math.inf  # when the next knock is due, after a refusal that did not say
        self._share = 1.0 - reserve
        self._explore: Explore = Explore()
        self._ceiling = Ceiling()
        self._climb = Climb(reserved=reserve > 0.0)
        self._lesson: Lesson | None = None
        self._began = math.inf  # the first call since the server took calls again
        self._empty: deque[float] = deque(maxlen=REMEMBERED)  # when the server surely had nothing left
        self._poor = 0  # lessons in a row with few calls between them
        self._since = 0  # accepted since the last lesson
        self._sure = 0.0  # calls per second that were measured, or could not be exceeded
        self._proven = 0.0  # calls per second that were allowed for long
        self._vain = 0  # lessons in a row that only said again what was believed
        self._rising = 0.0  # calls per second believed before more was found, which is not measured yet

    # ── may a call leave? ─────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, now: float, log: SendLog, latency: Latency) -> float:
        """Seconds until one more call is within what is believed; 0.0 = now, infinity = an answer must come first."""
        if self._lesson is not None:
            return math.inf if log.in_flight else max(0.0, self._knock_at(self._lesson, now, log, latency) - now)
        if self.allowance is None:
            return 0.0 if log.in_flight < self._ceiling.bounded(self._explore.width(latency)) else math.inf
        tried = self._climb.allowance(self.allowance, now, log)
        allowed = self._ours(tried or self.allowance)
        seconds = allowed.wait(now, log)
        if seconds > 0.0:
            return seconds
        alone = tried is not None and self._climb.steps == 0 and self.allowance.used_up(now, log)
        width = 1 if alone else self._ceiling.bounded(self._width(allowed, latency))
        return 0.0 if log.in_flight < width else math.inf

    def _width(self, allowed: Allowance, latency: Latency) -> int:
        """How many may be under way: some more than the rate needs, so that a window is used up in its first part.

        But few at first, fewer before it was used up once, and few in all: should the limit be smaller than believed,
        so many are refused.
        """
        steady = allowed.rate * latency.usual
        most = (WIDE if self._since >= allowed.count else NARROW) * steady
        width = max(START, math.ceil(min(most, max(2 * steady, allowed.count / 4))))
        return width if allowed.shape is Shape.EVENLY else min(width, START + self._since // WIDER)

    def _ours(self, whole: Allowance) -> Allowance:
        """Our share, the reserve left to others."""
        if self._share == 1.0:
            return whole
        if whole.count >= FEW:
            return Allowance(math.floor(whole.count * self._share), whole.span, whole.shape, whole.start)
        return Allowance(whole.count, whole.span / self._share, whole.shape, whole.start)

    def booked(self, now: float, log: SendLog) -> None:
        """A call leaves; *log* does not hold it yet."""
        self._began = min(self._began, now)
        if self.allowance is not None:
            self.allowance.booked(now, log)

    def _knock_at(self, lesson: Lesson, now: float, log: SendLog, latency: Latency) -> float:
        """When to ask again with a single call; a pause that was told is kept by the pacer."""
        lesson.count(log, latency)
        if lesson.told is not None:
            return now
        known, first_step = self.allowance, self._climb.tried is not None and self._climb.steps == 0
        if known is not None and first_step and lesson.knocks == 0:  # not even a little more: it is as believed
            at = max(lesson.at + FIRST_PAUSE, now + known.wait(now, log))
        else:
            at = lesson.knock_at(log, latency, first=self.lessons == 1, patience=self._poor)
        self.shut_until = at
        return at

    # ── what an acceptance tells ──────────────────────────────────────────────────────────────────────────────────────

    def accepted(self, sent_at: float, now: float, log: SendLog, latency: Latency) -> None:
        """The server took a call."""
        lesson = self._lesson
        if lesson is not None:
            if sent_at >= lesson.heard_at:
                self._conclude(lesson, sent_at, log, latency)
            return
        self._since += 1
        self._ceiling.accepted(log.in_flight + 1)
        if self.allowance is None:
            self._explore.accepted += 1
            return
        self.allowance.accepted(sent_at)
        self.allowance = self._climb.accepted(sent_at, now, self.allowance) or self.allowance

    # ── what a refusal tells ──────────────────────────────────────────────────────────────────────────────────────────

    def refused(self, sent_at: float, now: float, told: float | None, log: SendLog) -> None:
        """The server said 429; the pause it asks for is *told*. *log* no longer holds the refused call."""
        self._climb.refused()
        if self._lesson is not None:
            self._lesson.refuse(sent_at, told)
            if self._lesson.knocks:
                self._ceiling.disprove()
            return
        began = self._began
        if self.allowance is not None and self.allowance.shape is Shape.WINDOW:
            began = max(began, self.allowance.start)
        self._lesson = Lesson(sent_at, now, began=began, width=log.in_flight + 1, told=told)
        self.lessons += 1
        self._poor = min(self._poor + 1, POOR) if self._since < FEW and self.lessons > 1 else 0

    def _conclude(self, lesson: Lesson, again_at: float, log: SendLog, latency: Latency) -> None:
        """The server takes calls again, from *again_at* at the latest."""
        known = self.allowance
        if known is not None and self._since >= max(PROVEN * known.count, PROVEN * FEW) and not self._rising:
            self._proven, self._vain = known.rate, 0
        used = math.inf if known is None or known.rate <= self._proven else self._since
        self._lesson, self._began, self._since, self.shut_until = None, again_at, 0, -math.inf
        empty = tuple(self._empty)
        self._empty.append(lesson.at)
        if known is not None and self._climb.tried is not None:
            self._fell(known, self._climb.tried, lesson)
        elif not self._crowded(lesson, again_at):
            self._learn(lesson, again_at, empty, log, latency, used)

    def _crowded(self, lesson: Lesson, again_at: float) -> bool:
        """Whether there were only too many at once."""
        at_once = lesson.told is None and again_at - lesson.heard_at < 2 * FIRST_PAUSE
        soon = at_once and not (self.lessons == 1 and lesson.like_a_window)
        return self._ceiling.refused(lesson.width - lesson.refused + 1, soon=soon)

    def _learn(
        self,
        lesson: Lesson,
        again_at: float,
        empty: tuple[float, ...],
        log: SendLog,
        latency: Latency,
        used: float,
    ) -> None:
        """Make an allowance of it.

        *used* counts calls accepted while the present one was believed; infinity: it is proven.
        """
        known, measured = self.allowance, None
        if known is not None:
            recent = tuple(at for at in empty if lesson.at - at < RECENT * max(1.0, known.span))
            if (known.shape is not Shape.EVENLY or not recent) and _too_early(lesson, again_at, known, log, used):
                self._tighten(known, lesson.at, log)
                return
            empty = recent
        if known is None or known.shape is Shape.EVENLY or HARDLY * lesson.accepted < known.count:
            measured = self._measured(empty, lesson.at, log)
        finding = find(lesson, again_at, known, measured, log, latency)
        self.allowance = finding.allowance
        if known is not None and known.shape is Shape.EVENLY and _the_same(known, finding.allowance):
            self.allowance = self._less(known, measured)
        if finding.allowance is None:
            self._explore = Sound(finding.start)
            return
        if finding.allowance.rate * ALIKE < self._proven:
            self._climb.hurry(again_at)
        if measured in (None, self._sure) and 0.0 < self._rising * ALIKE < finding.allowance.rate:
            self._climb.settle()
        self._rising = 0.0
        if measured is not None and measured == self._sure:
            self._climb.rest(again_at)
        else:
            calls = max(TRY_AFTER, 4 * finding.allowance.count) if finding.sure else START
            self._climb.wait(again_at, calls, bold=not finding.sure)

    def _less(self, known: Allowance, measured: float | None) -> Allowance:
        """What is kept evenly and refused all the same: it is a little less, or after all what was *measured*."""
        self._vain += 1
        rate = LOWER * known.rate
        if self._vain > 1 and measured is not None:
            rate = min(rate, math.sqrt(known.rate * measured))
        return Allowance(known.count, known.count / rate, known.shape)

    def _tighten(self, known: Allowance, now: float, log: SendLog) -> None:
        """The limit is about as believed, and yet a call was refused."""
        self._climb.wait(now, TRY_AFTER)
        if known.soften():
            return
        before = self._empty[-2] if len(self._empty) > 1 else -math.inf
        rate = (log.between(before, now) - 1) / (now - before)
        if rate < known.rate < ALIKE * rate:  # in the long run it gave so much
            self.allowance, self._sure = Allowance(1, 1.0 / rate), rate
        else:
            self.allowance = Allowance(known.count, known.span / LOWER, known.shape)

    def _fell(self, known: Allowance, tried: Allowance, lesson: Lesson) -> None:
        """Trying more has ended in a refusal."""
        now = lesson.at
        steps, surplus, bold = self._climb.steps, self._climb.surplus(now), self._climb.bold
        base = self._climb.failed(now, lesson.told or 0.0)
        if steps == 0:  # not even a little more: it is as believed
            self.allowance = base
            self._sure = 0.0 if bold else base.rate
        elif bold or (surplus <= CREDIT * base.rate and not math.isclose(self._sure, base.rate)):
            self.allowance = known
        elif surplus <= CREDIT * base.rate:  # a bucket had some left over
            self.allowance = Allowance(1, 1.0 / base.rate)
        else:  # how much it really is shows the next refusal
            self.allowance = Allowance(1, 1.0 / math.sqrt(known.rate * tried.rate))
            self._sure, self._rising = 0.0, base.rate

    def _measured(self, empty: tuple[float, ...], now: float, log: SendLog) -> float | None:
        """Calls per second since moments at which nothing was left, as now; the last that lies enough calls back.

        What was given in between is no more than what was regained. A few calls do not overthrow what was sure.
        """
        if not empty:
            return None
        since = next((at for at in reversed(empty) if log.between(at, now) >= FEW), empty[0])
        given, seconds = log.between(since, now), now - since
        if given == 0 or (self._sure and abs(given - self._sure * seconds) <= START):
            return self._sure or None
        rate = (given - 1 if given >= FEW else given + (len(empty) == 1)) / seconds
        self._sure = rate if given >= FEW else 0.0
        return rate


def _the_same(known: Allowance, found: Allowance | None) -> bool:
    """Whether a refusal says again what was believed, and yet refused."""
    return found is not None and found.count > 1 and found.rate >= LOWER * known.rate


def _too_early(lesson: Lesson, again_at: float, known: Allowance, log: SendLog, used: float) -> bool:
    """Whether the limit is what it was, and a call only came a moment before its time."""
    first = UNPROVEN if known.shape is Shape.WINDOW else 1
    if lesson.accepted <= first < known.count / 2:
        return True
    enough = NEARLY * known.count
    if lesson.accepted >= enough and used >= known.count:  # else it was never used up, and may be less
        return True
    if known.count <= used < math.inf and log.between(lesson.at - known.span, lesson.at) >= enough:
        return True  # its windows begin by the clock, and one began among our calls
    return lesson.told is None and lesson.knocks == 0 and again_at - lesson.heard_at < QUICK * known.span
