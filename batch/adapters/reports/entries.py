"""A plan under review as entries: every step in the order of doing, then every line of the sheet that takes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from batch.adapters.reports.told import Told
from batch.core.figures import rows_said
from batch.core.last import of_the_last
from batch.core.model import Action, AgentId, PlanRow, Reason, Result
from batch.core.reasons import SENTENCES
from batch.core.results import reason_of
from batch.core.steps import Step, agent_labels, label, steps, why


class Verdict(StrEnum):
    """What a plan means to do about an entry."""

    MOVE = "move"
    PARK = "park"
    ALREADY = "already"
    REPEATED = "repeated"
    INVALID = "invalid"
    DRIFTED = "drifted"
    SKIPPED = "skipped"


MEANINGS: Mapping[Verdict, str] = {
    Verdict.MOVE: "would be moved",
    Verdict.PARK: "one more call each: the trunk waits on a spare agent, then goes home",
    Verdict.ALREADY: "with the wanted agent; no call is needed",
    Verdict.REPEATED: "an earlier row asks for the same",
    Verdict.INVALID: "the row has a problem; nothing would be sent for it",
    Verdict.DRIFTED: "with another agent than expected; would be left alone",
    Verdict.SKIPPED: "left out on purpose",
}

VERDICTS: Mapping[Reason, Verdict] = {
    Reason.AUDIT: Verdict.MOVE,
    Reason.ALREADY_THERE: Verdict.ALREADY,
    Reason.DUPLICATE: Verdict.REPEATED,
    Reason.INVALID_ROW: Verdict.INVALID,
    Reason.NOT_EXPECTED: Verdict.DRIFTED,
    Reason.NOT_SELECTED: Verdict.SKIPPED,
}
"""By the reasons that lines of a run have that only looks."""

Named = tuple[str, str]
"""An agent's uuid and what it is called; two empty texts for nobody, or not known."""
AGENTS = 4096
"""Agents kept in mind, each of which may stand in thousands of entries."""


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One step, or one line without a step, whose ``step`` and ``wave`` are 0. ``waits`` names rows: ``row 7``."""

    step: int = 0
    wave: int = 0
    row: int
    number: str
    channel: str
    verdict: Verdict
    wanted: Named
    before: Named
    after: Named
    waits: str = ""
    why: str
    note: str = ""


@of_the_last
def verdicts(told: Told) -> Counter[Verdict]:
    """How many lines of the sheet stand how."""
    return Counter(VERDICTS[reason_of(line)] for _, line in told.lines)


@of_the_last
def entries(told: Told) -> tuple[Entry, ...]:
    """The whole plan: what is done, in its order, and then what is not, in the order of the sheet."""
    labels = agent_labels(told.record.plan.agents)
    rest = [line for line in told.lines if reason_of(line[1]) is not Reason.AUDIT]
    notes = {(line.number, line.channel): line.note for _, line in told.lines if reason_of(line) is Reason.AUDIT}
    return (*_steps(told, labels, notes), *(_line(row, line, labels) for row, line in rest))


def _steps(told: Told, labels: Mapping[AgentId, str], notes: Mapping[tuple[str, str], str]) -> Iterator[Entry]:
    for step in steps(told.record.plan):
        trunk = step.change.trunk
        yield _step(step, labels, notes.get((trunk.number, trunk.channel.value), ""))


def _step(step: Step, labels: Mapping[AgentId, str], note: str) -> Entry:
    change = step.change
    target = _named(change.after, labels)
    return Entry(
        step=step.place,
        wave=step.wave,
        row=change.origin.row,
        number=change.trunk.number,
        channel=change.trunk.channel.value,
        verdict=Verdict.PARK if change.action is Action.PARK else Verdict.MOVE,
        wanted=target,
        before=_named(change.before, labels),
        after=target,
        waits=rows_said(step.rows),
        why=why(step, labels),
        note=note,
    )


def _line(row: PlanRow, line: Result, labels: Mapping[AgentId, str]) -> Entry:
    reason = reason_of(line)
    said = line.reason.partition(": ")[2]
    if reason is Reason.DUPLICATE:  # what became of the other row is told of that row
        said = f"{SENTENCES[reason]}: row {row.duplicate_of[line.channel]}"
    return Entry(
        row=line.row,
        number=line.number,
        channel=line.channel,
        verdict=VERDICTS[reason],
        wanted=_called(line.agent_uuid, line.agent_name, labels),
        before=_called(line.before_agent_uuid, line.before_agent_name, labels),
        after=_called(line.after_agent_uuid, line.after_agent_name, labels),
        why=said,
        note=line.note,
    )


def _named(agent: AgentId | None, labels: Mapping[AgentId, str]) -> Named:
    return _pair("", "") if agent is None else _pair(agent, label(labels, agent))


def _called(uuid: str, name: str, labels: Mapping[AgentId, str]) -> Named:
    return _pair(uuid, labels.get(AgentId(uuid), name))


@lru_cache(AGENTS)
def _pair(uuid: str, name: str) -> Named:
    """One for all entries of an agent."""
    return uuid, name
