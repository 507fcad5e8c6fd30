"""Bringing one change to its end: look, write down the intent, send, judge the answer, read back what is unclear.

What an answer means is :mod:`batch.core.verdict`'s; when a call may leave is the gate's; this module owns the order in
which they are asked, and that nothing is claimed that was not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from batch.adapters.journal import Log
from batch.core import calls
from batch.core.encode import number_to_json
from batch.core.lifecycle import Entry, Kind
from batch.core.model import AgentId, Change, Outcome, Reason, Status, Verified
from batch.core.verdict import Judgement, Verdict, judge_write
from batch.engine.caller import Caller, NoAnswerError
from batch.engine.gate import StopRequested
from batch.engine.live import Live
from batch.engine.retry import Policy, TryAgain, insist
from batch.errors import CredentialsError

WRITES = Policy(attempts=5, base=0.5, cap=20.0, seconds=180.0)
"""A row is tried five times within three minutes: longer trouble is the breaker's business, not a row's."""

EXPLAINED = {
    Verdict.REJECTED: Reason.SERVER_REFUSED,
    Verdict.CONFLICT: Reason.AGENT_TAKEN,
}


class Conflict(Exception):  # noqa: N818  (a turn of events that the schedule may resolve, not an error)
    """The server says that the agent is taken; carries the outcome to use when nothing in the plan will free it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


@dataclass(slots=True)
class _Try:
    """What is known while one change is under way. ``in_doubt``: a PUT may have been applied, or may yet be."""

    change: Change
    kind: Kind
    attempts: int = 0
    started_at: float | None = None
    http_status: int | None = None
    detail: str = ""
    in_doubt: bool = False
    written: bool = False
    resent_fresh: bool = False


