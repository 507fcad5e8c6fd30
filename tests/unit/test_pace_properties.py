"""What the pacer never does, whatever a server answers: searched for by hypothesis, in virtual time."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch.engine.pace import Pacer, Rate
from batch.engine.rate_headers import MAX_WAIT
from tests.limiters import Bucket, FixedWindow, Free, Limiter, Ruling, Sliding, drive

LATENCIES = st.sampled_from([0.001, 0.01, 0.08, 0.3])
few = settings(max_examples=50, derandomize=True)
"""The same examples in every run: what a simulation with jitter never does is never by all odds, not by proof."""


@few
@given(
    limit=st.integers(2, 300),
    seconds=st.sampled_from([1, 10, 60]),
    latency=st.sampled_from([0.001, 0.01, 0.04, 0.08, 0.15]),
    jitter=st.sampled_from([0.05, 0.2, 0.5]),
    workers=st.sampled_from([4, 16, 64]),
    typed=st.booleans(),
    aligned=st.booleans(),
    phase=st.floats(0.0, 1.0),
    seed=st.integers(0, 10**6),
)
def test_a_window_that_was_told_or_typed_is_never_overrun(
    limit: int,
    seconds: int,
    latency: float,
    seed: int,
    *,
    jitter: float,
    workers: int,
    phase: float,
    typed: bool,
    aligned: bool,
) -> None:
    """Whenever the server's windows begin, however calls overtake each other: not one call too many is sent."""
    pacer = Pacer(Rate(limit, float(seconds)) if typed else None)
    server = FixedWindow(limit, seconds, "none" if typed else "draft", aligned=aligned, phase=phase * seconds)
    run = drive(pacer, server, calls=4 * limit, workers=workers, latency=latency, jitter=jitter, seed=seed)
    assert run.refused == 0


@few
@given(
    rate=st.floats(0.5, 100.0),
    burst=st.integers(4, 100),
    latency=st.sampled_from([0.001, 0.01, 0.04]),
    seed=st.integers(0, 1000),
)
def test_once_seen_a_buckets_tokens_hardly_ever_run_out(rate: float, burst: int, latency: float, seed: int) -> None:
    """A bucket that tells its rest but not its refill: one look may be in vain, and then it is known."""
    run = drive(Pacer(), Bucket(rate, burst, "x"), calls=3 * burst, latency=latency, seed=seed)
    assert run.refused <= 2
    assert run.early == 0


@few
@given(
    calls=st.integers(1, 40),
    seconds=st.sampled_from([1.0, 60.0]),
    workers=st.integers(1, 64),
    latency=LATENCIES,
    seed=st.integers(0, 1000),
)
def test_a_typed_rate_is_kept_in_every_span(
    calls: int, seconds: float, workers: int, latency: float, seed: int
) -> None:
    """--rate N/s or N/min: in no span of that length do more than N calls leave, near by or far away."""
    pacer = Pacer(Rate(calls, seconds))
    run = drive(pacer, Free(), calls=3 * calls + 1, workers=workers, latency=latency, seed=seed)
    sent = sorted(line.sent_at for line in run.log)
    assert all(later - earlier >= seconds - 1e-3 for earlier, later in zip(sent, sent[calls:], strict=False))


