"""The token: where it comes from, what cannot be one, and that it shows itself nowhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from batch.adapters.credentials import CREDENTIAL, MOST, VARIABLE, Secret, find_token
from batch.adapters.target import Target
from batch.core.model import Workspace
from batch.errors import UsageError

TOKEN = "42|s3cr3t-Token"


def kept(folder: Path, content: bytes | str, name: str = "token") -> Path:
    """A file that holds a token."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ── where it comes from ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_comes_before_the_variable_and_the_variable_before_the_credential(tmp_path: Path) -> None:
    """What was named by hand is meant; what the service manager hands over is the last resort."""
    kept(tmp_path, "from-systemd\n", CREDENTIAL)
    environ = {VARIABLE: "from-environment", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = [find_token(kept(tmp_path, "from-file\n"), environ), find_token(None, environ)]
    del environ[VARIABLE]
    found.append(find_token(None, environ))
    assert [secret.reveal() for secret in found] == ["from-file", "from-environment", "from-systemd"]


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    """As a container that was given no value sets it."""
    kept(tmp_path, TOKEN, CREDENTIAL)
    assert find_token(None, {VARIABLE: "", "CREDENTIALS_DIRECTORY": str(tmp_path)}).reveal() == TOKEN


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": "/nonexistent"}], ids=["nothing", "no such folder"])
def test_without_any_the_way_to_give_one_is_told(environ: dict[str, str]) -> None:
    """By variable or by file; never on the command line."""
    with pytest.raises(UsageError, match="no API token") as error:
        find_token(None, environ)
    assert (VARIABLE in error.value.hint, "--token-file" in error.value.hint) == (True, True)


@pytest.mark.parametrize(
    "content",
    [TOKEN, f"{TOKEN}\n", f"{TOKEN}\r\n", f"\n  {TOKEN}\t", f"Bearer {TOKEN}\n", f"\ufeff{TOKEN}\r\n"],
    ids=["bare", "line break", "Windows", "spaces around", "with the word Bearer", "byte order mark"],
)
def test_what_editors_add_around_a_token_is_not_part_of_it(tmp_path: Path, content: str) -> None:
    """Files end in a line break, and some begin with a byte order mark."""
    assert find_token(kept(tmp_path, content), {}).reveal() == TOKEN


# ── what cannot be one ────────────────────────────────────────────────────────────────────────────────────────────────

BAD = {
    "empty": "",
    "only spaces": " \t\n",
    "only the word": "Bearer ",
    "a line break inside": "s3cr3t\nX-Other: s3cr3t",
    "a carriage return inside": "s3cr3t\rs3cr3t",
    "a space inside": "s3cr3t s3cr3t",
    "a tab inside": "s3cr3t\ts3cr3t",
    "a letter beyond ASCII": "s3cr3t-ü",
    "a control character": "s3cr3t\x00",
    "an invisible character": "s3cr3t\u200b",
    "not UTF-8": b"s3cr3t-\xff",
    "UTF-16": "s3cr3t".encode("utf-16"),
    "far too long": "s3cr3t" * MOST,
}


def everything_said(error: BaseException) -> str:
    """Message, hint, and the printed traceback with all its causes."""
    printed = "".join(traceback.format_exception(error))
    return f"{printed} {error.args} {getattr(error, 'message', '')} {getattr(error, 'hint', '')} {error!r}"


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_holds_no_token_is_refused_without_quoting_it(tmp_path: Path, content: bytes | str) -> None:
    """It may be a token with a slip of the keyboard: the place is named, not the content."""
    path = kept(tmp_path, content)
    with pytest.raises(UsageError, match="token file") as error:
        find_token(path, {})
    assert str(path) in error.value.message
    assert "s3cr3t" not in everything_said(error.value)


IN_A_VARIABLE = {name: text for name, text in BAD.items() if isinstance(text, str) and 0 < len(text) < MOST}


@pytest.mark.parametrize("text", IN_A_VARIABLE.values(), ids=IN_A_VARIABLE)
def test_a_variable_that_holds_no_token_is_refused_without_quoting_it(text: str) -> None:
    """The variable is named."""
    with pytest.raises(UsageError, match=VARIABLE) as error:
        find_token(None, {VARIABLE: text})
    assert "s3cr3t" not in everything_said(error.value)


@pytest.mark.parametrize("name", ["missing", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """With the reason of the operating system."""
    with pytest.raises(UsageError, match="cannot read the token file"):
        find_token(tmp_path / name, {})


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "ü"], ids=ascii)
def test_no_secret_is_made_of_what_a_header_cannot_carry(text: str) -> None:
    """A line break would forge another header."""
    with pytest.raises(UsageError):
        Secret(text)


# ── where it shows ────────────────────────────────────────────────────────────────────────────────────────────────────


def a_target() -> Target:
    return Target(Workspace("acme", "acme.mihu.ai"), "https://acme.mihu.ai/api/v1", Secret(TOKEN))


SHOWN: dict[str, Any] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value} {value!r} {value!s}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 -- as a logger does it
    "in a list": lambda value: f"{[value]} { ({'x': value}) }",
    "replaced": lambda value: repr(replace(value) if isinstance(value, Target) else value),
    "log": lambda value: logging.LogRecord("x", 20, "x", 1, "%s %r", (value, value), None).getMessage(),
    "ascii": ascii,
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("made", [a_target, lambda: Secret(TOKEN)], ids=["target", "secret"])
def test_a_token_shows_itself_in_no_text(show: Any, made: Any) -> None:
    """Neither by itself nor inside what carries it."""
    assert "s3cr3t" not in show(made())


