"""What the vendor's facts say about every implementation of ``Api``: the real HTTP stack, and the tests' fake."""

import json
from typing import Any

import anyio
import pytest

from batch.adapters.api import Api
from batch.core.calls import Answer, Call, Fault, FaultKind, Listing, assign, channels_of, list_page, probe
from batch.core.model import AgentId, Channel, Number, Trunk
from batch.sandbox.faults import Outside
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule
from tests.contract.stands import DEADLINE, Stand, Standing
from tests.worlds import agent, bought, number, world

pytestmark = pytest.mark.anyio

# ── words of the tests ────────────────────────────────────────────────────────────────────────────────────────────────


def move(index: int = 0, to: int = 1, channel: Channel = Channel.CALL) -> Call:
    return assign(Trunk(Number(number(index)), channel), AgentId(agent(to)))


async def answered(api: Api, call: Call) -> Answer:
    """The answer to a call that must not end in a fault."""
    reply = await api.send(call)
    assert isinstance(reply, Answer), reply
    return reply


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


async def once(stand: Stand, call: Call, **how: Any) -> Answer | Fault:
    """One call over an Api of its own."""
    api = stand.connect(**how)
    try:
        return await api.send(call)
    finally:
        await api.aclose()


# ── the assign call ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_assign_moves_exactly_the_trunk_it_names(standing: Standing) -> None:
    """The echo says so and the state is so; the number's other channel and other numbers stay."""
    with standing(world({"call": 0, "whatsapp": 0}, {"call": 3})) as stand:
        answer = await once(stand, move(0, to=1))
        owners = [stand.owner(0), stand.owner(0, "whatsapp"), stand.owner(1)]
    assert isinstance(answer, Answer)
    assert (200, True) == (answer.status, told(answer)["success"])
    assert agent(1) == told(answer)["data"]["channels"]["call"]["agent_uuid"]
    assert [agent(1), agent(0), agent(3)] == owners


async def test_assign_sets_a_final_state_so_repeating_it_is_harmless(standing: Standing) -> None:
    """API.md §5: no idempotency key is needed for that."""
    with standing(world({"call": 0}), occupancy=Rule.REFUSE) as stand:
        api = stand.connect()
        statuses = [(await answered(api, move(0, to=1))).status for _ in range(3)]
        await api.aclose()
        assert ([200] * 3, agent(1)) == (statuses, stand.owner())


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        pytest.param(move(9), 404, "trunk_not_found", id="unknown-number"),
        pytest.param(move(0, channel=Channel.WHATSAPP), 404, "trunk_not_found", id="channel-without-trunk"),
        pytest.param(move(0, to=99), 404, "agent_not_found", id="unknown-agent"),
        pytest.param(move(0, to=2), 409, "phone_in_use", id="occupied-by-a-trunk"),
        pytest.param(move(0, to=3), 409, "phone_in_use", id="occupied-by-a-purchased-number"),
    ],
)
async def test_a_refused_assign_is_an_answer_and_changes_nothing(
    standing: Standing, call: Call, status: int, code: str
) -> None:
    """The body says why, in the vendor's words."""
    with standing(world({"call": 0}, {"call": 2}, purchased=[{"call": 3}]), occupancy=Rule.REFUSE) as stand:
        answer = await once(stand, call)
        owner = stand.owner()
    assert isinstance(answer, Answer)
    assert (status, code) == (answer.status, told(answer)["error"]["code"])
    assert agent(0) == owner


@pytest.mark.parametrize(
    ("rule", "others"), [(Rule.ALLOW, agent(2)), (Rule.DISPLACE, None)], ids=["allow-two", "displace"]
)
async def test_an_occupied_agent_may_also_be_shared_or_taken(
    standing: Standing, rule: Rule, others: str | None
) -> None:
    """The other two of the three behaviours (API.md §3.1)."""
    with standing(world({"call": 0}, {"call": 2}), occupancy=rule) as stand:
        answer = await once(stand, move(0, to=2))
        owners = [stand.owner(0), stand.owner(1)]
    assert isinstance(answer, Answer)
    assert (200, [agent(2), others]) == (answer.status, owners)


