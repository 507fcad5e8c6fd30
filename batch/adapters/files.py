"""Files that are whole or not there, and nobody else's: modes 0600 and 0700, temporary file, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import platformdirs

from batch.errors import JournalError, UsageError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def state_folder() -> Path:
    """Where this user's runs and locks are, unless told otherwise; raises :class:`UsageError` for a homeless user."""
    try:
        return platformdirs.user_state_path("reassign")
    except RuntimeError as error:
        raise UsageError("this user has no home folder", hint="set HOME or XDG_STATE_HOME") from error


def private_folder(path: Path) -> Path:
    """Make *path* (and its parents) a folder that only its owner can enter; raises :class:`JournalError`."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        path.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise JournalError(
            f"cannot make the folder {path}: {error.strerror}", hint="choose another --runs-dir"
        ) from error
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of *path* only when the block ends well.

    The bytes are on disk before the name changes, so a crash leaves the old file or the whole new one. A link planted
    at *path* is replaced, never followed. Raises :class:`JournalError` when the disk does not take it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), PRIVATE_FILE)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise JournalError(
            f"cannot write {path}: {error.strerror}", hint="make room, or choose another folder"
        ) from error


def write_private(path: Path, data: bytes) -> None:
    """Write *data* as the whole of *path*; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, as ``fsync`` does with content."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
