"""What tests of the schedule share: no brakes, an end, and everything that may start now."""

from __future__ import annotations

from batch.core.model import Outcome, Reason, Status
from batch.engine.schedule import Brakes, Schedule, Work

FREE = Brakes(budget=1000, canary=False)


def end(work: Work | int, status: Status = Status.DONE) -> Outcome:
    id_ = work if isinstance(work, int) else work.change.id
    return Outcome(change=id_, status=status, reason=Reason.VERIFIED)


def taken(schedule: Schedule) -> list[int]:
    """Everything that may start now."""
    found = []
    while (work := schedule.take()) is not None:
        found.append(work.change.id)
    return found
