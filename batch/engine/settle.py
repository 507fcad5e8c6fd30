"""Bringing one change to its end: look, write down the intent, send, judge the answer, read back what is unclear.

What an answer means is :mod:`batch.core.verdict`'s; when a call may leave is the gate's; this module owns the order in
which they are asked, and that nothing is claimed that was not seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from batch.adapters.journal import Log
from batch.core import calls
from batch.core.calls import Call, Fault, FaultKind, Reply
from batch.core.encode import number_to_json
from batch.core.lifecycle import Entry, Kind
from batch.core.model import Change, Outcome, Reason, Status, Verified
from batch.core.verdict import Judgement, Verdict, judge_write
from batch.engine.caller import Caller, NoAnswerError, firewall
from batch.engine.gate import StopRequested
from batch.engine.live import Live
from batch.engine.retry import Policy, TryAgain, insist
from batch.errors import CredentialsError, ReassignError

WRITES = Policy(attempts=5, base=0.5, cap=20.0, seconds=180.0)
"""A row is tried five times within three minutes: longer trouble is the breaker's business, not a row's."""

VAIN_LOOKS = 3
"""Looks in a row that were too old before the write could leave; after so many it counts as a failed attempt."""
VAIN_LOGINS = 3
"""Writes of one change answered by a refused login, or a page, though reading works; so many are believed."""
TOO_OLD = "each look at the trunk was older than --max-age before the write could leave"

EXPLAINED = {
    Verdict.REJECTED: Reason.SERVER_REFUSED,
    Verdict.CONFLICT: Reason.AGENT_TAKEN,
}

UNDONE = {
    Status.DONE: Status.FAILED,
    Status.ALREADY: Status.FAILED,
    Status.UNKNOWN: Status.UNKNOWN,
    Status.DRIFTED: Status.DRIFTED,
}
"""How putting back ended → how the change then stands; otherwise it stays done."""

LEFT = {Reason.UNIT_PUT_BACK: Reason.LEFT_SPLIT, Reason.WAVE_PUT_BACK: Reason.LEFT_IN_PLACE}
"""Why a change was to be put back → why it stays done when it could not be."""


class Conflict(Exception):  # noqa: N818  (a turn of events that the schedule may resolve, not an error)
    """The server says that the agent is taken; carries the outcome to use when nothing in the plan will free it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class _Try(Struct):
    """What is known while one change is under way.

    ``written``: a PUT may have been applied, or may yet be. ``in_doubt``: so much so that nothing is sent before the
    trunk was read. ``sending``: one is on its way. ``unanswered``: the last one left and had no whole answer.
    ``done``: how the change stands that is being put back, and ``why`` it is. ``undoing``: why an earlier sitting had
    begun to do so.
    """

    change: Change
    kind: Kind
    done: Outcome | None = None
    why: Reason | None = None
    attempts: int = 0
    free: int = 0
    started_at: float | None = None
    http_status: int | None = None
    detail: str = ""
    in_doubt: bool = False
    written: bool = False
    sending: bool = False
    unanswered: bool = False
    undoing: Reason | None = None
    resent_fresh: bool = False
    vain_looks: int = 0
    logins: int = 0

    def go_on(self, earlier: Outcome) -> None:
        """Take over from a go that was cut off, or sent back to wait; its attempts are no retries of this one."""
        self.attempts = self.free = earlier.attempts
        self.started_at = earlier.started_at
        self.in_doubt = self.written = earlier.written or earlier.status is Status.UNKNOWN
        self.undoing = earlier.reason if earlier.reason in LEFT else None


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
        self._current: _Try | None = None

    async def settle(self, change: Change, *, read_back: bool = False, earlier: Outcome | None = None) -> Outcome:
        """Make *change* and return how it ended. *earlier* is how a go that was cut off, or had to wait, left it.

        Raises :class:`Conflict` when the agent is taken, and what ends the run: CredentialsError, UnavailableError,
        JournalError. A stop leaves an outcome too: ``skipped`` when surely nothing was applied, else ``unknown``.
        """
        attempt = _Try(change, Kind.INTENT)
        if earlier is not None:
            attempt.go_on(earlier)
        return await self._to_its_end(attempt, read_back=read_back or self._every)

    async def put_back(self, change: Change, done: Outcome, why: Reason = Reason.UNIT_PUT_BACK) -> Outcome:
        """Undo *change*, which ended as *done*, because another channel of its row, or its wave, did not end well.

        Raises what :meth:`settle` does. When the run is to end before anything was sent, what was done for a row
        stands as it was, so that ``resume`` finds the row split and puts it back.
        """
        if change.before is None:  # nothing to put back to: the API cannot unassign
            return replace(done, reason=LEFT[why])
        attempt = _Try(replace(change, before=change.after, after=change.before), Kind.RESTORING, done, why)
        try:
            back = await self._to_its_end(attempt, read_back=True)
        except Conflict as conflict:
            back = conflict.outcome
        if back.status is Status.SKIPPED and why is Reason.UNIT_PUT_BACK:
            return done
        attempts = done.attempts + back.attempts
        if back.status not in UNDONE:
            return replace(done, reason=LEFT[why], attempts=attempts, detail=back.detail)
        return replace(
            back,
            status=UNDONE[back.status],
            reason=Reason.CHANGED_AFTERWARDS if back.status is Status.DRIFTED else why,
            attempts=attempts,
            started_at=done.started_at,
            written=True,
        )

    def broken_off(self, reason: Reason) -> Outcome | None:
        """How the change stands that an error or the end of the grace cut off, if there is one: never rounded."""
        attempt = self._current
        if attempt is None:
            return None
        attempt.written = attempt.written or attempt.sending
        attempt.unanswered = attempt.unanswered or attempt.sending
        if not attempt.written:
            return attempt.done or self._end(attempt, Status.SKIPPED, reason)
        return self._end(attempt, Status.UNKNOWN, attempt.why or reason)

    # ── one change ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _to_its_end(self, attempt: _Try, *, read_back: bool) -> Outcome:
        async def step() -> Outcome:
            return await self._once(attempt, read_back=read_back)

        self._current = attempt
        try:
            outcome = await insist(step, self._policy, self._caller.gate.sleep)
        except TryAgain:
            outcome = await self._given_up(attempt)
        except NoAnswerError:  # a read was tried as often as it may be
            outcome = self._unseen(attempt)
        except StopRequested:
            status = Status.UNKNOWN if attempt.written else Status.SKIPPED
            outcome = self._end(attempt, status, Reason.INTERRUPTED)
        except Conflict:
            self._current = None
            raise
        self._current = None
        return outcome

    async def _given_up(self, attempt: _Try) -> Outcome:
        """Tried as often as a row may be: what may have been applied is looked at once more."""
        seen = None
        if attempt.written:
            attempt.in_doubt = True
            with contextlib.suppress(NoAnswerError, StopRequested):
                seen = await self._look(attempt)
        return seen or self._unseen(attempt)

    def _unseen(self, attempt: _Try) -> Outcome:
        if attempt.written:
            return self._end(attempt, Status.UNKNOWN, Reason.UNCLEAR)
        return self._end(attempt, Status.FAILED, Reason.OUT_OF_RETRIES)

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
                attempt.resent_fresh = attempt.written = True
                attempt.free += 1
                continue
            return await self._conclude(attempt, judgement, read_back=read_back)

    async def _look(self, attempt: _Try) -> Outcome | None:
        """Decide by the live owner whether a write is still right; an outcome says that it is not."""
        change, live = attempt.change, self._live
        number = change.trunk.number
        if attempt.in_doubt:
            await live.look(self._caller, number)
        elif not live.fresh(change.trunk) or live.worth_a_look(change.trunk, change.page):
            await live.renew(self._caller, change.trunk, change.page)
        if live.owner(change.trunk) != change.after:
            forbidden = self._forbids(attempt)
            return None if forbidden is None else self._end(attempt, *forbidden)
        if attempt.written:
            return self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.EACH)
        return self._end(attempt, Status.ALREADY, Reason.ALREADY_THERE)

    def _forbids(self, attempt: _Try) -> tuple[Status, Reason] | None:
        """Why what was seen forbids a write to a trunk that is not where it is wanted."""
        change, live = attempt.change, self._live
        if live.state(change.trunk.number) is None:
            return Status.REJECTED, Reason.TRUNK_GONE
        if live.owner(change.trunk) != change.before:
            if attempt.kind is Kind.INTENT and live.looks_stale(change.trunk):  # a ring's way home: the last look tells
                return Status.UNKNOWN, Reason.UNCLEAR
            return Status.DRIFTED, Reason.OWNER_CHANGED
        if attempt.undoing is not None:  # it was put back before the sitting broke off, and is not to be made again
            return Status.FAILED, attempt.undoing
        stranger = live.stranger(change.after, change.trunk.channel)
        if stranger is not None and attempt.kind is Kind.INTENT:
            attempt.detail = f"it serves {stranger}"
            return Status.UNKNOWN if attempt.written else Status.SKIPPED, Reason.AGENT_OCCUPIED
        return None

    async def _send(self, attempt: _Try) -> Judgement | None:
        """One PUT, its intent on disk first. ``None``: the look became too old while waiting; nothing was sent."""
        change = attempt.change
        trunk = change.trunk
        before = self._live.state(trunk.number)
        body: dict[str, Any] = {} if attempt.why is None else {"why": attempt.why.value}
        if before is not None and attempt.attempts == 0:
            body["before"] = number_to_json(before)
        now = self._wall()
        attempt.started_at = attempt.started_at or now
        await self._log.append(Entry(attempt.kind, now, change.id, body))
        reply = await self._sent(attempt, calls.assign(trunk, change.after))
        if reply is None:
            self._looked_in_vain(attempt)
            return None
        attempt.vain_looks = 0
        attempt.unanswered = isinstance(reply, Fault) and reply.kind is not FaultKind.CONNECT
        judgement = judge_write(reply, trunk, change.after)
        attempt.http_status, attempt.detail = judgement.http_status, judgement.detail
        if judgement.verdict is not Verdict.PAUSE:
            attempt.attempts += 1
        return judgement

    async def _sent(self, attempt: _Try, call: Call) -> Reply | None:
        trunk = attempt.change.trunk
        retry = attempt.attempts > attempt.free
        attempt.sending = True  # stays so when this is cancelled: the call may have left
        try:
            reply = await self._caller.attempt(
                call, still=lambda: self._live.fresh(trunk), retry=retry, urgent=attempt.vain_looks > 0
            )
        except (StopRequested, ReassignError):  # raised by the gate, before anything left
            attempt.sending = False
            raise
        attempt.sending = False
        return reply

    @staticmethod
    def _looked_in_vain(attempt: _Try) -> None:
        """At a pace slower than looks may be old one would look for ever: the write goes first, and fails at last."""
        attempt.vain_looks += 1
        if attempt.vain_looks % VAIN_LOOKS == 0:
            attempt.detail = TOO_OLD
            raise TryAgain(TOO_OLD)

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
            case Verdict.REJECTED | Verdict.CONFLICT:
                return await self._refused(attempt, judgement.verdict)
            case Verdict.FIREWALL:
                raise firewall(judgement.detail)
            case Verdict.LOGIN | Verdict.PAGE:
                if judgement.verdict is Verdict.LOGIN:
                    await self._caller.confirm_login()  # raises when the credentials are gone; else one node erred
                else:  # the look that comes first now tells the same
                    attempt.written = attempt.in_doubt = True
                attempt.logins += 1
                if attempt.logins == VAIN_LOGINS:
                    raise CredentialsError(
                        f"the token is good for reading, but not for writing: {judgement.detail}",
                        hint="check what the token may do, then `reassign resume`",
                    )
                raise TryAgain(judgement.detail)
            case _:
                raise TryAgain(judgement.detail)

    async def _refused(self, attempt: _Try, verdict: Verdict) -> Outcome:
        """The server said no: believed at once, unless an earlier PUT may have made what it objects to."""
        if attempt.written:
            attempt.in_doubt = True
            seen = await self._look(attempt)
            if seen is not None:
                return seen
        refused = self._end(attempt, Status.REJECTED, EXPLAINED[verdict])
        if verdict is Verdict.CONFLICT:
            raise Conflict(refused)
        return refused

    async def _read_back(self, attempt: _Try) -> Outcome:
        """The echo said yes; ask for the number itself before believing it."""
        attempt.in_doubt = True
        seen = await self._look(attempt)
        if seen is not None:
            return seen
        owner = self._live.owner(attempt.change.trunk)
        attempt.detail = f"the answer said yes, but the trunk is still on {owner or 'no agent'}"
        raise TryAgain(attempt.detail)

    def _end(self, attempt: _Try, status: Status, reason: Reason, verified: Verified = Verified.NO) -> Outcome:
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
            after=change.after if status is Status.DONE else self._live.owner(change.trunk),
            after_name=self._live.owner_name(change.trunk) if status is Status.DRIFTED else "",
            written=attempt.written,
            unanswered=attempt.unanswered and status is not Status.DONE,
        )
