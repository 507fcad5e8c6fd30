"""The final look: are the trunks on the agents that the answers promised?

Late writes and stale reads make one look too few: what does not fit is looked at again, a few seconds later each time,
and only then judged by :mod:`batch.core.verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from batch.core.model import Action, Change, Number, NumberState, Outcome, Plan, Reason, Status, Verified
from batch.core.verify import verify
from batch.engine.caller import Caller
from batch.engine.snapshot import reread

PAUSES = (1.0, 2.0, 5.0)
"""Seconds before each further look, while something does not fit: eight seconds in all for a late write to show."""


class Patience(Struct, frozen=True):
    """How much time a look has: the *pauses* before each further one, and who hears of it.

    After the last one everything is judged, unless it came too soon to be *settled*: then what is in doubt stays so.
    *on_look* hears after each look how many numbers do not fit yet, and for how many seconds more they are given time.
    """

    pauses: tuple[float, ...] = PAUSES
    settled: bool = True
    on_look: Callable[[int, float], None] | None = None


async def sweep(
    callers: Sequence[Caller],
    plan: Plan,
    outcomes: Mapping[int, Outcome],
    *,
    pages: int,
    beside: Collection[Number] = (),
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> tuple[Mapping[int, Outcome], Mapping[Number, NumberState]]:
    """Look at every trunk that was, or may have been, written. Returns the outcomes as corrected, and what was seen.

    The first look shows the numbers *beside* them too.
    Raises what reading raises; the outcomes then stand as they were.
    """
    trunks = {change.id: change.trunk for change in plan.writes()}
    overtaken = {change.trunk.number for change in plan.writes() if _was_overtaken(change, outcomes)}
    numbers = {trunks[id_].number for id_, outcome in outcomes.items() if _to_look_at(outcome) and id_ in trunks}
    seen: dict[Number, NumberState] = {}
    judged, left = outcomes, sum(patience.pauses)
    for last, pause in _looks(patience):
        if not numbers:
            break
        await callers[0].gate.sleep(pause)
        seen |= await reread(callers, numbers.union(beside), pages)
        judged = verify(plan, outcomes, seen, settled=last)
        unseen, beside = numbers - seen.keys(), ()
        doubtful = (id_ for id_ in judged if id_ in trunks and _does_not_fit(outcomes[id_], judged[id_]))
        misfits = unseen | {trunks[id_].number for id_ in doubtful}
        numbers = misfits | overtaken
        left -= pause
        if patience.on_look is not None:
            patience.on_look(len(misfits), left if numbers else 0.0)
    unseen = numbers - seen.keys()
    gone = {id_ for id_ in judged if id_ in trunks and trunks[id_].number in unseen}
    return {id_: _not_seen(o) if id_ in gone else o for id_, o in judged.items()}, seen


def _looks(patience: Patience) -> list[tuple[bool, float]]:
    """Whether a look is the one that settles everything, and the pause before it."""
    waits = [0.0, *patience.pauses]
    return [(patience.settled and index == len(waits) - 1, wait) for index, wait in enumerate(waits)]


def _not_seen(outcome: Outcome) -> Outcome:
    """Of a number that is not there to be looked at any more, nothing is *done*."""
    if outcome.status is not Status.DONE:
        return outcome
    return replace(outcome, status=Status.UNKNOWN, reason=Reason.TRUNK_GONE, verified=Verified.NO, after=None)


def _to_look_at(outcome: Outcome) -> bool:
    return outcome.written or outcome.status in (Status.DONE, Status.UNKNOWN)


def _does_not_fit(before: Outcome, after: Outcome) -> bool:
    """Whether a look disagrees with what was believed, so that a second one is due."""
    if after.status is Status.DONE:
        return False
    return Status.UNKNOWN is after.status or Status.DONE is before.status or _may_come_late(after)


def _was_overtaken(change: Change, outcomes: Mapping[int, Outcome]) -> bool:
    """Whether a parking had an unclear attempt: coming late it would undo the way home, however well all fits now."""
    outcome = outcomes.get(change.id)
    return change.action is Action.PARK and outcome is not None and _may_come_late(outcome)


def _may_come_late(outcome: Outcome) -> bool:
    """Whether an attempt before the last may have been unclear, so that what it wrote could yet arrive."""
    sent_twice = outcome.reason in (Reason.UNIT_PUT_BACK, Reason.WAVE_PUT_BACK)
    return outcome.written and outcome.attempts > (2 if sent_twice else 1)
