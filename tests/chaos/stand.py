"""The stage of the proving ground: a stand-in of the API with a log, a user's account, and sheets with what they ask.

The stand-in runs in a thread of the test process, so that a test can strike at an exact moment of its log; the program
runs as processes of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.server import Handle, running
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule, World
from tests.chaos.evidence import Event, Evidence, Owners, Row, Sitting, Trunk, gather, owners_of, read_log
from tests.forks import Child, Forks
from tests.worlds import agent, number, world

ROOT = Path(__file__).parents[2]
TOKEN = "canary-5f2c9e81-token"
PATIENCE = 120.0
"""Seconds after which a process that does not end is a failure."""
NAP = 0.002
PLAIN = ("-m", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A workspace, a sheet, and the flags that the sheet needs there."""

    world: Callable[[], World]
    rows: tuple[Row, ...]
    flags: tuple[str, ...] = ("--max-change", "100%")
    occupancy: Rule = Rule.ALLOW

    def write(self, path: Path) -> Path:
        """The sheet as a CSV; row numbers are as in :attr:`rows`."""
        lines = [f'{row.number},"{",".join(row.channels)}",{row.agent}' for row in self.rows]
        path.write_text("\n".join(["number,channel,agent", *lines, ""]))
        return path


def shared(seed: int, rows: int, *, agents: int = 12) -> Task:
    """Agents serve several numbers; every third number is on both channels, a few trunks are right already."""
    chance = random.Random(f"shared/{seed}")
    trunks = [{"call": i % 8} | ({"whatsapp": (i + 1) % 8} if i % 3 == 0 else {}) for i in range(rows + rows // 5)]
    chosen = sorted(chance.sample(range(len(trunks)), rows))
    wanted = [
        Row(row=place, number=number(i), channels=tuple(trunks[i]), agent=agent(chance.randrange(agents)))
        for place, i in enumerate(chosen, start=2)
    ]
    return Task(world=lambda: world(*trunks, agents=agents), rows=tuple(wanted))


def exclusive(seed: int, rows: int) -> Task:
    """Each agent serves one number: chains that end on a free agent, and rings that need the spare one."""
    chance = random.Random(f"exclusive/{seed}")
    order = list(range(rows))
    chance.shuffle(order)
    target: dict[int, int] = {}
    free = rows
    while order:
        members = [order.pop() for _ in range(min(len(order), chance.randint(2, 6)))]
        ring = len(members) > 2 and chance.random() < 0.5
        for here, there in zip(members, [*members[1:], -1], strict=True):
            target[here] = there if there >= 0 else members[0] if ring else free
        free += not ring
    wanted = [Row(row=i + 2, number=number(i), channels=("call",), agent=agent(target[i])) for i in range(rows)]
    trunks = [{"call": i} for i in range(rows)]
    flags = ("--max-change", "100%", "--occupancy", "exclusive", "--parking-agent", agent(free))
    return Task(world=lambda: world(*trunks, agents=free + 1), rows=tuple(wanted), flags=flags, occupancy=Rule.REFUSE)


@dataclass(slots=True)
class Stand:
    """A running stand-in, and an account on this machine that is set up for it."""

    folder: Path
    handle: Handle
    log_file: Path
    url: str
    python_path: Path = ROOT
    extra: dict[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)
    forks: Forks | None = None
    """Where plain commands come from, so that they start at once; without it each is a new interpreter."""
    pauses: Sequence[float] = ()
    """How long forked commands wait for late writes; without it as long as they do otherwise."""

    # ── the server's side ─────────────────────────────────────────────────────────────────────────────────────────

    def owners(self) -> Owners:
        """Who serves which trunk, as ``/_sandbox/state`` says."""
        address = self.handle.url.removesuffix("/api/v1") + "/_sandbox/state"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return owners_of(json.load(answer))

    def log(self) -> tuple[Event, ...]:
        """Everything decided so far, in that order, once nothing is under way any more."""
        wait_until(lambda: self._lines() >= len(self.handle.log), "the stand-in to come to rest")
        return read_log(self.log_file.read_text().splitlines())

    def _lines(self) -> int:
        return self.log_file.read_bytes().count(b"\n")

    def faults(self, *rules: dict[str, Any], seed: int = 0) -> None:
        """What goes wrong from now on."""
        script = faults.parse({"rules": list(rules), "seed": seed})
        self.handle.do(lambda: self.handle.service.set_script(script))

    def behave(self, **changes: Any) -> None:
        """Other options from now on: latency, occupancy."""
        service = self.handle.service
        self.handle.do(lambda: service.set_options(replace(service.options, **changes)))

    def edit(self, trunk: Trunk, owner: str | None) -> None:
        """Somebody in the panel sets an owner."""
        outside = faults.Outside(number=trunk[0], channel=trunk[1], agent=owner)
        self.handle.do(lambda: self.handle.service.outside(outside))

    # ── the user's side ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs(self) -> Path:
        """Where the runs are kept."""
        return self.folder / "runs"

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process of this account."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(self.python_path),
            "OPENBLAS_NUM_THREADS": "1",  # a hundred starts on two cores are enough to do
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "MIHU_TENANT": "acme",
            "MIHU_BASE_URL": self.url,
            "MIHU_API_TOKEN": TOKEN,
            "REASSIGN_RUNS_DIR": str(self.runs),
            **self.extra,
        }

    def start(self, *args: str | Path, before: Sequence[str] = (), entry: Sequence[str] = PLAIN) -> Process:
        """``python -m batch ARGS`` as a process; *before* is put in front of the command line (strace)."""
        if self.forks is not None and not before and entry == PLAIN:
            return self.fork(*args)
        said = self._paper()
        command = [*before, sys.executable, *entry, *map(str, args)]
        with said.open("wb") as file:
            popen = subprocess.Popen(
                command, env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        self.started.append(Process(popen=popen, command=str(args[0]), said=said))
        return self.started[-1]

    def fork(self, *args: str | Path, kill_at: int | None = None, by: int = signal.SIGKILL) -> Process:
        """The same, from a process that has its imports behind it; see :class:`Forks`."""
        assert self.forks is not None
        said = self._paper()
        command = [*map(str, args)]
        with said.open("wb") as file:
            how = {"said": file.fileno(), "kill_at": kill_at, "by": by, "pauses": self.pauses}
            child = self.forks.start(command, env=self.env, folder=self.folder, **how)
        return Process(popen=child, command=str(args[0]), said=said)

    def _paper(self) -> Path:
        return self.folder / f"said-{time.monotonic_ns()}"

    def run(self, *args: str | Path, before: Sequence[str] = ()) -> Sitting:
        """The same, to its end."""
        return self.start(*args, before=before).end()

    def evidence(self, run: str, task: Task, sittings: Sequence[Sitting], since: Since, **more: Any) -> Evidence:
        """What the checker needs about a run that has ended."""
        log, after = self._at_one_moment()
        return gather(
            self.runs / run,
            rows=more.pop("rows", task.rows),
            log=log[since.events :],
            before=since.owners,
            after=after,
            sittings=tuple(sittings),
            token=TOKEN,
            **more,
        )

    def since(self) -> Since:
        """A mark in the log: a run begins here."""
        log, owners = self._at_one_moment()
        return Since(events=len(log), owners=owners)

    def _at_one_moment(self) -> tuple[tuple[Event, ...], Owners]:
        """The log and the state that it explains: a late write may come between looking at the one and the other."""
        while True:
            log, owners = self.log(), self.owners()
            if len(log) == len(self.handle.log):
                return log, owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """Where a run begins: how many events were before it, and who served what."""

    events: int
    owners: Owners


@dataclass(slots=True, kw_only=True)
class Process:
    """A process of the program."""

    popen: subprocess.Popen[bytes] | Child
    command: str
    said: Path
    signal: int | None = None
    signalled_at: float | None = None

    def send(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.signal is None and self.popen.poll() is None:
            self.signal, self.signalled_at = number, time.monotonic()
        self.popen.send_signal(number)

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def end(self, patience: float = PATIENCE) -> Sitting:
        """Wait for the end; a process that does not end is killed, and the test fails."""
        try:
            code = self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.command} did not end in {patience} s: {self.said.read_text()}") from None
        return Sitting(
            command=self.command,
            exit_code=code,
            output=self.said.read_bytes(),
            killed=code in {-9, 137},
            signal=self.signal,
            signalled_at=self.signalled_at,
            ended_at=time.monotonic(),
        )


@contextlib.contextmanager
def standing(folder: Path, task: Task, *, latency: float = 0.0, **options: Any) -> Iterator[Stand]:
    """A stand-in with *task*'s workspace, and an account in *folder*; *latency* is seconds per call."""
    folder.mkdir(exist_ok=True)
    log_file = folder / "server.jsonl"
    throttle = options.pop("throttle", ThrottleRule(kind="none"))
    options = {"latency": latency, "occupancy": task.occupancy, **options}
    with running(task.world(), Options(token=TOKEN, throttle=throttle, log=log_file, **options)) as handle:
        stand = Stand(folder, handle, log_file, handle.url)
        try:
            yield stand
        finally:
            for process in stand.started:  # a test that failed may have left some that wait for it
                if process.running:
                    process.popen.kill()
                    process.popen.wait(PATIENCE)


def wait_until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Look again and again; what happens in another process tells nobody."""
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(NAP)
