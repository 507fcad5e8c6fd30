"""The journal: what is appended is on disk, in order, and cannot be altered unseen."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest

from batch.adapters.journal import VERSION, Journal
from batch.core.lifecycle import Entry, Kind
from batch.errors import JournalError, LockedError

pytestmark = pytest.mark.anyio


def entry(change: int, kind: Kind = Kind.INTENT) -> Entry:
    return Entry(kind, 1_700_000_000.5 + change, change, {"text": f"+49 {change} “ü”"})


def closed(path: Path, *entries: Entry) -> Path:
    """A journal with these entries, closed again."""
    with Journal.create(path) as journal:
        journal.append_now(*entries)
    return path


async def test_entries_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Another opening reads the same entries in the same order."""
    written = [entry(i) for i in range(5)]
    with Journal.create(tmp_path / "j") as journal:
        await journal.append(*written)
    with Journal.open(tmp_path / "j") as journal:
        assert written == list(journal.entries())


async def test_appends_of_one_moment_share_a_commit(tmp_path: Path) -> None:
    """Twenty tasks that append at the same time cost one transaction, and each returns after it."""
    with Journal.create(tmp_path / "j") as journal:
        statements: list[str] = []
        journal._database.set_trace_callback(statements.append)
        async with anyio.create_task_group() as tasks:
            for i in range(20):
                tasks.start_soon(journal.append, entry(i))
        assert 1 == statements.count("COMMIT")
        assert 20 == len(list(journal.entries()))


async def test_a_cancelled_append_leaves_the_others_whole(tmp_path: Path) -> None:
    """Cancelling the task that leads a commit neither loses its entry nor hangs those that share it."""
    with Journal.create(tmp_path / "j") as journal:
        async with anyio.create_task_group() as tasks:
            leader = anyio.CancelScope()

            async def led() -> None:
                with leader:
                    await journal.append(entry(0))

            tasks.start_soon(led)
            tasks.start_soon(journal.append, entry(1))
            leader.cancel()
        assert {0, 1} >= {e.change for e in journal.entries()}
        assert 1 in {e.change for e in journal.entries()}


async def test_after_a_failed_write_nothing_more_is_accepted(tmp_path: Path) -> None:
    """The first failure is told to everyone who appends from then on."""
    with Journal.create(tmp_path / "j") as journal:
        journal._database.execute("PRAGMA query_only = ON")
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.append(entry(0))
        journal._database.execute("PRAGMA query_only = OFF")
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.append(entry(1))


def test_a_journal_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Only its owner can read it."""
    assert 0o600 == closed(tmp_path / "j").stat().st_mode & 0o777


def test_an_untouched_journal_verifies(tmp_path: Path) -> None:
    """The chain of hashes of a journal that nobody touched is whole."""
    with Journal.open(closed(tmp_path / "j", entry(0), entry(1))) as journal:
        assert journal.verify() is None


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE entry SET body = '{}' WHERE seq = 2", 2),
        ("DELETE FROM entry WHERE seq = 2", 2),
        ("UPDATE entry SET at = 0 WHERE seq = 3", 3),
        ("UPDATE entry SET change = 9 WHERE seq = 1", 1),
    ],
)
def test_an_altered_entry_is_named(tmp_path: Path, statement: str, first: int) -> None:
    """Verifying names the first entry that was altered or removed."""
    path = closed(tmp_path / "j", entry(0), entry(1), entry(2), entry(3))
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()
    with Journal.open(path) as journal:
        assert first == journal.verify()


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    """A journal of a later version is refused with words, since its promises are not known here."""
    path = closed(tmp_path / "j")
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(JournalError, match="newer"):
        Journal.open(path)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    """Some other program's SQLite file is not taken for a journal."""
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    with pytest.raises(JournalError, match="not a journal"):
        Journal.open(tmp_path / "j")


@pytest.mark.parametrize("content", [b"not sqlite at all, but long enough to be a header", b"SQLite format 3\0trunc"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Truncated and renamed files are refused with words."""
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(JournalError, match=r"damaged|not a journal"):
        Journal.open(tmp_path / "j")


def test_a_missing_journal_is_refused(tmp_path: Path) -> None:
    """A run folder without a journal is named as such."""
    with pytest.raises(JournalError, match="no journal"):
        Journal.open(tmp_path / "j")


def test_a_journal_in_use_is_refused(tmp_path: Path) -> None:
    """While a run goes on, its journal belongs to it alone."""
    with Journal.create(tmp_path / "j") as journal:
        journal.append_now(entry(0))
        with pytest.raises(LockedError, match="in use"):
            Journal.open(tmp_path / "j")


def test_an_existing_file_is_never_taken_over(tmp_path: Path) -> None:
    """A new journal does not replace an old one."""
    with pytest.raises(JournalError):
        Journal.create(closed(tmp_path / "j"))
