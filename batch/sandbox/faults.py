"""The fault script: what goes wrong, with which call, how often.

A script is JSON, ``{"seed": 0, "rules": [RULE, …]}``; a rule is ``{"match": …, "times": …, "when": …, "do": …}``.
Calls that the token check or the throttle refuses meet no rule. Each rule counts the calls that match it; of the rules
whose turn it is, the first one strikes.

``match`` – every given key must hold
    method, path    as text; path is relative to ``/api/v1`` and may hold ``*`` and ``?``
    number channel agent   of the body (or ``?number=``)
    page            the ``page`` parameter of a list
    nth             strike the n-th matching call only; a number or a list of them, counted from 1
    every           strike each so-many-th matching call
    share           strike this share of them, drawn from ``seed``: 0.3
    per             what is counted: ``rule`` (all together, default), ``trunk``, ``connection``
    between         only in these seconds since the first call under this script: [60, 180]
``times`` – strike at most so often (default: no limit)
``when`` – ``before`` (default): the write is not carried out; ``after``: it is, and then the fault strikes
``do`` – at most one content, at most one delivery, any of the timing
    content    status: 502 with body (text or JSON) and headers · html: login|firewall|gateway|any page, status with it
               lie: wanted (says what was asked) · old_agent · other_agent · other_number · success_false
                    · accepted (a 202) · empty · no_data
               redirect: "/login" (302 unless status says 307 …) · huge: N bytes · bomb: N bytes inside gzip
               endless: pages|headers|body
    delivery   cut: {bytes: 20, framing: length|chunked|close, end: close|reset}
               reset: true · close: true · garbled: true (not HTTP) · drip: {bytes: 1, every: 0.5}
               hangup: true (a whole answer, then the connection is closed unannounced)
    timing     delay: seconds, before or after carrying out by ``when``
               late: the write is carried out so many seconds later; answered by a 504 unless told otherwise
               stale: reads show the old owner for so many seconds after this write
               outside: {number, channel, agent}: somebody in the panel sets an owner just before (after) this call
drip, hangup and timing let the call through whatever ``when`` says.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from batch.sandbox.checked import Strict, checked, checked_file
from batch.sandbox.request import Request
from batch.sandbox.throttle import Clock

CONTENT = ("status", "html", "lie", "redirect", "huge", "bomb", "endless")
DELIVERY = ("cut", "reset", "close", "garbled", "drip", "hangup")
_LETS_THROUGH = {"drip", "hangup"}

Lie: TypeAlias = Literal[
    "wanted", "old_agent", "other_agent", "other_number", "success_false", "accepted", "empty", "no_data"
]


class Match(Strict):
    """Which calls a rule is about, and whose turn it is among them."""

    method: str = "*"
    path: str = "*"
    number: str | None = None
    channel: str | None = None
    agent: str | None = None
    page: int | None = None
    nth: PositiveInt | tuple[PositiveInt, ...] | None = None
    every: PositiveInt | None = None
    share: float | None = Field(default=None, ge=0, le=1)
    per: Literal["rule", "trunk", "connection"] = "rule"
    between: tuple[NonNegativeFloat, NonNegativeFloat] | None = None


class Cut(Strict):
    """An answer of which only the first bytes come."""

    bytes: NonNegativeInt = 0
    framing: Literal["length", "chunked", "close"] = "length"
    end: Literal["close", "reset"] = "close"


class Drip(Strict):
    """An answer that comes a few bytes at a time; ``every`` in seconds."""

    bytes: PositiveInt = 1
    every: PositiveFloat


class Outside(Strict):
    """Somebody in the panel sets an owner, or nobody (``null``)."""

    number: str
    channel: str
    agent: str | None


class Do(Strict):
    """What goes wrong, see the top of this module."""

    status: int | None = Field(default=None, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    html: str | None = None
    lie: Lie | None = None
    redirect: str | None = None
    huge: PositiveInt | None = None
    bomb: PositiveInt | None = None
    endless: Literal["pages", "headers", "body"] | None = None
    cut: Cut | None = None
    reset: Literal[True] | None = None
    close: Literal[True] | None = None
    garbled: Literal[True] | None = None
    drip: Drip | None = None
    hangup: Literal[True] | None = None
    delay: NonNegativeFloat = 0.0
    late: NonNegativeFloat | None = None
    stale: NonNegativeFloat | None = None
    outside: Outside | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Do:
        # ``status`` beside ``html`` or ``redirect`` is that page's status, not a content of its own.
        content = [k for k in self._given(CONTENT) if not (k == "status" and (self.html or self.redirect))]
        for kind, keys in (("content", content), ("delivery", self._given(DELIVERY))):
            if len(keys) > 1:
                raise ValueError(f"{' and '.join(keys)} are both {kind}: give one of them")
        if (self.body is not None or self.headers) and self.status is None:
            raise ValueError("body and headers need a status")
        if not self.model_fields_set:
            raise ValueError("nothing to do")
        return self

    def _given(self, keys: tuple[str, ...]) -> list[str]:
        return [key for key in keys if getattr(self, key) is not None]

    @property
    def prevents(self) -> bool:
        """Whether ``when: before`` keeps the write from being carried out."""
        return bool(set(self._given(CONTENT + DELIVERY)) - _LETS_THROUGH)

    @property
    def name(self) -> str:
        """The keys that were given, for the log: ``cut+late``."""
        return "+".join(sorted(self.model_fields_set - {"body", "headers"}))


class Rule(Strict):
    """One rule of the script."""

    do: Do
    match: Match = Match()
    times: PositiveInt | None = None
    when: Literal["before", "after"] = "before"


class Script(Strict):
    """A whole script."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0


