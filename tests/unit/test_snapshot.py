"""The live state by list pages: complete or refused by name, whatever shape the server's lists have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from batch.core.calls import Call, Reply
from batch.core.model import AgentId, Channel, Number
from batch.engine import listing
from batch.engine.snapshot import NoTrunkListError, gather, gather_numbers, reread
from batch.errors import CredentialsError, SafetyError, UnavailableError
from tests.scripted import Scripted, answer, callers_for
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


def uuid(index: int) -> str:
    return f"00000000-0000-4000-8000-{index:012d}"


def number(index: int) -> str:
    return f"+1415555{index:04d}"


def binding(agent: int | None) -> dict[str, Any]:
    return {"bound": agent is not None, "agent_uuid": None if agent is None else uuid(agent), "agent_name": None}


def trunk(index: int, *, call: int | None = None, whatsapp: int | None = None, external: bool = True) -> dict[str, Any]:
    """A list item: a number with the agents on its two channels."""
    return {
        "phone_number_uuid": uuid(5000 + index),
        "number": number(index),
        "is_external": external,
        "status": "active",
        "bindings": {"call": binding(call), "whatsapp": binding(whatsapp), "sms": binding(None)},
    }


def agent(index: int) -> dict[str, Any]:
    return {"agent_uuid": uuid(index), "name": f"Agent {index}", "status": "ready"}


def some_trunks(count: int) -> list[dict[str, Any]]:
    return [trunk(index, call=index) for index in range(count)]


@dataclass
class Lists:
    """A server of three lists, as well or badly behaved as a test wants."""

    trunks: Sequence[dict[str, Any]] = ()
    purchased: Sequence[dict[str, Any]] = ()
    agents: Sequence[dict[str, Any]] = field(default_factory=lambda: [agent(index) for index in range(3)])
    cap: int = 1000
    pagination: bool = True
    total_off_by: int = 0
    ignores_page: bool = False
    statuses: dict[str, int] = field(default_factory=dict)
    knows_per_page: bool = True
    most_per_page: int = 1000
    shape: Callable[[list[dict[str, Any]]], Any] = lambda items: {"items": items}

    def __call__(self, call: Call) -> Reply:
        status = self.statuses.get(call.path, 200)
        if status != 200:
            return answer({"success": False, "message": "no"}, status)
        query = dict(call.query)
        if "number" in query:
            return self._one(query["number"])
        if "per_page" in query and (not self.knows_per_page or int(query["per_page"]) > self.most_per_page):
            return answer({"message": "per_page is prohibited", "errors": {"per_page": ["no"]}}, 422)
        items = {
            "/agents": self.agents,
            "/phone-numbers": [*self.trunks, *self.purchased],
            "/phone-numbers/trunks": self.trunks,
        }[call.path]
        return self._page(items, int(query.get("page", "1")), min(self.cap, int(query.get("per_page", "50"))))

    def _page(self, items: Sequence[dict[str, Any]], page: int, size: int) -> Reply:
        start = 0 if self.ignores_page else (page - 1) * size
        data = self.shape(list(items[start : start + size]))
        if self.pagination and isinstance(data, dict):
            last = max(1, math.ceil(len(items) / size))
            data["pagination"] = {
                "current_page": page,
                "per_page": size,
                "total": len(items) + self.total_off_by,
                "last_page": last,
                "has_more": page < last,
            }
        return answer({"success": True, "data": data})

    def _one(self, wanted: str) -> Reply:
        for item in [*self.trunks, *self.purchased]:
            if item["number"] == wanted:
                channels = item["bindings"]
                return answer({"success": True, "data": {**item, "channels": channels}})
        return answer({"success": False}, 404)


async def test_a_snapshot_is_three_lists_and_no_call_more_than_their_pages() -> None:
    """250 trunks, 3 agents, 250 + 20 numbers: 2 + 1 + 2 calls, whatever the rows of a sheet are."""
    purchased = [trunk(9000 + index, call=index, external=False) for index in range(20)]
    api = Scripted(Lists(some_trunks(250), purchased))
    snapshot = await gather(callers_for(api))
    assert len(api.sent) == 5
    assert (len(snapshot.numbers), len(snapshot.others), len(snapshot.agents)) == (250, 20, 3)
    assert (snapshot.complete, snapshot.pages, snapshot.notes) == (True, 2, ())
    assert snapshot.numbers[Number(number(7))].owner(Channel.CALL) == AgentId(uuid(7))


async def test_each_number_knows_its_page_of_the_trunk_list() -> None:
    """One call is then enough to look at it again."""
    snapshot = await gather(callers_for(Scripted(Lists(some_trunks(250)))))
    assert [snapshot.numbers[Number(number(index))].page for index in (0, 199, 200, 249)] == [1, 1, 2, 2]


BADLY_BEHAVED = {
    "no pagination": Lists(some_trunks(250), pagination=False),
    "no pagination, last page full": Lists(some_trunks(200), pagination=False),
    "no pagination, page ignored": Lists(some_trunks(80), pagination=False, ignores_page=True),
    "per_page capped": Lists(some_trunks(250), cap=40),
    "per_page capped, no pagination": Lists(some_trunks(250), cap=40, pagination=False),
    "per_page unknown": Lists(some_trunks(120), knows_per_page=False),
    "per_page of more than 100 refused": Lists(some_trunks(250), most_per_page=100),
    "items in data": Lists(some_trunks(250), shape=lambda items: {"data": items}),
    "a bare array": Lists(some_trunks(250), shape=lambda items: items),
    "total too small": Lists(some_trunks(250), total_off_by=-50),
    "empty": Lists(()),
}


@pytest.mark.parametrize("name", BADLY_BEHAVED)
async def test_every_shape_of_list_is_read_whole(name: str) -> None:
    """However a server pages, every number is seen once."""
    lists = BADLY_BEHAVED[name]
    snapshot = await gather(callers_for(Scripted(lists)))
    assert list(snapshot.numbers) == [Number(item["number"]) for item in lists.trunks]


@pytest.mark.parametrize(
    ("lists", "per_page", "last"),
    [
        pytest.param(Lists(some_trunks(120), knows_per_page=False), None, 3, id="unknown"),
        pytest.param(Lists(some_trunks(120), most_per_page=100), 100, 2, id="smaller"),
    ],
)
async def test_a_refused_size_of_page_is_asked_for_no_more(lists: Lists, per_page: int | None, last: int) -> None:
    """A later look must find each number on the page it was seen on."""
    snapshot = await gather(callers_for(Scripted(lists)))
    assert (snapshot.per_page, snapshot.numbers[Number(number(119))].page) == (per_page, last)


async def test_a_row_per_channel_is_one_number() -> None:
    """A list with one row for each channel of a number: the bindings are put together, and nothing is incomplete."""
    rows = [trunk(1, call=1), trunk(1, whatsapp=2), trunk(2, call=3)]
    snapshot = await gather(callers_for(Scripted(Lists(rows))))
    state = snapshot.numbers[Number(number(1))]
    assert (state.owner(Channel.CALL), state.owner(Channel.WHATSAPP)) == (uuid(1), uuid(2))
    assert snapshot.trunk_count() == 3


async def test_a_number_listed_twice_is_kept_once_and_noted() -> None:
    """An item that moved to the next page while we read."""
    snapshot = await gather(
        callers_for(Scripted(Lists([trunk(1, call=1), trunk(2, call=2), trunk(1, call=1)], total_off_by=-1)))
    )
    assert len(snapshot.numbers) == 2
    assert any("listed more than once" in note for note in snapshot.notes)


async def test_two_rows_that_disagree_keep_the_first_and_say_so() -> None:
    """The same channel of a number with two agents."""
    rows = [{**trunk(1, call=1), "phone_number_uuid": uuid(1)}, trunk(1, call=2, whatsapp=3)]
    snapshot = await gather(callers_for(Scripted(Lists(rows))))
    state = snapshot.numbers[Number(number(1))]
    assert (state.owner(Channel.CALL), state.owner(Channel.WHATSAPP)) == (uuid(1), uuid(3))
    assert any("different agents" in note for note in snapshot.notes)


async def test_a_list_that_says_it_has_more_is_read_again_and_then_refused() -> None:
    """The total is 252, 250 are shown: two whole readings, then an incomplete snapshot is no snapshot."""
    api = Scripted(Lists(some_trunks(250), total_off_by=2))
    with pytest.raises(
        UnavailableError, match="incomplete snapshot: the list /agents says that it has 5 items, but shows 3"
    ):
        await gather(callers_for(api))
    assert [call.path for call in api.sent] == ["/agents", "/agents"]


async def test_a_list_that_was_edited_while_we_read_is_read_again() -> None:
    """The first reading misses one, the second is whole."""
    lists = Lists(some_trunks(150))
    seen = 0

    def reply(call: Call) -> Reply:
        nonlocal seen
        if call.path == "/phone-numbers/trunks":
            seen += 1
            if seen == 2:  # somebody removed a number of page 1, so one slipped from page 2 to page 1 unseen
                return Lists(some_trunks(150)[1:], total_off_by=1)(call)
        return lists(call)

    snapshot = await gather(callers_for(Scripted(reply)))
    assert len(snapshot.numbers) == 150


async def test_pages_that_the_first_one_announces_are_read_side_by_side() -> None:
    """Five pages at a second each by three: one, then four in two seconds; each number knows its page all the same."""
    api = Scripted(Lists(some_trunks(1000)), seconds=1.0)
    began = anyio.current_time()
    snapshot = await gather(callers_for(api))
    assert (len(api.sent), anyio.current_time() - began) == (11, pytest.approx(1.0 + 3.0 + 3.0))
    assert [snapshot.numbers[Number(number(index))].page for index in (0, 200, 399, 999)] == [1, 2, 2, 5]


async def test_an_end_that_is_announced_too_far_off_costs_no_more_than_a_look_ahead() -> None:
    """Page 3 is empty, whatever the first one says of 5,000."""

    def boastful(call: Call) -> Reply:
        page = int(dict(call.query)["page"])
        items = [agent(page * 10 + index) for index in range(10 if page < 3 else 0)]
        return answer({"success": True, "data": {"items": items, "pagination": {"last_page": 5000}}})

    api = Scripted(lambda call: boastful(call) if call.path == "/agents" else Lists(some_trunks(1))(call))
    snapshot = await gather(callers_for(api))
    assert len(snapshot.agents) == 20
    assert [call.path for call in api.sent].count("/agents") == 1 + listing.FIRST_AHEAD


@pytest.mark.parametrize("beyond", [403, 404, 422])
async def test_a_page_beyond_the_end_may_be_refused(beyond: int) -> None:
    """The first page announces too many, or the list has shrunk: what was read ahead in vain is nothing."""

    def boastful(call: Call) -> Reply:
        page = int(dict(call.query)["page"])
        if page > 3:
            return answer({"message": "no"}, beyond)
        items = [agent(page * 10 + index) for index in range(10 if page < 3 else 0)]
        return answer({"success": True, "data": {"items": items, "pagination": {"last_page": 9}}})

    api = Scripted(lambda call: boastful(call) if call.path == "/agents" else Lists(some_trunks(1))(call))
    assert len((await gather(callers_for(api))).agents) == 20


async def test_items_that_make_no_sense_do_not_announce_more_pages() -> None:
    """Eight of ten on the first page: of fifty there are five pages all the same, and none beyond is asked for."""
    items = [{"number": None}] * 8 + some_trunks(42)

    def paged(call: Call) -> Reply:
        page = int(dict(call.query)["page"])
        here = items[(page - 1) * 10 : page * 10]
        return (
            answer({"data": {"items": here, "pagination": {"total": 50}}}) if here else answer({"message": "no"}, 422)
        )

    api = Scripted(lambda call: paged(call) if call.path == "/phone-numbers/trunks" else Lists()(call))
    assert len((await gather(callers_for(api))).numbers) == 42
    assert [call.path for call in api.sent].count("/phone-numbers/trunks") == 5


async def test_what_one_page_says_no_to_is_said_as_it_is() -> None:
    """Not wrapped in a group of errors, once it is that page's turn."""
    lists = Lists(some_trunks(1000))

    def reply(call: Call) -> Reply:
        return answer({"message": "no"}, 403) if dict(call.query)["page"] == "3" else lists(call)

    api = Scripted(reply, seconds=1.0)
    began = anyio.current_time()
    with pytest.raises(CredentialsError, match="refused"):
        await gather(callers_for(api))
    assert anyio.current_time() - began == pytest.approx(4.0)


