"""What the benchmarks share: a stand-in as a process, sheets made from what it holds, and one measured command."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOKEN = "sandbox-token"


@contextmanager
def stand_in(numbers: int, *options: str) -> Iterator[str]:
    """A sandbox process without a limit; gives its base URL."""
    command = [sys.executable, "-m", "batch", "sandbox", "--rate", "none", "--numbers", str(numbers), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


def state(url: str) -> Any:
    """What the stand-in holds."""
    with urllib.request.urlopen(f"{url.removesuffix('/api/v1')}/_sandbox/state") as answer:
        return json.load(answer)


def write_sheet(path: Path, world: Any, changes: int) -> int:
    """One row per trunk, each to another agent than it has; gives how many there are."""
    agents = [agent["uuid"] for agent in world["agents"]]
    place = {agent: index for index, agent in enumerate(agents)}
    moved = [trunk for trunk in world["trunks"] if trunk["agent"]][:changes]
    rows = [
        (trunk["number"], trunk["channel"], agents[(place[trunk["agent"]] + 1 + index % 7) % len(agents)])
        for index, trunk in enumerate(moved)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("number", "channel", "agent_uuid"), *rows])
    return len(rows)


@dataclass(frozen=True, slots=True)
class Measured:
    """One command in a process of its own. ``cpu`` and ``seconds`` in seconds, ``peak`` in MB."""

    code: int
    seconds: float
    cpu: float
    peak: float
    out: str
    err: str

    def summary(self) -> Any:
        """``summary.json`` of the run folder that the command printed."""
        return json.loads((Path(self.out.strip()) / "summary.json").read_text())


def run(arguments: Sequence[str], folder: str, url: str = "") -> Measured:
    """Run ``python -m batch`` and measure it alone, by ``wait4``."""
    environment = {**os.environ, "HOME": folder, "REASSIGN_RUNS_DIR": f"{folder}/runs"}
    if url:
        environment |= {"MIHU_BASE_URL": url, "MIHU_API_TOKEN": TOKEN}
    began = time.perf_counter()
    with Path(folder, "out").open("w+") as out, Path(folder, "err").open("w+") as err:
        command = [sys.executable, "-m", "batch", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        used: resource.struct_rusage = usage
        return Measured(
            process.returncode, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read(), err.read()
        )
