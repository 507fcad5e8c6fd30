"""The corridor: every command walks through the same rooms, in the order of the picture in the README.

    read ▶ normalise ▶ [snapshot] ▶ expand ▶ plan ▶ guard ▶ [execute ▶ snapshot ▶ verify] ▶ report

The only module that knows all rooms. Nothing is decided here and nothing is printed: rooms decide, the command line
prints. What is said to people on the way goes through :class:`Hooks`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from batch import history
from batch.adapters import approval, reports, runs, sheets, target, templates
from batch.adapters.credentials import find_token
from batch.adapters.journal import Journal
from batch.adapters.lock import workspace_lock
from batch.adapters.sheets.annotate import annotate as marked
from batch.adapters.target import Target
from batch.carry import carry_out, go_on
from batch.core import planfile
from batch.core.again import retry_table, rollback_table, somebody_elses, spares
from batch.core.expand import expand
from batch.core.guard import guard
from batch.core.model import AgentId, Normalised, Plan, Problem, Reason, RunRecord, Snapshot, SourceTable, Workspace
from batch.core.normalise import normalise
from batch.core.offline import contradictions
from batch.core.plan import PlanOptions, make_plan
from batch.core.problems import is_error
from batch.core.record import fold, opening_of
from batch.core.select import narrow
from batch.core.waves import assign as assign_waves
from batch.doctor import Finding, examine
from batch.engine.pace import Rate
from batch.engine.session import Session, Terms, open_session
from batch.engine.snapshot import NoTrunkListError, gather, gather_numbers
from batch.errors import SafetyError, UsageError
from batch.kept import as_begun, let_arrive, like
from batch.run import Finished, Hooks, Run, new_run
from batch.settings import Settings
from batch.watches import lift_stop


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
    among_rows = contradictions(normalised.requests)
    told = dict.fromkeys((*table.problems, *normalised.problems, *among_rows))  # what the reader said is in two of them
    problems = tuple(sorted(told, key=lambda problem: problem.origin.row))
    wrong = {problem.origin for problem in problems if is_error(problem)}
    return Checked(table=table, problems=problems, rows_ok=len(table.rows) - len(wrong))


def annotate(checked: Checked, out: Path) -> None:
    """A copy of the checked sheet with every problem beside its cell, to be mended and sent back."""
    marked(checked.table, checked.problems, out)


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
    if settings.approve_by is not None:
        raise SafetyError(
            "only an approved plan may be applied here",
            hint="make one with `plan -o PLAN.json`, and let an allowed signer run `reassign approve PLAN.json`",
        )
    table = _read(path, settings)
    return await _write(table, settings, hooks, command="apply", input_file=path)


async def rollback(run: str, settings: Settings, hooks: Hooks) -> Finished:
    """Give every trunk that still holds what *run* wrote the agent it had before; the others are named."""
    record = history.undoable(settings.runs_dir, run)
    # what was let through may be taken back; and a trunk that cannot be holds up no other
    more = {"max_change": settings.max_change or record.plan.limits.max_change, "skip_invalid": True}
    settings = like(record, settings).model_copy(update=more)
    await let_arrive(record, hooks)
    return await _write(rollback_table(record), settings, hooks, command="rollback", source=record)


async def retry(run: str, settings: Settings, hooks: Hooks) -> Finished:
    """Try again only what did not end well in *run*."""
    if settings.approve_by is not None:
        raise SafetyError(
            "only an approved plan may be applied here",
            hint="make one of the run's failed.csv: `reassign plan failed.csv -o PLAN.json`, and have it approved",
        )
    record = history.written(settings.runs_dir, run)
    settings = like(record, settings)
    await let_arrive(record, hooks)
    if said := somebody_elses(record):
        hooks.say(said)
    return await _write(retry_table(record), settings, hooks, command="retry", source=record)


async def resume(run: str | None, settings: Settings, hooks: Hooks) -> Finished:
    """Go on with a run that was killed, stopped or cut off."""
    folder = history.resumable(settings.runs_dir, run)
    there = _target(settings)
    with workspace_lock(there.workspace, folder.name), Journal.open(folder / runs.JOURNAL) as journal:
        history.refuse_altered(journal, folder)
        entries = journal.entries()
        opening = opening_of(entries)
        record = fold(entries, opening=opening)
        _same_workspace(record.plan.workspace, there.workspace, f"run {record.run_id}")
        if record.command in history.LOOKING:
            raise UsageError(f"run {record.run_id} only looked: nothing is to be resumed", hint="use `reassign apply`")
        settings = as_begun(record, settings, folder, hooks)
        if lift_stop(folder):
            hooks.say("the file STOP that ended the run is taken away")
        async with open_session(there, _terms(settings)) as session:
            return await go_on(Run(folder, journal, opening, record), session, settings, hooks)


async def doctor(settings: Settings) -> tuple[Finding, ...]:
    """Whether a run could begin, and what cannot be known. Reads only."""
    there = _target(settings)
    async with open_session(there, _terms(settings, read_only=True)) as session:
        return await examine(session)


async def export(out: Path, settings: Settings) -> int:
    """The live state as a sheet to edit; gives how many trunks could not be written into a row."""
    async with open_session(_target(settings), _terms(settings, read_only=True)) as session:
        return templates.write_export(out, await gather(session.callers))


def approve(path: Path, key: Path) -> Path:
    """Sign a saved plan; gives the signature's file."""
    return approval.sign(path, planfile.digest(_load_plan(path)), key)


