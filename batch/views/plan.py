"""A plan under review: where, how many, which, in what order, at what cost, and what speaks against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from batch.console import Grid, Line, View, capped, pairs
from batch.core.cost import Cost, cost
from batch.core.figures import share, span
from batch.core.guard import Refusal
from batch.core.model import Action, AgentId, Change, Plan, Reason
from batch.core.steps import OCCUPANCIES, Step, after, agent_labels, label, steps, why
from batch.views.problems import problem_groups

MOST = 20
"""Changes shown before the list is cut."""


def plan_review(plan: Plan, refusals: Sequence[Refusal], *, per_second: float | None = None, looking: int = 0) -> View:
    """What a person must see before saying yes: where, how many, which, in what order, and what speaks against.

    *looking* is how many calls the look took that applying begins with, where it is still to come.
    """
    writes = plan.writes()
    return (
        Line(f"Plan for {plan.workspace}", "title"),
        *pairs(
            ("sheet", _source(plan)),
            ("rows", _row_counts(plan)),
            ("to change", share(len({change.trunk for change in writes}), plan.trunks_total) + " trunks"),
            ("occupancy", OCCUPANCIES[plan.occupancy]),
            ("waves", _waves(writes)),
            ("calls", _calls(cost(plan, per_second, looking=looking)) if writes else ""),
            ("note", "; ".join(plan.notes)),
        ),
        *_changes(plan),
        *problem_groups(plan.problems()),
        *refusal_lines(refusals),
    )


def refusal_lines(refusals: Sequence[Refusal]) -> View:
    """What apply would refuse, and the flag that lifts each."""
    lines = (Line(f"  {r.rule}: {r.message}" + (f" Lift it with {r.flag}." if r.flag else ""), "bad") for r in refusals)
    return (Line("Apply would refuse this plan:", "bad"), *lines) if refusals else ()


def _source(plan: Plan) -> str:
    return plan.source.file + ("" if plan.source.only_sheet or not plan.source.sheet else f" [{plan.source.sheet}]")


def _row_counts(plan: Plan) -> str:
    kept = Counter(change.reason for change in plan.changes if change.action is Action.KEEP)
    told = {
        "": len(plan.rows),
        "already right": kept[Reason.ALREADY_THERE],
        "drifted": kept[Reason.NOT_EXPECTED],
        "left out": kept[Reason.NOT_SELECTED] + sum(not row.selected and not row.valid for row in plan.rows),
        "invalid": sum(row.selected and not row.valid for row in plan.rows),
    }
    return ", ".join(f"{count:,} {what}".strip() for what, count in told.items() if count or not what)


def _waves(writes: Sequence[Change]) -> str:
    sizes = Counter(change.wave for change in writes if change.action is Action.ASSIGN)
    return ", then ".join(f"{sizes[wave]:,}" for wave in sorted(sizes))


def _calls(price: Cost) -> str:
    basis = f"at {price.per_second * 60:g} calls a minute" + (
        ", the usual limit; sooner if more is allowed" * price.usual
    )
    return f"{price.puts:,} PUT and about {price.gets:,} GET: {span(price.seconds)} {basis}"


def _changes(plan: Plan) -> View:
    found = steps(plan)
    if not found:
        return (_nothing(plan),)
    labels = agent_labels(plan.agents)
    grid = tuple(_cells(step, labels) for step in found[:MOST])
    header = ("row", "number", "channel", "before → after", "why", "waits")
    return (Grid(header, grid), *capped(len(found), MOST, "changes in plan.json"))


def _nothing(plan: Plan) -> Line:
    drifted = any(change.reason is Reason.NOT_EXPECTED for change in plan.changes)
    if drifted or any(row.selected and not row.valid for row in plan.rows):
        return Line("Nothing can be changed as it is.", "warn")
    return Line("Nothing to change.", "good")


def _cells(step: Step, labels: Mapping[AgentId, str]) -> tuple[str, ...]:
    change = step.change
    return (
        str(change.origin.row),
        change.trunk.number,
        change.trunk.channel.value,
        f"{label(labels, change.before)} → {label(labels, change.after)}",
        why(step, labels),
        after(step),
    )
