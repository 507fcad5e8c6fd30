"""What was believed against what the final look shows: :data:`TABLE`.

A change that was done must be seen to hold; one in doubt is settled by the look, but only after late writes have had
time to arrive, and not where its last call was never answered: the server may be at it still. One that the server
refused keeps its status. A number that was not seen leaves its outcomes alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from batch.core.model import (
    Action,
    AgentId,
    Change,
    Channel,
    Number,
    NumberState,
    Outcome,
    Plan,
    Reason,
    Status,
    Trunk,
    Verified,
)


class Belief(StrEnum):
    """What an outcome claims about its trunk."""

    HOLDS = "holds"  # done, or already so
    SEEN = "seen"  # done, and an earlier look has seen it
    IN_DOUBT = "in doubt"  # unknown
    PUT_BACK = "put back"  # undone by us, because another channel of its row did not end well
    WRITTEN = "written"  # did not end well, though a PUT of ours may have reached the server
    UNTOUCHED = "untouched"  # did not end well, and no PUT of ours can have been applied


class Place(StrEnum):
    """Where the trunk is seen."""

    WANTED = "wanted"  # on the agent that the change sets
    BEFORE = "before"  # still, or again, on an agent it had before
    ELSEWHERE = "elsewhere"  # on a third agent, or on none


class Finding(Struct, frozen=True):
    """What a look makes of an outcome; ``None`` keeps what was believed. ``later`` waits for the last look."""

    status: Status | None = None
    reason: Reason | None = None
    later: bool = False


KEEP = Finding()
TABLE: Mapping[tuple[Belief, Place], Finding] = {
    (Belief.HOLDS, Place.WANTED): KEEP,
    # the answer was a lie, or somebody put the trunk back, or a read is stale: nobody can tell which
    (Belief.HOLDS, Place.BEFORE): Finding(Status.UNKNOWN, Reason.UNCLEAR),
    (Belief.HOLDS, Place.ELSEWHERE): Finding(Status.DRIFTED, Reason.CHANGED_AFTERWARDS),
    (Belief.SEEN, Place.WANTED): KEEP,
    (Belief.SEEN, Place.BEFORE): Finding(Status.DRIFTED, Reason.CHANGED_AFTERWARDS),  # a rollback, as a rule
    (Belief.SEEN, Place.ELSEWHERE): Finding(Status.DRIFTED, Reason.CHANGED_AFTERWARDS),
    (Belief.IN_DOUBT, Place.WANTED): Finding(Status.DONE, Reason.VERIFIED),
    (Belief.IN_DOUBT, Place.BEFORE): Finding(Status.FAILED, Reason.NOT_APPLIED, later=True),
    (Belief.IN_DOUBT, Place.ELSEWHERE): Finding(Status.DRIFTED, Reason.OWNER_CHANGED, later=True),
    (Belief.PUT_BACK, Place.WANTED): Finding(Status.DONE, later=True),  # left as it is; LEFT says of what
    (Belief.PUT_BACK, Place.BEFORE): Finding(Status.FAILED),
    (Belief.PUT_BACK, Place.ELSEWHERE): Finding(Status.DRIFTED, Reason.CHANGED_AFTERWARDS),
    (Belief.WRITTEN, Place.WANTED): Finding(Status.DONE, Reason.VERIFIED),  # a write that came late
    (Belief.WRITTEN, Place.BEFORE): KEEP,
    (Belief.WRITTEN, Place.ELSEWHERE): KEEP,
    (Belief.UNTOUCHED, Place.WANTED): KEEP,  # somebody else's doing
    (Belief.UNTOUCHED, Place.BEFORE): KEEP,
    (Belief.UNTOUCHED, Place.ELSEWHERE): KEEP,
}
"""(what is believed, where the trunk is seen) → what is true."""

LEFT: Mapping[Reason, Reason] = {
    Reason.UNIT_PUT_BACK: Reason.LEFT_SPLIT,
    Reason.WAVE_PUT_BACK: Reason.LEFT_IN_PLACE,
}
"""Why a change was to be put back → what it is when it could not be."""

LOST = Finding(Status.FAILED, Reason.LOST_TO_ANOTHER_NUMBER)
"""A trunk that nobody serves since its agent was given another number by this run (API.md §3.1)."""

_BELIEFS: Mapping[Status, Belief] = {
    Status.DONE: Belief.HOLDS,
    Status.ALREADY: Belief.HOLDS,
    Status.UNKNOWN: Belief.IN_DOUBT,
}


def verify(
    plan: Plan, outcomes: Mapping[int, Outcome], seen: Mapping[Number, NumberState], *, settled: bool
) -> dict[int, Outcome]:
    """*outcomes*, corrected by what was seen.

    *settled* says that late writes have had their time: before it, what is in doubt stays so. Of a trunk that a ring
    parked and brought home only the last change that may have been applied can be judged.
    """
    judged = dict(outcomes)
    receivers = _receivers(plan.changes, outcomes)
    for changes in _by_trunk(plan.changes, outcomes, seen):
        trunk = changes[0].trunk
        owner = seen[trunk.number].owner(trunk.channel)
        befores = {change.before for change in changes}
        spares = {change.after for change in changes if change.action is Action.PARK}
        for change in changes[_last_applied(changes, outcomes) :]:
            outcome = outcomes[change.id]
            belief = belief_of(outcome)
            if belief is Belief.SEEN and owner in spares:  # a parking of our own that came late, as a rule
                belief = Belief.HOLDS
            finding = TABLE[belief, _place(owner, change.after, befores)]
            if (
                owner is None
                and finding.status is Status.DRIFTED
                and receivers[trunk.channel, change.after] > (outcome.status is Status.DONE)
            ):
                finding = replace(LOST, later=finding.later)
            judged[change.id] = _corrected(outcome, finding, owner, settled=settled)
    return judged


def belief_of(outcome: Outcome) -> Belief:
    """What *outcome* claims about its trunk."""
    if outcome.reason in LEFT:
        return Belief.PUT_BACK
    if outcome.status is Status.DONE and outcome.verified is Verified.SWEEP:
        return Belief.SEEN
    return _BELIEFS.get(outcome.status, Belief.WRITTEN if outcome.written else Belief.UNTOUCHED)


def _place(owner: AgentId | None, wanted: AgentId, befores: Collection[AgentId | None]) -> Place:
    if owner == wanted:
        return Place.WANTED
    return Place.BEFORE if owner in befores else Place.ELSEWHERE


def _corrected(outcome: Outcome, finding: Finding, owner: AgentId | None, *, settled: bool) -> Outcome:
    belief = belief_of(outcome)
    if finding.later and (not settled or (outcome.unanswered and finding.reason is Reason.NOT_APPLIED)):
        # the reason of a putting back stays with it: the next look must know what it was
        reason = outcome.reason if belief is Belief.PUT_BACK else Reason.UNCLEAR
        return replace(outcome, status=Status.UNKNOWN, reason=reason, after=owner, after_name="")
    if finding.status is None:
        told = belief in (Belief.HOLDS, Belief.SEEN)
        return replace(outcome, after=owner, after_name="", verified=Verified.SWEEP if told else outcome.verified)
    unclear = finding.status is Status.UNKNOWN
    return replace(
        outcome,
        status=finding.status,
        reason=finding.reason or _left(outcome, finding),
        detail="" if finding.status is Status.DONE else outcome.detail,
        verified=Verified.NO if unclear else Verified.SWEEP,
        after=owner,
        after_name="",
    )


def _left(outcome: Outcome, finding: Finding) -> Reason:
    """The reason of a putting back, or that there was none: the trunk is still where the change had put it."""
    return LEFT.get(outcome.reason, outcome.reason) if finding.status is Status.DONE else outcome.reason


def _by_trunk(
    changes: Iterable[Change], outcomes: Mapping[int, Outcome], seen: Mapping[Number, NumberState]
) -> Collection[list[Change]]:
    """The changes that have an outcome and whose number was seen, by trunk, in the order of the plan."""
    found: dict[Trunk, list[Change]] = {}
    for change in changes:
        if change.id in outcomes and change.trunk.number in seen:
            found.setdefault(change.trunk, []).append(change)
    return found.values()


def _last_applied(changes: Sequence[Change], outcomes: Mapping[int, Outcome]) -> int:
    """The place of the last change that may have reached the server; 0 when none did."""
    applied = [i for i, change in enumerate(changes) if belief_of(outcomes[change.id]) is not Belief.UNTOUCHED]
    return applied[-1] if applied else 0


def _receivers(changes: Iterable[Change], outcomes: Mapping[int, Outcome]) -> Counter[tuple[Channel, AgentId]]:
    """How many numbers each agent was given on each channel by this run."""
    return Counter(
        (change.trunk.channel, change.after)
        for change in changes
        if change.id in outcomes and outcomes[change.id].status is Status.DONE
    )
