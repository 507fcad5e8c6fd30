"""The API token: where it comes from, and how it is kept from everything that could print it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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
_USABLE = re.compile(r"[\x21-\x7e]+")  # what a header can carry; a space or a line break would forge another
_SCHEME = re.compile(r"\ABearer(?:\s+|\Z)")  # copied along with the token from an example of a header


class Secret:
    """A token that shows itself to :meth:`reveal` only: no repr, no copy, no pickle, no comparison."""

    __slots__ = ("_in_bytes", "_spellings", "_text")

    def __init__(self, text: str) -> None:
        if _USABLE.fullmatch(text) is None:
            raise UsageError("the API token is not one: it holds spaces, line breaks or letters beyond ASCII")
        self._text = text
        # as it is, and as PHP writes a slash in JSON; what is so short may be a word of the answer
        self._spellings = tuple({text, text.replace("/", "\\/")}) if len(text) >= TELLING else ()
        self._in_bytes = tuple(spelling.encode() for spelling in self._spellings)

    def struck_out(self, received: AnyStr) -> AnyStr:
        """What a server sent, without the token: a page that explains an error may quote the request's headers."""
        if isinstance(received, bytes):
            for spelling in self._in_bytes:
                if spelling in received:
                    received = received.replace(spelling, b"[token]")
        else:
            for text in self._spellings:
                if text in received:
                    received = received.replace(text, "[token]")
        return received

    def reveal(self) -> str:
        """The token. Called where the header is made, and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")


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


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(f"cannot read the token file {path}: {error.strerror}", hint="check --token-file") from error
    if len(content) > MOST:
        raise UsageError(f"the token file {path} is too long to hold a token", hint="check --token-file")
    return content.decode("utf-8-sig", "replace")
