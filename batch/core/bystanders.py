"""Trunks that a plan does not touch, whose agents it gives to others: a server may take them away (API.md §3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from batch.core.model import AgentId, Change, Number, NumberState, Plan, Snapshot, Trunk
from batch.errors import WaveError


def beside(snapshot: Snapshot, plan: Plan) -> dict[Trunk, AgentId]:
    """The trunks outside of *plan* whose agent, as *snapshot* has it, is to be given another one."""
    writes = plan.writes()
    given = {(change.trunk.channel, change.after) for change in writes}
    planned = {change.trunk for change in writes}
    owned = (
        (trunk, state.owner(trunk.channel))
        for state in snapshot.numbers.values()
        for trunk in state.trunks()
        if trunk not in planned
    )
    return {trunk: owner for trunk, owner in owned if owner is not None and (trunk.channel, owner) in given}


def bystanders(served: Mapping[Trunk, AgentId], done: Iterable[Change]) -> tuple[Trunk, ...]:
    """Those of the trunks *served* :func:`beside` a plan to whose agents *done* gave another one."""
    given = {(change.trunk.channel, change.after) for change in done}
    return tuple([trunk for trunk, owner in served.items() if (trunk.channel, owner) in given]) if given else ()


def robbed(trunks: Iterable[Trunk], seen: Mapping[Number, NumberState]) -> tuple[Trunk, ...]:
    """Those of *trunks* that nobody serves any more; of one that was not seen nothing is said."""
    return tuple([t for t in trunks if t.number in seen and seen[t.number].owner(t.channel) is None])


def robbery(lost: tuple[Trunk, ...]) -> WaveError:
    """The error that ends a run which cost others their agents."""
    return WaveError(
        f"the server took the agent of {lost[0]} away ({len(lost)} such trunks) when it gave it another number",
        hint="give it back by hand, and plan again with --occupancy exclusive",
    )
