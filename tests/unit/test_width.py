"""How many workers a run has: when there come to be more, and when they are given back."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from batch.core import calls
from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.core.model import Outcome
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate
from batch.engine.pace import Pacer, Rate
from batch.engine.width import MOST, POLITE, PROOF, STEP, Width
from tests.executing import with_trunks
from tests.fake_api import CarryOut, Say
from tests.limiters import Bucket, FixedWindow, Free, Limiter, drive
from tests.rigs import RESET, move
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture

OK = Answer(200, {}, b"{}")


def served(calls: int) -> Width:
    width = Width()
    for _ in range(calls):
        width.served(waiting=False)
    return width


@pytest.mark.parametrize(
    ("calls", "workers"),
    [
        *((0, POLITE), (PROOF, POLITE), (PROOF + STEP - 1, POLITE), (PROOF + STEP, POLITE + 1)),
        *((PROOF + (MOST - POLITE) * STEP, MOST), (10 * PROOF, MOST)),
    ],
)
def test_there_are_more_workers_the_longer_all_is_well(calls: int, workers: int) -> None:
    """None before the proof, then one after another, up to the most that are of use."""
    assert served(calls).now == workers


def test_a_number_that_was_asked_for_stays() -> None:
    """Whatever happens."""
    width = Width(7)
    for _ in range(PROOF + 2 * STEP):
        width.served(waiting=False)
    width.troubled()
    assert (width.now, width.most) == (7, 7)


def test_trouble_takes_all_of_them_back_and_the_trust_with_them() -> None:
    """As many calls as at first must be served before there are more again."""
    width = served(PROOF + 5 * STEP)
    width.troubled()
    seen = [width.now]
    for _ in range(PROOF + STEP):
        width.served(waiting=False)
        seen.append(width.now)
    assert (seen[0], seen[-2], seen[-1]) == (POLITE, POLITE, POLITE + 1)


def test_workers_that_only_wait_for_the_pace_are_given_back_one_by_one() -> None:
    """Down to those there are in any case; trust is kept."""
    width = served(PROOF + 3 * STEP)
    seen = []
    for _ in range(5):
        width.served(waiting=True)
        seen.append(width.now - POLITE)
    for _ in range(STEP):
        width.served(waiting=False)
    assert (seen, width.now) == ([2, 1, 0, 0, 0], POLITE + 1)


@pytest.mark.parametrize(
    ("reply", "trusted"),
    [
        *((OK, True), (Answer(404, {}, b""), True), (Fault(FaultKind.STALE), True)),
        *((Answer(429, {}, b""), False), (Answer(500, {}, b""), False), (Fault(FaultKind.READ), False)),
    ],
    ids=["served", "a row refused", "an idle connection that was closed", "too many", "broken", "no answer"],
)
@pytest.mark.anyio
async def test_the_gate_tells_how_each_call_ended(reply: Reply, trusted: bool) -> None:
    """What says nothing against the server takes nothing back."""
    gate = Gate(pacer=Pacer(), breaker=Breaker(), width=served(PROOF + 3 * STEP))
    gate.ended(calls.probe(), await gate.enter(), reply)
    assert gate.width.now == (POLITE + 3 if trusted else POLITE)


@pytest.mark.anyio
async def test_the_gate_tells_that_somebody_waits_for_the_pace() -> None:
    """Fewer would do then."""
    gate = Gate(pacer=Pacer(Rate(1, 1.0)), breaker=Breaker(), width=served(PROOF + 3 * STEP))
    entered_at = await gate.enter()
    async with anyio.create_task_group() as others:
        others.start_soon(gate.enter)
        await anyio.wait_all_tasks_blocked()
        gate.ended(calls.probe(), entered_at, OK)
    assert gate.width.now == POLITE + 2


@pytest.mark.anyio
async def test_a_run_takes_on_workers_and_lets_them_go() -> None:
    """As many are under way as there may be: few, many, and few again after a call that had no answer."""
    rows = PROOF + 2000
    made = await with_trunks(rows, *[CarryOut()] * (rows - 300), Say(RESET))
    under_way: list[int] = []

    def look_at_peak(*_: Outcome) -> None:
        under_way.append(made.api.peak)
        made.api.peak = 0

    await made.execute([move(i) for i in range(rows)], workers=None, on_progress=look_at_peak)
    assert (max(under_way[: PROOF // 2]), max(under_way), max(under_way[-100:])) == (POLITE, MOST, POLITE)


FAR: list[tuple[str, Callable[[], Limiter], float]] = [
    ("no limit", Free, 0.55),
    ("told", lambda: FixedWindow(12_000, 60, "draft"), 0.55),
    ("untold bucket", lambda: Bucket(200, 200), 0.85),
    ("untold window", lambda: FixedWindow(200, 1, phase=0.37), 1.0),
]


@pytest.mark.parametrize(("name", "make", "share"), FAR, ids=[name for name, _, _ in FAR])
def test_a_server_far_away_is_used_better_by_more(name: str, make: Callable[[], Limiter], share: float) -> None:
    """It answers in 150 ms, so that sixteen workers come to 107 calls a second; hardly more are refused."""
    few, more = (drive(Pacer(), make(), calls=10_000, workers=workers, latency=0.15) for workers in (POLITE, None))
    assert more.ended_at <= share * few.ended_at, name
    assert more.refused <= few.refused + 100
