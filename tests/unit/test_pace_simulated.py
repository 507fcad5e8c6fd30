"""The pacer against simulated servers, in virtual time: how fast, how many refusals. Medians over five jitters.

The bounds are the goals unless a comment says why not; *ideal* are sixteen workers who know the limiter by
heart. How the figures look in detail prints :mod:`tests.benchmarks.bench_pace`.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from functools import cache

import pytest

from batch.engine.pace import Pacer, Rate
from tests import limiters
from tests.limiters import Bucket, Changing, Concurrency, FixedWindow, Free, Limiter, Run, Shared, Sliding, drive, ideal

Make = Callable[[], Limiter]
SEEDS = range(31, 36)
NEAR, USUAL, FAR = 0.002, 0.04, 0.15

KNOWN: dict[str, tuple[Make, int, Rate | None]] = {
    "window 20/s, headers": (lambda: FixedWindow(20, 1, "draft"), 1000, None),
    "aligned window 20/s, headers": (lambda: FixedWindow(20, 1, "draft", aligned=True, phase=0.6), 1000, None),
    "window 60/min, headers": (lambda: FixedWindow(60, 60, "draft"), 180, None),
    "bucket 100/s of 20, headers": (lambda: Bucket(100, 20, "x"), 2000, None),
    "bucket 20/s of 20, headers": (lambda: Bucket(20, 20, "x"), 1000, None),
    "bucket 200/s of 50, headers": (lambda: Bucket(200, 50, "x"), 1000, None),
    "window 20/s, typed in": (lambda: FixedWindow(20, 1), 1000, Rate(20, 1.0)),
    "bucket 20/s, typed in": (lambda: Bucket(20, 20), 1000, Rate(20, 1.0)),
    "window 60/min, typed in": (lambda: FixedWindow(60, 60), 180, Rate(60, 60.0)),
}
UNKNOWN: dict[str, Make] = {
    "window 20/s": lambda: FixedWindow(20, 1),
    "window 200/s": lambda: FixedWindow(200, 1),
    "bucket 20/s": lambda: Bucket(20, 20),
    "bucket 200/s": lambda: Bucket(200, 200),
    "bucket 200/s of 20": lambda: Bucket(200, 20),
}


@cache
def best(make: Make, calls: int, latency: float) -> float:
    return ideal(make(), calls=calls, latency=latency, step=0.002)


def runs(make: Make, calls: int, latency: float, rate: Rate | None = None) -> list[Run]:
    return [drive(Pacer(rate), make(), calls=calls, latency=latency, seed=seed) for seed in SEEDS]


def slowness(done: list[Run], make: Make, calls: int, latency: float) -> float:
    return statistics.median(run.ended_at for run in done) / best(make, calls, latency)


def refusals(done: list[Run]) -> float:
    return statistics.median(run.refused for run in done)


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_limit_is_used_up_without_refusals(name: str, latency: float) -> None:
    """Limit told or typed in: at most 3 % slower than ideal, and not one 429."""
    make, calls, rate = KNOWN[name]
    done = runs(make, calls, latency, rate)
    assert sum(run.refused for run in done) == 0
    typed_far = rate is not None and latency == FAR  # any span is kept to, by when each call arrived at the latest
    assert slowness(done, make, calls, latency) <= (1.045 if typed_far else 1.03)


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_limit_is_found_from_its_refusals(name: str, latency: float) -> None:
    """No headers at all: 1,000 calls at most 15 % slower than ideal, with 1 % refused at most."""
    done = runs(UNKNOWN[name], 1000, latency)
    assert slowness(done, UNKNOWN[name], 1000, latency) <= 1.15
    assert refusals(done) <= 10


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
def test_stock_laravel_costs_one_refusal_to_learn_when_its_window_ends(latency: float) -> None:
    """60 a minute, headers without the reset: a 429 tells when, rounded to seconds, so it may take one or two more."""
    make: Make = lambda: FixedWindow(60, 60, "laravel")  # noqa: E731  (a name for the cache)
    done = runs(make, 600, latency)
    assert refusals(done) <= 3
    assert slowness(done, make, 600, latency) <= 1.01


@pytest.mark.parametrize("second", [0.05, 0.37, 0.7, 0.95])
@pytest.mark.parametrize("latency", [NEAR, USUAL])
@pytest.mark.parametrize(("limit", "seconds"), [(20, 1), (10, 2), (50, 5)])
def test_laravels_whole_seconds_do_not_hide_a_short_window(
    limit: int, seconds: int, latency: float, second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Retry-After is 0 for up to a second; which part of one its clock shows must not matter."""
    monkeypatch.setattr(limiters, "EPOCH", 1_790_000_000 + second)
    make: Make = lambda: FixedWindow(limit, seconds, "laravel")  # noqa: E731
    done = runs(make, 300, latency)
    assert refusals(done) <= 4
    assert slowness(done, make, 300, latency) <= 1.07