class Settler:
    """One worker's hands: brings changes to their end, one at a time."""

    def __init__(
        self,
        caller: Caller,
        log: Log,
        live: Live,
        *,
        wall: Callable[[], float],
        read_back: bool = False,
        policy: Policy = WRITES,
    ) -> None:
        self._caller = caller
        self._log = log
        self._live = live
        self._wall = wall
        self._every = read_back
        self._policy = policy

    async def settle(self, change: Change, *, read_back: bool = False, earlier: Outcome | None = None) -> Outcome:
        """Make *change* and return how it ended. *earlier* is how a sitting that was cut off left it.

        Raises :class:`Conflict` when the agent is taken, and what ends the run: CredentialsError, UnavailableError,
        JournalError. A stop leaves an outcome too: ``skipped`` when surely nothing was applied, else ``unknown``.
        """
        attempt = _Try(change, Kind.INTENT)
        if earlier is not None and earlier.status is Status.UNKNOWN:
            attempt.in_doubt = attempt.written = True
            attempt.attempts, attempt.started_at = earlier.attempts, earlier.started_at
        return await self._to_its_end(attempt, read_back=read_back or self._every)

    async def put_back(self, change: Change, done: Outcome) -> Outcome:
        """Undo *change*, which ended as *done*, because another channel of its row was refused."""
        if change.before is None:  # nothing to put back to: the API cannot unassign
            return replace(done, reason=Reason.LEFT_SPLIT)
        back = replace(change, before=change.after, after=change.before)
        attempt = _Try(back, Kind.RESTORING)
        try:
            outcome = await self._to_its_end(attempt, read_back=True)
        except Conflict as conflict:
            outcome = conflict.outcome
        attempts = done.attempts + outcome.attempts
        if outcome.status in (Status.DONE, Status.ALREADY):
            status, reason = Status.FAILED, Reason.UNIT_PUT_BACK
        elif outcome.status is Status.UNKNOWN:
            status, reason = Status.UNKNOWN, Reason.UNIT_PUT_BACK
        elif outcome.status is Status.DRIFTED:
            status, reason = Status.DRIFTED, Reason.CHANGED_AFTERWARDS
        else:
            return replace(done, reason=Reason.LEFT_SPLIT, attempts=attempts, detail=outcome.detail)
        return replace(
            outcome, status=status, reason=reason, attempts=attempts, started_at=done.started_at, written=True
        )

    # ── one change ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _to_its_end(self, attempt: _Try, *, read_back: bool) -> Outcome:
        async def step() -> Outcome:
            return await self._once(attempt, read_back=read_back)

        try:
            return await insist(step, self._policy, self._caller.gate.sleep)
        except (TryAgain, NoAnswerError):  # a read that got no answer was tried often enough
            if attempt.in_doubt:
                return self._end(attempt, Status.UNKNOWN, Reason.UNCLEAR)
            return self._end(attempt, Status.FAILED, Reason.OUT_OF_RETRIES)
        except StopRequested:
            if attempt.in_doubt:
                return self._end(attempt, Status.UNKNOWN, Reason.INTERRUPTED)
            return self._end(attempt, Status.SKIPPED, Reason.INTERRUPTED)

    async def _once(self, attempt: _Try, *, read_back: bool) -> Outcome:
        """Look and send, until an answer says more than *wait*; TryAgain asks for another go after a pause."""
        while True:
            seen = await self._look(attempt)
            if seen is not None:
                return seen
            judgement = await self._send(attempt)
            if judgement is None or judgement.verdict is Verdict.PAUSE:
                continue
            if judgement.verdict is Verdict.FRESH_CONNECTION and not attempt.resent_fresh:
                attempt.resent_fresh = True
                continue
            return await self._conclude(attempt, judgement, read_back=read_back)

    async def _look(self, attempt: _Try) -> Outcome | None:
        """Decide by the live owner whether a write is still right; an outcome says that it is not."""
        change, live = attempt.change, self._live
        number = change.trunk.number
        if attempt.in_doubt:
            await live.look(self._caller, number)
        elif not live.fresh(number):
            await live.renew(self._caller, number, change.page)
        owner = live.owner(change.trunk)
        if owner == change.after:
            if attempt.written:
                return self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.EACH)
            return self._end(attempt, Status.ALREADY, Reason.ALREADY_THERE)
        if owner == change.before and live.state(number) is not None:
            return None
        if live.state(number) is None:
            return self._end(attempt, Status.REJECTED, Reason.TRUNK_GONE)
        return self._end(attempt, Status.DRIFTED, Reason.OWNER_CHANGED)

    async def _send(self, attempt: _Try) -> Judgement | None:
        """One PUT, its intent on disk first. ``None``: the look became too old while waiting; nothing was sent."""
        change = attempt.change
        trunk = change.trunk
        before = self._live.state(trunk.number)
        body = {"before": number_to_json(before)} if before is not None and attempt.attempts == 0 else {}
        now = self._wall()
        attempt.started_at = attempt.started_at or now
        await self._log.append(Entry(attempt.kind, now, change.id, body))
        call = calls.assign(trunk, change.after)
        retry = attempt.attempts > 0
        reply = await self._caller.attempt(call, still=lambda: self._live.fresh(trunk.number), retry=retry)
        if reply is None:
            return None
        judgement = judge_write(reply, trunk, change.after)
        attempt.http_status, attempt.detail = judgement.http_status, judgement.detail
        if judgement.verdict is not Verdict.PAUSE:
            attempt.attempts += 1
        return judgement

    async def _conclude(self, attempt: _Try, judgement: Judgement, *, read_back: bool) -> Outcome:
        change = attempt.change
        match judgement.verdict:
            case Verdict.APPLIED:
                attempt.written = True
                if read_back:
                    return await self._read_back(attempt)
                self._live.wrote(change.trunk, change.after)
                return self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.ECHO)
            case Verdict.UNCLEAR | Verdict.FRESH_CONNECTION:
                attempt.written = attempt.in_doubt = True
                raise TryAgain(judgement.detail)
            case Verdict.REJECTED:
                return self._end(attempt, Status.REJECTED, EXPLAINED[judgement.verdict])
            case Verdict.CONFLICT:
                raise Conflict(self._end(attempt, Status.REJECTED, EXPLAINED[judgement.verdict]))
            case Verdict.FIREWALL:
                raise CredentialsError(
                    f"something in front of the API refuses the calls: {judgement.detail}",
                    hint="ask for this machine's address to be let through, then `reassign resume`",
                )
            case Verdict.LOGIN:
                await self._caller.confirm_login()  # raises when the credentials are gone; else one node erred
                raise TryAgain(judgement.detail)
            case _:
                raise TryAgain(judgement.detail)

    async def _read_back(self, attempt: _Try) -> Outcome:
        """The echo said yes; ask for the number itself before believing it."""
        change = attempt.change
        await self._live.look(self._caller, change.trunk.number)
        owner = self._live.owner(change.trunk)
        if owner == change.after:
            return self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.EACH)
        attempt.in_doubt = True
        raise TryAgain(f"the answer said yes, but the trunk is still on {owner or 'no agent'}")

    def _end(
        self,
        attempt: _Try,
        status: Status,
        reason: Reason,
        verified: Verified = Verified.NO,
        after: AgentId | None = None,
    ) -> Outcome:
        change = attempt.change
        return Outcome(
            change=change.id,
            status=status,
            reason=reason,
            detail="" if status is Status.DONE else attempt.detail,
            http_status=attempt.http_status,
            attempts=attempt.attempts,
            started_at=attempt.started_at,
            finished_at=self._wall(),
            verified=verified,
            after=after or (change.after if status is Status.DONE else self._live.owner(change.trunk)),
            written=attempt.written,
        )
