"""One worker's way to the server: through the gate, one call at a time, and what a read does with what comes back."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import anyio

from batch.adapters.api import Api
from batch.core import calls
from batch.core.calls import Answer, Call, Fault, FaultKind, Reply
from batch.core.verdict import Reading, judge_read
from batch.engine.gate import Gate, asks_for_pause
from batch.engine.retry import Policy, TryAgain, insist
from batch.errors import CredentialsError, UnavailableError

READS = Policy(attempts=6, base=0.3, cap=15.0, seconds=300.0)
"""A read costs nothing but itself, so it may be tried longer than a row; longer trouble is the breaker's business."""
FORBIDDEN = 403


Item = TypeVar("Item")


class NoAnswerError(UnavailableError):
    """One read was tried as often as it may be; that the API as a whole is away is the breaker's to say."""


class Caller:
    """Sends calls of one worker over one Api. What all workers share is in the gate.

    ``asked_at`` is when the last call left (monotonic seconds): what its answer shows was true then, or later.
    """

    def __init__(self, api: Api, gate: Gate) -> None:
        self._api = api
        self.gate = gate
        self.asked_at = -math.inf

    async def attempt(
        self, call: Call, *, still: Callable[[], bool] | None = None, retry: bool = False, urgent: bool = False
    ) -> Reply | None:
        """Wait for pause, pace and breaker, then send exactly once, whatever comes back.

        ``None``: *still* said no after the wait; nothing was sent and nothing counted. *retry* says that the call is a
        second go, for which the retry budget must have room; *urgent* that it goes first of all that wait. Raises
        StopRequested, or UnavailableError when the wait would be longer than the run may last; nothing was sent then.
        """
        if retry:
            await self.gate.retry_turn()
        entered_at = await self._enter(retry=retry, urgent=urgent)
        if still is not None and not still():
            self.gate.left(entered_at)
            if retry:
                self.gate.return_retry()
            return None
        self.asked_at = entered_at
        try:
            reply = await self._api.send(call)
        except BaseException:  # cancelled, or a dry run that tried to write: what was booked is given back, no more
            self.gate.broke_off(call, entered_at)
            raise
        self.gate.ended(call, entered_at, reply)
        if retry and asks_for_pause(reply):
            self.gate.return_retry()
        return reply

    async def _enter(self, *, retry: bool, urgent: bool) -> float:
        try:
            return await self.gate.enter(urgent=urgent)
        except BaseException:  # stopped, given up or cancelled while waiting: no retry was made
            if retry:
                self.gate.return_retry()
            raise

    async def read(self, call: Call) -> Answer | None:
        """Read, trying again within bounds; ``None`` when the thing asked for is not there.

        Raises CredentialsError, UnavailableError (:class:`NoAnswerError` among them), StopRequested.
        """
        reading, answer, detail = await self.ask(call)
        if reading is Reading.REFUSED:
            raise refusal(call, answer, detail)
        return answer if reading is Reading.FOUND else None

    async def ask(self, call: Call) -> tuple[Reading, Answer, str]:
        """Like :meth:`read`, but an answer that says no for good is a value too: FOUND, ABSENT or REFUSED."""
        tries = 0
        last = Reading.RETRY

        async def step() -> tuple[Reading, Answer, str]:
            nonlocal tries, last
            tries += 1
            reply = await self._past_pauses(call, retry=tries > 1)
            last, detail = judge_read(reply)
            if last is Reading.LOGIN:
                await self.confirm_login()
            if isinstance(reply, Fault) or last in (Reading.RETRY, Reading.LOGIN):
                raise TryAgain(detail)
            if last is Reading.FIREWALL:
                raise firewall(detail)
            return last, reply, detail

        try:
            return await insist(step, READS, self.gate.sleep)
        except TryAgain as again:
            if last is Reading.LOGIN:
                raise CredentialsError(
                    f"the token is not accepted for {call.path}: {again}", hint="check what the token may do"
                ) from None
            raise NoAnswerError(
                f"{call.method} {call.path} did not work in {tries} attempts: {again}",
                hint="try again later",
            ) from None

    async def confirm_login(self) -> None:
        """An answer said that we are not logged in: ask once more by the cheapest call, then believe it.

        Returns when the credentials are good after all; raises CredentialsError when they are not.
        """
        reply = await self._past_pauses(calls.probe())
        reading, detail = judge_read(reply)
        if reading is Reading.LOGIN:
            raise CredentialsError(
                f"the server does not accept the token: {detail}",
                hint="give a valid token of this workspace",
            )
        if reading is Reading.FIREWALL:
            raise firewall(detail)

    async def _past_pauses(self, call: Call, *, retry: bool = False) -> Reply:
        """One reply that is not a request to wait; a connection that died idle is replaced once, at once."""
        renewed = False
        while True:
            reply = await self.attempt(call, retry=retry)
            if reply is None or asks_for_pause(reply):
                continue
            if isinstance(reply, Fault) and reply.kind is FaultKind.STALE and not renewed:
                renewed = True
                continue
            return reply


async def each(callers: Sequence[Caller], items: Iterable[Item], do: Callable[[Caller, Item], Awaitable[None]]) -> None:
    """*do* every item, as many side by side as there are *callers*; begun in order, and over with the first error."""
    rest = iter(items)
    failed: list[Exception] = []

    async def work(caller: Caller) -> None:
        try:
            for item in rest:
                await do(caller, item)
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failed.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for caller in callers:
            group.start_soon(work, caller)
    if failed:
        raise failed[0]


def refusal(call: Call, answer: Answer, detail: str) -> CredentialsError | UnavailableError:
    """The error for a read that the server refuses for good."""
    message = f"{call.method} {call.path} was refused ({answer.status}): {detail}"
    if answer.status == FORBIDDEN:
        return CredentialsError(message, hint="the token's owner needs the right to see this")
    return UnavailableError(message, hint="run `reassign doctor` to see what this server offers")


def firewall(detail: str) -> CredentialsError:
    """The error for an answer of something in front of the API."""
    return CredentialsError(
        f"something in front of the API refuses the calls: {detail}",
        hint="ask for this machine's address to be let through",
    )
