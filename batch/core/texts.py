"""What a cell's text is, once everything a person cannot see is set aside."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = frozenset({"Cf", "Zs", "Zl", "Zp"})
_FORMULA_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_CELL_ERROR = re.compile(r"#(?:[^\W\d_]+(?:/[^\W_]+)?[!?]?|#+)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d+)?)?")
_DAY_OR_TIME = re.compile(
    r"\d{1,2}[/-]\d{1,2}|0[1-9]\.\d{1,2}|\d{1,2}\.\d{1,2}\."  # 1-2, 01.02, 1.2.; but 0.1 and 10.5 are fractions
    r"|\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4})"  # 01.02.2026
    r"|\d{1,2}[-. ]{1,2}[^\W\d_]{3,}\.?(?:[-. ]\d{2,4})?"  # 1-Feb, 01. Feb 26
    r"|\d{1,2}:\d\d(?::\d\d)?"
)
_TRUTH = re.compile(r"true|false|doğru|yanlış|wahr|falsch|vrai|faux|verdadero|falso", re.IGNORECASE)


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


def fold(word: str) -> str:
    """A word without case and spacing around it; Turkish has four letters i, and one is as good as another here."""
    return " ".join(trim(word).replace("İ", "i").casefold().replace("ı", "i").split())


def is_cell_error(text: str) -> bool:
    """Whether a trimmed text is what a spreadsheet shows instead of a value: ``#N/A``, ``#REF!``, ``####``."""
    return _CELL_ERROR.fullmatch(text) is not None


def is_cell_date(text: str) -> bool:
    """Whether a trimmed text is a date cell written out, as it comes from a workbook."""
    return _DATE.fullmatch(text) is not None


def damage(text: str) -> str:
    """The problem with a trimmed text that no person typed: an error, a truth value, a date or a time; or nothing.

    A date is one as it is written out, or as spreadsheets show it: ``1-Feb``, ``12:30``.
    """
    if is_cell_error(text):
        return "cell_error"
    if _TRUTH.fullmatch(text):
        return "cell_boolean"
    return "cell_date" if is_cell_date(text) or _DAY_OR_TIME.fullmatch(text) else ""
