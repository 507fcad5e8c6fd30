"""A foreign JSON body and its single values, read without belief: what is not of the expected kind was not said."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from batch.core import json_text
from batch.core.model import Number

NUMBER = re.compile(r"\+?[0-9]{3,20}")
PUNCTUATION = re.compile(r"[\s().\-/\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BARE_UUID = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")
OPAQUE_ID = re.compile(r"[0-9a-z][0-9a-z_.:\-]{0,63}")
COUNT = re.compile(r"[0-9]{1,18}")
SURROGATES = re.compile(r"[\ud800-\udfff]")
MOST_VALUES = 1_000_000
"""Values of a body, at most: sixteen times as many as a page of a hundred heavy agents (API.md §2) may hold."""
_REMEMBERED = 4096  # a list of 100,000 numbers says the same few words over and over
WORDS = {"true": True, "1": True, "false": False, "0": False}


@functools.lru_cache(1)
def document(body: bytes) -> dict[str, Any] | list[Any] | None:
    """The JSON object or array of a body; ``None`` for anything else, a lone text in quotes included.

    Whoever judges an answer and whoever reads it ask one after the other, so the last one is kept; none may change it.
    """
    found = _decoded(body)
    return found if isinstance(found, dict | list) else None


def _holds_too_much(text: bytes | str) -> bool:
    """Whether *text* would become more values than any list has: a million of them take hundreds of megabytes."""
    if len(text) <= MOST_VALUES:
        return False
    return (text.count(",") if isinstance(text, str) else text.count(b",")) > MOST_VALUES


def _decoded(text: bytes | str) -> object:
    """What is no UTF-8 becomes ``\ufffd``, which no number and no id holds: it may stand where nobody looks."""
    if _holds_too_much(text):
        return None
    try:
        return json_text.decode(text)
    except UnicodeDecodeError:
        return _decoded(text.decode(errors="replace")) if isinstance(text, bytes) else None
    except (ValueError, RecursionError):  # ValueError: not JSON, a number of 5,000 digits
        return None


class Outline(Struct, frozen=True, gc=False):
    """A JSON object or array by what its envelope says of itself (API.md §4.5), as it says it."""

    success: object = None


_OUTLINE = Decoder(Outline)


def outline(body: bytes) -> Outline | None:
    """What a body is, in a tenth of the time that :func:`document` takes to read it whole; ``None`` as there."""
    try:
        return _OUTLINE.decode(checked(body))
    except (DecodeError, UnicodeDecodeError, RecursionError):
        found = document(body)
        return None if found is None else Outline(found.get("success") if isinstance(found, dict) else None)


def checked(body: bytes) -> bytes:
    """*body* as it is. Raises UnicodeDecodeError when it is no UTF-8, also where a reader passes over it."""
    if not body.isascii():
        body.decode()
    return body


def first(item: Mapping[str, Any], name: str, other: str) -> Any:
    """A field by the one of its two spellings that is there and not null."""
    value = item.get(name)
    return item.get(other) if value is None else value


def phone_number(value: object) -> Number | None:
    """A number as the API writes it, with or without ``+``, as E.164; ``None`` when it is not one."""
    text = value if isinstance(value, str) else _scalar(value)
    if NUMBER.fullmatch(text) is None:
        text = PUNCTUATION.sub("", text)
        if NUMBER.fullmatch(text) is None:
            return None
    return Number(text if text[0] == "+" else f"+{text}")


def identity(value: object) -> str | None:
    """A uuid in lower case with hyphens; an id of another make as it is, in lower case."""
    if isinstance(value, str) and UUID.fullmatch(value) is not None:
        return value
    lower = _scalar(value).strip().lower()
    if UUID.fullmatch(lower) is not None:
        return lower
    bare = BARE_UUID.fullmatch(lower.removeprefix("urn:uuid:").strip("{}").replace("-", ""))
    if bare is not None:
        return "-".join(bare.groups())
    return lower if OPAQUE_ID.fullmatch(lower) is not None else None


def text(value: object) -> str:
    """A text without the space around it, else empty. Half a surrogate pair could not be written to any file."""
    return _whole(value) if isinstance(value, str) else ""


def name(value: object) -> str:
    """A name in NFC, so that it equals what a sheet holds."""
    return unicodedata.normalize("NFC", text(value))


def plain(value: object) -> str | int | None:
    """A text, a whole number or a truth value; ``None`` for what says nothing as a single value."""
    return value if isinstance(value, str | int) else None


def count(value: object) -> int | None:
    """A count, also as digits in quotes."""
    digits = _scalar(value).strip()
    return int(digits) if COUNT.fullmatch(digits) is not None else None


def flag(value: object) -> bool | None:
    """A truth value, also as 0, 1 or a word in quotes."""
    return value if isinstance(value, bool) else WORDS.get(_scalar(value).strip().lower())


@functools.lru_cache(_REMEMBERED)
def _whole(value: str) -> str:
    return SURROGATES.sub("\ufffd", value.strip())


def _scalar(value: object) -> str:
    """A text, or a whole number as its digits: an id or a phone number may come without quotes."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
