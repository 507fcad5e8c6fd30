"""What did not end well, as a sheet that can be given to ``apply`` as it is: ``failed.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from batch.adapters.reports.results_files import write_csv
from batch.adapters.reports.told import Told
from batch.core.again import Unfinished, unfinished
from batch.core.columns import key, spelt_out


def write_failed(told: Told, file: IO[bytes]) -> None:
    """The input's columns and only the rows that are unfinished, each with the channels still wanted."""
    write_csv(file, input_header(told), (row.cells for row in failures(told)))


def input_header(told: Told) -> tuple[str, ...]:
    """The input's header, so that it is understood without the options that the input needed."""
    plan = told.record.plan
    return spelt_out(plan.header, plan.columns)


def failures(told: Told) -> Iterator[Unfinished]:
    """The rows that did not end well, each with the lines about it."""
    return unfinished(told.lines, told.record.plan)


def reasons(row: Unfinished) -> str:
    """Why a row did not end well; where that differs by channel, by channel."""
    told = dict.fromkeys(f"{line.status.value} – {line.reason}" for line in row.lines)
    if len(told) == 1:
        return next(iter(told))
    return "\n".join(f"{line.channel}: {line.status.value} – {line.reason}" for line in row.lines)


def reason_header(told: Told) -> str:
    """A header for the reasons that is none of the input's: an input can be the failures of an earlier run."""
    taken = {key(name) for name in told.record.plan.header}
    return "reason" if "reason" not in taken else f"reason of {told.record.run_id}"
