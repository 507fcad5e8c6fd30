"""What an answer means: API.md §5, line by line, and everything that a body may say of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.core.model import AgentId, Channel, Number, Trunk
from batch.core.verdict import READ_TABLE, TABLE, Reading, Sign, Verdict, judge_read, judge_write

NUMBER = "+905321234567"
TRUNK = Trunk(Number(NUMBER), Channel.CALL)
AGENT = AgentId("0a1b2c3d-0000-4000-8000-00000000000a")
OTHER = AgentId("0a1b2c3d-0000-4000-8000-00000000000b")

NO = {"success": False, "message": "no"}
PAGE = b"<!doctype html><html><head><title>Log in</title></head><body>Welcome</body></html>"


def echo(
    *, agent: str | None = AGENT, number: str = NUMBER, channel: str = "call", bound: Any = True, **top: Any
) -> Any:
    """The success answer to an assign call (API.md §4.1)."""
    channels = {channel: {"bound": bound, "agent_uuid": agent, "agent_name": "Night Line"}}
    return {"success": True, "data": {"number": number, "is_external": True, "channels": channels}} | top


def said(status: int, body: Any = NO, **headers: str) -> Answer:
    """An answer; a body that is neither bytes nor text is sent as JSON."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def verdict(reply: Reply) -> Verdict:
    return judge_write(reply, TRUNK, AGENT).verdict


# ── the PUT ───────────────────────────────────────────────────────────────────────────────────────────────────────────

BODIES = {"JSON": NO, "a page": PAGE, "text": "nope", "empty": b"", "broken JSON": b'{"success": fal'}


def in_any_body(*statuses: int) -> list[Any]:
    return [pytest.param(s, body, id=f"{s} {name}") for s in statuses for name, body in BODIES.items()]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.CONNECT, Verdict.RESEND),
        (FaultKind.STALE, Verdict.FRESH_CONNECTION),
        *((kind, Verdict.UNCLEAR) for kind in FaultKind if kind not in {FaultKind.CONNECT, FaultKind.STALE}),
    ],
    ids=str,
)
def test_a_call_without_an_answer_is_judged_by_how_it_broke(kind: FaultKind, expected: Verdict) -> None:
    """Nothing sent: resend. An idle connection that was closed: resend at once. Anything else may have been applied."""
    assert verdict(Fault(kind)) is expected


@pytest.mark.parametrize("status", [521, 522, 523, 525, 526])
def test_a_proxy_that_could_not_reach_the_server_is_no_connection(status: int) -> None:
    """The write is surely not applied, whatever page comes with it."""
    assert verdict(said(status, PAGE)) is Verdict.RESEND


@pytest.mark.parametrize(("status", "body"), in_any_body(429))
def test_too_many_calls_is_a_pause_in_any_body(status: int, body: Any) -> None:
    """The body may be a proxy's page."""
    assert verdict(said(status, body)) is Verdict.PAUSE


@pytest.mark.parametrize(("status", "body"), in_any_body(503))
def test_unavailable_is_a_pause_only_when_it_says_until_when(status: int, body: Any) -> None:
    """Without ``Retry-After`` it may come from behind a write that was done."""
    assert [verdict(said(status, body, retry_after="0")), verdict(said(status, body))] == [
        Verdict.PAUSE,
        Verdict.UNCLEAR,
    ]