@pytest.mark.parametrize("latency", [NEAR, USUAL])
@pytest.mark.parametrize(("limit", "seconds"), [(20, 1), (10, 2), (20, 5), (90, 30)])
def test_a_reset_in_whole_seconds_does_not_lengthen_a_short_window(limit: int, seconds: int, latency: float) -> None:
    """It is told up to a second late: the length is learned from the first window, and kept to."""
    make: Make = lambda: FixedWindow(limit, seconds, "epoch")  # noqa: E731
    done = runs(make, 300, latency)
    assert refusals(done) <= (4 if seconds == 2 else 0)  # taken for one of a second at first
    assert slowness(done, make, 300, latency) <= 1.1


@pytest.mark.parametrize("latency", [NEAR, USUAL])
@pytest.mark.parametrize(("limit", "seconds", "most"), [(60, 60, 8), (100, 10, 6), (90, 30, 7)])
def test_a_window_of_which_nothing_is_told_but_the_rest_is_measured(
    limit: int, seconds: int, most: int, latency: float
) -> None:
    """Refusals without a word: one for each doubling of the pause, and only in the first window."""
    make: Make = lambda: FixedWindow(limit, seconds, "rest")  # noqa: E731
    done = runs(make, 5 * limit, latency)
    assert refusals(done) <= most
    assert slowness(done, make, 5 * limit, latency) <= (1.05 if seconds > 10 else 1.2)


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
def test_a_limit_that_is_told_without_the_rest_is_found_like_an_unknown_one(latency: float) -> None:
    """Nothing tells how much is left, so there is nothing to keep in step by."""
    make: Make = lambda: FixedWindow(20, 1, "limit")  # noqa: E731
    done = runs(make, 1000, latency)
    assert refusals(done) <= 10
    assert slowness(done, make, 1000, latency) <= 1.15


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
def test_a_quota_shared_with_another_client_is_used_without_storming(latency: float) -> None:
    """Somebody else takes 30 % of 60/min: at least 95 % of the rest is used, at most 1 % refused."""
    server = Shared(FixedWindow(60, 60, "laravel"), every=60 / 18)
    run = drive(Pacer(), server, calls=10**6, until=900, latency=latency)
    assert run.accepted >= 0.95 * 42 * 15
    assert run.refused <= 0.01 * len(run.log)


