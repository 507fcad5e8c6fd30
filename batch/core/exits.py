"""The exit codes as one table, which the program returns, the README prints and a test compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import IntEnum

from batch.core.model import Reason, RunRecord, Status
from batch.core.results import endings
from batch.errors import ReassignError


class Exit(IntEnum):
    """How a command ends; any other code is a failure."""

    OK = 0
    BUG = 1
    USAGE = 2
    INVALID_INPUT = 3
    CREDENTIALS = 4
    NOT_ALL = 5
    UNKNOWN = 6
    SAFETY = 7
    DIFFERENCES = 8
    LOCKED = 9
    UNAVAILABLE = 10
    JOURNAL = 11
    HANGUP = 129
    INTERRUPT = 130
    TERMINATED = 143


MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "all done and verified, or nothing to do",
    Exit.BUG: "a bug",
    Exit.USAGE: "usage or configuration",
    Exit.INVALID_INPUT: "the input has invalid rows; nothing was sent",
    Exit.CREDENTIALS: "credentials refused, or answers that are not the API's (login page)",
    Exit.NOT_ALL: "finished; some invalid, rejected, failed, drifted or skipped",
    Exit.UNKNOWN: "finished; some outcomes still unknown",
    Exit.SAFETY: "refused or stopped by a safety rule (guard, budget, window, stale or used plan)",
    Exit.DIFFERENCES: "differences: `audit`, and `plan --detailed-exitcode`",
    Exit.LOCKED: "another run holds this workspace's lock",
    Exit.UNAVAILABLE: "API unavailable (breaker, deadline); resumable",
    Exit.JOURNAL: "journal or disk failure",
    Exit.HANGUP: "interrupted by a signal (hang-up); resumable",
    Exit.INTERRUPT: "interrupted by a signal (Ctrl-C); resumable",
    Exit.TERMINATED: "interrupted by a signal (terminate); resumable",
}

PRECEDENCE = (
    *(Exit.JOURNAL, Exit.CREDENTIALS, Exit.UNAVAILABLE, Exit.SAFETY),
    *(Exit.HANGUP, Exit.INTERRUPT, Exit.TERMINATED),
    *(Exit.BUG, Exit.USAGE, Exit.LOCKED),
    *(Exit.UNKNOWN, Exit.NOT_ALL, Exit.INVALID_INPUT, Exit.DIFFERENCES),
)
"""If several apply, the first of these is returned."""

STOPS: Mapping[Reason, Exit] = {
    Reason.JOURNAL_FAILED: Exit.JOURNAL,
    Reason.CREDENTIALS: Exit.CREDENTIALS,
    Reason.API_UNAVAILABLE: Exit.UNAVAILABLE,
    Reason.DEADLINE: Exit.UNAVAILABLE,
    Reason.REFUSED_BY_GUARD: Exit.SAFETY,
    Reason.DECLINED: Exit.SAFETY,
    Reason.BUDGET_SPENT: Exit.SAFETY,
    Reason.WAVE_FAILED: Exit.SAFETY,
    Reason.WINDOW_CLOSED: Exit.SAFETY,
    Reason.STOPPED: Exit.SAFETY,
    Reason.INTERRUPTED: Exit.INTERRUPT,
    Reason.OTHER_ROWS_INVALID: Exit.INVALID_INPUT,
}
"""What a reason that stopped a run as a whole is worth."""

_NOT_WELL = (Status.INVALID, Status.REJECTED, Status.FAILED, Status.DRIFTED, Status.SKIPPED)
_NEVER_BEGUN = frozenset({Reason.AUDIT, Reason.OTHER_ROWS_INVALID, Reason.REFUSED_BY_GUARD, Reason.DECLINED})
_SIGNAL_BASE = 128


def exit_code(
    counts: Mapping[Status, int],
    *,
    stopped: Reason | None = None,
    signal: int | None = None,
    error: ReassignError | None = None,
    differences: bool = False,
) -> int:
    """The code of a run with *counts* lines per status; lines left out on purpose are not to be counted.

    *stopped* is why the run as a whole did not go to its end, *differences* that some were found and asked about.
    """
    codes = {STOPS[stopped]} if stopped is not None and stopped in STOPS else set[Exit]()
    if error is not None:
        codes.add(Exit(error.exit_code))
    if signal is not None:
        # a reason that came with the signal says the same, less exactly
        codes -= {Exit.INTERRUPT, Exit.TERMINATED}
        codes.add(Exit(_SIGNAL_BASE + signal))
    codes |= _by_counts(counts, stopped)
    if differences:
        codes.add(Exit.DIFFERENCES)
    return next((code for code in PRECEDENCE if code in codes), Exit.OK)


def _by_counts(counts: Mapping[Status, int], stopped: Reason | None) -> set[Exit]:
    if stopped in _NEVER_BEGUN:
        return {Exit.INVALID_INPUT} if counts.get(Status.INVALID) and stopped is Reason.AUDIT else set()
    codes = {Exit.UNKNOWN} if counts.get(Status.UNKNOWN) else set[Exit]()
    if any(counts.get(status) for status in _NOT_WELL):
        codes.add(Exit.NOT_ALL)
    return codes


def exit_of(
    record: RunRecord,
    *,
    signal: int | None = None,
    error: ReassignError | None = None,
    differences: bool = False,
    skip_invalid: bool = False,
) -> int:
    """The code of a run as its journal tells it.

    With *differences* the command asks for code 8 when reality is not what the sheet says; a look that was told to
    *skip_invalid* rows is judged by the others.
    """
    counts = Counter(status for status, reason in endings(record) if reason is not Reason.NOT_SELECTED)
    if skip_invalid and record.whole_run is Reason.AUDIT:
        del counts[Status.INVALID]
    return exit_code(
        counts,
        stopped=record.whole_run,
        signal=signal,
        error=error,
        differences=differences and record.plan.differs(),
    )
