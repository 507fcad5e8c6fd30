"""What did not end well, as a sheet that can be given to ``apply`` as it is: ``failed.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from batch.adapters.reports.results_files import write_csv
from batch.adapters.reports.told import Told
from batch.core.again import unfinished_rows
from batch.core.columns import key
from batch.core.results import GOOD


def write_failed(told: Told, file: IO[bytes]) -> None:
    """The input's columns and only the rows that are unfinished, as typed, each with the channels still wanted."""
    rows = (cells for _, cells in unfinished_rows(told.record))
    write_csv(file, told.record.plan.header, rows)


def failures(told: Told) -> Iterator[tuple[tuple[str, ...], str]]:
    """The same rows, each with the reasons of its lines."""
    reasons: dict[int, list[str]] = {}
    for row, result in told.lines:
        if result.status not in GOOD:
            where = f"{result.channel}: " if len(row.channels) > 1 else ""
            reasons.setdefault(result.row, []).append(f"{where}{result.status.value} – {result.reason}")
    for origin, cells in unfinished_rows(told.record):
        yield cells, "\n".join(reasons.get(origin.row, ()))


def reason_header(told: Told) -> str:
    """A header for the reasons that is none of the input's: an input can be the failures of an earlier run."""
    taken = {key(name) for name in told.record.plan.header}
    return "reason" if "reason" not in taken else f"reason of {told.record.run_id}"
