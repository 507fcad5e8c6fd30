"""How a run ended, the history, and what the doctor found."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from batch.adapters.runs import FAILED, GOES_ON, REPORT_HTML, REPORT_XLSX, RESUMABLE, Run
from batch.console import Grid, Line, View, capped, pairs
from batch.core.exits import MEANINGS
from batch.core.model import Problem, Reason, Result, Status, Summary
from batch.core.results import GOOD
from batch.core.summary import counted
from batch.views.problems import problem_groups

MOST = 20
"""Result lines shown before the list is cut."""
_UNDER_WAY = "still going on: this is what its journal knows so far"
_LEFT_OUT = (Reason.NOT_SELECTED,)
_MAY_BE_WRITTEN = (Status.DONE, Status.UNKNOWN, Status.FAILED)  # a trunk that is left on a spare agent has failed
_STYLES = {Status.DONE: "good", Status.ALREADY: "faint", Status.UNKNOWN: "warn", Status.SKIPPED: "warn"}


def ending(summary: Summary, folder: Path, exit_code: int, results: Sequence[Result]) -> View:
    """How a run ended: counts, the lines that did not end well, what to do next, where the reports are."""
    ill = [result for result in results if result.status not in GOOD and not _begins_with(result.reason, _LEFT_OUT)]
    return (
        Line(f"Run {summary.run_id}: {counted(summary.counts)}", "title"),
        *result_lines(ill),
        *((Line(summary.stopped, "warn"),) if summary.stopped else ()),
        *(Line(note, "faint") for note in summary.notes),
        Line(f"exit {exit_code}: {_meaning(exit_code)}", "good" if exit_code == 0 else "warn"),
        *next_steps(summary, exit_code, folder),
        *pairs(("report", str(folder / REPORT_HTML)), ("sheet", str(folder / REPORT_XLSX))),
    )


def run_view(summary: Summary, results: Sequence[Result], problems: Iterable[Problem], *, busy: bool) -> View:
    """One run in detail, as far as it has come; *busy* while it is still going on."""
    calls = summary.calls
    code = summary.exit_code
    return (
        Line(f"Run {summary.run_id}: {counted(summary.counts)}", "title"),
        *pairs(
            ("command", summary.command),
            ("workspace", summary.workspace),
            ("started", summary.started_at),
            ("finished", _UNDER_WAY if busy else summary.finished_at or "unfinished: see `reassign resume`"),
            ("exit", "" if code is None or busy else f"{code}: {_meaning(code)}"),
            ("stopped", "" if busy else summary.stopped),
            (
                "calls",
                f"{calls.get:,} GET, {calls.put:,} PUT, {calls.retried:,} retried, {calls.refused_429:,} refused (429)",
            ),
            *((f"pace {name}", value) for name, value in summary.pace.items()),
            ("note", "; ".join(summary.notes)),
        ),
        *result_lines(results),
        *problem_groups(problems),
    )


def result_lines(results: Sequence[Result]) -> View:
    """Result lines as a grid, capped."""
    if not results:
        return ()
    rows = tuple(
        (str(r.row), r.number, r.channel, r.agent_name or r.agent_uuid, r.status, r.reason) for r in results[:MOST]
    )
    styles = tuple(_STYLES.get(result.status, "bad") for result in results[:MOST])
    header = ("row", "number", "channel", "agent", "status", "reason")
    return (Grid(header, rows, styles), *capped(len(results), MOST, "lines in results.csv"))


def next_steps(summary: Summary, exit_code: int, folder: Path) -> View:
    """The commands that go on from here, where there are some."""
    run_id = summary.run_id
    if exit_code in RESUMABLE or _begins_with(summary.stopped, GOES_ON):
        return (Line(f"go on: reassign resume {run_id}"),)
    if summary.command in {"plan", "audit"} or exit_code not in {5, 6}:
        return ()
    ill = {status for status, count in summary.counts.items() if count and status not in GOOD}
    # a retry has its own copy of the sheet: what is mended has to be given back
    mend = f"mend the invalid rows in {FAILED}, then: reassign apply {shlex.quote(str(folder / FAILED))}"
    again = f"try the rest again: reassign retry {run_id}"
    back = f"take it back: reassign rollback {run_id}"
    told = ((mend, Status.INVALID in ill), (again, ill != {Status.INVALID}), (back, _has_written(summary)))
    return tuple(Line(words) for words, fits in told if fits)


def _has_written(summary: Summary) -> bool:
    return any(summary.counts.get(status) for status in _MAY_BE_WRITTEN)


def _begins_with(said: str, codes: Collection[Reason]) -> bool:
    """Whether what is said begins with one of these stable codes."""
    return said.partition(":")[0] in codes


def _meaning(code: int) -> str:
    words: dict[int, str] = {int(known): meaning for known, meaning in MEANINGS.items()}
    return words.get(code, "see the table of exit codes")


RUNS_HEADER = ("run", "command", "workspace", "started", "exit", "counts")


def run_row(run: Run) -> tuple[str, ...]:
    """One line of the history; a run without a summary shows as unfinished, one that goes on as running."""
    told = run.summary
    by_status = told.get("status_counts") or {}
    said = ", ".join(f"{count} {status}" for status, count in by_status.items() if count)
    keys = ("command", "workspace", "started_at", "exit_code")
    command, workspace, started, code = ("" if told.get(key) is None else str(told[key]) for key in keys)
    if run.going_on:  # what its summary says is how an earlier sitting ended
        code, said = "running", ""
    return (run.run_id, command, workspace, started, code or "unfinished", said)


def runs_view(history: Sequence[Run]) -> View:
    """The history, newest first."""
    return (Grid(RUNS_HEADER, tuple(run_row(run) for run in history)),)


def run_data(run: Run) -> Mapping[str, Any]:
    """One run for a machine."""
    state = {"finished": run.finished, "running": run.going_on}
    return {"run_id": run.run_id, "folder": str(run.folder), **state, "summary": run.summary or None}


_MARKS = {True: ("good", "good"), False: ("bad", "bad"), None: ("unknown", "warn")}


class Finding(Protocol):
    """One thing the doctor looked at; ``ok`` is ``None`` when it could not be known."""

    @property
    def name(self) -> str:
        """What was looked at."""
        ...

    @property
    def ok(self) -> bool | None:
        """Whether it is as it should be."""
        ...

    @property
    def detail(self) -> str:
        """The figures, or what to do."""
        ...


def findings_view(findings: Sequence[Finding]) -> View:
    """What the doctor found, the bad ones in red."""
    rows = tuple((finding.name, _MARKS[finding.ok][0], finding.detail) for finding in findings)
    return (Grid(("what", "is", "detail"), rows, tuple(_MARKS[finding.ok][1] for finding in findings)),)
