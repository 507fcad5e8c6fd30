"""What is repaired in a number cell, what is refused, and by what name."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch.core.disguise import undisguise
from batch.core.model import Number
from batch.core.numbers import NumberReading, read_number
from batch.core.problems import CATALOGUE

TR = Number("+905321234567")
ASSUMED = "a + put in front, if the workspace has that number"

PLAIN = ["+905321234567", "+90 532 123 45 67", "+90-532-123-45-67", "(+90) 532.123.45.67", " +90 532 123\t45 67\n",
         "+90 532\n123 45 67"]  # fmt: skip

REPAIRED = {
    "double zero": ("0090 532 123 45 67", "00 read as +"),
    "trunk zero": ("+90 (0)532 123 45 67", "the 0 after the country code removed"),
    "apostrophe": ("'+905321234567", "the leading apostrophe removed"),
    "curly apostrophe": ("’+905321234567", "the leading apostrophe removed"),
    "formula text": ('="+905321234567"', 'the wrapper ="…" removed'),
    "quotes": ('"+905321234567"', "quotation marks removed"),
    "curly quotes": ("“+905321234567”", "quotation marks removed"),
    "direction marks": ("\u202a+905321234567\u202c", "invisible characters removed"),
    "zero width": ("+90\u200b532\u200b1234567", "invisible characters removed"),
    "byte order mark": ("\ufeff+905321234567", "invisible characters removed"),
    "soft hyphen": ("+90\u00ad5321234567", "invisible characters removed"),
    "no-break spaces": ("+90\u00a0532\u202f123\u2007 4567", "unusual spaces"),
    "no-break space at the end": ("+905321234567\u00a0", "unusual spaces"),
    "full width": ("＋９０５３２１２３４５６７", "digits of another script; look-alike signs"),
    "full-width brackets": ("＋90（532）1234567", "look-alike signs"),
    "heavy plus": ("➕905321234567", "look-alike signs"),
    "Arabic-Indic digits": ("+٩٠٥٣٢١٢٣٤٥٦٧", "digits of another script"),
    "Persian digits": ("+۹۰۵۳۲۱۲۳۴۵۶۷", "digits of another script"),
    "minus signs": ("+90 532−123−45−67", "unusual dashes"),
    "en dashes": ("+90 532–123–45–67", "unusual dashes"),
    "tel link": ("tel:+90-532-123-45-67", "the link scheme removed"),
    "whatsapp address": ("whatsapp:+905321234567", "the link scheme removed"),
    "decimal zero": ("+905321234567.0", "the decimal .0 removed"),
    "decimal comma zero": ("+905321234567,00", "the decimal .0 removed"),
    "thousands commas": ("+905,321,234,567", "thousands separators removed"),
    "Swiss thousands": ("+905'321'234'567", "thousands separators removed"),
}

LOST_PLUS = {
    "plain": ("905321234567", ""),
    "thousands points": ("905.321.234.567", ""),
    "float": ("905321234567.0", "the decimal .0 removed; "),
    "formula text": ('="905321234567"', 'the wrapper ="…" removed; '),
    "scientific notation": ("9.05321234567E+11", "scientific notation written out, all digits were there; "),
    "the same with a comma": ("9,05321234567e+11", "scientific notation written out, all digits were there; "),
}  # fmt: skip

REFUSED = {
    "number_empty": ["", "  ", "\u200b", "\u00a0", '=""', "'"],
    "number_scientific": ["9.05321E+11", "9,05321E+11", "9E+11", "9.0532123456E+11", "1e5", "+9.05E11"],
    "number_too_many_digits": ["9053212345670001", "+9053212345670001", "905321234567890048", "00905321234567890"],
    "number_decimal": ["905321234567.5", "905321234567,25", "+49 30 1234567.0", "+49 30 1234567,00",
                       "0.1", "0,25", "1.5", "10.12", "0.3333333333333333"],
    "number_two": ["+905321234567 +905321234568", "+905321234567, 905321234568", "905321234567;905321234568",
                   "+905321234567\n+905321234568", "905321234567 / 905321234568", "905321234567 or 905321234568",
                   "905321234567 905321234568", "0532 123 45 67/68"],
    "number_extension": ["+905321234567 ext 12", "+905321234567 ext. 12", "+905321234567x12", "+905321234567 #12",
                         "+905321234567 (dahili 12)", "tel:+905321234567;ext=12", "+49 30 1234567 Durchwahl 5"],
    "number_letters": ["+90532ABC4567", "+1 800 FLOWERS", "+9O5321234567", "unknown", "+905321234567 (Ali)",
                       "https://wa.me/905321234567", "tel:5321234567;phone-context=+90", "²905321234567"],
    "number_short": ["112", "007", "+", "()", "+905321", "+44440123", "+90 0", "00390", "0039012"],
    "number_long": ["+90532123456", "+114155552671", "+5215512345678", "+90 532 123 4567 905 321"],
    "number_country_zero": ["+90053212345678", "+90 00 532 123 45 67", "+44 0 12345"],
    "number_country": ["+999 12345678", "+0 532 1234567", "00 0 532 1234567"],
    "number_national": ["0532 123 45 67", "4440123", "011 90 532 123 4567"],
    "number_sip": ["sip:+905321234567@pbx.example.com", "sips:905321234567", "+905321234567@pbx"],
    "number_formula": ["=+905321234567", "=A2"],
    "number_negative": ["-905321234567", "−905321234567"],
    "number_characters": ["90+5321234567", "+90_532_1234567", "₺905321234567", "*31#905321234567", "+90,532 1234567",
                          "+905321234567;", "+49/30/1234567", "1" * 300, "10 %", "10,5 %"],
    "row_total": ["Total", "Grand Total: 42", "TOPLAM", "genel toplam", "Summe", "Total général", "Suma 3"],
    "cell_error": ["#N/A", "#REF!", "#DIV/0!", "#NAME?", "#YOK", "########"],
    "cell_boolean": ["TRUE", "False", "Doğru", "WAHR"],
    "cell_date": ["2026-02-01 00:00:00", "2026-02-01", "1-2", "01.02.2026", "01.02", "1.2.", "1/2/26",
                  "1-Feb", "01. Şub 26", "12:30"],
}  # fmt: skip


@pytest.mark.parametrize("text", PLAIN, ids=repr)
def test_a_number_with_ordinary_punctuation_is_read_without_a_word(text: str) -> None:
    """Spaces, dashes, dots and brackets are how people write numbers, not damage."""
    assert NumberReading(number=TR) == read_number(text)


@pytest.mark.parametrize(("text", "repairs"), REPAIRED.values(), ids=REPAIRED)
def test_a_disguised_number_is_repaired_and_the_repair_is_named(text: str, repairs: str) -> None:
    """What a spreadsheet only disguised is one number for certain."""
    assert NumberReading(number=TR, repairs=tuple(repairs.split("; "))) == read_number(text)


@pytest.mark.parametrize(("text", "others"), LOST_PLUS.values(), ids=LOST_PLUS)
def test_a_lost_plus_is_only_assumed(text: str, others: str) -> None:
    """Without a region, only live state can tell whether the digits are a whole number."""
    expected = NumberReading(
        number=TR,
        repairs=(*others.split("; ")[:-1], ASSUMED),
        assumed_plus=True,
    )
    assert expected == read_number(text)


@pytest.mark.parametrize(
    ("code", "text"),
    [pytest.param(code, text, id=f"{code} {text[:40]!r}") for code, texts in REFUSED.items() for text in texts],
)
def test_a_destroyed_number_is_refused_by_name(code: str, text: str) -> None:
    """Each damage has its own name, because each has its own cure."""
    reading = read_number(text)
    assert (None, code) == (reading.number, reading.code)
    assert code in CATALOGUE


def test_a_slash_after_an_area_code_is_punctuation() -> None:
    """German numbers are written so; the parts are too short to be two numbers."""
    assert NumberReading(number=Number("+49301234567")) == read_number("+49 30/1234567")


def test_points_between_all_parts_are_punctuation() -> None:
    """Only a single point before a last zero could also be a decimal point."""
    assert NumberReading(number=Number("+493012345670")) == read_number("+49.30.1234567.0")


def test_the_zero_of_an_italian_number_is_part_of_it() -> None:
    """Italy keeps its zero after the country code."""
    assert NumberReading(number=Number("+390612345678")) == read_number("+39 06 12345678")


@pytest.mark.parametrize(
    ("text", "region", "number", "repair"),
    [
        ("0532 123 45 67", "TR", TR, "read as a number of TR"),
        ("532 123 45 67", "TR", TR, "read as a number of TR"),
        ("905321234567", "TR", TR, "the lost + put back"),
        ("(415) 555-2671", "US", "+14155552671", "read as a number of US"),
        ("011 90 532 123 45 67", "US", TR, "read as a number of US"),
    ],
    ids=["trunk zero", "bare", "lost plus", "brackets", "exit code"],
)
def test_a_region_gives_national_numbers_their_country(text: str, region: str, number: str, repair: str) -> None:
    """With --region, a number of that country needs no +, and nothing is left to assume."""
    assert NumberReading(number=Number(number), repairs=(repair,)) == read_number(text, region)


def test_a_foreign_number_without_plus_stays_an_assumption_in_a_region() -> None:
    """Digits that are in no range of the region may still be international."""
    expected = NumberReading(
        number=Number("+4915112345678"),
        repairs=(ASSUMED,),
        assumed_plus=True,
    )
    assert expected == read_number("4915112345678", "TR")


def test_a_number_that_the_region_does_not_have_is_refused() -> None:
    """A national spelling is believed only for a range in use."""
    assert NumberReading(code="number_national", detail=" and is no number of TR") == read_number("0905321234567", "TR")
    assert read_number("905321234567 905321234568", "TR").code == "number_two"


@given(st.text())
@example("+9005321234567")
def test_any_text_is_read_or_refused_with_a_known_code(text: str) -> None:
    """No text raises, and a number that is accepted is E.164 made of the text's own digits."""
    reading = read_number(text)
    if reading.number is None:
        assert reading.code in CATALOGUE
    else:
        digits = "".join(char for char in undisguise(text)[0] if char.isdigit())
        assert reading.number[1:] in {digits, digits.removeprefix("00"), digits.replace("0", "", 1)} or reading.repairs


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_the_verdict_on_length_is_the_one_of_libphonenumber(text: str) -> None:
    """By country and length; after a zero we are stricter, and a national prefix is never cut out in silence."""
    reading = read_number(text)
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        assert reading.number is None
        return
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    if reading.code == "number_country_zero" or reading.repairs or written != text:
        return
    assert possible == (reading.number == text)


@given(st.sampled_from(["+905321234567", "+14155552671", "+390612345678", "+4930123456"]), st.data())
def test_one_number_spelled_in_any_way_is_one_number(number: str, data: st.DataObject) -> None:
    """Spacing, scripts and invisible characters never change which number it is."""
    zero = data.draw(st.sampled_from("0٠۰０०"))
    between = st.sampled_from(["", " ", "-", "\u00a0", "\u200b", "\u2212"])
    spelled = "".join((chr(ord(zero) + int(char)) if char.isdigit() else char) + data.draw(between) for char in number)
    assert number == read_number(spelled.rstrip("-\u2212")).number
