"""Changes with their needs: parkings put in, rows kept whole, everything numbered by its place."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from batch.core.graph import components
from batch.core.model import Action, AgentId, Change, Channel, Reason
from batch.core.rings import Parking


def sequence(
    changes: Sequence[Change], needs: Mapping[int, Sequence[int]], parkings: Mapping[int, Parking]
) -> tuple[Change, ...]:
    """*changes* in their order with *needs*, each parked one preceded by its parking; ids are positions afterwards.

    Whoever waits for a parked change to leave its agent waits for the parking only: that is what opens the ring.
    """
    leaves, arrives = _places(changes, parkings)
    sequenced: list[Change] = []
    for change in changes:
        before, place = change.before, arrives[change.id]
        first = [leaves[need] for need in needs[change.id]]
        parking = parkings.get(change.id)
        if parking is not None:
            wait = () if parking.after is None else (arrives[parking.after],)
            sequenced.append(_parking(change, leaves[change.id], parking.spare, wait))
            before = parking.spare
            first.append(leaves[change.id])
        same = not first and place == change.id
        sequenced.append(change if same else changed(change, place, first, before=before))
    return tuple(sequenced)


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


def changed(
    change: Change, id_: int, needs: Sequence[int], *, before: AgentId | None, wave: int | None = None
) -> Change:
    """*change* in another place (``dataclasses.replace`` takes three times as long)."""
    return Change(
        id=id_,
        trunk=change.trunk,
        action=change.action,
        reason=change.reason,
        before=before,
        after=change.after,
        origin=change.origin,
        needs=tuple(sorted(needs)),
        unit=change.unit,
        wave=change.wave if wave is None else wave,
        page=change.page,
    )


def _parking(change: Change, id_: int, spare: AgentId, needs: tuple[int, ...]) -> Change:
    return Change(
        id=id_,
        trunk=change.trunk,
        action=Action.PARK,
        reason=Reason.BREAKS_RING,
        before=change.before,
        after=spare,
        origin=change.origin,
        needs=needs,
        unit=change.unit,
        page=change.page,
    )


def renumbered(changes: Sequence[Change], waves: Mapping[int, int]) -> tuple[Change, ...]:
    """*changes* with their positions as ids. Needs that are not among them are gone; *waves* maps old ids to waves."""
    place = {change.id: position for position, change in enumerate(changes)}
    return tuple(
        changed(
            change,
            position,
            [place[need] for need in change.needs if need in place],
            before=change.before,
            wave=waves.get(change.id, 0),
        )
        for position, change in enumerate(changes)
    )


# ── rows are kept whole ───────────────────────────────────────────────────────────────────────────────────────────────


def bind_units(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Let whoever waits for one channel of a row wait for the row's other channels too.

    A row of which one channel is refused is put back (DESIGN.md §3.7); its agents must not be given away before.
    Where two rows would so wait for each other across channels, those waits stay with their own channel.
    """
    if not _any_row_of_several(changes):
        return changes
    units = _Units(changes)
    more = [sorted(set(_waits(change, changes, units))) if change.needs else [] for change in changes]
    component = components([[*change.needs, *extra] for change, extra in zip(changes, more, strict=True)])
    return tuple(
        changed(
            change,
            change.id,
            [*change.needs, *(other for other in extra if component[other] != component[change.id])],
            before=change.before,
        )
        if extra
        else change
        for change, extra in zip(changes, more, strict=True)
    )


def _any_row_of_several(changes: Sequence[Change]) -> bool:
    first: dict[int, Channel] = {}
    return any(
        first.setdefault(c.unit, c.trunk.channel) is not c.trunk.channel for c in changes if c.action is not Action.KEEP
    )


class _Units:
    """The writes of each row: what it does first, and what it does last."""

    def __init__(self, changes: Sequence[Change]) -> None:
        parked = {(c.unit, c.trunk) for c in changes if c.action is Action.PARK}
        self.leaving: dict[int, list[int]] = {}
        self.arriving: dict[int, list[int]] = {}
        for change in changes:
            if change.action is Action.PARK:
                self.leaving.setdefault(change.unit, []).append(change.id)
            elif change.action is Action.ASSIGN:
                self.arriving.setdefault(change.unit, []).append(change.id)
                if (change.unit, change.trunk) not in parked:
                    self.leaving.setdefault(change.unit, []).append(change.id)


def _waits(change: Change, changes: Sequence[Change], units: _Units) -> Iterator[int]:
    """The further changes *change* should wait for, on account of those it needs.

    A need that is a parking asks only for what does not wait for the ring itself to come round.
    """
    for need in change.needs:
        needed = changes[need]
        if needed.unit != change.unit:
            group = units.leaving if needed.action is Action.PARK else units.arriving
            yield from (other for other in group[needed.unit] if other not in change.needs)