def parse(data: object) -> Script:
    """A script from parsed JSON; :class:`batch.errors.UsageError` names the rule's index and the key."""
    return checked(Script, data, "fault script")


def load(path: Path) -> Script:
    """A script from a file; raises :class:`batch.errors.UsageError`."""
    return checked_file(Script, path)


# ── whose turn it is ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Turn:
    chance: random.Random
    seen: Counter[object] = field(default_factory=Counter)
    struck: int = 0


class Player:
    """A script being played: counts the matching calls and says which rule strikes."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self.script = script
        self._clock, self._start = clock, math.inf
        # A string seed, so that neighbouring rules do not draw alike.
        self._turns = [_Turn(random.Random(f"{script.seed}/{i}")) for i in range(len(script.rules))]  # noqa: S311

    def strike(self, request: Request) -> Rule | None:
        """The rule that strikes this call, or ``None``."""
        self._start = min(self._start, self._clock.monotonic())
        struck: Rule | None = None
        for rule, turn in zip(self.script.rules, self._turns, strict=True):
            if self._concerns(rule.match, request) and self._due(rule, turn, request) and struck is None:
                turn.struck += 1
                struck = rule
        return struck

    def struck(self) -> list[int]:
        """How often each rule has struck so far."""
        return [turn.struck for turn in self._turns]

    def _concerns(self, match: Match, request: Request) -> bool:
        if match.between is not None:
            since = self._clock.monotonic() - self._start
            if not match.between[0] <= since < match.between[1]:
                return False
        wanted = ((match.number, request.number), (match.channel, request.channel), (match.agent, request.agent))
        return (
            match.method in {"*", request.method}
            and fnmatchcase(request.path, match.path)
            and all(want is None or want == got for want, got in wanted)
            and match.page in {None, request.page}
        )

    def _due(self, rule: Rule, turn: _Turn, request: Request) -> bool:
        match = rule.match
        key: object = {"rule": None, "trunk": (request.number, request.channel), "connection": request.port}[match.per]
        turn.seen[key] += 1
        count = turn.seen[key]
        nth = (match.nth,) if isinstance(match.nth, int) else match.nth
        drawn = match.share is None or turn.chance.random() < match.share
        return (
            (rule.times is None or turn.struck < rule.times)
            and (nth is None or count in nth)
            and (match.every is None or count % match.every == 0)
            and drawn
        )
