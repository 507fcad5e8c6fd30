"""What the fault script does to the state and to the answer, as far as no socket is needed."""

from typing import Any

import pytest

from batch.errors import UsageError
from batch.sandbox.world import Rule
from tests.worlds import Ticks, agent, answer, assign_request, number, request, service, told, world


@pytest.mark.parametrize(
    ("when", "owner"), [pytest.param("before", agent(0), id="before"), pytest.param("after", agent(1), id="after")]
)
@pytest.mark.parametrize(
    "do", [{"status": 502}, {"reset": True}, {"cut": {"bytes": 3}}, {"lie": "success_false"}], ids=str
)
def test_when_decides_whether_the_write_is_carried_out(do: dict[str, Any], when: str, owner: str) -> None:
    """The log knows the truth that the answer hides."""
    made = service(world({"call": 0}), {"do": do, "when": when})
    answer(made, assign_request(0, to=1))
    assert owner == made.world.owner(number(0), "call")
    assert [owner == agent(1)] == [entry.applied for entry in made.diary.entries]


@pytest.mark.parametrize("do", [{"delay": 1}, {"hangup": True}, {"drip": {"every": 1}}, {"stale": 1}], ids=str)
def test_what_only_slows_lets_the_write_through(do: dict[str, Any]) -> None:
    """Whatever `when` says."""
    made = service(world({"call": 0}), {"do": do})
    answer(made, assign_request(0, to=1))
    assert agent(1) == made.world.owner(number(0), "call")


@pytest.mark.parametrize(
    ("do", "status", "kind", "within"),
    [
        pytest.param({"status": 500}, 500, "application/json", b"Server Error", id="status"),
        pytest.param({"status": 522}, 522, "application/json", b"Unknown Error", id="proxy-status"),
        pytest.param({"status": 400, "body": {"a": 1}}, 400, "application/json", b'{"a":1}', id="json"),
        pytest.param({"status": 400, "body": "no"}, 400, "text/plain; charset=UTF-8", b"no", id="text"),
        pytest.param({"status": 429, "body": "<p>"}, 429, "text/html; charset=UTF-8", b"<p>", id="html-text"),
        pytest.param({"html": "login"}, 200, "text/html; charset=UTF-8", b"Log in", id="login"),
        pytest.param({"html": "firewall", "status": 403}, 403, "text/html; charset=UTF-8", b"blocked", id="firewall"),
        pytest.param({"redirect": "/x", "status": 307}, 307, "text/html; charset=UTF-8", b"/x", id="redirect"),
        pytest.param({"lie": "empty"}, 200, "application/json", b"", id="empty"),
        pytest.param({"lie": "accepted"}, 202, "application/json", b"Accepted", id="accepted"),
        pytest.param({"lie": "success_false"}, 200, "application/json", b'"success":false', id="success-false"),
        pytest.param({"late": 5}, 504, "text/html; charset=UTF-8", b"Gateway", id="late"),
    ],
)
def test_contents(do: dict[str, Any], status: int, kind: str, within: bytes) -> None:
    """What the fault puts in place of the true answer."""
    response = answer(service(world({"call": 0}), {"do": do}), assign_request())
    assert (status, kind) == (response.status, response.content_type)
    assert within in response.body


@pytest.mark.parametrize(
    ("lie", "seen"),
    [
        pytest.param("wanted", (number(0), agent(1)), id="wanted"),
        pytest.param("old_agent", (number(0), agent(0)), id="old-agent"),
        pytest.param("other_agent", (number(0), agent(2)), id="other-agent"),
        pytest.param("other_number", (number(1), agent(1)), id="other-number"),
    ],
)
def test_lies_about_the_echo(lie: str, seen: tuple[str, str]) -> None:
    """A 200 that says something else than what is so."""
    made = service(world({"call": 0}, {"call": 3}), {"do": {"lie": lie}})
    data = told(answer(made, assign_request(0, to=1)))["data"]
    assert seen == (data["number"], data["channels"]["call"]["agent_uuid"])
    assert agent(0) == made.world.owner(number(0), "call")


