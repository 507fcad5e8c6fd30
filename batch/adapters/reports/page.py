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

from batch.adapters.reports.causes import causes, groups
from batch.adapters.reports.clean import clean
from batch.adapters.reports.facts import day, facts
from batch.adapters.reports.lines import data
from batch.adapters.reports.results_files import utf8
from batch.adapters.reports.told import Told
from batch.adapters.reports.words import headline
from batch.core.model import Reason, Status
from batch.core.reasons import MEANINGS
from batch.core.results import stopped_by
from batch.core.summary import counted

_SLIVER = 0.4
"""Per cent of the picture that even one line gets, so that one failure among 100,000 is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One status in the picture of the totals: where it begins, how wide it is (per cent), what it means.

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
        groups=list(groups(told.record.plan.problems())),
        total=len(told.lines),
        looked=told.record.whole_run is Reason.AUDIT,
        script=Markup(script),  # noqa: S704 (our own file)
        style=Markup(style),  # noqa: S704 (our own file)
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=Markup(data(told)),  # noqa: S704 (escaped for a script element)
    )
    with utf8(file) as text:
        text.writelines(stream)


def _slices(told: Told) -> Iterator[Slice]:
    whole = stopped_by(told.record) is None
    present = {status: count for status, count in told.summary.counts.items() if count}
    total = sum(present.values())
    room = 100 - _SLIVER * len(present)
    start = 0.0
    for status, count in present.items():
        width = _SLIVER + room * count / total
        yield Slice(
            status=status.value,
            count=count,
            meaning=_meaning(told, status),
            start=round(start, 3),
            width=round(width, 3),
            planned=told.summary.predicted[status.value] if whole else count,
        )
        start += width


def _meaning(told: Told, status: Status) -> str:
    """What a status means here: a run that only looks skips what it would move."""
    if told.record.whole_run is not Reason.AUDIT or status is not Status.SKIPPED:
        return MEANINGS[status]
    all_of_them = told.summary.predicted[Status.DONE.value] == told.summary.counts[status]
    return "would be moved" if all_of_them else "would be moved, or left out on purpose"


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
