"""Who sits where: which numbers hold an agent's channel now, and whether two may (API.md §3.1, §3.3).

A *seat* is one channel of one agent. It is held by an external trunk, which a plan can move, or by something else
(a purchased number, a SIP connection, an extension), which it cannot; both count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from batch.core.model import CHANNELS, AgentId, Channel, NumberState, Occupancy, Plan, Snapshot, Trunk

Seat = tuple[AgentId, Channel]
"""One channel of one agent."""


class Fixture(Struct, frozen=True):
    """A holder that this program cannot move, as it is named to people."""

    label: str

    def __str__(self) -> str:
        return self.label


Holder = Trunk | Fixture
Seats = Mapping[Seat, Sequence[Holder]]
"""Every held seat with its holders."""


def seats(snapshot: Snapshot) -> Seats:
    """Every held seat of the workspace."""
    held: dict[Seat, list[Holder]] = {}
    for seat, holder in _holders(snapshot):
        held.setdefault(seat, []).append(holder)
    return held


def learn(wanted: Occupancy, held: Seats) -> Occupancy:
    """What ``auto`` means here: *shared* if a seat has two holders (the server allows it, then), else *exclusive*."""
    if wanted is not Occupancy.AUTO:
        return wanted
    return Occupancy.SHARED if any(len(holders) > 1 for holders in held.values()) else Occupancy.EXCLUSIVE


def strangers(snapshot: Snapshot, plan: Plan) -> dict[Seat, Holder]:
    """The seats that *plan* gives away though they are held by what it does not move: given away since it was made.

    None where an agent may serve several numbers.
    """
    if plan.occupancy is not Occupancy.EXCLUSIVE:
        return {}
    writes = plan.writes()
    given = {(change.after, change.trunk.channel) for change in writes}
    # a trunk of the plan that somebody has moved meanwhile is left where it is, and does not make room
    own = {(change.trunk, agent) for change in writes for agent in (change.before, change.after)}
    return {seat: holder for seat, holder in _holders(snapshot) if seat in given and (holder, seat[0]) not in own}


def _holders(snapshot: Snapshot) -> Iterator[tuple[Seat, Holder]]:
    for state in snapshot.numbers.values():
        for channel, agent in _bound(state):
            yield (agent, channel), Trunk(state.number, channel) if state.external else _fixture(state, channel)
    for state in snapshot.others.values():
        if state.number not in snapshot.numbers:  # the list of all numbers may show the external ones again
            for channel, agent in _bound(state):
                yield (agent, channel), _fixture(state, channel)


def _bound(state: NumberState) -> Iterator[tuple[Channel, AgentId]]:
    for channel in CHANNELS:
        agent = state.owner(channel)
        if agent is not None:
            yield channel, agent


def _fixture(state: NumberState, channel: Channel) -> Fixture:
    return Fixture(f"the {state.source or 'purchased'} number {state.number} on {channel.value}")
