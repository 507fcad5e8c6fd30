"""Whether a run could begin, as far as reads can tell. Time is virtual, but for the clock of the wall."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

import pytest

from batch.adapters.api import ReadOnly
from batch.adapters.credentials import Secret
from batch.adapters.target import Target
from batch.core.calls import Answer, Call, Fault, FaultKind
from batch.core.model import Workspace
from batch.doctor import Finding, examine
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate
from batch.engine.pace import Pacer
from batch.engine.session import Session
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import FakeApi, Say
from tests.rigs import page, said
from tests.scripted import answer
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import world

pytestmark = pytest.mark.anyio

GOOD: Any = {"success": True, "data": {"items": []}}
TOKEN = "sandbox-token"


def a_world(**options: Any) -> FakeApi:
    """Two trunks on one number and one on another, three agents, one purchased number."""
    made = world({"call": 0, "whatsapp": 1}, {"call": 2}, agents=3, purchased=[{"sms": 1}])
    return FakeApi(made, Options(**{"throttle": ThrottleRule(kind="none")} | options))


async def findings(api: FakeApi, base_url: str = "https://acme.mihu.ai/api/v1") -> dict[str, Finding]:
    """What the doctor says, by name."""
    target = Target(Workspace("acme", "acme.mihu.ai"), base_url, Secret(TOKEN))
    session = Session(target, Gate(pacer=Pacer(), breaker=Breaker()), [ReadOnly(api)])
    return {finding.name: finding for finding in await examine(session)}


def is_probe(call: Call) -> bool:
    return call.path == "/contacts"


def not_good(found: Iterable[Finding]) -> set[str]:
    return {finding.name for finding in found if finding.ok is False}


async def test_a_workspace_in_order_is_told_in_full() -> None:
    """Everything that can be seen, and what cannot be known; nothing is written."""
    api = a_world()
    found = await findings(api)
    assert {name: finding.detail for name, finding in found.items()} == {
        "host": "acme at acme.mihu.ai, https://acme.mihu.ai/api/v1",
        "tls": "the certificate is good for this host",
        "token": "accepted",
        "clock": "the server does not say what time it is",
        "rate": "the server does not tell its limit; it is learnt while running, or give --rate",
        "agents": "3, 3 of them ready",
        "trunks": "3 on 2 numbers, 1 pages",
        "other numbers": "1 that are not external trunks",
        "occupancy": "no agent serves two numbers on a channel: taken as exclusive until seen",
        "right to write": "only an assignment shows it: the API has no dry run",
    }
    assert {name for name, finding in found.items() if finding.ok is None} == {
        "clock", "rate", "occupancy", "right to write",
    }  # fmt: skip
    assert (not_good(found.values()), api.count("PUT")) == (set(), 0)


async def test_a_token_shows_itself_in_no_finding() -> None:
    """Findings are printed, and sent to others who are asked for help."""
    assert TOKEN not in str(await findings(a_world()))


async def test_plain_http_is_told() -> None:
    """It is only allowed on this machine, so it is no fault."""
    found = await findings(a_world(), "http://127.0.0.1:8080/api/v1")
    assert (found["tls"].ok, "plain http" in found["tls"].detail) == (None, True)


@pytest.mark.parametrize(
    ("seconds", "ok", "told"),
    [(0, True, "0 s"), (-30, True, "30 s ahead of"), (3600, False, "3600 s behind"), (-7200, False, "7200 s ahead of")],
)
async def test_a_clock_that_is_off_is_told(seconds: float, told: str, *, ok: bool) -> None:
    """More than a minute, and the times of a report mislead."""
    api = a_world()
    date = formatdate(round(time.time()) + seconds, usegmt=True)
    api.script(Say(answer(GOOD, date=date)), matching=is_probe)
    clock = (await findings(api))["clock"]
    assert (clock.ok, told.rsplit(maxsplit=1)[-1] in clock.detail) == (ok, True)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026 99:99:99 GMT"], ids=ascii)
async def test_a_clock_that_cannot_be_read_is_not_guessed(date: str) -> None:
    """Whatever the header holds."""
    api = a_world()
    api.script(Say(answer(GOOD, date=date)), matching=is_probe)
    assert (await findings(api))["clock"] == Finding("clock", "the server does not say what time it is")


async def test_a_limit_that_the_server_tells_is_told() -> None:
    """As its headers say it."""
    rate = (await findings(a_world(throttle=ThrottleRule(limit=60))))["rate"]
    assert (rate.ok, rate.detail) == (True, "x-ratelimit-limit: 60, x-ratelimit-remaining: 59")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (said(401, "The token has expired."), "does not accept the token"),
        (Answer(302, {"location": "/login"}, b""), "does not accept the token"),
        (page(200, "Log in"), "does not accept the token"),
        (page(403, "Blocked"), "in front of the API"),
        (Fault(FaultKind.CONNECT, "no connection: certificate verify failed"), "certificate verify failed"),
        (page(404, "x"), ""),
    ],
    ids=["401", "redirect", "login page", "firewall", "TLS", "404 is no refusal"],
)
async def test_what_stops_the_looking_is_a_finding(reply: Any, told: str) -> None:
    """The last one; it says what to do."""
    api = a_world()
    api.script(*[Say(reply)] * 9, matching=is_probe)
    found = await findings(api)
    assert not_good(found.values()) == ({"answer"} if told else set())
    assert told in found.get("answer", Finding("", "")).detail


@pytest.mark.parametrize("reply", [said(403, "no right to contacts"), said(404), said(422)], ids=["403", "404", "422"])
async def test_a_probe_that_this_token_may_not_make_says_nothing_against_it(reply: Answer) -> None:
    """The lists decide."""
    api = a_world()
    api.script(Say(reply), matching=is_probe)
    found = await findings(api)
    assert (found["token"].ok, found["trunks"].ok) == (None, True)


async def test_a_list_that_may_not_be_read_is_a_finding() -> None:
    """A right that is missing, by the name of its call."""
    api = a_world()
    api.script(Say(said(403, "missing permission")), matching=lambda call: call.path == "/agents")
    found = await findings(api)
    assert (not_good(found.values()), "/agents was refused (403)" in found["lists"].detail) == ({"lists"}, True)


async def test_an_outage_is_a_finding_and_comes_to_an_end() -> None:
    """Without a stray separator where there is no advice."""
    api = a_world()
    api.script(*[Say(Fault(FaultKind.CONNECT, "no route to host"))] * 99, matching=lambda _: True)
    found = await findings(api)
    assert not_good(found.values()) == {"answer"}
    assert not found["answer"].detail.endswith((" ", ";"))


async def test_an_empty_workspace_is_not_in_order() -> None:
    """No agents and no trunks: likelier the wrong workspace than an empty one."""
    found = await findings(FakeApi(world(agents=0)))
    assert not_good(found.values()) == {"agents", "trunks"}


async def test_a_shared_agent_tells_the_servers_rule() -> None:
    """Two numbers on one channel of one agent: allowed there."""
    found = await findings(FakeApi(world({"call": 0}, {"call": 0})))
    assert (found["occupancy"].ok, "shared" in found["occupancy"].detail) == (True, True)


async def test_what_was_odd_about_a_list_is_noted() -> None:
    """As the snapshot says it."""
    api = a_world()
    api.script(Say(said(404)), matching=lambda call: call.path == "/phone-numbers")
    found = await findings(api)
    assert (found["note"].detail, found["note"].ok) == ("this server has no list /phone-numbers", None)
