"""Single values of a foreign JSON body, read without belief."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core import fields

UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
NOT_TEXT = (None, True, 1.5, [], {})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_nothing_that_json_can_hold_is_an_error(value: object) -> None:
    """Whatever a server sends, the worst is that it said nothing."""
    for read in (fields.phone_number, fields.identity, fields.text, fields.name, fields.count, fields.flag):
        read(value)


@given(st.binary(max_size=60))
def test_no_body_is_an_error(body: bytes) -> None:
    """Not JSON is nothing, never a traceback."""
    found = fields.document(body)
    assert found is None or isinstance(found, dict | list)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"[1]", [1]),
        ('{"a": "ü"}'.encode("utf-16"), {"a": "ü"}),
        (b'{"a": "\xfc", "b": 1}', {"a": "\ufffd", "b": 1}),
        (b'"text"', None),
        (b"7", None),
        (b"null", None),
        (b"", None),
        (b"<html>", None),
        (b'{"a": ', None),
        (b"\xff\xfe\xfa", None),
        (b"[" * 200_000, None),
        (b"[" + b"1" * 5000 + b"]", None),
    ],
    ids=[
        *(
            "object",
            "array",
            "utf-16",
            "latin-1 somewhere",
            "text",
            "number",
            "null",
            "empty",
            "html",
            "cut",
            "not text",
        ),
        *("nested without end", "a number without end"),
    ],
)
def test_a_document_is_an_object_or_an_array(body: bytes, found: object) -> None:
    """Anything else is no body of an API."""
    assert found == fields.document(body)


def test_the_first_of_several_spellings_that_says_something_is_taken() -> None:
    """Null says nothing; nought and empty do."""
    item = {"a": None, "b": 0, "c": 7}
    assert (0, 7, None) == (fields.first(item, "a", "b"), fields.first(item, "c", "b"), fields.first(item, "a", "x"))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+905321234567", "+905321234567"),
        ("905321234567", "+905321234567"),
        (905321234567, "+905321234567"),
        ("+90 (532) 123-45.67/8", "+9053212345678"),
        ("\u202a+90\u00a0532 123\u202c", "+90532123"),
        ("12", None),
        ("+" + "1" * 21, None),
        ("sip:100@host", None),
        ("++905321234567", None),
        ("٩٠٥٣٢١٢٣٤٥", None),
        ("", None),
        *((value, None) for value in NOT_TEXT),
    ],
    ids=repr,
)
def test_a_number_is_read_with_or_without_its_plus(value: object, number: str | None) -> None:
    """Punctuation and unseen characters are no part of it; other digits than 0-9 make it none."""
    assert number == fields.phone_number(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (UUID, UUID),
        (UUID.upper(), UUID),
        (f" {UUID}\n", UUID),
        (UUID.replace("-", ""), UUID),
        (f"{{{UUID}}}", UUID),
        (f"urn:uuid:{UUID}", UUID),
        ("AG_12:x.y-z", "ag_12:x.y-z"),
        (42, "42"),
        ("a" * 64, "a" * 64),
        ("a" * 65, None),
        ("two words", None),
        ("<script>", None),
        ("", None),
        *((value, None) for value in NOT_TEXT),
    ],
    ids=repr,
)
def test_an_identity_is_a_uuid_in_one_form_or_an_id_of_another_make(value: object, found: str | None) -> None:
    """Uuids compare without case; an id that could be anything but an id is none."""
    assert found == fields.identity(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [(" a b ", "a b"), ("a\ud800b", "a\ufffdb"), (7, ""), *((value, "") for value in NOT_TEXT)],
    ids=repr,
)
def test_a_text_is_trimmed_and_can_be_written(value: object, found: str) -> None:
    """Half a character could not be written to any file."""
    assert found == fields.text(value)


def test_a_half_character_survives_json_and_is_replaced() -> None:
    """That is how it arrives."""
    assert fields.text(json.loads(r'"a\ud800"')) == "a\ufffd"


def test_a_name_is_composed_as_a_sheet_holds_it() -> None:
    """``é`` as two characters equals ``é`` as one."""
    assert fields.name(" Zoe\u0301 ") == "Zo\u00e9"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, 0),
        (50, 50),
        ("50", 50),
        (" 50 ", 50),
        (-1, None),
        ("5e3", None),
        ("1" * 19, None),
        *((value, None) for value in NOT_TEXT),
    ],
    ids=repr,
)
def test_a_count_is_a_whole_number_also_in_quotes(value: object, found: int | None) -> None:
    """A negative or enormous one is none."""
    assert found == fields.count(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("TRUE ", True),
        ("0", False),
        (2, None),
        ("yes", None),
        (None, None),
        (1.0, None),
        ([], None),
    ],
    ids=repr,
)
def test_a_flag_is_a_truth_value_also_as_a_digit_or_a_word(value: object, found: bool | None) -> None:
    """What is neither was not said."""
    assert found is fields.flag(value)


def test_a_body_of_more_values_than_any_list_has_is_not_read() -> None:
    """Its values would take fifty times its size."""
    assert fields.document(b"[" + b"{}," * 1_000_001 + b"{}]") is None
    assert fields.document(b"[" + b"{}," * 100 + b"{}]") is not None
