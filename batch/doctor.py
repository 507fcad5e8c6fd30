"""Whether a run could begin: host, token, rights, clock, limits, counts, and what nobody can know. Reads only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from batch.adapters.target import Target
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
    """One thing that was looked at. ``ok`` is ``None`` when it cannot be known.

    ``exit_code`` is that of the error which ended the looking.
    """

    name: str
    detail: str
    ok: bool | None = None
    exit_code: int = 0


async def examine(session: Session) -> tuple[Finding, ...]:
    """Every finding, as far as the server lets us see; what stops the looking is itself a finding."""
    found = [Finding("host", f"{session.target.workspace}, {session.target.base_url}", ok=True)]
    try:
        reading, answer, detail = await session.callers[0].ask(calls.probe())
    except ReassignError as error:
        return (*found, Finding("answer", _told(error), ok=False, exit_code=error.exit_code))
    found += [
        _tls(session.target),
        _token(reading, detail),
        _clock(answer, time.time()),
        _limit(answer),
    ]
    try:
        snapshot = await gather(session.callers)
    except ReassignError as error:
        return (*found, Finding("lists", _told(error), ok=False, exit_code=error.exit_code))
    return (*found, *_counts(snapshot), *_unknown(snapshot))


def _told(error: ReassignError) -> str:
    return "; ".join(filter(None, (error.message, error.hint)))


def _token(reading: Reading, detail: str) -> Finding:
    """A probe that this token may not make, or that this server does not know, says nothing against the token."""
    if reading is Reading.FOUND:
        return Finding("token", "accepted", ok=True)
    return Finding("token", f"not refused, though the probe was: {detail}")


def _tls(target: Target) -> Finding:
    if target.base_url.startswith("https:"):
        return Finding("tls", "the certificate is good for this host", ok=True)
    return Finding("tls", "none: plain http, which is allowed on this machine only")


def _clock(answer: Answer, now: float) -> Finding:
    said = answer.headers.get("date", "")
    try:
        skew = now - parsedate_to_datetime(said).timestamp()
    except ValueError:
        return Finding("clock", "the server does not say what time it is")
    told = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    return Finding("clock", told, ok=abs(skew) <= SKEW)


def _limit(answer: Answer) -> Finding:
    told = [f"{name}: {answer.headers[name]}" for name in TOLD if name in answer.headers]
    if told:
        return Finding("rate", ", ".join(told), ok=True)
    return Finding("rate", "the server does not tell its limit; it is learnt while running, or give --rate")


def _counts(snapshot: Snapshot) -> Iterator[Finding]:
    ready = sum(agent.status in {"", "ready"} for agent in snapshot.agents.values())
    yield Finding("agents", f"{len(snapshot.agents):,}, {ready:,} of them ready", ok=bool(snapshot.agents))
    trunks = snapshot.trunk_count()
    told = f"{trunks:,} on {len(snapshot.numbers):,} numbers, {snapshot.pages:,} pages"
    yield Finding("trunks", told, ok=trunks > 0)
    yield Finding("other numbers", f"{len(snapshot.others):,} that are not external trunks", ok=True)
    for note in snapshot.notes:
        yield Finding("note", note)


def _unknown(snapshot: Snapshot) -> Iterator[Finding]:
    if learn(Occupancy.AUTO, seats(snapshot)) is Occupancy.SHARED:
        yield Finding("occupancy", "shared: some agent serves two numbers on one channel", ok=True)
    else:
        yield Finding("occupancy", "no agent serves two numbers on a channel: taken as exclusive until seen")
    yield Finding("right to write", "only an assignment shows it: the API has no dry run")
