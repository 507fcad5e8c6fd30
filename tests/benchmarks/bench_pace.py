"""How well calls are paced: time ÷ ideal and refusals against simulated limiters, in virtual time.

    python -m tests.benchmarks.bench_pace [--runs 5] [--seed 1] [--latency 0.002 0.04 0.15] [--workers 16]

*ideal* is the time of as many workers who know the limiter by heart. The server's log is the simulation's own; the
figures are medians over differently jittered runs: every way varies by ± 20 %. Pacing was tuned with seeds from 7000
on: judge it by others. A cell is ``time ÷ ideal · answers of 429``, with ``!`` where a goal is missed. The
last table is real time: what the pacer and the gate cost per call.
"""

from __future__ import annotations

import argparse
import random
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
from batch.engine.width import MOST, POLITE
from tests.limiters import Bucket, Changing, Concurrency, FixedWindow, Free, Limiter, Run, Shared, Sliding, drive, ideal


@dataclass(frozen=True, slots=True)
class Options:
    runs: int
    seed: int
    latency: list[float]
    workers: int

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.runs)


@dataclass(frozen=True, slots=True)
class Goal:
    """``slowest`` is time ÷ ideal, ``refused`` the share of 429s; ``None`` = no goal."""

    slowest: float | None = None
    refused: float | None = None

    def __str__(self) -> str:
        return "" if self.slowest is None else f"{self.slowest} · {self.refused or 0:.1%}"

    def missed(self, slow: float, refused: float) -> bool:
        return (self.slowest is not None and round(slow, 3) > self.slowest) or (
            self.refused is not None and refused > self.refused + 1e-9
        )


KNOWN = Goal(1.03, 0.0)
STOCK = Goal(1.03, 0.01)
UNKNOWN = Goal(1.15, 0.01)
NONE = Goal()


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    limiter: Callable[[], Limiter]
    calls: int
    goal: Goal = NONE
    rate: Rate | None = None


def window(limit: int, seconds: float = 1, *, aligned: bool = False, told: bool = False) -> Callable[[], Limiter]:
    return lambda: FixedWindow(limit, seconds, aligned=aligned, phase=0.37 * seconds, retry_after=told)


def bucket(rate: float, burst: float, *, told: bool = False) -> Callable[[], Limiter]:
    return lambda: Bucket(rate, burst, retry_after=told)


STEADY = [
    Scenario("told: window 20/s", lambda: FixedWindow(20, 1, "draft"), 1000, KNOWN),
    Scenario("told: aligned window 20/s", lambda: FixedWindow(20, 1, "draft", aligned=True, phase=0.6), 1000, KNOWN),
    Scenario("told: window 60/min", lambda: FixedWindow(60, 60, "draft"), 300, KNOWN),
    Scenario("told: bucket 100/s of 20", lambda: Bucket(100, 20, "x"), 2000, KNOWN),
    Scenario("told: bucket 20/s of 20", lambda: Bucket(20, 20, "x"), 1000, KNOWN),
    Scenario("told: bucket 200/s of 50", lambda: Bucket(200, 50, "x"), 2000, KNOWN),
    Scenario("typed in: window 20/s", window(20), 1000, KNOWN, Rate(20, 1.0)),
    Scenario("typed in: bucket 20/s of 20", bucket(20, 20), 1000, KNOWN, Rate(20, 1.0)),
    Scenario("typed in: window 60/min", window(60, 60), 300, KNOWN, Rate(60, 60.0)),
    Scenario("typed in: aligned window 20/s", window(20, aligned=True), 1000, rate=Rate(20, 1.0)),
    Scenario("typed in: sliding 20/s", lambda: Sliding(20, 1), 1000, rate=Rate(20, 1.0)),
    Scenario("typed in: bucket 20/s of 5", bucket(20, 5), 1000, rate=Rate(20, 1.0)),
    Scenario("Laravel 60/min, no reset told", lambda: FixedWindow(60, 60, "laravel"), 600, STOCK),
    Scenario("Laravel 600/min, no reset told", lambda: FixedWindow(600, 60, "laravel"), 3000, STOCK),
    Scenario("Laravel 20/s, no reset told", lambda: FixedWindow(20, 1, "laravel"), 1000, STOCK),
    Scenario("window 20/s, reset as an epoch", lambda: FixedWindow(20, 1, "epoch"), 1000, UNKNOWN),
    Scenario("window 60/min, only the rest told", lambda: FixedWindow(60, 60, "rest"), 600),
    Scenario("window 20/s, only the limit told", lambda: FixedWindow(20, 1, "limit"), 1000, UNKNOWN),
    Scenario("unknown: window 20/s", window(20), 1000, UNKNOWN),
    Scenario("unknown: window 200/s", window(200), 1000, UNKNOWN),
    Scenario("unknown: bucket 20/s of 20", bucket(20, 20), 1000, UNKNOWN),
    Scenario("unknown: bucket 200/s of 200", bucket(200, 200), 1000, UNKNOWN),
    Scenario("unknown: bucket 200/s of 20", bucket(200, 20), 1000, UNKNOWN),
    Scenario("unknown: bucket 20/s of 2", bucket(20, 2), 1000),
    Scenario("unknown: sliding 20/s", lambda: Sliding(20, 1), 1000),
    Scenario("unknown: sliding 200/s", lambda: Sliding(200, 1), 1000),
    Scenario("unknown: aligned window 20/s", window(20, aligned=True), 1000),
    Scenario("unknown: aligned window 200/s", window(200, aligned=True), 1000),
    Scenario("unknown: one by one, 20/s", bucket(20, 1), 1000),
    Scenario("unknown: one by one, 200/s", bucket(200, 1), 1000),
    Scenario("unknown: window 50/10 s", window(50, 10), 500),
    Scenario("unknown: window 60/min", window(60, 60), 300),
    Scenario("Retry-After only: window 20/s", window(20, told=True), 1000),
    Scenario("Retry-After only: window 200/s", window(200, told=True), 1000),
    Scenario("Retry-After only: bucket 20/s of 20", bucket(20, 20, told=True), 1000),
    Scenario("Retry-After only: bucket 200/s of 20", bucket(200, 20, told=True), 1000),
]
WIDTH, CELL = 46, 18


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the first run's jitter")
    parser.add_argument("--latency", type=float, nargs="+", default=[0.002, 0.04, 0.15], help="seconds of a call")
    parser.add_argument("--workers", type=int, default=16)
    options = Options(**vars(parser.parse_args()))
    say(f"median of {options.runs} runs, {options.workers} workers; time ÷ ideal · 429s, ! = goal missed")
    for table in (steady, hundred, shared, changing, others, growing):
        table(options)
    overhead()


