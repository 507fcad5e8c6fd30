"""Undoing what a spreadsheet only disguised in a phone number: repairs that cannot change which number it is.

Each repair has a name, so that the report can say what was done to the cell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from msgspec import Struct

from batch.core.texts import trim, unwrap


class Repair(Struct, frozen=True):
    """``undo`` returns the text unchanged when it finds nothing of its kind."""

    name: str
    undo: Callable[[str], str]


_ORDINARY = " \t\r\n"
_APOSTROPHES = "'’‘`´"
_QUOTED = re.compile(r"[\"“”„«]([^\"“”„«»]*)[\"“”»]")
_SCHEME = re.compile(r"^(?:tel|callto|whatsapp):(?://)?", re.IGNORECASE)
_POINT_ZERO = re.compile(r"^(\+?\d{7,})[.,]0{1,2}$")
_THOUSANDS = re.compile(rf"\+?\d{{1,3}}(?:([,{_APOSTROPHES}])\d{{3}})(?:\1\d{{3}})+")
_SCIENTIFIC = re.compile(r"\+?([1-9])[.,](\d+)[eE]\+?(\d{1,2})")


def _drop_unseen(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _plain_spaces(text: str) -> str:
    return "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)


def _plain_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def _plain_dashes(text: str) -> str:
    return "".join("-" if unicodedata.category(char) == "Pd" or char == "−" else char for char in text)


def _plain_signs(text: str) -> str:
    return "".join(_plain_sign(char) for char in text)


def _plain_sign(char: str) -> str:
    """Full-width and other look-alike signs as ASCII; letters and superscript digits stay what they are."""
    if char.isascii() or char.isalnum():
        return char
    plain = unicodedata.normalize("NFKC", char)
    return "+" if char == "➕" else plain if len(plain) == 1 and plain.isascii() else char


def _unquote(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return trim(quoted[1]) if quoted else text


def _drop_thousands(text: str) -> str:
    return re.sub(rf"[,{_APOSTROPHES}]", "", text) if _THOUSANDS.fullmatch(text) else text


def _write_out(text: str) -> str:
    """Scientific notation that shows every digit; where some were rounded away, the text stays and is refused."""
    shown = _SCIENTIFIC.fullmatch(text)
    whole = shown is not None and len(shown[2]) == int(shown[3])
    return shown[1] + shown[2] if shown is not None and whole else text


_OF_SIGNS = (
    Repair("invisible characters removed", _drop_unseen),
    Repair("unusual spaces", _plain_spaces),
    Repair("digits of another script", _plain_digits),
    Repair("unusual dashes", _plain_dashes),
    Repair("look-alike signs", _plain_signs),
)
_OF_FORM = (
    Repair('the wrapper ="…" removed', unwrap),
    Repair("the leading apostrophe removed", lambda text: text.lstrip(_APOSTROPHES)),
    Repair("quotation marks removed", _unquote),
    Repair("the link scheme removed", lambda text: _SCHEME.sub("", text, count=1)),
    Repair("the decimal .0 removed", lambda text: _POINT_ZERO.sub(r"\1", text)),
    Repair("thousands separators removed", _drop_thousands),
    Repair("scientific notation written out, all digits were there", _write_out),
)
REPAIRS = _OF_SIGNS + _OF_FORM
"""In this order: the form of a text is seen only once its signs are plain."""


def undisguise(text: str) -> tuple[str, tuple[str, ...]]:
    """The trimmed text with every certain repair made, and the names of those that changed it."""
    plain = text.strip(_ORDINARY)
    return _repaired(plain, _OF_FORM if plain.isascii() else REPAIRS)


def _repaired(plain: str, repairs: tuple[Repair, ...]) -> tuple[str, tuple[str, ...]]:
    made = []
    for repair in repairs:
        repaired = repair.undo(plain)
        if repaired != plain:
            made.append(repair.name)
            plain = repaired.strip(_ORDINARY)
    return plain, tuple(made)
