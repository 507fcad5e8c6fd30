"""Changes a second of a whole apply – plan, journal, calls, sweep, reports – against the stand-in on the other core.

    python -m tests.benchmarks.bench_apply [CHANGES …]

The stand-in has no limit, so what is measured is our own part. Its process answers on one core while ours works on the
other; where it is the slower one, ``client µs`` (processor time per change) says what ours could do. ``PUTs/s`` is from
the first PUT that arrives to the last: without the start, the plan, the final look and the reports.

Each twice: with as many connections as are opened unasked, and with as many as serve best a server this near. Workers
whose intents share a commit, and whose answers come in one turn of the loop, cost less each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.stand import run, stand_in, state, write_sheet
from tests.benchmarks.watched import control

DEFAULT = (1_000, 20_000)
CONNECTIONS = ("auto", "48")


def measure(changes: int, connections: str) -> str:
    """One apply, as a line of the table."""
    with tempfile.TemporaryDirectory() as folder, stand_in(changes) as url:
        sheet = Path(folder) / "moves.csv"
        count = write_sheet(sheet, state(url), changes)
        more = ["--yes", "--max-change", "100%", "--occupancy", "shared", "-q", "--concurrency", connections]
        done = run(["apply", str(sheet), *more], folder, url)
        assert done.code == 0, done.err
        calls = done.summary()["calls"]
        puts = [entry["mono"] for entry in control(url, "log")["entries"] if entry["method"] == "PUT"]
    rate = len(puts) / (puts[-1] - puts[0])
    per_change = (calls["get"] + calls["put"]) / count
    return (
        f"{count:7,}  {connections:>11}  {done.seconds:7.1f}  {count / done.seconds:9,.0f}  {rate:6,.0f}"
        f"  {done.cpu / count * 1e6:9.0f}  {per_change:12.3f}  {done.peak:7.0f}"
    )


def main() -> None:
    """Print a table, a line per number of changes."""
    print("changes  connections  seconds  changes/s  PUTs/s  client µs  calls/change  peak MB")
    for changes in [int(text) for text in sys.argv[1:]] or DEFAULT:
        for connections in CONNECTIONS:
            print(measure(changes, connections))


if __name__ == "__main__":
    main()