@pytest.mark.parametrize(
    ("status", "body"), in_any_body(408, 499, 500, 502, 504, 520, 524, 507, 100, 103, 199, 42, 999)
)
def test_an_answer_that_hides_what_happened_is_unclear(status: int, body: Any) -> None:
    """Broken off somewhere on the way, before or after applying; a number that is no status says nothing final."""
    assert verdict(said(status, body)) is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(echo(), id="as sent"),
        pytest.param(echo(number=NUMBER.removeprefix("+")), id="number without plus"),
        pytest.param(echo(agent=AGENT.upper()), id="uuid in upper case"),
        pytest.param(echo(channel="CALL"), id="channel in upper case"),
        pytest.param(echo(channel="voice"), id="channel called voice"),
        pytest.param(echo(bound=None), id="bound not said"),
        pytest.param(echo(success=1, message="Assigned."), id="success as a figure"),
    ],
)
def test_an_answer_that_shows_the_wanted_binding_is_applied(body: Any) -> None:
    """However the server spells number, uuid and channel (API.md §4)."""
    assert [verdict(said(status, body)) for status in (200, 201, 203, 299)] == [Verdict.APPLIED] * 4


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *in_any_body(200, 201, 204),
        pytest.param(202, echo(), id="202 with the whole echo"),
        pytest.param(200, echo(success=False), id="success: false"),
        pytest.param(200, echo(success=None), id="success not said"),
        pytest.param(200, echo(number="+905321234568"), id="another number"),
        pytest.param(200, echo(agent=OTHER), id="the old agent"),
        pytest.param(200, echo(agent=None), id="no agent"),
        pytest.param(200, echo(bound=False), id="agent named, but not bound"),
        pytest.param(200, echo(channel="whatsapp"), id="the other channel only"),
        pytest.param(200, echo(data=None), id="no data"),
        pytest.param(200, [echo()], id="a list"),
    ],
)
def test_a_success_that_does_not_show_the_wanted_binding_is_unclear(status: int, body: Any) -> None:
    """A login page at 200, an acceptance, another number, the old agent: read back before believing anything."""
    assert verdict(said(status, body)) is (Verdict.PAGE if body == PAGE else Verdict.UNCLEAR)


@pytest.mark.parametrize(("status", "body"), in_any_body(300, 301, 302, 303, 304, 307, 308, 401, 407, 511))
def test_a_refused_login_is_one_in_any_body(status: int, body: Any) -> None:
    """Redirects are never followed: whoever redirects a PUT sends it to a login page, or loses its body."""
    assert verdict(said(status, body, location="/login")) is Verdict.LOGIN


def test_forbidden_is_the_rows_only_when_the_api_says_so() -> None:
    """A page, a text or nothing at all comes from something in front of the API, which will refuse every row."""
    found = {name: verdict(said(403, body)) for name, body in BODIES.items()}
    assert found == dict.fromkeys(BODIES, Verdict.FIREWALL) | {"JSON": Verdict.REJECTED}


@pytest.mark.parametrize(("status", "body"), in_any_body(400, 402, 404, 405, 410, 413, 422, 451))
def test_a_refusal_for_good_is_rejected(status: int, body: Any) -> None:
    """No retry makes a wrong row right."""
    assert verdict(said(status, body)) is Verdict.REJECTED


@pytest.mark.parametrize(("status", "body"), in_any_body(409, 423))
def test_something_in_the_way_is_a_conflict_in_any_body(status: int, body: Any) -> None:
    """The row waits for the change that frees the agent."""
    assert verdict(said(status, body)) is Verdict.CONFLICT


TAKEN = {
    "the vendor's code": {"success": False, "error": {"code": "phone_in_use", "details": "…"}},
    "a code in data": {"success": False, "message": "no", "data": {"error": "AGENT_OCCUPIED"}},
    "a code as a text": {"error": "in use"},
    "a sentence": {"message": "This agent is already assigned to another phone number."},
    "details": {"error": {"details": "The agent is TAKEN."}},
    "Laravel's unique rule": {"message": "Invalid.", "errors": {"agent_uuid": ["The agent has already been taken."]}},
    "a bare text": "conflict with another number",
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_a_validation_error_that_says_taken_is_a_conflict(body: Any) -> None:
    """At 400 and 422 the words decide; a 404 that uses them is still one."""
    found = [verdict(said(status, body)) for status in (400, 422, 404)]
    assert found == [Verdict.CONFLICT, Verdict.CONFLICT, Verdict.REJECTED]


# ── what it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"success": False, "message": "No such trunk.", "error": {"code": "trunk_not_found", "details": "look again"}},
         "trunk_not_found: No such trunk.; look again"),
        ({"message": "The given data was invalid.", "errors": {"channel": ["Bad channel.", "Really."]}},
         "The given data was invalid.; channel: Bad channel.; channel: Really."),
        ({"message": "gone", "data": {"error": "agent_not_found"}}, "agent_not_found: gone"),
        ({"error": "plain_code"}, "plain_code"),
        ("just text\r\nwith a forged line\x1b[31m", "just text with a forged line [31m"),
        (b"<html><title>Nope &amp; no</title><script>alert(1)</script></html>", "Nope & no"),
        (b"", ""),
    ],
    ids=["envelope", "Laravel", "code in data", "code as a text", "text", "page", "empty"],
)  # fmt: skip
def test_the_text_of_a_refusal_is_kept_for_the_reader(body: Any, detail: str) -> None:
    """Whatever shape it has (API.md §5), as one line that is safe to print, after what it means to us."""
    judged = judge_write(said(404, body), TRUNK, AGENT)
    assert judged.detail == "the server said no" + (f": {detail}" if detail else "")
    assert judged.http_status == 404


