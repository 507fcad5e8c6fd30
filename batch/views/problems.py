"""The problems of a sheet, grouped by kind for people and complete for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from batch.console import Line, View, capped
from batch.core.figures import many, share
from batch.core.model import Problem, SourceTable
from batch.core.problems import CATALOGUE, Severity, describe

MOST_OF_KIND = 5
"""Rows shown of one kind of problem."""
LONGEST_LINE = 200
"""Characters of one problem that are shown; a cell can hold a whole letter."""


def problem_groups(problems: Iterable[Problem], most: int = MOST_OF_KIND) -> View:
    """Problems by kind, the frequent first: how many, what to do, and the first rows of each, *most* of them."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.code, []).append(problem)
    by_weight = sorted(
        groups.items(), key=lambda group: (CATALOGUE[group[0]].severity is Severity.NOTE, -len(group[1]))
    )
    return tuple(block for code, group in by_weight for block in _group(code, group, most))


def _group(code: str, group: Sequence[Problem], most: int) -> Iterator[Line]:
    kind = CATALOGUE[code]
    style = "bad" if kind.severity is Severity.ERROR else "faint"
    yield Line(f"{kind.title} ({code}): {len(group):,} – {kind.hint}", style)
    for problem in group[:most]:
        column = f", {problem.column}" if problem.column else ""
        yield Line(_cut(f"  row {problem.origin.row}{column}: {describe(problem)}"))
    for line in capped(len(group), most, "of this kind"):
        yield Line(f"  {line.text}" if isinstance(line, Line) else "", "faint")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"


def check_view(problems: Sequence[Problem], rows_ok: int, rows: int, blank: int = 0, *, whole: bool = False) -> View:
    """How a sheet fared offline; the *whole* of it, or the first rows of each kind of problem."""
    ending = (
        Line("No problem found offline.", "good")
        if rows_ok == rows
        else Line(f"{many(rows - rows_ok, 'row')} to mend.", "bad")
    )
    empty = f" {many(blank, 'blank row')} {'was' if blank == 1 else 'were'} passed over." if blank else ""
    cut = not whole and any(count > MOST_OF_KIND for count in Counter(problem.code for problem in problems).values())
    return (
        *problem_groups(problems, len(problems) if whole else MOST_OF_KIND),
        *((Line("-v shows every row, --annotate OUT.xlsx marks them all in a copy.", "faint"),) if cut else ()),
        Line(f"{share(rows_ok, rows)} rows can be used.{empty}"),
        ending,
    )


def check_data(table: SourceTable, problems: Sequence[Problem], rows_ok: int) -> Mapping[str, Any]:
    """How a sheet fared offline, complete, for a machine."""
    return {
        "file": table.file,
        "sheet": table.sheet,
        "sha256": table.sha256,
        "rows": len(table.rows),
        "rows_ok": rows_ok,
        "blank": table.blank,
        "problems": [problem_data(problem) for problem in problems],
    }


def problem_data(problem: Problem) -> Mapping[str, Any]:
    """One problem for a machine."""
    kind = CATALOGUE[problem.code]
    return {
        "code": problem.code,
        "severity": kind.severity.value,
        "file": problem.origin.file,
        "sheet": problem.origin.sheet,
        "row": problem.origin.row,
        "column": problem.column,
        "value": problem.value,
        "message": describe(problem),
        "hint": kind.hint,
        "related_rows": [origin.row for origin in problem.related],
    }
