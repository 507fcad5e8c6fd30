"""What a cell's text is once what nobody sees is set aside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.texts import damage, fold, is_blank, is_cell_date, is_cell_error, trim, unseen, unwrap

UNSEEN = {
    "space": " ",
    "tab": "\t",
    "line break": "\n",
    "no-break space": "\u00a0",
    "narrow no-break space": "\u202f",
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "left-to-right mark": "\u200e",
    "soft hyphen": "\u00ad",
    "line separator": "\u2028",
    "ideographic space": "\u3000",
}


@pytest.mark.parametrize("char", UNSEEN.values(), ids=UNSEEN)
def test_what_leaves_no_ink_is_trimmed_at_the_ends_and_kept_inside(char: str) -> None:
    """A cell pasted from elsewhere brings such characters; inside a name they may belong to it."""
    assert unseen(char)
    assert f"a{char}b" == trim(f"{char}{char}a{char}b{char}")


@pytest.mark.parametrize("text", ["", *UNSEEN.values(), "".join(UNSEEN.values())], ids=repr)
def test_a_text_without_ink_is_blank(text: str) -> None:
    """A cell that looks empty is empty."""
    assert is_blank(text)
    assert trim(text) == ""


@pytest.mark.parametrize("text", ["0", "-", "é", "\u200bx", "None", "\x00"], ids=repr)
def test_a_text_with_any_ink_is_not_blank(text: str) -> None:
    """A zero or a dash was typed by somebody."""
    assert not is_blank(text)


@given(st.text())
def test_blank_is_what_trims_to_nothing(text: str) -> None:
    """The two never disagree, and trimming twice changes nothing more."""
    assert is_blank(text) == (trim(text) == "")
    assert trim(text) == trim(trim(text))


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ('="007"', "007"),
        ('="say ""hi"""', 'say "hi"'),
        ('=""', ""),
        ('="a', '="a'),
        ("=A1", "=A1"),
        ('="a"b"', '="a"b"'),
    ],
)
def test_only_a_whole_formula_of_one_text_is_unwrapped(typed: str, text: str) -> None:
    """``="…"`` is how an export keeps a spreadsheet from changing a text; other formulas stay formulas."""
    assert text == unwrap(typed)


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#DIV/0!", "#NAME?", "#VALUE!", "#NUM!", "#NULL!", "#YOK", "#####"])
def test_what_a_spreadsheet_shows_for_an_error_is_an_error(text: str) -> None:
    """In any language of the program."""
    assert is_cell_error(text)


@pytest.mark.parametrize("text", ["", "#", "#1", "N/A", "# N/A", "#N/A agent", "#12345"])
def test_other_texts_with_a_hash_are_no_errors(text: str) -> None:
    """A team may be called *#1*."""
    assert not is_cell_error(text)


@pytest.mark.parametrize("text", ["2026-02-01", "2026-02-01 00:00:00", "2026-02-01T12:30:00", "2026-02-01 12:30:00.5"])
def test_a_date_cell_written_out_is_a_date(text: str) -> None:
    """As the reader of workbooks writes it."""
    assert is_cell_date(text)


@pytest.mark.parametrize("text", ["2026", "2026-02", "2026-02-01x", "1.2.2026", "Agent 2026-02-01"])
def test_a_text_with_a_date_in_it_is_no_date_cell(text: str) -> None:
    """An agent may have a year in its name."""
    assert not is_cell_date(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "cell_error") for text in ("#N/A", "#YOK")],
        *[(text, "cell_boolean") for text in ("TRUE", "doğru", "Falsch", "VRAI", "falso")],
        *[(text, "cell_date") for text in ("2026-02-01", "1-2", "1/2", "01.02", "1.2.", "1.2.2026", "1-Feb", "12:30")],
        *[(text, "") for text in ("", "0.1", "1.5", "10.25", "10 %", "1", "true agent", "1-2-", "Feb")],
    ],
    ids=repr,
)
def test_what_a_spreadsheet_put_in_place_of_a_text_has_a_name(text: str, code: str) -> None:
    """A fraction is no date, although a day and a month can be written like one."""
    assert code == damage(text)


@pytest.mark.parametrize("words", [("SİL", "sil", "SIL", " Sıl\u00a0"), ("Tüm  Kanallar", "TÜM KANALLAR")])
def test_a_word_is_the_same_in_any_case_with_any_i(words: tuple[str, ...]) -> None:
    """Turkish has four of them, and keyboards have two."""
    assert 1 == len(set(map(fold, words)))
