"""When the next call may leave: decisions only. ``now`` is passed in (monotonic seconds); nothing here waits.

Whatever the server tells about its limit is mirrored (:mod:`batch.engine.limiter_mirror`); what it does not tell is
inferred from its refusals (:mod:`batch.engine.limiter_guess`); a rate that was typed in is kept besides. A pause the
server asks for holds for everybody, and the first call after it goes alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from msgspec import Struct

from batch.engine.limiter_allowance import Typed
from batch.engine.limiter_guess import Guess
from batch.engine.limiter_mirror import Mirror
from batch.engine.limiter_refill import Heard
from batch.engine.rate_headers import FAMILIES, MAX_WAIT, Quota, quotas, retry_after
from batch.engine.send_log import TICK, Latency, SendLog
from batch.errors import UsageError

FLOOR, LONGEST = 0.25, 60.0
"""Seconds: the pause after a refusal that asks for none (``Retry-After: 0`` is common); doubled while it goes on."""
UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
TOO_MANY, AWAY = 429, 503
SERVER_ERROR = 500
MAX_MIRRORS = 8
PATIENCE, PATIENT = 1.0, 8.0
"""Seconds, and usual answers' times, after which a call that was overtaken by later ones holds up no others."""
TELLING = frozenset({"ratelimit", *(family + what for family in FAMILIES for what in ("limit", "remaining"))})
"""The headers without which an answer tells no quota: most do not, and need not be read further."""


class Rate(Struct, frozen=True):
    """A rate as typed: so many calls in so many seconds."""

    calls: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.calls} per {self.seconds:g} s"


def parse_rate(text: str) -> Rate | None:
    """``auto`` (``None``), ``20/s``, ``60/min`` or ``1000/h``; raises :class:`UsageError`."""
    typed = text.strip().lower()
    if typed in {"", "auto"}:
        return None
    match = re.fullmatch(r"(\d{1,9})\s*/\s*([a-z]+)", typed, re.ASCII)
    if match is None or match.group(2) not in UNITS or int(match.group(1)) == 0:
        raise UsageError(f"--rate {text!r} is not a rate", hint="say auto, or for example 20/s or 60/min")
    return Rate(int(match.group(1)), UNITS[match.group(2)])


class PaceView(Struct, frozen=True, kw_only=True):
    """What the pacer believes, for people. ``per_second`` is the pace we may keep up, ``None`` while none is known.

    ``used`` counts calls sent, ``refused`` answers of 429; ``waiting_seconds`` is what is left of a pause.
    """

    limit: str
    why: str
    per_second: float | None
    waiting_seconds: float
    used: int
    in_flight: int
    refused: int

    def words(self) -> Mapping[str, str]:
        """The view as texts, for ``summary.json``."""
        rate = "" if self.per_second is None else f"{self.per_second:.4g}"
        return {
            "limit": self.limit,
            "why": self.why,
            "per_second": rate,
            "used": str(self.used),
            "refused": str(self.refused),
            "waiting_seconds": f"{self.waiting_seconds:.1f}",
        }


