"""Bodies in the documented shape: read straight into values, with nothing else said than by whoever reads any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core import fields, shapes, typical
from batch.core.model import AgentId, Channel, Number, NumberState
from batch.core.parts import Page, number_state
from tests.unit.test_fields import json_values

ANNA = "0a1b2c3d-0000-4000-8000-00000000000a"
BINDINGS = {
    "call": {"bound": True, "agent_uuid": ANNA, "agent_name": "Anna"},
    "sms": {"bound": False, "agent_uuid": None, "agent_name": None},
}
ITEM = {
    "phone_number_uuid": "10000000-0000-4000-8000-000000000001",
    "number": "+905321234567",
    "type": "mobile",
    "is_external": True,
    "source": "external",
    "status": "active",
    "bindings": BINDINGS,
}
SAID = {"current_page": 2, "per_page": 50, "total": 120, "last_page": 3, "from": 51, "to": 100, "has_more": True}
BODY = {"success": True, "message": "OK", "data": {"items": [ITEM], "pagination": SAID}}


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def tolerant(body: object) -> Page[NumberState] | None:
    """The page as whoever reads any shape has it: through dictionaries."""
    return shapes.page_of(body, lambda item: number_state(item, 7))


def altered(body: Any, path: tuple[Any, ...], value: object) -> Any:
    """*body* with *value* at the end of *path*."""
    if not path:
        return value
    copy = list(body) if isinstance(body, list) else dict(body)
    copy[path[0]] = altered(copy[path[0]] if isinstance(copy, list) else copy.get(path[0]), path[1:], value)
    return copy


def outlined(body: bytes) -> fields.Outline | None:
    """The outline of a body that was read whole."""
    document = fields.document(body)
    success = document.get("success") if isinstance(document, dict) else None
    return None if document is None else fields.Outline(success)


PATHS = (
    *[(), ("success",), ("message",), ("items",), ("meta",), ("total",), ("data",)],
    *[("data", name) for name in ("items", "pagination", "meta", "total")],
    *[("data", "pagination", name) for name in ("current_page", "per_page", "total", "last_page", "has_more")],
    ("data", "items", 0),
    *[("data", "items", 0, name) for name in (*ITEM, "phone_number", "uuid", "channel", "channels", "agent_uuid")],
    *[("data", "items", 0, "bindings", name) for name in ("call", "voice", "sms", " SMS ", "pbx")],
    *[("data", "items", 0, "bindings", "call", name) for name in ("bound", "agent_uuid", "agent_name")],
)
LIKELY = ("+1555010", "1", 1, True, "false", ANNA, ANNA.upper(), BINDINGS, ITEM, SAID)


def test_a_documented_page_is_read_straight() -> None:
    """As API.md §4 has it, with and without the parts that may be missing."""
    for path in ((), ("data", "pagination"), ("data", "items", 0, "source")):
        body = altered(BODY, path, None if path else BODY)
        assert tolerant(body) == typical.numbers(encoded(body), 7)


@pytest.mark.parametrize("path", PATHS, ids=repr)
@given(value=json_values | st.sampled_from(LIKELY))
def test_what_is_read_straight_is_what_a_tolerant_reader_says(path: tuple[Any, ...], value: object) -> None:
    """Whatever stands in whichever place: it is the same, or left to the other."""
    body = altered(BODY, path, value)
    found = typical.numbers(encoded(body), 7)
    assert found is None or found == tolerant(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        encoded(BODY)[:-1],
        encoded(altered(BODY, ("success",), False)),
        encoded(BODY).replace(b"mobile", b"\xff"),
        encoded([ITEM]),
        encoded(altered(BODY, ("data", "items", 0, "channel"), "call")),
        encoded(BODY).replace(b'"Anna"', b"1" * 5000),
    ],
    ids=[
        *("empty", "a page", "cut", "not a success", "not UTF-8 where nobody looks", "bare", "an item per trunk"),
        "a number without end",
    ],
)
def test_anything_else_is_left_alone(body: bytes) -> None:
    """Whether it is a page at all is for the other to say."""
    assert typical.numbers(body, 7) is None


# ── the answer to the assign call ─────────────────────────────────────────────────────────────────────────────────────

BOUND = {"capable": True, "bound": True, "agent_uuid": ANNA, "agent_name": "Anna"}
SNAPSHOT = {
    "phone_number_uuid": None,
    "number": "+905321234567",
    "is_external": True,
    "source": "external",
    "channels": {"call": BOUND, "sms": None, "whatsapp": {"bound": False}, "inbound": {"enabled": True}},
}
ANSWER = {"success": True, "message": "OK", "data": SNAPSHOT}
ECHO = (Number("+905321234567"), AgentId(ANNA))
IN_AN_ANSWER = (
    *[(), ("success",), ("message",), ("data",), ("number",), ("channels",)],
    *[("data", name) for name in (*SNAPSHOT, "phone_number", "channel", "agent_uuid", "bindings", "data")],
    *[("data", "channels", name) for name in ("call", "voice", "sms", "whatsapp", " CALL ", "inbound")],
    *[("data", "channels", "call", name) for name in ("bound", "agent_uuid", "agent_name")],
)


def slowly(body: object, channel: Channel) -> tuple[Number, AgentId] | None:
    """The echo as whoever reads any shape has it."""
    state = shapes.channels_snapshot(encoded(body)) if shapes.success_of(body) is True else None
    owner = None if state is None else state.owner(channel)
    return None if state is None or owner is None else (state.number, owner)


def test_a_documented_answer_is_read_straight() -> None:
    """The channel that was asked for, and no other."""
    read = [typical.echo(encoded(ANSWER), channel) for channel in (Channel.CALL, Channel.WHATSAPP)]
    assert read == [ECHO, None]


@pytest.mark.parametrize("path", IN_AN_ANSWER, ids=repr)
@given(value=json_values | st.sampled_from((*LIKELY, BOUND, SNAPSHOT)))
def test_an_answer_read_straight_says_what_a_tolerant_reader_says(path: tuple[Any, ...], value: object) -> None:
    """Whatever stands in whichever place: it is the same, or left to the other."""
    body = altered(ANSWER, path, value)
    for channel in Channel:
        found = typical.echo(encoded(body), channel)
        assert found is None or found == slowly(body, channel)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", encoded(ANSWER)[:-1], encoded(ANSWER).replace(b"Anna", b"\xff")),
        encoded(altered(ANSWER, ("success",), False)),
        encoded(altered(ANSWER, ("data", "channels", "call", "bound"), False)),
        encoded(altered(ANSWER, ("data", "channels", "call", "agent_uuid"), None)),
        encoded(altered(ANSWER, ("data", "number"), "?")),
    ],
    ids=["empty", "a page", "cut", "not UTF-8", "not a success", "not bound", "nobody", "no number"],
)
def test_any_other_answer_is_left_alone(body: bytes) -> None:
    """Whether it shows anything is for the other to say."""
    assert typical.echo(body, Channel.CALL) is None


# ── an envelope ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("damage", [b"\xff", b"\x00", b'"', b"{", b"]", b",", b"1", b"\\"], ids=repr)
def test_an_outline_takes_for_json_what_is(damage: bytes) -> None:
    """Nothing that is passed over may be other than what a whole reading takes; at every place of a body."""
    whole = encoded(BODY)
    for place in range(len(whole)):
        for body in (whole[:place] + damage + whole[place:], whole[:place] + damage + whole[place + 1 :]):
            assert outlined(body) == fields.outline(body), body


@given(json_values)
def test_an_outline_says_what_the_envelope_says(body: object) -> None:
    """Of any JSON."""
    for told in (body, {"success": body, "data": body}):
        assert outlined(encoded(told)) == fields.outline(encoded(told))
