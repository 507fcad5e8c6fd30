"""Text that every program which opens a report survives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.adapters.reports.clean import MOST, clean


def units(text: str) -> int:
    """The length as a spreadsheet counts."""
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    "text", ["", "Łódź – Obsługa", "مركز الاتصال", "東京", "👩‍👩‍👧", "=1+1", "<b>", "a\tb\nc", "\u200fx"], ids=repr
)
def test_what_a_cell_can_hold_stays_as_it_is(text: str) -> None:
    """Whatever it looks like: it is the writer's part to keep it from acting."""
    assert text == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("\x1b[31m", "␛[31m"),
        ("\x0b\x0c", "␋␌"),
        ("\x7f", "␡"),
        ("\x85", "\ufffd"),
        ("a\ud800", "a\ufffd"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
    ids=["nul", "escape", "vertical tab, form feed", "delete", "C1", "half a character", "no character", "line ends"],
)
def test_what_a_cell_cannot_hold_is_shown_not_dropped(text: str, shown: str) -> None:
    """Two names that differ only there still look different."""
    assert shown == clean(text)


@pytest.mark.parametrize("text", ["x" * 99_999, "😀" * 99_999, "a\n" * 99_999], ids=["ascii", "emoji", "lines"])
def test_what_is_too_long_is_cut_with_a_mark(text: str) -> None:
    """The mark tells how long it was, and no character is cut in half."""
    shown = clean(text)
    assert units(shown) <= MOST
    assert shown.endswith(f" … [cut, {len(text):,} characters]")
    assert "\ufffd" not in shown


@pytest.mark.parametrize("text", ["x" * MOST, "😀" * (MOST // 2)], ids=["ascii", "emoji"])
def test_what_just_fits_is_not_cut(text: str) -> None:
    """To the last unit."""
    assert text == clean(text)


@given(st.text(st.characters()))
def test_a_clean_text_can_be_written_and_is_clean(text: str) -> None:
    """UTF-8 takes it, and cleaning again changes nothing."""
    shown = clean(text)
    assert shown == shown.encode().decode()
    assert shown == clean(shown)
