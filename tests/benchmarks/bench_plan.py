"""Seconds, memory and calls of ``plan``, start-up and live state included; and how long ``--help`` takes.

python -m tests.benchmarks.bench_plan [ROWS …]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.stand import run, stand_in, state, write_sheet

DEFAULT = (100, 1_000, 10_000, 100_000)


def measure(rows: int) -> str:
    """One plan, as a line of the table."""
    with tempfile.TemporaryDirectory() as folder, stand_in(rows) as url:
        sheet = Path(folder) / "moves.csv"
        count = write_sheet(sheet, state(url), rows)
        done = run(["plan", str(sheet), "--occupancy", "shared", "-q"], folder, url)
        assert done.code == 0, done.err
        calls = done.summary()["calls"]["get"]
    return f"{count:7,}  {done.seconds:7.2f}  {done.cpu:5.2f}  {done.peak:7.0f}  {calls:5,}"


def main() -> None:
    """Print a table, a line per number of rows, and the median of ten starts."""
    print("   rows  seconds    cpu  peak MB  calls")
    for rows in [int(text) for text in sys.argv[1:]] or DEFAULT:
        print(measure(rows))
    with tempfile.TemporaryDirectory() as folder:
        starts = [run(["--help"], folder).seconds for _ in range(10)]
    print(f"--help: median of ten {statistics.median(starts) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
