"""The journal: what is appended is on disk, in order, and no file is taken for one that is none."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import anyio
import pytest

from batch.adapters.journal import READABLE, VERSION, Journal
from batch.core.lifecycle import Entry, Kind
from batch.errors import JournalError, LockedError
from tests.journals import closed, entry

pytestmark = pytest.mark.anyio


async def test_entries_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Another opening reads the same entries in the same order."""
    written = [entry(i) for i in range(5)]
    with Journal.create(tmp_path / "j") as journal:
        await journal.append(*written)
    with Journal.open(tmp_path / "j") as journal:
        assert written == list(journal.entries())


# ── commits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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


async def test_who_shares_a_commit_and_is_cancelled_returns_at_once(tmp_path: Path) -> None:
    """Only the one that commits is held up by a slow disk; what the other appended gets there all the same."""
    room = threading.Event()

    def slow(_: str) -> None:
        if not room.wait(5):
            room.set()

    with Journal.create(tmp_path / "j") as journal:
        journal._database.set_trace_callback(slow)
        async with anyio.create_task_group() as tasks:
            for change in range(2):  # the first is at the disk, the second leads the commit after it
                tasks.start_soon(journal.append, entry(change))
                await anyio.wait_all_tasks_blocked()
            with anyio.CancelScope() as follower:
                follower.cancel()
                await journal.append(entry(2))
            told = (follower.cancelled_caught, journal.pending)
            room.set()
    with Journal.open(tmp_path / "j") as journal:
        assert ((True, True), [0, 1, 2]) == (told, [e.change for e in journal.entries()])


@pytest.mark.anyio
async def test_who_shares_a_commit_that_fails_unforeseen_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread can be started: all hear of it, then and ever after."""

    async def refused(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise RuntimeError("can't start new thread")

    heard: list[str] = []
    with Journal.create(tmp_path / "j") as journal:
        monkeypatch.setattr("batch.adapters.journal.to_thread.run_sync", refused)

        async def append(change: int) -> None:
            with pytest.raises(JournalError, match="can't start new thread") as error:
                await journal.append(Entry(Kind.INTENT, 1.0, change))
            heard.append(str(error.value))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for change in range(4):
                    tasks.start_soon(append, change)
            await append(9)
    assert len(heard) == 5


async def test_what_is_added_goes_with_the_next_commit_and_before_it(tmp_path: Path) -> None:
    """It waits for nobody, but nothing that is appended later is on the disk without it."""
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        journal.add(Entry(Kind.OUTCOME, 1.0, 7))
        before = (journal.pending, list(journal.entries()))
        await journal.append(Entry(Kind.INTENT, 2.0, 8))
        after = (journal.pending, [entry.change for entry in journal.entries()])
    assert (before, after) == ((True, []), (False, [7, 8]))


async def test_a_flush_waits_for_the_commit_that_has_taken_the_entries(tmp_path: Path) -> None:
    """Somebody else leads it."""
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        journal.add(Entry(Kind.OUTCOME, 1.0, 7))
        async with anyio.create_task_group() as both:
            both.start_soon(journal.flush)
            both.start_soon(journal.flush)
        assert [entry.change for entry in journal.entries()] == [7]


# ── which files are taken ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_journal_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Only its owner can read it."""
    assert 0o600 == closed(tmp_path / "j").stat().st_mode & 0o777


@pytest.mark.parametrize(("version", "age"), [(VERSION + 1, "newer"), (min(READABLE) - 1, "older")])
def test_a_journal_of_another_version_is_refused(tmp_path: Path, version: int, age: str) -> None:
    """With words, since its promises are not known here."""
    path = closed(tmp_path / "j")
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    with pytest.raises(JournalError, match=f"{age} reassign") as refused:
        Journal.open(path)
    assert refused.value.hint == f"use the {age} version to look at this run, or to go on with it"


@pytest.mark.parametrize("older", sorted(READABLE - {VERSION}))
def test_a_journal_of_a_version_before_is_marked_once_it_is_written_to(tmp_path: Path, older: int) -> None:
    """Not by reading; from then on an older program must say that it is too old for it."""
    path = closed(tmp_path / "j")

    def version(*made: int) -> int:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {made[0]}" if made else "SELECT 1")
            return int(database.execute("PRAGMA user_version").fetchone()[0])

    told = [version(older)]
    with Journal.open(path) as journal:
        assert journal.verify() is None
    told.append(version())
    with Journal.open(path) as journal:
        journal.append_now(Entry(Kind.RESUMED, 1.0))
        assert journal.verify() is None
    assert [*told, version()] == [older, older, VERSION]


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    """Some other program's SQLite file is not taken for a journal."""
    with sqlite3.connect(tmp_path / "j") as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    with pytest.raises(JournalError, match="not a journal"):
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


def test_a_refused_journal_is_let_go_of(tmp_path: Path) -> None:
    """It is held exclusively, and whoever could use it must not wait for this process to end."""
    path = closed(tmp_path / "j")
    for statement in (f"PRAGMA user_version = {VERSION + 1}", "PRAGMA application_id = 7", "DROP TABLE entry"):
        with sqlite3.connect(path, timeout=0) as database:
            database.execute(statement)
        database.close()
        with pytest.raises(JournalError):
            Journal.open(path)


def test_a_link_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    """Whoever planted it chose what would be written to."""
    (tmp_path / "link").symlink_to(closed(tmp_path / "j"))
    with pytest.raises(JournalError, match="no journal"):
        Journal.open(tmp_path / "link")


def test_a_folder_that_does_not_take_a_journal_is_named(tmp_path: Path) -> None:
    """Exit 11, before anything is sent."""
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.create(tmp_path / "missing" / "j")
