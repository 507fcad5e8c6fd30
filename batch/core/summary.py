"""The figures of a run: how its lines ended, what that cost, and where the plan had foreseen something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import to_builtins

from batch.core.model import Action, Plan, Reason, Result, RunRecord, Status, Summary, Surprise
from batch.core.reasons import sentence
from batch.core.results import KEPT, iso, reason_of, stopped_by

MOST_SURPRISES = 100
"""Lines named in the summary that ended otherwise than foreseen; results.csv has them all."""


def summarise(record: RunRecord, results: Iterable[Result]) -> Summary:
    """The figures of *record*, of which *results* are all lines, in order."""
    plan = record.plan
    actual: Counter[Status] = Counter()
    predicted: Counter[Status] = Counter()
    surprises: list[Surprise] = []
    mispredicted, stopped = 0, stopped_by(record)
    for foreseen, result in zip(_foreseen(plan), results, strict=True):
        predicted[foreseen] += 1
        actual[result.status] += 1
        if foreseen is result.status or _never_started(result, stopped):
            continue
        mispredicted += 1
        if mispredicted <= MOST_SURPRISES:
            surprises.append(_surprise(foreseen, result))
    return Summary(
        run_id=record.run_id,
        command=record.command,
        workspace=str(plan.workspace),
        counts=_every_status(actual),
        exit_code=record.exit_code,
        calls=record.calls,
        started_at=iso(record.started_at),
        finished_at=iso(record.finished_at),
        input_sha256=plan.source.sha256,
        plan_digest=record.plan_digest,
        tool_version=record.tool_version,
        predicted={status.value: count for status, count in _every_status(predicted).items()},
        actual={status.value: count for status, count in _every_status(actual).items()},
        rows=len(plan.rows),
        changes=len(plan.writes()),
        pace=record.pace,
        stopped=_stopped(record),
        notes=(*plan.notes, *record.notes),
        mispredicted=mispredicted,
        surprises=tuple(surprises),
    )


def to_json(summary: Summary) -> dict[str, Any]:
    """``summary.json``: the fields of :class:`Summary` by their names, but ``counts`` is called ``status_counts``."""
    body = to_builtins(summary)
    return {("status_counts" if key == "counts" else key): value for key, value in body.items()}


def counted(counts: Mapping[Status, int]) -> str:
    """``118 done, 2 rejected``; statuses that nothing has are left out."""
    return ", ".join(f"{counts[status]:,} {status.value}" for status in Status if counts.get(status)) or "no rows"


def _foreseen(plan: Plan) -> Iterator[Status]:
    """How the plan expects each line to end, in the order of the results."""
    by_trunk: dict[tuple[str, str], Status] = {
        (change.trunk.number, change.trunk.channel.value): KEPT[change.reason]
        if change.action is Action.KEEP
        else Status.DONE
        for change in plan.changes
    }
    for row in plan.rows:
        for channel in row.channels:
            if not row.selected:
                yield Status.SKIPPED
            elif not row.valid:
                yield Status.INVALID
            else:
                yield by_trunk.get((row.number, channel), Status.SKIPPED)


def _never_started(result: Result, stopped: Reason | None) -> bool:
    return stopped is not None and result.status is Status.SKIPPED and reason_of(result) in (stopped, Reason.DUPLICATE)


def _surprise(foreseen: Status, result: Result) -> Surprise:
    return Surprise(
        row=result.row,
        number=result.number,
        channel=result.channel,
        predicted=foreseen,
        actual=result.status,
        reason=result.reason,
    )


def _stopped(record: RunRecord) -> str:
    """Why the run did not go to its end; a run that was only to look did."""
    stopped = stopped_by(record)
    return "" if stopped in (None, Reason.AUDIT) else sentence(stopped, record.whole_run_detail)


def _every_status(counts: Mapping[Status, int]) -> dict[Status, int]:
    return {status: counts.get(status, 0) for status in Status}
