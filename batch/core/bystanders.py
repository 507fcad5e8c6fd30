"""Trunks that a plan does not touch, whose agents it gives to others: a server may take them away (API.md §3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from batch.core.model import Change, Number, NumberState, Plan, Snapshot, Trunk
from batch.errors import WaveError


def bystanders(snapshot: Snapshot, plan: Plan, done: Iterable[Change]) -> tuple[Trunk, ...]:
    """The trunks outside of *plan* that an agent served in *snapshot* to which *done* gave another one."""
    given = {(change.trunk.channel, change.after) for change in done}
    if not given:
        return ()
    planned = {change.trunk for change in plan.writes()}
    served = (trunk for state in snapshot.numbers.values() for trunk in state.trunks() if trunk not in planned)
    return tuple([trunk for trunk in served if (trunk.channel, snapshot.owner(trunk)) in given])


def robbed(trunks: Iterable[Trunk], seen: Mapping[Number, NumberState]) -> tuple[Trunk, ...]:
    """Those of *trunks* that nobody serves any more; of one that was not seen nothing is said."""
    return tuple([t for t in trunks if t.number in seen and seen[t.number].owner(t.channel) is None])


def robbery(lost: tuple[Trunk, ...]) -> WaveError:
    """The error that ends a run which cost others their agents."""
    return WaveError(
        f"the server took the agent of {lost[0]} away ({len(lost)} such trunks) when it gave it another number",
        hint="give it back by hand, and plan again with --occupancy exclusive",
    )
