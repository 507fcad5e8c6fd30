"""The corridor: every command walks through the same rooms, in the order of the picture in the README.

    read ▶ normalise ▶ [snapshot] ▶ expand ▶ plan ▶ guard ▶ [execute ▶ snapshot ▶ verify] ▶ report

The only module that knows all rooms. Nothing is decided here and nothing is printed: rooms decide, the command line
prints. What is said to people on the way goes through :class:`Hooks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anyio

from batch.adapters import reports, runs, sheets
from batch.adapters.journal import Journal
from batch.adapters.lock import workspace_lock
from batch.core import planfile
from batch.core.again import retry_table, rollback_table
from batch.core.exits import Exit
from batch.core.expand import expand
from batch.core.guard import guard
from batch.core.model import Plan, Problem, Reason, RunRecord, SourceTable, Workspace
from batch.core.normalise import normalise
from batch.core.plan import PlanOptions, make_plan
from batch.core.problems import is_error
from batch.core.record import fold
from batch.core.waves import assign as assign_waves
from batch.engine.session import Session, open_session
from batch.engine.snapshot import gather
from batch.errors import SafetyError, UsageError
from batch.run import Finished, Hooks, Progress, Run, carry_out, new_run
from batch.settings import Settings
from batch.target import target_of

__all__ = ["Checked", "Finished", "Hooks", "Progress", "apply", "audit", "check", "plan", "resume", "retry", "rollback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What can be said of a sheet without asking the server."""

    table: SourceTable
    problems: tuple[Problem, ...]
    rows_ok: int


def check(file: Path, settings: Settings) -> Checked:
    """Every problem of every row that the sheet itself shows. Raises InputError when it is not a sheet."""
    table = _read(file, settings)
    normalised = normalise(table, region=settings.region)
    problems = (*table.problems, *normalised.problems)
    wrong = {problem.origin for problem in problems if is_error(problem)}
    return Checked(table=table, problems=problems, rows_ok=len(table.rows) - len(wrong))


async def plan(file: Path, settings: Settings, hooks: Hooks, *, detailed: bool = False) -> Finished:
    """What ``apply`` would do, and what it would refuse. Reads only."""
    return await _look(file, settings, hooks, command="plan", differences=detailed)


async def audit(file: Path, settings: Settings, hooks: Hooks) -> Finished:
    """Is reality what the sheet says? Reads only; differences are exit code 8."""
    return await _look(file, settings, hooks, command="audit", differences=True)


async def apply(path: Path, settings: Settings, hooks: Hooks) -> Finished:
    """Make reality what a sheet, or a saved plan, says."""
    if is_plan_file(path):
        return await _apply_plan(path, settings, hooks)
    table = _read(path, settings)
    return await _write(table, settings, hooks, command="apply", input_file=path)


async def rollback(run: str, settings: Settings, hooks: Hooks) -> Finished:
    """Give every trunk that still holds what *run* wrote the agent it had before; the others are named."""
    record = load_record(run, settings)
    return await _write(rollback_table(record), settings, hooks, command="rollback", like=record)


async def retry(run: str, settings: Settings, hooks: Hooks) -> Finished:
    """Try again only what did not end well in *run*."""
    record = load_record(run, settings)
    return await _write(retry_table(record), settings, hooks, command="retry", like=record)


async def resume(run: str | None, settings: Settings, hooks: Hooks) -> Finished:
    """Go on with a run that was killed, stopped or cut off."""
    folder = _resumable(settings.runs_dir, run)
    target = target_of(settings)
    with workspace_lock(target.workspace, folder.name), Journal.open(folder / runs.JOURNAL) as journal:
        record = fold(journal.entries())
        _same_workspace(record.plan.workspace, target.workspace, f"run {record.run_id}")
        if journal.verify() is not None:
            raise SafetyError(f"the journal of run {record.run_id} was altered", hint="`reassign show RUN --verify`")
        going_on = Run(folder=folder, journal=journal, record=record)
        async with open_session(settings, target) as session:
            return await carry_out(going_on, session, settings, hooks)


def report(run: str, settings: Settings) -> Path:
    """The report files of *run*, made again from its journal."""
    folder = runs.find(settings.runs_dir, run)
    reports.write_all(load_record(run, settings), folder)
    return folder


def load_record(run: str, settings: Settings) -> RunRecord:
    """Everything the journal of *run* knows."""
    folder = runs.find(settings.runs_dir, run)
    with Journal.open(folder / runs.JOURNAL) as journal:
        return fold(journal.entries())


