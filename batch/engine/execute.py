"""Doing a plan: workers on one schedule, and everything that may end it before its end.

Workers ask the schedule, settle, write the outcome down, and only then tell the schedule. Whatever a watch reports (a
signal, the deadline) stops the handing out; calls in flight get a few seconds to finish and nothing new is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct
from msgspec.structs import replace

from batch.adapters.api import Api
from batch.adapters.journal import Log
from batch.core.encode import outcome_to_json
from batch.core.lifecycle import Entry, Kind
from batch.core.model import Outcome, Reason, Status
from batch.engine.caller import Caller
from batch.engine.gate import Gate, StopRequested
from batch.engine.live import Live
from batch.engine.schedule import Schedule, Work
from batch.engine.settle import Conflict, Settler
from batch.errors import CredentialsError, JournalError, ReassignError, TimeOverError, UnavailableError, WaveError
from batch.log import log

Record = Callable[..., None]
"""Takes outcomes; they count, and are on disk before anything that is written down later."""

GRACE = 6.0
"""Seconds that calls in flight get to finish after a stop; a run ends within ten seconds of a signal."""


class Watch(Protocol):
    """Something that may end a run: waits until it should, and returns why."""

    async def __call__(self) -> Reason:
        """Return when the run should stop; run for ever otherwise."""
        ...


class Ending(Struct):
    """How an execution ended. ``error`` is what stopped it, if one did."""

    outcomes: dict[int, Outcome]
    stopped: Reason | None = None
    error: ReassignError | None = None


class WaveCheck(Protocol):
    """What is looked at between two waves."""

    async def __call__(self, wave: int, outcomes: Mapping[int, Outcome], record: Record) -> None:
        """Look at *wave*, *record* what turns out otherwise, and raise a WaveError when the next must not start."""
        ...


class Setting(Struct, frozen=True, kw_only=True):
    """What an execution works with. ``on_progress`` takes outcomes, ``check_wave`` is called between waves."""

    log: Log
    gate: Gate
    live: Live
    wall: Callable[[], float]
    read_back: bool = False
    watches: Sequence[Watch] = ()
    on_progress: Callable[..., None] | None = None
    check_wave: WaveCheck | None = None


class Execution:
    """One sitting on one plan. ``known`` are the outcomes that earlier sittings left, those in doubt among them."""

    def __init__(
        self, schedule: Schedule, setting: Setting, *, known: Mapping[int, Outcome], apis: Sequence[Api]
    ) -> None:
        self._schedule = schedule
        self._setting = setting
        self._known = known
        self._ending = Ending(dict(known))
        self._wake = anyio.Event()
        self._idle = 0
        self._over = anyio.Event()
        self._standstill = anyio.Lock()
        self._settlers = [self._settler(api) for api in apis]
        self._spare = self._settlers[::-1]
        self._workers = 0

    async def run(self) -> Ending:
        """Work until everything has an end or something stops it. Errors come back as part of the ending."""
        async with anyio.create_task_group() as background:
            for watch in self._setting.watches:
                background.start_soon(self._watch, watch)
            await self._work(background)
            background.cancel_scope.cancel()
        await self._tell_what_is_left()
        self._ending.stopped = self._schedule.stopped
        return self._ending

    async def _work(self, background: TaskGroup) -> None:
        async with anyio.create_task_group() as workers:
            background.start_soon(self._enforce_grace, workers)
            await self._look_at_earlier_wave()
            self._grow(workers)

    # ── workers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _settler(self, api: Api) -> Settler:
        setting = self._setting
        caller = Caller(api, setting.gate)
        return Settler(caller, setting.log, setting.live, wall=setting.wall, read_back=setting.read_back)

    def _grow(self, workers: TaskGroup) -> None:
        """Start as many workers as the gate thinks right, as far as there are connections."""
        while self._spare and self._workers < self._setting.gate.width.now:
            self._workers += 1
            workers.start_soon(self._worker, self._spare.pop(), workers)

    async def _worker(self, settler: Settler, workers: TaskGroup) -> None:
        while self._workers <= self._setting.gate.width.now and (work := await self._next()) is not None:
            try:
                await self._do(settler, work)
            except StopRequested:
                self._schedule.abandon(work)
            except ReassignError as error:
                self._schedule.abandon(work)
                self._fail(error)
            self._stir()
            self._grow(workers)
        self._workers -= 1
        self._spare.append(settler)

    async def _next(self) -> Work | None:
        while True:
            work = self._schedule.take()
            if work is not None:
                self._stir()
                return work
            if self._setting.log.pending:  # nobody's intent takes the last outcomes along
                await self._flush()
            elif self._schedule.finished:
                self._stir()
                return None
            elif self._schedule.between_waves or self._schedule.stuck:
                await self._pass_standstill()
            else:
                self._idle += 1
                try:
                    await self._wake.wait()
                finally:
                    self._idle -= 1

    async def _flush(self) -> None:
        try:
            await self._setting.log.flush()
        except JournalError as error:
            self._fail(error)

    async def _do(self, settler: Settler, work: Work) -> None:
        if work.restore:
            outcome = await settler.put_back(work.change, self._ending.outcomes[work.change.id])
            self._write_down(outcome)
            self._write_down(*self._schedule.put_back(outcome))
            return
        try:
            earlier = work.earlier or self._known.get(work.change.id)
            outcome = await settler.settle(work.change, read_back=work.canary, earlier=earlier)
        except Conflict as conflict:
            blocker = self._schedule.blocker_of(work.change)
            if blocker is not None:
                self._schedule.wait_for(conflict.outcome, blocker)
                return
            outcome = conflict.outcome
        if outcome.reason is Reason.INTERRUPTED:  # all that the settler can know of a stop
            outcome = replace(outcome, reason=self._schedule.stopped or outcome.reason)
        if log.tells_changes:
            told = {"status": outcome.status, "reason": outcome.reason, "http_status": outcome.http_status}
            log.info("change.settled", trunk=str(work.change.trunk), attempts=outcome.attempts, **told)
        self._write_down(outcome)
        self._write_down(*self._schedule.settled(outcome))

    def _write_down(self, *outcomes: Outcome) -> None:
        """Outcomes are on disk before anything that relies on them: the commit of the next intent takes them along."""
        if not outcomes:
            return
        at = self._setting.wall()
        self._setting.log.add(*(Entry(Kind.OUTCOME, at, o.change, outcome_to_json(o)) for o in outcomes))
        self._ending.outcomes.update((o.change, o) for o in outcomes)
        if self._setting.on_progress is not None:
            self._setting.on_progress(*outcomes)

    async def _pass_standstill(self) -> None:
        """Nothing is under way and nothing may start: look at the wave and open the next, or end who waits in vain."""
        async with self._standstill:
            try:
                if self._schedule.between_waves:
                    await self._look_at_wave(self._schedule.wave)
                    self._schedule.next_wave()
                elif (stuck := self._schedule.stuck) is not None:
                    self._write_down(stuck)
                    self._write_down(*self._schedule.settled(stuck))
            except StopRequested:
                pass
            except ReassignError as error:
                self._fail(error)
        self._stir()

    async def _look_at_earlier_wave(self) -> None:
        """Before a later sitting begins a wave, the one before it is looked at: the earlier may have been cut off."""
        unproven = self._schedule.unproven
        if unproven is None:
            return
        try:
            await self._look_at_wave(unproven)
        except StopRequested:
            pass
        except ReassignError as error:
            self._fail(error)

    async def _look_at_wave(self, wave: int) -> None:
        if self._setting.check_wave is not None:
            await self._setting.check_wave(wave, self._ending.outcomes, self._write_down)

    async def _tell_what_is_left(self) -> None:
        """What was cut off, or still waits, when the run was stopped: in doubt, or surely not applied."""
        reason = self._schedule.stopped or Reason.INTERRUPTED
        cut = (settler.broken_off(reason) for settler in self._settlers)
        status = {True: Status.UNKNOWN, False: Status.SKIPPED}
        waiting = (replace(o, status=status[o.written], reason=reason) for o in self._schedule.waiting)
        self._write_down(*(outcome for outcome in cut if outcome is not None), *waiting)
        if self._setting.log.pending:
            await self._flush()

    def _stir(self) -> None:
        """Wake the workers that wait for something to do."""
        if self._idle:
            self._wake.set()
            self._wake = anyio.Event()

    # ── what ends a run ───────────────────────────────────────────────────────────────────────────────────────────────

    def _fail(self, error: ReassignError) -> None:
        if isinstance(error, TimeOverError):  # as the watch over the deadline has it
            self.stop(Reason.DEADLINE)
            return
        if self._ending.error is None or isinstance(error, JournalError):
            self._ending.error = error
        self.stop(reason_of(error))

    def stop(self, reason: Reason) -> None:
        """Send nothing more; calls in flight may finish."""
        self._schedule.stop(reason)
        self._setting.gate.stop()
        self._over.set()
        self._stir()

    async def _watch(self, watch: Watch) -> None:
        self.stop(await watch())

    async def _enforce_grace(self, workers: TaskGroup) -> None:
        await self._over.wait()
        await anyio.sleep(GRACE)
        workers.cancel_scope.cancel()


_REASONS: Mapping[type[ReassignError], Reason] = {
    JournalError: Reason.JOURNAL_FAILED,
    CredentialsError: Reason.CREDENTIALS,
    UnavailableError: Reason.API_UNAVAILABLE,
    WaveError: Reason.WAVE_FAILED,
}


def reason_of(error: ReassignError) -> Reason:
    """Why the rest of a run was not started, when *error* ended it."""
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), Reason.STOPPED)
