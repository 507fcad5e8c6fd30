"""A record as lines: exactly one result per (row, channel), whatever happened, a crash included."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from batch.core.model import (
    Action,
    AgentId,
    Change,
    Number,
    Outcome,
    PlanRow,
    Reason,
    Result,
    RunRecord,
    Status,
    Trunk,
    Verified,
)
from batch.core.problems import describe, is_error
from batch.core.reasons import sentence
from batch.core.steps import planned

GOOD = frozenset({Status.DONE, Status.ALREADY})
"""Statuses after which nothing is left to do."""

KEPT: Mapping[Reason, Status] = {
    Reason.ALREADY_THERE: Status.ALREADY,
    Reason.NOT_EXPECTED: Status.DRIFTED,
    Reason.NOT_SELECTED: Status.SKIPPED,
}
"""What a change that keeps its trunk is in the results, by the reason it was planned for."""

_REASONS = {reason.value: reason for reason in Reason}
"""The same as ``Reason(code)``, for the million times that reports ask."""

_SECONDS, _SENTENCES = 4096, 4096
"""Seconds, and reasons, whose text is kept in mind."""

UNSWEPT = frozenset(
    {Reason.INTERRUPTED, Reason.DEADLINE, Reason.CREDENTIALS, Reason.API_UNAVAILABLE, Reason.JOURNAL_FAILED}
)
"""What ends a run before its last look."""
ECHO_ONLY = "so its answer says; the run ended before its last look"

_TOLD_WITH_CODE = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN})
"""Statuses whose reason names the last HTTP status."""


_NOBODY_KNOWN = frozenset({Status.UNKNOWN, Status.DRIFTED})
"""Statuses of a trunk that is with nobody, or with who knows whom, where its outcome names no owner."""


class _Fate(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one line. ``after`` is the owner last seen; ``None`` when it is not known, or nobody.

    ``after_name`` is its name, where neither the plan nor a later picture has it.
    """

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


def results(record: RunRecord) -> Iterator[Result]:
    """One result per (row, channel), in the order of the sheet."""
    return (result for _, result in lines(record))


def lines(record: RunRecord) -> Iterator[tuple[PlanRow, Result]]:
    """The results, each with the row it stands for."""
    teller = _Teller(record)
    for row in record.plan.rows:
        for channel in row.channels:
            yield row, teller.line(row, channel)


def unwell(record: RunRecord) -> Iterator[Result]:
    """The results of those lines that did not end well, in the order of the sheet."""
    teller = _Teller(record)
    for row in record.plan.rows:
        for channel in row.channels:
            if teller.fate(row, channel).status not in GOOD:
                yield teller.line(row, channel)


def endings(record: RunRecord) -> Iterator[tuple[Status, Reason]]:
    """How each of these lines ended, and why, without the rest of it."""
    teller = _Teller(record)
    fates = (teller.fate(row, channel) for row in record.plan.rows for channel in row.channels)
    return ((fate.status, fate.reason) for fate in fates)


def reason_of(result: Result) -> Reason:
    """The stable code that the reason of every line begins with."""
    return _REASONS[result.reason.partition(":")[0]]


def stopped_by(record: RunRecord) -> Reason | None:
    """Why a run did not go to its end: what it wrote down, or that it was cut off before it could; else ``None``."""
    if record.whole_run is None and record.finished_at is None:
        return Reason.INTERRUPTED
    return record.whole_run


