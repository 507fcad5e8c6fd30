"""What became of it: outcomes, a run as its journal knows it, and the lines and figures of its report."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from batch.core.model.live import NumberState
from batch.core.model.plan import Plan
from batch.core.model.reason import Reason
from batch.core.model.trunk import AgentId, Number, Trunk


class Status(StrEnum):
    """The one named state each (row, channel) ends in."""

    DONE = "done"
    ALREADY = "already"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DRIFTED = "drifted"
    SKIPPED = "skipped"


class Verified(StrEnum):
    """By what a result was seen to be true; empty when it was not looked at."""

    NO = ""
    ECHO = "echo"
    EACH = "each"
    SWEEP = "sweep"


class Outcome(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What became of one change. Times are seconds since the epoch (UTC); ``after`` is the owner last seen.

    ``after_name`` is what somebody else's agent is called, which the plan may not know. ``written`` says that at least
    one PUT for it may have reached the server, ``unanswered`` that the last of them had no whole answer: the server may
    be at it still.
    """

    change: int
    status: Status
    reason: Reason
    detail: str = ""
    http_status: int | None = None
    attempts: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    verified: Verified = Verified.NO
    after: AgentId | None = None
    after_name: str = ""
    written: bool = False
    unanswered: bool = False


class Calls(Struct, frozen=True, kw_only=True):
    """How many calls a run made. ``refused_429`` are answers of 429; ``retried`` are second and later attempts."""

    get: int = 0
    put: int = 0
    retried: int = 0
    refused_429: int = 0


class RunRecord(Struct, frozen=True, kw_only=True):
    """Everything a journal knows about a run: what the report is made from.

    ``outcomes`` is keyed by change id; a change without one was never started. ``befores`` and ``afters`` are the
    number as seen just before the run's first PUT on it, and as last seen. ``beside`` are the trunks outside of the
    plan that were served by agents which it gives to others; ``None`` when that was not written down. ``whole_run`` is
    why no change was started at all (an audit, a guard, invalid rows), or why the rest was not; ``None`` when the run
    went to its end. ``restoring`` are changes whose putting back was begun and has no outcome. ``plan_digest`` is that
    of the plan as it was written down; ``opening_entries`` is how many of the journal's entries tell all but how the
    run went. ``undoes`` says that it is a rollback, or tries one again. ``terms`` are settings that it was begun
    with and is gone on with, as far as they were given. ``sent_at`` is when it last sent a PUT, or was about to.
    """

    run_id: str
    command: str
    tool_version: str
    plan: Plan
    outcomes: Mapping[int, Outcome]
    befores: Mapping[Number, NumberState]
    afters: Mapping[Number, NumberState]
    calls: Calls
    started_at: float
    beside: Mapping[Trunk, AgentId] | None = None
    pace: Mapping[str, str] = field(default_factory=dict)
    finished_at: float | None = None
    exit_code: int | None = None
    whole_run: Reason | None = None
    whole_run_detail: str = ""
    restoring: frozenset[int] = frozenset()
    plan_digest: str = ""
    notes: tuple[str, ...] = ()
    opening_entries: int = 1
    undoes: bool = False
    terms: Mapping[str, Any] = field(default_factory=dict)
    sent_at: float | None = None


class Result(Struct, frozen=True, kw_only=True, gc=False):
    """One line of ``results.csv``: one (row, channel). Fields are the columns, in order."""

    run_id: str
    file: str
    sheet: str
    row: int
    number: str
    channel: str
    agent_uuid: str
    agent_name: str
    before_agent_uuid: str
    before_agent_name: str
    after_agent_uuid: str
    after_agent_name: str
    status: Status
    reason: str
    http_status: int | None
    attempts: int
    started_at: str
    finished_at: str
    verified: Verified
    wave: str
    note: str


class Surprise(Struct, frozen=True, kw_only=True):
    """A line that ended otherwise than the plan foresaw, and why."""

    row: int
    number: str
    channel: str
    predicted: Status
    actual: Status
    reason: str


class Summary(Struct, frozen=True, kw_only=True):
    """The figures of a run: what ``summary.json`` says. ``predicted`` and ``actual`` count lines by status.

    ``mispredicted`` lines ended otherwise than foreseen, ``surprises`` are the first of them. Lines that were never
    sent because the run as a whole was stopped are none: ``stopped`` explains them all.
    """

    run_id: str
    command: str
    workspace: str
    counts: Mapping[Status, int]
    exit_code: int | None
    calls: Calls
    started_at: str
    finished_at: str
    input_sha256: str
    plan_digest: str
    tool_version: str
    predicted: Mapping[str, int]
    actual: Mapping[str, int]
    rows: int
    changes: int
    pace: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""
    notes: tuple[str, ...] = ()
    mispredicted: int = 0
    surprises: tuple[Surprise, ...] = ()