async def test_a_list_that_does_not_end_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """New items on every page for ever."""
    monkeypatch.setattr(listing, "MOST_PAGES", 30)

    def endless(call: Call) -> Reply:
        page = int(dict(call.query)["page"])
        items = [agent(page * 10 + index) for index in range(10)]
        return answer({"success": True, "data": {"items": items, "pagination": {"has_more": True}}})

    with pytest.raises(SafetyError, match="the list /agents does not end"):
        await gather(callers_for(Scripted(endless)))


async def test_a_list_that_repeats_itself_ends() -> None:
    """`has_more` is always true and every page is the first: two calls, not for ever."""
    items = [agent(index) for index in range(10)]
    body = answer({"success": True, "data": {"items": items, "pagination": {"has_more": True}}})
    api = Scripted(lambda call: body if call.path == "/agents" else Lists(some_trunks(1))(call))
    await gather(callers_for(api))
    assert [call.path for call in api.sent].count("/agents") == 2


@pytest.mark.parametrize("status", [403, 404])
async def test_without_the_number_list_others_are_unknown_and_noted(status: int) -> None:
    """The trunk list is what counts; purchased numbers are only looked at for occupancy."""
    snapshot = await gather(callers_for(Scripted(Lists(some_trunks(3), statuses={"/phone-numbers": status}))))
    assert (len(snapshot.numbers), snapshot.others) == (3, {})
    assert snapshot.notes == ("this server has no list /phone-numbers",)