def iso(epoch: float | None) -> str:
    """Seconds since the epoch as ``2026-11-24T19:33:00.123Z``; empty for ``None``."""
    if epoch is None:
        return ""
    part, whole = math.modf(epoch)
    second, micros = divmod(int(whole) * 1_000_000 + round(part * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micros // 1000:03d}Z"


@lru_cache(_SECONDS)
def _second(epoch: int) -> str:
    """A whole second; a run has thousands of changes in each."""
    return datetime.fromtimestamp(epoch, UTC).isoformat()[:-6]


class _Teller:
    """The record, indexed by trunk."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._unswept = stopped_by(record) in UNSWEPT
        self._changes: dict[tuple[str, str], list[Change]] = {}
        for change in record.plan.changes:
            self._changes.setdefault((change.trunk.number, change.trunk.channel.value), []).append(change)

    def line(self, row: PlanRow, channel: str) -> Result:
        changes = self._changes_of(row, channel)
        fate = self._fate(row, channel, changes)
        before = self._before(changes)
        http_status = fate.http_status if fate.status in _TOLD_WITH_CODE else None
        return Result(
            run_id=self._record.run_id,
            file=row.origin.file,
            sheet=row.origin.sheet,
            row=row.origin.row,
            number=row.number,
            channel=channel,
            agent_uuid=row.agent_uuid,
            agent_name=row.agent_name,
            before_agent_uuid=before or "",
            before_agent_name=self._name(before, row.number, channel),
            after_agent_uuid=fate.after or "",
            after_agent_name=self._name(fate.after, row.number, channel) or fate.after_name,
            status=fate.status,
            reason=_said(fate.reason, fate.detail, http_status, self._plan_of(fate, changes)),
            http_status=fate.http_status,
            attempts=fate.attempts,
            started_at=iso(fate.started_at),
            finished_at=iso(fate.finished_at),
            verified=fate.verified,
            wave="" if row.wave is None else str(row.wave),
            note=row.note,
        )

    def fate(self, row: PlanRow, channel: str) -> _Fate:
        return self._fate(row, channel, self._changes_of(row, channel))

    def _changes_of(self, row: PlanRow, channel: str) -> Sequence[Change]:
        return self._changes.get((row.number, channel), ()) if row.valid else ()

    @cached_property
    def _planned(self) -> Mapping[Trunk, str]:
        return planned(self._record.plan)

    def _plan_of(self, fate: _Fate, changes: Sequence[Change]) -> str:
        """What would be done with a trunk that a run only looked at."""
        if fate.reason is not Reason.AUDIT:
            return ""
        return f"; planned: {self._planned[changes[0].trunk]}"

    # ── which fate ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fate(self, row: PlanRow, channel: str, changes: Sequence[Change]) -> _Fate:
        if not row.selected:
            return _Fate(status=Status.SKIPPED, reason=Reason.NOT_SELECTED, after=self._before(changes))
        if not row.valid:
            return _Fate(status=Status.INVALID, reason=Reason.INVALID_ROW, detail=_complaints(row))
        if not changes:
            return _Fate(status=Status.SKIPPED, reason=Reason.NOT_SELECTED)
        fate = self._of_trunk(changes)
        first = row.duplicate_of.get(channel)
        if first is None:
            return fate
        return _Fate(
            status=fate.status,
            reason=Reason.DUPLICATE,
            detail=f"same as row {first} ({fate.reason.value})",
            verified=fate.verified,
            after=fate.after,
        )

    def _of_trunk(self, changes: Sequence[Change]) -> _Fate:
        last = changes[-1]
        if last.action is Action.KEEP and last.id not in self._record.outcomes:
            return self._kept(last)
        fate = self._of_change(last)
        if len(changes) > 1:
            fate = self._by_way_of_a_spare(changes[0], fate)
        if fate.status not in GOOD and fate.status is not Status.UNKNOWN and fate.after == last.after:
            return replace(fate, detail=_joined(fate.detail, "the wanted agent serves the trunk all the same"))
        return fate

    def _kept(self, change: Change) -> _Fate:
        """A trunk that nothing was sent for: as planned, unless the final look showed it elsewhere."""
        status = KEPT[change.reason]
        state = self._record.afters.get(change.trunk.number)
        if state is None:
            return _Fate(status=status, reason=change.reason, after=change.before)
        owner = state.owner(change.trunk.channel)
        if status is not Status.ALREADY:
            return _Fate(status=status, reason=change.reason, after=owner)
        if owner != change.after:
            return _Fate(status=Status.DRIFTED, reason=Reason.CHANGED_AFTERWARDS, after=owner, verified=Verified.SWEEP)
        return _Fate(status=status, reason=change.reason, after=owner, verified=Verified.SWEEP)

    def _of_change(self, change: Change) -> _Fate:
        outcome = self._record.outcomes.get(change.id)
        if outcome is None:
            return self._never_started(change)
        if self._unswept and outcome.status is Status.DONE and outcome.verified is Verified.ECHO:
            outcome = replace(outcome, detail=ECHO_ONLY)
        return _Fate(
            status=outcome.status,
            reason=outcome.reason,
            detail=outcome.detail,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
            started_at=outcome.started_at,
            finished_at=outcome.finished_at,
            verified=outcome.verified,
            after=outcome.after or self._seen(change, outcome),
            after_name=outcome.after_name if outcome.after else "",
        )

    def _never_started(self, change: Change) -> _Fate:
        return _Fate(
            status=Status.SKIPPED,
            reason=stopped_by(self._record) or Reason.STOPPED,
            detail=self._record.whole_run_detail,
            after=self._seen(change, None),
        )

    def _by_way_of_a_spare(self, park: Change, fate: _Fate) -> _Fate:
        """The fate of a trunk that a ring parks on a spare agent before it brings it home.

        A trunk that is left on the spare was changed by this run, so it is never merely *skipped*; one that may have
        left it stays *unknown*.
        """
        parked = self._of_change(park)
        attempts = parked.attempts + fate.attempts
        if fate.status is Status.SKIPPED and parked.status not in GOOD:
            return replace(parked, attempts=attempts)
        if fate.status is Status.SKIPPED:  # whoever served it when that was said, the parking may have come later
            state = self._record.afters.get(park.trunk.number)
            fate = replace(fate, after=park.after if state is None else state.owner(park.trunk.channel))
        fate = replace(fate, attempts=attempts, started_at=parked.started_at or fate.started_at)
        left_there = parked.status in GOOD and fate.status not in (*GOOD, Status.UNKNOWN) and fate.after == park.after
        if not left_there:
            return fate
        spare = self._name(park.after, park.trunk.number, park.trunk.channel.value) or park.after
        status = Status.FAILED if fate.status is Status.SKIPPED else fate.status
        return replace(fate, status=status, detail=_joined(fate.detail, f"left on the parking agent {spare}"))

    # ── who served it, who serves it ──────────────────────────────────────────────────────────────────────────────────

    def _before(self, changes: Sequence[Change]) -> AgentId | None:
        if not changes:
            return None
        trunk = changes[0].trunk
        state = self._record.befores.get(trunk.number)
        return changes[0].before if state is None else state.owner(trunk.channel)

    def _seen(self, change: Change, outcome: Outcome | None) -> AgentId | None:
        state = self._record.afters.get(change.trunk.number)
        if state is not None:
            return state.owner(change.trunk.channel)
        if outcome is not None and (outcome.written or outcome.status in _NOBODY_KNOWN):
            return None
        if outcome is not None and outcome.reason is Reason.TRUNK_GONE:
            return None
        return change.before

    def _name(self, agent: AgentId | None, number: str, channel: str) -> str:
        if agent is None:
            return ""
        name = self._record.plan.agents.get(agent)
        if name:
            return name
        for pictures in (self._record.afters, self._record.befores):
            state = pictures.get(Number(number))
            binding = state.bindings.get(channel) if state is not None else None
            if binding is not None and binding.agent == agent:
                return binding.agent_name
        return ""


@lru_cache(_SENTENCES)
def _said(reason: Reason, detail: str, http_status: int | None, more: str) -> str:
    """One text for all lines of which the same is said: most."""
    return sentence(reason, detail, http_status=http_status) + more


def _complaints(row: PlanRow) -> str:
    return "; ".join(f"[{problem.code}] {describe(problem)}" for problem in row.problems if is_error(problem))


def _joined(detail: str, more: str) -> str:
    return f"{detail}; {more}" if detail else more
