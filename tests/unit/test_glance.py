"""Reading the journal of a run that is still going on."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.adapters import glance
from batch.adapters.journal import Journal
from batch.core.lifecycle import Entry, Kind
from batch.errors import LockedError

ENTRIES = [Entry(Kind.SEEN, float(i), body={"text": "x" * 3000}) for i in range(40)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal is."""
    return tmp_path / "journal.sqlite"


def test_what_is_durable_just_now_is_told(path: Path) -> None:
    """Entry by entry, while somebody else holds the journal and goes on writing."""
    with Journal.create(path) as journal:
        for count, entry in enumerate(ENTRIES, start=1):
            journal.append_now(entry)
            assert glance.read_live(path, tuple) == (tuple(ENTRIES[:count]), True)


def test_a_run_that_has_ended_is_read_as_it_is(path: Path) -> None:
    """No copy is needed."""
    with Journal.create(path) as journal:
        journal.append_now(*ENTRIES)
    assert glance.read_live(path, tuple) == (tuple(ENTRIES), False)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_copy_that_was_changed_under_way_is_not_believed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log was folded into the journal between the two halves of the copy, each time."""
    monkeypatch.setattr(glance, "PAUSE", 0.0)
    copyfile = glance.shutil.copyfile

    with Journal.create(path) as journal:
        journal.append_now(*ENTRIES)

        def folded_meanwhile(source: Path, target: Path) -> None:
            copyfile(source, target)
            journal._database.execute("PRAGMA wal_checkpoint(RESTART)")
            journal.append_now(ENTRIES[0])

        monkeypatch.setattr(glance.shutil, "copyfile", folded_meanwhile)
        with pytest.raises(LockedError, match="does not hold still"):
            glance.read_live(path, tuple)


def test_a_run_goes_on_while_it_holds_its_journal(path: Path) -> None:
    """One that was never made, and one that is let go, do not."""
    seen = [glance.is_going_on(path)]
    with Journal.create(path) as journal:
        journal.append_now(*ENTRIES)
        seen.append(glance.is_going_on(path))
    seen.append(glance.is_going_on(path))
    assert seen == [False, True, False]
