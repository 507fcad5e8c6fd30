"""Silence for a reader that prints what it raises: of a damaged workbook people are told once, and in our words."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

_STDERR = 2
"""The engine knows nothing of ``sys.stderr``; it writes to this file descriptor."""


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Nothing reaches stderr as long as this lasts, from whichever library. Keep it to calls of the engine."""
    with contextlib.ExitStack() as after:
        with contextlib.suppress(OSError, AttributeError, ValueError):  # no stderr to keep silent
            sys.stderr.flush()
            kept = os.dup(_STDERR)
            after.callback(os.close, kept)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            after.callback(os.close, nowhere)
            os.dup2(nowhere, _STDERR)
            after.callback(os.dup2, kept, _STDERR)
        yield
