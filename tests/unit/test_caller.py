"""One worker's way to the server: what is sent, how often, and which answers end a run. Time is virtual."""

from __future__ import annotations

import anyio
import pytest

from batch.adapters.api import ReadOnly, WriteRefusedError
from batch.core import calls
from batch.core.calls import Answer, Call, Fault, FaultKind, Reply
from batch.core.model import AgentId, Calls, Channel, Number, Trunk
from batch.engine.breaker import Breaker
from batch.engine.caller import Caller, each
from batch.engine.gate import Gate, StopRequested
from batch.engine.pace import Pacer
from batch.errors import CredentialsError, UnavailableError
from tests.scripted import Scripted, answer, caller_for, in_turn
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

READ = calls.channels_of(Number("+14155550100"))
WRITE = calls.assign(Trunk(Number("+14155550100"), Channel.CALL), AgentId("a" * 8))
OK = answer({"success": True, "data": {}})
TOO_MANY = Answer(429, {"retry-after": "3"}, b"<html>slow down</html>")
AWAY = Answer(503, {"retry-after": "3"}, b"")
BROKEN = Answer(500, {}, b"oops")
STALE = Fault(FaultKind.STALE)
CUT = Fault(FaultKind.CUT)
UNAUTHORIZED = answer({"success": False, "error": {"code": "INVALID_AUTH_TOKEN"}}, 401)
FORBIDDEN = answer({"success": False, "message": "not yours"}, 403)
FIREWALL = Answer(403, {"content-type": "text/html"}, b"<html>blocked</html>")
LOGIN_PAGE = Answer(302, {"location": "/login"}, b"<html>login</html>")
UNPROCESSABLE = answer({"message": "no", "errors": {}}, 422)
MISSING = answer({"success": False}, 404)

pytestmark = pytest.mark.anyio


# ── attempt ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reply", [OK, TOO_MANY, AWAY, BROKEN, STALE, CUT, UNAUTHORIZED, FIREWALL], ids=str)
async def test_an_attempt_sends_once_whatever_comes_back(reply: Reply) -> None:
    """Judging a write's answer, and sending again, is the settler's business."""
    api = Scripted(lambda _: reply)
    assert await caller_for(api).attempt(WRITE) == reply
    assert api.sent == [WRITE]


async def test_an_attempt_that_is_no_longer_wanted_sends_nothing() -> None:
    """The look became too old while waiting: nothing is sent and nothing is counted, retries included."""
    api = Scripted(lambda _: OK)
    caller = caller_for(api)
    assert await caller.attempt(WRITE, still=lambda: False, retry=True) is None
    assert (api.sent, caller.gate.calls()) == ([], Calls())


async def test_whether_it_is_still_wanted_is_asked_after_the_wait() -> None:
    """The question is put just before sending, not before a pause of three seconds."""
    api = Scripted(in_turn([TOO_MANY, OK]))
    caller = caller_for(api)
    start = anyio.current_time()
    asked: list[float] = []

    def still() -> bool:
        asked.append(anyio.current_time() - start)
        return True

    await caller.attempt(WRITE, still=still)
    await caller.attempt(WRITE, still=still)
    assert asked == [0.0, 3.0]


async def test_a_second_go_is_counted_as_a_retry_unless_it_was_told_to_wait() -> None:
    """A 429 is not a retry of the row."""
    caller = caller_for(Scripted(in_turn([TOO_MANY, AWAY, OK])))
    for _ in range(3):
        await caller.attempt(WRITE, retry=True)
    assert caller.gate.calls() == Calls(put=3, retried=1, refused_429=1)


async def test_a_second_go_that_never_left_is_no_retry() -> None:
    """The run ends while it waits for its turn."""
    caller = Caller(Scripted(lambda _: OK), Gate(pacer=Pacer(), breaker=Breaker()))
    caller.gate.stop()
    with pytest.raises(StopRequested):
        await caller.attempt(WRITE, retry=True)
    assert caller.gate.calls() == Calls()


async def test_a_call_is_dated_by_when_it_left() -> None:
    """Not by when it began to wait, nor by when its answer came."""
    caller = caller_for(Scripted(in_turn([TOO_MANY, OK]), seconds=1.0))
    start = anyio.current_time()
    await caller.read(READ)
    assert caller.asked_at - start == pytest.approx(4.0)


async def test_a_cancelled_call_frees_its_place() -> None:
    """After a cancelled call the next one goes as if it had ended."""
    api = Scripted(lambda _: OK, seconds=10.0)
    caller = Caller(api, Gate(pacer=Pacer(concurrency=1), breaker=Breaker()))
    with anyio.move_on_after(1.0):
        await caller.attempt(WRITE)
    assert await caller.attempt(WRITE) == OK
    assert caller.gate.calls() == Calls(put=2)


async def test_a_dry_run_that_tries_to_write_is_stopped_at_the_wrapper() -> None:
    """The bug shows, and nothing leaves."""
    api = Scripted(lambda _: OK)
    caller = Caller(ReadOnly(api), Gate(pacer=Pacer(), breaker=Breaker()))
    with pytest.raises(WriteRefusedError):
        await caller.attempt(WRITE)
    assert api.sent == []


