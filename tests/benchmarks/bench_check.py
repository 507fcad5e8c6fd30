"""Seconds and memory of ``check``, which reads a sheet and judges every row, from a thousand rows to a million.

python -m tests.benchmarks.bench_check [CSV_ROWS …]

The workbooks beside them have a third as many rows at most, since that is what people have.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import xlsxwriter

from tests.benchmarks.stand import run

DEFAULT = (1_000, 10_000, 100_000, 1_000_000)
WORKBOOK_ROWS = 300_000
HEADER = ("number", "channel", "agent_uuid")
AGENTS = [f"10000000-0000-4000-8000-{place:012d}" for place in range(48)]


def rows(count: int) -> Iterator[tuple[str, str, str]]:
    """A number of its own for each row, two channels, a few dozen agents."""
    channels = ("call", "whatsapp")
    return ((f"+9053{i:08d}", channels[i % 2], AGENTS[i % len(AGENTS)]) for i in range(count))


def write_csv(path: Path, count: int) -> None:
    """The rows as text."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows(count)])


def write_workbook(path: Path, count: int) -> None:
    """The rows as text cells."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, cells in enumerate((HEADER, *rows(count))):
            for column, cell in enumerate(cells):
                sheet.write_string(place, column, cell)


def measure(path: Path, count: int) -> str:
    """One check, as a line of the table."""
    done = run(["check", str(path), "-q"], str(path.parent))
    assert done.code == 0, done.err
    size = path.stat().st_size / 1e6
    return f"{count:9,} {path.suffix[1:]:5} {size:6.1f}  {done.seconds:7.2f}  {done.cpu:5.2f}  {done.peak:7.0f}"


def main() -> None:
    """Print a table, a line per sheet."""
    print("     rows file      MB  seconds    cpu  peak MB")
    for count in [int(text) for text in sys.argv[1:]] or DEFAULT:
        with tempfile.TemporaryDirectory() as folder:
            sheet, book = Path(folder) / "moves.csv", Path(folder) / "moves.xlsx"
            write_csv(sheet, count)
            print(measure(sheet, count))
            if count <= WORKBOOK_ROWS * 10:
                cut = min(count, WORKBOOK_ROWS)
                write_workbook(book, cut)
                print(measure(book, cut))


if __name__ == "__main__":
    main()
