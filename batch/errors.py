"""What can stop a whole run, split by what the caller can do about it; each class carries its exit code.

    ReassignError
    ├── UsageError          2   say it differently: a flag, a setting, a file that is not there
    ├── InputError          3   mend the sheet: the file as a whole cannot be used
    ├── CredentialsError    4   mend the token, or the host: answers that are not this API's
    ├── SafetyError         7   a brake held: a guard, a budget, a stale or used plan
    │   └── WaveError       7   what was seen after a wave ends the run
    ├── LockedError         9   wait: another run holds this workspace
    ├── UnavailableError   10   resume later: the API does not answer
    │   └── TimeOverError  10   resume later: the run had no more time
    └── JournalError       11   mend the disk, then resume

A problem of one row is never an exception: it is a :class:`batch.core.model.Problem`. Foreign errors (pandas, sqlite3,
OSError) are mapped to one of these where they arise, with ``from``. Nothing of these carries a token.
"""

from __future__ import annotations

from typing import ClassVar


class ReassignError(Exception):
    """Anything that stops a run for a reason a person can act on. ``hint`` is what to do, one sentence."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReassignError):
    """The command line, a setting or a job file is wrong."""

    exit_code = 2


class InputError(ReassignError):
    """The input file as a whole cannot be used: no header, unreadable, protected, not a sheet."""

    exit_code = 3


class CredentialsError(ReassignError):
    """The token was refused, or what answers is not the API (a login page, a firewall)."""

    exit_code = 4


class SafetyError(ReassignError):
    """A safety rule refused or stopped the run."""

    exit_code = 7


class WaveError(SafetyError):
    """A wave is not as it should be, so no other must start."""


class LockedError(ReassignError):
    """Another run holds this workspace's lock."""

    exit_code = 9


class UnavailableError(ReassignError):
    """The API did not answer for longer than the run may last; the run can be resumed."""

    exit_code = 10


class TimeOverError(UnavailableError):
    """The time allowed for the run is over; of the API that says nothing."""

    def __init__(self) -> None:
        super().__init__("the run's time is over", hint="try again later")


class JournalError(ReassignError):
    """The journal or the disk failed, or the journal is not one this version may go on with."""

    exit_code = 11
