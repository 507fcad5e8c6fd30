"""One run per workspace at a time, by a kernel lock that dies with its holder.

The lock file is never deleted: a lock on a deleted file and one on its successor would exclude nobody. Who holds it is
written beside it for people to read; it decides nothing, so a stale note after a kill does no harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from batch.adapters.files import private_folder, state_folder, write_private
from batch.core.model import Workspace
from batch.errors import JournalError, LockedError

PATIENCE: Final = 0.5
"""Seconds to wait for a lock that is just being given back; the refusal must come within two seconds."""

_UNREADABLE = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)


@contextlib.contextmanager
def workspace_lock(workspace: Workspace, holder: str, *, folder: Path | None = None) -> Iterator[Path]:
    """Hold *workspace* for the run *holder*, for as long as the block lasts; gives the lock file.

    Raises :class:`LockedError` that names the present holder, :class:`JournalError` when the state folder cannot be
    used. *folder* replaces the user's state folder.
    """
    path = private_folder(folder or state_folder() / "locks") / f"{_name(workspace)}.lock"
    # The kernel frees it when the process ends, however it ends; filelock must not unlink it on release.
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=0.05)
    except Timeout as error:
        raise LockedError(
            f"another run works on {workspace}: {_holder(path)}",
            hint="wait until it ends, or stop it with Ctrl-C in its terminal",
        ) from error
    except OSError as error:
        raise JournalError(f"cannot lock {path}: {error.strerror}", hint="check the state folder") from error
    try:
        write_private(_note(path), json.dumps(_about(holder)).encode())
        yield path
    finally:
        _note(path).unlink(missing_ok=True)
        lock.release()


def _name(workspace: Workspace) -> str:
    """A readable key and a hash of the whole, so that no name can leave the folder or meet another's."""
    readable = _UNREADABLE.sub("-", workspace.key).strip(".-")[:40] or "workspace"
    return f"{readable}-{hashlib.sha256(workspace.key.encode()).hexdigest()[:16]}"


def _note(path: Path) -> Path:
    return path.with_suffix(".holder.json")


def _about(holder: str) -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "run": holder,
        "since": f"{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%d %H:%M:%SZ}",
    }


def _holder(path: Path) -> str:
    """The holder in words. The note may be missing for the moment between locking and writing it."""
    try:
        note = json.loads(_note(path).read_bytes())
        return f"run {note['run']}, process {note['pid']}, since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a run that has only just begun"
