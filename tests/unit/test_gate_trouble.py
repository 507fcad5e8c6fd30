"""A server in trouble, at the one door to it: outage, endless refusals, the retry budget. Time is virtual."""

from __future__ import annotations

import anyio
import pytest

from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.engine.gate import asks_for_pause
from batch.errors import UnavailableError
from tests.gating import AWAY, BROKEN, DOWN, OK, READ, TOO_MANY, a_gate, calls_without_end, one_call
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("reply", [DOWN, BROKEN], ids=["no connection", "500"])
async def test_an_outage_is_probed_rarely_and_then_given_up(reply: Reply) -> None:
    """Sixteen workers against a dead server: threshold, workers and a probe per interval, then exit 10 for all."""
    gate = a_gate()
    await one_call(gate)
    start = anyio.current_time()
    gone: list[float] = []

    async def worker() -> None:
        with pytest.raises(UnavailableError) as error:
            await calls_without_end(gate, reply, seconds=0.1)
        gone.append(anyio.current_time() - start)
        assert error.value.exit_code == 10

    async with anyio.create_task_group() as workers:
        for _ in range(16):
            workers.start_soon(worker)
    assert gate.calls().get <= 1 + 16 + 8 + 120 / 15
    assert len(gone) == 16
    assert max(gone) <= 122.0


async def test_full_speed_again_as_soon_as_a_probe_is_answered() -> None:
    """After thirty seconds of outage the first probe that works lets everybody through."""
    gate = a_gate()
    await one_call(gate)
    start = anyio.current_time()
    worked: list[float] = []

    async def worker() -> None:
        while len(worked) < 50:
            entered_at = await gate.enter()
            down = entered_at - start < 30.0
            await anyio.sleep(0.01)
            gate.ended(READ, entered_at, DOWN if down else OK)
            if not down:
                worked.append(anyio.current_time() - start)

    async with anyio.create_task_group() as workers:
        for _ in range(16):
            workers.start_soon(worker)
    assert worked[0] <= 46.0
    assert worked[-1] - worked[0] <= 1.0


async def test_stale_connections_are_no_outage() -> None:
    """A server that closes idle connections is healthy, however often it does so."""
    gate = a_gate()
    start = anyio.current_time()
    for _ in range(50):
        await one_call(gate, Fault(FaultKind.STALE))
    assert anyio.current_time() == start


async def test_asking_to_wait_for_ever_is_an_outage_too() -> None:
    """503 with Retry-After after each pause, again and again: given up in the end, not obeyed for ever."""
    gate = a_gate()
    await one_call(gate)
    with pytest.raises(UnavailableError):
        await calls_without_end(gate, AWAY)
    assert gate.calls().get <= 30


async def test_requests_to_wait_that_come_together_are_one() -> None:
    """Calls under way together all come back with 503 and Retry-After: a pause, not an outage."""
    gate = a_gate()
    start = anyio.current_time()
    entered = [await gate.enter() for _ in range(2)]
    for at in entered:
        await anyio.sleep(0.01)
        gate.ended(READ, at, AWAY)
    await one_call(gate)
    assert anyio.current_time() - start == pytest.approx(5.02)


async def test_retries_are_a_tenth_of_the_calls_but_ten_are_free() -> None:
    """Ten at the start; with 200 calls in the last minute twenty; a minute later ten again."""
    gate = a_gate()
    assert [gate.allow_retry() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(200):
        await one_call(gate)
    assert [gate.allow_retry() for _ in range(11)] == [True] * 10 + [False]
    await anyio.sleep(61.0)
    assert [gate.allow_retry() for _ in range(11)] == [True] * 10 + [False]
    assert gate.calls().retried == 30


async def test_a_retry_that_was_told_to_wait_costs_nothing() -> None:
    """A 429 is not a retry of the row."""
    gate = a_gate()
    for _ in range(30):
        assert gate.allow_retry()
        gate.return_retry()
    assert gate.calls().retried == 0


async def test_in_an_overload_retries_wait_for_their_turn() -> None:
    """The eleventh retry comes a minute after the first, not at once and not never."""
    gate = a_gate()
    start = anyio.current_time()
    for _ in range(11):
        await gate.retry_turn()
    assert 59.0 <= anyio.current_time() - start <= 62.0


@pytest.mark.parametrize("served", [True, False], ids=["served at first", "never served"])
async def test_a_server_that_refuses_every_call_for_ever_is_given_up(*, served: bool) -> None:
    """After ten minutes of pauses that were kept and refused again, by sixteen workers; the run can be resumed."""
    gate = a_gate()
    if served:
        await one_call(gate)
    began = anyio.current_time()
    errors = []

    async def worker() -> None:
        try:
            await calls_without_end(gate, TOO_MANY, seconds=0.1)
        except UnavailableError as error:
            errors.append(error)

    async with anyio.create_task_group() as workers:
        for _ in range(16):
            workers.start_soon(worker)
    assert 600 <= anyio.current_time() - began < 700
    assert {"as one too many for 10 minutes" in error.message for error in errors} == {True}


async def test_one_call_that_is_served_is_enough_to_go_on() -> None:
    """Somebody else takes nearly all of the quota: slow is not away."""
    gate = a_gate()
    began = anyio.current_time()
    while anyio.current_time() - began < 3000:
        for reply in (*[TOO_MANY] * 4, OK):
            await one_call(gate, reply)


async def test_few_long_pauses_are_kept() -> None:
    """A server may ask for an hour: four such are waited out."""
    gate = a_gate()
    for _ in range(4):
        await one_call(gate, Answer(429, {"retry-after": "3600"}, b""))
    await one_call(gate)


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        (TOO_MANY, True),
        (Answer(429, {}, b""), True),
        (AWAY, True),
        (Answer(503, {}, b""), False),
        (OK, False),
        (DOWN, False),
    ],
)
async def test_what_asks_for_a_pause(reply: Reply, *, pause: bool) -> None:
    """429 in any form, and 503 only with Retry-After."""
    assert asks_for_pause(reply) is pause
