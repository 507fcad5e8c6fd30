"""What the reports of a run cost: seconds to write each, and how soon the page is ready in a browser.

    python -m tests.benchmarks.bench_reports [LINES ...]

Goals for 100,000 lines: the workbook in 12 seconds, the page ready in Chromium in one. Seconds of writing are those of
the processor, so that whatever else the machine is doing does not count.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from batch.adapters.reports import page, results_files, told, workbook
from batch.adapters.reports.told import Told
from tests.browser import browser, chromium
from tests.days import believable

SIZES = (1_000, 10_000, 100_000)
HEADER = ("lines", "tell", "xlsx", "html", "csv", "jsonl", "xlsx", "html", "ready in Chromium")
UNITS = ("", "s", "s", "s", "s", "s", "MB", "MB", "ms")


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Add what the block took, in seconds of the processor."""
    began = time.process_time()
    yield
    into.append(time.process_time() - began)


def written(path: Path, write: Callable[[Told, IO[bytes]], None], lines: Told, into: list[float]) -> float:
    """Write one file; returns its size in MB."""
    with path.open("wb") as file, timed(into):
        write(lines, file)
    return path.stat().st_size / 1e6


def ready(path: Path, folder: Path) -> str:
    """Milliseconds until the page shows its first lines."""
    if chromium() is None:
        return "no Chromium"
    with browser(folder / "profile") as tab:
        tab.open(path)
        return str(tab.run("document.documentElement.dataset.ready"))


def measure(lines: int) -> tuple[str, ...]:
    """One row of the table."""
    record = believable(lines, agents=min(lines // 10, 1000))
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with timed(seconds):
            all_lines = told.tell(record)
        xlsx = written(folder / "x", workbook.write_workbook, all_lines, seconds)
        html = written(folder / "report.html", page.write_page, all_lines, seconds)
        written(folder / "c", results_files.write_results_csv, all_lines, seconds)
        written(folder / "j", results_files.write_results_jsonl, all_lines, seconds)
        shown = ready(folder / "report.html", folder)
    return (f"{len(all_lines.lines):,}", *(f"{s:.2f}" for s in seconds), f"{xlsx:.1f}", f"{html:.1f}", shown)


def main() -> None:
    """Print the table, a line as soon as it is known."""
    sizes = [int(text) for text in sys.argv[1:]] or SIZES
    for line in (HEADER, UNITS, *map(measure, sizes)):
        print("  ".join(f"{cell:>9}" for cell in line), flush=True)


if __name__ == "__main__":
    main()
