"""The stand-in as a function from call to answer: the assign call, the token, the throttle, the diary."""

import json

import pytest

from batch.sandbox.faults import Outside
from batch.sandbox.request import Request, fields_of
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule, World
from tests.worlds import Ticks, agent, answer, assign_request, bought, number, request, service, told, world

# ── the assign call ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_assign_answers_the_channels_snapshot_with_the_new_agent() -> None:
    """API.md §2 and §4.1."""
    made = service(world({"call": 0, "whatsapp": 0}))
    data = told(answer(made, assign_request(0, to=1)))
    assert data["success"] is True
    assert (number(0), True, "external") == tuple(data["data"][k] for k in ("number", "is_external", "source"))
    assert (agent(1), "Agent 1") == tuple(data["data"]["channels"]["call"][k] for k in ("agent_uuid", "agent_name"))
    assert agent(0) == data["data"]["channels"]["whatsapp"]["agent_uuid"]
    assert agent(1) == made.world.owner(number(0), "call")


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        pytest.param(assign_request(7), 404, "trunk_not_found", id="unknown-number"),
        pytest.param(assign_request(0, channel="whatsapp"), 404, "trunk_not_found", id="no-such-channel"),
        pytest.param(assign_request(phone_number=bought(0)), 404, "trunk_not_found", id="purchased"),
        pytest.param(assign_request(0, to=77), 404, "agent_not_found", id="unknown-agent"),
    ],
)
def test_assign_refuses_what_is_not_there(call: Request, status: int, code: str) -> None:
    """Nothing changes, and the code says what was missing."""
    made = service(world({"call": 0}, purchased=[{"call": 2}]))
    response = answer(made, call)
    assert (status, code) == (response.status, told(response)["error"]["code"])
    assert {(number(0), "call"): agent(0)} == made.world.owners()


@pytest.mark.parametrize(
    ("fields", "complaints"),
    [
        pytest.param({}, {"phone_number", "channel", "agent_uuid"}, id="empty"),
        pytest.param({"phone_number": "0212 555 00 00"}, {"phone_number", "channel", "agent_uuid"}, id="not-e164"),
        pytest.param(
            {"phone_number": number(0), "channel": "voice", "agent_uuid": agent(0)},
            {"channel"},
            id="voice-is-no-channel",
        ),
        pytest.param(
            {"phone_number": number(0), "channel": "call", "agent_uuid": "Agent 0"},
            {"agent_uuid"},
            id="a-name-is-no-uuid",
        ),
    ],
)
def test_assign_validates_like_laravel(fields: dict[str, str], complaints: set[str]) -> None:
    """422 with a list of texts per field."""
    response = answer(service(world({"call": 0})), request("PUT", "/phone-numbers/trunks/assign", fields=fields))
    assert (422, complaints) == (response.status, set(told(response)["errors"]))


def test_a_uuid_is_known_in_either_case() -> None:
    """Uuids compare without case (API.md §4)."""
    made = service(world({"call": 0}, agents=12))
    assert 200 == answer(made, assign_request(0, agent_uuid=agent(11).upper())).status
    assert agent(11) == made.world.owner(number(0), "call")


# ── occupancy ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "status", "owners"),
    [
        pytest.param(Rule.ALLOW, 200, [agent(1), agent(1)], id="allow"),
        pytest.param(Rule.REFUSE, 409, [agent(0), agent(1)], id="refuse"),
        pytest.param(Rule.DISPLACE, 200, [agent(1), None], id="displace"),
    ],
)
def test_an_occupied_agent_meets_one_of_three_behaviours(rule: Rule, status: int, owners: list[str | None]) -> None:
    """API.md §3.1: refuse, allow two, displace the earlier number."""
    made = service(world({"call": 0}, {"call": 1}), occupancy=rule)
    assert status == answer(made, assign_request(0, to=1)).status
    assert owners == [made.world.owner(number(i), "call") for i in range(2)]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(world({"call": 0}, purchased=[{"call": 1}]), id="purchased-number"),
        pytest.param(world({"call": 0}, holders=[(1, "sip")]), id="sip"),
    ],
)
def test_refuse_counts_holders_that_are_no_trunks(made: World) -> None:
    """API.md §3.3."""
    response = answer(service(made, occupancy=Rule.REFUSE), assign_request(0, to=1))
    assert (409, "phone_in_use") == (response.status, told(response)["error"]["code"])


def test_refuse_can_be_a_validation_error() -> None:
    """422 with Laravel's body instead of 409."""
    made = service(world({"call": 0}, {"call": 1}), occupancy=Rule.REFUSE, occupancy_status=422)
    response = answer(made, assign_request(0, to=1))
    assert 422 == response.status
    assert "already assigned" in told(response)["errors"]["agent_uuid"][0]


def test_refuse_lets_the_present_owner_be_assigned_again() -> None:
    """Repeating the call is harmless in itself (API.md §5)."""
    assert 200 == answer(service(world({"call": 0}), occupancy=Rule.REFUSE), assign_request(0, to=0)).status


