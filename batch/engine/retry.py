"""Trying again, bounded twice; the only importer of tenacity.

Only :class:`TryAgain` is retried: a cancellation, a stop or an error that ends the run passes straight through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

T = TypeVar("T")


class TryAgain(Exception):  # noqa: N818  (not an error: a step's way to ask for another go)
    """Raised by a step that may end better next time; its text says what happened."""


class Policy(Struct, frozen=True, kw_only=True):
    """How often and for how long. ``attempts`` includes the first; ``base``, ``cap`` and ``seconds`` are seconds.

    The n-th pause is anything between 0 and ``base`` × 2ⁿ⁻¹, at most ``cap`` (full jitter: workers that failed
    together do not come back together). No pause is begun that would end after ``seconds``.
    """

    attempts: int
    base: float
    cap: float
    seconds: float


async def insist(step: Callable[[], Awaitable[T]], policy: Policy, sleep: Callable[[float], Awaitable[None]]) -> T:
    """Do *step* until it ends otherwise than by :class:`TryAgain`, or *policy* is used up: then that is raised.

    The first go is bare, since most steps need no second (tenacity costs 25 µs a call).
    """
    try:
        return await step()
    except TryAgain as again:
        first: TryAgain | None = again

    async def once_more() -> T:
        nonlocal first
        if first is not None:  # tenacity's own first go is the one that has just failed
            spent, first = first, None
            raise spent
        return await step()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TryAgain),
        stop=stop_after_attempt(policy.attempts) | stop_before_delay(policy.seconds),
        wait=wait_random_exponential(multiplier=policy.base, max=policy.cap),
        sleep=sleep,
        reraise=True,
    )
    return await retrying(once_more)
