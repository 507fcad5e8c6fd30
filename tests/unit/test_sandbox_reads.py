"""The stand-in's reads and its pages, in the documented shape and in the odd ones."""

from typing import Any

import pytest

from batch.sandbox.pages import Pagination
from batch.sandbox.request import Request, query_of
from tests.worlds import agent, answer, assign_request, bought, number, request, service, told, world

# ── reads ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_trunk_list_holds_external_numbers_once_each() -> None:
    """One item per number, however many channels it is on; purchased ones are in the other list only."""
    made = service(world({"call": 0, "whatsapp": 1}, {"call": 2}, purchased=[{"sms": 3}]))
    trunks = told(answer(made, request("GET", "/phone-numbers/trunks")))["data"]["items"]
    numbers = told(answer(made, request("GET", "/phone-numbers")))["data"]["items"]
    assert [number(0), number(1)] == [item["number"] for item in trunks]
    assert [number(0), number(1), bought(0)] == [item["number"] for item in numbers]
    assert (agent(0), agent(1)) == tuple(trunks[0]["bindings"][c]["agent_uuid"] for c in ("call", "whatsapp"))
    assert {"bound": False, "agent_uuid": None, "agent_name": None} == trunks[1]["bindings"]["whatsapp"]


def test_channels_are_read_by_number_and_by_uuid() -> None:
    """The same snapshot both ways, as an assign would echo it."""
    made = service(world({"call": 0}))
    uuid = made.world.numbers[number(0)].uuid
    by_number = answer(made, request("GET", "/phone-numbers/channels", query={"number": number(0)}))
    by_uuid = answer(made, request("GET", f"/phone-numbers/{uuid}/channels"))
    assert told(by_number) == told(by_uuid) == told(answer(made, assign_request(0, to=0)))


def test_a_plus_that_was_not_encoded_is_not_a_number() -> None:
    """``?number=+90…`` arrives with a space: a client that forgets ``%2B`` finds out here."""
    query = query_of(f"number={number(0)}")
    assert 422 == answer(service(world({"call": 0})), request("GET", "/phone-numbers/channels", query=query)).status


@pytest.mark.parametrize(
    ("call", "status"),
    [
        pytest.param(request("GET", "/nothing"), 404, id="no-route"),
        pytest.param(request("GET", "/agents/none"), 404, id="no-agent"),
        pytest.param(request("GET", "/phone-numbers/none/channels"), 404, id="no-uuid"),
        pytest.param(request("GET", "/phone-numbers/channels", query={"number": "+441234567890"}), 404, id="no-number"),
        pytest.param(request("GET", "/phone-numbers/trunks/assign"), 405, id="assign-is-put"),
        pytest.param(request("DELETE", "/phone-numbers/trunks"), 405, id="no-delete"),
        pytest.param(request("PUT", f"/agents/{agent(0)}"), 405, id="agents-are-read"),
        pytest.param(request("GET", f"/agents/{agent(0)}"), 200, id="agent"),
        pytest.param(request("GET", "/contacts", query={"limit": "1"}), 200, id="probe"),
    ],
)
def test_routes_answer_like_laravel(call: Request, status: int) -> None:
    """404 and 405 have a message in JSON."""
    response = answer(service(world({"call": 0})), call)
    assert status == response.status
    assert "message" in told(response)


def test_agents_are_heavy_items() -> None:
    """The whole configuration of an agent comes along, so a list of them is no cheap call."""
    response = answer(service(world(agents=5)), request("GET", "/agents"))
    assert len(response.body) > 5 * 2000
    assert {"agent_uuid", "name", "status"} <= told(response)["data"]["items"][0].keys()


# ── paging ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pages(style: Pagination, count: int, **query: str) -> list[Any]:
    made = service(world(agents=120), pagination=style)
    return [told(answer(made, request("GET", "/agents", query={"page": str(p), **query}))) for p in range(1, count + 1)]


def uuids(items: list[Any]) -> list[str]:
    return [item["agent_uuid"] for item in items]


ALL = [agent(i) for i in range(120)]


def test_lists_come_in_pages_of_50() -> None:
    """API.md §4.3, with the figures of the documented object."""
    got = pages(Pagination.NORMAL, 4)
    assert [50, 50, 20, 0] == [len(page["data"]["items"]) for page in got]
    assert ALL == [uuid for page in got for uuid in uuids(page["data"]["items"])]
    expected = {
        "current_page": 3,
        "per_page": 50,
        "total": 120,
        "last_page": 3,
        "from": 101,
        "to": 120,
        "has_more": False,
    }
    assert expected == got[2]["data"]["pagination"]
    assert (None, None) == (got[3]["data"]["pagination"]["from"], got[3]["data"]["pagination"]["to"])


@pytest.mark.parametrize(("asked", "given"), [("100", 100), ("5000", 200), ("0", 1), ("many", 50), ("", 50)], ids=repr)
def test_per_page_is_capped(asked: str, given: int) -> None:
    """At most 200, whatever is asked."""
    assert given == pages(Pagination.NORMAL, 1, per_page=asked)[0]["data"]["pagination"]["per_page"]


def test_pagination_none_answers_everything_on_every_page() -> None:
    """Page parameters are ignored and no pagination object comes."""
    first, second = pages(Pagination.NONE, 2)
    assert first == second
    assert ALL == uuids(first["data"]["items"])
    assert "pagination" not in first["data"]


def test_pagination_silent_has_pages_without_the_object() -> None:
    """Only a short or an empty page shows the end."""
    got = pages(Pagination.SILENT, 3)
    assert [50, 50, 20] == [len(page["data"]["items"]) for page in got]
    assert {"items"} == got[0]["data"].keys()


def test_pagination_shapes_place_the_items_elsewhere() -> None:
    """A bare array, data as the array, items without the envelope."""
    assert ALL[:50] == uuids(pages(Pagination.BARE, 1)[0])
    assert ALL[:50] == uuids(pages(Pagination.DATA, 1)[0]["data"])
    assert ALL[:50] == uuids(pages(Pagination.ITEMS, 1)[0]["items"])


def test_pagination_endless_repeats_the_last_page() -> None:
    """A page that never ends: there is always one more, and it is the same."""
    got = pages(Pagination.ENDLESS, 5)
    assert [True] * 5 == [page["data"]["pagination"]["has_more"] for page in got]
    assert got[2]["data"]["items"] == got[4]["data"]["items"]


def test_pagination_repeat_overlaps() -> None:
    """Items that moved while the pages were read come twice."""
    got = [uuids(page["data"]["items"]) for page in pages(Pagination.REPEAT, 3)]
    assert got[0][-3:] == got[1][:3]
    assert ALL == sorted({uuid for page in got for uuid in page})
