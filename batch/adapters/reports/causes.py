"""Why lines did not end well, and what is wrong with rows, by kind: what a reader wants before the lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from batch.adapters.reports.clean import clean
from batch.adapters.reports.told import Told
from batch.core.again import is_unfinished
from batch.core.model import Problem, Reason, Result, Status
from batch.core.problems import CATALOGUE, Severity, describe
from batch.core.reasons import SENTENCES
from batch.core.results import reason_of, stopped_by

MOST_ROWS = 12
"""Rows named of one cause."""

MOST_OF_KIND = 25
"""Rows named of one kind of problem; the sheet *Problems* of report.xlsx has all of them."""

_HTTP = re.compile(r"^ \((\d+)\)")
_WORST_FIRST = (
    *(Status.UNKNOWN, Status.FAILED, Status.REJECTED, Status.DRIFTED, Status.SKIPPED, Status.INVALID),
    *(Status.DONE, Status.ALREADY),
)
_LEFT = frozenset({Reason.LEFT_SPLIT, Reason.LEFT_IN_PLACE})
"""Reasons of changes that are done, though they should not have stayed so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The lines of one status that have one reason. ``said`` is what was most often added to it."""

    status: str
    code: str
    words: str
    said: str
    count: int
    rows: Sequence[int]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The problems of one kind."""

    title: str
    code: str
    hint: str
    note: bool
    count: int
    first: Sequence[tuple[int, str, str]]


def causes(told: Told) -> list[Cause]:
    """The causes, the worst status first, the most frequent first among equals.

    Rows with problems are told as problems, and what stopped the run as a whole is told of the whole.
    """
    passed_over = {Reason.INVALID_ROW, stopped_by(told.record)}
    if told.looked:
        passed_over.add(Reason.DUPLICATE)  # what repeats a row shares its fate, and nothing has befallen that one yet
    kinds: dict[tuple[Status, Reason], list[Result]] = {}
    for _, line in told.lines:
        reason = reason_of(line)
        if reason in _LEFT or (is_unfinished(line) and reason not in passed_over):
            kinds.setdefault((line.status, reason), []).append(line)
    found = [_cause(status, reason, lines) for (status, reason), lines in kinds.items()]
    return sorted(found, key=lambda cause: (_WORST_FIRST.index(Status(cause.status)), -cause.count))


def _cause(status: Status, reason: Reason, lines: Sequence[Result]) -> Cause:
    rows = list(dict.fromkeys(line.row for line in lines))
    sentence = f"{reason.value}: {SENTENCES[reason]}"
    added = Counter(_HTTP.sub(r"HTTP \1", line.reason.removeprefix(sentence)).strip(" :") for line in lines)
    most, _ = added.most_common(1)[0]
    return Cause(
        status=status.value,
        code=reason.value,
        words=SENTENCES[reason],
        said=clean(f"for instance: {most}" if most and len(added) > 1 else most),
        count=len(lines),
        rows=rows[:MOST_ROWS],
        more=max(len(rows) - MOST_ROWS, 0),
    )


def groups(problems: Iterable[Problem]) -> Iterator[Group]:
    """Problems by kind: errors before notes, the frequent before the rare."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.code, []).append(problem)
    weighed = Counter({code: len(found) for code, found in kinds.items()}).most_common()
    for code, count in sorted(weighed, key=lambda one: CATALOGUE[one[0]].severity is Severity.NOTE):
        kind = CATALOGUE[code]
        yield Group(
            title=kind.title,
            code=code,
            hint=kind.hint,
            note=kind.severity is Severity.NOTE,
            count=count,
            first=[
                (problem.origin.row, clean(problem.column), clean(describe(problem)))
                for problem in kinds[code][:MOST_OF_KIND]
            ],
        )