@settings(max_examples=200)
@given(
    seconds=st.integers(1, 4000),
    status=st.sampled_from([429, 503]),
    told=st.sampled_from([{}, {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0"}]),
    share=st.floats(0.0, 0.999),
    rate=st.sampled_from([None, Rate(20, 1.0)]),
)
def test_nobody_calls_before_a_pause_is_over(
    seconds: int, status: int, told: dict[str, str], share: float, rate: Rate | None
) -> None:
    """Retry-After holds for everybody, to the end (or to the cap of an hour), and not longer."""
    pacer = Pacer(rate)
    assert pacer.ask(100.0) == 0.0
    pacer.answered(100.0, 100.0, status, told | {"retry-after": str(seconds)})
    pause = min(seconds, MAX_WAIT)
    assert pacer.ask(100.0 + share * pause) > 0.0
    assert pacer.view(100.0).waiting_seconds == pytest.approx(pause)
    assert pacer.ask(100.0 + pause + 1.1) == 0.0


LIMITERS = st.sampled_from(["window", "aligned", "bucket", "small", "sliding"])


def a_limiter(kind: str, rate: int, span: int, *, told: bool) -> Limiter:
    return {
        "window": lambda: FixedWindow(rate * span, span, retry_after=told),
        "aligned": lambda: FixedWindow(rate * span, span, retry_after=told, aligned=True, phase=0.4 * span),
        "bucket": lambda: Bucket(rate, rate * span, retry_after=told),
        "small": lambda: Bucket(rate, 2, retry_after=told),
        "sliding": lambda: Sliding(rate * span, span),
    }[kind]()


@few
@given(
    kind=LIMITERS,
    rate=st.integers(1, 300),
    span=st.sampled_from([1, 10]),
    latency=LATENCIES,
    workers=st.integers(1, 32),
    told=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_limiter_whatever_makes_us_storm_or_call_too_early(
    kind: str, rate: int, span: int, latency: float, workers: int, seed: int, *, told: bool
) -> None:
    """Limits of all kinds and sizes, with and without Retry-After: never early, and most of all calls are accepted."""
    run = drive(Pacer(), a_limiter(kind, rate, span, told=told), calls=300, latency=latency, workers=workers, seed=seed)
    assert run.early == 0
    assert run.refused <= 0.3 * 300


numbers = st.one_of(st.integers(-5, 10**12).map(str), st.floats(allow_nan=True).map(str), st.text(max_size=8))
NAMES = [
    "retry-after",
    "date",
    "ratelimit",
    "ratelimit-policy",
    *(f"{family}ratelimit-{what}" for family in ("", "x-") for what in ("limit", "remaining", "reset")),
]
TEXTS = ["Wed, 21 Oct 2026 07:28:00 GMT", '"a";r=0;t=9', '"a";q=5;w=1', "limit=3, remaining=0"]
headers = st.dictionaries(st.sampled_from(NAMES), st.one_of(numbers, st.sampled_from(TEXTS)), max_size=5)
answers = st.tuples(st.sampled_from([200, 200, 200, 404, 429, 500, 503]), headers, st.floats(0.0, 5.0))


@settings(max_examples=150)
@example(script=[(200, {"x-ratelimit-remaining": "2"}, 0.0)] * 3, rate=None, reserve=0)
@given(
    script=st.lists(answers, max_size=25),
    rate=st.sampled_from([None, Rate(5, 1.0)]),
    reserve=st.sampled_from([0, 0.3]),
)
def test_no_headers_whatever_break_the_pacer_or_stall_it_longer_than_the_cap(
    script: list[tuple[int, dict[str, str], float]], rate: Rate | None, reserve: float
) -> None:
    """Nonsense in every header: nothing is raised, and with nothing under way a call may leave within the hour."""
    pacer, now = Pacer(rate, reserve=reserve), 0.0
    for status, told, seconds in script:
        waited = 0.0
        while (wait := pacer.ask(now)) > 0.0:
            assert wait < math.inf
            waited += wait
            now += wait
            assert waited <= MAX_WAIT + 1.0
        pacer.answered(now, now + seconds, status, told)
        now += seconds
        assert pacer.view(now).in_flight == 0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["ask", "end", "fault", "give back", "refuse"]), st.floats(0.0, 0.5))))
def test_what_is_under_way_is_always_what_was_booked_and_has_not_ended(steps: list[tuple[str, float]]) -> None:
    """Calls that overlap and end in any way, in any order: the count is right, and never more than allowed."""
    pacer, now, open_calls, booked = Pacer(concurrency=3), 0.0, [], 0
    for step, seconds in steps:
        now += seconds
        if step == "ask":
            if pacer.ask(now) == 0.0:
                open_calls.append(now)
                booked += 1
        elif open_calls:
            sent_at = open_calls.pop(0)
            if step == "give back":
                pacer.give_back(sent_at)
            elif step == "fault":
                pacer.faulted(sent_at, now)
            else:
                pacer.answered(sent_at, now, 429 if step == "refuse" else 200, {})
        assert pacer.view(now).in_flight == len(open_calls) <= 3
    assert pacer.view(now).used == booked


class Moody:
    """Accepts everything but each seventeenth call, which is told to come back later."""

    def __init__(self, pauses: list[int]) -> None:
        self._pauses = list(pauses)
        self._calls = 0

    def admit(self, at: float) -> Ruling:
        self._calls += 1
        if self._pauses and self._calls % 17 == 0:
            return Ruling(False, {"retry-after": str(self._pauses.pop())})
        return Ruling(True)


@few
@given(pauses=st.lists(st.sampled_from([0, 1, 2, 5]), min_size=1, max_size=6), latency=LATENCIES)
def test_a_server_that_pauses_us_at_whim_never_hears_from_us_meanwhile(pauses: list[int], latency: float) -> None:
    """Refusals with changing Retry-After in the middle of full speed: nothing leaves between hearing and the end."""
    run = drive(Pacer(), Moody(pauses), calls=150, latency=latency)
    assert run.early == 0
    assert run.refused == len(pauses)
