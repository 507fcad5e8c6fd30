"""Rings: trunks that swap agents among themselves, so that none can go first until one is parked on a spare agent.

One extra call per ring is the least possible: without it every first step of the ring goes into a held seat.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct

from batch.core.model import AgentId, Channel
from batch.core.occupancy import Seat, Seats

Ring = tuple[int, ...]
"""Changes by id, each needing the one before it and the first needing the last. Begins with the smallest id."""


def find_rings(follower: Mapping[int, int]) -> tuple[Ring, ...]:
    """Every ring among changes; ``follower[a]`` is the one change that takes the seat *a* leaves.

    A seat is wanted by one change only, so each change has one follower at most and belongs to one ring at most.
    """
    walk_of: dict[int, int] = {}
    rings = []
    for start in follower:
        node, path = start, []
        while node in follower and node not in walk_of:
            walk_of[node] = start
            path.append(node)
            node = follower[node]
        if walk_of.get(node) == start and node in follower and path:
            rings.append(_from_smallest(path[path.index(node) :]))
    return tuple(sorted(rings))


def _from_smallest(ring: Sequence[int]) -> Ring:
    at = ring.index(min(ring))
    return (*ring[at:], *ring[:at])


def spares(parking: Iterable[AgentId], held: Seats, wanted: Container[Seat]) -> dict[Channel, tuple[AgentId, ...]]:
    """The parking agents that can be used on each channel: nobody holds the seat now, and no row wants it."""
    named = tuple(dict.fromkeys(parking))
    return {
        channel: tuple(a for a in named if (a, channel) not in held and (a, channel) not in wanted)
        for channel in Channel
    }


class Parking(Struct, frozen=True):
    """One ring's trunk is parked on *spare*, once the change *after* has given the spare back (``None``: at once)."""

    spare: AgentId
    after: int | None = None


def park(rings: Mapping[Channel, Sequence[Ring]], free: Mapping[Channel, Sequence[AgentId]]) -> dict[int, Parking]:
    """A parking for the first change of every ring.

    Rings are dealt out among the spares of their channel; those of one spare go one after the other, and the last
    leaves it free. A channel without a spare must have no ring.
    """
    parkings: dict[int, Parking] = {}
    for channel, found in rings.items():
        last: dict[AgentId, int] = {}
        for place, ring in enumerate(found):
            spare = free[channel][place % len(free[channel])]
            parkings[ring[0]] = Parking(spare, last.get(spare))
            last[spare] = ring[0]
    return parkings