async def test_without_the_trunk_list_the_number_list_tells_the_trunks() -> None:
    """The list of all numbers shows external ones and their bindings too."""
    lists = Lists(some_trunks(3), [trunk(9, call=2, external=False)], statuses={"/phone-numbers/trunks": 404})
    snapshot = await gather(callers_for(Scripted(lists)))
    assert (len(snapshot.numbers), len(snapshot.others), snapshot.pages) == (3, 1, 0)
    assert {state.page for state in snapshot.numbers.values()} == {0}


async def test_without_both_lists_the_snapshot_says_so() -> None:
    """Whoever wants can then go on number by number."""
    lists = Lists(some_trunks(3), statuses={"/phone-numbers/trunks": 404, "/phone-numbers": 404})
    callers = callers_for(Scripted(lists))
    with pytest.raises(NoTrunkListError):
        await gather(callers)
    snapshot = await gather_numbers(callers, [Number(number(0)), Number(number(1)), Number("+14155559999")])
    assert (sorted(snapshot.numbers), snapshot.complete) == ([number(0), number(1)], False)


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/agents", 404, UnavailableError),
        ("/agents", 403, CredentialsError),
        ("/phone-numbers/trunks", 403, CredentialsError),
    ],
)
async def test_a_list_we_cannot_do_without_ends_the_run(path: str, status: int, error: type[Exception]) -> None:
    """No agents, or a trunk list that the token may not see."""
    with pytest.raises(error):
        await gather(callers_for(Scripted(Lists(some_trunks(3), statuses={path: status}))))


