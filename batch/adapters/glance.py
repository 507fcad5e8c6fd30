"""A look into the journal of a run that is still going on: what is durable just now, from a copy.

The run holds its journal exclusively. Its file changes only when the write-ahead log is folded into it, and the log
only grows until then: a copy of both is one state of the journal if the file and the log's head stay the same.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from batch.adapters.journal import Journal
from batch.core.lifecycle import Entry
from batch.errors import JournalError, LockedError

Seen = TypeVar("Seen")

TRIES, PAUSE = 20, 0.05
"""Copies that are tried, and seconds between two, while the log is being folded in."""
HEAD = 32


def read_live(path: Path, read: Callable[[Iterator[Entry]], Seen]) -> tuple[Seen, bool]:
    """What *read* makes of the entries of the journal at *path*, and whether its run is still going on.

    Raises :class:`JournalError`, and what *read* raises.
    """
    try:
        with Journal.open(path) as journal:
            return read(journal.entries()), False
    except LockedError:
        return _of_a_copy(path, read), True


def is_going_on(path: Path) -> bool:
    """Whether a run holds the journal at *path*; none that is not there or damaged is held."""
    try:
        Journal.open(path).close()
    except LockedError:
        return True
    except JournalError:
        return False
    return False


def _of_a_copy(path: Path, read: Callable[[Iterator[Entry]], Seen]) -> Seen:
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            if _copied(path, copy):
                with Journal.open(copy) as journal:
                    return read(journal.entries())
        time.sleep(PAUSE)
    raise LockedError(f"the journal {path} is in use and does not hold still", hint="look again in a moment")


def _copied(path: Path, copy: Path) -> bool:
    """Whether the copy is one state of the journal."""
    log = path.with_name(f"{path.name}-wal")
    try:
        before = _state(path, log)
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
        shutil.copyfile(path, copy)
        return before == _state(path, log)
    except FileNotFoundError:  # the run has just ended
        return False
    except OSError as error:
        raise JournalError(f"cannot copy the journal {path}: {error.strerror}", hint="make room") from error


def _state(path: Path, log: Path) -> tuple[int, int, bytes]:
    told = path.stat()
    with log.open("rb") as file:
        return told.st_mtime_ns, told.st_size, file.read(HEAD)
