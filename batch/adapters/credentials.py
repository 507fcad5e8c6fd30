"""The API token: where it comes from, and how it is kept from everything that could print it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html.entities import codepoint2name
from pathlib import Path
from typing import AnyStr, Final, NoReturn

from batch.errors import UsageError

VARIABLE: Final = "MIHU_API_TOKEN"
CREDENTIAL: Final = "mihu_api_token"
"""The name under which systemd's ``LoadCredential=`` hands the token over."""
MOST: Final = 16 * 1024
"""Bytes of a file that may hold a token: what common servers take as one header, and more."""
TELLING: Final = 12
"""Letters from which on a token is surely no other text."""
STRUCK: Final = "[token]"
"""What stands in a server's answer where it has quoted the token."""
_WIDE: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
"""In what else JSON may come (RFC 4627 §3), and is read."""
_USABLE = re.compile(r"[\x21-\x7e]+")  # what a header can carry; a space or a line break would forge another
_SCHEME = re.compile(r"\ABearer(?:\s+|\Z)")  # copied along with the token from an example of a header


class Secret:
    """A token that shows itself to :meth:`reveal` only: no repr, no copy, no pickle, no comparison."""

    __slots__ = ("_plain", "_spelt", "_text", "_wide")

    def __init__(self, text: str) -> None:
        if _USABLE.fullmatch(text) is None:
            raise UsageError("the API token is not one: it holds spaces, line breaks or letters beyond ASCII")
        self._text = text
        told = len(text) >= TELLING  # what is shorter may be a word of the answer
        self._plain = (text, text.encode()) if told else ()
        self._wide = tuple(text.encode(wide) for wide in _WIDE) if told else ()
        spelt = "".join(map(_spellings, text)) if told and not text.isalnum() else ""
        self._spelt = (re.compile(spelt), re.compile(spelt.encode())) if spelt else ()

    def struck_out(self, received: AnyStr) -> AnyStr:
        """What a server sent, without the token: a page that explains an error may quote the request's headers."""
        if not self._plain:
            return received
        if isinstance(received, str):
            received = received.replace(self._plain[0], STRUCK)
            return self._spelt[0].sub(STRUCK, received) if self._spelt else received
        received = received.replace(self._plain[1], STRUCK.encode())
        if self._spelt:
            received = self._spelt[1].sub(STRUCK.encode(), received)
        if b"\0" in received[:4]:
            for wide, text in zip(_WIDE, self._wide, strict=True):
                received = received.replace(text, STRUCK.encode(wide))
        return received

    def reveal(self) -> str:
        """The token. Called where the header is made, and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")


def _spellings(char: str) -> str:
    """A pattern for what a letter of a token may be written as: in JSON, HTML and URLs, which leave letters alone.

    The longest way first, and never another instead: a backslash is one or two, so a row of them has endless readings.
    """
    if char.isalnum():
        return char
    code = ord(char)
    named = f"|&{codepoint2name[code]};" if code in codepoint2name else ""
    plain = re.escape(char)
    in_json, in_html = rf"\\{plain}|\\u00{code:02x}", rf"&#0*{code};|&#x0*{code:x};{named}"
    return f"(?>(?i:{in_json}|{in_html}|%{code:02x}|{plain}))"


def find_token(token_file: Path | None, environ: Mapping[str, str] = os.environ) -> Secret:
    """The token of this run: ``--token-file``, then ``MIHU_API_TOKEN``, then a credential of systemd.

    Space around it is not part of it: files end in a line break, and some begin with a byte order mark. Raises
    :class:`UsageError` when there is none, or when it cannot be sent; no message quotes it.
    """
    if token_file is not None:
        return _secret(_content(token_file), f"the token file {token_file}")
    if environ.get(VARIABLE):
        return _secret(environ[VARIABLE], f"the environment variable {VARIABLE}")
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / CREDENTIAL).is_file():
        return _secret(_content(Path(folder) / CREDENTIAL), f"the credential {CREDENTIAL}")
    raise UsageError("there is no API token", hint=f"set {VARIABLE}, or give --token-file FILE")


def _secret(text: str, place: str) -> Secret:
    stripped = _SCHEME.sub("", text.strip())
    if not stripped:
        raise UsageError(f"{place} is empty", hint="put the token of this workspace there, and nothing else")
    try:
        return Secret(stripped)
    except UsageError as error:
        raise UsageError(
            f"{place} does not hold a token: there are spaces, line breaks or letters beyond ASCII in it",
            hint="put the token there as the platform showed it, and nothing else",
        ) from error


def _shown(path: Path) -> str:
    """The name of a file that cannot be read, unless it may be the token itself, given where its file is meant."""
    name = str(path)
    like_a_name = len(name) < 2 * TELLING or os.sep in name or "." in name
    return name if like_a_name else "(not shown: it may be the token itself; give the name of a file that holds it)"


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the token file {_shown(path)}: {why}", hint="check --token-file") from error
    if len(content) > MOST:
        raise UsageError(f"the token file {path} is too long to hold a token", hint="check --token-file")
    return content.decode("utf-8-sig", "replace")