def say(name: str, *cells: str) -> None:
    """One line of a table."""
    sys.stdout.write((name.ljust(WIDTH) + "".join(cell.ljust(CELL) for cell in cells)).rstrip() + "\n")
    sys.stdout.flush()


def head(title: str, options: Options, *more: str) -> None:
    say("")
    say(title, *(f"{latency * 1000:g} ms" for latency in options.latency), *more)


def middle(values: list[float]) -> float:
    return statistics.median(values)


def cell(slow: float, refused: float, *, missed: bool) -> str:
    return f"{slow:.3f} · {refused:g}{' !' if missed else ''}"


def steady(options: Options) -> None:
    """One limiter, from a standing start."""
    head("one limiter", options, "goal")
    early = 0
    for case in STEADY:
        cells = []
        for latency in options.latency:
            best = ideal(case.limiter(), calls=case.calls, latency=latency, workers=options.workers)
            done = [
                one(options, Pacer(case.rate), case.limiter(), latency, seed, calls=case.calls)
                for seed in options.seeds
            ]
            slow, refused = middle([run.ended_at / best for run in done]), middle([float(run.refused) for run in done])
            early += sum(run.early for run in done)
            cells.append(cell(slow, refused, missed=case.goal.missed(slow, refused / case.calls)))
        say(f"{case.name} × {case.calls:,}", *cells, str(case.goal))
    say(f"calls that left before a pause was over, all runs: {early}{' !' if early else ''}")


def one(
    options: Options,
    pacer: Pacer,
    server: Limiter,
    latency: float,
    seed: int,
    *,
    calls: int = 10**9,
    until: float = 1e9,
) -> Run:
    """A single run."""
    return drive(pacer, server, calls=calls, latency=latency, workers=options.workers, seed=seed, until=until)


def hundred(options: Options) -> None:
    """A hundred rows, nothing told but Retry-After: 1."""
    head("100 rows, window 20/s, Retry-After: 1", options)
    cells = []
    for latency in options.latency:
        done = [one(options, Pacer(), window(20, told=True)(), latency, seed, calls=100) for seed in options.seeds]
        seconds, refused = middle([run.ended_at for run in done]), middle([float(run.refused) for run in done])
        cells.append(f"{seconds:.2f} s · {refused:g}{' !' if seconds > 4.3 or refused > 3 else ''}")
    say("", *cells, "4.3 s · 3")


def shared(options: Options) -> None:
    """A quota of 60/min of which somebody else takes 18/min, for a quarter of an hour."""
    head("60/min Laravel, another client takes 30 %", options)
    for reserve in (0.0, 0.3):
        ours, refused, theirs = [], [], []
        for latency in options.latency:
            servers = [Shared(FixedWindow(60, 60, "laravel"), every=60 / 18) for _ in options.seeds]
            done = [
                one(options, Pacer(reserve=reserve), server, latency, seed, until=900)
                for server, seed in zip(servers, options.seeds, strict=True)
            ]
            ours.append(middle([run.accepted / (42 * 15) for run in done]))
            refused.append(middle([run.refused / len(run.log) for run in done]))
            theirs.append(middle([float(server.refused) for server in servers]))
        say(f"--reserve {reserve:.0%}: free quota used", *(f"{x:.0%}{' !' if x < 0.95 else ''}" for x in ours), "95%")
        say("  our 429s", *(f"{x:.2%}{' !' if x > 0.01 else ''}" for x in refused), "1%")
        say(
            "  other client's 429s", *(f"{x:g}{' !' if reserve and x else ''}" for x in theirs), "0" if reserve else "–"
        )