@pytest.mark.parametrize("seed", SEEDS)
def test_joining_a_window_that_somebody_else_began_is_learned_from(seed: int) -> None:
    """A window joined late looks too short, and rounded ends are told; both cost few refusals, once."""
    server = Shared(FixedWindow(60, 60, "laravel"), every=60 / 18, next_at=-25.0)
    run = drive(Pacer(), server, calls=10**6, until=1800, seed=seed)
    assert run.refused_between(0, 180) <= 8
    assert run.refused_between(180, 1800) <= 0.01 * len(run.log)
    assert run.accepted >= 0.95 * 42 * 30


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
@pytest.mark.parametrize("headers", ["laravel", "draft"])
def test_a_reserve_leaves_the_other_client_its_calls(headers: str, latency: float) -> None:
    """With --reserve 30% a client that needs 30 % sees no 429 at all, and we still use 95 % of the rest."""
    server = Shared(FixedWindow(60, 60, headers), every=60 / 18)
    run = drive(Pacer(reserve=0.3), server, calls=10**6, until=900, latency=latency)
    assert server.refused == 0
    assert run.accepted >= 0.95 * 42 * 15


CHANGING: dict[str, tuple[Callable[[int], Limiter], float, float]] = {
    "window, headers": (lambda n: FixedWindow(n, 1, "draft"), 1.05, 0.01),
    "bucket, headers": (lambda n: Bucket(n, n, "x"), 1.05, 0.01),
    "window, no headers": (lambda n: FixedWindow(n, 1), 1.25, 0.05),
    "bucket, no headers": (lambda n: Bucket(n, n), 1.25, 0.06),
    "window, Retry-After only": (lambda n: FixedWindow(n, 1, retry_after=True), 1.3, 0.05),  # each try costs a second
}


@pytest.mark.parametrize("latency", [NEAR, USUAL])
@pytest.mark.parametrize("name", CHANGING)
def test_a_limit_that_changes_is_followed(name: str, latency: float) -> None:
    """20/s, then 5/s, then 50/s, each for somewhat more than a minute: every phase is used up, with few refused."""
    make, slowest, most = CHANGING[name]
    phases: list[list[tuple[float, float]]] = [[], [], []]
    for seed in SEEDS:
        chance = random.Random(seed)
        starts = [0.0, 60 + 8 * chance.random(), 130 + 8 * chance.random(), 200.0]
        server = Changing([(start, make(rate)) for start, rate in zip(starts, (20, 5, 50), strict=False)])
        run = drive(Pacer(), server, calls=10**6, latency=latency, until=200, seed=seed)
        for phase, rate, start, end in zip(phases, (20, 5, 50), starts, starts[1:], strict=False):
            due = rate * (end - start)
            phase.append((due / run.accepted_between(start, end), run.refused_between(start, end) / due))
    for phase in phases:
        assert statistics.median(slow for slow, _ in phase) <= slowest
        assert statistics.median(refused for _, refused in phase) <= most


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.6, 0.95])
def test_a_hundred_rows_on_a_server_of_twenty_a_second(phase: float) -> None:
    """Nobody tells the limit, Retry-After is a whole second: all done within 4.3 s with at most three refusals."""
    run = drive(Pacer(), FixedWindow(20, 1, retry_after=True, aligned=phase > 0, phase=phase), calls=100)
    assert run.accepted == 100
    assert run.refused <= 3
    assert run.ended_at <= 4.3
    assert run.early == 0


@pytest.mark.parametrize("phase", [0.03, 0.12, 0.28, 0.33, 0.37])
def test_windows_by_the_clock_are_not_taken_for_a_limit_that_fell(phase: float) -> None:
    """One that begins among our calls is refused with a part of its count: that is no smaller limit."""
    server = FixedWindow(20, 1, retry_after=True, aligned=True, phase=phase)
    run = drive(Pacer(), server, calls=100, latency=USUAL)
    assert run.ended_at <= 5.7
    assert run.early == 0


@pytest.mark.parametrize("latency", [NEAR, USUAL])
def test_the_dearer_a_try_the_rarer_it_is(latency: float) -> None:
    """A refusal that is answered with a pause of a second costs 200 calls: a long run loses a tenth by it at most."""
    server, calls = FixedWindow(200, 1, retry_after=True), 6000
    run = drive(Pacer(), server, calls=calls, latency=latency)
    assert run.refused <= 4
    assert run.ended_at <= 1.12 * ideal(FixedWindow(200, 1), calls=calls, latency=latency)


