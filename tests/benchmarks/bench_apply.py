"""Changes a second of a whole apply – plan, journal, calls, sweep, reports – against the stand-in on the other core.

    python tests/benchmarks/bench_apply.py [CHANGES …]

The stand-in has no limit, so what is measured is our own part. Its process answers on one core while ours works on the
other; where it is the slower one, ``client µs`` (processor time per change) says what ours could do.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEFAULT = (1_000, 20_000)


@contextmanager
def stand_in(numbers: int) -> Iterator[str]:
    """A sandbox process without a limit; gives its base URL."""
    command = [sys.executable, "-m", "batch", "sandbox", "--rate", "none", "--numbers", str(numbers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - ourselves
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


def state(url: str) -> Any:
    """What the stand-in holds."""
    with urllib.request.urlopen(f"{url.removesuffix('/api/v1')}/_sandbox/state") as answer:  # noqa: S310 - loopback
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


def measure(changes: int) -> Sequence[str]:
    """One apply, in its own process."""
    with tempfile.TemporaryDirectory() as folder, stand_in(changes) as url:
        sheet = Path(folder) / "moves.csv"
        count = write_sheet(sheet, state(url), changes)
        environment = {**os.environ, "MIHU_BASE_URL": url, "MIHU_API_TOKEN": "sandbox-token", "HOME": folder}
        more = ["--yes", "--max-change", "100%", "--occupancy", "shared", "--runs-dir", f"{folder}/runs", "-q"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        command = [sys.executable, "-m", "batch", "apply", str(sheet), *more]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        summary = json.loads((Path(done.stdout.strip()) / "summary.json").read_text())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    calls = summary["calls"]["get"] + summary["calls"]["put"]
    return (
        f"{count:,}",
        f"{seconds:.1f}",
        f"{count / seconds:,.0f}",
        f"{cpu / count * 1e6:.0f}",
        f"{calls / count:.3f}",
        f"{after.ru_maxrss / 1024:.0f}",
    )


def main() -> None:
    """Print a table, a line per number of changes."""
    print("changes  seconds  changes/s  client µs  calls/change  peak MB (client)")
    for changes in [int(text) for text in sys.argv[1:]] or DEFAULT:
        print("  ".join(measure(changes)))


if __name__ == "__main__":
    main()
