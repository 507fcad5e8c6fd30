"""The journal: what is appended is on disk, in order, and cannot be altered unseen."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from batch.adapters.journal import READABLE, VERSION, Journal
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


def test_a_journal_of_the_version_before_is_marked_once_it_is_written_to(tmp_path: Path) -> None:
    """Not by reading; from then on an older program must say that it is too old for it."""
    path = closed(tmp_path / "j")

    def version(*made: int) -> int:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {made[0]}" if made else "SELECT 1")
            return int(database.execute("PRAGMA user_version").fetchone()[0])

    told = [version(2)]
    with Journal.open(path) as journal:
        assert journal.verify() is None
    told.append(version())
    with Journal.open(path) as journal:
        journal.append_now(Entry(Kind.RESUMED, 1.0))
        assert journal.verify() is None
    assert [*told, version()] == [2, 2, VERSION]


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


# ── what a crash or a full disk leaves ────────────────────────────────────────────────────────────────────────────────

KILLED = """
import anyio, os, signal, sys
from pathlib import Path
from batch.adapters.journal import Journal
from batch.core.lifecycle import Entry, Kind

async def main():
    journal = Journal.create(Path(sys.argv[1]))
    for change in range(3):
        await journal.append(Entry(Kind.INTENT, 1.0, change))
    os.kill(os.getpid(), signal.SIGKILL)

anyio.run(main)
"""


def test_what_was_appended_outlives_a_kill(tmp_path: Path) -> None:
    """All of it, at once, without mending; the chain is whole."""
    process = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "j")], check=False, timeout=60)
    assert -signal.SIGKILL == process.returncode
    with Journal.open(tmp_path / "j") as journal:
        assert [0, 1, 2] == [e.change for e in journal.entries()]
        assert journal.verify() is None


def filled(path: Path) -> Journal:
    """A journal of one entry, on a disk with room for a page or two more."""
    journal = Journal.create(path)
    journal.append_now(entry(0))
    (pages,) = journal._database.execute("PRAGMA page_count").fetchone()
    journal._database.execute(f"PRAGMA max_page_count = {pages + 1}")
    return journal


def large(change: int) -> Entry:
    return Entry(Kind.OUTCOME, 1.0, change, {"text": "x" * 30_000})


async def test_a_full_disk_is_told_to_all_who_shared_the_commit(tmp_path: Path) -> None:
    """None of them may believe that its entry is on disk."""
    told: list[str] = []

    async def append(journal: Journal, change: int) -> None:
        try:
            await journal.append(large(change))
        except JournalError as error:
            told.append(error.hint)

    with filled(tmp_path / "j") as journal:
        async with anyio.create_task_group() as tasks:
            for change in range(5):
                tasks.start_soon(append, journal, change)
        with pytest.raises(JournalError, match="full"):
            journal.append_now(entry(9))
    assert ["make room or mend the disk, then `reassign resume`"] * 5 == told


async def test_what_could_not_be_written_is_not_read_back_either(tmp_path: Path) -> None:
    """A report made after the failure tells what is on disk, and so does the next opening."""
    failing = "CREATE TEMP TRIGGER t BEFORE INSERT ON entry WHEN NEW.change = 2 BEGIN SELECT RAISE(ABORT, 'EIO'); END"
    with Journal.open(closed(tmp_path / "j", entry(0))) as journal:
        journal._database.execute(failing)
        with pytest.raises(JournalError, match="EIO"):
            await journal.append(entry(1), entry(2))
        assert [entry(0)] == list(journal.entries())
    with Journal.open(tmp_path / "j") as journal:
        assert ([entry(0)], None) == (list(journal.entries()), journal.verify())


def test_a_run_can_be_gone_on_with_once_there_is_room(tmp_path: Path) -> None:
    """The chain goes on where it stopped."""
    with filled(tmp_path / "j") as journal, pytest.raises(JournalError):
        journal.append_now(large(1))
    with Journal.open(tmp_path / "j") as journal:
        journal.append_now(large(1))
        assert (2, None) == (len(list(journal.entries())), journal.verify())


# ── altered ones ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE entry SET kind = 'outcome' WHERE seq = 3", 3),
        ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 4", 4),
        ("UPDATE entry SET seq = 9 WHERE seq = 4", 4),
        ("DELETE FROM entry WHERE seq = 1", 1),
        ("INSERT INTO entry SELECT 5, at, kind, change, body, hash FROM entry WHERE seq = 4", 5),
        ("UPDATE entry SET body = (SELECT body FROM entry WHERE seq = 1) WHERE seq = 2", 2),
    ],
    ids=["kind", "hash", "moved", "first removed", "repeated", "copied over"],
)
def test_every_way_to_alter_an_entry_is_found(tmp_path: Path, statement: str, first: int) -> None:
    """The first entry that does not fit is named."""
    path = closed(tmp_path / "j", entry(0), entry(1), entry(2), entry(3))
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()
    with Journal.open(path) as journal:
        assert first == journal.verify()


@pytest.mark.parametrize(
    "statement", ["UPDATE entry SET kind = 'guess'", "UPDATE entry SET body = '{'"], ids=["kind", "body"]
)
def test_an_entry_that_makes_no_sense_is_refused(tmp_path: Path, statement: str) -> None:
    """With words, not with a traceback."""
    path = closed(tmp_path / "j", entry(0))
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()
    with Journal.open(path) as journal, pytest.raises(JournalError, match="damaged"):
        list(journal.entries())


@pytest.mark.parametrize("kept", [0.0005, 0.01, 0.5, 0.99])
def test_a_journal_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    """At whatever place it was cut, it is found when it is opened, verified or read."""
    path = closed(tmp_path / "j", *[large(i) for i in range(20)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])

    def read_all() -> None:
        with Journal.open(path) as journal:
            journal.verify()
            list(journal.entries())

    with pytest.raises(JournalError, match="damaged"):
        read_all()


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


def test_a_disk_that_cannot_be_written_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal may be whole: the reader is told what the matter is."""
    path = closed(tmp_path / "j", entry(0))

    def read_only(file: Path, **how: Any) -> sqlite3.Connection:
        return sqlite3.Connection(f"file:{file}?mode=ro", uri=True, **how)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(JournalError, match="cannot be opened") as error:
        Journal.open(path)
    assert "disk" in error.value.hint


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
