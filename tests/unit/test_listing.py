"""One list of the server, page by page: read whole or refused by name, however it is paged."""

from __future__ import annotations

import anyio
import pytest

from batch.core.calls import Call, Reply
from batch.core.model import Number
from batch.engine import listing
from batch.engine.snapshot import gather
from batch.errors import CredentialsError, SafetyError, UnavailableError
from tests.lists import Lists, agent, number, some_trunks
from tests.scripted import Scripted, answer, callers_for
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


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


async def test_a_body_that_is_no_list_is_refused() -> None:
    """JSON, but not a list of anything."""
    with pytest.raises(UnavailableError, match="page 1 of /agents is not a list"):
        await gather(callers_for(Scripted(lambda _: answer({"hello": "world"}))))


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


# ── pages side by side ────────────────────────────────────────────────────────────────────────────────────────────────


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
