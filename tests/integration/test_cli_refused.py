"""What the command line refuses before anything is done, and what it does not repeat when it tells so."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import NoReturn

import click
import pytest

from batch import errors
from batch.cli import entry as cli
from batch.cli.common import refuse_output, wants_json


def failing(error: BaseException) -> click.Command:
    """A command that ends so, and was asked for JSON."""

    def body() -> NoReturn:
        wants_json.set(True)
        raise error

    return click.command("probe")(body)


@pytest.mark.parametrize(
    ("number", "file", "code"),
    [
        *((getattr(errno, name), "some/file", 2) for name in ("ENOENT", "EACCES", "EPERM", "EISDIR", "ENOTDIR")),
        *((getattr(errno, name), "some/file", 2) for name in ("ENAMETOOLONG", "ELOOP", "ENXIO")),
        *((getattr(errno, name), "some/file", 11) for name in ("EIO", "EROFS", "ENOSPC")),
        (errno.ENOENT, Path("some/file"), 2),
        (errno.ENOENT, b"some/file", 2),
        (errno.ENOSPC, None, 11),
        (errno.ENOENT, None, 1),
        (errno.EBADF, "some/file", 1),
        (errno.EIO, 7, 1),
    ],
    ids=lambda value: errno.errorcode.get(value) if isinstance(value, int) and value > 11 else None,
)
def test_what_the_system_says_of_a_file_is_no_bug(number: int, file: object, code: int, capsys) -> None:
    """Where nobody nearer to it has said it: with the file and the system's words."""
    assert cli.run([], failing(OSError(number, os.strerror(number), file))) == code
    told = capsys.readouterr().err
    assert ("bug:" in told, os.strerror(number) in told) == (code == 1, code != 1)
    assert ("some/file: " in told) == (code != 1 and number != errno.ENOSPC)


TOKEN = r"Canary-4f1d9c2e\7b6a8035"


@pytest.mark.parametrize("spelt", [TOKEN, TOKEN.lower(), repr(TOKEN), f"'{TOKEN[:16]}…"])
@pytest.mark.parametrize("kind", [errors.UsageError, click.UsageError])
def test_a_token_that_was_given_as_something_else_is_not_repeated(spelt: str, kind, capsys, monkeypatch) -> None:
    """Neither in words nor in JSON; a host is told in small letters, a wrong value in quotes, a long one cut."""
    monkeypatch.setenv("MIHU_API_TOKEN", f"Bearer {TOKEN}")
    assert cli.run([], failing(kind(f"the workspace {spelt} is none"))) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]["message"]
    assert ("[token]" in told, "[token]" in err, "4f1d9c2e" in (out + err).lower()) == (True, True, False)


def test_a_short_token_may_be_a_word_like_any_other(capsys, monkeypatch) -> None:
    """What is told stays readable."""
    monkeypatch.setenv("MIHU_API_TOKEN", "workspace")
    cli.run([], failing(errors.UsageError("the workspace is none")))
    assert "the workspace is none" in capsys.readouterr().err


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("out", "said"),
    [
        pytest.param("absent/x.xlsx", "there is no folder absent", id="no folder"),
        pytest.param("moves.csv/x.xlsx", "moves.csv is not a folder", id="through a file"),
        pytest.param("folder", "folder", id="a folder"),
        pytest.param(f"{'n' * 251}.xlsx", "its name is too long", id="name too long"),
        pytest.param(f"{'n' * 240}.xlsx", "its name is too long", id="too long while it is not whole"),
    ],
)
@pytest.mark.parametrize(
    "command", [["template"], ["export"], ["check", "moves.csv", "--annotate"]], ids=lambda it: it[0]
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(
    tmp_path: Path, command: list[str], out: str, said: str, capsys, monkeypatch
) -> None:
    """No account is asked for, no sheet looked through."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "moves.csv").write_text("number,channel,agent\n12,call,Bob\n")
    assert cli.run([*command, out]) == 2
    told = capsys.readouterr().err
    assert (said in told, "12" in told) == (True, False)


def test_a_plan_whose_signature_would_have_no_place_is_not_signed(tmp_path: Path, capsys) -> None:
    """Whoever signs is not asked for a passphrase first."""
    (tmp_path / "plan.json.sig").mkdir()
    assert cli.run(["approve", str(tmp_path / "plan.json"), "--key", "key"]) == 2
    assert "plan.json.sig: it is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["file", "file/runs", "n" * 300])
@pytest.mark.parametrize("command", [["plan", "absent.csv"], ["runs"], ["resume", "--yes"]], ids=lambda it: it[0])
def test_a_runs_folder_that_cannot_be_one_is_refused_before_anything_is_done(
    tmp_path: Path, command: list[str], name: str, capsys
) -> None:
    """It is looked at before the sheet."""
    (tmp_path / "file").touch()
    assert cli.run([*command, "--runs-dir", str(tmp_path / name)]) == 11
    assert "no runs can be kept in" in capsys.readouterr().err


def test_a_file_that_can_be_written_is_let_through(tmp_path: Path) -> None:
    """There or not."""
    (tmp_path / "there").touch()
    for name in ("there", "new"):
        refuse_output(tmp_path / name, "--out")
