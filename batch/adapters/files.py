"""Files that are whole or not there, and nobody else's: modes 0600 and 0700, temporary file, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import platformdirs

from batch.errors import JournalError, UsageError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
LONGEST_NAME: Final = 255
"""Bytes of a name, on every file system in common use (NAME_MAX of linux/limits.h)."""
BESIDE: Final = len(".") + len(".") + 12
"""Bytes that the name of a file has more until it is whole: see :func:`replacing`."""


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


def obstacle(path: Path) -> str:
    """Why no file can be written at *path*, in words; empty when nothing that can be seen speaks against it."""
    words = {errno.ENOENT: f"there is no folder {path.parent}", errno.ENOTDIR: f"{path.parent} is not a folder"}
    if _longest((path.name,)) > LONGEST_NAME - BESIDE:
        return "its name is too long"
    try:
        if path.is_dir():
            return "it is a folder"
        if not stat.S_ISDIR(path.parent.stat().st_mode):
            return words[errno.ENOTDIR]
    except OSError as error:
        return words.get(error.errno or 0) or error.strerror or str(error)
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else f"the folder {path.parent} may not be written to"


def folder_obstacle(path: Path) -> str:
    """Why *path* is no folder and cannot become one, in words; empty when nothing speaks against it."""
    if _longest(path.parts) > LONGEST_NAME:
        return "a name in it is too long"
    for step in (path, *path.parents):
        try:
            kind = step.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue  # what is in the way stands further up
        except OSError as error:
            return error.strerror or str(error)
        return "" if stat.S_ISDIR(kind) else f"{step} is not a folder"
    return ""


def _longest(names: Iterable[str]) -> int:
    return max((len(os.fsencode(name)) for name in names), default=0)


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
