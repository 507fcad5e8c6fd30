"""What a number cell means: E.164, or why it cannot be told for certain.

Judged by the lengths that exist in a country (libphonenumber's *possible*), never by which ranges are in use: ranges
change faster than the metadata. A number written with its ``+`` keeps its digits exactly. What was only disguised is
repaired and said so (:mod:`batch.core.disguise`); what was destroyed is refused by name.
"""

from __future__ import annotations

import functools
import re

import phonenumbers
from msgspec import Struct
from msgspec.structs import replace
from phonenumbers import PhoneNumber, ValidationResult

from batch.core.disguise import undisguise
from batch.core.model import Number
from batch.core.texts import damage

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MAX_DIGITS = 15
"""E.164 ends there, and so do the digits a spreadsheet keeps of a number."""
_MIN_DIGITS = 7
"""Fewer digits are a short code or an extension, in every numbering plan."""
_MAX_TEXT = 200
"""A longer text is no number however it is written, and patterns are not tried on it."""

_TOTAL = (
    r"(?:(?:grand|sub)[ -]?)?totals?|sum|count"
    r"|(?:genel |ara )?toplam|adet|(?:gesamt|zwischen)?summe|gesamt|gesamtzahl|anzahl"
    r"|(?:sous-)?total(?: général)?|somme|nombre|total general|suma|cantidad"
)
_BETWEEN = r"[,;|/&\n]|or|and|ve|veya|und|oder|et|ou|y|o"
_EXTENSION = r"ext\.?|extn\.?|extension|dahili|durchwahl|dw|poste|anexo|interno|x|#|;ext=|;"

REFUSALS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for code, pattern in (
        ("number_empty", r"$"),
        ("number_formula", r"="),
        ("number_sip", r"sips?:|.*@"),
        ("number_scientific", r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+$"),
        ("number_too_many_digits", rf"\+?\d{{{_MAX_DIGITS + 1},}}$"),
        ("number_decimal", r"\+?\d{7,}[.,]\d{1,3}$|[^.,]*\d[.,]0{1,2}$|0[.,]\d+$|\d{1,4}[.,]\d{1,2}$"),
        ("number_two", rf".*\+.*\+|(?:.*(?:\d\W?){{6}}\d *(?:{_BETWEEN}) *[+(]?(?:\d\W?){{6}}\d)"),
        ("number_extension", rf".*\d[\s,(]*(?:{_EXTENSION})[\s:.]*\d{{1,7}}\)?$"),
        ("row_total", rf"(?:{_TOTAL})[\W\d]*$"),
        ("number_letters", r".*[^\W\d_]"),
        ("number_negative", r"-"),
        ("number_characters", r".*[^\d+ ().\-/\t\n]|.*\d.*\+|.*/.*/"),
    )
)
"""Looked up in this order on the repaired text; the first that matches names the damage."""

_CODE = "a short code or an extension"
_PLUS, ASSUMED = "the lost + put back", "a + put in front, if the workspace has that number"

_AREA_CODE_SLASH = re.compile(r"[+(]?(?:\d[() -]*){2,6}/(?:[ -]*\d){5,}")
_TOO = {
    ValidationResult.TOO_SHORT: "number_short",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "number_short",
    ValidationResult.TOO_LONG: "number_long",
    ValidationResult.INVALID_LENGTH: "number_long",
    ValidationResult.INVALID_COUNTRY_CODE: "number_country",
}


class NumberReading(Struct, frozen=True, gc=False):
    """A number, or the ``code`` of what is wrong with it; ``repairs`` names what was undone on the way.

    ``assumed_plus`` says that only live state can tell whether a ``+`` belongs in front.
    """

    number: Number | None = None
    code: str = ""
    detail: str = ""
    repairs: tuple[str, ...] = ()
    assumed_plus: bool = False


def read_number(text: str, region: str = "") -> NumberReading:
    """The number a cell means. ``region`` (ISO 3166, upper case) is where numbers without ``+`` are at home."""
    if _E164.fullmatch(text):
        return _international(text[1:])
    plain, repairs = undisguise(text[: _MAX_TEXT + 1])
    code = "number_characters" if len(plain) > _MAX_TEXT else _refusal(plain)
    if code:
        return NumberReading(code=code, repairs=repairs)
    reading = _dialled(plain, region)
    return replace(reading, repairs=repairs + reading.repairs) if repairs else reading


