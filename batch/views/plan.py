"""A plan under review: where, how many, which, in what order, at what cost, and what speaks against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batch.console import Grid, Line, View, capped, pairs, share, span
from batch.core.guard import Refusal
from batch.core.model import Action, AgentId, Change, Occupancy, Plan, Reason
from batch.core.reasons import SENTENCES
from batch.views.problems import problem_groups

MOST = 20
"""Changes shown before the list is cut."""
USUAL_PER_SECOND = 1.0
"""The limit a stock server of this kind has, 60 calls a minute (API.md §5): the basis of a cost when no rate is set."""

_OCCUPANCY = {
    Occupancy.AUTO: "auto",
    Occupancy.EXCLUSIVE: "exclusive: an agent serves one number on a channel",
    Occupancy.SHARED: "shared: an agent may serve several numbers on a channel",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What applying a plan takes: writes, reads that see them to be true, and seconds at *per_second* calls."""

    puts: int
    gets: int
    per_second: float
    usual: bool

    @property
    def seconds(self) -> float:
        """The time the calls take at that rate."""
        return (self.puts + self.gets) / self.per_second


def cost(plan: Plan, per_second: float | None) -> Cost:
    """The cost of *plan*; without a rate of the user's the platform's usual limit is assumed, and said to be."""
    writes = plan.writes()
    pages = {change.page for change in writes if change.page}
    singly = {change.trunk.number for change in writes if not change.page}
    return Cost(len(writes), len(pages) + len(singly), per_second or USUAL_PER_SECOND, per_second is None)


def plan_review(plan: Plan, refusals: Sequence[Refusal], *, per_second: float | None = None) -> View:
    """What a person must see before saying yes: where, how many, which, in what order, and what speaks against."""
    writes = plan.writes()
    return (
        Line(f"Plan for {plan.workspace}", "title"),
        *pairs(
            ("sheet", _source(plan)),
            ("rows", _row_counts(plan)),
            ("to change", share(len({change.trunk for change in writes}), plan.trunks_total) + " trunks"),
            ("occupancy", _OCCUPANCY[plan.occupancy]),
            ("waves", _waves(writes)),
            ("calls", _calls(cost(plan, per_second)) if writes else ""),
            ("note", "; ".join(plan.notes)),
        ),
        *_changes(plan, writes),
        *problem_groups(plan.problems()),
        *refusal_lines(refusals),
    )


def refusal_lines(refusals: Sequence[Refusal]) -> View:
    """What apply would refuse, and the flag that lifts each."""
    lines = (Line(f"  {r.rule}: {r.message}" + (f" Lift it with {r.flag}." if r.flag else ""), "bad") for r in refusals)
    return (Line("Apply would refuse this plan:", "bad"), *lines) if refusals else ()


def agent_labels(agents: Mapping[AgentId, str]) -> Mapping[AgentId, str]:
    """A name for each agent; a name that several agents have is told apart by the beginning of the uuid."""
    often = Counter(agents.values())
    return {
        uuid: name if name and often[name] == 1 else f"{name} [{uuid[:8]}]".strip() for uuid, name in agents.items()
    }


def _source(plan: Plan) -> str:
    return plan.source.file + ("" if plan.source.only_sheet or not plan.source.sheet else f" [{plan.source.sheet}]")


def _row_counts(plan: Plan) -> str:
    invalid = sum(not row.valid for row in plan.rows)
    kept = [change for change in plan.changes if change.action is Action.KEEP]
    drifted = sum(change.reason is not Reason.ALREADY_THERE for change in kept)
    told = {"": len(plan.rows), "already right": len(kept) - drifted, "drifted": drifted, "invalid": invalid}
    return ", ".join(f"{count:,} {what}".strip() for what, count in told.items() if count or not what)


def _waves(writes: Sequence[Change]) -> str:
    sizes = Counter(change.wave for change in writes)
    return ", then ".join(f"{sizes[wave]:,}" for wave in sorted(sizes))


def _calls(price: Cost) -> str:
    basis = f"at {price.per_second * 60:g} calls a minute" + (
        ", the usual limit; sooner if more is allowed" * price.usual
    )
    return f"{price.puts:,} PUT and about {price.gets:,} GET: {span(price.seconds)} {basis}"


def _changes(plan: Plan, writes: Sequence[Change]) -> View:
    if not writes:
        return (Line("Nothing to change.", "good"),)
    labels = agent_labels(plan.agents)
    rows = {change.id: change.origin.row for change in plan.changes}
    grid = tuple(
        (
            str(change.origin.row),
            change.trunk.number,
            change.trunk.channel.value,
            f"{_agent(labels, change.before)} → {_agent(labels, change.after)}",
            SENTENCES[change.reason],
            ", ".join(f"after row {rows[need]}" for need in change.needs),
        )
        for change in writes[:MOST]
    )
    header = ("row", "number", "channel", "before → after", "why", "waits")
    return (Grid(header, grid), *capped(len(writes), MOST, "changes in plan.json"))


def _agent(labels: Mapping[AgentId, str], agent: AgentId | None) -> str:
    return "nobody" if agent is None else labels.get(agent, agent)
