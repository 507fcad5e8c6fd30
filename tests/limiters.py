"""Simulated servers with a limiter each, under virtual time: no network, no waiting, a log that tells the truth.

A limiter is asked ``admit(at)`` in order of arrival and returns whether the call is accepted, and what its headers say.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import Protocol

from batch.engine.pace import Pacer
from batch.engine.width import Width

EPOCH = 1_790_000_000.37
"""What the servers' clocks show at virtual time 0: not a whole second, as in life."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a limiter decides about one call. ``headers`` go out with the answer, after ``service`` seconds."""

    accepted: bool
    headers: dict[str, str] = field(default_factory=dict)
    service: float = 0.0


class Limiter(Protocol):
    """A server's limiter; ``at`` never goes backwards."""

    def admit(self, at: float) -> Ruling: ...


class Free:
    """No limit at all."""

    def admit(self, at: float) -> Ruling:
        return Ruling(True)


@dataclass
class FixedWindow:
    """*limit* calls per window. ``aligned``: windows start at whole multiples; else with the first call (Laravel).

    ``headers``: ``none``, ``laravel`` (limit and rest; Retry-After and Reset on a refusal only), ``draft`` (limit,
    rest, reset, policy), ``epoch`` (limit, rest and reset as whole seconds since 1970 on every answer), ``rest`` (limit
    and rest, nothing else), ``limit`` (limit alone; Retry-After on a refusal). ``retry_after`` adds whole seconds,
    rounded up, to bare refusals. A refused call is not counted.
    """

    limit: int
    seconds: float
    headers: str = "none"
    retry_after: bool = False
    aligned: bool = False
    phase: float = 0.0
    start: float = -math.inf
    used: int = 0

    def admit(self, at: float) -> Ruling:
        if at >= self.start + self.seconds:
            self.start = (
                self.phase + math.floor((at - self.phase) / self.seconds) * self.seconds if self.aligned else at
            )
            self.used = 0
        accepted = self.used < self.limit
        self.used += accepted
        return Ruling(accepted, self._headers(at, accepted))

    def _headers(self, at: float, accepted: bool) -> dict[str, str]:
        left = self.start + self.seconds - at
        rest = str(self.limit - self.used)
        if self.headers == "laravel":
            told = {"x-ratelimit-limit": str(self.limit), "x-ratelimit-remaining": rest}
            if not accepted:
                ends = math.floor(EPOCH + self.start) + int(self.seconds)  # whole seconds on both sides, as it computes
                wait = max(0, ends - math.floor(EPOCH + at))
                told |= {"retry-after": str(wait), "x-ratelimit-reset": str(math.floor(EPOCH + at) + wait)}
            return told
        if self.headers == "draft":
            told = {
                "ratelimit-limit": str(self.limit),
                "ratelimit-remaining": rest,
                "ratelimit-reset": str(math.ceil(left)),
                "ratelimit-policy": f"{self.limit};w={self.seconds:g}",
            }
            return told | ({} if accepted else {"retry-after": str(math.ceil(left))})
        asks = {"retry-after": str(math.ceil(left))} if not accepted and self.headers != "rest" else {}
        told = {"x-ratelimit-limit": str(self.limit), "x-ratelimit-remaining": rest}
        if self.headers == "epoch":
            return told | asks | {"x-ratelimit-reset": str(math.ceil(EPOCH + self.start + self.seconds))}
        if self.headers == "rest":
            return told
        if self.headers == "limit":
            return asks | {"x-ratelimit-limit": str(self.limit)}
        return asks if self.retry_after else {}


@dataclass
class Bucket:
    """*burst* tokens, refilled at *rate* per second; ``burst=1`` is a GCRA without tolerance."""

    rate: float
    burst: float
    headers: str = "none"
    retry_after: bool = False
    tokens: float = math.nan
    at: float = 0.0

    def admit(self, at: float) -> Ruling:
        self.tokens = self.burst if math.isnan(self.tokens) else self.tokens
        self.tokens = min(self.burst, self.tokens + (at - self.at) * self.rate)
        self.at = at
        accepted = self.tokens >= 1.0 - 1e-9
        self.tokens -= accepted
        told = {}
        if self.headers == "x":
            told = {"x-ratelimit-limit": f"{self.burst:g}", "x-ratelimit-remaining": str(max(0, int(self.tokens)))}
        if not accepted and (self.retry_after or self.headers != "none"):
            told["retry-after"] = str(math.ceil((1.0 - self.tokens) / self.rate))
        return Ruling(accepted, told)


@dataclass
class Sliding:
    """*limit* calls in any *seconds*: the strictest of all, an exact log."""

    limit: int
    seconds: float
    log: deque[float] = field(default_factory=deque)

    def admit(self, at: float) -> Ruling:
        while self.log and self.log[0] <= at - self.seconds:
            self.log.popleft()
        if len(self.log) >= self.limit:
            return Ruling(False)
        self.log.append(at)
        return Ruling(True)


@dataclass
class Changing:
    """One limiter after another: ``(from_second, limiter)`` in order."""

    phases: list[tuple[float, Limiter]]

    def admit(self, at: float) -> Ruling:
        return [limiter for start, limiter in self.phases if at >= start][-1].admit(at)


