"""From a grid of text to the table: where the header is, what the columns mean, which rows are blank or ragged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batch.core import columns
from batch.core.model import Origin, Problem, SourceRow, SourceTable
from batch.core.texts import is_blank, trim
from batch.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every row of a sheet from its first one on, title rows included; a ragged row has its own width."""

    rows: Iterable[Sequence[str]]
    sheet: str = ""
    only_sheet: bool = True


def build(grid: Grid, *, file: str, sha256: str, mapping: Mapping[str, str]) -> SourceTable:
    """The table in *grid*; raises :class:`InputError` when there is no header, or a needed column is missing."""
    rows = iter(grid.rows)
    head = list(itertools.islice(rows, columns.HEADER_WITHIN))
    at = columns.locate(head, mapping)
    if at is None:
        at = columns.likeliest(head, mapping)
    place = f"{file} [{grid.sheet}]" if grid.sheet else file
    if at is None:
        raise InputError(f"{place} has no header row, only blank rows", hint="write number, channel, agent on top")
    header = tuple(trim(name) for name in head[at])
    fields = columns.settle(header, mapping, f"{place} row {at + 1}")
    body = _Body(Origin(file, grid.sheet, at + 1), len(header))
    body.take(itertools.chain(head[at + 1 :], rows))
    width = body.used_width(header)
    return SourceTable(
        file=file,
        sheet=grid.sheet,
        sha256=sha256,
        header=header[:width],
        columns=fields,
        rows=tuple(body.trimmed(width)),
        problems=tuple(body.problems),
        blank=body.blank,
        only_sheet=grid.only_sheet,
    )


class _Body:
    """The rows below the header."""

    def __init__(self, header: Origin, width: int) -> None:
        self.header = header
        self.width = width
        self.rows: list[SourceRow] = []
        self.problems: list[Problem] = []
        self.blank = 0

    def take(self, rows: Iterable[Sequence[str]]) -> None:
        file, sheet, width = self.header.file, self.header.sheet, self.width
        for number, cells in enumerate(rows, start=self.header.row + 1):
            if is_blank("".join(cells)):
                self.blank += 1
                continue
            row = SourceRow(Origin(file, sheet, number), tuple(cells))
            self.rows.append(row)
            if len(cells) != width:
                detail = f"{len(cells)} cells where the header has {width}"
                self.problems.append(Problem("ragged_row", row.origin, "", "", detail))

    def used_width(self, header: Sequence[str]) -> int:
        """The width without columns on the right that have neither a header nor a cell with text."""
        named = max((index for index, name in enumerate(header, start=1) if name), default=0)
        if named == len(header):
            return named
        longest = (index for row in self.rows for index, cell in enumerate(row.cells, start=1) if not is_blank(cell))
        return min(len(header), max(named, max(longest, default=0)))

    def trimmed(self, width: int) -> Iterator[SourceRow]:
        if width == self.width:
            return iter(self.rows)
        ragged = {problem.origin for problem in self.problems}
        return (row if row.origin in ragged else SourceRow(row.origin, row.cells[:width]) for row in self.rows)
