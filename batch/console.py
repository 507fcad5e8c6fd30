"""What is said to people, as values: a view is lines and grids; nothing is printed here.

On a terminal a view becomes rich renderables, elsewhere plain lines (a grid's cells between tabs). Text from sheets and
from the API is made inert in this one place: no markup, no control characters, no line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch.core.figures import span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from batch.run import Progress

# Control characters move cursors and start escape sequences; direction marks make a line read as another one.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``style`` is one of ``title``, ``good``, ``bad``, ``warn``, ``faint`` or empty."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under a header; ``styles`` colours whole rows by their index."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[str, ...] = ()


Block = Line | Grid
View = tuple[Block, ...]

COPIED = frozenset({"run", "number"})
"""Columns whose cells are copied from the screen, and so are never broken."""

STYLES: Mapping[str, str] = {"title": "bold", "good": "green", "bad": "red", "warn": "yellow", "faint": "dim", "": ""}


def inert(text: str) -> str:
    """The text with everything that could act on a terminal replaced by a mark."""
    return _UNSAFE.sub("�", text.replace("\t", " ").replace("\n", " ").replace("\r", " "))


def plain(view: Sequence[Block]) -> Iterator[str]:
    """The view as lines for a pipe, a file or cron's mail."""
    for block in view:
        match block:
            case Line(text):
                yield inert(text)
            case Grid(header, rows):
                yield "\t".join(header)
                for row in rows:
                    yield "\t".join(inert(cell) for cell in row)


def renderables(view: Sequence[Block]) -> Iterator[RenderableType]:
    """The view as rich renderables for a terminal."""
    from rich.text import Text  # noqa: PLC0415 - rich costs 30 ms and is not needed in a pipe

    for block in view:
        match block:
            case Line(text, style):
                yield Text(inert(text), style=STYLES[style])
            case Grid():
                yield _table(block)


def pairs(*told: tuple[str, str]) -> View:
    """Names and values under each other, the names as wide as the widest; an empty value is left out."""
    shown = [(name, value) for name, value in told if value]
    width = max((len(name) for name, _ in shown), default=0)
    return tuple(Line(f"{name:<{width}}  {value}") for name, value in shown)


def capped(count: int, shown: int, what: str) -> View:
    """The line that says how many more there are, when there are more."""
    return (Line(f"… and {count - shown:,} more {what}", "faint"),) if count > shown else ()


def progress_text(progress: Progress) -> str:
    """``apply 57/300 · 55 done, 2 rejected · 60/min · about 4 min left``."""
    told = ", ".join(f"{count:,} {status.value}" for status, count in progress.counts.items() if count)
    left = f"about {span(progress.eta_seconds)} left" if progress.eta_seconds is not None else ""
    parts = (f"{progress.phase} {progress.done:,}/{progress.total:,}", told, progress.pace, left)
    return " · ".join(part for part in parts if part)


def _table(grid: Grid) -> RenderableType:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in grid.header:
        table.add_column(name, overflow="fold", no_wrap=name in COPIED)
    for row, style in zip(grid.rows, grid.styles or ("",) * len(grid.rows), strict=True):
        table.add_row(*(Text(inert(cell)) for cell in row), style=STYLES[style])
    return table
