"""Repairs that cannot change which number a cell means."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch.core.disguise import REPAIRS, undisguise

ALONE = {
    "invisible characters removed": ("+90\u200b5\u200e3\ufeff2", "+90532"),
    "unusual spaces": ("+90\u00a0532\u2009123", "+90 532 123"),
    "digits of another script": ("+٩٠۵३２", "+90532"),
    "unusual dashes": ("90–532—123−4‑5", "90-532-123-4-5"),
    "look-alike signs": ("＋90（532）➕", "+90(532)+"),
    'the wrapper ="…" removed': ('="+90532"', "+90532"),
    "the leading apostrophe removed": ("'’+90532", "+90532"),
    "quotation marks removed": ("“ +90532 ”", "+90532"),
    "the link scheme removed": ("tel:+90532", "+90532"),
    "the decimal .0 removed": ("905321234567.0", "905321234567"),
    "thousands separators removed": ("905,321,234,567", "905321234567"),
    "scientific notation written out, all digits were there": ("9.05321234567E+11", "905321234567"),
}


@pytest.mark.parametrize(("name", "typed", "plain"), [(name, *pair) for name, pair in ALONE.items()], ids=ALONE)
def test_each_repair_alone_is_made_and_named(name: str, typed: str, plain: str) -> None:
    """The report says what was done to a cell."""
    assert (plain, (name,)) == undisguise(typed)


def test_every_repair_is_shown_above() -> None:
    """A repair added to the table needs its example."""
    assert [repair.name for repair in REPAIRS] == list(ALONE)


LEFT_ALONE = {
    "rounded scientific notation": "9.05321E+11",
    "decimals that say something": "905321234567.5",
    "a year with .0": "2026.0",
    "thousands of one separator only": "905,321.234,567",
    "groups that are no thousands": "90,53,21",
    "an open quotation mark": '"+90532',
    "superscript digits": "²90532",
    "letters": "+9O532",
    "an apostrophe inside": "+90'532",
    "another formula": "=A1",
}


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_no_certain_disguise_stays_as_it_is(text: str) -> None:
    """Destroyed is refused elsewhere, by its name; nothing is guessed here."""
    assert (text, ()) == undisguise(text)


def test_repairs_are_named_in_the_order_they_were_made() -> None:
    """The form of a text is seen only once its signs are plain."""
    made = ("invisible characters removed", "digits of another script", "the leading apostrophe removed")
    assert ("+90532", made) == undisguise("\u200e'+٩٠532 ")


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("+0123456789 ()-./,'\"=eE٣３\u200b\u00a0–")))
@example('=""+1""')
def test_no_repair_invents_or_loses_a_digit_of_the_number(text: str) -> None:
    """All that may go are the zeros after a decimal point, and what scientific notation says of its own length."""
    plain, made = undisguise(text)
    kept, typed = _digits(plain), _digits(text)
    if "the decimal .0 removed" in made or any("scientific" in name for name in made):
        assert typed.startswith(kept)
    else:
        assert typed == kept


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())
