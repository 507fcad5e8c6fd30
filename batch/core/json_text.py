"""JSON as text: read and written by orjson, and by the standard library what orjson does not take.

That is half a character of a pair, a number that is none (``NaN``), text in UTF-16 or with a mark: all seen in the
wild, or typed into a sheet. A whole number of more than 64 bits is read as a float.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_HALF = re.compile("[\ud800-\udfff]")


class Written(bytes):
    """A value that is JSON already, and becomes part of a larger one as it is."""

    __slots__ = ()


def decode(text: bytes | str) -> Any:
    """The value that *text* tells. Raises ValueError or RecursionError when it is not JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def encode(value: Any) -> bytes:
    """*value* in UTF-8, without spaces.

    Half a character, which UTF-8 cannot hold, is named as JSON does it; two halves side by side become their character,
    as they would when the JSON is read.
    """
    try:
        return orjson.dumps(value, default=_as_written)
    except TypeError:
        return _named(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_read_again))


def encode_sorted(value: Any) -> bytes:
    """As :func:`encode`, with the keys of every object in order."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _named(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def _named(text: str) -> bytes:
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", paired).encode()


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Written):
        return orjson.Fragment(bytes(value))
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _read_again(value: object) -> Any:
    if isinstance(value, Written):
        return json.loads(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