# ── read ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("trouble", [TOO_MANY, AWAY, BROKEN, STALE, CUT, Fault(FaultKind.CONNECT)], ids=str)
async def test_a_read_outlasts_passing_trouble(trouble: Reply) -> None:
    """Pauses, broken answers and dead connections are survived; the answer is handed on."""
    api = Scripted(in_turn([trouble, trouble, OK]))
    assert await caller_for(api).read(READ) == OK
    assert len(api.sent) == 3


async def test_a_read_waits_out_as_many_pauses_as_it_takes() -> None:
    """429 costs no attempt: twenty of them, each obeyed, then the answer; none counts as a retry."""
    caller = caller_for(Scripted(in_turn([TOO_MANY] * 20 + [OK])))
    start = anyio.current_time()
    assert await caller.read(READ) == OK
    assert anyio.current_time() - start == pytest.approx(60.0)
    assert caller.gate.calls() == Calls(get=21, refused_429=20)


async def test_a_connection_that_died_idle_is_replaced_at_once() -> None:
    """No pause, no retry: the server only closed what nobody used."""
    caller = caller_for(Scripted(in_turn([STALE, OK])))
    start = anyio.current_time()
    assert await caller.read(READ) == OK
    assert (anyio.current_time(), caller.gate.calls().retried) == (start, 0)


async def test_what_is_not_there_is_none() -> None:
    """404 is an answer, not a failure."""
    assert await caller_for(Scripted(lambda _: MISSING)).read(READ) is None


async def test_a_read_that_never_works_ends_the_run_as_resumable() -> None:
    """Six attempts, each after a pause, then exit 10 that says which call and why."""
    api = Scripted(in_turn([CUT, CUT, OK, CUT]))
    caller = caller_for(api)
    await caller.read(READ)
    with pytest.raises(UnavailableError, match="/phone-numbers/channels did not work in 6 attempts"):
        await caller.read(READ)
    assert len(api.sent) == 9


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (FORBIDDEN, CredentialsError, "was refused \\(403\\)"),
        (UNPROCESSABLE, UnavailableError, "was refused \\(422\\)"),
        (FIREWALL, CredentialsError, "in front of the API"),
    ],
    ids=["403 JSON", "422", "403 HTML"],
)
async def test_a_refusal_for_good_is_not_tried_again(reply: Reply, error: type[Exception], words: str) -> None:
    """One call, and the run ends with what to do about it."""
    api = Scripted(lambda _: reply)
    with pytest.raises(error, match=words):
        await caller_for(api).read(READ)
    assert len(api.sent) == 1


@pytest.mark.parametrize("reply", [UNAUTHORIZED, LOGIN_PAGE], ids=["401", "redirect to a login page"])
async def test_a_refused_login_is_confirmed_by_one_probe(reply: Reply) -> None:
    """The token is gone: the call, one probe, exit 4."""
    api = Scripted(lambda _: reply)
    with pytest.raises(CredentialsError, match="does not accept the token"):
        await caller_for(api).read(READ)
    assert api.sent == [READ, calls.probe()]


async def test_one_server_of_several_that_erred_about_the_login_is_forgiven() -> None:
    """The probe works, so the read is tried again."""
    api = Scripted(in_turn([UNAUTHORIZED, OK, OK]))
    assert await caller_for(api).read(READ) == OK
    assert api.sent == [READ, calls.probe(), READ]


async def test_a_call_that_alone_is_never_let_in_is_a_matter_of_rights() -> None:
    """The probe is fine each time, this path is not: exit 4, naming it."""

    def reply(call: Call) -> Reply:
        return OK if call == calls.probe() else UNAUTHORIZED

    with pytest.raises(CredentialsError, match="not accepted for /phone-numbers/channels"):
        await caller_for(Scripted(reply)).read(READ)


async def test_a_firewall_before_the_probe_is_named() -> None:
    """401, and the probe meets a firewall: the firewall is what to see to."""
    with pytest.raises(CredentialsError, match="in front of the API"):
        await caller_for(Scripted(in_turn([UNAUTHORIZED, FIREWALL]))).read(READ)


async def test_ask_hands_on_a_refusal_as_a_value() -> None:
    """For callers that know what to do instead."""
    reading, reply, _ = await caller_for(Scripted(lambda _: UNPROCESSABLE)).ask(READ)
    assert (reading.value, reply) == ("refused", UNPROCESSABLE)


async def test_a_pause_that_outlasts_the_run_ends_it() -> None:
    """Retry-After of an hour, a run of a minute: exit 10 at once."""
    start = anyio.current_time()
    caller = caller_for(Scripted(lambda _: Answer(429, {"retry-after": "3600"}, b"")), deadline=start + 60)
    with pytest.raises(UnavailableError):
        await caller.read(READ)
    assert anyio.current_time() == start


# ── side by side ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_done_side_by_side_begins_in_order_and_ends_with_the_first_error() -> None:
    """As the error it is; what is under way is not waited for, what was not begun never is."""
    begun: list[int] = []

    async def do(_: Caller, item: int) -> None:
        begun.append(item)
        await anyio.sleep((1.0, 2.0, 100.0)[item])
        if item == 1:
            raise KeyError(item)

    callers = [caller_for(Scripted(lambda _: OK))] * 2
    started = anyio.current_time()
    with pytest.raises(KeyError):
        await each(callers, range(3), do)
    assert (sorted(begun), anyio.current_time() - started) == ([0, 1, 2], pytest.approx(2.0))
