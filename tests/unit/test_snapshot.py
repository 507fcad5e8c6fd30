"""The live state put together from the lists: what it holds, what it notes, what it cannot do without."""

from __future__ import annotations

import pytest

from batch.core.model import AgentId, Channel, Number
from batch.engine.snapshot import NoTrunkListError, gather, gather_numbers, reread
from batch.errors import CredentialsError, UnavailableError
from tests.lists import Lists, number, some_trunks, trunk, uuid
from tests.scripted import Scripted, answer, callers_for
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


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
        ("/agents", 404, CredentialsError),
        ("/agents", 403, CredentialsError),
        ("/phone-numbers/trunks", 403, CredentialsError),
    ],
)
async def test_a_list_we_cannot_do_without_ends_the_run(path: str, status: int, error: type[Exception]) -> None:
    """No agents, or a trunk list that the token may not see."""
    with pytest.raises(error):
        await gather(callers_for(Scripted(Lists(some_trunks(3), statuses={path: status}))))


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
