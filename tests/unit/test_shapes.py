"""Bodies of the API as values: every shape that is known or likely, and nothing that raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from batch.core import shapes
from batch.core.model import Agent, AgentId, Binding, Channel, Number, NumberState
from tests.unit.test_fields import json_values

NUMBER = Number("+905321234567")
A = AgentId("0a1b2c3d-0000-4000-8000-00000000000a")
N = "10000000-0000-4000-8000-000000000001"
BOUND = {"bound": True, "agent_uuid": A.upper(), "agent_name": "Anna"}
ANNA = Binding(bound=True, agent=A, agent_name="Anna")


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def read(item: object) -> NumberState | None:
    """A number as one item of a list."""
    page = shapes.numbers_page(encoded([item]))
    assert page is not None
    return page.items[0] if page.items else None


# ── the envelope ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"success": True}, True),
        ({"success": False}, False),
        ({"success": "false"}, False),
        ({}, None),
        ([], None),
        (None, None),
    ],
    ids=repr,
)
def test_an_envelope_says_of_itself_whether_it_worked(document: object, said: bool | None) -> None:
    """``success`` can be false on a 2xx (API.md §4.5)."""
    assert said is shapes.success_of(document)


ITEM = {"number": NUMBER}


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": {"items": [ITEM]}},
        {"data": [ITEM]},
        {"items": [ITEM]},
        [ITEM],
        {"data": {"data": [ITEM]}},
        {"data": {"data": {"items": [ITEM]}}},
    ],
    ids=["documented", "a list in data", "no data", "bare", "Laravel's resource", "as deep as it gets"],
)
def test_a_list_is_found_wherever_frameworks_put_it(body: object) -> None:
    """The items are the same."""
    page = shapes.numbers_page(encoded(body))
    assert page is not None
    assert [NUMBER] == [one.number for one in page.items]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'"x"', b"{}", encoded({"success": False, "data": {"items": []}})]
    + [encoded(body) for body in ({"data": 7}, {"items": 7}, {"data": {"data": {"data": {"items": []}}}})],
    ids=["empty", "html", "text", "no list", "not a success", "data is none", "items are none", "too deep"],
)
def test_a_body_without_a_list_is_no_page(body: bytes) -> None:
    """An empty list would say that there is nothing: that must have been said."""
    assert shapes.numbers_page(body) is None


def test_a_list_written_as_an_object_is_a_list_all_the_same() -> None:
    """PHP writes an array whose keys have gaps so."""
    page = shapes.numbers_page(encoded({"data": {"items": {"0": ITEM, "7": {"number": "+15550100"}}}}))
    assert page is not None
    assert [NUMBER, "+15550100"] == [one.number for one in page.items]


@pytest.mark.parametrize("body", [{"data": {"items": None}}, {"data": None}, {"items": []}], ids=repr)
def test_a_null_in_the_place_of_a_list_is_an_empty_one(body: object) -> None:
    """Some encoders write it so."""
    assert shapes.Page(items=()) == shapes.numbers_page(encoded(body))


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

SAID = {"current_page": 2, "per_page": "50", "total": 120, "last_page": 3, "has_more": True, "from": None}


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"items": [], "pagination": SAID}},
        {"data": [], "meta": SAID},
        {"data": {"items": [], "meta": SAID}},
        {"data": {"items": []}, "pagination": SAID},
        {"data": {"items": [], **SAID}},
        {"data": {"data": [], **SAID}},
    ],
    ids=["documented", "meta above", "meta beside", "above", "its fields beside", "Laravel's paginator"],
)
def test_pagination_is_found_wherever_frameworks_put_it(body: object) -> None:
    """Figures may be in quotes."""
    page = shapes.numbers_page(encoded(body))
    assert shapes.Page(items=(), current=2, last=3, total=120, per_page=50, has_more=True) == page


@pytest.mark.parametrize(
    "body", [{"data": {"items": []}}, {"data": {"items": [], "pagination": None, "meta": {"x": 1}}}, []], ids=repr
)
def test_a_page_may_say_nothing_of_itself(body: object) -> None:
    """Its reader then goes by the items."""
    assert shapes.Page(items=()) == shapes.numbers_page(encoded(body))


def test_items_that_make_no_sense_are_counted() -> None:
    """A list that was not whole must not pass for one that was."""
    page = shapes.numbers_page(encoded([ITEM, {}, None, 7, {"number": "?"}]))
    assert page is not None
    assert (1, 4) == (len(page.items), page.skipped)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_number_of_the_list_is_read_whole() -> None:
    """The documented shape (API.md §4.2)."""
    item = {
        "phone_number_uuid": N.upper(),
        "number": "905321234567",
        "is_external": True,
        "source": "External",
        "status": "active",
        "bindings": {"call": BOUND, "sms": {"bound": False, "agent_uuid": None}, "whatsapp": {"bound": False}},
    }
    nobody = Binding(bound=False)
    bindings = {"call": ANNA, "sms": nobody, "whatsapp": nobody}
    assert read(item) == NumberState(
        number=NUMBER, uuid=N, external=True, source="external", status="active", bindings=bindings
    )


@pytest.mark.parametrize(
    ("facts", "external"),
    [
        ({"is_external": True, "source": "purchased"}, True),
        ({"is_external": 0}, False),
        ({"source": "purchased"}, False),
        ({"source": "external"}, True),
        ({"source": "something new"}, True),
        ({}, True),
    ],
    ids=repr,
)
def test_a_number_is_external_unless_it_is_said_to_be_bought(facts: dict, external: bool) -> None:
    """The flag leads, the source follows."""
    found = read(ITEM | facts)
    assert found is not None
    assert external is found.external


@pytest.mark.parametrize(
    "facts",
    [
        {"bindings": {"voice": BOUND}},
        {"bindings": {"Call": BOUND}},
        {"channels": {"call": BOUND, "inbound": {"enabled": True}}},
        {"channels": [{"channel": "call", "agent_uuid": A, "agent_name": "Anna"}]},
        {"channel": "call", "agent_uuid": A, "agent_name": "Anna"},
        {"bindings": {"call": {"agent_uuid": A, "agent_name": "Anna"}}},
    ],
    ids=["voice", "in capitals", "channels", "rows", "itself one trunk", "bound by its agent"],
)
def test_a_binding_is_found_wherever_the_item_keeps_it(facts: dict) -> None:
    """By channel, as a list, or as the item itself; *voice* is the same as *call*."""
    found = read(ITEM | facts)
    assert found is not None
    assert {"call": ANNA} == found.bindings


@pytest.mark.parametrize(
    ("said", "binding"),
    [
        ({"bound": False, "agent_uuid": A}, Binding(bound=False, agent=A)),
        ({"agent_uuid": None}, Binding(bound=False)),
        ({"bound": True}, Binding(bound=True)),
        ({"bound": "1", "agent_uuid": "two words"}, Binding(bound=True)),
        ({"bound": True, "agent_uuid": {"id": A}, "agent_name": ["Anna"]}, Binding(bound=True)),
        ({"bound": 0.5, "agent_uuid": A, "agent_name": 1.5}, Binding(bound=True, agent=A)),
    ],
    ids=["says not", "names nobody", "names no agent", "names no id", "names things", "names half things"],
)
def test_a_binding_says_itself_whether_it_is_bound(said: dict, binding: Binding) -> None:
    """Only when it does not, its agent decides."""
    found = read(ITEM | {"bindings": {"call": said}})
    assert found is not None
    assert {"call": binding} == found.bindings


@pytest.mark.parametrize(
    "held",
    [None, 7, [], ["call", 7, {}], {"": BOUND}, {"call": None}, {"call": {"enabled": True}}],
    ids=repr,
)
def test_what_is_no_binding_is_none(held: object) -> None:
    """Settings, nulls and nonsense."""
    found = read(ITEM | {"bindings": held})
    assert found is not None
    assert {} == found.bindings


# ── one number ────────────────────────────────────────────────────────────────────────────────────────────────────────

SNAPSHOT = {"number": NUMBER, "is_external": True, "channels": {"call": BOUND}}


@pytest.mark.parametrize(
    "body",
    [{"success": True, "data": SNAPSHOT}, {"data": [SNAPSHOT]}, SNAPSHOT, [SNAPSHOT], {"data": None, **SNAPSHOT}],
    ids=["documented", "alone in a list", "no data", "bare list", "null data"],
)
def test_a_channels_snapshot_is_found_wherever_it_stands(body: object) -> None:
    """The documented shape is API.md §4.1."""
    found = shapes.channels_snapshot(encoded(body))
    assert found == NumberState(number=NUMBER, external=True, bindings={"call": ANNA})


@pytest.mark.parametrize(
    "body",
    [{"success": False, "data": SNAPSHOT}, {"data": [SNAPSHOT, SNAPSHOT]}, {"data": 7}, {"data": {}}, 7],
    ids=["not a success", "two of them", "no object", "no number", "no JSON object"],
)
def test_what_is_no_snapshot_of_one_number_is_none(body: object) -> None:
    """Nothing is concluded from it."""
    assert shapes.channels_snapshot(encoded(body)) is None


@pytest.mark.parametrize(
    "body",
    [{"data": SNAPSHOT}, {"data": [SNAPSHOT]}, SNAPSHOT, {"data": {"number": NUMBER, "bindings": {"voice": BOUND}}}],
    ids=["documented", "alone in a list", "no data", "bindings"],
)
def test_an_answer_shows_who_serves_a_channel_now(body: dict[str, object]) -> None:
    """In whichever shape, if it says of itself that it worked."""
    told = [shapes.echo_of(encoded({**body, **envelope}), Channel.CALL) for envelope in ENVELOPES]
    assert told == [(NUMBER, A), (NUMBER, A), None, None]


ENVELOPES: tuple[dict[str, object], ...] = ({"success": True}, {"success": "true"}, {"success": False}, {})


@pytest.mark.parametrize(
    "body",
    [
        {"data": None},
        {"data": {"number": NUMBER}},
        {"data": {"number": NUMBER, "channels": {"call": {"bound": False}}}},
        {"data": {"number": NUMBER, "channels": {"call": {"bound": True}}}},
        {"data": {"number": NUMBER, "channels": {"whatsapp": BOUND}}},
        {"data": {"number": "?", "channels": {"call": BOUND}}},
        {"data": {"number": NUMBER, "channels": {"call": 7}}},
    ],
    ids=["no data", "no channels", "not bound", "nobody", "another channel", "no number", "nonsense"],
)
def test_an_answer_that_does_not_say_who_serves_the_channel_says_nothing(body: dict[str, object]) -> None:
    """Number and agent, or none."""
    assert shapes.echo_of(encoded({"success": True, **body}), Channel.CALL) is None


def test_what_is_no_object_shows_nothing() -> None:
    """Neither an empty body nor a list."""
    assert {shapes.echo_of(body, Channel.CALL) for body in (b"", b"null", b"[]")} == {None}


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_agents_are_read_with_names_in_one_form() -> None:
    """Unknown fields are passed over; an agent without an id is none."""
    items = [
        {"agent_uuid": A.upper(), "name": " Zoe\u0301 ", "status": "ready", "prompt": "…"},
        {"uuid": "x1", "agent_name": "Bob"},
        {"name": "nobody"},
        None,
    ]
    page = shapes.agents_page(encoded({"data": {"items": items}}))
    assert page is not None
    assert (Agent(A, "Zo\u00e9", "ready"), Agent(AgentId("x1"), "Bob")) == page.items
    assert page.skipped == 2


# ── anything ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(json_values)
def test_nothing_that_json_can_hold_raises(body: object) -> None:
    """A page, a snapshot, or none."""
    for read_body in (shapes.numbers_page, shapes.agents_page, shapes.channels_snapshot):
        read_body(encoded(body))
        read_body(encoded({"data": {"items": [body], "pagination": body}}))
