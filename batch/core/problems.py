"""The catalogue of everything that can be wrong with a row, and of everything that was repaired in one.

A code is stable: it stands in reports and in people's filters. ``title`` groups problems of one kind, ``template`` is
the sentence about one cell (``{value}`` is the text as typed, ``{detail}`` what the finder adds, ``{related}`` the
other rows), ``hint`` says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batch.core.model import Problem


class Severity(StrEnum):
    """An error makes its row invalid; a note is only told."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of the catalogue."""

    title: str
    template: str
    hint: str
    severity: Severity = Severity.ERROR


CATALOGUE: dict[str, Kind] = {
    # rows against live state (expand)
    "no_such_trunk": Kind(
        "No such trunk",
        "{value} has no external trunk on {detail} in this workspace",
        "register the trunk first, or correct the number or the channel",
    ),
    "purchased_number": Kind(
        "Purchased number",
        "{value} is a number bought from the platform, not an external trunk",
        "move purchased numbers in the panel: the trunk call does not apply to them",
    ),
    "agent_unknown": Kind(
        "No such agent",
        "no agent {value!r} in this workspace{detail}",
        "copy the agent's uuid or exact name from `reassign export`",
    ),
    "agent_ambiguous": Kind(
        "Several agents of that name",
        "{value!r} is the name of several agents: {detail}",
        "write the uuid instead of the name",
    ),
    "contradiction": Kind(
        "Rows contradict each other",
        "{value} on {detail} is given to another agent in {related}",
        "keep one of the rows",
    ),
    "duplicate": Kind(
        "Same row twice",
        "the same as {related}; counted once",
        "nothing to do",
        Severity.NOTE,
    ),
    # changes against each other (order)
    "two_rows_one_agent": Kind(
        "Two numbers into one agent",
        "agent {detail} would serve two numbers on one channel, see {related}",
        "give each number its own agent, or say --occupancy shared if the platform allows it",
    ),
    "agent_occupied": Kind(
        "Agent already serves another number",
        "agent {value} already serves {detail}, which this sheet does not move",
        "move that number too, choose a free agent, or say --occupancy shared if the platform allows it",
    ),
    "ring_without_spare": Kind(
        "Ring without a spare agent",
        "these rows swap agents in a ring, {detail}, so none can go first: {related}",
        "name a free agent with --parking-agent UUID to park one trunk on",
    ),
}


def describe(problem: Problem) -> str:
    """The sentence about one problem, without its place."""
    related = ", ".join(f"row {origin.row}" for origin in problem.related)
    kind = CATALOGUE[problem.code]
    return kind.template.format(value=problem.value, detail=problem.detail, related=related)


def is_error(problem: Problem) -> bool:
    """Whether the problem makes its row invalid."""
    return CATALOGUE[problem.code].severity is Severity.ERROR
