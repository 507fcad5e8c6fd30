"""What a body that says no has to say: one code, one sentence, safe to print."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core import complaints
from batch.core.complaints import LONGEST_TEXT, UNPRINTABLE, error_of
from tests.unit.test_fields import json_values


def complaint(body: object) -> tuple[str, str]:
    return error_of(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (
            {"success": False, "message": "Invalid token", "error": {"code": "INVALID_AUTH_TOKEN", "details": "x"}},
            "INVALID_AUTH_TOKEN",
            "Invalid token; x",
        ),
        ({"data": {"error": "phone_in_use"}, "message": "In use"}, "phone_in_use", "In use"),
        ({"error": "not_found"}, "not_found", ""),
        (
            {"message": "The given data was invalid.", "errors": {"agent_uuid": ["is archived", "is taken"]}},
            "",
            "The given data was invalid.; agent_uuid: is archived; agent_uuid: is taken",
        ),
        ({"errors": ["one", {"x": "two"}]}, "", "one; two"),
        ({"errors": "all wrong"}, "", "all wrong"),
        ({"message": "no", "error": {"message": "no", "details": {"a": "no", "b": "why"}}}, "", "no; why"),
        ({"error": {"code": 7}, "data": {"error": "real"}}, "real", ""),
        ({"error": {"code": " "}, "data": {"error": "real"}}, "real", ""),
        ({"error": None, "data": None, "message": None}, "", ""),
        ({}, "", ""),
    ],
    ids=[
        *("the envelope", "in data", "bare", "Laravel's", "a list", "a text", "said twice"),
        *("a code that is none", "an empty code", "nulls", "nothing"),
    ],
)
def test_every_known_shape_gives_its_code_and_its_sentence(body: object, code: str, text: str) -> None:
    """The shapes disagree (API.md §5); each sentence is told once, in order."""
    assert (code, text) == complaint(body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"Bad Gateway", "Bad Gateway"),
        (b'"just text"', '"just text"'),
        (b"[1, 2]", "[1, 2]"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        (b"<html><head><title>502 Bad&nbsp;Gateway</title></head><body>nginx</body>", "502 Bad Gateway"),
        ("\ufeff\n<p>Go <b>away</b></p>".encode(), "Go away"),
        (b"<script>alert(1)</script><style>p {}</style><p>seen</p>", "seen"),
    ],
    ids=["nothing", "text", "quoted", "a list", "not utf-8", "a title", "no title", "what is not shown"],
)
def test_a_body_that_is_no_object_is_read_as_a_person_would_see_it(body: bytes, text: str) -> None:
    """A page by its title, or by its text."""
    assert ("", text) == error_of(body)


@pytest.mark.parametrize(
    "body",
    [{"message": "a\nb\x1b[2J\u202ec\u2028d"}, {"errors": {"f\r": "a\x00b"}}, {"error": {"code": "x\n\u200by"}}],
    ids=["message", "field", "code"],
)
def test_what_a_server_says_is_one_line_that_moves_nothing(body: object) -> None:
    """It could forge a line of a log, or turn a name round."""
    assert not any(UNPRINTABLE.search(text.replace(" ", "")) for text in complaint(body))


@pytest.mark.parametrize(
    ("length", "end"),
    [(LONGEST_TEXT, "xx"), (LONGEST_TEXT + 1, "x…"), (9_999, "x…")],
    ids=["just fits", "does not", "long"],
)
def test_a_long_complaint_is_cut_with_a_mark(length: int, end: str) -> None:
    """No longer than a cell of a report likes."""
    _, text = complaint({"message": "x" * length})
    assert (LONGEST_TEXT, end) == (len(text), text[-2:])


def test_a_complaint_nested_without_sense_is_left_alone() -> None:
    """Three levels are what frameworks build."""
    assert complaint({"errors": [[["deep"]]]}) == ("", "deep")
    assert complaint({"errors": [[[["deep"]]]]}) == ("", "")


@given(json_values | st.dictionaries(st.sampled_from(["error", "errors", "message", "data"]), json_values))
def test_no_body_can_make_a_complaint_unsafe(body: object) -> None:
    """Short, one line, and never an exception."""
    code, text = complaint(body)
    assert len(text) <= LONGEST_TEXT
    assert "\n" not in code + text


@given(st.binary(max_size=200))
def test_no_bytes_can_either(body: bytes) -> None:
    """Whatever stands between us and the API."""
    assert "\n" not in "".join(error_of(body))


def test_only_the_first_of_a_flood_of_texts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four million of them would take half a minute, in which no signal is heard."""
    looked_at: list[str] = []
    monkeypatch.setattr(complaints, "_line", lambda text: looked_at.append(text) or text)
    assert complaint({"errors": [str(index) for index in range(5_000)]})[1].startswith("0; 1; 2; ")
    assert len(looked_at) == complaints.MOST_TEXTS