class Pacer:
    """Decides when calls leave. One per run, shared by its workers.

    ``rate`` is a rate typed in, ``concurrency`` the most calls under way, ``reserve`` the share of the server's limit
    (0 … 0.95) that is left to others. A call is booked by :meth:`ask`, and ended by exactly one of :meth:`give_back`,
    :meth:`answered` and :meth:`faulted`.
    """

    def __init__(self, rate: Rate | None = None, *, concurrency: int | None = None, reserve: float = 0.0) -> None:
        self._rate = rate
        self._concurrency = math.inf if concurrency is None else concurrency
        self._reserve = min(max(reserve, 0.0), 0.95)
        self._log = SendLog()
        self._latency = Latency()
        self._typed = None if rate is None else Typed(rate.calls, rate.seconds)
        self._mirrors: dict[str, Mirror] = {}
        self._log.span = self._tightest()
        self._guess = Guess(reserve=self._reserve)
        self._paused_until = -math.inf
        self._alone = False  # after a pause: one call, until it is accepted
        self._refused = 0
        self._in_a_row = 0
        self._last_refusal = -math.inf
        self._last_end = math.inf  # when the last call ended, if there was one

    # ── may a call leave? ─────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, now: float) -> float:
        """0.0: a call may leave now, and is booked. Else the seconds after which to ask again.

        Infinity means: not before some call under way has ended.
        """
        seconds = self._wait(now)
        if seconds == math.inf:
            seconds = self._wait_for_the_living(now)
        if self._log.in_flight == 0:  # whatever we were told: after so long, one look does no harm
            seconds = min(seconds, max(0.0, self._last_end + MAX_WAIT - now))
        if seconds > TICK:
            return seconds
        if self._typed is not None:
            self._typed.booked(now, self._log)
        self._guess.booked(now, self._log)
        self._log.book(now)
        for mirror in self._mirrors.values():
            mirror.booked(now)
        return 0.0

    def _wait_for_the_living(self, now: float) -> float:
        """An answer must come first; but not that of a call that hangs while others are served."""
        patience = max(PATIENCE, PATIENT * self._latency.usual)
        while (oldest := self._log.overtaken()) + patience <= now:
            self._log.pass_over(oldest)
            seconds = self._wait(now)
            if seconds < math.inf:
                return seconds
        return oldest + patience - now

    def _wait(self, now: float) -> float:
        if now + TICK < self._paused_until:
            return self._paused_until - now
        if (self._alone and self._log.in_flight) or self._log.under_way >= self._concurrency:
            return math.inf
        seconds = 0.0 if self._typed is None else self._typed.wait(now, self._log)
        for mirror in self._mirrors.values():
            seconds = max(seconds, mirror.wait(now, self._log, self._latency))
        if self._guess.lessons or not (self._mirrors or self._rate):  # something refuses of which nobody speaks
            seconds = max(seconds, self._guess.wait(now, self._log, self._latency))
        return seconds

    # ── how a call ended ──────────────────────────────────────────────────────────────────────────────────────────────

    def give_back(self, booked_at: float) -> None:
        """The call booked then did not leave after all."""
        self._log.ended(booked_at, counted=False)
        for mirror in self._mirrors.values():
            mirror.given_back()

    def faulted(self, sent_at: float, now: float) -> None:
        """The call sent then ended without an answer: it may have been counted, so it stays booked."""
        self._last_end = now
        self._log.ended(sent_at)

    def answered(self, sent_at: float, now: float, status: int, headers: Mapping[str, str]) -> None:
        """The call sent then was answered. Header names are in lower case."""
        self._last_end = now
        refused = status == TOO_MANY
        if not refused:
            self._latency.saw(now - sent_at)
        before, arrived = self._log.before(sent_at), now - self._latency.fastest()
        self._log.ended(sent_at, arrived, counted=not refused)
        told = retry_after(headers) if refused or status == AWAY else None
        if told is not None and not refused:
            self._pause(now, max(told, FLOOR))
        elif status < SERVER_ERROR and not refused:
            self._accept(sent_at, now)
        if not refused and TELLING.isdisjoint(headers):
            return
        heard = Heard(sent_at=sent_at, now=now, arrived=arrived, before=before)
        if refused:
            self._refuse(heard, told, quotas(headers))
        else:
            self._hear(quotas(headers), heard)

    def _accept(self, sent_at: float, now: float) -> None:
        if sent_at >= self._paused_until:
            self._alone = False
            self._in_a_row = 0
        if self._typed is not None:
            self._typed.accepted(sent_at)
        self._guess.accepted(sent_at, now, self._log, self._latency)

    def _hear(self, told: tuple[Quota, ...], heard: Heard) -> None:
        for quota in told[:MAX_MIRRORS]:
            mirror = self._mirrors.get(quota.name)
            if mirror is None:
                if len(self._mirrors) >= MAX_MIRRORS or quota.remaining is None:  # nothing to keep in step by
                    continue
                mirror = self._mirrors[quota.name] = Mirror(quota.name, reserve=self._reserve, now=heard.sent_at)
                self._log.span = self._tightest(quota.window)
            mirror.heard(quota, heard, self._log)

    def _tightest(self, told: float | None = None) -> float:
        """The shortest span of a limit that was typed or told, in seconds; a second where none is."""
        typed = None if self._rate is None else self._rate.seconds
        spans = (typed, told, *(mirror.window for mirror in self._mirrors.values()))
        return min((span for span in spans if span), default=1.0)

    def _refuse(self, heard: Heard, told: float | None, quotas_told: tuple[Quota, ...]) -> None:
        self._refused += 1
        sent_at, now = heard.sent_at, heard.now
        first = sent_at >= self._last_refusal  # calls refused together count as one
        if first:
            self._in_a_row += 1
            self._last_refusal = now
        pause = max(told or min(FLOOR * 2.0 ** (self._in_a_row - 1), LONGEST), FLOOR)
        self._hear(tuple(quota for quota in quotas_told if quota.name not in self._mirrors), heard)
        if quotas_told and self._mirrors:
            for mirror in self._mirrors.values():
                mirror.refused(sent_at, now, pause, self._log, told=bool(told))
        elif self._typed is None or self._guess.lessons or (first and not self._typed.refused()):
            self._guess.refused(sent_at, now, told or None, self._log)
            pause = told or 0.0  # without a word it knows better when to ask again
        self._pause(now, pause)

    def _pause(self, now: float, seconds: float) -> None:
        """Nobody sends before it is over; a pause is never shortened."""
        self._paused_until = max(self._paused_until, now + seconds)
        self._alone = True

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────

    def view(self, now: float) -> PaceView:
        """What is believed at *now*."""
        limit, why, rate = self._belief()
        return PaceView(
            limit=limit,
            why=why,
            per_second=rate,
            waiting_seconds=max(0.0, self._paused_until - now, self._guess.shut_until - now),
            used=self._log.total,
            in_flight=self._log.under_way,
            refused=self._refused,
        )

    def _belief(self) -> tuple[str, str, float | None]:
        """The tightest of what is typed, told and inferred."""
        found: list[tuple[str, str, float | None]] = []
        if self._rate is not None:
            found.append((str(self._rate), "typed in", self._rate.calls / self._rate.seconds))
        found += [(str(m), "told by the server", m.per_second()) for m in self._mirrors.values()]
        why = f"inferred from {self._refused} refusal{'' if self._refused == 1 else 's'}"
        allowance = self._guess.allowance
        if allowance is not None:
            found.append((str(allowance), why, allowance.rate * (1.0 - self._reserve)))
        elif self._guess.lessons and not found:
            return "not measured yet", why, None
        if not found:
            return "none seen", "the server never refused and tells no limit", None
        return min(found, key=lambda belief: math.inf if belief[2] is None else belief[2])
