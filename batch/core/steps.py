"""A plan's writes as people read them: each at its place in the order, why it is made and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from batch.core.figures import rows_said
from batch.core.last import of_the_last
from batch.core.model import Action, AgentId, Change, Occupancy, Plan, Trunk
from batch.core.reasons import SENTENCES

OCCUPANCIES: Mapping[Occupancy, str] = {
    Occupancy.AUTO: "auto",
    Occupancy.EXCLUSIVE: "exclusive: an agent serves one number on a channel",
    Occupancy.SHARED: "shared: an agent may serve several numbers on a channel",
}
"""What a plan was ordered for."""

_PARTS = (8, 13, 18, 23)
"""Where the parts of a uuid end."""


class Step(Struct, frozen=True, kw_only=True, gc=False):
    """One call of a plan.

    ``place`` and ``wave`` count from 1. ``rows`` are the other rows that it waits for; ``spare`` is the parking agent
    from which it brings its trunk home, if it does. ``depth`` is how many calls go one after the other up to this one.
    """

    place: int
    change: Change
    rows: tuple[int, ...] = ()
    spare: AgentId | None = None
    depth: int = 1

    @property
    def wave(self) -> int:
        """The wave as people count."""
        return self.change.wave + 1


@of_the_last
def steps(plan: Plan) -> tuple[Step, ...]:
    """What would be sent, in order."""
    origins = [change.origin.row for change in plan.changes]
    depths: dict[int, int] = {}
    spares: dict[Trunk, AgentId] = {}
    found = []
    for place, change in enumerate(plan.writes(), 1):
        depths[change.id] = 1 + max([depths.get(need, 0) for need in change.needs], default=0)
        rows = {origins[need] for need in change.needs} - {change.origin.row} if change.needs else ()
        step = Step(
            place=place,
            change=change,
            rows=tuple(sorted(rows)),
            spare=spares.get(change.trunk),
            depth=depths[change.id],
        )
        if change.action is Action.PARK:
            spares[change.trunk] = change.after
        found.append(step)
    return tuple(found)


def why(step: Step, labels: Mapping[AgentId, str]) -> str:
    """Why a step is made; a ring's way over a spare agent is told by its name."""
    if step.change.action is Action.PARK:
        return f"Parked on {label(labels, step.change.after)}: the rows swap agents in a ring"
    if step.spare is not None:
        return f"Home from {label(labels, step.spare)}: the ring has come round"
    if step.change.before is None:
        return "Nobody serves the trunk"
    return SENTENCES[step.change.reason]


def after(step: Step) -> str:
    """``after row 7``, or nothing for a step that waits for no other row."""
    return f"after {rows_said(step.rows)}" if step.rows else ""


def planned(plan: Plan) -> Mapping[Trunk, str]:
    """For each trunk that would be written, what is planned for it, in one sentence."""
    labels = agent_labels(plan.agents)
    by_trunk: dict[Trunk, list[Step]] = {}
    for step in steps(plan):
        by_trunk.setdefault(step.change.trunk, []).append(step)
    return {trunk: _sentence(found, labels) for trunk, found in by_trunk.items()}


def agent_labels(agents: Mapping[AgentId, str]) -> Mapping[AgentId, str]:
    """What each agent is called: by its name, where that is its own."""
    return {**agents, **told_apart(agents)}


def told_apart(agents: Mapping[AgentId, str]) -> Mapping[AgentId, str]:
    """The agents whose name is none, or not theirs alone, with as much of the uuid as tells them apart."""
    called: dict[str, list[AgentId]] = {}
    for uuid, name in agents.items():
        called.setdefault(name, []).append(uuid)
    alike = {name: uuids for name, uuids in called.items() if not name or len(uuids) > 1}
    return {
        uuid: f"{name} [{uuid[:length]}]".strip()
        for name, uuids in alike.items()
        for length in (_telling(uuids),)
        for uuid in uuids
    }


def _telling(uuids: Sequence[AgentId]) -> int:
    """How much of the beginning tells these apart: agents made in one go may have uuids that begin alike."""
    lengths = (length for length in _PARTS if len({uuid[:length] for uuid in uuids}) == len(uuids))
    return next(lengths, max(map(len, uuids)))


def label(labels: Mapping[AgentId, str], agent: AgentId | None) -> str:
    """What an agent is called; ``None`` is nobody."""
    return "nobody" if agent is None else labels.get(agent, agent)


def _sentence(found: Iterable[Step], labels: Mapping[AgentId, str]) -> str:
    """``Another agent serves the trunk, wave 2, after row 7``; a parked trunk's two steps are one sentence."""
    first, *home = found
    said = why(first, labels) + (", then home" if home else "")
    rows = {row for step in (first, *home) for row in step.rows}
    return _of_wave(said, first.wave) + (f", after {rows_said(rows)}" if rows else "")


@lru_cache
def _of_wave(said: str, wave: int) -> str:
    """One text for all trunks of which the same is planned: most."""
    return f"{said}, wave {wave}"
