"""What a run was, by name and value: the small print of the page and of the workbook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from batch.adapters.reports.clean import clean
from batch.adapters.reports.told import Told
from batch.core.exits import MEANINGS, Exit

_MINUTE = 60


def facts(told: Told) -> Iterator[tuple[str, str]]:
    """Name and value of each, safe to show."""
    return ((name, clean(value)) for name, value in _facts(told) if value)


def day(epoch: float) -> str:
    """Seconds since the epoch as ``25 Nov 2026, 20:00:00 UTC``."""
    return f"{datetime.fromtimestamp(epoch, UTC):%d %b %Y, %H:%M:%S} UTC"


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    summary, calls, finished_at = told.summary, told.summary.calls, told.record.finished_at
    source = told.record.plan.source
    yield "Run", f"{summary.run_id} · {summary.command}"
    yield "Workspace", summary.workspace
    yield "Input", f"{source.file}{f' · sheet {source.sheet}' if source.sheet else ''} · {summary.rows:,} rows"
    yield "Changes planned", f"{summary.changes:,}"
    yield "Otherwise than planned", f"{summary.mispredicted:,} lines" if summary.mispredicted else ""
    yield "Started", day(told.record.started_at)
    yield "Finished", "not yet" if finished_at is None else f"{day(finished_at)}, after {_span(told, finished_at)}"
    yield "Stopped", summary.stopped
    yield (
        "Calls",
        f"{calls.put:,} PUT · {calls.get:,} GET · {calls.retried:,} retried · {calls.refused_429:,} refused (429)",
    )
    yield "Pace", " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary.pace.items() if value)
    yield "Exit code", _exit(summary.exit_code, looked=told.looked)
    yield from (("Note", note) for note in (told.record.notes if told.looked else summary.notes))  # a plan's are above
    yield "Plan digest", summary.plan_digest
    yield "Input SHA-256", summary.input_sha256
    yield "Version", f"reassign {summary.tool_version}"


def _exit(code: int | None, *, looked: bool) -> str:
    """A code with its meaning; one that is not in the table is a later version's."""
    if code is None:
        return ""
    if looked and code == Exit.OK:
        return f"{code} – looked; nothing was to be sent"
    known = next((exit_ for exit_ in Exit if exit_ == code), None)
    return str(code) if known is None else f"{code} – {MEANINGS[known]}"


def _span(told: Told, finished_at: float) -> str:
    seconds = max(finished_at - told.record.started_at, 0)
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"
