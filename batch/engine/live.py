"""What is known of the live owners, and how old that knowledge is.

A write is decided on a look no older than ``max_age``. When a look is too old, the list page the number stood on is
read again, which renews a hundred others too; only a number that has left its page is asked for by itself. Pages are
also read before they must be, as often as that costs a call for a hundred writes: what somebody changes meanwhile is
then seen within so many writes where those take less than ``max_age``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import anyio
from msgspec.structs import replace

from batch.core import calls, shapes
from batch.core.model import AgentId, Binding, Channel, Number, NumberState, Snapshot, Trunk
from batch.core.occupancy import Holder, Seat
from batch.core.verdict import Reading
from batch.engine.caller import Caller, NoAnswerError, refusal
from batch.engine.snapshot import listed, on_one_page

MAX_AGE = 30.0
"""Seconds. Someone's change in the dashboard within this time before our write could be overwritten (API.md §3.6)."""

WRITES_A_LOOK, YOUNG = 100, 1.0
"""So many writes pay for a page that is read before it must be; not for one that was read less than a second ago."""


class Live:
    """The numbers of a plan as last seen. Times are of the monotonic clock that is passed in, which is the gate's.

    A look is as old as the call that made it: the wait for the call's turn does not age it.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        numbers: frozenset[Number],
        *,
        seen_at: float,
        clock: Callable[[], float],
        max_age: float = MAX_AGE,
        strangers: Mapping[Seat, Holder] | None = None,
    ) -> None:
        self._states: dict[Number, NumberState] = {n: s for n, s in snapshot.numbers.items() if n in numbers}
        self._seen_at: dict[Number, float] = dict.fromkeys(self._states, seen_at)
        self._strangers = strangers or {}
        self._wrote_at: dict[Trunk, float] = {}
        self._replaced: dict[Trunk, AgentId | None] = {}  # whose place our own writes have taken
        self._doubted: set[Number] = set()  # a page has contradicted what is known: the number itself must be asked
        self._wanted = numbers
        self._per_page = snapshot.per_page
        self._clock = clock
        self._max_age = max_age
        self._reading: dict[int, anyio.Event] = {}
        self._unpaid = 0  # writes that a page can still be read for

    @property
    def states(self) -> Mapping[Number, NumberState]:
        """The numbers as last seen."""
        return self._states

    def fresh(self, trunk: Trunk) -> bool:
        """Whether what is known of *trunk* is young enough to decide a write: a look, or our own last write."""
        return self._age(trunk) <= self._max_age

    def worth_a_look(self, trunk: Trunk, page: int) -> bool:
        """Whether writes have paid for reading *page*, the list page of *trunk*, again; what is known may be fresh."""
        paid = self._unpaid >= WRITES_A_LOOK and page > 0 and page not in self._reading
        return paid and self._age(trunk) >= YOUNG

    def _age(self, trunk: Trunk) -> float:
        if trunk.number in self._doubted:
            return math.inf
        known_at = max(self._seen_at.get(trunk.number, -math.inf), self._wrote_at.get(trunk, -math.inf))
        return self._clock() - known_at

    def state(self, number: Number) -> NumberState | None:
        """The number as last seen; ``None`` when it is not, or no longer, in the workspace."""
        return self._states.get(number)

    def owner(self, trunk: Trunk) -> AgentId | None:
        """The agent last seen on *trunk*."""
        state = self._states.get(trunk.number)
        return None if state is None else state.owner(trunk.channel)

    def stranger(self, agent: AgentId, channel: Channel) -> Holder | None:
        """What was seen on the *channel* of an *agent* that the plan gives away, if the plan does not move it."""
        return self._strangers.get((agent, channel))

    def owner_name(self, trunk: Trunk) -> str:
        """What that agent is called, as its binding says."""
        state = self._states.get(trunk.number)
        binding = None if state is None else state.bindings.get(trunk.channel)
        return "" if binding is None else binding.agent_name

    def wrote(self, trunk: Trunk, agent: AgentId, name: str = "") -> None:
        """Take note of our own write, which an older look still under way must not undo.

        It says nothing of the number's other channel, so that is not thought younger for it.
        """
        state = self._states.get(trunk.number)
        self._replaced[trunk] = self.owner(trunk)
        if state is not None:
            binding = Binding(bound=True, agent=agent, agent_name=name)
            self._states[trunk.number] = replace(state, bindings={**state.bindings, trunk.channel.value: binding})
        self._wrote_at[trunk] = self._clock()
        self._unpaid += 1

    def looks_stale(self, trunk: Trunk) -> bool:
        """Whether *trunk* was last seen on the agent whose place our own answered write has taken.

        Somebody may have put it back; or the look came out of a server's cache. Nobody can tell which.
        """
        replaced = self._replaced.get(trunk)
        return replaced is not None and self.owner(trunk) == replaced

    async def renew(self, caller: Caller, trunk: Trunk, page: int) -> None:
        """Look again at *trunk*: at its list page if it has one, else at the number itself."""
        if page > 0:
            await self._renew_page(caller, page)
        if not self.fresh(trunk):
            await self.look(caller, trunk.number)

    async def look(self, caller: Caller, number: Number) -> NumberState | None:
        """Ask for one number by itself, and believe the answer: the read-back after an unclear write.

        ``None`` when the number is gone. A server without that call, or one that does not let us make it, is asked
        for its list instead. Raises what reading raises.
        """
        known = self._states.get(number)
        call = calls.channels_of(number)
        reading, answer, detail = await caller.ask(call)
        asked_at = caller.asked_at
        state = shapes.channels_snapshot(answer.body) if reading is Reading.FOUND else None
        if state is not None and state.number == number:
            self._saw(state, asked_at)
        elif known is not None and known.page > 0:
            await self._look_on_list(caller, known, asked_at)
        elif reading is Reading.ABSENT:
            self._gone(number, asked_at)
        else:
            raise refusal(call, answer, detail or "the answer is about another number, or about none")
        return self._states.get(number)

    async def _look_on_list(self, caller: Caller, known: NumberState, asked_at: float) -> None:
        """The list's word on a number that could not be asked for by itself: its page, or wherever it is by now."""
        number = known.number
        await self._renew_page(caller, known.page)
        if self._seen_at.get(number, -math.inf) >= asked_at:
            return
        began = self._clock()
        found = await listed([caller], {number})
        if number in found:
            self._saw(found[number], began)
        else:
            self._gone(number, began)

    async def _renew_page(self, caller: Caller, page: int) -> None:
        running = self._reading.get(page)
        if running is not None:
            await running.wait()
            return
        self._reading[page] = anyio.Event()
        self._unpaid = max(0, self._unpaid - WRITES_A_LOOK)
        try:
            try:
                answer = await caller.read(calls.list_page(calls.Listing.TRUNKS, page, self._per_page))
            except NoAnswerError:
                answer = None  # each number can still be asked for by itself
            items = shapes.numbers_page(answer.body) if answer is not None else None
            for state in on_one_page(() if items is None else items.items):
                if state.number not in self._wanted:
                    continue
                if self._loses_one(state) or self._undoes_ours(state, caller.asked_at):
                    self._doubt(state.number, caller.asked_at)
                else:
                    self._saw(state, caller.asked_at)
        finally:
            self._reading.pop(page).set()

    def _doubt(self, number: Number, asked_at: float) -> None:
        """Believe neither that page nor what is known, unless the number was looked at since."""
        if asked_at >= self._seen_at.get(number, asked_at):
            self._doubted.add(number)

    def _loses_one(self, seen: NumberState) -> bool:
        """Whether a channel that had an agent has none on this page: the number's other row may be on the next one.

        So it is not believed before the number itself was asked for.
        """
        known = self._states.get(seen.number)
        return known is not None and any(known.is_bound(it) and not seen.is_bound(it) for it in Channel)

    def _undoes_ours(self, seen: NumberState, asked_at: float) -> bool:
        """Whether this page has another owner than we wrote before it was asked for.

        It may be somebody else's change, or a page out of a server's cache, older than it looks: so neither it nor our
        write is believed before the number itself was asked for.
        """
        known = self._states.get(seen.number)
        return known is not None and any(
            seen.owner(trunk.channel) != known.owner(trunk.channel)
            for trunk in self._written(seen.number)
            if self._wrote_at[trunk] <= asked_at
        )

    def _saw(self, seen: NumberState, asked_at: float) -> None:
        """Believe a look, unless something newer is known already. A list may show a number once per channel."""
        number = seen.number
        if asked_at < self._seen_at.get(number, asked_at):
            return
        known = self._states.get(number, seen)
        ours = {trunk.channel.value for trunk in self._written(number) if self._wrote_at[trunk] > asked_at}
        bindings = {**known.bindings, **{name: it for name, it in seen.bindings.items() if name not in ours}}
        self._states[number] = replace(
            seen,
            uuid=seen.uuid or known.uuid,
            source=seen.source or known.source,
            status=seen.status or known.status,
            bindings=bindings,
            page=known.page,
        )
        self._seen_at[number] = asked_at
        self._doubted.discard(number)

    def _written(self, number: Number) -> Iterator[Trunk]:
        return (trunk for channel in Channel if (trunk := Trunk(number, channel)) in self._wrote_at)

    def _gone(self, number: Number, asked_at: float) -> None:
        if asked_at >= self._seen_at.get(number, asked_at):
            self._states.pop(number, None)
            self._seen_at[number] = asked_at
            self._doubted.discard(number)