def is_plan_file(path: Path) -> bool:
    """Whether *path* is a saved plan rather than a sheet; sheets never end in ``.json``."""
    return path.suffix.lower() == ".json"


# ── the ways through the corridor ─────────────────────────────────────────────────────────────────────────────────────


async def _look(file: Path, settings: Settings, hooks: Hooks, *, command: str, differences: bool) -> Finished:
    table = _read(file, settings)
    target = target_of(settings)
    async with open_session(settings, target, read_only=True) as session:
        planned = await _plan(table, settings, session, target.workspace)
    with new_run(settings, command, planned, input_file=file, stopped=Reason.AUDIT) as run:
        refusals = guard(planned, settings.limits)
        return run.finish(hooks, refusals=refusals, calls=session.calls, exit_code=_code_of_look(planned, differences))


def _code_of_look(planned: Plan, differences: bool) -> Exit:  # noqa: FBT001
    if any(not row.valid for row in planned.rows):
        return Exit.INVALID_INPUT
    return Exit.DIFFERENCES if differences and planned.differs() else Exit.OK


async def _write(
    table: SourceTable,
    settings: Settings,
    hooks: Hooks,
    *,
    command: str,
    input_file: Path | None = None,
    like: RunRecord | None = None,
) -> Finished:
    target = target_of(settings)
    if like is not None:
        _same_workspace(like.plan.workspace, target.workspace, f"run {like.run_id}")
    with workspace_lock(target.workspace, settings.run_id or command):
        async with open_session(settings, target) as session:
            planned = await _plan(table, settings, session, target.workspace)
            with new_run(settings, command, planned, input_file=input_file) as run:
                return await carry_out(run, session, settings, hooks)


async def _apply_plan(path: Path, settings: Settings, hooks: Hooks) -> Finished:
    saved = _load_plan(path, settings)
    target = target_of(settings)
    _same_workspace(saved.workspace, target.workspace, f"plan {path.name}")
    with workspace_lock(target.workspace, settings.run_id or "apply"):
        _refuse_used(path, saved, settings)
        async with open_session(settings, target) as session:
            with new_run(settings, "apply", saved, input_file=path) as run:
                return await carry_out(run, session, settings, hooks)


async def _plan(table: SourceTable, settings: Settings, session: Session, workspace: Workspace) -> Plan:
    normalised = normalise(table, region=settings.region)
    snapshot = await gather(session.callers[0])
    session.took(snapshot)
    options = PlanOptions(
        occupancy=settings.occupancy,
        parking=settings.parking,
        only=settings.only,
        limit=settings.limit,
        limits=settings.limits,
    )
    return make_plan(table, expand(table, normalised, snapshot), snapshot, workspace=workspace, options=options)


def _read(file: Path, settings: Settings) -> SourceTable:
    return sheets.read(file, sheet=settings.sheet, mapping=settings.mapping, encoding=settings.encoding)


def _load_plan(path: Path, settings: Settings) -> Plan:
    try:
        saved = planfile.load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the plan {path}: {error}", hint="give a file written by `plan -o`") from error
    return assign_waves(saved, settings.limits) if settings.waves else saved


def _same_workspace(planned: Workspace, target: Workspace, what: str) -> None:
    if planned != target:
        raise SafetyError(
            f"{what} belongs to {planned}, but the settings say {target}",
            hint="set --workspace and --base-url to the workspace it was made for",
        )


def _refuse_used(path: Path, saved: Plan, settings: Settings) -> None:
    """A plan is applied once. The same rows can make the same plan again later, so only a run begun after the plan
    file was written counts as its use."""
    digest, written_at = planfile.digest(saved), path.stat().st_mtime
    for run in runs.listing(settings.runs_dir):
        record = _record_of(run.folder)
        if record is None or record.command != "apply" or record.started_at < written_at:
            continue
        if planfile.digest(record.plan) == digest and record.outcomes:
            raise SafetyError(
                f"the plan {path.name} was already applied by run {record.run_id}",
                hint="make a new plan, or go on with that run: `reassign resume` or `reassign retry`",
            )


def _record_of(folder: Path) -> RunRecord | None:
    try:
        with Journal.open(folder / runs.JOURNAL) as journal:
            return fold(journal.entries())
    except Exception:  # noqa: BLE001 - a damaged run of the past is not a reason to refuse a new one
        return None


def _resumable(runs_dir: Path, run: str | None) -> Path:
    if run is not None:
        return runs.find(runs_dir, run)
    for candidate in runs.listing(runs_dir):
        if not candidate.finished:
            return candidate.folder
    raise UsageError("there is no run to resume", hint="`reassign runs` lists them; name one to look at it again")
