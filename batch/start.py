"""The first moments of a process: the command line is still being loaded, and cannot yet say that it was stopped."""

from __future__ import annotations

import os
import signal
from typing import Never

INTERRUPTED = 130
"""The exit code of an interrupted command."""


def begin() -> Never:
    """Load the command line and run it: the console script."""
    loading()
    from batch.cli import main  # noqa: PLC0415 - only now may it take its time

    main()


def loading() -> None:
    """Until the command line takes over, Ctrl-C ends the process with its exit code and no traceback.

    Whoever started us with it ignored, as a shell does with what runs in the background, is obeyed.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)


def loaded() -> None:
    """From here on Ctrl-C is an exception like any other, caught where something is to be put in order."""
    if signal.getsignal(signal.SIGINT) is _stopped:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stopped(_number: int, _frame: object) -> Never:
    os._exit(INTERRUPTED)
