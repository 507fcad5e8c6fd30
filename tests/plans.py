"""Live states and plans for tests, in single letters: agents are called A, B, C …, trunks are counted from 0.

``live({"call": "A"}, {"call": "B", "whatsapp": None})`` is a workspace of two external numbers,
``want(0, "call", "B")`` a row that asks for the first of them, and ``plan_of([want(…)], live(…))`` the plan for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from hypothesis import strategies as st

from batch.core.expand import Expanded, expand
from batch.core.model import (
    Action,
    Agent,
    AgentId,
    Binding,
    Change,
    Number,
    NumberState,
    Plan,
    PlanRow,
    Snapshot,
    SourceTable,
    Workspace,
)
from batch.core.normalise import normalise
from batch.core.plan import PlanOptions, make_plan
from tests import worlds
from tests.builders import HEADER, table

WORKSPACE = Workspace("acme", "acme.mihu.ai")
AGENTS = "ABCDEFGH"

Bindings = Mapping[str, str | None]
"""A channel's word and the letter of the agent that serves it."""


def uuid(letter: str) -> AgentId:
    """The uuid of the agent called *letter*."""
    return AgentId(worlds.agent(ascii_uppercase.index(letter)))


def number(index: int) -> Number:
    """The index-th external number."""
    return Number(worlds.number(index))


def bought(index: int) -> Number:
    """The index-th purchased number."""
    return Number(worlds.bought(index))


def agents(letters: str = AGENTS, **statuses: str) -> dict[AgentId, Agent]:
    """A roster; ``agents("AB", B="paused")`` gives B a status."""
    return {uuid(name): Agent(uuid(name), name, statuses.get(name, "ready")) for name in letters}


def live(
    *trunks: Bindings,
    purchased: Sequence[Bindings] = (),
    roster: Mapping[AgentId, Agent] | None = None,
    **more: Any,
) -> Snapshot:
    """A complete live state of external numbers, and of purchased ones."""
    return Snapshot(
        agents=agents() if roster is None else roster,
        numbers={number(i): state(number(i), bindings, page=1) for i, bindings in enumerate(trunks)},
        others={bought(i): state(bought(i), bindings, external=False) for i, bindings in enumerate(purchased)},
        **more,
    )


def state(which: Number, bindings: Bindings, *, external: bool = True, page: int = 0) -> NumberState:
    """A number as the lists show it."""
    return NumberState(
        number=which,
        external=external,
        source="external" if external else "purchased",
        bindings={
            channel: Binding(name is not None, uuid(name) if name else None, name or "")
            for channel, name in bindings.items()
        },
        page=page,
    )


def want(index: int, channel: str, to: str, *more: str) -> tuple[str, ...]:
    """A row that asks for the index-th external number."""
    return (number(index), channel, to, *more)


def expanded(rows: Sequence[Sequence[str]] | SourceTable, there: Snapshot, header: Sequence[str] = HEADER) -> Expanded:
    """The rows of a sheet against a live state."""
    sheet = _sheet(rows, header)
    return expand(sheet, normalise(sheet), there)


def plan_of(
    rows: Sequence[Sequence[str]] | SourceTable, there: Snapshot, *, header: Sequence[str] = HEADER, **options: Any
) -> Plan:
    """The plan for a sheet; *options* are those of :class:`PlanOptions`."""
    sheet = _sheet(rows, header)
    found = expand(sheet, normalise(sheet), there)
    return make_plan(sheet, found, there, workspace=WORKSPACE, options=PlanOptions(**options))


def _sheet(rows: Sequence[Sequence[str]] | SourceTable, header: Sequence[str]) -> SourceTable:
    return rows if isinstance(rows, SourceTable) else table(*rows, header=header)


# ── any small situation ───────────────────────────────────────────────────────────────────────────────────────────────

SERVING = "ABCDE"
SPARES = "GH"