@pytest.mark.parametrize("latency", [USUAL, FAR])
def test_a_dear_first_contact_puts_tries_off(latency: float) -> None:
    """Several are under way when the first refusal comes: what is left of the hundredth is all that tries may cost."""
    done = runs(UNKNOWN["bucket 20/s"], 1000, latency)
    assert max(run.refused for run in done) <= 10


@pytest.mark.parametrize("seed", [7503, 7510])
def test_a_rate_that_is_refused_again_and_again_is_let_go_of(seed: int) -> None:
    """A bucket regains during the pause what looks like a window of twice its rate: that is not believed for long."""
    server = Changing([(0.0, Bucket(20, 20, retry_after=True)), (60.0, Bucket(5, 5, retry_after=True))])
    run = drive(Pacer(), server, calls=10**6, latency=FAR, until=180, seed=seed)
    assert run.refused_between(60, 180) <= 0.05 * 600
    assert run.accepted_between(60, 180) >= 600 / 1.25


def test_a_knock_that_was_refused_at_the_end_of_a_window_rules_it_out() -> None:
    """A window of a minute, asked again after ten seconds to the millisecond: it is not one of ten."""
    run = drive(Pacer(), FixedWindow(60, 60), calls=300, latency=NEAR, seed=7004)
    assert run.refused <= 6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("most", [2, 4, 8])
def test_a_limit_on_calls_under_way_is_not_taken_for_a_rate(most: int, seed: int) -> None:
    """A server that serves few at once is kept busy, nearly without refusals."""
    run = drive(Pacer(), Concurrency(most, 0.03), calls=1000, seed=seed)
    assert run.refused <= 5
    assert run.ended_at <= 1.35 * 1000 / most * 0.035


@pytest.mark.parametrize("make", [lambda: FixedWindow(100, 1, phase=0.37), lambda: FixedWindow(90, 1, phase=0.37)])
def test_a_rate_is_not_taken_for_a_limit_on_calls_under_way(make: Make) -> None:
    """Nearly all under way are refused together, far away: but as many were served before."""
    assert slowness(runs(make, 6000, FAR), make, 6000, FAR) <= 1.35


@pytest.mark.parametrize("latency", [NEAR, USUAL, FAR])
def test_without_any_limit_every_worker_is_soon_busy(latency: float) -> None:
    """A server that never refuses is soon called by all: little slower than without a pacer."""
    run = drive(Pacer(), Free(), calls=20_000, latency=latency)
    assert run.ended_at <= 1.1 * 20_000 / 16 * latency


HARD: dict[str, tuple[Make, float, float]] = {
    "a window that counts in any span": (lambda: Sliding(20, 1), 1.2, 0.02),
    "a window that begins by the clock": (lambda: FixedWindow(20, 1, aligned=True, phase=0.37), 1.2, 0.03),
    "a bucket that holds two": (lambda: Bucket(20, 2), 1.2, 0.02),
    "one by one": (lambda: Bucket(20, 1), 1.7, 0.02),  # jitter alone is half the distance between two calls
    "a window of ten seconds": (lambda: FixedWindow(50, 10), 1.05, 0.03),
    "a window of a minute": (lambda: FixedWindow(60, 60), 1.05, 0.02),
    "a bucket with ten seconds of credit": (lambda: Bucket(3, 30), 1.1, 0.08),  # which looks like a higher rate
}


@pytest.mark.parametrize("name", HARD)
def test_limiters_of_other_kinds_neither_stall_nor_storm_us(name: str) -> None:
    """No headers, a limiter that is harder to see through: still near its rate, and few are refused."""
    make, slowest, most = HARD[name]
    done = runs(make, 600, USUAL)
    assert slowness(done, make, 600, USUAL) <= slowest
    assert refusals(done) <= most * 600