def template(out: Path) -> None:
    """An empty sheet."""
    templates.write_template(out)


def report(run: str, settings: Settings) -> Path:
    """The report files of *run*, made again from its journal."""
    folder = runs.find(settings.runs_dir, run)
    with Journal.open(folder / runs.JOURNAL) as journal:  # held to the end, so that nobody else writes there meanwhile
        history.refuse_altered(journal, folder)
        reports.write_all(fold(journal.entries()), folder)
    return folder


def is_plan_file(path: Path) -> bool:
    """Whether *path* is a saved plan rather than a sheet; sheets never end in ``.json``."""
    return path.suffix.lower() == ".json"


# ── the ways through the corridor ─────────────────────────────────────────────────────────────────────────────────────


async def _look(file: Path, settings: Settings, hooks: Hooks, *, command: str, differences: bool) -> Finished:
    table = _read(file, settings)
    there = _target(settings)
    async with open_session(there, _terms(settings, read_only=True)) as session:
        planned = await _plan(table, settings, session, hooks)
        session.snapshot = None  # only who writes looks at it again, and it is a tenth of all that is held
        with new_run(settings, command, planned, input_file=file, stopped=Reason.AUDIT) as run:
            return await run.finish(
                session,
                refusals=guard(planned, settings.limits),
                differences=differences,
                skip_invalid=settings.skip_invalid,
            )


async def _write(
    table: SourceTable,
    settings: Settings,
    hooks: Hooks,
    *,
    command: str,
    input_file: Path | None = None,
    source: RunRecord | None = None,
) -> Finished:
    there = _target(settings)
    if source is not None:
        _same_workspace(source.plan.workspace, there.workspace, f"run {source.run_id}")
    with workspace_lock(there.workspace, settings.run_id or command):
        async with open_session(there, _terms(settings)) as session:
            planned = await _plan(table, settings, session, hooks, () if source is None else spares(source))
            opening = new_run(settings, command, planned, input_file=input_file, source=source)
            return await carry_out(planned, opening, session, settings, hooks)