def test_what_was_applied_needs_no_words() -> None:
    """A success has a status and nothing to explain."""
    judged = judge_write(said(200, echo()), TRUNK, AGENT)
    assert (judged.http_status, judged.detail) == (200, "")


def test_a_fault_has_no_status_and_says_how_it_broke() -> None:
    """The words come from the wire."""
    judged = judge_write(Fault(FaultKind.CUT, "closed in the middle"), TRUNK, AGENT)
    assert (judged.http_status, judged.detail) == (None, "the request may have arrived: closed in the middle")


# ── the GET ───────────────────────────────────────────────────────────────────────────────────────────────────────────

READS = {
    "any JSON": (said(200, {"success": True, "data": {}}), Reading.FOUND),
    "a list": (said(200, [1]), Reading.FOUND),
    "JSON at 203": (said(203, {"data": None}), Reading.FOUND),
    "success: false": (said(200, NO), Reading.REFUSED),
    "a page at 200": (said(200, PAGE), Reading.LOGIN),
    "a page after a byte order mark": (said(200, b"\xef\xbb\xbf\n " + PAGE), Reading.LOGIN),
    "text at 200": (said(200, "ok"), Reading.RETRY),
    "empty": (said(204, b""), Reading.RETRY),
    "half a JSON": (said(200, b'{"data": {"items": ['), Reading.RETRY),
    "401": (said(401), Reading.LOGIN),
    "407": (said(407, PAGE), Reading.LOGIN),
    "511": (said(511, PAGE), Reading.LOGIN),
    "302": (said(302, PAGE, location="/login"), Reading.LOGIN),
    "403 JSON": (said(403), Reading.REFUSED),
    "403 page": (said(403, PAGE), Reading.FIREWALL),
    "403 empty": (said(403, b""), Reading.FIREWALL),
    "404": (said(404), Reading.ABSENT),
    "410": (said(410, PAGE), Reading.ABSENT),
    "429": (said(429, PAGE), Reading.PAUSE),
    "503 with Retry-After": (said(503, b"", retry_after="5"), Reading.PAUSE),
    "503": (said(503, b""), Reading.RETRY),
    "408": (said(408), Reading.RETRY),
    "425": (said(425), Reading.RETRY),
    "499": (said(499), Reading.RETRY),
    "400": (said(400), Reading.REFUSED),
    "422": (said(422), Reading.REFUSED),
    "500": (said(500, PAGE), Reading.RETRY),
    "524": (said(524, PAGE), Reading.RETRY),
    "101": (said(101, b""), Reading.RETRY),
    "no status": (said(0, b""), Reading.RETRY),
    **{f"fault {kind}": (Fault(kind), Reading.RETRY) for kind in FaultKind},
}


@pytest.mark.parametrize(("reply", "expected"), READS.values(), ids=READS)
def test_a_read_is_judged_by_the_same_statuses(reply: Reply, expected: Reading) -> None:
    """Nothing can have been changed, so whatever may work next time is tried again."""
    assert judge_read(reply)[0] is expected


def test_what_was_found_needs_no_words_and_what_was_not_has_some() -> None:
    """The reader of an error sees what the server said."""
    assert judge_read(said(200, {"data": 1}))[1] == ""
    assert judge_read(said(422, {"message": "per_page is too large"}))[1] == "the server said no: per_page is too large"


# ── the tables themselves ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", [TABLE, READ_TABLE], ids=["writes", "reads"])
def test_every_status_and_every_fault_has_a_last_line_that_takes_any_body(table: Any) -> None:
    """Whatever a server sends, the tables have an answer."""
    covered = {what for line in table if line.sign is Sign.ANY for what in line.what}
    assert covered == {*range(100, 600), *FaultKind}
