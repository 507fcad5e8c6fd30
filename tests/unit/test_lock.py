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
from batch.errors import LockedError

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
    """Tenant and host both count, also when their texts could be joined alike."""
    others = (Workspace("acme", "127.0.0.1:8080"), Workspace("acme2", "acme.mihu.ai"), Workspace("../../etc", "x"))
    with workspace_lock(ACME, "first", folder=tmp_path):
        for other in others:
            with workspace_lock(other, "second", folder=tmp_path) as path:
                assert path.parent == tmp_path


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
