"""What the journal is told of many at once, a plan or a look: each entry costs as much as that of one change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from msgspec.structs import replace

from batch.core.encode import number_to_json, outcome_to_json
from batch.core.json_text import Written
from batch.core.lifecycle import Entry, Kind
from batch.core.model import AgentId, Change, NumberState, Outcome, Trunk, Verified
from batch.core.planfile import Pieces

TOGETHER = 500
"""Numbers, or changes, that one entry tells of: at some 300 bytes a number, what a disk takes at once."""

T = TypeVar("T")


def planned(pieces: Pieces, at: float) -> Iterator[Entry]:
    """The rows of a plan, then its changes."""
    for what, some in (("rows", pieces.rows), ("changes", pieces.changes)):
        for piece in some:
            yield Entry(Kind.PLANNED, at, body={what: Written(b"[" + piece + b"]")})


def beside(served: Mapping[Trunk, AgentId], at: float) -> Iterator[Entry]:
    """Who else was served, before anything was written, by the agents that the plan gives away; or that nobody was."""
    for several in _together(served.items()) if served else ((),):
        told = [(trunk.number, trunk.channel.value, agent) for trunk, agent in several]
        yield Entry(Kind.BESIDE, at, body={"trunks": told})


def seen(states: Iterable[NumberState], at: float) -> Iterator[Entry]:
    """Numbers as they were seen."""
    for several in _together(states):
        yield Entry(Kind.SEEN, at, body={"numbers": [number_to_json(state) for state in several]})


def judged(
    changes: Sequence[Change], believed: Mapping[int, Outcome], found: Mapping[int, Outcome], at: float
) -> Iterator[Entry]:
    """What a look made of outcomes: those that it confirmed together, each that it corrected by itself."""
    confirmed: list[int] = []
    for id_, outcome in found.items():
        before = believed.get(id_)
        if outcome == before:
            continue
        if before is not None and outcome == confirm(before, changes[id_]):
            confirmed.append(id_)
        else:
            yield Entry(Kind.OUTCOME, at, id_, outcome_to_json(outcome))
    for several in _together(confirmed):
        yield Entry(Kind.CONFIRMED, at, body={"changes": several})


def confirm(outcome: Outcome, change: Change) -> Outcome:
    """*outcome*, once its trunk was seen to be where *change* puts it."""
    return replace(outcome, verified=Verified.SWEEP, after=change.after)


def _together(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while several := list(islice(rest, TOGETHER)):
        yield several