@dataclass(frozen=True, slots=True)
class Situation:
    """A sheet, the live state it meets, and the spares that may be used. No agent has two numbers on a channel."""

    rows: tuple[tuple[str, ...], ...]
    there: Snapshot
    parking: tuple[AgentId, ...]

    def plan(self, **options: Any) -> Plan:
        """The plan for it."""
        return plan_of(self.rows, self.there, parking=self.parking, **options)


@st.composite
def situations(draw: st.DrawFn, most: int = 5) -> Situation:
    """Up to *most* numbers served by A to E, rows that mostly permute them, and up to two spares."""
    size = draw(st.sampled_from(range(most, 0, -1)))
    alike = draw(st.booleans())  # both channels of a number with one agent, as most workspaces are
    served = {"call": SERVING[:size], "whatsapp": SERVING[:size] if alike else draw(st.permutations(SERVING[:size]))}
    targets = draw(_targets(size))
    wanted = {"call": targets, "whatsapp": targets if alike else draw(_targets(size))}
    trunks, rows = [], []
    for index in range(size):
        channels = draw(st.sampled_from(_PRESENT))
        trunks.append({channel: served[channel][index] for channel in channels} or {"call": None})
        rows += draw(_wishes(index, {channel: wanted[channel][index] for channel in channels or ("call",)}))
    bought_one = size < len(SERVING) and draw(st.booleans())
    there = live(*trunks, purchased=[{"call": SERVING[-1]}] if bought_one else [])
    spares = draw(st.sampled_from([1, 1, 2, 0]))
    return Situation(tuple(draw(st.permutations(rows))), there, tuple(map(uuid, SPARES[:spares])))


_PRESENT = [*[("call", "whatsapp")] * 6, *[("call",)] * 6, ("whatsapp",), ()]


def _targets(size: int) -> st.SearchStrategy[Sequence[str]]:
    """An agent for each trunk: those that serve now in another order, others among them, or any."""
    turned = st.integers(1, size).map(lambda by: SERVING[by:size] + SERVING[:by])
    swapped = st.just("BADCE"[:size])
    any_agent = st.lists(st.sampled_from(SERVING), min_size=size, max_size=size)
    return st.one_of(swapped, turned, st.permutations(SERVING[:size]), st.permutations(SERVING), any_agent)


def _wishes(index: int, wanted: Mapping[str, str]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Rows for one number: one for all its channels, one for each, or none."""
    together = [want(index, ",".join(wanted), next(iter(wanted.values())))]
    apart = [want(index, channel, to) for channel, to in wanted.items()]
    return st.sampled_from([*[together] * 6, *[apart] * 6, []])


# ── what a test looks at ──────────────────────────────────────────────────────────────────────────────────────────────


def steps(plan: Plan) -> list[str]:
    """What is sent, in order: ``row 2 call A→B``; a parking as ``row 2 call A⇢S``."""
    return [step(plan, change) for change in plan.writes()]


def step(plan: Plan, change: Change) -> str:
    """One change in words."""
    arrow = "⇢" if change.action is Action.PARK else "→"
    before = plan.agents[change.before] if change.before is not None else "nobody"
    return f"row {change.origin.row} {change.trunk.channel.value} {before}{arrow}{plan.agents[change.after]}"


def waits(plan: Plan) -> dict[str, list[str]]:
    """Every change that waits, with what it waits for."""
    return {
        step(plan, change): [step(plan, plan.changes[need]) for need in change.needs]
        for change in plan.changes
        if change.needs
    }


def codes(row: PlanRow) -> list[str]:
    """The codes of a row's problems and notes."""
    return [problem.code for problem in row.problems]


def complaints(plan: Plan) -> dict[int, list[str]]:
    """The rows that have something said about them, by row number."""
    return {row.origin.row: codes(row) for row in plan.rows if row.problems}


def related(row: PlanRow) -> Iterator[tuple[int, ...]]:
    """For each of a row's problems, the row numbers it names."""
    for problem in row.problems:
        yield tuple(origin.row for origin in problem.related)
