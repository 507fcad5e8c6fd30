"""The one door to the server: order, pauses, stop, deadline, counts. Time is virtual."""

from __future__ import annotations

import anyio
import pytest

from batch.core.calls import Answer, Fault, FaultKind
from batch.core.model import Calls
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate, StopRequested
from batch.engine.pace import Pacer, Rate
from batch.errors import TimeOverError, UnavailableError
from batch.log import logging_to
from tests.gating import OK, READ, TOO_MANY, WRITE, a_gate, one_call
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


async def test_whoever_came_first_leaves_first() -> None:
    """Twenty wait at once; they leave in the order they came, one per second."""
    gate = a_gate(rate=Rate(1, 1.0))
    left: list[tuple[int, float]] = []
    start = anyio.current_time()

    async def worker(number: int) -> None:
        await anyio.sleep(number / 1000)
        at = await one_call(gate)
        left.append((number, round(at - start)))

    async with anyio.create_task_group() as workers:
        for number in range(20):
            workers.start_soon(worker, number)
    assert left == [(number, number) for number in range(20)]


async def test_what_is_urgent_goes_before_all_that_wait() -> None:
    """Ten wait; two that are urgent come later and leave first, in their order; nobody is forgotten."""
    gate = a_gate(rate=Rate(1, 1.0))
    left: list[str] = []

    async def worker(name: str, after: float, *, urgent: bool) -> None:
        await anyio.sleep(after)
        entered_at = await gate.enter(urgent=urgent)
        left.append(name)
        gate.ended(READ, entered_at, OK)

    async with anyio.create_task_group() as workers:
        for index in range(11):
            workers.start_soon(lambda i=index: worker(f"read {i}", i / 1000, urgent=False))
        for index in range(2):
            workers.start_soon(lambda i=index: worker(f"write {i}", 0.5 + i / 1000, urgent=True))
    assert left == ["read 0", "write 0", "write 1", *(f"read {i}" for i in range(1, 11))]


async def test_a_stopped_gate_can_be_reopened_for_a_last_look() -> None:
    """For so many seconds at most, also when the run's own time is over."""
    start = anyio.current_time()
    gate = a_gate(deadline=start + 1.0)
    gate.stop()
    await anyio.sleep(2.0)
    gate.reopen(10.0)
    await gate.sleep(5.0)
    await one_call(gate)
    await anyio.sleep(6.0)
    with pytest.raises(UnavailableError, match="time is over"):
        await gate.enter()


async def test_one_refusal_pauses_all() -> None:
    """After one 429 nobody leaves for five seconds; then one goes alone, and then the others."""
    gate = a_gate()
    start = anyio.current_time()
    await one_call(gate, TOO_MANY)
    left: list[float] = []

    async def worker() -> None:
        left.append(await one_call(gate, seconds=1.0) - start)

    async with anyio.create_task_group() as workers:
        for _ in range(2):
            workers.start_soon(worker)
    assert left == pytest.approx([5.0, 6.0])
    assert gate.calls() == Calls(get=3, refused_429=1)


async def test_stop_wakes_everybody_who_waits_and_lets_nobody_in() -> None:
    """Ten wait for a long pause; stop ends all their waits at once, and every later call too."""
    gate = a_gate()
    await one_call(gate, Answer(429, {"retry-after": "3000"}, b""))
    start = anyio.current_time()
    stopped = 0

    async def worker() -> None:
        nonlocal stopped
        with pytest.raises(StopRequested):
            await gate.enter()
        stopped += 1

    async with anyio.create_task_group() as workers:
        for _ in range(10):
            workers.start_soon(worker)
        await anyio.sleep(1.0)
        gate.stop()
    assert (stopped, anyio.current_time() - start, gate.stopping) == (10, pytest.approx(1.0), True)
    with pytest.raises(StopRequested):
        await gate.enter()


async def test_sleep_ends_with_the_run() -> None:
    """A backing-off worker notices a stop at once; without one it sleeps its time."""
    gate = a_gate()
    start = anyio.current_time()
    await gate.sleep(3.0)
    assert anyio.current_time() - start == pytest.approx(3.0)
    async with anyio.create_task_group() as tasks:

        async def sleeper() -> None:
            with pytest.raises(StopRequested):
                await gate.sleep(100.0)

        tasks.start_soon(sleeper)
        await anyio.sleep(1.0)
        gate.stop()
    assert anyio.current_time() - start == pytest.approx(4.0)


