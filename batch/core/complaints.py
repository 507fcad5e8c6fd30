"""What a body that says no has to say (API.md §5: the shapes disagree): a code and a sentence, safe to print.

The text is a stranger's. It is one line, without control characters, and no longer than a cell of a report likes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from batch.core import fields

LONGEST_TEXT = 300  # characters of a complaint that reach a report
LONGEST_LOOK = 8_000  # characters of a body that are searched for a complaint
MOST_TEXTS = 100  # texts of a complaint that are looked at

TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
UNSHOWN = re.compile(r"<(script|style)\b.*?</\1[^>]*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


def error_of(body: bytes) -> tuple[str, str]:
    """The code and the sentence of an error body (API.md §5), one line each, capped; either may be empty."""
    document = fields.document(body)
    if isinstance(document, dict):
        code = next((_line(code) for code in _codes(document) if isinstance(code, str) and _line(code)), "")
        texts = islice(_sentences(document), MOST_TEXTS)
        sentences = dict.fromkeys(filter(None, map(_line, texts)))  # each once, in order
        return code, _capped("; ".join(sentences))
    shown = body[:LONGEST_LOOK].decode("utf-8", "replace")
    return "", _capped(_line(_of_page(shown) if shown.lstrip("\ufeff \t\r\n").startswith("<") else shown))


def _codes(document: Mapping[str, Any]) -> Iterator[object]:
    error, data = document.get("error"), document.get("data")
    yield error.get("code") if isinstance(error, dict) else error
    yield data.get("error") if isinstance(data, dict) else None


def _sentences(document: Mapping[str, Any]) -> Iterator[str]:
    error = document.get("error")
    yield from _texts(document.get("message"))
    if isinstance(error, dict):
        yield from _texts(error.get("message"))
        yield from _texts(error.get("details"))
    yield from _of_fields(document.get("errors"))


def _of_fields(errors: object) -> Iterator[str]:
    """Laravel's ``{field: [text]}``; the field is named, because the text alone need not tell what was wrong."""
    if isinstance(errors, dict):
        for field, texts in errors.items():
            yield from (f"{field}: {text}" for text in _texts(texts))
    else:
        yield from _texts(errors)


def _texts(value: object, depth: int = 3) -> Iterator[str]:
    """Every text in a value, which may be a plain sentence as well as a list or an object of them."""
    if isinstance(value, str):
        yield value[:LONGEST_LOOK]
    elif isinstance(value, dict | list) and depth > 0:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth - 1)


def _of_page(page: str) -> str:
    title = TITLE.search(page)
    return html.unescape(title[1] if title is not None else UNSHOWN.sub(" ", page))


def _line(text: str) -> str:
    """One line without control characters and direction marks, which could forge a line of a log."""
    return UNPRINTABLE.sub(" ", text).strip()


def _capped(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
