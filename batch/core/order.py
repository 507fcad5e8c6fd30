"""What must come first, when an agent serves one number per channel (DESIGN.md §3.6).

A change into an agent's seat needs the change that frees it; so chains run from the far end. A ring is opened by
parking its first row's trunk. What can never work is a problem of its rows, and since a row that stays where it is
frees nothing, one such problem may cause others: the search goes on until nothing more falls.

    drafts ─ two rows, one agent ─ held seats, again and again ─ rings without a spare ─ held seats ▶ needs and parkings
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from msgspec import Struct, field

from batch.core.model import Action, AgentId, Change, Channel, Origin, Problem, Reason, Trunk
from batch.core.occupancy import Holder, Seat, Seats
from batch.core.rings import Ring, find_rings, park, spares
from batch.core.sequence import sequence

MOST_NAMED = 20
"""Rows and agents that one problem names at most; a ring may have a thousand members."""


class Ordered(Struct, frozen=True, kw_only=True):
    """The changes that can be made, in source order, ids being positions; and, by unit, why the others cannot."""

    changes: tuple[Change, ...]
    problems: Mapping[int, Sequence[Problem]] = field(default_factory=dict)


def order(
    drafts: Sequence[Change], held: Seats, *, parking: Sequence[AgentId], names: Mapping[AgentId, str]
) -> Ordered:
    """Give every draft its needs. ``drafts[i].id`` is *i*; *names* are for what is said to people.

    Problems: ``two_rows_one_agent``, ``agent_occupied``, ``ring_without_spare``.
    """
    board = _Board(drafts, held, names)
    board.refuse_doubles()
    board.refuse_held(board.movers.values())
    free = spares(parking, held, board.wanted(parking))
    rings = board.rings()
    hopeless = [ring for channel, found in rings.items() if not free[channel] for ring in found]
    if hopeless:
        board.refuse_rings(sorted(hopeless), parking)
        rings = board.rings()
    standing = [change for change in drafts if board.stands(change.id)]
    changes = sequence(standing, [board.needs(change.id) for change in standing], park(rings, free))
    return Ordered(changes=changes, problems=board.problems)


class _Board:
    """The drafts and the seats they leave and take; ``fallen`` units are out of the game.

    ``wishes`` has, by channel and agent, the first change that is to be in a seat, ``doubles`` all of them where there
    are several. (Seats are not kept: a hundred thousand more objects cost more time than making one when it is asked.)
    """

    def __init__(self, drafts: Sequence[Change], held: Seats, names: Mapping[AgentId, str]) -> None:
        self.drafts = drafts
        self.held = held
        self.names = names
        self.fallen: set[int] = set()
        self.problems: dict[int, list[Problem]] = {}
        self.movers: dict[Holder, int] = {c.trunk: c.id for c in drafts if c.action is Action.ASSIGN}
        self.wishes: dict[Channel, dict[AgentId, int]] = {channel: {} for channel in Channel}
        self.doubles: dict[Seat, list[int]] = {}
        for change in drafts:
            if change.reason is Reason.DIFFERS or change.reason is Reason.ALREADY_THERE:
                first = self.wishes[change.trunk.channel].setdefault(change.after, change.id)
                if first != change.id:
                    self.doubles.setdefault((change.after, change.trunk.channel), [first]).append(change.id)

    @cached_property
    def units(self) -> Mapping[int, Sequence[int]]:
        """The changes of each unit."""
        found: dict[int, list[int]] = {}
        for change in self.drafts:
            found.setdefault(change.unit, []).append(change.id)
        return found

    @cached_property
    def rows(self) -> Mapping[Holder, Origin]:
        """Which row speaks of a trunk."""
        return {change.trunk: change.origin for change in self.drafts}

    def wanted(self, agents: Iterable[AgentId]) -> set[Seat]:
        """The seats of *agents* that some row wants."""
        return {(agent, channel) for agent in agents for channel, wished in self.wishes.items() if agent in wished}

    def holders(self, change: Change) -> Sequence[Holder]:
        """Who sits where *change* wants to go."""
        return self.held.get((change.after, change.trunk.channel), ())

    def stands(self, id_: int) -> bool:
        """Whether a change is still in the game."""
        return self.drafts[id_].unit not in self.fallen

    def needs(self, id_: int) -> tuple[int, ...]:
        """The changes that free the seat a change wants; all are movers that stand, once held seats are refused."""
        change = self.drafts[id_]
        holders = () if change.action is Action.KEEP else self.holders(change)
        return tuple([self.movers[holder] for holder in holders]) if holders else ()

    # ── what cannot be ────────────────────────────────────────────────────────────────────────────────────────────────

    def refuse_doubles(self) -> None:
        """Two rows into one seat: no order helps."""
        for seat, ids in self.doubles.items():
            named = [self.drafts[id_].origin for id_ in ids[: MOST_NAMED + 1]]
            for id_ in ids:
                others = tuple(origin for origin in named if origin != self.drafts[id_].origin)
                self._complain(id_, "two_rows_one_agent", seat[1].value, others[:MOST_NAMED])
        self.fallen.update(self.drafts[id_].unit for ids in self.doubles.values() for id_ in ids)

    def refuse_held(self, ids: Iterable[int]) -> None:
        """Changes into a seat whose holder stays; each that falls makes its own seat one whose holder stays."""
        queue = deque(ids)
        while queue:
            id_ = queue.popleft()
            change = self.drafts[id_]
            if change.unit in self.fallen or change.action is Action.KEEP:
                continue
            staying = [holder for holder in self.holders(change) if not self._leaves(holder)]
            if staying:
                self._occupied(id_, staying)
                queue.extend(self._fall(change.unit))

    def refuse_rings(self, rings: Iterable[Ring], parking: Sequence[AgentId]) -> None:
        """Rings that nothing opens, none of *parking* either, and what they drag along."""
        for ring in rings:
            if not all(map(self.stands, ring)):
                continue  # broken by the fall of an earlier one, and said so
            origins = tuple(self.drafts[id_].origin for id_ in ring)
            shown = [self._name(self.drafts[id_].after) for id_ in ring[:MOST_NAMED]]
            detail = " → ".join([*shown, f"… ({len(ring)} agents)" if len(ring) > MOST_NAMED else shown[0]])
            detail += self._no_spares(parking, self.drafts[ring[0]].trunk.channel)
            for id_ in ring:
                self._complain(id_, "ring_without_spare", detail, origins[:MOST_NAMED])
            waiting = [waiter for id_ in ring for waiter in self._fall(self.drafts[id_].unit)]
            self.refuse_held(waiting)

    def rings(self) -> Mapping[Channel, Sequence[Ring]]:
        """The rings among the changes that stand, by channel."""
        follower = {need: id_ for id_ in self.movers.values() if self.stands(id_) for need in self.needs(id_)}
        found: dict[Channel, list[Ring]] = {}
        for ring in find_rings(follower):
            found.setdefault(self.drafts[ring[0]].trunk.channel, []).append(ring)
        return found

    def _leaves(self, holder: Holder) -> bool:
        mover = self.movers.get(holder)
        return mover is not None and self.stands(mover)

    def _fall(self, unit: int) -> list[int]:
        """Take a unit out of the game; returns the changes that counted on it."""
        self.fallen.add(unit)
        return [waiting for id_ in self.units[unit] if (waiting := self._waiting_for(self.drafts[id_])) is not None]

    def _waiting_for(self, change: Change) -> int | None:
        """The change that wants the seat which *change* has."""
        return None if change.before is None else self.wishes[change.trunk.channel].get(change.before)

    # ── what is said about it ─────────────────────────────────────────────────────────────────────────────────────────

    def _occupied(self, id_: int, staying: Sequence[Holder]) -> None:
        related: dict[Origin, None] = {}
        for holder in staying:
            if holder in self.rows:
                related[self.rows[holder]] = None
        told = ", ".join(map(self._holder, staying[:MOST_NAMED]))
        self._complain(id_, "agent_occupied", told, tuple(related)[:MOST_NAMED])

    def _holder(self, holder: Holder) -> str:
        """A holder, and why it stays."""
        if not isinstance(holder, Trunk):
            return f"{holder}, which this program cannot move"
        row, place = self.rows.get(holder), _place(holder)
        return f"{place}, which no row moves" if row is None else f"{place}, which row {row.row} leaves there"

    def _no_spares(self, parking: Sequence[AgentId], channel: Channel) -> str:
        """Why none of the given spares will do, in brackets; nothing where none was given."""
        told = [
            f"the spare {self._name(agent)} is not free: {self._use((agent, channel))}"
            for agent in dict.fromkeys(parking)
        ]
        return f" ({'; '.join(told[:MOST_NAMED])})" if told else ""

    def _use(self, seat: Seat) -> str:
        """Who has a seat that is not free, or else who wants it."""
        holders = self.held.get(seat)
        if holders:
            return f"it serves {', '.join(map(_place, holders[:MOST_NAMED]))}"
        agent, channel = seat
        return f"row {self.drafts[self.wishes[channel][agent]].origin.row} asks for it"

    def _complain(self, id_: int, code: str, detail: str, related: tuple[Origin, ...]) -> None:
        change = self.drafts[id_]
        problem = Problem(code, change.origin, "", self._name(change.after), detail, related)
        self.problems.setdefault(change.unit, []).append(problem)

    def _name(self, agent: AgentId) -> str:
        return self.names.get(agent) or agent


def _place(holder: Holder) -> str:
    return f"{holder.number} on {holder.channel.value}" if isinstance(holder, Trunk) else str(holder)