async def _apply_plan(path: Path, settings: Settings, hooks: Hooks) -> Finished:
    whole = _load_plan(path)
    _refuse_stale(path, settings.plan_ttl_seconds)
    if settings.approve_by is not None:
        hooks.say(f"approved by {approval.check(path, planfile.digest(whole), settings.approve_by)}")
    saved = _part_of(whole, settings)
    there = _target(settings)
    _same_workspace(saved.workspace, there.workspace, f"plan {path.name}")
    with workspace_lock(there.workspace, settings.run_id or "apply"):
        history.refuse_used(path, whole, saved, settings.runs_dir)
        async with open_session(there, _terms(settings)) as session:
            opening = new_run(settings, "apply", saved, input_file=path)
            return await carry_out(saved, opening, session, settings, hooks)


async def _plan(
    table: SourceTable, settings: Settings, session: Session, hooks: Hooks, spare: tuple[AgentId, ...] = ()
) -> Plan:
    """*spare* are the agents that rings wait on where none are named: those that are still there."""
    normalised = normalise(table, region=settings.region)
    snapshot = await _snapshot(session, normalised, hooks)
    options = PlanOptions(
        occupancy=settings.occupancy,
        parking=settings.parking or tuple(agent for agent in spare if agent in snapshot.agents),
        only=settings.only,
        exclude=settings.exclude,
        limit=settings.limit,
        limits=settings.limits,
    )
    expanded = expand(table, normalised, snapshot)
    del normalised  # it is in what was made of it; a tenth of all that is held
    return make_plan(table, expanded, snapshot, workspace=session.target.workspace, options=options)


async def _snapshot(session: Session, normalised: Normalised, hooks: Hooks) -> Snapshot:
    """The live state by list pages; where there is no list, of the sheet's numbers one by one."""
    asked_at = anyio.current_time()
    try:
        snapshot = await gather(session.callers)
    except NoTrunkListError as error:
        hooks.say(f"{error.message}: the numbers of the sheet are read one by one")
        snapshot = await gather_numbers(session.callers, {request.number for request in normalised.requests})
    session.took(snapshot, asked_at)
    return snapshot


# ── what comes in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _target(settings: Settings) -> Target:
    token = find_token(settings.token_file)
    return target.resolve(tenant=settings.workspace, base_url=settings.base_url, token=token)


def _terms(settings: Settings, *, read_only: bool = False) -> Terms:
    rate = settings.calls_in_seconds
    return Terms(
        rate=None if rate is None else Rate(*rate),
        workers=settings.workers,
        reserve=settings.reserve_share,
        deadline=settings.deadline_seconds,
        read_only=read_only,
    )


def _read(file: Path, settings: Settings) -> SourceTable:
    return sheets.read(file, sheet=settings.sheet, mapping=settings.mapping, encoding=settings.encoding)


def _load_plan(path: Path) -> Plan:
    try:
        return planfile.load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror}", hint="check its name") from error
    except UnicodeDecodeError as error:
        raise SafetyError(f"{path} is not a plan: it is not text", hint="give a file written by `plan -o`") from error


def _part_of(saved: Plan, settings: Settings) -> Plan:
    """What of a saved plan is asked for now, in the waves that are asked for now."""
    if settings.only or settings.exclude or settings.limit is not None:
        saved = narrow(saved, settings.only, settings.exclude, settings.limit)
    return assign_waves(saved, settings.limits) if settings.waves else saved


def _refuse_stale(path: Path, ttl: float | None) -> None:
    """A plan holds no time, so that the same state makes the same plan: its file's age is the plan's."""
    age = time.time() - path.stat().st_mtime
    if ttl is not None and age > ttl:
        raise SafetyError(
            f"the plan {path.name} is {age / 60:.0f} minutes old, more than --plan-ttl allows", hint="make a new plan"
        )


def _same_workspace(planned: Workspace, target: Workspace, what: str) -> None:
    if planned.key != target.key:
        raise SafetyError(
            f"{what} belongs to {planned}, but the settings say {target}",
            hint="set --workspace and --base-url to the workspace it was made for",
        )
