"""Striking at a single system call of the program, with strace: a kill before it is made, or an error in its place.

strace counts the calls of each name by themselves, so a point is a name and a number. The kill comes on entering the
call, so that it is not made; the one after it is the next point.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.chaos.evidence import Evidence, Sitting
from tests.chaos.killer import Killer
from tests.chaos.stand import Stand, Task

STRACE = shutil.which("strace")
WRITES = (
    *("write", "pwrite64", "fdatasync", "fsync", "rename", "unlink"),
    *("mkdir", "ftruncate", "fchmod", "chmod", "sendto"),
)
"""Every call by which the program leaves a trace: on disk, or at the server."""

_LINE = re.compile(r"(?P<pid>\d+) +(?P<at>[\d.]+) +(?P<name>\w+)\((?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a name."""

    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name}-{self.nth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A system call in a trace; ``at`` is wall time, ``rest`` its arguments and result as strace prints them."""

    at: float
    name: str
    rest: str

    @property
    def failed_by_us(self) -> bool:
        return "(INJECTED)" in self.rest


def traced(names: Sequence[str], trace: Path, inject: str = "") -> list[str]:
    """What to put in front of a command line so that calls of these *names* are written to *trace*."""
    assert STRACE is not None
    only = ["-e", f"trace={','.join(names)}", "-e", "signal=none"]
    return [
        STRACE,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-ttt",
        "-o",
        str(trace),
        *only,
        *(["-e", inject] * bool(inject)),
    ]


def read_trace(trace: Path) -> list[Made]:
    """The calls of a trace, in order."""
    found = (_LINE.match(line) for line in trace.read_text(errors="replace").splitlines())
    return [Made(at=float(m["at"]), name=m["name"], rest=m["rest"]) for m in found if m is not None]


def points(made: Sequence[Made]) -> list[Point]:
    """Every point of a trace."""
    seen: Counter[str] = Counter()
    found = []
    for call in made:
        seen[call.name] += 1
        found.append(Point(call.name, seen[call.name]))
    return found


def sample(found: Sequence[Point], count: int, seed: int) -> list[Point]:
    """*count* points, one from each stretch of the run."""
    chance = random.Random(f"points/{seed}")
    bounds = [len(found) * i // count for i in range(count + 1)]
    return [found[chance.randrange(low, max(low + 1, high))] for low, high in pairwise(bounds)]


def undurable(made: Sequence[Made]) -> Iterator[str]:
    """The PUTs that left while something written to the journal was not yet on the disk."""
    waiting = 0
    for call in made:
        on_journal = "journal.sqlite" in call.rest.partition(">")[0]
        if call.name == "pwrite64" and on_journal:
            waiting += 1
        elif call.name in {"fdatasync", "fsync"} and on_journal:
            waiting = 0
        elif call.name == "sendto" and '"PUT ' in call.rest and waiting:
            yield f"a PUT left before {waiting} writes to the journal were on the disk"


@dataclass(slots=True)
class Surgeon:
    """Runs a sheet with one system call spoiled, and then goes on with the run."""

    stand: Stand
    task: Task

    def trace(self, run: str, names: Sequence[str] = WRITES, inject: str = "") -> tuple[Sitting, list[Made]]:
        """A run under strace, to its end, and the calls it made."""
        sheet = self.task.write(self.stand.folder / "sheet.csv")
        path = self.stand.folder / f"{run}.trace"
        before = traced(names, path, inject)
        sitting = self.stand.run("apply", sheet, "--yes", "--run-id", run, *self.task.flags, before=before)
        return sitting, read_trace(path)

    def struck(self, run: str, what: str, point: Point, *, for_good: bool = False) -> tuple[Evidence, list[Made]]:
        """A run in which *what* (``signal=KILL``, ``error=ENOSPC``) happens at *point*, and what came of it.

        ``for_good``: from that point on. Afterwards nothing goes wrong any more, and the run is gone on with.
        """
        since = self.stand.since()
        inject = f"inject={point.name}:{what}:when={point.nth}{'+' if for_good else ''}"
        sitting, made = self.trace(run, inject=inject)
        killer = Killer(self.stand, self.task)
        sheet = self.stand.folder / "sheet.csv"
        after = killer.go_on(run, ("apply", sheet, *self.task.flags), since, [sitting], None)
        evidence = self.stand.evidence(run, self.task, [sitting, after], since)
        return evidence, made


def sent_after_failure(made: Sequence[Made]) -> int:
    """How many PUTs the failing sitting sent after the first call that was made to fail."""
    failed = min((call.at for call in made if call.failed_by_us), default=None)
    left = [call.at for call in made if call.name == "sendto" and '"PUT ' in call.rest]
    return 0 if failed is None else sum(at > failed for at in left)
