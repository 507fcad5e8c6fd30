"""JSON by orjson means what it means to the standard library, and what orjson refuses is told all the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.json_text import Written, decode, encode, encode_sorted

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
HALVES = st.text(st.characters(codec=None, categories=("Cs",)) | st.characters(), max_size=6)


@given(VALUES)
def test_what_was_encoded_is_decoded_equal(value: object) -> None:
    """By either library, whichever wrote it."""
    finite = json.loads(json.dumps(value))
    if "Infinity" not in json.dumps(value):
        assert finite == decode(encode(value)) == json.loads(encode(value)) == decode(json.dumps(value))


@given(HALVES)
def test_half_a_character_is_named_and_two_are_one(text: str) -> None:
    """What is written is UTF-8, and is read as the standard library reads what it wrote itself."""
    read = json.loads(json.dumps(text))
    assert read == decode(encode(text)) == json.loads(encode(text).decode("utf-8"))
    assert encode(read) == encode(text)
    assert encode_sorted({"b": text, "a": 1}) == b'{"a":1,"b":%b}' % encode(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud800"', "\ud800"),
        ("[Infinity]", [math.inf]),
        ('{"a": 1}'.encode("utf-16"), {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('"\ud800"', "\ud800"),
    ],
    ids=["half a character", "no number", "UTF-16", "a mark", "twice the same key", "half a character as it is"],
)
def test_what_orjson_refuses_is_read_by_the_standard_library(text: str | bytes, value: object) -> None:
    """Servers and hand-made files have all of these."""
    assert value == decode(text)


def test_a_nesting_too_deep_for_both_is_a_recursion_error() -> None:
    """Which callers know."""
    assert decode("[" * 500 + "]" * 500) == json.loads("[" * 500 + "]" * 500)
    with pytest.raises(RecursionError):
        decode("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", b"\xff", "01", '"\x00"'])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    """Of either library."""
    with pytest.raises(ValueError):  # noqa: PT011 - the two have no other in common
        decode(text)


@pytest.mark.parametrize("value", [{"n": 2**70, "a": 1}, {"a": [2**64]}])
def test_a_large_number_is_written_as_it_is(value: object) -> None:
    """Orjson has 64 bits for one."""
    assert json.loads(encode(value)) == json.loads(encode_sorted(value)) == value


@pytest.mark.parametrize("more", ["", "\ud800"], ids=["", "beside half a character"])
def test_what_is_written_already_becomes_a_part_as_it_is(more: str) -> None:
    """A plan is not put into quotes."""
    assert json.loads(encode({"plan": Written(b'{"a": [1]}'), "sheet": more})) == {"plan": {"a": [1]}, "sheet": more}


def test_what_is_written_already_is_not_read_again() -> None:
    """Its space is still there."""
    assert encode({"plan": Written(b'{ "a": 1 }')}) == b'{"plan":{ "a": 1 }}'


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, {"a": "\ud800", "b": b"bytes"}])
def test_what_has_no_form_in_json_is_a_type_error(value: object) -> None:
    """It is a mistake of ours."""
    with pytest.raises(TypeError):
        encode(value)
