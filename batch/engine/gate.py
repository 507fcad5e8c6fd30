"""The one door to the server that all workers of a run share: pace, breaker, retry budget, deadline, stop, counts.

Whoever may not pass at once queues; only the first in the queue watches the clock, so that sixty-four waiting cost
no more than one, and whoever came first leaves first.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import anyio

from batch.core.calls import Answer, Call, Fault, FaultKind, Reply
from batch.core.model import Calls
from batch.engine.breaker import Breaker
from batch.engine.pace import AWAY, SERVER_ERROR, TOO_MANY, Pacer, PaceView
from batch.engine.width import Width
from batch.errors import TimeOverError, UnavailableError
from batch.log import log

RETRY_SHARE = 0.1
RETRY_FLOOR = 10
RETRY_WINDOW = 60.0
"""Retries are at most a tenth of the calls of the last minute, but ten are always free."""
RETRY_LOOK = 1.0
VAIN_PAUSES = 5
VAIN_SECONDS = 600.0
"""A server that says *too many calls* after so many pauses in a row, and for so long, is as good as away."""
ALOUD = 10.0
"""Seconds: a wait of so many is told in the log."""


class StopRequested(Exception):  # noqa: N818  (a wish, not an error)
    """The run is to end: nothing more is sent."""


class _Turn:
    """A place in the queue, which can be woken again and again."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = anyio.Event()


