"""Plans to be read before somebody says yes, and what their report makes of them."""

from __future__ import annotations

from pathlib import Path

import openpyxl
from msgspec.structs import replace
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.adapters import reports, runs
from batch.adapters.reports.review import Review, review
from batch.adapters.reports.told import tell
from batch.adapters.reports.words import Headline, headline
from batch.core.model import Action, Facts, Problem, Reason, RunRecord
from tests.records import change, kept, origin, record, row

SPARE = 9
PARK = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=SPARE)
OTHER = change(1, of=3, before=1, after=0, needs=(0,))
HOME = change(2, before=SPARE, needs=(0, 1))
REPEATED = row(5, of=3, to=0, duplicate_of={"call": 3})
WRONG = Problem("agent_unknown", origin(4), "agent", "Nobody", "")


def looked(rows=(), changes=(), **more) -> RunRecord:
    """A run of `plan`, or of whatever command is given, that only looked."""
    return record(rows, changes, **{"command": "plan", "whole_run": Reason.AUDIT} | more)


def moving(count: int, **more) -> RunRecord:
    """A plan for *count* rows that move a trunk each."""
    return looked([row(i + 2) for i in range(count)], [change(i, of=i + 2) for i in range(count)], **more)


RING = looked([row(2), row(3, to=0)], [PARK, OTHER, HOME])
CHANGES = [change(0), change(1, of=3, needs=(0,), wave=1), kept(2, of=4), kept(3, of=6, reason=Reason.NOT_EXPECTED)]
ALL_KINDS = looked(
    [
        *(row(2, note="first"), row(3), row(4), REPEATED, row(6)),
        row(7, valid=False, problems=(replace(WRONG, origin=origin(7)),)),
        row(8, selected=False),
    ],
    CHANGES,
)
MANY = moving(5, trunks_total=10)
EMPTIES = moving(5, trunks_total=10, facts=Facts(agents_serving=10, agents_emptied=4))
ELSEWHERE = moving(1, facts=Facts(numbers_asked=10, numbers_missing=9))


def weighed(told: RunRecord) -> Review:
    return review(tell(told))


def said(told: RunRecord) -> Headline:
    return headline(tell(told))


def page(folder: Path, told: RunRecord) -> str:
    reports.write_all(told, folder)
    return (folder / runs.REPORT_HTML).read_text("utf-8")


def opened(folder: Path, told: RunRecord) -> Workbook:
    reports.write_all(told, folder)
    return openpyxl.load_workbook(folder / runs.REPORT_XLSX)


def column(sheet: Worksheet, header: str) -> list[object]:
    """The values of the column under *header*."""
    place = [cell.value for cell in sheet[1]].index(header)
    return [line[place].value for line in sheet.iter_rows(min_row=2)]