@dataclass
class Shared:
    """A limiter that somebody else uses too, one call every *every* seconds."""

    inner: Limiter
    every: float
    next_at: float = 0.5
    accepted: int = 0
    refused: int = 0

    def admit(self, at: float) -> Ruling:
        while self.next_at <= at:
            if self.inner.admit(self.next_at).accepted:
                self.accepted += 1
            else:
                self.refused += 1
            self.next_at += self.every
        return self.inner.admit(at)


@dataclass
class Concurrency:
    """At most *most* calls in service at once, each served for *service* seconds; more are refused."""

    most: int
    service: float
    busy: list[float] = field(default_factory=list)

    def admit(self, at: float) -> Ruling:
        while self.busy and self.busy[0] <= at:
            heapq.heappop(self.busy)
        if len(self.busy) >= self.most:
            return Ruling(False)
        heapq.heappush(self.busy, at + self.service)
        return Ruling(True, service=self.service)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of the server's log. ``pause`` is what it asked for, in seconds; 0.0 = nothing."""

    sent_at: float
    at: float
    heard_at: float
    accepted: bool
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a simulated run."""

    log: tuple[Arrival, ...]
    ended_at: float

    @property
    def accepted(self) -> int:
        return sum(line.accepted for line in self.log)

    @property
    def refused(self) -> int:
        return len(self.log) - self.accepted

    @property
    def early(self) -> int:
        """How many calls left after a pause was heard of and before it was over."""
        pauses = [(line.heard_at, line.heard_at + line.pause) for line in self.log if line.pause]
        return sum(begin < line.sent_at < end - 1e-6 for begin, end in pauses for line in self.log)

    def accepted_between(self, start: float, end: float) -> int:
        return sum(1 for line in self.log if line.accepted and start <= line.at < end)

    def refused_between(self, start: float, end: float) -> int:
        return sum(1 for line in self.log if not line.accepted and start <= line.at < end)


class Simulation:
    """Workers that make calls through a pacer against a limiter, in virtual time.

    Half of a call's time is its way there; each way varies by ± *jitter* of itself, so calls overtake each other.
    """

    def __init__(self, pacer: Pacer, limiter: Limiter, *, latency: float, jitter: float, seed: int) -> None:
        self._pacer = pacer
        self._limiter = limiter
        self._way = latency / 2
        self._jitter = jitter
        self._random = random.Random(seed).random
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._log: list[Arrival] = []
        self._asking_at = math.inf

    def run(self, *, calls: int, width: Width, until: float) -> Run:
        """Until *calls* were accepted, or *until* comes and what is under way has ended."""
        self._wanted, self._busy, self._width, self._until = calls, 0, width, until
        self._ask(0.0)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        assert until < math.inf or self._wanted == 0, "everybody waits for everybody"
        return Run(tuple(sorted(self._log, key=lambda line: line.at)), max(line.heard_at for line in self._log))

    def _later(self, at: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), what))

    def _on_its_way(self) -> float:
        return self._way * (1.0 + self._jitter * (2.0 * self._random() - 1.0))

    def _ask(self, now: float) -> None:
        while self._busy < self._width.now and self._wanted and now < self._until:
            seconds = self._pacer.ask(now)
            if seconds > 0.0:
                self._asking_at = now + seconds
                if seconds < math.inf:
                    self._later(self._asking_at, self._ask_again)
                return
            self._busy += 1
            self._wanted -= 1
            self._later(now + self._on_its_way(), partial(self._arrive, now))

    def _ask_again(self, now: float) -> None:
        if now == self._asking_at:  # else somebody has asked meanwhile, and was told another time
            self._asking_at = math.inf
            self._ask(now)

    def _arrive(self, sent_at: float, now: float) -> None:
        ruling = self._limiter.admit(now)
        self._later(now + ruling.service + self._on_its_way(), partial(self._hear, sent_at, now, ruling))

    def _hear(self, sent_at: float, at: float, ruling: Ruling, now: float) -> None:
        pause = 0.0 if ruling.accepted else float(ruling.headers.get("retry-after", "0"))
        self._log.append(Arrival(sent_at, at, now, ruling.accepted, pause))
        headers = ruling.headers and ruling.headers | {"date": formatdate(EPOCH + at, usegmt=True)}
        self._pacer.answered(sent_at, now, 200 if ruling.accepted else 429, headers)
        if ruling.accepted:
            self._width.served(waiting=self._busy < self._width.now and self._wanted > 0)
        else:
            self._width.troubled()
        self._busy -= 1
        self._wanted += not ruling.accepted
        self._ask(now)


def drive(
    pacer: Pacer,
    limiter: Limiter,
    *,
    calls: int,
    workers: int | None = 16,
    latency: float = 0.005,
    jitter: float = 0.2,
    until: float = math.inf,
    seed: int = 1,
) -> Run:
    """Let *workers* (``None``: as many as seem right) make *calls* accepted calls through *pacer* against *limiter*."""
    simulation = Simulation(pacer, limiter, latency=latency, jitter=jitter, seed=seed)
    return simulation.run(calls=calls, width=Width(workers), until=until)


def ideal(limiter: Limiter, *, calls: int, workers: int = 16, latency: float = 0.005, step: float = 0.0005) -> float:
    """How long *workers* who know the limiter by heart take: each call arrives at the first moment it is accepted."""
    free = [0.0] * workers
    at = 0.0
    for _ in range(calls):
        at = max(at, heapq.heappop(free) + latency / 2)
        while not limiter.admit(at).accepted:
            at += step
        heapq.heappush(free, at + latency / 2)
    return at + latency / 2
