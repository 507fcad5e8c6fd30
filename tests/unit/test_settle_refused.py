"""A change that the server refuses, reads that fail, promises that are read back. Time is virtual."""

from __future__ import annotations

import anyio
import pytest

from batch.core import calls
from batch.core.calls import Answer, Reply
from batch.core.model import Reason, Status, Verified
from batch.engine.settle import Conflict
from batch.errors import CredentialsError, UnavailableError
from tests.fake_api import CarryOut, Say
from tests.rigs import (
    RESET,
    STALE,
    is_look,
    is_read,
    move,
    page,
    said,
)
from tests.settling import LOOK, PUT, facts, faulty, one_trunk
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent

pytestmark = pytest.mark.anyio

# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
async def test_a_refusal_is_final_and_its_words_are_kept(status: int) -> None:
    """Never tried again."""
    made = await one_trunk(Say(said(status, "The selected agent is not yours.")))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.REJECTED, Reason.SERVER_REFUSED, 1, False)
    assert (outcome.http_status, made.paths()) == (status, [PUT])
    assert outcome.detail.endswith(": The selected agent is not yours.")


async def test_a_firewalls_page_ends_the_run() -> None:
    """403 as HTML is about us, not about the row, which surely is not applied."""
    made = await one_trunk(Say(page(403, "Attention Required!")))
    settler = made.settler()
    with pytest.raises(CredentialsError, match=r"in front of the API.*Attention Required!"):
        await settler.settle(move())
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.SKIPPED, Reason.CREDENTIALS, 1, False)


async def test_a_refused_token_is_confirmed_by_one_probe_and_ends_the_run() -> None:
    """The row surely is not applied."""
    made = await one_trunk(Say(said(401)))
    made.api.script(Say(said(401)), matching=is_read)
    settler = made.settler()
    with pytest.raises(CredentialsError, match="does not accept the token"):
        await settler.settle(move())
    assert made.paths() == [PUT, "GET /contacts"]
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.SKIPPED, Reason.CREDENTIALS, 1, False)


async def test_one_server_of_several_that_erred_about_the_token_is_forgiven() -> None:
    """The probe works: the row is tried again."""
    made = await one_trunk(Say(said(401)), Say(Answer(302, {"location": "/login"}, b"")))
    assert facts(await made.settler().settle(move())) == (Status.DONE, Reason.VERIFIED, 3, True)
    assert made.paths() == [PUT, "GET /contacts", PUT, "GET /contacts", PUT]


async def test_a_page_in_place_of_each_answer_to_a_write_ends_the_run() -> None:
    """Reading works all the while: after three it is believed that writing does not, and what was sent is in doubt."""
    made = await one_trunk(*[Say(Answer(200, {"content-type": "text/html"}, b"<html>Log in</html>"))] * 9)
    settler = made.settler()
    with pytest.raises(CredentialsError, match="good for reading, but not for writing: a page for people"):
        await settler.settle(move())
    assert made.paths() == [PUT, LOOK, PUT, LOOK, PUT]
    left = settler.broken_off(Reason.CREDENTIALS)
    assert left is not None
    assert facts(left) == (Status.UNKNOWN, Reason.CREDENTIALS, 3, True)


async def test_a_taken_agent_is_the_schedules_to_resolve() -> None:
    """The conflict carries the outcome to use when nothing will free the agent."""
    made = await one_trunk(Say(said(409, "This agent is already assigned to another number.")))
    with pytest.raises(Conflict) as conflict:
        await made.settler().settle(move())
    assert facts(conflict.value.outcome) == (Status.REJECTED, Reason.AGENT_TAKEN, 1, False)
    assert "already assigned" in conflict.value.outcome.detail


REFUSALS = {"404": said(404), "409": said(409, "already assigned")}
refused = pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)


@refused
@pytest.mark.parametrize("first", [RESET, STALE], ids=["reset", "idle"])
async def test_a_refusal_after_doubt_is_not_believed_before_a_look(first: Reply, reply: Reply) -> None:
    """The write arrives late, and what the server objects to may be what it made: done, not rejected."""
    made = await one_trunk(Say(first), CarryOut(reply))
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert made.paths()[-2:] == [PUT, LOOK]


