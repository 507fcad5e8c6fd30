"""The look at everything that was written, when the writing is over: in peace, or in a hurry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import anyio

from batch.between import record_seen
from batch.core import entries
from batch.core.bystanders import bystanders, robbed, robbery
from batch.core.model import Change, Outcome, Plan, Reason, Status
from batch.engine.execute import Ending
from batch.engine.session import Session
from batch.engine.sweep import Patience, sweep
from batch.errors import UnavailableError
from batch.run import Hooks, Progress, Run
from batch.watches import Signals

IN_PEACE = 120.0
"""Seconds that the look may take at most: it only reads."""
IN_A_HURRY = 2.5
"""The same after a signal, or when the time is over: a run ends within ten seconds of either."""


@dataclass(frozen=True, slots=True)
class FinalLook:
    """What has ended is looked at again, and corrected, before it is reported."""

    run: Run
    session: Session
    hooks: Hooks
    ending: Ending

    async def take(self, signals: Signals) -> None:
        """Look with time for late writes; or once, where there is none: what is in doubt then stays so.

        Raises WaveError when the run has cost a number outside of it its agent, and what reading in peace raises.
        """
        if self.ending.stopped is not Reason.DEADLINE and await self._in_peace(signals):
            return
        if signals.number is not None:
            self.ending.stopped = Reason.INTERRUPTED
        with suppress(UnavailableError), anyio.move_on_after(IN_A_HURRY):
            await self._look(IN_A_HURRY, Patience(pauses=(), settled=False, on_look=self._tell))

    async def _in_peace(self, signals: Signals) -> bool:
        """Whether it came to its end before anybody asked the run to end."""
        with anyio.CancelScope() as scope:
            signals.cancel(scope)
            await self._look(IN_PEACE, Patience(on_look=self._tell))
        return not scope.cancelled_caught

    async def _look(self, seconds: float, patience: Patience) -> None:
        self._tell(len(self.ending.outcomes), 0.0)
        run, session, ending = self.run, self.session, self.ending
        session.gate.reopen(seconds)
        plan = run.record.plan
        # a sitting that found everything done has read no list yet; the plan knows how long it was
        pages = session.pages or max((change.page for change in plan.writes()), default=0)
        risk = bystanders(run.record.beside or {}, _done(plan, ending.outcomes))
        near = {trunk.number for trunk in risk}
        judged, seen = await sweep(session.callers, plan, ending.outcomes, pages=pages, beside=near, patience=patience)
        at = time.time()
        await run.journal.append(*entries.judged(plan.changes, ending.outcomes, judged, at))
        lost = robbed(risk, seen)
        kept = near - {trunk.number for trunk in lost} - {change.trunk.number for change in plan.changes}
        await record_seen(run.journal, [state for number, state in seen.items() if number not in kept])
        ending.outcomes = dict(judged)
        if lost:
            raise robbery(lost)

    def _tell(self, misfits: int, seconds: float) -> None:
        total = len(self.ending.outcomes)
        self.hooks.progress(
            Progress(phase="verify", done=max(0, total - misfits), total=total, eta_seconds=seconds or None)
        )


def _done(plan: Plan, outcomes: Mapping[int, Outcome]) -> list[Change]:
    ended = ((change, outcomes.get(change.id)) for change in plan.writes())
    return [change for change, outcome in ended if outcome is not None and outcome.status is Status.DONE]
