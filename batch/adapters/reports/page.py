"""``report.html``: one file that works offline, asks nobody for anything, and runs no script but its own.

The page's policy allows exactly its own script and style, by their hashes: whatever a sheet or a server put into a text
stays text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from batch.adapters.reports.causes import Group, causes, groups
from batch.adapters.reports.clean import clean
from batch.adapters.reports.entries import MEANINGS as VERDICT_MEANS
from batch.adapters.reports.entries import Verdict, verdicts
from batch.adapters.reports.facts import day, facts
from batch.adapters.reports.lines import data
from batch.adapters.reports.results_files import utf8
from batch.adapters.reports.review import review
from batch.adapters.reports.told import Told
from batch.adapters.reports.words import headline
from batch.core.figures import rows_said
from batch.core.reasons import MEANINGS as STATUS_MEANS
from batch.core.results import stopped_by
from batch.core.summary import counted

_SLIVER = 0.4
"""Per cent of the picture that even one line gets, so that one failure among 100,000 is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One status, or verdict of a plan, in the picture of the totals: where it begins, how wide it is (per cent).

    ``planned`` is how many lines were foreseen to end so.
    """

    status: str
    count: int
    meaning: str
    start: float
    width: float
    planned: int


def write_page(told: Told, file: IO[bytes]) -> None:
    """Fill *file* with the page."""
    script, style = _asset("page.js"), _asset("page.css")
    page = _environment().get_template("page.html.j2")
    stream = page.stream(
        said=headline(told),
        summary=told.summary,
        started=day(told.record.started_at),
        source=clean(told.record.plan.source.file),
        counted=counted(told.summary.counts),
        slices=list(_slices(told)),
        facts=list(facts(told)),
        causes=causes(told),
        groups=[(group, _told_once(group)) for group in groups(told.record.plan.problems())],
        total=len(told.lines),
        review=review(told) if told.looked else None,
        parking=VERDICT_MEANS[Verdict.PARK],
        script=Markup(script),  # noqa: S704 (our own file)
        style=Markup(style),  # noqa: S704 (our own file)
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=Markup(data(told)),  # noqa: S704 (escaped for a script element)
    )
    with utf8(file) as text:
        text.writelines(stream)


def _slices(told: Told) -> Iterator[Slice]:
    present = list(_counts(told))
    total = sum(count for _, count, _, _ in present)
    room = 100 - _SLIVER * len(present)
    start = 0.0
    for status, count, meaning, planned in present:
        width = _SLIVER + room * count / total
        yield Slice(
            status=status, count=count, meaning=meaning, start=round(start, 3), width=round(width, 3), planned=planned
        )
        start += width


def _counts(told: Told) -> Iterator[tuple[str, int, str, int]]:
    """What lines there are: status, how many, what that means, how many were foreseen."""
    if told.looked:
        found = verdicts(told)
        yield from (
            (verdict, found[verdict], VERDICT_MEANS[verdict], found[verdict]) for verdict in Verdict if found[verdict]
        )
        return
    whole = stopped_by(told.record) is None
    for status, count in told.summary.counts.items():
        if count:
            yield status, count, STATUS_MEANS[status], told.summary.predicted[status.value] if whole else count


def _told_once(group: Group) -> list[tuple[str, str, str]]:
    """Rows of which the same is said, together: all members of a ring are told of the whole ring."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, column, words in group.first:
        rows.setdefault((column, words), []).append(row)
    return [(rows_said(found).capitalize(), column, words) for (column, words), found in rows.items()]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("batch.adapters.reports", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return files("batch.adapters.reports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
