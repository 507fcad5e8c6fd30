"""How long a large plan takes to be put in order: needs and parkings, then waves.

    python -m tests.benchmarks.bench_order [--changes 100000] [--runs 3]

The goal is two seconds for 100,000 changes, of any shape. Figures are seconds of one core, the best of the runs, so
that they do not depend on what else the machine does; *all* is the sum.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batch.core.model import Action, AgentId, Change, Channel, Limits, Number, Origin, Reason, Trunk
from batch.core.occupancy import Holder, Seat
from batch.core.order import order
from batch.core.waves import arrange

GOAL = 2.0
"""Seconds for 100,000 changes."""
SEED = 20261124

Targets = Callable[[int], Sequence[int]]
"""For so many trunks, trunk *i* being served by agent *i*: the agent each is to go to."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A sheet of one form; with ``both``, rows ask for two channels, and count as two changes."""

    name: str
    targets: Targets
    both: bool = False


def shuffled(count: int) -> Sequence[int]:
    """Any permutation: some long rings, in no order of rows."""
    agents = list(range(count))
    random.Random(SEED).shuffle(agents)
    return agents


SHAPES = [
    Shape("to free agents", lambda n: range(n, 2 * n)),
    Shape("one chain", lambda n: range(1, n + 1)),
    Shape("one chain, far end first", lambda n: [n, *range(n - 1)]),
    Shape("one ring", lambda n: [*range(1, n), 0]),
    Shape("swaps", lambda n: [min(n, i ^ 1) for i in range(n)]),
    Shape("a shuffle", shuffled),
    Shape("one chain, both channels", lambda n: range(1, n + 1), both=True),
    Shape("swaps, both channels", lambda n: [min(n, i ^ 1) for i in range(n)], both=True),
    Shape("all into one agent", lambda n: [n] * n),
    Shape("a chain into a wall", lambda n: [*range(1, n), n - 1]),
]


def agent(index: int) -> AgentId:
    return AgentId(f"00000000-0000-4000-8000-{index:012d}")


def drafts(shape: Shape, count: int) -> tuple[list[Change], dict[Seat, list[Holder]]]:
    """The changes of a sheet before they are in order, and who holds which seat."""
    channels = tuple(Channel) if shape.both else (Channel.CALL,)
    targets = shape.targets(count // len(channels))
    changes: list[Change] = []
    held: dict[Seat, list[Holder]] = {}
    for row, target in enumerate(targets):
        for channel in channels:
            change = draft(len(changes), row, channel, target)
            changes.append(change)
            held[agent(row), channel] = [change.trunk]
    return changes, held


def draft(id_: int, row: int, channel: Channel, target: int) -> Change:
    stays = row == target
    return Change(
        id=id_,
        trunk=Trunk(Number(f"+49{row:010d}"), channel),
        action=Action.KEEP if stays else Action.ASSIGN,
        reason=Reason.ALREADY_THERE if stays else Reason.DIFFERS,
        before=agent(row),
        after=agent(target),
        origin=Origin("sheet.csv", "", row + 2),
        unit=row,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds for the order and for the waves, and what came of it."""

    ordering: float
    waves: float
    calls: int
    refused: int

    @property
    def both(self) -> float:
        return self.ordering + self.waves


def measure(shape: Shape, count: int) -> Figures:
    """One run; nothing of it is kept, since a larger heap makes the next one slower."""
    changes, held = drafts(shape, count)
    spares = (agent(10 * count), agent(10 * count + 1))
    gc.collect()
    begun = time.process_time()
    ordered = order(changes, held, parking=spares, names={})
    between = time.process_time()
    arrange(ordered.changes, Limits(waves="1,10%"), {})
    ended = time.process_time()
    calls = sum(change.action is not Action.KEEP for change in ordered.changes)
    return Figures(between - begun, ended - between, calls, len(ordered.problems))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the ordering of large plans.")
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    goal = GOAL * options.changes / 100_000
    say(f"{options.changes:,} changes, best of {options.runs}, goal {goal:.1f} s\n")
    say(f"{'shape':<28}{'order':>8}{'waves':>8}{'all':>8}   {'calls':>9}{'refused':>9}")
    for shape in SHAPES:
        best = min((measure(shape, options.changes) for _ in range(options.runs)), key=lambda run: run.both)
        figures = f"{best.ordering:>8.2f}{best.waves:>8.2f}{best.both:>8.2f}   {best.calls:>9,}{best.refused:>9,}"
        say(f"{shape.name:<28}{figures}{'' if best.both <= goal else '  over the goal'}")


if __name__ == "__main__":
    main()
