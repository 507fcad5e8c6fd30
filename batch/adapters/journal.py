"""The journal: one SQLite file per run, to which entries are only ever added.

An entry is on disk before :meth:`Journal.append` returns; workers that append while one commit is under way share the
next, so durability costs an ``fsync`` for many changes and not one for each. There is exactly one connection, and
it holds the file exclusively: SQLite before 3.51.3 can lose commits when two connections checkpoint one WAL.

Each entry carries the SHA-256 of its text and of the hash before it, so an altered, removed or inserted entry breaks
the chain at its place (:meth:`Journal.verify`). Once a write has failed nothing more is accepted: the run stops.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import anyio
from anyio import to_thread

from batch.adapters.files import PRIVATE_FILE, sync_folder
from batch.core.json_text import decode, encode
from batch.core.lifecycle import Entry, Kind
from batch.errors import JournalError, LockedError

APPLICATION_ID = 0x5253474E
"""Marks the file as ours (``PRAGMA application_id``)."""

VERSION = 5
"""Version of what entries hold (``PRAGMA user_version``)."""
READABLE = frozenset({2, 3, 4, VERSION})
"""With a journal of any other version this program could not keep its promises."""

_SCHEMA = """
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, change INTEGER,
    body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT
"""
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?)"
"""The bodies go in and out as bytes, which is what they are made of."""
_KINDS = {kind.value: kind for kind in Kind}
_START = b"\0" * 32


class Log(Protocol):
    """What the engine needs of a journal."""

    async def append(self, *entries: Entry) -> None:
        """Add entries; they, and all before them, are durable when this returns. Raises :class:`JournalError`."""
        ...

    def add(self, *entries: Entry) -> None:
        """Add entries that the next commit takes along: nothing that is appended later is durable before them."""
        ...

    @property
    def pending(self) -> bool:
        """Whether added entries wait for a commit."""
        ...

    async def flush(self) -> None:
        """Make everything added durable. Raises :class:`JournalError`."""
        ...


class Journal:
    """An open journal. Make one with :meth:`create` or :meth:`open`, and use it as a context manager."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database
        self._file = _identity(path)
        self._pending: list[Entry] = []
        self._next: anyio.Event | None = None
        self._writing = anyio.Lock()
        self._failure: JournalError | None = None
        self._older = database.execute("PRAGMA user_version").fetchone()[0] != VERSION
        last = database.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = last[0] if last else 0
        self._hash: bytes = last[1] if last else _START

    @classmethod
    def create(cls, path: Path) -> Self:
        """Start a new journal at *path*, readable by its owner only; an existing file is refused.

        It gets its name when it is whole: a run that is killed meanwhile has no journal, and so has not begun.
        """
        fresh = path.with_name(f".{path.name}.new")
        try:
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, "it is there already")
            fresh.touch(mode=PRIVATE_FILE, exist_ok=False)
            fresh.chmod(PRIVATE_FILE)
            with contextlib.closing(_connect(fresh)) as database:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.execute(f"PRAGMA user_version = {VERSION}")
                database.execute(_SCHEMA)
            fresh.rename(path)
            sync_folder(path.parent)
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(path, error) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing journal; raises :class:`JournalError` for a foreign, newer or damaged one, LockedError."""
        if not path.is_file() or path.is_symlink():
            raise JournalError(f"there is no journal at {path}", hint="`reassign runs` lists the runs there are")
        with contextlib.ExitStack() as undo:
            try:
                database = undo.enter_context(contextlib.closing(_connect(path)))
                _check_identity(path, database)
                journal = cls(path, database)
            except sqlite3.DatabaseError as error:
                raise _unreadable(path, error) from error
            undo.pop_all()
            return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._database.close()

    async def append(self, *entries: Entry) -> None:
        """Add entries; they are durable when this returns. Raises :class:`JournalError`, then and ever after."""
        if self._failure is not None:
            raise self._failure
        if not entries:
            return
        self._pending.extend(entries)
        await self.flush()

    def add(self, *entries: Entry) -> None:
        """Add entries that the next commit takes along: nothing that is appended later is durable before them."""
        self._pending.extend(entries)

    @property
    def pending(self) -> bool:
        """Whether added entries wait for a commit; after a failure they wait in vain."""
        return bool(self._pending) and self._failure is None

    async def flush(self) -> None:
        """Make everything added durable. Raises :class:`JournalError`, then and ever after."""
        if self._failure is not None:
            raise self._failure
        if self._next is not None:  # who is cancelled here leaves what it added to the one that commits
            await self._next.wait()
        else:
            with anyio.CancelScope(shield=True):  # what goes to the disk is waited for, whatever ends the caller
                await self._commit()
        if self._failure is not None:
            raise self._failure

    async def _commit(self) -> None:
        """Make the next commit when the one under way is over; whoever appends until then shares it.

        In a thread: a disk may take milliseconds for an ``fsync``, in which the loop has calls to look after.
        """
        done = self._next = anyio.Event()
        try:
            async with self._writing:
                self._next = None
                entries, self._pending = self._pending, []
                if entries:
                    await to_thread.run_sync(self._write, entries)
        except Exception as error:
            self._failure = _unwritable(self.path, error)
            raise self._failure from error
        finally:
            done.set()

    def append_now(self, *entries: Entry) -> None:
        """Add entries outside an event loop (the end of a run)."""
        self.append_all(entries)

    def append_all(self, entries: Iterable[Entry]) -> None:
        """The same of many, each taken when its turn comes (the opening of a run): all of them are added, or none."""
        if self._failure is not None:
            raise self._failure
        self._write(entries)
        if self._failure is not None:
            raise self._failure

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Every entry after so many, in order."""
        asked = "SELECT at, kind, change, CAST(body AS BLOB) FROM entry WHERE seq > ? ORDER BY seq"
        try:
            for at, kind, change, body in self._database.execute(asked, (after,)):
                yield Entry(_KINDS.get(kind) or Kind(kind), at, change, decode(body))
        except (sqlite3.DatabaseError, ValueError) as error:
            raise _unreadable(self.path, error) from error

    def verify(self) -> int | None:
        """The number of the first entry that does not fit the chain of hashes; ``None`` when all do."""
        expected_seq, previous = 1, _START
        try:
            rows = self._database.execute(
                "SELECT seq, at, kind, change, CAST(body AS BLOB), hash FROM entry ORDER BY seq"
            )
            for seq, at, kind, change, body, kept in rows:
                previous = _chain(previous, seq, at, kind, change, body)
                if seq != expected_seq or kept != previous:
                    return expected_seq
                expected_seq += 1
        except sqlite3.DatabaseError as error:
            raise _unreadable(self.path, error) from error
        return None

    def _write(self, entries: Iterable[Entry]) -> None:
        """One commit; a failure is kept in ``_failure``, which ends all writing."""
        if self._failure is not None:
            return
        chain = _Chain(self._seq, self._hash)
        try:
            self._database.execute("BEGIN")
            if self._older:  # an older program must say that it is too old, not that this is damaged
                self._database.execute(f"PRAGMA user_version = {VERSION}")
            self._database.executemany(_INSERT, map(chain.link, entries))
            self._database.execute("COMMIT")
            self._check_place()
        except sqlite3.Error as error:
            self._failure = _unwritable(self.path, error)
            self._failure.__cause__ = error
            self._undo()
        except BaseException:
            self._undo()
            raise
        else:
            self._seq, self._hash, self._older = chain.seq, chain.hash, False

    def _check_place(self) -> None:
        """SQLite goes on writing to a file that has no name any more; nobody could read there what we did."""
        if _identity(self.path) != self._file:
            raise sqlite3.OperationalError("it was removed, or moved away")

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # the report must not read what is not on disk
            self._database.execute("ROLLBACK")


