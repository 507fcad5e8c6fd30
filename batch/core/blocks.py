"""What can only go together: a row's channels, and rows that wait for each other (a ring).

Waves and ``--limit`` take or leave a block as a whole, so neither can cut a row or a ring in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from batch.core.graph import components
from batch.core.model import Action, AgentId, Change


class Block(Struct, frozen=True):
    """Some units and all their writes. ``needs`` are blocks by number, always smaller than its own.

    ``place`` is the position of its first change, ``trunks`` how many trunks it moves, ``agent`` where the first goes.
    """

    changes: tuple[int, ...]
    needs: tuple[int, ...]
    place: int
    trunks: int
    agent: AgentId


def blocks(changes: Sequence[Change]) -> tuple[Block, ...]:
    """The blocks of *changes* (ids are positions), each after those it needs. Keeps belong to none."""
    number: dict[int, int] = {}
    unit_of = [-1 if c.action is Action.KEEP else number.setdefault(c.unit, len(number)) for c in changes]
    needs: list[tuple[int, ...]] = [()] * len(number)
    for change, unit in zip(changes, unit_of, strict=True):
        if change.needs:
            needs[unit] += tuple([unit_of[need] for need in change.needs])
    of_unit = [*components(needs), -1]
    block_of = [of_unit[unit] for unit in unit_of]
    writes = sorted([id_ for id_, unit in enumerate(unit_of) if unit >= 0], key=block_of.__getitem__)
    members = groupby(writes, key=block_of.__getitem__)
    return tuple([_block(index, [changes[id_] for id_ in ids], block_of) for index, ids in members])


def _block(index: int, members: Sequence[Change], block_of: Sequence[int]) -> Block:
    """One block of *members*, the first of which is its first change."""
    first = members[0]
    needed = {block_of[need] for change in members for need in change.needs} - {index}
    home = first
    if first.action is Action.PARK:
        home = next(c for c in members if c.action is Action.ASSIGN and c.trunk == first.trunk)
    return Block(
        changes=tuple([change.id for change in members]),
        needs=tuple(sorted(needed)),
        place=first.id,
        trunks=sum([change.action is Action.ASSIGN for change in members]),
        agent=home.after,
    )
