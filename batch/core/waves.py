"""Waves: which changes are made and looked at before the next ones may start.

``--waves 1,10%,100%`` gives how much of the plan is done after each wave, in trunks or in per cent of the trunks that
change; what is left over is one more wave, so ``1`` (the default) is one trunk first, the canary, then the rest.
``all`` is a single wave. A row and a ring are never cut, and a change is never in an earlier wave than one it needs; a
wave ends with the row that reaches its size. The sheet's own ``wave`` column, where a row to be changed has one, takes
the place of all this; rows without a wave then come last.

Within a wave, agents take turns: a sheet sorted by agent must not try a whole wave out on one of them.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec.structs import replace

from batch.core.blocks import Block, blocks
from batch.core.graph import backwards, in_order
from batch.core.model import Change, Limits, Origin, Plan
from batch.core.sequence import renumbered
from batch.errors import UsageError

_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(%?)", re.ASCII)
_DEFAULT = "1"
_WHOLE = 100

Size = tuple[Fraction, bool]
"""A wave's size: a number, and whether it is per cent. Exact: 1.1 % of 3,000 trunks are 33, not 34."""


def assign(plan: Plan, limits: Limits) -> Plan:
    """*plan* with the waves of *limits*, in an order that goes with them. Raises :class:`UsageError`."""
    wishes = {row.origin: row.wave for row in plan.rows if row.wave is not None}
    return replace(plan, changes=arrange(plan.changes, limits, wishes), limits=replace(plan.limits, waves=limits.waves))


def arrange(changes: Sequence[Change], limits: Limits, wishes: Mapping[Origin, int]) -> tuple[Change, ...]:
    """*changes* (ids are positions) put into waves and into an order: by wave, needs first, else as they stand."""
    found = blocks(changes)
    sizes = read_sizes(limits.waves)
    wished = [_wish(block, changes, wishes) for block in found]
    waves = _by_wish(found, wished) if any(wished) else list(_by_size(found, sizes))
    wave_of_unit = {changes[id_].unit: wave for block, wave in zip(found, waves, strict=True) for id_ in block.changes}
    wave_of = {change.id: wave_of_unit.get(change.unit, 0) for change in changes}
    order = in_order([change.needs for change in changes], [(wave_of[change.id], change.id) for change in changes])
    return renumbered([changes[id_] for id_ in order], wave_of)


# ── waves by size ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_sizes(text: str) -> list[Size]:
    """The sizes as typed, or the default. Raises :class:`UsageError`."""
    sizes = [_size(part.strip()) for part in (text.strip() or _DEFAULT).split(",")]
    for kind in (True, False):
        numbers = [number for number, percent in sizes if percent is kind]
        if numbers != sorted(set(numbers)):
            raise UsageError(f"--waves {text}: each wave adds to the one before, so sizes must grow")
    return sizes


def _size(part: str) -> Size:
    if part.casefold() == "all":
        return Fraction(_WHOLE), True
    found = _SIZE.fullmatch(part)
    number = Fraction(found[1]) if found else Fraction(0)
    percent = found is not None and found[2] == "%"
    if number <= 0 or (number > _WHOLE if percent else number != int(number)):
        raise UsageError(f"--waves: {part!r} is not a size", hint="write sizes such as 1,10%,100%, or all")
    return number, percent


def _by_size(found: Sequence[Block], sizes: Sequence[Size]) -> list[int]:
    """For each block its wave."""
    total = sum(block.trunks for block in found)
    ends = [math.ceil(size * total / _WHOLE) if percent else int(size) for size, percent in sizes]
    waves = [-1] * len(found)
    turns = _turns(found)
    done = used = 0
    for end in ends:
        before = done
        while done < end and (index := next(turns, None)) is not None:
            waves[index] = used
            done += found[index].trunks
        used += done > before
    return [used if wave < 0 else wave for wave in waves]


def _turns(found: Sequence[Block]) -> Iterator[int]:
    """Blocks in the order in which they fill the waves: the smallest that can go first, then agents in turn."""
    missing = [len(block.needs) for block in found]
    dependents = backwards([block.needs for block in found])
    preference = _preferences(found)
    ready = [preference[index] for index, count in enumerate(missing) if not count]
    if ready:
        canary = min(ready, key=lambda entry: (found[entry[2]].trunks, entry[1]))
        ready.remove(canary)
        ready.append((-1, *canary[1:]))
    heapq.heapify(ready)
    while ready:
        _, _, index = heapq.heappop(ready)
        yield index
        for dependent in dependents[index]:
            missing[dependent] -= 1
            if not missing[dependent]:
                heapq.heappush(ready, preference[dependent])


def _preferences(found: Sequence[Block]) -> list[tuple[int, int, int]]:
    """For each block: how many before it go to the same agent, its place, its number."""
    preferences = [(0, block.place, index) for index, block in enumerate(found)]
    seen: dict[str, int] = {}
    for _, place, index in sorted(preferences):
        agent = found[index].agent
        preferences[index] = (seen.get(agent, 0), place, index)
        seen[agent] = seen.get(agent, 0) + 1
    return preferences


# ── waves by the sheet's column ───────────────────────────────────────────────────────────────────────────────────────


def _wish(block: Block, changes: Sequence[Change], wishes: Mapping[Origin, int]) -> int:
    """The latest wave that a row of the block asks for; 0 when none does."""
    return max(wishes.get(changes[id_].origin, 0) for id_ in block.changes)


def _by_wish(found: Sequence[Block], wished: Sequence[int]) -> list[int]:
    """For each block its wave, without gaps."""
    waves = _granted(found, wished)
    number = {wave: index for index, wave in enumerate(sorted(set(waves)))}
    return [number[wave] for wave in waves]


def _granted(found: Sequence[Block], wished: Sequence[int]) -> list[int]:
    """For each block the wave it gets, as the column counts: as wished, later if it needs a later one."""
    last = max(wished) + 1
    waves: list[int] = []
    for block, wish in zip(found, wished, strict=True):
        waves.append(max([wish or last, *(waves[need] for need in block.needs)]))
    return waves


def put_off(changes: Sequence[Change], wishes: Mapping[Origin, int]) -> set[int]:
    """The rows that go in a later wave than they ask for, because they wait for others that do."""
    found = blocks(changes)
    wished = [_wish(block, changes, wishes) for block in found]
    if not any(wished):
        return set()
    moved = zip(found, _granted(found, wished), strict=True)
    return {
        changes[id_].origin.row
        for block, wave in moved
        for id_ in block.changes
        if wishes.get(changes[id_].origin, wave) < wave
    }