# ── reads ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        pytest.param(Listing.TRUNKS, [number(i) for i in range(7)], id="trunks"),
        pytest.param(Listing.NUMBERS, [*(number(i) for i in range(7)), bought(0)], id="numbers"),
        pytest.param(Listing.AGENTS, [agent(i) for i in range(5)], id="agents"),
    ],
)
async def test_the_pages_of_a_list_hold_everything_once(
    standing: Standing, listing: Listing, expected: list[str]
) -> None:
    """As many calls as the pagination says."""
    seen: list[str] = []
    with standing(world(*[{"call": 0}] * 7, purchased=[{"sms": 1}])) as stand:
        api = stand.connect()
        page, more = 1, True
        while more:
            data = told(await answered(api, list_page(listing, page, 3)))["data"]
            seen += [item.get("number") or item["agent_uuid"] for item in data["items"]]
            page, more = page + 1, data["pagination"]["has_more"]
        await api.aclose()
    assert expected == seen
    assert -(-len(expected) // 3) == page - 1


async def test_a_number_is_read_alone_as_it_stands_in_the_list(standing: Standing) -> None:
    """The plus sign reaches the server as a plus sign."""
    with standing(world({"call": 0, "whatsapp": None})) as stand:
        api = stand.connect()
        alone = told(await answered(api, channels_of(Number(number(0)))))["data"]
        listed = told(await answered(api, list_page(Listing.TRUNKS, 1, 50)))["data"]["items"][0]
        missing = await answered(api, channels_of(Number("+441632960000")))
        await api.aclose()
    assert number(0) == alone["number"] == listed["number"]
    for channel in ("call", "whatsapp"):
        assert listed["bindings"][channel].items() <= alone["channels"][channel].items()
    assert 404 == missing.status


# ── token, rate, redirect ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_probe_tells_a_good_token_from_a_bad_one(standing: Standing) -> None:
    """401 with the documented code, as JSON and not as a login page."""
    with standing(world()) as stand:
        good, bad = await once(stand, probe()), await once(stand, probe(), token="not-the-token")
    assert isinstance(good, Answer)
    assert isinstance(bad, Answer)
    assert (200, 401, "INVALID_AUTH_TOKEN") == (good.status, bad.status, told(bad)["error"]["code"])


async def test_a_429_was_not_applied_and_says_how_long_to_wait(standing: Standing) -> None:
    """Header names are in lower case; after the wait the same call passes."""
    with standing(world({"call": 0}), throttle=ThrottleRule(limit=1)) as stand:
        api = stand.connect()
        first = await answered(api, probe())
        refused = await answered(api, move())
        owner = stand.owner()
        stand.ticks.advance(float(refused.headers["retry-after"]))
        again = await answered(api, move())
        await api.aclose()
        assert (agent(0), agent(1)) == (owner, stand.owner())
    assert ("1", "0") == tuple(first.headers[f"x-ratelimit-{word}"] for word in ("limit", "remaining"))
    assert (429, "60", 200) == (refused.status, refused.headers["retry-after"], again.status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_never_followed(standing: Standing, status: int) -> None:
    """A followed PUT becomes a GET, and then a login page a 200."""
    with standing(world({"call": 0}), {"do": {"redirect": "/api/v1/contacts", "status": status}}) as stand:
        answer = await once(stand, move())
        requests = len(stand.service.diary.entries)
    assert isinstance(answer, Answer)
    assert (status, 1) == (answer.status, requests)


# ── what can go wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

BROKEN = [
    pytest.param({"reset": True}, {FaultKind.READ, FaultKind.STALE}, id="reset"),
    pytest.param({"close": True}, {FaultKind.READ, FaultKind.STALE}, id="close"),
    pytest.param({"cut": {"bytes": 20}}, {FaultKind.CUT}, id="cut"),
    pytest.param({"cut": {"bytes": 20, "framing": "chunked"}}, {FaultKind.CUT}, id="cut-chunked"),
    pytest.param({"cut": {"bytes": 20, "end": "reset"}}, {FaultKind.CUT, FaultKind.READ}, id="cut-reset"),
    pytest.param({"garbled": True}, {FaultKind.GARBLED}, id="garbled"),
    pytest.param({"huge": 80_000_000}, {FaultKind.TOO_LARGE}, id="huge"),
    pytest.param({"bomb": 80_000_000}, {FaultKind.TOO_LARGE, FaultKind.GARBLED}, id="bomb"),
    pytest.param({"endless": "body"}, {FaultKind.TOO_LARGE}, id="endless-body"),
    pytest.param({"endless": "headers"}, {FaultKind.TOO_LARGE, FaultKind.GARBLED}, id="endless-headers"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("do", "kinds"), BROKEN)
async def test_a_broken_answer_is_a_fault_and_hides_whether_the_write_was_done(
    standing: Standing, do: dict[str, Any], kinds: set[FaultKind], when: str
) -> None:
    """Nothing is raised, the kind tells how it broke, one request was made, and the next call goes well."""
    with standing(world({"call": 0}), {"match": {"nth": 1}, "do": do, "when": when}) as stand:
        api = stand.connect()
        reply = await api.send(move())
        owner, requests = stand.owner(), len(stand.service.diary.entries)
        after = await answered(api, probe())
        await api.aclose()
    assert isinstance(reply, Fault), reply
    assert reply.kind in kinds
    assert (agent(1) if when == "after" else agent(0), 1, 200) == (owner, requests, after.status)


@pytest.mark.parametrize(
    ("do", "status"),
    [
        pytest.param({"status": 502, "body": "<h1>Bad Gateway</h1>"}, 502, id="gateway"),
        pytest.param({"status": 503, "headers": {"Retry-After": "7"}}, 503, id="unavailable"),
        pytest.param({"html": "login"}, 200, id="login-page"),
        pytest.param({"html": "firewall", "status": 403}, 403, id="firewall"),
        pytest.param({"lie": "success_false"}, 200, id="success-false"),
        pytest.param({"lie": "wanted"}, 200, id="not-done-at-all"),
        pytest.param({"lie": "old_agent"}, 200, id="old-agent"),
        pytest.param({"lie": "accepted"}, 202, id="accepted"),
        pytest.param({"lie": "empty"}, 200, id="empty"),
        pytest.param({"cut": {"bytes": 20, "framing": "close"}}, 200, id="half-a-json-without-a-length"),
    ],
)
async def test_an_odd_answer_is_still_an_answer(standing: Standing, do: dict[str, Any], status: int) -> None:
    """Judging it is not the business of an Api; here none of them was carried out."""
    with standing(world({"call": 0}), {"do": do}) as stand:
        answer = await once(stand, move())
        owner = stand.owner()
    assert isinstance(answer, Answer)
    assert (status, agent(0)) == (answer.status, owner)
    assert do.get("headers", {}).get("Retry-After") == answer.headers.get("retry-after")


@pytest.mark.parametrize(
    "do", [{"delay": 3}, {"drip": {"bytes": 1, "every": 0.2}}], ids=["no-answer-for-long", "dripping"]
)
async def test_a_call_has_a_total_deadline_whatever_drips(standing: Standing, do: dict[str, Any]) -> None:
    """A timeout per read would wait for minutes; and a call given up on may be carried out later."""
    with standing(world({"call": 0}), {"match": {"nth": 1}, "do": do}) as stand:
        started = anyio.current_time()
        reply = await once(stand, move(), deadline=DEADLINE)
        took = anyio.current_time() - started
        with anyio.fail_after(10):
            while stand.owner() != agent(1):
                stand.ticks.advance(1)
                await anyio.sleep(0.02)
    assert isinstance(reply, Fault), reply
    assert reply.kind is FaultKind.DEADLINE
    assert took < DEADLINE + 1


async def test_an_unannounced_hangup_spoils_at_most_the_next_call(standing: Standing) -> None:
    """The dead connection is noticed: a fresh one is used, at once or after one fault that says so."""
    with standing(world({"call": 0}), {"match": {"nth": 1}, "do": {"hangup": True}}) as stand:
        api = stand.connect()
        replies = [await api.send(probe()) for _ in range(3)]
        await api.aclose()
    assert [200, 200] == [reply.status for reply in (replies[0], replies[2]) if isinstance(reply, Answer)]
    assert isinstance(replies[1], Answer) or replies[1].kind is FaultKind.STALE


async def test_a_late_write_is_not_there_at_first(standing: Standing) -> None:
    """Reading back too early sees the old owner."""
    with standing(world({"call": 0}), {"match": {"nth": 1}, "do": {"late": 5, "close": True}}) as stand:
        await once(stand, move())
        early = stand.owner()
        stand.ticks.advance(6)
        assert (agent(0), agent(1)) == (early, stand.owner())


async def test_a_read_may_lag_behind_a_write(standing: Standing) -> None:
    """For a while a read shows the old owner although the write is done."""
    seen = []
    with standing(world({"call": 0}), {"match": {"nth": 1}, "do": {"stale": 5}}) as stand:
        api = stand.connect()
        await answered(api, move())
        for wait in (0, 6):
            stand.ticks.advance(wait)
            snapshot = told(await answered(api, channels_of(Number(number(0)))))["data"]
            seen.append(snapshot["channels"]["call"]["agent_uuid"])
        await api.aclose()
    assert [agent(0), agent(1)] == seen


async def test_somebody_else_may_write_at_any_time(standing: Standing) -> None:
    """There is no ETag: the last write holds (API.md §3.6)."""
    with standing(world({"call": 0})) as stand:
        api = stand.connect()
        await answered(api, move(0, to=1))
        stand.do(lambda: stand.service.outside(Outside(number=number(0), channel="call", agent=agent(4))))
        snapshot = told(await answered(api, channels_of(Number(number(0)))))["data"]
        await api.aclose()
    assert agent(4) == snapshot["channels"]["call"]["agent_uuid"]
