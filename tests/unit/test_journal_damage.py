"""The journal when something goes wrong: what a crash or a full disk leaves, and what was altered is found."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from batch.adapters.journal import Journal
from batch.core.lifecycle import Entry, Kind
from batch.errors import JournalError
from tests.journals import closed, entry

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize(
    "remove", [Path.unlink, lambda path: path.rename(path.with_name("away"))], ids=["removed", "moved"]
)
async def test_a_journal_that_lost_its_name_takes_nothing_more(tmp_path: Path, remove: Callable[[Path], Any]) -> None:
    """What is written to it then, nobody could ever read; so nothing is sent."""
    with Journal.create(tmp_path / "j") as journal:
        await journal.append(entry(0))
        remove(tmp_path / "j")
        for _ in range(2):
            with pytest.raises(JournalError, match="was removed, or moved away"):
                await journal.append(entry(1))


def test_of_many_entries_all_are_added_or_none(tmp_path: Path) -> None:
    """Each is taken when its turn comes; when the last cannot be made, none was there, and the journal goes on."""

    def broken() -> Iterator[Entry]:
        yield entry(0)
        raise ZeroDivisionError

    with Journal.create(tmp_path / "j") as journal:
        with pytest.raises(ZeroDivisionError):
            journal.append_all(broken())
        journal.append_all(entry(change) for change in (1, 2))
    with Journal.open(tmp_path / "j") as journal:
        assert ([1, 2], None) == ([e.change for e in journal.entries()], journal.verify())


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


async def test_after_a_failed_write_nothing_more_is_accepted(tmp_path: Path) -> None:
    """The first failure is told to everyone who appends from then on."""
    with Journal.create(tmp_path / "j") as journal:
        journal._database.execute("PRAGMA query_only = ON")
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.append(entry(0))
        journal._database.execute("PRAGMA query_only = OFF")
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.append(entry(1))


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


def test_a_disk_that_cannot_be_written_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal may be whole: the reader is told what the matter is."""
    path = closed(tmp_path / "j", entry(0))

    def read_only(file: Path, **how: Any) -> sqlite3.Connection:
        return sqlite3.Connection(f"file:{file}?mode=ro", uri=True, **how)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(JournalError, match="cannot be opened") as error:
        Journal.open(path)
    assert "disk" in error.value.hint


# ── altered ones ──────────────────────────────────────────────────────────────────────────────────────────────────────


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
        ("UPDATE entry SET kind = 'outcome' WHERE seq = 3", 3),
        ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 4", 4),
        ("UPDATE entry SET seq = 9 WHERE seq = 4", 4),
        ("DELETE FROM entry WHERE seq = 1", 1),
        ("INSERT INTO entry SELECT 5, at, kind, change, body, hash FROM entry WHERE seq = 4", 5),
        ("UPDATE entry SET body = (SELECT body FROM entry WHERE seq = 1) WHERE seq = 2", 2),
    ],
    ids=[
        *("body", "removed", "time", "change", "kind"),
        *("hash", "moved", "first removed", "repeated", "copied over"),
    ],
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


@pytest.mark.parametrize("content", [b"not sqlite at all, but long enough to be a header", b"SQLite format 3\0trunc"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Truncated and renamed files are refused with words."""
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(JournalError, match=r"damaged|not a journal"):
        Journal.open(tmp_path / "j")


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