@refused
async def test_a_refusal_after_doubt_stands_when_the_old_owner_is_seen(reply: Reply) -> None:
    """But the outcome says that a PUT may have arrived, so that the final look is made."""
    made = await one_trunk(Say(RESET), Say(reply))
    try:
        outcome = await made.settler().settle(move())
    except Conflict as conflict:
        outcome = conflict.outcome
    assert (outcome.status, outcome.attempts, outcome.written) == (Status.REJECTED, 2, True)


@refused
async def test_a_refusal_after_doubt_that_cannot_be_looked_at_is_unknown(reply: Reply) -> None:
    """Rejected would say *surely not applied*."""
    made = await one_trunk(Say(STALE), Say(reply))
    made.api.script(*[Say(page(500))] * 20, matching=is_look)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 2, True)


# ── reads that fail ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_row_that_cannot_be_looked_at_has_failed() -> None:
    """Nothing was sent, since nothing is sent without a look."""
    made = await one_trunk(max_age=1.0)
    made.api.script(*[Say(said(408))] * 12, matching=is_read)
    await anyio.sleep(2.0)
    outcome = await made.settler().settle(move())
    assert facts(outcome) == (Status.FAILED, Reason.OUT_OF_RETRIES, 0, False)
    assert made.writes() == []


async def test_a_row_that_cannot_be_read_back_is_unknown() -> None:
    """Nothing is sent again without having seen the old owner."""
    made = await one_trunk(Say(RESET))
    made.api.script(*[Say(page(500))] * 20, matching=is_read)
    outcome = await made.settler().settle(move())
    assert (outcome.status, outcome.reason, len(made.writes())) == (Status.UNKNOWN, Reason.UNCLEAR, 1)


async def test_a_server_that_is_away_ends_the_run_and_leaves_the_row_in_doubt() -> None:
    """The breaker gives up; what was sent before may have been applied."""
    made = await one_trunk(Say(RESET))
    for _ in range(8):
        made.gate.ended(calls.probe(), await made.gate.enter(), RESET)
    settler = made.settler()
    made.api.script(*[Say(RESET)] * 20, matching=lambda _: True)
    with pytest.raises(UnavailableError):
        await settler.settle(move())
    left = settler.broken_off(Reason.API_UNAVAILABLE)
    assert left is not None
    assert (left.status, left.reason, len(made.writes())) == (Status.UNKNOWN, Reason.API_UNAVAILABLE, 1)


# ── reading back what was promised ────────────────────────────────────────────────────────────────────────────────────


async def test_a_read_back_confirms_the_echo() -> None:
    """As the canary is, and with ``--verify each`` every change."""
    made = await one_trunk()
    outcome = await made.settler(read_back=True).settle(move())
    assert (outcome.status, outcome.verified, made.paths()) == (Status.DONE, Verified.EACH, [PUT, LOOK])


async def test_an_echo_that_lied_is_found_out_by_the_read_back() -> None:
    """The server promised and did nothing; the second PUT does it."""
    made = await faulty({"match": {"method": "PUT", "nth": 1}, "do": {"lie": "wanted"}})
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.DONE, Reason.VERIFIED, 2, True)
    assert made.owner() == agent(1)


async def test_an_echo_that_lies_for_ever_is_unknown() -> None:
    """The reader learns that the answers said yes."""
    made = await faulty({"match": {"method": "PUT"}, "do": {"lie": "wanted"}})
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 5, True)
    assert outcome.detail == f"the answer said yes, but the trunk is still on {agent(0)}"


async def test_an_echo_that_cannot_be_read_back_is_unknown() -> None:
    """It was to be seen, and was not: neither done nor failed."""
    made = await one_trunk()
    made.api.script(*[Say(page(500))] * 20, matching=is_read)
    outcome = await made.settler().settle(move(), read_back=True)
    assert facts(outcome) == (Status.UNKNOWN, Reason.UNCLEAR, 1, True)
