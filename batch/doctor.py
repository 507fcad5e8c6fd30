"""Whether a run could begin: host, token, rights, clock, limits, counts, and what nobody can know. Reads only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from batch.core import calls
from batch.core.calls import Answer
from batch.core.model import Occupancy, Snapshot
from batch.core.occupancy import learn, seats
from batch.core.verdict import Reading
from batch.engine.session import Session
from batch.engine.snapshot import gather
from batch.errors import ReassignError

SKEW = 60.0
"""Seconds by which the clocks may differ before times in a report mislead."""
TOLD = ("x-ratelimit-limit", "x-ratelimit-remaining", "ratelimit", "ratelimit-policy", "retry-after")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``ok`` is ``None`` when it cannot be known."""

    name: str
    ok: bool | None
    detail: str


async def examine(session: Session) -> tuple[Finding, ...]:
    """Every finding, as far as the server lets us see; what stops the looking is itself a finding."""
    found = [Finding("host", True, f"{session.target.workspace}, {session.target.base_url}")]
    try:
        reading, answer, detail = await session.caller.ask(calls.probe())
    except ReassignError as error:
        return (*found, Finding("answer", False, f"{error.message}; {error.hint}"))
    found += [
        Finding("token", reading is Reading.FOUND, detail or "accepted"),
        _clock(answer, time.time()),
        _limit(answer),
    ]
    try:
        snapshot = await gather(session.caller)
    except ReassignError as error:
        return (*found, Finding("lists", False, f"{error.message}; {error.hint}"))
    return (*found, *_counts(snapshot), *_unknown(snapshot))


def _clock(answer: Answer, now: float) -> Finding:
    said = answer.headers.get("date", "")
    try:
        skew = now - parsedate_to_datetime(said).timestamp()
    except ValueError:
        return Finding("clock", None, "the server does not say what time it is")
    return Finding("clock", abs(skew) <= SKEW, f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's")


def _limit(answer: Answer) -> Finding:
    told = [f"{name}: {answer.headers[name]}" for name in TOLD if name in answer.headers]
    if told:
        return Finding("rate", True, ", ".join(told))
    return Finding("rate", None, "the server does not tell its limit; it is learnt while running, or give --rate")


def _counts(snapshot: Snapshot) -> Iterator[Finding]:
    ready = sum(agent.status in {"", "ready"} for agent in snapshot.agents.values())
    yield Finding("agents", bool(snapshot.agents), f"{len(snapshot.agents):,}, {ready:,} of them ready")
    trunks = snapshot.trunk_count()
    yield Finding("trunks", trunks > 0, f"{trunks:,} on {len(snapshot.numbers):,} numbers, {snapshot.pages:,} pages")
    yield Finding("other numbers", True, f"{len(snapshot.others):,} that are not external trunks")
    for note in snapshot.notes:
        yield Finding("note", None, note)


def _unknown(snapshot: Snapshot) -> Iterator[Finding]:
    if learn(Occupancy.AUTO, seats(snapshot)) is Occupancy.SHARED:
        yield Finding("occupancy", True, "shared: some agent serves two numbers on one channel")
    else:
        yield Finding("occupancy", None, "no agent serves two numbers on a channel: taken as exclusive until seen")
    yield Finding("right to write", None, "only an assignment shows it: the API has no dry run")
