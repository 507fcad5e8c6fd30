"""Trying again: who is retried, how often, and how long the pauses are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from batch.engine.retry import Policy, TryAgain, insist

POLICY = Policy(attempts=4, base=1.0, cap=3.0, seconds=100.0)


class Step:
    """A step that ends as scripted; counts its calls."""

    def __init__(self, *ends: BaseException | str) -> None:
        self.ends = list(ends)
        self.calls = 0

    async def __call__(self) -> str:
        end = self.ends[min(self.calls, len(self.ends) - 1)]
        self.calls += 1
        if isinstance(end, BaseException):
            raise end
        return end


def recording() -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return pauses, sleep


@pytest.mark.anyio
async def test_a_step_that_works_is_done_once_without_a_pause() -> None:
    """The usual case costs nothing."""
    pauses, sleep = recording()
    step = Step("done")
    assert (await insist(step, POLICY, sleep), step.calls, pauses) == ("done", 1, [])


@pytest.mark.anyio
async def test_a_step_is_tried_again_until_it_works() -> None:
    """Two failures, two pauses, three calls."""
    pauses, sleep = recording()
    step = Step(TryAgain("one"), TryAgain("two"), "done")
    assert await insist(step, POLICY, sleep) == "done"
    assert (step.calls, len(pauses)) == (3, 2)


@pytest.mark.anyio
async def test_attempts_include_the_first_and_the_last_failure_is_raised() -> None:
    """Four attempts are four calls; then the caller learns what happened last."""
    _, sleep = recording()
    step = Step(TryAgain("1"), TryAgain("2"), TryAgain("3"), TryAgain("4"), TryAgain("5"))
    with pytest.raises(TryAgain, match="4"):
        await insist(step, POLICY, sleep)
    assert step.calls == 4


@pytest.mark.anyio
@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), TimeoutError()], ids=repr)
async def test_nothing_but_try_again_is_retried(error: BaseException) -> None:
    """Any other end passes straight through, on the first attempt and on later ones."""
    for step in (Step(error), Step(TryAgain(), error)):
        _, sleep = recording()
        with pytest.raises(type(error)):
            await insist(step, POLICY, sleep)
        assert step.calls == len(step.ends)


@pytest.mark.anyio
async def test_pauses_are_spread_between_nothing_and_a_growing_bound() -> None:
    """Full jitter: each pause is anywhere below its bound, so workers that failed together come back apart."""
    by_attempt: list[list[float]] = [[], [], []]
    for _ in range(300):
        pauses, sleep = recording()
        with pytest.raises(TryAgain):
            await insist(Step(TryAgain()), POLICY, sleep)
        for kept, pause in zip(by_attempt, pauses, strict=True):
            kept.append(pause)
    for pauses, bound in zip(by_attempt, (1.0, 2.0, 3.0), strict=True):
        assert 0.0 <= min(pauses) < bound / 5
        assert bound * 4 / 5 < max(pauses) <= bound


@pytest.mark.anyio
async def test_no_pause_is_begun_that_would_end_too_late() -> None:
    """With no time at all there is one attempt and no pause."""
    pauses, sleep = recording()
    step = Step(TryAgain())
    with pytest.raises(TryAgain):
        await insist(step, Policy(attempts=9, base=1.0, cap=3.0, seconds=0.0), sleep)
    assert (step.calls, pauses) == (1, [])
