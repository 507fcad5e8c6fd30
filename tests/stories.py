"""Entries as the engine writes them: what a journal tells of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from batch.core import planfile
from batch.core.encode import number_to_json, outcome_to_json
from batch.core.entries import planned
from batch.core.json_text import decode, encode
from batch.core.lifecycle import Entry, Kind
from batch.core.model import (
    NumberState,
    Outcome,
    Plan,
    Reason,
    RunRecord,
)
from batch.core.record import fold
from tests.records import BEGAN, agent, change, plan, row

PLAN = plan(
    [row(2, channels=("call", "whatsapp")), row(3)],
    [change(0), change(1, channel="whatsapp"), change(2, of=3)],
)
RUN = {"run_id": "r1", "command": "apply", "tool_version": "0.1.0", "sheet": ""}


def opened(made: Plan = PLAN, **more: object) -> list[Entry]:
    """What a journal begins with, as it is read from there."""
    pieces = planfile.pieces(made)
    counts = {"rows": len(pieces.rows), "changes": len(pieces.changes)}
    first = Entry(Kind.OPENED, BEGAN, body={**RUN, "plan": pieces.head, "pieces": counts, **more})
    return [first, *(Entry(one.kind, one.at, body=decode(encode(one.body))) for one in planned(pieces, BEGAN))]


def opened_at_once(made: Plan = PLAN) -> Entry:
    """The same in one entry, as journals had it up to version 3."""
    return Entry(Kind.OPENED, BEGAN, body=RUN | {"plan": json.loads(planfile.dump(made))})


def intent(
    id_: int = 0, *, at: float = BEGAN + 1, before: NumberState | None = None, kind: Kind = Kind.INTENT, **more: str
) -> Entry:
    return Entry(kind, at, id_, {"before": number_to_json(before), **more} if before else dict(more))


def ended(one: Outcome) -> Entry:
    return Entry(Kind.OUTCOME, BEGAN + 2, one.change, outcome_to_json(one))


def seen(one: NumberState) -> Entry:
    return Entry(Kind.SEEN, BEGAN + 3, body={"numbers": [number_to_json(one)]})


def stopped(reason: Reason, detail: str = "") -> Entry:
    return Entry(Kind.STOPPED, BEGAN + 4, body={"whole_run": reason.value, "detail": detail})


def cost(**calls: int) -> Entry:
    whole = {"get": 0, "put": 0, "retried": 0, "refused_429": 0} | calls
    return Entry(Kind.CALLS, BEGAN + 5, body={"calls": whole, "pace": {"limit": "60/min"}})


FINISHED = Entry(Kind.FINISHED, BEGAN + 6, body={"exit_code": 5})
RESUMED = Entry(Kind.RESUMED, BEGAN + 7)


def told(*entries: Entry) -> RunRecord:
    """What a journal tells that was opened and has these entries."""
    return fold([*opened(), *entries])


def story(whole: RunRecord) -> Iterable[Entry]:
    """The entries of a run as the engine writes them."""
    yield from opened(whole.plan)
    for id_, one in whole.outcomes.items():
        if one.attempts:
            yield intent(id_, before=whole.befores.get(whole.plan.changes[id_].trunk.number))
        yield ended(one)
    yield from map(seen, whole.afters.values())
    yield FINISHED


def without(entry: Entry, key: str) -> Entry:
    return Entry(entry.kind, entry.at, entry.change, {k: v for k, v in entry.body.items() if k != key})


def edited(entries: list[Entry]) -> list[Entry]:
    """After somebody gave a row another agent."""
    return [
        Entry(e.kind, e.at, body=decode(encode(e.body).replace(agent(1).encode(), agent(7).encode()))) for e in entries
    ]