async def test_a_body_that_is_no_list_is_refused() -> None:
    """JSON, but not a list of anything."""
    with pytest.raises(UnavailableError, match="page 1 of /agents is not a list"):
        await gather(callers_for(Scripted(lambda _: answer({"hello": "world"}))))


async def test_items_that_make_no_sense_are_counted_not_lost() -> None:
    """An item without a number: the list is whole, and a note says that one was left out."""
    snapshot = await gather(callers_for(Scripted(Lists([trunk(1, call=1), {"number": None}]))))
    assert len(snapshot.numbers) == 1
    assert any("made no sense" in note for note in snapshot.notes)


# ── looking again ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("wanted", "calls_made"), [(1, 1), (2, 2), (200, 2)])
async def test_numbers_are_looked_at_again_the_cheaper_way(wanted: int, calls_made: int) -> None:
    """A few one by one, many by list pages."""
    api = Scripted(Lists(some_trunks(250)))
    numbers = [Number(number(index)) for index in range(wanted)]
    seen = await reread(callers_for(api), numbers, 2)
    assert (sorted(seen), len(api.sent)) == (sorted(numbers), calls_made)


async def test_a_number_that_left_the_list_is_asked_for_by_itself() -> None:
    """Gone from the list but still there is seen; gone altogether is left out."""
    lists = Lists(some_trunks(5), [trunk(7, call=1)])
    numbers = [Number(number(index)) for index in (0, 1, 7, 8)]
    seen = await reread(callers_for(Scripted(lists)), numbers, 1)
    assert sorted(seen) == [number(0), number(1), number(7)]


async def test_an_answer_about_another_number_is_not_taken() -> None:
    """Whatever the server mixes up, it does not become our truth; the message does not show the whole number."""
    api = Scripted(lambda _: answer({"success": True, "data": {**trunk(2, call=1), "channels": {}}}))
    with pytest.raises(UnavailableError) as error:
        await reread(callers_for(api), [Number(number(1))], 0)
    assert number(1) not in str(error.value)