class _Chain:
    """Entries as rows of the table, each with the hash over it and the one before."""

    def __init__(self, seq: int, last: bytes) -> None:
        self.seq = seq
        self.hash = last

    def link(self, entry: Entry) -> tuple[int, float, str, int | None, bytes, bytes]:
        """The row of the next entry."""
        self.seq += 1
        kind, body = entry.kind.value, encode(entry.body)
        self.hash = _chain(self.hash, self.seq, entry.at, kind, entry.change, body)
        return self.seq, entry.at, kind, entry.change, body, self.hash


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is there; ``None`` when there is none."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    # used by one thread at a time, though not always by the same
    database = sqlite3.connect(path, isolation_level=None, timeout=0, cached_statements=16, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":  # how SQLite says that the disk did not take the change
            raise sqlite3.OperationalError(f"disk I/O error: the journal mode is still {mode!r}")
        database.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _check_identity(path: Path, database: sqlite3.Connection) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is not a journal of this tool")
    if version not in READABLE:
        age = "newer" if version > VERSION else "older"
        message = f"{path} was written by a {age} reassign (journal version {version}, this one knows {VERSION})"
        raise JournalError(message, hint=f"use the {age} version to look at this run, or to go on with it")


def _chain(previous: bytes, seq: int, at: float, kind: str, change: int | None, body: bytes) -> bytes:
    found = hashlib.sha256(previous + f"{seq}\n{at!r}\n{kind}\n{change}\n".encode())
    found.update(body)
    return found.digest()


def _unwritable(path: Path, error: Exception) -> JournalError:
    hint = "make room or mend the disk, then `reassign resume`"
    return JournalError(f"the journal {path} cannot be written: {error}", hint=hint)


def _unreadable(path: Path, error: Exception) -> JournalError | LockedError:
    if "locked" in str(error):
        return LockedError(f"the journal {path} is in use: its run is still going on", hint="wait until it ends")
    if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
        return JournalError(
            f"the journal {path} cannot be opened: {error}", hint="it must be on a disk that can be written"
        )
    return JournalError(f"the journal {path} is damaged or not a journal: {error}")
