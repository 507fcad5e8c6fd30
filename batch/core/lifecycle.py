"""The life of a change as one table, which the engine, the journal's reader and the documentation share.

A change is *planned*; before each PUT for it leaves, an *intent* makes it *sending*; an *outcome* gives it one of the
statuses of the results. The sweep may correct an outcome; putting a unit's channel back is a second write to a change
that was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from batch.core.model import Status
from batch.errors import JournalError


class Kind(StrEnum):
    """What one journal entry tells."""

    OPENED = "opened"  # the run: who, what, the plan but for its rows and changes
    PLANNED = "planned"  # some rows, or changes, of the plan
    BESIDE = "beside"  # trunks outside of the plan, served by agents that it gives to others
    RESUMED = "resumed"  # somebody went on with it
    INTENT = "intent"  # a PUT for this change may leave from now on
    RESTORING = "restoring"  # a PUT that puts this change back may leave from now on
    OUTCOME = "outcome"  # what became of this change
    CONFIRMED = "confirmed"  # changes that a look showed to be as their outcomes say
    SEEN = "seen"  # numbers as a look showed them
    STOPPED = "stopped"  # why no further change was started
    CALLS = "calls"  # what one sitting cost, and how it was paced
    FINISHED = "finished"  # the run ended with this exit code


class State(StrEnum):
    """Where a change stands: before it is settled, or how it was settled."""

    PLANNED = "planned"
    SENDING = "sending"
    RESTORING = "restoring"
    SETTLED = "settled"


NEXT: Mapping[tuple[State, Kind], State] = {
    (State.PLANNED, Kind.INTENT): State.SENDING,
    (State.PLANNED, Kind.OUTCOME): State.SETTLED,
    (State.SENDING, Kind.INTENT): State.SENDING,
    (State.SENDING, Kind.OUTCOME): State.SETTLED,
    (State.SETTLED, Kind.INTENT): State.SENDING,
    (State.SETTLED, Kind.OUTCOME): State.SETTLED,
    (State.SETTLED, Kind.RESTORING): State.RESTORING,
    (State.RESTORING, Kind.RESTORING): State.RESTORING,
    (State.RESTORING, Kind.OUTCOME): State.SETTLED,
}
"""(state, entry) → next state. A pair that is not here cannot happen; a journal that says so was altered."""

OPEN_STATUSES = frozenset({Status.SKIPPED, Status.UNKNOWN})
"""Statuses that ``resume`` goes on with. The others are final: trying them again is ``retry``, a new run."""


class Entry(Struct, frozen=True, gc=False):
    """One line of the journal. ``at`` is seconds since the epoch (UTC); ``change`` is a change's id, if it has one."""

    kind: Kind
    at: float
    change: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


def step(state: State, kind: Kind) -> State:
    """The state after an entry; raises :class:`JournalError` for a step that cannot happen."""
    try:
        return NEXT[state, kind]
    except KeyError:
        message = f"the journal says {kind.value!r} of a change that is {state.value!r}: it was altered or is damaged"
        raise JournalError(message) from None
