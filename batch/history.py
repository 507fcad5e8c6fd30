"""The runs of the past: which of them is meant, and what its journal tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from batch.adapters import runs
from batch.adapters.glance import is_going_on, read_live
from batch.adapters.journal import Journal
from batch.core import planfile
from batch.core.model import Plan, RunRecord
from batch.core.record import fold
from batch.errors import JournalError, LockedError, ReassignError, SafetyError, UsageError

LOOKING = frozenset({"plan", "audit"})
"""Commands whose runs only read: they are never gone on with as if they had been meant to write."""


def glance(runs_dir: Path, run: str) -> tuple[RunRecord, bool]:
    """What the journal of *run* knows just now, and whether the run is still going on."""
    return read_live(runs.find(runs_dir, run) / runs.JOURNAL, fold)


def listing(runs_dir: Path) -> tuple[runs.Run, ...]:
    """Every run, newest first, and which of them are under way just now."""
    return tuple(
        replace(run, going_on=run.resumable and is_going_on(run.folder / runs.JOURNAL))
        for run in runs.listing(runs_dir)
    )


def written(runs_dir: Path, run: str) -> RunRecord:
    """*run*, or for ``last`` the newest run that meant to write: a look is nothing to try again."""
    record = _proven(_newest(runs_dir, _writes) if run == runs.LAST else runs.find(runs_dir, run))
    if record.command in LOOKING:
        raise UsageError(f"run {record.run_id} only looked: nothing is to be tried again", hint="use `reassign apply`")
    return record


def undoable(runs_dir: Path, run: str) -> RunRecord:
    """*run*, or for ``last`` the newest that took nothing back itself: taking back twice must not put anything back."""
    record = _proven(_newest(runs_dir, _migrates) if run == runs.LAST else runs.find(runs_dir, run))
    if record.command in LOOKING:
        raise UsageError(f"run {record.run_id} only looked: nothing is to be taken back", hint="name another run")
    return record


def _newest(runs_dir: Path, fits: Callable[[Mapping[str, Any]], bool]) -> Path:
    """The newest run that *fits* by what its journal begins with. Raises :class:`UsageError` when there is none."""
    for candidate in runs.listing(runs_dir):
        if _has_begun(candidate.folder, fits):
            return candidate.folder
    raise UsageError(
        f"no run in {runs_dir} is meant by `last`", hint="`reassign runs` lists them; name the one you mean"
    )


def resumable(runs_dir: Path, run: str | None) -> Path:
    """The folder of *run*, or of the newest that can be gone on with; raises :class:`UsageError` when none can."""
    if run is not None:
        return runs.find(runs_dir, run)
    taken_back: set[str] = set()
    for candidate in runs.listing(runs_dir):
        if candidate.resumable and candidate.run_id not in taken_back and _has_begun(candidate.folder):
            return candidate.folder
        if (undone := _took_back(candidate.folder)) is not None:
            taken_back.add(undone)
    hint = "`reassign runs` lists them; name one to look at it again"
    if taken_back:
        hint = f"{hint}, or to go on with one that was rolled back"
    raise UsageError("there is no run to resume", hint=hint)


def refuse_used(path: Path, whole: Plan, saved: Plan, runs_dir: Path) -> None:
    """A plan is applied once, and what was applied as a *whole* is not applied in part (*saved*) either.

    The same rows can make the same plan again later, so what counts is a use after it was last made: by the word of
    the history, or by the file's own time where the plan was made elsewhere. Raises :class:`SafetyError`.
    """
    digests = {None, planfile.digest(whole), planfile.digest(saved)}
    known = [run for run in runs.listing(runs_dir) if run.summary.get("plan_digest") in digests]
    same = [record for run in known if (record := _undamaged(run.folder)) and record.plan_digest in digests]
    made = max((record.started_at for record in same if record.command in LOOKING), default=path.stat().st_mtime)
    asked = {change.trunk for change in saved.writes()}
    for record in same:
        made_by_it = {record.plan.changes[id_].trunk for id_ in record.outcomes}
        if record.command == "apply" and not asked.isdisjoint(made_by_it) and record.started_at > made:
            raise SafetyError(
                f"the plan {path.name} was already applied by run {record.run_id}",
                hint="make a new plan, or go on with that run: `reassign resume` or `reassign retry`",
            )


def _undamaged(folder: Path) -> RunRecord | None:
    """A run of the past; a damaged one is no reason to refuse a new one."""
    try:
        return _record_in(folder)
    except ReassignError:
        return None


def refuse_altered(journal: Journal, folder: Path) -> None:
    """What somebody has changed since is no ground for a write, nor for a report. Raises :class:`JournalError`."""
    altered = journal.verify()
    if altered is not None:
        raise JournalError(
            f"entry {altered} of the journal of {folder.name} was altered after it was written",
            hint="`reassign show` tells what it says all the same; `reassign audit` tells how things are",
        )


def _proven(folder: Path) -> RunRecord:
    with Journal.open(folder / runs.JOURNAL) as journal:
        refuse_altered(journal, folder)
        return fold(journal.entries())


def _record_in(folder: Path) -> RunRecord:
    with Journal.open(folder / runs.JOURNAL) as journal:
        return fold(journal.entries())


def _writes(body: Mapping[str, Any]) -> bool:
    return body.get("command") not in LOOKING


def _migrates(body: Mapping[str, Any]) -> bool:
    return _writes(body) and not body.get("undoes", body.get("command") == "rollback")


def _took_back(folder: Path) -> str | None:
    """The run that the one in *folder* takes back; ``None`` where it is no rollback, or damaged."""
    try:
        body = _opening(folder)
    except (JournalError, LockedError):
        return None
    return str(body["source_run"]) if body.get("command") == "rollback" and "source_run" in body else None


def _has_begun(folder: Path, fits: Callable[[Mapping[str, Any]], bool] = _writes) -> bool:
    """Whether a run that *fits* got as far as its plan; a damaged one is to be told, not passed over."""
    try:
        body = _opening(folder)
    except (JournalError, LockedError):
        return (folder / runs.JOURNAL).is_file()
    return bool(body) and fits(body)


def _opening(folder: Path) -> Mapping[str, Any]:
    """What the journal in *folder* begins with; empty where it had not begun."""
    with Journal.open(folder / runs.JOURNAL) as journal:
        opening = next(journal.entries(), None)
    return {} if opening is None else opening.body
