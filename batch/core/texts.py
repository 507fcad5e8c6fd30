"""What a cell's text is, once everything a person cannot see is set aside."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = frozenset({"Cf", "Zs", "Zl", "Zp"})
_FORMULA_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_CELL_ERROR = re.compile(r"#(?:[^\W\d_]+(?:/[^\W_]+)?[!?]?|#+)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d+)?)?")


def unseen(char: str) -> bool:
    """Whether *char* leaves no ink: any Unicode space, direction mark or zero-width character."""
    return char.isspace() or unicodedata.category(char) in _UNSEEN


def trim(text: str) -> str:
    """*text* without the unseen characters at its two ends; those inside are part of it."""
    if text.isascii():
        return text.strip()
    start, end = 0, len(text)
    while start < end and unseen(text[start]):
        start += 1
    while end > start and unseen(text[end - 1]):
        end -= 1
    return text[start:end]


def is_blank(text: str) -> bool:
    """Whether nothing in *text* leaves ink."""
    return not text or text.isspace() or not (text.isascii() or trim(text))


def unwrap(text: str) -> str:
    """The text inside ``="…"``, the usual trick to keep a spreadsheet from changing it; else *text* itself."""
    wrapped = _FORMULA_TEXT.fullmatch(text)
    return wrapped[1].replace('""', '"') if wrapped else text


def is_cell_error(text: str) -> bool:
    """Whether a trimmed text is what a spreadsheet shows instead of a value: ``#N/A``, ``#REF!``, ``####``."""
    return _CELL_ERROR.fullmatch(text) is not None


def is_cell_date(text: str) -> bool:
    """Whether a trimmed text is a date cell written out, as it comes from a workbook."""
    return _DATE.fullmatch(text) is not None
