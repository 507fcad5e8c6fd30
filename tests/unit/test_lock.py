"""One run per workspace: a lock that names its holder and dies with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.adapters.lock import workspace_lock
from batch.core.model import Workspace
from batch.errors import JournalError, LockedError

ACME = Workspace("acme", "acme.mihu.ai")

HOLDER = """
import sys, time
from pathlib import Path
from batch.adapters.lock import workspace_lock
from batch.core.model import Workspace
with workspace_lock(Workspace("acme", "acme.mihu.ai"), "the-holder", folder=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def held_elsewhere(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock of acme."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_held_workspace_is_refused_within_two_seconds_naming_the_holder(tmp_path: Path) -> None:
    """Run, process and time of the holder are in the message."""
    with workspace_lock(ACME, "first", folder=tmp_path):
        begun = time.monotonic()
        with (
            pytest.raises(LockedError, match=r"run first, process \d+, since 20"),
            workspace_lock(ACME, "b", folder=tmp_path),
        ):
            pass
        assert time.monotonic() - begun < 2


def test_case_does_not_make_another_workspace(tmp_path: Path) -> None:
    """Host and tenant compare without case."""
    with workspace_lock(ACME, "first", folder=tmp_path), pytest.raises(LockedError):  # noqa: SIM117
        with workspace_lock(Workspace("ACME", "Acme.mihu.ai"), "b", folder=tmp_path):
            pass


def test_another_workspace_is_free(tmp_path: Path) -> None:
    """Another tenant of the vendor's, and whatever else answers at a host of its own."""
    others = (Workspace("acme", "127.0.0.1:8080"), Workspace("acme2", "acme2.mihu.ai"), Workspace("../../etc", "x"))
    with workspace_lock(ACME, "first", folder=tmp_path):
        for other in others:
            with workspace_lock(other, "second", folder=tmp_path) as path:
                assert path.parent == tmp_path


@pytest.mark.parametrize(
    "other",
    [Workspace("acme2", "acme.mihu.ai"), Workspace("", "acme.mihu.ai"), Workspace("acme", "acme.mindhunters.ai")],
    ids=["misnamed", "not named", "the older brand"],
)
def test_other_names_of_the_workspace_are_not_free(tmp_path: Path, other: Workspace) -> None:
    """What decides is whose trunks the host answers for, on both of the vendor's domains."""
    with (
        workspace_lock(ACME, "first", folder=tmp_path),
        pytest.raises(LockedError),
        workspace_lock(other, "second", folder=tmp_path),
    ):
        pass


def test_two_ports_of_one_machine_are_two_workspaces(tmp_path: Path) -> None:
    """As two stand-ins are."""
    one, two = (Workspace("", f"127.0.0.1:{port}") for port in (1, 2))
    with workspace_lock(one, "first", folder=tmp_path) as first, workspace_lock(two, "b", folder=tmp_path) as second:
        assert first != second


def test_a_lock_given_back_is_free_again(tmp_path: Path) -> None:
    """Also when the block ends with an error."""
    with pytest.raises(ZeroDivisionError), workspace_lock(ACME, "first", folder=tmp_path):
        raise ZeroDivisionError
    with workspace_lock(ACME, "second", folder=tmp_path):
        pass


def test_after_kill_9_the_next_run_starts_at_once(tmp_path: Path) -> None:
    """The kernel frees the lock; the note left behind decides nothing."""
    process = held_elsewhere(tmp_path)
    with pytest.raises(LockedError, match="run the-holder"), workspace_lock(ACME, "next", folder=tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with workspace_lock(ACME, "next", folder=tmp_path):
        pass


def test_a_refused_run_leaves_the_holders_note_alone(tmp_path: Path) -> None:
    """A third run still learns who holds it."""
    with workspace_lock(ACME, "first", folder=tmp_path):
        for _ in range(2):
            with pytest.raises(LockedError, match="run first"), workspace_lock(ACME, "b", folder=tmp_path):
                pass


def test_the_lock_folder_and_its_files_are_private(tmp_path: Path) -> None:
    """0700 and 0600."""
    folder = tmp_path / "locks"
    with workspace_lock(ACME, "first", folder=folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_lock_file_outlives_its_run(tmp_path: Path) -> None:
    """A lock on a deleted file and one on its successor would exclude nobody; the note about the holder goes."""
    with workspace_lock(ACME, "first", folder=tmp_path) as path:
        pass
    assert [path.name] == [left.name for left in tmp_path.iterdir()]


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": 1}'], ids=["empty", "half", "a list", "of another kind"])
def test_a_holder_that_cannot_be_read_is_named_as_just_begun(tmp_path: Path, note: bytes) -> None:
    """The note decides nothing, so a broken one breaks nothing."""
    with workspace_lock(ACME, "first", folder=tmp_path) as path:
        path.with_suffix(".holder.json").write_bytes(note)
        with pytest.raises(LockedError, match="only just begun"), workspace_lock(ACME, "b", folder=tmp_path):
            pass


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Exit 11, with what to look at."""
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(JournalError, match="locks"), workspace_lock(ACME, "a", folder=tmp_path / "locks"):
        pass


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder in its place, say."""
    with workspace_lock(ACME, "first", folder=tmp_path) as path:
        pass
    path.unlink()
    path.mkdir()
    with pytest.raises(JournalError, match="cannot lock"), workspace_lock(ACME, "a", folder=tmp_path):
        pass