async def test_a_pause_longer_than_the_run_may_last_ends_it_at_once() -> None:
    """Retry-After says five seconds, the run has three: exit 10, without waiting for it."""
    start = anyio.current_time()
    gate = a_gate(deadline=start + 3.0)
    await one_call(gate, TOO_MANY)
    with pytest.raises(UnavailableError, match="longer than this run may last") as error:
        await gate.enter()
    assert (error.value.exit_code, anyio.current_time()) == (10, start)
    with pytest.raises(UnavailableError):
        await gate.sleep(4.0)


async def test_a_breaker_that_is_open_for_longer_than_the_run_may_last_is_told_as_what_it_is() -> None:
    """The server has asked for nothing: it does not answer."""
    gate = a_gate(deadline=anyio.current_time() + 3.0)

    async def until_it_opens() -> None:
        while True:
            await one_call(gate, Fault(FaultKind.CONNECT, "refused"))

    with pytest.raises(UnavailableError, match="the API does not answer, and is asked again in"):
        await until_it_opens()


async def test_a_pace_that_leaves_no_time_is_not_put_on_the_server() -> None:
    """One call a minute was typed in: the run's time is over, and the server asked for nothing."""
    gate = a_gate(rate=Rate(1, 60.0), deadline=anyio.current_time() + 10.0)
    await one_call(gate)
    with pytest.raises(TimeOverError):
        await one_call(gate)


async def test_nobody_leaves_after_the_deadline() -> None:
    """Waiting for an answer that does not come ends with the run's time."""
    start = anyio.current_time()
    gate = Gate(pacer=Pacer(concurrency=1), breaker=Breaker(), deadline=start + 3.0)
    await gate.enter()
    with pytest.raises(UnavailableError, match="time is over"):
        await gate.enter()
    assert anyio.current_time() == pytest.approx(start + 3.0)


async def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    """The first in the queue is cancelled; the second does not wait behind a ghost."""
    gate = a_gate(rate=Rate(1, 1.0))
    await one_call(gate)
    start = anyio.current_time()

    async def impatient() -> None:
        with anyio.move_on_after(0.5):
            await gate.enter()

    async with anyio.create_task_group() as workers:
        workers.start_soon(impatient)
        await anyio.sleep(0.1)
        assert await one_call(gate) - start == pytest.approx(1.0)


async def test_what_did_not_leave_is_not_counted_and_gives_its_place_back() -> None:
    """`still` said no: the next call may go at once."""
    gate = a_gate(rate=Rate(1, 60.0))
    start = anyio.current_time()
    gate.left(await gate.enter())
    assert await one_call(gate) == start
    assert gate.calls() == Calls(get=1)


async def test_a_call_that_broke_off_is_counted_and_frees_its_place() -> None:
    """A cancelled call may have reached the server; the next may go."""
    gate = Gate(pacer=Pacer(concurrency=1), breaker=Breaker())
    gate.broke_off(WRITE, await gate.enter())
    await one_call(gate, call=WRITE)
    assert gate.calls() == Calls(put=2)


async def test_sixty_four_waiting_cost_no_more_than_one() -> None:
    """Only the first in the queue watches the clock: the work for each call does not grow with the queue."""
    gate = a_gate(rate=Rate(10, 1.0))
    looks = 0
    ask = gate._pacer.ask

    def counting(now: float) -> float:
        nonlocal looks
        looks += 1
        return ask(now)

    gate._pacer.ask = counting  # type: ignore[method-assign]
    async with anyio.create_task_group() as workers:
        for _ in range(64):
            workers.start_soon(one_call, gate)
    assert looks <= 64 * 5


@pytest.mark.parametrize(("seconds", "told"), [("9", 0), ("40", 1)], ids=["short", "long"])
async def test_a_long_wait_is_told_once(seconds: str, told: int) -> None:
    """With ``-v``, whoever wonders why nothing happens."""
    gate, said = a_gate(), list[str]()
    with logging_to(verbose=1, log_file=None, echo=said.append):
        await one_call(gate, Answer(429, {"retry-after": seconds}, b""))
        async with anyio.create_task_group() as workers:
            workers.start_soon(one_call, gate)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(5):  # whoever gives up makes the first look at the clock again
                await one_call(gate)
    assert [f"seconds={seconds}" in line for line in said if "gate.waits" in line] == [True] * told


async def test_the_view_is_the_pacers() -> None:
    """What is shown comes from the one pacer of the run."""
    gate = a_gate(rate=Rate(60, 60.0))
    await one_call(gate)
    assert (gate.view().limit, gate.view().used) == ("60 per 60 s", 1)
