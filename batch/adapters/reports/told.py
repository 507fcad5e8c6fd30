"""What all report files are made from: the record, its lines and its figures, worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch.core.last import of_the_last
from batch.core.model import AgentId, PlanRow, Problem, Reason, Result, RunRecord, Summary
from batch.core.problems import CATALOGUE, describe
from batch.core.results import lines
from batch.core.steps import told_apart
from batch.core.summary import summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A record with its lines, each beside the row it stands for."""

    record: RunRecord
    lines: Sequence[tuple[PlanRow, Result]]
    summary: Summary

    @property
    def looked(self) -> bool:
        """Whether the run was only to look, so that its report is a plan under review."""
        return self.record.whole_run is Reason.AUDIT


def tell(record: RunRecord) -> Told:
    """Work out *record* for the writers."""
    told = list(lines(record))
    return Told(record=record, lines=told, summary=summarise(record, (result for _, result in told)))


@of_the_last
def apart(told: Told) -> Mapping[str, str]:
    """What agents are called whose name is not theirs alone, by their uuid; most names are."""
    agents = {str(uuid): name for uuid, name in told.record.plan.agents.items()}
    for _, line in told.lines:  # somebody else's agent may be none of the plan's
        agents.setdefault(line.after_agent_uuid, line.after_agent_name)
    named = {AgentId(uuid): name for uuid, name in agents.items() if uuid and name}
    return {str(uuid): label for uuid, label in told_apart(named).items()}


def problem_json(problem: Problem) -> dict[str, Any]:
    """One problem or note, with the sentence about it and what to do."""
    kind = CATALOGUE[problem.code]
    return {
        "code": problem.code,
        "severity": kind.severity.value,
        "column": problem.column,
        "value": problem.value,
        "message": describe(problem),
        "hint": kind.hint,
        "related_rows": [origin.row for origin in problem.related],
    }