def test_a_lie_about_no_data_leaves_it_out() -> None:
    """Success without a snapshot."""
    response = answer(service(world({"call": 0}), {"do": {"lie": "no_data"}}), assign_request())
    assert "data" not in told(response)


def test_a_refusal_is_not_lied_about() -> None:
    """A lie turns a good answer; a 404 stays one."""
    assert 404 == answer(service(world(), {"do": {"lie": "wanted"}}), assign_request()).status


def test_a_late_write_happens_in_its_time() -> None:
    """The client has its answer; seconds later the owner changes, and the log says which call did it."""
    ticks = Ticks()
    made = service(world({"call": 0}), {"match": {"nth": 1}, "do": {"late": 5, "reset": True}}, ticks=ticks)
    answer(made, assign_request(0, to=1))
    for wait, owner in ((4.9, agent(0)), (0.2, agent(1))):
        ticks.advance(wait)
        made.settle()
        assert owner == made.world.owner(number(0), "call")
    late = made.diary.entries[-1]
    assert ("late", 1, True, agent(0)) == (late.event, late.of, late.applied, late.before)


def test_a_late_write_obeys_the_occupancy_of_its_time() -> None:
    """What became occupied meanwhile is refused, silently."""
    ticks = Ticks()
    rule = {"match": {"nth": 1}, "do": {"late": 5}}
    made = service(world({"call": 0}, {"call": 2}), rule, ticks=ticks, occupancy=Rule.REFUSE)
    answer(made, assign_request(0, to=1))
    answer(made, assign_request(1, to=1))
    ticks.advance(5)
    made.settle()
    assert agent(0) == made.world.owner(number(0), "call")


def test_stale_reads_show_the_old_owner_for_a_while() -> None:
    """The write is true at once; the reads lag."""
    ticks = Ticks()
    made = service(world({"call": 0}), {"do": {"stale": 3}, "match": {"method": "PUT"}}, ticks=ticks)
    answer(made, assign_request(0, to=1))
    seen = []
    for wait in (0, 3):
        ticks.advance(wait)
        item = told(answer(made, request("GET", "/phone-numbers/trunks")))["data"]["items"][0]
        seen.append(item["bindings"]["call"]["agent_uuid"])
    assert [agent(0), agent(1)] == seen


@pytest.mark.parametrize(("when", "owner"), [("before", agent(1)), ("after", agent(4))])
def test_somebody_in_the_panel_comes_just_before_or_after_a_call(when: str, owner: str) -> None:
    """A race with a person, to the call."""
    edit = {"number": number(0), "channel": "call", "agent": agent(4)}
    made = service(world({"call": 0}), {"do": {"outside": edit}, "when": when})
    answer(made, assign_request(0, to=1))
    assert owner == made.world.owner(number(0), "call")
    assert {"request", "outside"} == {entry.event for entry in made.diary.entries}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param({"number": number(7), "agent": None}, r"rules\[0\].do.outside: no trunk", id="trunk"),
        pytest.param({"number": number(0), "agent": "x"}, r"rules\[0\].do.outside: no agent x", id="agent"),
    ],
)
def test_an_edit_of_what_is_not_there_is_refused_when_the_script_is_set(edit: dict[str, Any], words: str) -> None:
    """Not in the middle of a run."""
    with pytest.raises(UsageError, match=words):
        service(world({"call": 0}), {"do": {"outside": {"channel": "call"} | edit}})


def test_endless_pages_can_be_a_fault() -> None:
    """One read of a list meets it, the next does not."""
    made = service(world(agents=3), {"match": {"nth": 1}, "do": {"endless": "pages"}})
    more = [told(answer(made, request("GET", "/agents")))["data"]["pagination"]["has_more"] for _ in range(2)]
    assert [True, False] == more