@pytest.mark.parametrize(
    "store", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda s: asdict(replace(a_target(), token=s))]
)
def test_a_token_is_neither_stored_nor_copied(store: Any) -> None:
    """Each way to do so fails, and the failure does not tell."""
    with pytest.raises(TypeError) as error:
        store(Secret(TOKEN))
    assert "s3cr3t" not in everything_said(error.value)


def test_a_traceback_that_prints_variables_does_not_show_it() -> None:
    """Some loggers do so on their own."""

    def fail(there: Target, secret: Secret) -> None:
        raise ZeroDivisionError(there, secret)

    try:
        fail(a_target(), Secret(TOKEN))
    except ZeroDivisionError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert ("secret = Secret(…)" in told, "s3cr3t" in told) == (True, False)


@pytest.mark.parametrize(
    ("token", "received", "left"),
    [
        pytest.param("42|s3cr3t-Token", b"Bearer 42|s3cr3t-Token!", b"Bearer [token]!", id="quoted"),
        pytest.param("s3cr3t/Token/42", rb'{"x": "s3cr3t\/Token\/42"}', b'{"x": "[token]"}', id="as PHP writes it"),
        pytest.param("42|s3cr3t-Token", rb'"42\u007Cs3cr3t\u002dToken"', b'"[token]"', id="as .NET writes JSON"),
        pytest.param("42|s3cr3t&Token", b"<p>42&#124;s3cr3t&amp;Token", b"<p>[token]", id="as HTML has it"),
        pytest.param("42|s3cr3t+Token", b"?token=42%7Cs3cr3t%2bToken", b"?token=[token]", id="as a URL has it"),
        pytest.param(
            "42|s3cr3t-Token", '"42|s3cr3t-Token"'.encode("utf-16-le"), '"[token]"'.encode("utf-16-le"), id="in UTF-16"
        ),
        pytest.param(r"\/" * 20, (r"\/" * 19 + r"\x").encode(), (r"\/" * 19 + r"\x").encode(), id="no end of readings"),
        pytest.param(r"\/" * 20, rb"\\/" * 20, b"[token]", id="of backslashes, in JSON"),
        pytest.param("call", b'{"channel": "call"}', b'{"channel": "call"}', id="a word of the API"),
    ],
)
def test_a_token_is_struck_out_of_what_a_server_sends(token: str, received: bytes, left: bytes) -> None:
    """A token that may as well be something else stays, or an answer would change its meaning."""
    assert Secret(token).struck_out(received) == left


def test_two_secrets_tell_nothing_by_comparison() -> None:
    """Equality would be a way to guess."""
    assert Secret(TOKEN) != Secret(TOKEN)


def test_a_token_given_where_its_file_is_meant_is_not_told() -> None:
    """A name that looks like one is; any other is told as it was given."""
    with pytest.raises(UsageError) as caught:
        find_token(Path("42abcdefGHIJKLMNopqrstuv"))
    assert ("abcdefGHIJ" in caught.value.message, "may be the token itself" in caught.value.message) == (False, True)
    with pytest.raises(UsageError, match="secrets/mihu-token"):
        find_token(Path("secrets/mihu-token"))
