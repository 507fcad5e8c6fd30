"""Striking at a single system call of the program, with strace: a kill before it is made, or an error in its place.

strace counts the calls of each name, and of each thread, by themselves, so a point is a name and a number, and is met
by the first thread that gets so far; those on the journal's files, which one thread writes, are counted apart. The kill
comes on entering the call, so that it is not made; the one after it is the next point.
"""

from __future__ import annotations

import math
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
_RESUMED = re.compile(r"(?P<pid>\d+) +(?P<at>[\d.]+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_PATH = re.compile(r"^\d+<([^>]+)>")
_INTENT = re.compile(r'\{\\"before\\":\{\\"number\\":\\"(\+\d+)')
_PUT = re.compile(r'"PUT .*\\"phone_number\\":\\"(\+\d+)')


JOURNAL = ("journal.sqlite", "journal.sqlite-wal")


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a name in one thread; ``journal``: of those on the journal's files."""

    name: str
    nth: int
    journal: bool = False

    def __str__(self) -> str:
        return f"{self.name}-{self.nth}{'-journal' if self.journal else ''}"


@dataclass(slots=True, kw_only=True)
class Made:
    """A system call in a trace; ``at`` and ``done_at`` are wall time, ``rest`` its arguments and result as printed."""

    pid: str
    at: float
    done_at: float
    name: str
    rest: str

    @property
    def journal(self) -> bool:
        """Whether it is about one of the journal's files, under its final name."""
        found = _PATH.search(self.rest)
        return found is not None and found[1].rpartition("/")[2] in JOURNAL

    @property
    def failed_by_us(self) -> bool:
        return "(INJECTED)" in self.rest

    @property
    def on_journal(self) -> bool:
        return "journal.sqlite" in self.rest.partition(">")[0]


def traced(names: Sequence[str], trace: Path, inject: str = "", *, whole: bool = False) -> list[str]:
    """What to put in front of a command line so that calls of these *names* are written to *trace*.

    *whole*: with all the bytes they carry.
    """
    assert STRACE is not None
    # strace passes calls by that it does not trace, but then sends no signals
    fast = [] if "signal=" in inject else ["--seccomp-bpf"]
    how = [STRACE, "-f", *fast, "-qq", "-y", "-ttt", "-o", str(trace), *(["-s", "5000"] * whole)]
    return [*how, "-e", f"trace={','.join(names)}", "-e", "signal=none", *(["-e", inject] * bool(inject))]


def read_trace(trace: Path) -> list[Made]:
    """The calls of a trace, in the order in which they were begun; the two halves of an interrupted line are one."""
    made: list[Made] = []
    begun: dict[tuple[str, str], Made] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if found := _LINE.match(line):
            at = float(found["at"])
            made.append(Made(pid=found["pid"], at=at, done_at=at, name=found["name"], rest=found["rest"]))
            begun[found["pid"], found["name"]] = made[-1]
        elif (found := _RESUMED.match(line)) and (call := begun.get((found["pid"], found["name"]))):
            call.done_at = float(found["at"])
            call.rest += found["rest"]
    return made


def points(made: Sequence[Made]) -> list[Point]:
    """Every point of a trace, in order. Of two threads that get as far as each other, the later cannot be met there."""
    seen: Counter[tuple[str, str, bool]] = Counter()
    found: dict[Point, None] = {}
    for call in made:
        seen[call.pid, call.name, False] += 1
        seen[call.pid, call.name, True] += call.journal
        found.setdefault(Point(call.name, seen[call.pid, call.name, call.journal], call.journal))
    return list(found)


def sample(found: Sequence[Point], count: int, seed: int) -> list[Point]:
    """*count* points, one from each stretch of the run."""
    chance = random.Random(f"points/{seed}")
    bounds = [len(found) * i // count for i in range(count + 1)]
    return [found[chance.randrange(low, max(low + 1, high))] for low, high in pairwise(bounds)]


def undurable(made: Sequence[Made]) -> Iterator[str]:
    """The first PUTs of numbers that left before a sync had ended that began after their intent was written."""
    written: dict[str, float] = {}
    synced = [(call.at, call.done_at) for call in made if call.name in {"fdatasync", "fsync"} and call.on_journal]
    for call in made:
        if call.name == "pwrite64" and call.on_journal:
            for number in _INTENT.findall(call.rest):
                written.setdefault(number, call.done_at)
        elif call.name == "sendto" and (put := _PUT.search(call.rest)):
            noted = written.get(put[1], math.inf)
            if not any(noted <= began and ended <= call.at for began, ended in synced):
                yield f"a PUT for {put[1]} left before its intent was on the disk"


@dataclass(slots=True)
class Surgeon:
    """Runs a sheet with one system call spoiled, and then goes on with the run."""

    stand: Stand
    task: Task

    def trace(
        self,
        run: str,
        names: Sequence[str] = WRITES,
        inject: str = "",
        *,
        whole: bool = False,
        only: Sequence[str] = (),
    ) -> tuple[Sitting, list[Made]]:
        """A run under strace, to its end, and the calls it made; *only* those on these files of its folder."""
        sheet = self.task.write(self.stand.folder / "sheet.csv")
        path = self.stand.folder / f"{run}.trace"
        before = traced(names, path, inject, whole=whole)
        before[1:1] = [part for name in only for part in ("-P", str(self.stand.runs / run / name))]
        # quiet, so that what is said to people does not stand before what is written to files
        args = ("apply", sheet, "--yes", "--quiet", "--run-id", run, *self.task.flags)
        sitting = self.stand.run(*args, before=before)
        return sitting, read_trace(path)

    def struck(self, run: str, what: str, point: Point, *, for_good: bool = False) -> tuple[Evidence, list[Made]]:
        """A run in which *what* (``signal=KILL``, ``error=ENOSPC``) happens at *point*, and what came of it.

        ``for_good``: from that point on. Afterwards nothing goes wrong any more, and the run is gone on with.
        """
        since = self.stand.since()
        inject = f"inject={point.name}:{what}:when={point.nth}{'+' if for_good else ''}"
        sitting, made = self.trace(run, inject=inject, only=JOURNAL if point.journal else ())
        killer = Killer(self.stand, self.task)
        sheet = self.stand.folder / "sheet.csv"
        after = killer.go_on(run, ("apply", sheet, *self.task.flags), since, [sitting], None)
        evidence = self.stand.evidence(run, self.task, [sitting, after], since)
        return evidence, made


def sent_after_failure(evidence: Evidence, made: Sequence[Made]) -> int:
    """How many PUTs of the failing sitting came after the first call that was made to fail."""
    failed = min((call.at for call in made if call.failed_by_us), default=math.inf)
    return sum(put.is_put and put.at > failed and put.mono < evidence.sittings[0].ended_at for put in evidence.log)
