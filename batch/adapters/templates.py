"""Sheets for people to fill in: the empty one, and the live state to edit.

Number cells are formatted as text before anybody types into them, so that a spreadsheet program keeps the plus sign.
Channels and agents are chosen from lists. The agent that serves a trunk now stands in a column of its own that the
reader passes over, so that an edit shows beside what it replaces.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.files import replacing, write_private
from batch.adapters.reports.clean import clean
from batch.core.model import Agent, AgentId, Snapshot
from batch.errors import UsageError

COLUMNS = (("number", 20), ("channel", 14), ("agent", 44), ("note", 30), ("present agent", 44))
"""Header and width. *present agent* is told only: the reader has no field for it."""

CHANNELS = ("call", "whatsapp", "both")
SPARE_ROWS = 2000
"""Rows below the last one that are formatted and have lists too, for rows that people add."""

NOTES = (
    "One row says: this number, on this channel, is to be served by this agent.",
    "number: in international form with the plus sign, such as +49 30 1234567.",
    "channel: call, whatsapp, or both: every channel on which the number has a trunk.",
    "agent: choose from the list. An agent whose name is not unique is listed with its uuid in brackets.",
    "note: travels into the report.",
    "present agent: who serves the trunk now; it is not read.",
    "A row that stays as it is costs nothing: it is reported as already so.",
    "Check the sheet with `reassign check FILE`, see what it would do with `reassign plan FILE`.",
)


def write_template(path: Path) -> None:
    """An empty sheet with a header, lists and notes. Raises UsageError unless *path* ends in ``.xlsx``."""
    _write_workbook(_xlsx(path), (), ())


def write_export(path: Path, snapshot: Snapshot) -> None:
    """The live state as a sheet that plans to nothing until somebody edits it; ``.xlsx`` or ``.csv``."""
    labels = agent_labels(snapshot.agents.values())
    rows = list(_rows(snapshot, labels))
    if path.suffix.lower() == ".csv":
        _write_csv(path, rows)
    else:
        _write_workbook(
            _xlsx(path), rows, [labels[agent] for agent in sorted(labels, key=lambda a: labels[a].casefold())]
        )


def agent_labels(agents: Iterable[Agent]) -> dict[AgentId, str]:
    """What to call each agent in a sheet: its name, with the uuid in brackets where the name alone would not do."""
    known = list(agents)
    times = Counter(agent.name for agent in known)
    return {
        agent.uuid: agent.name
        if _stands_alone(agent.name) and times[agent.name] == 1
        else f"{agent.name} [{agent.uuid}]"
        for agent in known
    }


def _stands_alone(name: str) -> bool:
    """Whether a name survives a sheet: not empty, no space at its ends, nothing a cell cannot hold."""
    return bool(name) and name == name.strip() and clean(name) == name


def _rows(snapshot: Snapshot, labels: dict[AgentId, str]) -> Iterable[tuple[str, ...]]:
    for number in sorted(snapshot.numbers):
        state = snapshot.numbers[number]
        for trunk in state.trunks():
            owner = state.owner(trunk.channel)
            label = labels.get(owner, owner) if owner is not None else ""
            yield (number, trunk.channel.value, label, "", label)


def _xlsx(path: Path) -> Path:
    if path.suffix.lower() != ".xlsx":
        raise UsageError(f"cannot write {path.name}: not a kind of sheet this writes", hint="end its name in .xlsx")
    return path


def _write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(name for name, _ in COLUMNS)
    writer.writerows(rows)
    write_private(path, text.getvalue().encode("utf-8"))


def _write_workbook(path: Path, rows: Sequence[Sequence[str]], agents: Sequence[str]) -> None:
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet("Trunks")
        _fill_notes(book, book.add_worksheet("Notes"))
        _fill_trunks(book, sheet, rows, _fill_agents(book, agents))
    with replacing(path) as file:
        file.write(buffer.getvalue())


def _fill_agents(book: Workbook, agents: Sequence[str]) -> str:
    """The list behind the agents' drop-down, on a hidden sheet: a list in the cell itself ends at 255 characters."""
    if not agents:
        return ""
    sheet = book.add_worksheet("Agents")
    sheet.hide()
    for row, label in enumerate(agents):
        sheet.write_string(row, 0, clean(label))
    return f"=Agents!$A$1:$A${len(agents)}"


def _fill_notes(book: Workbook, sheet: Worksheet) -> None:
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 100, wrap)
    for row, note in enumerate(NOTES):
        sheet.write_string(row, 0, note)


def _fill_trunks(book: Workbook, sheet: Worksheet, rows: Sequence[Sequence[str]], agents: str) -> None:
    text = book.add_format({"num_format": "@", "locked": False})
    told = book.add_format({"num_format": "@", "font_color": "#6b7280"})
    head = book.add_format({"bold": True, "bg_color": "#e5e7eb", "bottom": 1})
    for column, (name, width) in enumerate(COLUMNS):
        sheet.set_column(column, column, width, told if column == len(COLUMNS) - 1 else text)
        sheet.write_string(0, column, name, head)
    for index, cells in enumerate(rows, 1):
        _write_row(sheet, index, cells, text, told)
    last = len(rows) + SPARE_ROWS
    sheet.data_validation(1, 1, last, 1, {"validate": "list", "source": list(CHANNELS)})
    if agents:
        say = {
            "error_type": "warning",
            "error_title": "No such agent",
            "error_message": "This agent is not in the list.",
        }
        sheet.data_validation(1, 2, last, 2, {"validate": "list", "source": agents, **say})
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(rows), 1), len(COLUMNS) - 1)
    # no password: the lock keeps the header and the told column from slips, not from people
    sheet.protect(
        "", {"autofilter": True, "sort": True, "format_columns": True, "insert_rows": True, "delete_rows": True}
    )


def _write_row(sheet: Worksheet, index: int, cells: Sequence[str], text: Format, told: Format) -> None:
    for column, cell in enumerate(cells):
        sheet.write_string(index, column, clean(cell), told if column == len(cells) - 1 else text)