def _refusal(plain: str) -> str:
    code = damage(plain)
    if code or _AREA_CODE_SLASH.fullmatch(plain):
        return code
    return next((code for code, pattern in REFUSALS if pattern.match(plain)), "number_two" if "/" in plain else "")


def _dialled(plain: str, region: str) -> NumberReading:
    """A text of digits and ordinary punctuation."""
    digits = "".join(char for char in plain if char.isdigit())
    if len(digits) < _MIN_DIGITS:
        return NumberReading(code="number_short", detail=_CODE)
    if "+" in plain:
        return _international(digits)
    if digits.startswith("00"):
        reading = _international(digits[2:])
        return replace(reading, repairs=("00 read as +", *reading.repairs)) if reading.number else reading
    return _at_home(digits, region)


def _at_home(digits: str, region: str) -> NumberReading:
    """Digits without ``+`` or ``00``: national in *region*, or international with the ``+`` lost."""
    national = _national(digits, region) if region else None
    if national:
        spelled = _PLUS if digits == national[1:] else f"read as a number of {region}"
        return NumberReading(number=national, repairs=(spelled,))
    lost = _international(digits) if digits[0] != "0" else None
    if lost is not None and lost.number:
        return replace(lost, repairs=(ASSUMED, *lost.repairs), assumed_plus=True)
    if len(digits) > _MAX_DIGITS:
        return NumberReading(code="number_two")
    return NumberReading(code="number_national", detail=f" and is no number of {region}" if region else "")


def _national(digits: str, region: str) -> Number | None:
    """The number in national spelling, only when it is in a range in use: a guess about the country needs that much."""
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    return _written(parsed) if phonenumbers.is_valid_number(parsed) else None


def _written(parsed: PhoneNumber) -> Number:
    return Number(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _international(digits: str) -> NumberReading:
    """Digits that begin with a country code; they are kept as they are."""
    if len(digits) > _MAX_DIGITS:
        return NumberReading(code="number_long", detail=f"{len(digits)} digits, no number has more than {_MAX_DIGITS}")
    if len(digits) < _MIN_DIGITS:
        return NumberReading(code="number_short", detail=_CODE)
    country = _country_code(digits[:3])
    if country is None:
        return NumberReading(code="number_country", detail=digits[:3])
    national = digits[len(str(country)) :]
    if national.startswith("0"):
        return _with_zero(country, national)
    code = _length_problem(country, len(national))
    if code:
        return NumberReading(code=code, detail=f"{len(national)} digits after +{country}")
    return NumberReading(number=Number(f"+{digits}"))


def _with_zero(country: int, national: str) -> NumberReading:
    """``+90 (0)532 …``: the zero is dialled inside the country only, save where it belongs to the number (Italy)."""
    kept = PhoneNumber(country_code=country, national_number=int(national), italian_leading_zero=True)
    if _written(kept) == f"+{country}{national}" and phonenumbers.is_valid_number(kept):
        return NumberReading(number=_written(kept))
    reading = _international(f"{country}{national[1:]}") if national[1:2] != "0" else None
    if reading is None or reading.number is None:
        return NumberReading(code="number_country_zero", detail=f"+{country}")
    return replace(reading, repairs=("the 0 after the country code removed",))


@functools.cache
def _country_code(head: str) -> int | None:
    """The country code that the first three digits begin with; no code is the beginning of another, none has a 0."""
    if head.startswith("0"):
        return None
    heads = (int(head[:length]) for length in (1, 2, 3))
    return next((code for code in heads if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None)


@functools.cache
def _length_problem(country: int, length: int) -> str:
    """The problem with numbers of *length* digits in *country*, or nothing: the verdict depends on no more."""
    sample = PhoneNumber(country_code=country, national_number=10 ** (length - 1))
    return _TOO.get(phonenumbers.is_possible_number_with_reason(sample), "")
