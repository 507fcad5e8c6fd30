"""What acceptance tests work with: a user's account that runs commands, and the stand-in they speak to."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import selectors
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.builders import HEADER, write_csv
from tests.forks import Forks
from tests.worlds import agent, number

ROOT = Path(__file__).parents[2]
REASSIGN = Path(sys.executable).with_name("reassign")
TOKEN = "sandbox-token"
PATIENCE = 60.0
"""Seconds after which a command that does not end is a failure."""

Trunk = tuple[str, str]
Done = subprocess.CompletedProcess[str]


@dataclass(slots=True)
class Sandbox:
    """A running ``reassign sandbox``."""

    url: str
    process: subprocess.Popen[str]
    first: dict[Trunk, str | None] = field(default_factory=dict)

    def control(self, what: str, body: Any = None, *, method: str = "") -> Any:
        """One control call; see ``batch/sandbox/control.py``."""
        address = f"{self.url.removesuffix('/api/v1')}/_sandbox/{what}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=data, method=method or ("PUT" if data else "GET"))
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def owners(self) -> dict[Trunk, str | None]:
        """Every trunk and its true owner."""
        return {(trunk["number"], trunk["channel"]): trunk["agent"] for trunk in self.control("state")["trunks"]}

    def set_owner(self, trunk: Trunk, owner: str | None) -> None:
        """What somebody does in the panel."""
        self.control("state", {"number": trunk[0], "channel": trunk[1], "agent": owner})

    def moved(self) -> dict[Trunk, str | None]:
        """The trunks that are no longer with their first agent."""
        return {trunk: owner for trunk, owner in self.owners().items() if self.first[trunk] != owner}

    def log(self, method: str = "*") -> list[dict[str, Any]]:
        """The calls since the test began."""
        entries = self.control("log")["entries"]
        return [entry for entry in entries if entry["event"] == "request" and method in ("*", entry["method"])]

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """What goes wrong from now on; see ``batch/sandbox/faults.py``."""
        self.control("faults", {"rules": rules})

    def reset(self) -> None:
        """Everything as it was at first."""
        self.faults()
        keys = ("number", "channel", "agent")
        edits = [dict(zip(keys, (*trunk, self.first[trunk]), strict=True)) for trunk in self.moved()]
        if edits:
            self.control("state", edits)
        self.control("log", method="DELETE")


@contextlib.contextmanager
def sandbox_process(*args: str | Path, folder: Path, rate: str = "none") -> Iterator[Sandbox]:
    """``reassign sandbox`` on a free port; ended by its process id."""
    command = [str(part) for part in (REASSIGN, "sandbox", "--port", "0", "--rate", rate, *args)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = next(lines(process.stdout), "nothing")
        assert told.startswith("listening on "), told
        running = Sandbox(told.removeprefix("listening on "), process)
        running.first = running.owners()
        yield running
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def lines(stream: Any, seconds: float = PATIENCE) -> Iterator[str]:
    """The lines of a pipe as they come; fails when the next one does not come in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            assert selector.select(seconds), f"nothing came within {seconds} s"
            line = stream.readline()
            if not line:
                return
            yield line.rstrip("\n")


@dataclass(slots=True)
class Desk:
    """A user's account: a home folder, an environment, and commands run in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    forks: Forks | None = None
    """What forks its commands; without it each is started as it is installed."""

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "REASSIGN_RUNS_DIR": str(self.runs)}

    @property
    def runs(self) -> Path:
        """Where run folders are kept."""
        return self.folder / "runs"

    def set_up_for(self, sandbox: Sandbox) -> Desk:
        """Set the vendor's three variables."""
        self.environment |= {"MIHU_BASE_URL": sandbox.url, "MIHU_TENANT": "acme", "MIHU_API_TOKEN": TOKEN}
        return self

    def start(self, *args: str | Path, program: Sequence[str | Path] = (REASSIGN,), **more: Any) -> Any:
        """Start a command without waiting for it; one with streams or a program of its own is never a fork."""
        if self.forks is not None and program == (REASSIGN,) and not more:
            return self.forks.start([*map(str, args)], env=self.environment, folder=self.folder)
        command = [str(part) for part in (*program, *args)]
        options = {"env": self.environment, "cwd": self.folder, "text": True, "stdin": subprocess.DEVNULL}
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, **(options | more))

    def __call__(self, *args: str | Path, **more: Any) -> Done:
        """Run a command to its end, with no terminal anywhere."""
        seconds = more.pop("seconds", PATIENCE)
        with self.start(*args, **more) as process:
            try:
                out, err = process.communicate(more.pop("input", None), timeout=seconds)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def sheet(self, *rows: Sequence[str], name: str = "moves.csv", header: Sequence[str] = HEADER, **how: Any) -> Path:
        """A CSV sheet."""
        return write_csv(self.folder / name, [header, *rows], **how)

    def results(self, run: str) -> list[dict[str, str]]:
        """The lines of ``results.csv``."""
        with (self.runs / run / "results.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def statuses(self, run: str) -> dict[Trunk, str]:
        """The status of each line; fails when a (row, channel) is there twice."""
        told = self.results(run)
        keys = [(line["row"], line["channel"]) for line in told]
        assert len(keys) == len(set(keys))
        return {(line["number"], line["channel"]): line["status"] for line in told}

    def summary(self, run: str) -> dict[str, Any]:
        """``summary.json``."""
        found: dict[str, Any] = json.loads((self.runs / run / "summary.json").read_text("utf-8"))
        return found


def broken_off(desk: Desk, sandbox: Sandbox, *command: str | Path, puts: int = 1) -> None:
    """A command that SIGTERM ends after so many writes, which are slow; afterwards the server is quick again."""
    sandbox.faults({"match": {"method": "PUT"}, "do": {"delay": 0.5}})
    with desk.start(*command, "--concurrency", "1") as process:
        until(lambda: len(sandbox.log("PUT")) >= puts)
        process.terminate()
        process.communicate()
    sandbox.faults()


def row(index: int, to: int, channel: str = "call") -> tuple[str, str, str]:
    """A row that gives the index-th number to an agent."""
    return number(index), channel, agent(to)


def rows(count: int, *, to: int = 10, first: int = 0, channel: str = "call") -> list[tuple[str, str, str]]:
    """Rows that give *count* numbers to agents that are free."""
    return [row(first + index, to + index % 10, channel) for index in range(count)]


def wanted(asked: Sequence[tuple[str, str, str]]) -> dict[Trunk, str]:
    """What rows of one channel each ask for."""
    return {(number_, channel): to for number_, channel, to in asked}


def until(true: Any, seconds: float = PATIENCE) -> None:
    """Wait for another process, looking often; time cannot be virtual across processes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
