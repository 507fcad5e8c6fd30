"""From a plan to what became of it: may it begin, do it, look once more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import anyio
from msgspec.structs import replace

from batch.between import Between
from batch.core import entries
from batch.core.bystanders import beside
from batch.core.guard import Refusal, failure_budget, guard
from batch.core.lifecycle import OPEN_STATUSES, Entry, Kind
from batch.core.model import Limits, Outcome, Plan, Reason, Verified
from batch.core.occupancy import Holder, Seat, strangers
from batch.core.results import GOOD
from batch.engine.execute import Ending, Execution, Setting, reason_of
from batch.engine.live import Live
from batch.engine.schedule import Brakes, Schedule
from batch.engine.session import Session
from batch.engine.snapshot import gather
from batch.errors import JournalError, ReassignError, SafetyError
from batch.last_look import FinalLook
from batch.run import Finished, Hooks, Progress, Run
from batch.settings import Settings
from batch.watches import Signals, listening, watches

PROGRESS_EVERY = 0.2
"""Seconds between two progress reports; drawing is not what a run is for."""

CLOCK_LOOK = 5.0
"""Seconds between two looks at the clock while a run waits for its moment."""

ALL_AT_ONCE = frozenset({"all", "100%"})
"""Waves that ask for no canary."""

IN_TIME = frozenset({Reason.DEADLINE, Reason.WINDOW_CLOSED, Reason.STOPPED})
"""Stops that come by the clock or from outside: one that finds everything done has stopped nothing."""


async def carry_out(
    plan: Plan, opening: AbstractContextManager[Run], session: Session, settings: Settings, hooks: Hooks
) -> Finished:
    """From a plan to the report.

    *opening* makes the run's folder. It does so after people were asked and while signals are kept for the run, so that
    a folder without a report is never left behind by anything but a kill.
    """
    refusals = guard(plan, limits_of(plan.limits, settings))
    refused = _refused(plan, settings, hooks, refusals)
    async with listening() as signals:
        with opening as run:
            if refused is None:
                return await _finished(run, session, settings, hooks, signals)
            run.stop(refused, "; ".join(refusal.message for refusal in refusals))
            return await run.finish(session, refusals=refusals)


async def go_on(run: Run, session: Session, settings: Settings, hooks: Hooks) -> Finished:
    """From where a run was broken off to its report; nobody is asked again whether it may do what it had begun."""
    if run.record.outcomes or run.record.finished_at is not None:
        run.journal.append_now(Entry(Kind.RESUMED, time.time()))
    if not run.record.outcomes:
        return await carry_out(run.record.plan, nullcontext(run), session, settings, hooks)
    async with listening() as signals:
        return await _finished(run, session, settings, hooks, signals)


async def _finished(run: Run, session: Session, settings: Settings, hooks: Hooks, signals: Signals) -> Finished:
    ending = await _to_its_end(run, session, settings, hooks, signals)
    if ending.stopped in IN_TIME and _all_well(run.record.plan, ending, settings):
        ending.stopped = None
    if ending.stopped is not None and not isinstance(ending.error, JournalError):
        run.stop(ending.stopped, ending.error.message if ending.error else "")
    return await run.finish(session, signal=signals.number, error=ending.error)


def _all_well(plan: Plan, ending: Ending, settings: Settings) -> bool:
    """Whether a stop came too late to stop anything, the look at what was written included."""
    ended = [ending.outcomes.get(change.id) for change in plan.writes()]
    unseen = {Verified.NO} if settings.verify == "echo" else {Verified.NO, Verified.ECHO}
    return all(it is not None and it.status in GOOD and (it.verified not in unseen or not it.written) for it in ended)


async def _to_its_end(run: Run, session: Session, settings: Settings, hooks: Hooks, signals: Signals) -> Ending:
    ending = Ending(dict(run.record.outcomes))
    try:
        if run.record.plan.writes() and not await _started(session, settings, hooks, signals):
            ending.stopped = Reason.INTERRUPTED
            return ending
        ending = await _execute(run, session, settings, hooks, signals)
        if settings.verify != "echo" and isinstance(ending.error, SafetyError | None):
            await FinalLook(run, session, hooks, ending).take(signals)
    except ReassignError as error:
        ending.error = error
        ending.stopped = ending.stopped or reason_of(error)
    return ending


async def _started(session: Session, settings: Settings, hooks: Hooks, signals: Signals) -> bool:
    """Wait until ``--at``, from where the deadline counts; false when the run was asked to end meanwhile."""
    if settings.start is None:
        return True
    began = session.gate.clock()
    seconds = settings.start.seconds_until(time.time())
    until = time.time() + seconds
    hooks.say(f"waiting until {settings.at}: {seconds:,.0f} s")
    with anyio.CancelScope() as scope:
        signals.cancel(scope)
        # of the wall clock, which may jump, and goes on while the machine sleeps
        while time.time() < until:  # noqa: ASYNC110 - nobody tells when it is time
            await anyio.sleep(min(CLOCK_LOOK, max(0.0, until - time.time())))
    session.gate.begins_later(session.gate.clock() - began)
    return not scope.cancelled_caught


def limits_of(planned: Limits, given: Settings) -> Limits:
    """The limits of a run: those given now, and where none are, those saved in the plan."""
    return Limits(
        waves=given.waves or planned.waves,
        max_failures=given.max_failures or planned.max_failures,
        max_change=given.max_change or planned.max_change,
        max_changes=given.max_changes or planned.max_changes,
        allow=given.allow or planned.allow,
        on_split=given.on_split or planned.on_split,
    )


def _refused(plan: Plan, settings: Settings, hooks: Hooks, refusals: tuple[Refusal, ...]) -> Reason | None:
    """Why a run must not begin."""
    if any(row.selected and not row.valid for row in plan.rows) and not settings.skip_invalid:
        return Reason.OTHER_ROWS_INVALID
    if not plan.writes():
        return None
    if refusals:
        return Reason.REFUSED_BY_GUARD
    if settings.opening is not None and settings.start is None and not settings.opening.is_open(time.time()):
        return Reason.WINDOW_CLOSED
    if not hooks.confirm(plan, refusals):
        return Reason.DECLINED
    return None


async def _execute(run: Run, session: Session, settings: Settings, hooks: Hooks, signals: Signals) -> Ending:
    plan = run.record.plan
    writes = plan.writes()
    final = {id_: o for id_, o in run.record.outcomes.items() if o.status not in OPEN_STATUSES}
    if all(change.id in final for change in writes):
        return Ending(final)
    live = await _live(run, session, settings)
    await _know_beside(run, session)
    limits = limits_of(plan.limits, settings)
    brakes = Brakes(
        budget=failure_budget(limits, len(writes)), on_split=limits.on_split, canary=limits.waves not in ALL_AT_ONCE
    )
    schedule = Schedule(plan.changes, final, brakes)
    setting = Setting(
        log=run.journal,
        gate=session.gate,
        live=live,
        wall=time.time,
        read_back=settings.verify == "each",
        watches=watches(run.folder, settings, signals),
        on_progress=Meter(hooks, session, len(writes), final).ended,
        check_wave=Between(run, session, settings, hooks, live),
    )
    execution = Execution(schedule, setting, known=run.record.outcomes, apis=session.apis)
    return await execution.run()


async def _know_beside(run: Run, session: Session) -> None:
    """Write down, before the plan does it, whose agents it gives to others: afterwards no sitting could tell.

    A later sitting adds whoever has come since.
    """
    known = run.record.beside
    found = {} if session.snapshot is None else beside(session.snapshot, run.record.plan)
    fresh = {trunk: agent for trunk, agent in found.items() if known is None or known.get(trunk) != agent}
    if known is None or fresh:
        await run.journal.append(*entries.beside(fresh, time.time()))
        run.record = replace(run.record, beside={**(known or {}), **fresh})


async def _live(run: Run, session: Session, settings: Settings) -> Live:
    """What is known of the plan's numbers; asked for now where planning has not just done so."""
    taken: Mapping[Seat, Holder] = {}
    if session.snapshot is None:
        asked_at = anyio.current_time()
        session.took(await gather(session.callers), asked_at)
        assert session.snapshot is not None
        taken = strangers(session.snapshot, run.record.plan)
    return Live(
        session.snapshot,
        frozenset(change.trunk.number for change in run.record.plan.writes()),
        seen_at=session.seen_at,
        clock=session.gate.clock,
        max_age=settings.max_age_seconds,
        strangers=taken,
    )


class Meter:
    """Turns outcomes into progress reports, not more often than anyone can read. *final* ended in earlier sittings."""

    def __init__(self, hooks: Hooks, session: Session, total: int, final: Mapping[int, Outcome]) -> None:
        self._hooks = hooks
        self._session = session
        self._total = total
        self._statuses = {id_: outcome.status for id_, outcome in final.items()}
        self._before = len(final)
        self._began = self._told = time.monotonic()

    def ended(self, *outcomes: Outcome) -> None:
        """Changes have ended, or turned out otherwise than was told before."""
        self._statuses.update((outcome.change, outcome.status) for outcome in outcomes)
        done, now = len(self._statuses), time.monotonic()
        if now - self._told < PROGRESS_EVERY and done < self._total:
            return
        self._told = now
        lately = done - self._before
        view = self._session.gate.view()
        self._hooks.progress(
            Progress(
                phase="apply",
                done=done,
                total=self._total,
                counts=Counter(self._statuses.values()),
                pace=view.limit,
                eta_seconds=(self._total - done) * (now - self._began) / lately if lately else None,
            )
        )
