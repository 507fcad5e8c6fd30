"""The limiters a server may have in front of it, and the headers by which it tells about them.

``fixed`` is Laravel's: a window of whole seconds that starts with the first call, shared by all tokens; a refused call
is not counted; its ``Retry-After`` is the difference of two clocks cut to whole seconds, so it can say 0 while the
window is still closed for a moment (API.md §5).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal, Protocol

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from batch.sandbox.checked import Strict

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from: seconds that only grow, and seconds since the epoch."""

    monotonic: Callable[[], float] = time.monotonic
    time: Callable[[], float] = time.time


class ThrottleRule(Strict):
    """One limiter, as written in a control call or a file.

    ``fixed`` uses limit and window (seconds), ``bucket`` rate (per second) and burst, ``concurrency`` limit.
    ``others`` calls per second are used up by the web panel and other tokens. Friendly by default, so that a demo is
    quick; a stock server has ``limit=60``.
    """

    kind: Literal["fixed", "bucket", "concurrency", "none"] = "fixed"
    limit: PositiveInt = 1200
    window: PositiveFloat = 60.0
    rate: PositiveFloat = 10.0
    burst: PositiveInt = 20
    others: NonNegativeFloat = 0.0
    headers: Literal["laravel", "draft", "ietf", "none"] = "laravel"
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    body: Literal["json", "html", "text", "empty"] = "json"


@dataclass(frozen=True, slots=True)
class Permit:
    """A limiter's word about one call. ``retry_after`` and ``reset`` (until all is free again) are seconds."""

    granted: bool
    remaining: int
    retry_after: int = 0
    reset: float = 0.0


class Limiter(Protocol):
    """Asked once per call; told when a granted call has ended."""

    def take(self) -> Permit:
        """Whether a call may go on now."""
        ...

    def release(self) -> None:
        """A granted call has ended."""
        ...


class Unlimited:
    """No limit at all."""

    def take(self) -> Permit:
        """Always yes."""
        return Permit(granted=True, remaining=0)

    def release(self) -> None:
        """Nothing is held."""


class FixedWindow:
    """Laravel's limiter."""

    def __init__(self, rule: ThrottleRule, clock: Clock) -> None:
        self._rule, self._clock = rule, clock
        self._start = self._end = -math.inf
        self._epoch_end = 0
        self._used = 0

    def take(self) -> Permit:
        """Count a call, or refuse it uncounted."""
        now, epoch = self._clock.monotonic(), self._clock.time()
        if now >= self._end:
            self._start, self._end, self._used = now, now + self._rule.window, 0
            self._epoch_end = int(epoch) + int(self._rule.window)
        free = self._rule.limit - self._used - int(self._rule.others * (now - self._start))
        reset = self._end - now
        if free <= 0:
            return Permit(granted=False, remaining=0, retry_after=max(0, self._epoch_end - int(epoch)), reset=reset)
        self._used += 1
        return Permit(granted=True, remaining=free - 1, reset=reset)

    def release(self) -> None:
        """A window counts calls, not their ends."""


class Bucket:
    """A token bucket whose ``Retry-After`` is rounded up to whole seconds."""

    def __init__(self, rule: ThrottleRule, clock: Clock) -> None:
        self._clock, self._burst = clock, rule.burst
        self._rate = max(rule.rate - rule.others, 1e-9)
        self._tokens, self._at = float(rule.burst), -math.inf

    def take(self) -> Permit:
        """Take a token if there is one."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        granted = self._tokens >= 1
        self._tokens -= granted
        reset = (self._burst - self._tokens) / self._rate
        wait = 0 if granted else math.ceil((1 - self._tokens) / self._rate)
        return Permit(granted=granted, remaining=int(self._tokens), retry_after=wait, reset=reset)

    def release(self) -> None:
        """Tokens come back with time, not with the end of a call."""


class Concurrency:
    """At most so many calls at once."""

    def __init__(self, rule: ThrottleRule, _clock: Clock) -> None:
        self._limit = rule.limit
        self._active = 0

    def take(self) -> Permit:
        """Take a place if there is one."""
        granted = self._active < self._limit
        self._active += granted
        return Permit(granted=granted, remaining=self._limit - self._active, retry_after=0 if granted else 1, reset=1.0)

    def release(self) -> None:
        """Give the place back."""
        self._active -= 1


def limiter(rule: ThrottleRule, clock: Clock) -> Limiter:
    """A fresh limiter for a rule."""
    match rule.kind:
        case "fixed":
            return FixedWindow(rule, clock)
        case "bucket":
            return Bucket(rule, clock)
        case "concurrency":
            return Concurrency(rule, clock)
        case "none":
            return Unlimited()


# ── telling about it ──────────────────────────────────────────────────────────────────────────────────────────────────


def headers(rule: ThrottleRule, permit: Permit, epoch: float) -> Headers:
    """The headers of one answer; *epoch* is now, in seconds since the epoch."""
    if rule.kind == "none":
        return ()
    told = _STYLES[rule.headers](rule, permit, epoch)
    return told if permit.granted or rule.retry_after == "none" else (*told, _retry_after(rule, permit, epoch))


def _retry_after(rule: ThrottleRule, permit: Permit, epoch: float) -> tuple[str, str]:
    if rule.retry_after == "date":
        return "Retry-After", formatdate(epoch + permit.retry_after, usegmt=True)
    return "Retry-After", str(permit.retry_after)


def _limit(rule: ThrottleRule) -> int:
    return rule.burst if rule.kind == "bucket" else rule.limit


def _laravel(rule: ThrottleRule, permit: Permit, epoch: float) -> Headers:
    told = (("X-RateLimit-Limit", str(_limit(rule))), ("X-RateLimit-Remaining", str(permit.remaining)))
    return told if permit.granted else (*told, ("X-RateLimit-Reset", str(int(epoch) + permit.retry_after)))


def _draft(rule: ThrottleRule, permit: Permit, _epoch: float) -> Headers:
    """The IETF draft up to version 7: three headers, reset in seconds from now."""
    return (
        ("RateLimit-Limit", str(_limit(rule))),
        ("RateLimit-Remaining", str(permit.remaining)),
        ("RateLimit-Reset", str(math.ceil(permit.reset))),
    )


def _ietf(rule: ThrottleRule, permit: Permit, _epoch: float) -> Headers:
    """The IETF draft from version 8: structured fields."""
    window = rule.burst / rule.rate if rule.kind == "bucket" else rule.window
    return (
        ("RateLimit-Policy", f'"default";q={_limit(rule)};w={math.ceil(window)}'),
        ("RateLimit", f'"default";r={permit.remaining};t={math.ceil(permit.reset)}'),
    )


def _untold(_rule: ThrottleRule, _permit: Permit, _epoch: float) -> Headers:
    return ()


_STYLES: dict[str, Callable[[ThrottleRule, Permit, float], Headers]] = {
    "laravel": _laravel,
    "draft": _draft,
    "ietf": _ietf,
    "none": _untold,
}
