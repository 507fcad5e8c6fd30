"""Wanted × existing → plan: a change per trunk, why it is one, and everything that must be known to send it later.

    rows and assignments ─ select ▶ drafts ─ order ▶ needs ─ limit, waves ▶ Plan

A change that nothing is done for is in the plan too: *already there*, *not expected* (the live owner is not the one
the row expects) and *not selected* are reasons of a ``keep``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from batch.core.columns import AGENTS
from batch.core.expand import Expanded
from batch.core.figures import rows_said
from batch.core.model import (
    Action,
    AgentId,
    Assignment,
    Change,
    Facts,
    Limits,
    Occupancy,
    Origin,
    Plan,
    PlanRow,
    Problem,
    Reason,
    Snapshot,
    Source,
    SourceTable,
    Workspace,
)
from batch.core.occupancy import Seats, learn, seats
from batch.core.order import Ordered, order
from batch.core.problems import describe
from batch.core.select import Selection, limit, said, select
from batch.core.waves import arrange, put_off
from batch.errors import UsageError

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""A number that could be read. What was merely typed, in a row that makes no sense, says nothing of the workspace."""


class PlanOptions(Struct, frozen=True, kw_only=True):
    """How a plan is made. ``parking`` are spare agents for rings; ``only``, ``exclude`` and ``limit`` take a part."""

    occupancy: Occupancy = Occupancy.AUTO
    parking: tuple[AgentId, ...] = ()
    only: str = ""
    exclude: str = ""
    limit: int | None = None
    limits: Limits = field(default_factory=Limits)


def make_plan(
    table: SourceTable, expanded: Expanded, snapshot: Snapshot, *, workspace: Workspace, options: PlanOptions
) -> Plan:
    """The plan for *table*. Raises :class:`UsageError` for options that cannot be read or met."""
    _know_parking(options.parking, snapshot)
    held = seats(snapshot)
    occupancy = learn(options.occupancy, held)
    chosen = select(expanded.rows, options.only, options.exclude)
    drafts = tuple(_drafts(expanded.assignments, snapshot, chosen))
    ordered = _ordered(drafts, held, occupancy, options.parking, snapshot)
    rows = chosen.rows
    if ordered.problems:
        rows = tuple(_mark_fallen(rows, ordered.problems, expanded.shares, _agent_column(table)))
    wishes = {assignment.origin: assignment.wave for assignment in expanded.assignments if assignment.wave is not None}
    changes = arrange(limit(ordered.changes, options.limit), options.limits, wishes)
    return Plan(
        workspace=workspace,
        source=Source(file=table.file, sheet=table.sheet, sha256=table.sha256, only_sheet=table.only_sheet),
        header=table.header,
        columns=table.columns,
        rows=rows,
        changes=changes,
        agents=_names(rows, changes, snapshot),
        occupancy=occupancy,
        trunks_total=snapshot.trunk_count(),
        facts=_facts(rows, changes, snapshot, held),
        limits=options.limits,
        notes=(*_notes(table, snapshot, options), *_of_waves(changes, wishes), *_of_nothing(rows)),
    )


def _know_parking(parking: Iterable[AgentId], snapshot: Snapshot) -> None:
    for agent in parking:
        if agent not in snapshot.agents:
            raise UsageError(f"--parking-agent {agent} is not an agent of this workspace", hint="see `reassign export`")


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _drafts(assignments: Sequence[Assignment], snapshot: Snapshot, chosen: Selection) -> Iterator[Change]:
    drifted = {assignment.unit for assignment in assignments if _drifted(assignment, snapshot)}
    for id_, assignment in enumerate(assignments):
        trunk = assignment.trunk
        before = snapshot.owner(trunk)
        if (trunk.number, trunk.channel.value) in chosen.left_out:
            reason = Reason.NOT_SELECTED
        elif before == assignment.agent:
            reason = Reason.ALREADY_THERE
        elif assignment.unit in drifted:
            reason = Reason.NOT_EXPECTED
        else:
            reason = Reason.DIFFERS
        yield Change(
            id=id_,
            trunk=trunk,
            action=Action.ASSIGN if reason is Reason.DIFFERS else Action.KEEP,
            reason=reason,
            before=before,
            after=assignment.agent,
            origin=assignment.origin,
            unit=assignment.unit,
            page=snapshot.numbers[trunk.number].page,
        )


