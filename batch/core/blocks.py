"""What can only go together: a row's channels, and rows that wait for each other (a ring).

Waves and ``--limit`` take or leave a block as a whole, so neither can cut a row or a ring in two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from batch.core.graph import components
from batch.core.model import Action, AgentId, Change

_BY_PLACE = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Block:
    """Some units and all their writes. ``needs`` are blocks by number, always smaller than its own.

    ``place`` is the position of its first change, ``trunks`` how many trunks it moves, ``agent`` where the first goes.
    """

    changes: tuple[int, ...]
    needs: tuple[int, ...]
    place: int
    trunks: int
    agent: AgentId


def blocks(changes: Sequence[Change]) -> tuple[Block, ...]:
    """The blocks of *changes*, each after those it needs. Keeps belong to none."""
    by_unit: dict[int, list[Change]] = {}
    for change in changes:
        if change.action is not Action.KEEP:
            by_unit.setdefault(change.unit, []).append(change)
    number = {unit: index for index, unit in enumerate(by_unit)}
    needs = [[number[changes[need].unit] for c in members for need in c.needs] for members in by_unit.values()]
    block_of = components(needs)
    members_of: dict[int, list[Change]] = {}
    for unit, members in by_unit.items():
        members_of.setdefault(block_of[number[unit]], []).extend(members)
    of_unit = {unit: block_of[index] for unit, index in number.items()}
    return tuple(_block(index, members_of[index], changes, of_unit) for index in range(len(members_of)))


def _block(index: int, members: Sequence[Change], changes: Sequence[Change], of_unit: Mapping[int, int]) -> Block:
    needed = {of_unit[changes[need].unit] for change in members for need in change.needs}
    needed.discard(index)
    first = min(members, key=_BY_PLACE)
    home = next(c for c in members if c.action is Action.ASSIGN and c.trunk == first.trunk)
    return Block(
        changes=tuple([change.id for change in members]),
        needs=tuple(sorted(needed)) if needed else (),
        place=first.id,
        trunks=len(members) - sum(change.action is Action.PARK for change in members),
        agent=home.after,
    )