PHASES = (20, 5, 50)


def changing(options: Options) -> None:
    """20/s, then 5/s, then 50/s, each for 60 to 68 s: when exactly, nobody knows beforehand."""
    makers: dict[str, Callable[[int], Limiter]] = {
        "window, headers": lambda n: FixedWindow(n, 1, "draft"),
        "bucket, headers": lambda n: Bucket(n, n, "x"),
        "window, no headers": lambda n: FixedWindow(n, 1),
        "bucket, no headers": lambda n: Bucket(n, n),
        "window, Retry-After only": lambda n: FixedWindow(n, 1, retry_after=True),
    }
    goal = Goal(1.25, 0.05)
    head("the limit changes", options, "goal of each phase")
    for name, make in makers.items():
        columns = [phases(options, make, latency) for latency in options.latency]
        for number, rate in enumerate(PHASES):
            cells = [
                f"{slow:.2f} · {refused:.1%}{' !' if goal.missed(slow, refused) else ''}"
                for slow, refused in (column[number] for column in columns)
            ]
            say(f"{name}: {rate}/s", *cells, str(goal))


def phases(options: Options, make: Callable[[int], Limiter], latency: float) -> list[tuple[float, float]]:
    """Of each phase the time ÷ ideal and the share of refusals."""
    found: list[list[tuple[float, float]]] = [[] for _ in PHASES]
    for seed in options.seeds:
        chance, starts = random.Random(seed), [0.0]
        for _ in PHASES:
            starts.append(starts[-1] + 60 + 8 * chance.random())
        server = Changing([(start, make(rate)) for start, rate in zip(starts, PHASES, strict=False)])
        run = one(options, Pacer(), server, latency, seed, until=starts[-1])
        for phase, rate, start, end in zip(found, PHASES, starts, starts[1:], strict=False):
            due = rate * (end - start)
            phase.append((due / max(1, run.accepted_between(start, end)), run.refused_between(start, end) / due))
    return [(middle([slow for slow, _ in phase]), middle([refused for _, refused in phase])) for phase in found]


def others(options: Options) -> None:
    """Limits that are no rate, and none at all. A place is taken for the call's whole time."""
    head("no rate limit", options)
    for most in (2, 4, 8):
        cells = []
        for latency in options.latency:
            best = 1000 / min(most, options.workers) * (0.03 + latency)
            done = [one(options, Pacer(), Concurrency(most, 0.03), latency, seed, calls=1000) for seed in options.seeds]
            slow, refused = middle([run.ended_at / best for run in done]), middle([float(run.refused) for run in done])
            cells.append(cell(slow, refused, missed=False))
        say(f"at most {most} calls of 30 ms at once × 1,000", *cells)
    cells = []
    for latency in options.latency:
        run = one(options, Pacer(), Free(), latency, options.seed, calls=20_000)
        cells.append(f"{run.ended_at / (20_000 / options.workers * latency):.3f}")
    say("none × 20,000", *cells)


def growing(options: Options) -> None:
    """Ten thousand calls by a fixed number of workers, and by as many as seem right as the run goes on."""
    makers: dict[str, Callable[[], Limiter]] = {
        "none": Free,
        "told: window 12,000/60 s": lambda: FixedWindow(12_000, 60, "draft"),
        "unknown: window 200/s": window(200),
        "unknown: window 100/s": window(100),
        "unknown: bucket 200/s of 200": bucket(200, 200),
    }
    head("seconds · 429s of 10,000 calls", options)
    for name, make in makers.items():
        for workers in (options.workers, None):
            cells = []
            for latency in options.latency:
                done = [ten_thousand(make(), workers, latency, seed) for seed in options.seeds]
                seconds, refused = middle([run.ended_at for run in done]), middle([float(run.refused) for run in done])
                cells.append(f"{seconds:.1f} · {refused:g}")
            say(f"{name}, by {workers or f'{POLITE} to {MOST}'}", *cells)
        best = (ideal(make(), calls=10_000, latency=latency, workers=MOST) for latency in options.latency)
        say(f"  ideal of {MOST}", *(f"{seconds:.1f}" for seconds in best))


def ten_thousand(server: Limiter, workers: int | None, latency: float, seed: int) -> Run:
    """A run that is long enough for more workers."""
    return drive(Pacer(), server, calls=10_000, latency=latency, workers=workers, seed=seed)


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
            pacer.answered(now, now + 0.0005, 200, headers)
            now += 0.001
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