def _drifted(assignment: Assignment, snapshot: Snapshot) -> bool:
    """Whether a row meets an owner it does not expect. All of the row is left alone then; what is there already is."""
    if assignment.expect is None:
        return False
    return snapshot.owner(assignment.trunk) not in (assignment.expect, assignment.agent)


def _ordered(
    drafts: tuple[Change, ...],
    held: Seats,
    occupancy: Occupancy,
    parking: tuple[AgentId, ...],
    snapshot: Snapshot,
) -> Ordered:
    if occupancy is Occupancy.SHARED:
        return Ordered(changes=drafts)
    names = {agent.uuid: agent.name for agent in snapshot.agents.values()}
    return order(drafts, held, parking=parking, names=names)


# ── rows whose changes cannot be ordered ──────────────────────────────────────────────────────────────────────────────


def _mark_fallen(
    rows: Iterable[PlanRow],
    problems: Mapping[int, Sequence[Problem]],
    shares: Mapping[int, frozenset[int]],
    column: str,
) -> Iterator[PlanRow]:
    """Rows with the problems of their unit; a row that repeats another shares its fate."""
    for place, row in enumerate(rows):
        fallen = sorted(unit for unit in shares.get(place, (place,)) if unit in problems) if row.valid else []
        if not fallen:
            yield row
            continue
        told = [problem for unit in fallen for problem in problems[unit]]
        mine = [problem for problem in told if problem.origin == row.origin] or told[:1]
        placed = (replace(problem, origin=row.origin, column=column) for problem in mine)
        yield replace(row, valid=False, problems=(*row.problems, *placed))


def _agent_column(table: SourceTable) -> str:
    return next((table.header[table.columns[what]] for what in AGENTS if what in table.columns), "")


# ── what is known of the whole ────────────────────────────────────────────────────────────────────────────────────────


def _names(rows: Iterable[PlanRow], changes: Iterable[Change], snapshot: Snapshot) -> dict[AgentId, str]:
    """Every agent that occurs, by name; an agent that the roster does not have is named as its binding names it."""
    names = {AgentId(row.agent_uuid): "" for row in rows if row.agent_uuid}
    for change in changes:
        if change.before is not None and not names.get(change.before):
            binding = snapshot.numbers[change.trunk.number].bindings[change.trunk.channel]
            names[change.before] = binding.agent_name  # a spare's name is the roster's, whatever stands here
    roster = snapshot.agents
    return {uuid: roster[uuid].name if uuid in roster else name for uuid, name in names.items()}


def _facts(rows: Iterable[PlanRow], changes: Iterable[Change], snapshot: Snapshot, held: Seats) -> Facts:
    asked = {row.number for row in rows if row.selected and _E164.fullmatch(row.number)}
    known = {*snapshot.numbers, *snapshot.others}
    serving: dict[AgentId, int] = {}
    for (agent, _), holders in held.items():
        serving[agent] = serving.get(agent, 0) + len(holders)
    after = dict(serving)
    for change in changes:
        if change.action is not Action.KEEP:
            after[change.after] = after.get(change.after, 0) + 1
            if change.before is not None:
                after[change.before] -= 1
    return Facts(
        agents_serving=len(serving),
        agents_emptied=sum(not after[agent] for agent in serving),
        numbers_asked=len(asked),
        numbers_missing=len(asked - known),
    )


def _notes(table: SourceTable, snapshot: Snapshot, options: PlanOptions) -> Iterator[str]:
    """What concerns no single row."""
    yield from snapshot.notes
    if not snapshot.complete:
        yield "not every number could be listed: who occupies an agent is known only for the numbers of the sheet"
    places = {row.origin for row in table.rows}
    yield from (f"{problem.origin}: {describe(problem)}" for problem in table.problems if problem.origin not in places)
    yield from said(options.only, options.exclude, options.limit)


def _of_nothing(rows: Sequence[PlanRow]) -> Iterator[str]:
    """Nothing to do may be good news, or a sheet that was cut off, or a filter with a slip in it."""
    if not rows:
        yield "the sheet has no row below its header"
    elif not any(row.selected for row in rows):
        yield "no row is left: --only and --exclude take none"


def _of_waves(changes: Sequence[Change], wishes: Mapping[Origin, int]) -> Iterator[str]:
    """Where the sheet's own waves cannot be kept."""
    late = put_off(changes, wishes) if wishes else set()
    if late:
        why = "other rows that must go first, or along, ask for a later one"
        yield f"{rows_said(late)} cannot go in the wave asked for: {why}"
