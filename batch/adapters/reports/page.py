"""``report.html``: one file that works offline, asks nobody for anything, and runs no script but its own.

The lines travel as JSON in columns, with agents and reasons named once, so that 100,000 of them are ready at once. The
page's policy allows exactly its own script and style, by their hashes: whatever a sheet or a server put into a text
stays text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import IO, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from batch.adapters.reports.clean import clean
from batch.adapters.reports.results_files import utf8
from batch.adapters.reports.told import Told
from batch.adapters.reports.words import counted, headline
from batch.core.exits import MEANINGS as EXITS
from batch.core.exits import Exit
from batch.core.model import Problem, Result, Status, Verified
from batch.core.problems import CATALOGUE, Severity, describe
from batch.core.reasons import MEANINGS

MOST_OF_KIND = 25
"""Rows named of one kind of problem; the sheet *Problems* of report.xlsx has all of them."""

_SLIVER = 0.4
"""Per cent of the picture that even one line gets, so that one failure among 100,000 is seen."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One status in the picture of the totals: where it begins, how wide it is (per cent), what it means."""

    status: str
    count: int
    meaning: str
    start: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The problems of one kind."""

    title: str
    code: str
    hint: str
    note: bool
    count: int
    first: Sequence[tuple[int, str, str]]


def write_page(told: Told, file: IO[bytes]) -> None:
    """Fill *file* with the page."""
    script, style = _asset("page.js"), _asset("page.css")
    page = _environment().get_template("page.html.j2")
    said = headline(told)
    stream = page.stream(
        said=said,
        summary=told.summary,
        counted=counted(told.summary.counts),
        slices=_slices(told.summary.counts),
        facts=[(name, clean(value)) for name, value in _facts(told)],
        surprises=told.summary.surprises,
        groups=list(_groups(told.record.plan.problems())),
        total=len(told.lines),
        source=clean(told.record.plan.source.file),
        script=Markup(script),  # noqa: S704 (our own file)
        style=Markup(style),  # noqa: S704 (our own file)
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=Markup(data(told)),  # noqa: S704 (escaped for a script element)
    )
    with utf8(file) as text:
        text.writelines(stream)


def data(told: Told) -> str:
    """The lines as JSON in columns, escaped so that no text can end the script element it stands in."""
    agents, reasons = _Pool(), _Pool()
    lines = [result for _, result in told.lines]
    statuses = list(Status)
    body = {
        "statuses": [status.value for status in statuses],
        "row": [line.row for line in lines],
        "number": [clean(line.number) for line in lines],
        "channel": [clean(line.channel) for line in lines],
        "status": [statuses.index(line.status) for line in lines],
        "agent": [agents.place((line.agent_uuid, line.agent_name)) for line in lines],
        "before": [agents.place((line.before_agent_uuid, line.before_agent_name)) for line in lines],
        "after": [agents.place((line.after_agent_uuid, line.after_agent_name)) for line in lines],
        "reason": [reasons.place(line.reason) for line in lines],
        "how": _sparse(_how(line) for line in lines),
        "note": _sparse(line.note for line in lines),
    }
    body["agents"] = [[clean(uuid), clean(name)] for uuid, name in agents.values]
    body["reasons"] = [clean(reason) for reason in reasons.values]
    return _encode(body).translate(_ESCAPES)


class _Pool:
    """Values that many lines share, each kept once."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self._places.setdefault(value, len(self._places))

    @property
    def values(self) -> Iterable[Any]:
        return self._places


def _sparse(texts: Iterable[str]) -> dict[int, str]:
    return {index: clean(text) for index, text in enumerate(texts) if text}


_SEEN: Mapping[Verified, str] = {
    Verified.SWEEP: "seen in the final look",
    Verified.EACH: "read back",
    Verified.ECHO: "by the server's answer",
}


def _how(line: Result) -> str:
    """The small print of a line: how it came about."""
    parts = []
    if line.attempts > 1:
        parts.append(f"{line.attempts} attempts")
    if line.http_status is not None and line.status not in (Status.DONE, Status.ALREADY):
        parts.append(f"HTTP {line.http_status}")
    if line.verified in _SEEN:
        parts.append(_SEEN[line.verified])
    if line.finished_at:
        parts.append(line.finished_at[11:19] + " UTC")
    return " · ".join(parts)


def _slices(counts: Mapping[Status, int]) -> Iterator[Slice]:
    present = {status: count for status, count in counts.items() if count}
    total = sum(present.values())
    room = 100 - _SLIVER * len(present)
    start = 0.0
    for status, count in present.items():
        width = _SLIVER + room * count / total
        yield Slice(
            status=status.value,
            count=count,
            meaning=MEANINGS[status],
            start=round(start, 3),
            width=round(width, 3),
        )
        start += width


def _groups(problems: Iterable[Problem]) -> Iterator[Group]:
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


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    summary, calls = told.summary, told.summary.calls
    source = told.record.plan.source
    yield "Workspace", summary.workspace
    yield "Input", f"{source.file}{f' · sheet {source.sheet}' if source.sheet else ''} · {summary.rows:,} rows"
    yield "Started", _day(told.record.started_at)
    yield "Took", _span(told)
    yield (
        "Calls",
        f"{calls.put:,} PUT · {calls.get:,} GET · {calls.retried:,} retried · {calls.refused_429:,} refused (429)",
    )
    if summary.pace:
        yield "Pace", " · ".join(f"{name} {value}" for name, value in summary.pace.items())
    if summary.exit_code is not None and summary.exit_code in set(Exit):
        yield "Exit code", f"{summary.exit_code} – {EXITS[Exit(summary.exit_code)]}"
    yield from (("Note", note) for note in summary.notes)
    yield "Plan digest", summary.plan_digest
    yield "Input SHA-256", summary.input_sha256


def _day(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%d %b %Y, %H:%M:%S} UTC"


def _span(told: Told) -> str:
    if told.record.finished_at is None:
        return "not finished"
    seconds = max(told.record.finished_at - told.record.started_at, 0)
    if seconds < 60:  # noqa: PLR2004 (a minute)
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"


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