def test_refuse_is_about_one_channel() -> None:
    """The agent may serve another number on another channel."""
    made = service(world({"call": 0}, {"whatsapp": 1}), occupancy=Rule.REFUSE)
    assert 200 == answer(made, assign_request(0, to=1)).status


# ── token ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("authorization", "code", "noted"),
    [
        pytest.param("", "MISSING_AUTH_TOKEN", "missing", id="none"),
        pytest.param("Basic eDp5", "MISSING_AUTH_TOKEN", "missing", id="other-scheme"),
        pytest.param("Bearer nope", "INVALID_AUTH_TOKEN", "wrong", id="wrong"),
        pytest.param("Bearer sandbox-tökén", "INVALID_AUTH_TOKEN", "wrong", id="non-ascii"),
    ],
)
def test_without_a_good_token_nothing_is_answered(authorization: str, code: str, noted: str) -> None:
    """401 with the documented code; the log says only what kind of token it was."""
    made = service(world({"call": 0}))
    call = assign_request()
    call.authorization = authorization
    response = answer(made, call)
    assert (401, code) == (response.status, told(response)["error"]["code"])
    assert [noted] == [entry.token for entry in made.diary.entries]
    assert agent(0) == made.world.owner(number(0), "call")


@pytest.mark.parametrize(
    ("call", "location"),
    [
        pytest.param(request("GET", "/agents", authorization="", accept="*/*"), "/login", id="login"),
        pytest.param(request("PUT", "/phone-numbers/trunks/assign", accept="*/*"), "/", id="validation"),
    ],
)
def test_whoever_does_not_ask_for_json_is_sent_to_a_page(call: Request, location: str) -> None:
    """Laravel's trap: a failed login or validation becomes a 302 to HTML (API.md §1)."""
    response = answer(service(world({"call": 0})), call)
    assert (302, ("Location", location)) == (response.status, response.headers[0])
    assert response.content_type.startswith("text/html")


# ── throttle ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_call_changes_nothing_and_meets_no_fault() -> None:
    """429 comes before everything but the token; the rule's turn is not used up."""
    ticks = Ticks()
    rule = {"match": {"nth": 2}, "do": {"status": 500}}
    made = service(world({"call": 0}), rule, ticks=ticks, throttle=ThrottleRule(limit=1))
    statuses = [answer(made, assign_request(0, to=to)).status for to in (1, 2)]
    ticks.advance(60)
    statuses.append(answer(made, assign_request(0, to=3)).status)
    assert [200, 429, 500] == statuses
    assert agent(1) == made.world.owner(number(0), "call")


@pytest.mark.parametrize(
    ("form", "kind", "body"),
    [
        pytest.param("json", "application/json", b'{"message":"Too Many Attempts."}', id="json"),
        pytest.param("text", "text/plain", b"Too many requests\n", id="text"),
        pytest.param("empty", "application/json", b"", id="empty"),
    ],
)
def test_a_429_comes_with_any_body(form: str, kind: str, body: bytes) -> None:
    """Laravel's, a proxy's text, nothing."""
    rule = ThrottleRule.model_validate({"limit": 1, "body": form})
    made = service(world({"call": 0}), throttle=rule)
    answer(made, assign_request())
    response = answer(made, assign_request())
    assert (429, kind, body) == (response.status, response.content_type, response.body)
    assert "Retry-After" in dict(response.headers)


def test_an_unauthenticated_call_is_not_counted() -> None:
    """Laravel authenticates before it throttles."""
    made = service(world({"call": 0}), throttle=ThrottleRule(limit=1))
    answer(made, request("GET", "/agents", authorization=""))
    assert 200 == answer(made, request("GET", "/agents")).status


# ── diary, odds and ends ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_diary_tells_what_each_call_did(tmp_path) -> None:
    """In memory and, line by line, in a file, before the answer leaves."""
    path = tmp_path / "log.jsonl"
    made = service(world({"call": 0}), log=path)
    answer(made, assign_request(0, to=1))
    made.outside(Outside(number=number(0), channel="call", agent=None))
    written = [json.loads(line) for line in path.read_text().splitlines()]
    made.diary.close()
    assert written == made.diary.since(0)
    first = {k: written[0][k] for k in ("seq", "method", "number", "agent", "status", "applied", "before", "token")}
    assert {
        "seq": 1,
        "method": "PUT",
        "number": number(0),
        "agent": agent(1),
        "status": 200,
        "applied": True,
        "before": agent(0),
        "token": "right",
    } == first
    assert [2] == [entry["seq"] for entry in made.diary.since(1)]


def test_the_snapshot_can_be_spelled_otherwise() -> None:
    """Without the plus, uuids in capitals: both are to be tolerated (API.md §4)."""
    made = service(world({"call": 0}, agents=11), plus=False, upper=True)
    data = told(answer(made, assign_request(0, agent_uuid=agent(10))))["data"]
    assert number(0)[1:] == data["number"]
    assert agent(10).upper() == data["channels"]["call"]["agent_uuid"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff"], ids=repr)
def test_a_body_that_is_no_json_object_counts_as_empty(body: bytes) -> None:
    """As in Laravel: the fields are missing, and validation says so."""
    assert {} == fields_of(body)
