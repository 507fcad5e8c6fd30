r"""The files for machines: ``results.csv``, ``results.jsonl``, ``summary.json``.

CSV is RFC 4180 in UTF-8 without a mark, and unescaped: a number begins with ``+``, and a formula in a cell is as it was
typed. Half a character, which UTF-8 cannot hold, is written as ``\udXXX`` in all of them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import IO, Any

from msgspec import to_builtins

from batch.adapters.reports.told import Told, problem_json
from batch.core.encode import number_to_json
from batch.core.json_text import encode
from batch.core.model import Number, NumberState, PlanRow, Result
from batch.core.summary import to_json

COLUMNS = Result.__struct_fields__
_values = attrgetter(*COLUMNS)


def write_results_csv(told: Told, file: IO[bytes]) -> None:
    """One line per (row, channel), under the columns of the README."""
    write_csv(file, COLUMNS, map(_values, (result for _, result in told.lines)))


def write_results_jsonl(told: Told, file: IO[bytes]) -> None:
    """The same lines as JSON, each with the number as it was before and after, and the problems of its row."""
    file.writelines(encode(_body(told, row, result)) + b"\n" for row, result in told.lines)


def write_summary(told: Told, file: IO[bytes]) -> None:
    """The figures of the run."""
    with utf8(file) as text:
        json.dump(to_json(told.summary), text, ensure_ascii=False, indent=1)
        text.write("\n")


def write_csv(file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A header and rows as RFC 4180 wants them."""
    with utf8(file) as text:
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def utf8(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """Text for a binary file that stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="", write_through=False)
    try:
        yield text
        text.flush()
    finally:
        text.detach()


def _body(told: Told, row: PlanRow, result: Result) -> dict[str, Any]:
    body: dict[str, Any] = to_builtins(result)
    number = Number(result.number)
    body["before"] = _picture(told.record.befores.get(number))
    body["after"] = _picture(told.record.afters.get(number))
    body["problems"] = [problem_json(problem) for problem in row.problems]
    return body


def _picture(state: NumberState | None) -> dict[str, Any] | None:
    return None if state is None else number_to_json(state)