class Gate:
    """Shared by all workers of a run. ``deadline`` is of *clock*, which is the event loop's.

    ``width`` is how many workers the run may have now.
    """

    def __init__(
        self,
        *,
        pacer: Pacer,
        breaker: Breaker,
        width: Width | None = None,
        deadline: float | None = None,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self.clock = clock
        self.width = width or Width()
        self._pacer = pacer
        self._breaker = breaker
        self._deadline = math.inf if deadline is None else deadline
        self._queue: deque[_Turn] = deque()
        self._urgent: deque[_Turn] = deque()
        self._stopped = anyio.Event()
        self._get = self._put = self._retried = self._refused_429 = 0
        self._recent: deque[tuple[float, int, int]] = deque()  # (second, calls, retries)
        self._away_at = -math.inf
        self._served_at = self._refused_at = -math.inf
        self._vain_pauses = 0
        self._told_until = -math.inf
        self.stopping = False

    # ── asked by everybody ────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Send nothing more; everybody who waits is woken with :class:`StopRequested`."""
        self.stopping = True
        self._stopped.set()
        self._stir()

    def reopen(self, seconds: float) -> None:
        """Let calls through again after a stop, for a last look of at most *seconds*."""
        self.stopping = False
        self._stopped = anyio.Event()
        self._deadline = max(self._deadline, self.clock() + seconds)

    def begins_later(self, seconds: float) -> None:
        """The run's time begins so much later than was thought: it has waited for its moment."""
        self._deadline += seconds

    def calls(self) -> Calls:
        """What was sent so far."""
        return Calls(get=self._get, put=self._put, retried=self._retried, refused_429=self._refused_429)

    def view(self) -> PaceView:
        """What the pacer believes just now."""
        return self._pacer.view(self.clock())

    async def sleep(self, seconds: float) -> None:
        """Wait; ends early with :class:`StopRequested` when the run is to end.

        Raises :class:`UnavailableError` at once when the run may not last that long.
        """
        if self.clock() + seconds > self._deadline:
            raise TimeOverError
        with anyio.move_on_after(seconds):
            await self._stopped.wait()
        if self.stopping:
            raise StopRequested

    # ── the way through ───────────────────────────────────────────────────────────────────────────────────────────────

    async def enter(self, *, urgent: bool = False) -> float:
        """Wait until a call may leave, and book it. Returns the moment it was booked, to be given back at its end.

        What is *urgent* goes before what is not: a write whose look would be too old after another round of the queue.
        Raises :class:`StopRequested`, or :class:`UnavailableError` when the server is away for longer than the run may
        last. What entered ends with exactly one of :meth:`left`, :meth:`ended`, :meth:`broke_off`.
        """
        if self._first() is None:
            now = self.clock()
            if self._may_pass(now) <= 0.0:
                return now
        turn = _Turn()
        queue = self._urgent if urgent else self._queue
        queue.append(turn)
        try:
            return await self._watch(turn)
        finally:
            queue.remove(turn)
            self._stir()

    def _first(self) -> _Turn | None:
        queue = self._urgent or self._queue
        return queue[0] if queue else None

    async def _watch(self, turn: _Turn) -> float:
        """Wait to be the first in the queue; the first watches the clock, and listens for calls that end."""
        while True:
            if self._first() is not turn:
                await turn.wait()
                continue
            now = self.clock()
            seconds = self._may_pass(now)
            if seconds <= 0.0:
                return now
            if seconds < math.inf and now + seconds > self._deadline:
                raise self._too_long(now, seconds)
            self._tell(now, seconds)
            with anyio.move_on_at(min(now + seconds, self._deadline)):
                await turn.wait()

    def _too_long(self, now: float, seconds: float) -> UnavailableError:
        """The error for a wait that the run may not last, by who wants it."""
        away = self._breaker.wait(now) > 0.0
        if not away and self._pacer.view(now).waiting_seconds <= 0.0:  # the pace, typed or kept, leaves no time
            return TimeOverError()
        who = "the API does not answer, and is asked again in" if away else "the server asks us to wait"
        return UnavailableError(f"{who} {seconds:.0f} s, longer than this run may last", hint="try again later")

    def _tell(self, now: float, seconds: float) -> None:
        """A long wait is told once: whoever looks on should know that nothing is wrong with the program."""
        if ALOUD <= seconds < math.inf and now >= self._told_until and log.tells_changes:
            self._told_until = now + seconds
            view = self._pacer.view(now)
            log.info("gate.waits", seconds=round(seconds), limit=view.limit, why=view.why)

    def _may_pass(self, now: float) -> float:
        if self.stopping:
            raise StopRequested
        if now >= self._deadline:
            raise TimeOverError
        if self._breaker.given_up(now):
            raise UnavailableError("the API does not answer")
        if self._vain_pauses >= VAIN_PAUSES and now - self._served_at >= VAIN_SECONDS:
            raise UnavailableError(
                f"the server has refused every call as one too many for {(now - self._served_at) / 60:.0f} minutes",
                hint="find out who else uses its quota, then try again",
            )
        seconds = self._breaker.wait(now) or self._pacer.ask(now)
        if seconds <= 0.0:
            self._breaker.sent(now)
        return seconds

    def _stir(self) -> None:
        """Let the first in the queue look again."""
        first = self._first()
        if first is not None:
            first.wake()

    # ── how a call ended ──────────────────────────────────────────────────────────────────────────────────────────────

    def left(self, entered_at: float) -> None:
        """What entered did not send anything after all."""
        self._pacer.give_back(entered_at)
        self._breaker.not_sent()
        self._stir()

    def broke_off(self, call: Call, entered_at: float) -> None:
        """The call was cancelled under way."""
        self._count(call, self.clock())
        self._pacer.faulted(entered_at, self.clock())
        self._breaker.not_sent()
        self._stir()

    def ended(self, call: Call, entered_at: float, reply: Reply) -> None:
        """The call was sent, and this came back."""
        now = self.clock()
        self._count(call, now)
        if log.tells_calls:
            told = (
                {"status": reply.status} if isinstance(reply, Answer) else {"fault": reply.kind, "detail": reply.detail}
            )
            log.debug("call.ended", method=call.method, path=call.path, seconds=round(now - entered_at, 4), **told)
        if isinstance(reply, Answer):
            self._refused_429 += reply.status == TOO_MANY
            self._pacer.answered(entered_at, now, reply.status, reply.headers)
        else:
            self._pacer.faulted(entered_at, now)
        self._judge_health(reply, entered_at, now)
        self._judge_width(reply)
        self._stir()

    def _judge_health(self, reply: Reply, entered_at: float, now: float) -> None:
        if isinstance(reply, Fault):
            if reply.kind is FaultKind.STALE:  # the server only closed an idle connection: that says nothing
                self._breaker.not_sent()
            else:
                self._breaker.failed(now)
        elif reply.status == TOO_MANY:
            self._breaker.worked()
            self._refused(entered_at, now)
        elif reply.status < SERVER_ERROR:
            self._breaker.worked()
            self._served_at, self._vain_pauses = now, 0
        elif not asks_for_pause(reply):
            self._breaker.failed(now)
        elif entered_at >= self._away_at:  # one for each pause that was kept, not one for each worker
            self._away_at = now
            self._breaker.failed(now)
        else:
            self._breaker.not_sent()

    def _judge_width(self, reply: Reply) -> None:
        if isinstance(reply, Fault):
            if reply.kind is not FaultKind.STALE:
                self.width.troubled()
        elif reply.status == TOO_MANY or reply.status >= SERVER_ERROR:
            self.width.troubled()
        else:
            self.width.served(waiting=self._first() is not None)

    def _refused(self, entered_at: float, now: float) -> None:
        """Count the pauses that were kept, and after which the server still said *too many*."""
        if self._served_at == -math.inf:  # nothing was ever served: the first refusal is where the time begins
            self._served_at = now
        if entered_at >= self._refused_at:  # one for each pause, not one for each worker
            self._refused_at = now
            self._vain_pauses += 1

    def _count(self, call: Call, now: float) -> None:
        if call.writes:
            self._put += 1
        else:
            self._get += 1
        self._tally(now, calls=1)

    # ── retries ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def allow_retry(self) -> bool:
        """Whether the budget has room for one more retry; if so it is taken."""
        now = self.clock()
        self._tally(now)
        calls, retries = (sum(entry[i] for entry in self._recent) for i in (1, 2))
        if retries >= max(RETRY_FLOOR, math.floor(RETRY_SHARE * calls)):
            return False
        self._retried += 1
        self._tally(now, retries=1)
        return True

    def return_retry(self) -> None:
        """A retry that was taken ended in a pause of the server's, which costs nobody an attempt."""
        self._retried -= 1
        self._tally(self.clock(), retries=-1)

    async def retry_turn(self) -> None:
        """Wait until the budget has room for one more retry, and take it: in an overload retries wait, not multiply."""
        while not self.allow_retry():
            await self.sleep(RETRY_LOOK)

    def _tally(self, now: float, *, calls: int = 0, retries: int = 0) -> None:
        while self._recent and self._recent[0][0] <= now - RETRY_WINDOW:
            self._recent.popleft()
        second = math.floor(now)
        if self._recent and self._recent[-1][0] == second:
            _, before, again = self._recent.pop()
            calls, retries = calls + before, retries + again
        self._recent.append((second, calls, retries))


def asks_for_pause(reply: Reply) -> bool:
    """Whether the server says *later*: 429 in any form, and 503 with ``Retry-After`` (API.md §5)."""
    if not isinstance(reply, Answer):
        return False
    return reply.status == TOO_MANY or (reply.status == AWAY and "retry-after" in reply.headers)
