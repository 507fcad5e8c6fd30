"""From a plan to what became of it: may it begin, do it, look once more."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import anyio

from batch.adapters.journal import Journal
from batch.core.encode import number_to_json, outcome_to_json
from batch.core.guard import Refusal, failure_budget, guard
from batch.core.lifecycle import OPEN_STATUSES, Entry, Kind
from batch.core.model import Action, Limits, Number, NumberState, Outcome, Plan, Reason, Status, Verified
from batch.engine.execute import Ending, Execution, Setting, Watch, conflicts_left, reason_of
from batch.engine.live import Live
from batch.engine.schedule import Brakes, Schedule
from batch.engine.session import Session
from batch.engine.snapshot import gather
from batch.engine.sweep import sweep
from batch.errors import JournalError, ReassignError, SafetyError
from batch.run import Finished, Hooks, Progress, Run
from batch.settings import Settings

PROGRESS_EVERY = 0.2
"""Seconds between two progress reports; drawing is not what a run is for."""

STOP_FILE = "STOP"
"""A file of this name in the run folder ends the run as a signal would."""
STOP_LOOK = 0.5

LAST_LOOK = 120.0
"""Seconds that the final look may take beyond the deadline, or after a stop: it only reads."""

ALL_AT_ONCE = frozenset({"all", "100%"})
"""Waves that ask for no canary."""


async def carry_out(run: Run, session: Session, settings: Settings, hooks: Hooks) -> Finished:
    """From a plan to the report. A run that was begun before goes on where it stopped, without being asked again."""
    plan = run.record.plan
    limits = limits_of(plan.limits, settings)
    if run.record.outcomes:
        run.journal.append_now(Entry(Kind.RESUMED, time.time()))
    else:
        refusals = guard(plan, limits)
        refused = _refused(plan, settings, hooks, refusals)
        if refused is not None:
            run.stop(refused, "; ".join(refusal.message for refusal in refusals))
            return run.finish(session, refusals=refusals)
    try:
        ending = await _execute(run, session, settings, hooks, limits)
    except ReassignError as error:
        ending = Ending(dict(run.record.outcomes), stopped=reason_of(error), error=error)
    if ending.stopped is not None and not isinstance(ending.error, JournalError):
        run.stop(ending.stopped, ending.error.message if ending.error else "")
    return run.finish(session, signal=ending.signal, error=ending.error)


def limits_of(planned: Limits, given: Settings) -> Limits:
    """The limits of a run: those given now, and where none are, those saved in the plan."""
    return Limits(
        waves=given.waves or planned.waves,
        max_failures=given.max_failures or planned.max_failures,
        max_change=given.max_change or planned.max_change,
        on_split=given.on_split or planned.on_split,
    )


def _refused(plan: Plan, settings: Settings, hooks: Hooks, refusals: tuple[Refusal, ...]) -> Reason | None:
    """Why a run must not begin."""
    if any(not row.valid for row in plan.rows) and not settings.skip_invalid:
        return Reason.OTHER_ROWS_INVALID
    if not plan.writes():
        return None
    if refusals:
        return Reason.REFUSED_BY_GUARD
    if not settings.yes and not hooks.confirm(plan, refusals):
        return Reason.DECLINED
    return None


async def _execute(run: Run, session: Session, settings: Settings, hooks: Hooks, limits: Limits) -> Ending:
    plan = run.record.plan
    final = {id_: o for id_, o in run.record.outcomes.items() if o.status not in OPEN_STATUSES}
    writes = plan.writes()
    if not any(change.id not in final for change in writes):
        return await _swept(run, session, settings, hooks, Ending(final))
    if session.snapshot is None:
        asked_at = anyio.current_time()
        session.took(await gather(session.caller), asked_at)
    assert session.snapshot is not None
    live = Live(
        session.snapshot,
        frozenset(change.trunk.number for change in writes),
        seen_at=session.seen_at,
        clock=anyio.current_time,
        max_age=settings.max_age_seconds,
    )
    brakes = Brakes(
        budget=failure_budget(limits, len(writes)), on_split=limits.on_split, canary=limits.waves not in ALL_AT_ONCE
    )
    schedule = Schedule(plan.changes, final, brakes)
    meter = Meter(hooks, session, len(writes))
    setting = Setting(
        log=run.journal,
        gate=session.gate,
        live=live,
        wall=time.time,
        read_back=settings.verify == "each",
        watches=_watches(run.folder, settings),
        on_progress=meter.outcome,
        check_wave=_wave_check(run, session, settings),
    )
    execution = Execution(schedule, setting, known=run.record.outcomes, apis=session.apis)
    ending = await execution.run()
    for outcome in conflicts_left(schedule, time.time):
        await run.journal.append(Entry(Kind.OUTCOME, time.time(), outcome.change, outcome_to_json(outcome)))
        ending.outcomes[outcome.change] = outcome
    return await _swept(run, session, settings, hooks, ending)


async def _swept(run: Run, session: Session, settings: Settings, hooks: Hooks, ending: Ending) -> Ending:
    """The final look, unless the run was broken off: then there is no time, or no server, for it."""
    if settings.verify == "echo" or ending.signal is not None or ending.error is not None:
        return ending
    hooks.progress(Progress(phase="verify", done=0, total=len(ending.outcomes)))
    pages = session.snapshot.pages if session.snapshot else 0
    session.gate.reopen(LAST_LOOK)
    try:
        judged, seen = await sweep(session.caller, run.record.plan, ending.outcomes, pages=pages)
    except ReassignError as error:
        ending.error = error
        ending.stopped = ending.stopped or reason_of(error)
        return ending
    await _write_down(run.journal, ending.outcomes, judged, seen)
    ending.outcomes = dict(judged)
    return ending


async def _write_down(
    journal: Journal, believed: Mapping[int, Outcome], judged: Mapping[int, Outcome], seen: Mapping[Number, NumberState]
) -> None:
    at = time.time()
    entries = [
        Entry(Kind.OUTCOME, at, id_, outcome_to_json(outcome))
        for id_, outcome in judged.items()
        if outcome != believed.get(id_)
    ]
    entries += [Entry(Kind.SEEN, at, body=number_to_json(state)) for state in seen.values()]
    if entries:
        await journal.append(*entries)


# ── what goes on beside the workers ───────────────────────────────────────────────────────────────────────────────────


class Meter:
    """Turns outcomes into progress reports, not more often than anyone can read."""

    def __init__(self, hooks: Hooks, session: Session, total: int) -> None:
        self._hooks = hooks
        self._session = session
        self._total = total
        self._began = self._told = time.monotonic()

    def outcome(self, outcomes: Mapping[int, Outcome]) -> None:
        """Another change has ended."""
        now = time.monotonic()
        if now - self._told < PROGRESS_EVERY and len(outcomes) < self._total:
            return
        self._told = now
        counts: dict[Status, int] = {}
        for outcome in outcomes.values():
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        done = len(outcomes)
        view = self._session.gate.view()
        eta = (self._total - done) * (now - self._began) / done if done else None
        self._hooks.progress(
            Progress(phase="apply", done=done, total=self._total, counts=counts, pace=view.limit, eta_seconds=eta)
        )


def _watches(folder: Path, settings: Settings) -> Sequence[Watch]:
    """What may end a run besides itself: the stop file, the deadline, the window."""
    watches: list[Watch] = [_stop_file(folder / STOP_FILE)]
    if settings.deadline_seconds is not None:
        watches.append(_after(settings.deadline_seconds, Reason.DEADLINE))
    if settings.opening is not None:
        watches.append(_after(settings.opening.seconds_left(time.time()), Reason.WINDOW_CLOSED))
    return watches


def _after(seconds: float, reason: Reason) -> Watch:
    async def watch() -> Reason:
        await anyio.sleep(seconds)
        return reason

    return watch


def _stop_file(path: Path) -> Watch:
    async def watch() -> Reason:
        while not path.exists():
            await anyio.sleep(STOP_LOOK)
        return Reason.STOPPED

    return watch


def _wave_check(
    run: Run, session: Session, settings: Settings
) -> Callable[[int, Mapping[int, Outcome]], Awaitable[None]] | None:
    """Look at a wave before the next one starts; a change that is not as its answer promised stops the run."""
    if settings.verify == "echo":
        return None
    waves = {change.id: change.wave for change in run.record.plan.changes if change.action is not Action.KEEP}

    async def check(wave: int, outcomes: Mapping[int, Outcome]) -> None:
        echoed = {id_: o for id_, o in outcomes.items() if waves.get(id_) == wave and o.verified is Verified.ECHO}
        if not echoed:
            return
        pages = session.snapshot.pages if session.snapshot else 0
        judged, seen = await sweep(session.caller, run.record.plan, echoed, pages=pages)
        await _write_down(run.journal, echoed, judged, seen)
        untrue = sorted(id_ for id_, outcome in judged.items() if outcome.status is not Status.DONE)
        if untrue:
            trunk = run.record.plan.changes[untrue[0]].trunk
            raise SafetyError(
                f"wave {wave + 1} is not as the server said: {len(untrue)} of its changes do not hold, such as {trunk}",
                hint="look at the report, then `reassign resume`",
            )

    return check
