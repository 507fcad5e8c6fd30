"""Files that are whole or not there, and nobody else's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.adapters.files import folder_obstacle, obstacle, private_folder, replacing, write_private
from batch.errors import JournalError


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """As a service manager may leave it: everything for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    """0600, also when it takes the place of one that everybody could read."""
    (tmp_path / "f").write_text("old")
    write_private(tmp_path / "f", b"new")
    assert ((tmp_path / "f").read_bytes(), mode(tmp_path / "f")) == (b"new", 0o600)


def test_a_folder_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    """0700, also when it was there before, open to all."""
    (tmp_path / "there").mkdir(mode=0o777)
    assert [mode(private_folder(tmp_path / name)) for name in ("there", "new/deep")] == [0o700, 0o700]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Half a file is never seen under its name, and the temporary one goes."""
    write_private(tmp_path / "f", b"old")
    with contextlib.suppress(ZeroDivisionError), replacing(tmp_path / "f") as file:
        file.write(b"half of the n")
        raise ZeroDivisionError
    assert ([(tmp_path / "f")], b"old") == (list(tmp_path.iterdir()), (tmp_path / "f").read_bytes())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Whoever reads meanwhile sees the old one."""
    write_private(tmp_path / "f", b"old")
    with replacing(tmp_path / "f") as file:
        file.write(b"new")
        file.flush()
        assert (tmp_path / "f").read_bytes() == b"old"
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_planted_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """What it points to stays as it is."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "f").symlink_to(tmp_path / "victim")
    write_private(tmp_path / "f", b"ours")
    assert ((tmp_path / "f").is_symlink(), (tmp_path / "victim").read_text()) == (False, "precious")


@pytest.mark.parametrize("name", ["missing/f", "folder"], ids=["no such folder", "a folder in its place"])
def test_what_the_disk_does_not_take_is_told(tmp_path: Path, name: str) -> None:
    """Exit 11, naming the file; no temporary file is left."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(JournalError, match=f"cannot write .*{name}"):
        write_private(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "f").write_text("x")
    with pytest.raises(JournalError, match="cannot make the folder"):
        private_folder(tmp_path / "f")


# ── what can be known before anything is done ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("new", "", id="new"),
        pytest.param("file", "", id="there already"),
        pytest.param("folder", "it is a folder", id="a folder"),
        pytest.param("absent/new", "there is no folder {}/absent", id="no folder"),
        pytest.param("file/new", "{}/file is not a folder", id="through a file"),
        pytest.param("file/deep/new", "{}/file/deep is not a folder", id="deep through a file"),
        pytest.param("loop/new", "Too many levels of symbolic links", id="through a link to itself"),
        pytest.param("n" * 241, "", id="a long name"),
        pytest.param("n" * 242, "its name is too long", id="too long while it is not whole"),
        pytest.param("ü" * 128, "its name is too long", id="too long in bytes"),
    ],
)
def test_what_stands_in_the_way_of_a_file_is_told(tmp_path: Path, name: str, told: str) -> None:
    """And where nothing does, it can be written."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert obstacle(tmp_path / name) == told.format(tmp_path)
    if not told:
        write_private(tmp_path / name, b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_stands_in_the_way(tmp_path: Path) -> None:
    """Nothing can be put into it."""
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "may not be written to" in obstacle(tmp_path / "closed" / "new")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("absent/deep", "", id="to be made"),
        pytest.param("folder", "", id="there already"),
        pytest.param("file", "{}/file is not a folder", id="a file"),
        pytest.param("file/deep/er", "{}/file is not a folder", id="through a file"),
        pytest.param(f"absent/{'n' * 256}", "a name in it is too long", id="name too long"),
        pytest.param("loop/deep", "Too many levels of symbolic links", id="through a link to itself"),
    ],
)
def test_what_stands_in_the_way_of_a_folder_is_told(tmp_path: Path, name: str, told: str) -> None:
    """And where nothing does, it can be made."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert folder_obstacle(tmp_path / name) == told.format(tmp_path)
    if not told:
        private_folder(tmp_path / name)
