"""How well calls are paced: time ÷ ideal and refusals against simulated limiters, in virtual time.

    python -m tests.benchmarks.bench_pace [--runs 3] [--latency 0.005] [--workers 16]

The defaults are a server near by. Pacing was tuned with seeds 1 to 3 and 5 ms: judge it by other seeds and latencies.

*ideal* is the time of somebody who knows the limiter by heart. The server's log is the simulation's own; the figures
are medians over differently jittered runs. The last table is real time: what the pacer and the gate cost per call.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from batch.core import calls
from batch.core.calls import Answer
from batch.engine.breaker import Breaker
from batch.engine.gate import Gate
from batch.engine.pace import Pacer, Rate
from tests.limiters import Bucket, Changing, Concurrency, FixedWindow, Free, Limiter, Run, Shared, Sliding, drive, ideal


@dataclass(frozen=True, slots=True)
class Options:
    runs: int
    latency: float
    seed: int
    workers: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """Calls against one limiter; ``slowest`` and ``most_refused`` are the goals of the issue, if it has any."""

    name: str
    limiter: Callable[[], Limiter]
    calls: int
    rate: Rate | None = None
    slowest: float | None = None
    most_refused: float | None = None


SCENARIOS = [
    Scenario("told: window 20/s", lambda: FixedWindow(20, 1, "draft"), 1000, None, 1.03, 0),
    Scenario(
        "told: aligned window 20/s", lambda: FixedWindow(20, 1, "draft", aligned=True, phase=0.6), 1000, None, 1.03, 0
    ),
    Scenario("told: window 60/min", lambda: FixedWindow(60, 60, "draft"), 300, None, 1.03, 0),
    Scenario("told: bucket 100/s of 20", lambda: Bucket(100, 20, "x"), 2000, None, 1.03, 0),
    Scenario("told: bucket 20/s of 20", lambda: Bucket(20, 20, "x"), 1000, None, 1.03, 0),
    Scenario("typed in: window 20/s", lambda: FixedWindow(20, 1), 1000, Rate(20, 1.0), 1.03, 0),
    Scenario("typed in: bucket 20/s of 20", lambda: Bucket(20, 20), 1000, Rate(20, 1.0), 1.03, 0),
    Scenario("typed in: window 60/min", lambda: FixedWindow(60, 60), 300, Rate(60, 60.0), 1.03, 0),
    Scenario("Laravel 60/min (no reset told)", lambda: FixedWindow(60, 60, "laravel"), 600, None, 1.03, 0.01),
    Scenario("Laravel 600/min (no reset told)", lambda: FixedWindow(600, 60, "laravel"), 3000, None, 1.03, 0.01),
    Scenario("unknown: window 20/s", lambda: FixedWindow(20, 1), 1000, None, 1.15, 0.01),
    Scenario("unknown: window 200/s", lambda: FixedWindow(200, 1), 1000, None, 1.15, 0.01),
    Scenario("unknown: bucket 20/s of 20", lambda: Bucket(20, 20), 1000, None, 1.15, 0.01),
    Scenario("unknown: bucket 200/s of 200", lambda: Bucket(200, 200), 1000, None, 1.15, 0.01),
    Scenario("unknown: sliding 20/s", lambda: Sliding(20, 1), 1000, None, 1.15, 0.01),
    Scenario("unknown: sliding 200/s", lambda: Sliding(200, 1), 1000, None, 1.15, 0.01),
    Scenario(
        "unknown: aligned window 20/s", lambda: FixedWindow(20, 1, aligned=True, phase=0.37), 1000, None, 1.15, 0.01
    ),
    Scenario(
        "unknown: aligned window 200/s", lambda: FixedWindow(200, 1, aligned=True, phase=0.37), 1000, None, 1.15, 0.01
    ),
    Scenario("unknown: bucket 20/s of 2", lambda: Bucket(20, 2), 1000, None, 1.15, 0.01),
    Scenario("unknown: bucket 200/s of 20", lambda: Bucket(200, 20), 1000, None, 1.15, 0.01),
    Scenario("unknown: GCRA 20/s, no burst", lambda: Bucket(20, 1), 1000, None, 1.15, 0.01),
    Scenario("unknown: GCRA 200/s, no burst", lambda: Bucket(200, 1), 1000, None, 1.15, 0.01),
    Scenario("unknown, Retry-After 1: window 20/s", lambda: FixedWindow(20, 1, retry_after=True), 1000),
    Scenario("unknown, Retry-After 1: window 200/s", lambda: FixedWindow(200, 1, retry_after=True), 1000),
    Scenario("unknown, Retry-After 1: bucket 20/s of 20", lambda: Bucket(20, 20, retry_after=True), 1000),
    Scenario("unknown, Retry-After 1: bucket 200/s of 20", lambda: Bucket(200, 20, retry_after=True), 1000),
    Scenario("unknown, Retry-After 1: GCRA 200/s", lambda: Bucket(200, 1, retry_after=True), 1000),
    Scenario("unknown: window 60/min", lambda: FixedWindow(60, 60), 300),
]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.005, help="seconds of a call, there and back")
    parser.add_argument("--seed", type=int, default=1, help="of the first run's jitter")
    parser.add_argument("--workers", type=int, default=16)
    options = Options(**vars(parser.parse_args()))
    say(f"median of {options.runs} runs, calls of {options.latency * 1000:g} ms ± 20 %, {options.workers} workers\n")
    steady(options)
    shared(options)
    changing(options)
    others(options)
    overhead()


def say(*cells: object, widths: tuple[int, ...] = ()) -> None:
    """One line of a table."""
    padded = [str(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)] if widths else map(str, cells)
    sys.stdout.write("  ".join(padded).rstrip() + "\n")


def runs(
    options: Options, make: Callable[[], tuple[Pacer, Limiter]], calls: int, until: float = float("inf")
) -> list[Run]:
    """The same run with different jitter."""
    return [
        drive(*make(), calls=calls, latency=options.latency, workers=options.workers, until=until, seed=seed)
        for seed in range(options.seed, options.seed + options.runs)
    ]


def verdict(*goals: tuple[float, float | None]) -> str:
    """Whether every figure that has a goal meets it."""
    judged = [value <= goal + 1e-9 for value, goal in goals if goal is not None]
    return "" if not judged else "met" if all(judged) else "MISSED"


def steady(options: Options) -> None:
    """One limiter, from a standing start."""
    widths = (42, 8, 9, 8, 6, 7, 14, 6)
    say("scenario", "calls", "ideal s", "÷ ideal", "429s", "429 %", "goal", "", widths=widths)
    for case in SCENARIOS:
        best = ideal(case.limiter(), calls=case.calls, latency=options.latency)
        done = runs(options, lambda case=case: (Pacer(case.rate), case.limiter()), case.calls)  # type: ignore[misc]
        slow = statistics.median(run.ended_at for run in done) / best
        refused = statistics.median(run.refused for run in done)
        share = refused / case.calls
        goal = (
            ""
            if case.slowest is None
            else f"{case.slowest} · {'–' if case.most_refused is None else f'{case.most_refused:.0%}'}"
        )
        met = verdict((round(slow, 3), case.slowest), (share, case.most_refused))
        say(
            case.name,
            case.calls,
            f"{best:.2f}",
            f"{slow:.3f}",
            f"{refused:g}",
            f"{share:.1%}",
            goal,
            met,
            widths=widths,
        )
    done = runs(options, lambda: (Pacer(), FixedWindow(20, 1, retry_after=True)), 100)
    seconds, refused = statistics.median(run.ended_at for run in done), statistics.median(run.refused for run in done)
    say(
        f"\n100 rows, window 20/s, Retry-After: 1, untold: {seconds:.2f} s, {refused:g} refused (≤ 4.3 s, ≤ 3)",
        verdict((seconds, 4.3), (refused, 3)),
    )


def shared(options: Options) -> None:
    """A quota of 60/min of which somebody else takes 18/min, for a quarter of an hour."""
    widths = (34, 18, 8, 20, 6)
    say(
        "\n60/min Laravel, another client takes 30 %",
        "free quota used",
        "429 %",
        "other client's 429s",
        "",
        widths=(41, *widths[1:]),
    )
    for reserve in (0.0, 0.3):
        servers: list[Shared] = []

        def make(reserve: float = reserve, servers: list[Shared] = servers) -> tuple[Pacer, Limiter]:
            servers.append(Shared(FixedWindow(60, 60, "laravel"), every=60 / 18))
            return Pacer(reserve=reserve), servers[-1]

        done = runs(options, make, 10**9, until=900)
        used = statistics.median(run.accepted for run in done) / (42 * 15)
        share = statistics.median(run.refused / len(run.log) for run in done)
        theirs = statistics.median(server.refused for server in servers)
        met = verdict((-used, -0.95), (share, 0.01), (theirs, 0 if reserve else None))
        say(
            f"  --reserve {reserve:.0%}".ljust(41),
            f"{used:.0%}",
            f"{share:.1%}",
            f"{theirs:g} of {15 * 18}",
            met,
            widths=(41, *widths[1:]),
        )


def changing(options: Options) -> None:
    """20/s for a minute, then 5/s, then 50/s."""
    makers: dict[str, Callable[[int], Limiter]] = {
        "window, headers": lambda n: FixedWindow(n, 1, "draft"),
        "bucket, headers": lambda n: Bucket(n, n, "x"),
        "window, no headers": lambda n: FixedWindow(n, 1),
        "window, Retry-After only": lambda n: FixedWindow(n, 1, retry_after=True),
    }
    widths = (30, 22, 22, 22, 6)
    say("\nlimit changes (goal 1.25 · 5 %)", "20/s", "5/s", "50/s", "", widths=widths)
    for name, make in makers.items():
        phases = [(0.0, 20), (60.0, 5), (120.0, 50)]
        done = runs(
            options,
            lambda make=make, phases=phases: (Pacer(), Changing([(at, make(rate)) for at, rate in phases])),  # type: ignore[misc]
            10**9,
            until=180,
        )
        cells, goals = [], []
        for start, rate in phases:
            slow = statistics.median(rate * 60 / run.accepted_between(start, start + 60) for run in done)
            share = statistics.median(run.refused_between(start, start + 60) for run in done) / (rate * 60)
            cells.append(f"{slow:.2f} · {share:.1%}")
            goals += [(round(slow, 2), 1.25), (share, 0.05)]
        say(name, *cells, verdict(*goals), widths=widths)


def others(options: Options) -> None:
    """Limits that are no rate, and none at all."""
    say("\nno rate limit")
    for most in (4, 8):
        done = runs(options, lambda most=most: (Pacer(), Concurrency(most, 0.03)), 1000)  # type: ignore[misc]
        best = 1000 / most * (0.03 + options.latency)
        slow = statistics.median(run.ended_at for run in done) / best
        refused = statistics.median(run.refused for run in done)
        say(f"  at most {most} calls of 30 ms at once: {slow:.2f} × ideal, {refused:g} of 1,000 refused")
    done = runs(options, lambda: (Pacer(), Free()), 20_000)
    slow = statistics.median(run.ended_at for run in done) / (20_000 / options.workers * options.latency)
    say(f"  none: 20,000 calls in {slow:.2f} × the time of {options.workers} workers that never wait")


def overhead(count: int = 100_000) -> None:
    """Real time per call when no limit is in force."""
    say("\nour own cost per call, no limit in force (real time)")
    for name, headers in (
        ("no headers", {}),
        ("X-RateLimit headers", {"x-ratelimit-limit": "99999", "x-ratelimit-remaining": "99998"}),
    ):
        pacer, now, begun = Pacer(), 0.0, time.perf_counter()
        for _ in range(count):
            pacer.ask(now)
            now += 0.001
            pacer.answered(now - 0.001, now, 200, headers)
        pace = (time.perf_counter() - begun) / count
        gate = anyio.run(through_the_gate, Answer(200, headers, b""), count)
        say(f"  {name}: pacer {pace * 1e6:.1f} µs, gate with pacer, breaker and counts {gate * 1e6:.1f} µs")


async def through_the_gate(reply: Answer, count: int) -> float:
    """Seconds per call through an idle gate."""
    gate, call = Gate(pacer=Pacer(), breaker=Breaker()), calls.probe()
    begun = time.perf_counter()
    for _ in range(count):
        gate.ended(call, await gate.enter(), reply)
    return (time.perf_counter() - begun) / count


if __name__ == "__main__":
    main()
