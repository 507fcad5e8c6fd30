"""Changes with their needs: parkings put in, rows kept whole, everything numbered by its place."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from msgspec.structs import replace

from batch.core.graph import components
from batch.core.model import Action, AgentId, Change, Channel, Reason
from batch.core.rings import Parking

Needs = tuple[int, ...]
"""What comes first. A tuple of numbers costs the collector of garbage nothing, and there is one for each change."""


def sequence(changes: Sequence[Change], needs: Sequence[Needs], parkings: Mapping[int, Parking]) -> tuple[Change, ...]:
    """*changes* in their order, each with its *needs* (by id) and preceded by its parking; ids are places afterwards.

    Whoever waits for a parked change to leave its agent waits for the parking only: that is what opens the ring.
    """
    leaves, arrives = _places(changes, parkings)
    lines: list[Change] = []
    waits: list[Needs] = []
    for change, needed in zip(changes, needs, strict=True):
        first = tuple([leaves[need] for need in needed])
        parking = parkings.get(change.id)
        if parking is not None:
            lines.append(_parking(change, leaves[change.id], parking.spare))
            waits.append(() if parking.after is None else (arrives[parking.after],))
            first = (*first, leaves[change.id])
        lines.append(change)
        waits.append(first)
    bound = _bind_units(lines, waits)
    return tuple([_placed(place, line, bound[place], parkings) for place, line in enumerate(lines)])


def _places(changes: Sequence[Change], parkings: Container[int]) -> tuple[dict[int, int], dict[int, int]]:
    """For each change the place of what leaves its agent, and of what arrives: two places only for a parked one."""
    leaves: dict[int, int] = {}
    arrives: dict[int, int] = {}
    place = 0
    for change in changes:
        leaves[change.id] = place
        place += change.id in parkings
        arrives[change.id] = place
        place += 1
    return leaves, arrives


def _placed(place: int, line: Change, needs: Needs, parkings: Mapping[int, Parking]) -> Change:
    before = line.before
    if line.action is Action.ASSIGN and line.id in parkings:
        before = parkings[line.id].spare
    elif not needs and place == line.id:
        return line
    return replace(line, id=place, needs=tuple(sorted(needs)), before=before)


def _parking(change: Change, place: int, spare: AgentId) -> Change:
    return Change(
        id=place,
        trunk=change.trunk,
        action=Action.PARK,
        reason=Reason.BREAKS_RING,
        before=change.before,
        after=spare,
        origin=change.origin,
        unit=change.unit,
        page=change.page,
    )


def renumbered(changes: Sequence[Change], waves: Mapping[int, int]) -> tuple[Change, ...]:
    """*changes* with their positions as ids. Needs that are not among them are gone; *waves* maps old ids to waves."""
    place = {change.id: position for position, change in enumerate(changes)}
    return tuple(
        [
            replace(
                change,
                id=position,
                needs=tuple(sorted([place[need] for need in change.needs if need in place])) if change.needs else (),
                wave=waves.get(change.id, 0),
            )
            for position, change in enumerate(changes)
        ]
    )


# ── rows are kept whole ───────────────────────────────────────────────────────────────────────────────────────────────


def _bind_units(lines: Sequence[Change], waits: Sequence[Needs]) -> Sequence[Needs]:
    """Let whoever waits for one channel of a row wait for the row's other channels too.

    A row of which one channel is refused is put back (DESIGN.md §3.7); its agents must not be given away before.
    Where two rows would so wait for each other across channels, those waits stay with their own channel.
    """
    units = _Units(lines)
    more = {place: extra for place, first in enumerate(waits) if first and (extra := units.further(place, first))}
    if not more:
        return waits
    component = components([first + more.get(place, ()) for place, first in enumerate(waits)])
    return [
        first + tuple([other for other in more.get(place, ()) if component[other] != component[place]])
        for place, first in enumerate(waits)
    ]


class _Units:
    """The writes of each row of several channels, by place: what it does first, and what it does last."""

    def __init__(self, lines: Sequence[Change]) -> None:
        self.lines = lines
        self.leaving: dict[int, list[int]] = {unit: [] for unit in _of_several(lines)}
        self.arriving: dict[int, list[int]] = {unit: [] for unit in self.leaving}
        parked = {line.trunk for line in lines if line.action is Action.PARK} if self.leaving else ()
        for place, line in enumerate(lines if self.leaving else ()):
            if line.unit in self.leaving and line.action is not Action.KEEP:
                if line.action is Action.PARK or line.trunk not in parked:
                    self.leaving[line.unit].append(place)
                if line.action is Action.ASSIGN:
                    self.arriving[line.unit].append(place)

    def further(self, place: int, first: Needs) -> Needs:
        """What the line at *place* should wait for besides *first*: all of the rows that these belong to.

        Of a row that is parked only what does not itself wait for the ring to come round.
        """
        mine = self.lines[place].unit
        more: list[int] = []
        for need in first:
            line = self.lines[need]
            if line.unit != mine and line.unit in self.leaving:
                more += (self.leaving if line.action is Action.PARK else self.arriving)[line.unit]
        return tuple(sorted(set(more).difference(first))) if more else ()


def _of_several(lines: Sequence[Change]) -> set[int]:
    """The units that write on more than one channel."""
    first: dict[int, Channel] = {}
    return {
        line.unit
        for line in lines
        if line.action is not Action.KEEP and first.setdefault(line.unit, line.trunk.channel) is not line.trunk.channel
    }
