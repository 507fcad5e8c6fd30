"""Sheets for people to fill in: the empty one, and the live state to edit.

Number cells are formatted as text before anybody types into them, so that a spreadsheet program keeps the plus sign.
Channels and agents are chosen from lists. The agent that serves a trunk now stands beside the wanted one, in a column
that is no wish, so that an edit shows next to what it replaces. Only the header is protected: a sheet with
more locked cells can neither be sorted nor lose a row.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from batch.adapters.files import replacing, write_private
from batch.adapters.reports.clean import clean
from batch.core.agents import AgentReading, read_agent
from batch.core.columns import PRESENT_AGENT
from batch.core.model import Agent, AgentId, NumberState, Snapshot
from batch.core.texts import trim
from batch.errors import UsageError

COLUMNS = (("number", 20), ("channel", 14), ("agent", 44), (PRESENT_AGENT, 44), ("note", 30))
"""Header and width. *present agent* is no field of the reader's, which tells by it what was not edited."""
NUMBER, CHANNEL, AGENT, PRESENT = range(4)

CHANNELS = ("call", "whatsapp", "both")
SPARE_ROWS = 2000
"""Rows below the last one that have lists too, for rows that people add."""
MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384

NOTES = (
    "One row says: this number, on this channel, is to be served by this agent.",
    "number: in international form with the plus sign, such as +49 30 1234567. The column is formatted as text.",
    "channel: call, whatsapp, or both: every channel on which the number has a trunk.",
    "agent: choose from the list, or write the exact name or the uuid. Of a Name [uuid] the uuid counts.",
    "present agent: who served the trunk when this was made; a row whose agent is the same is taken as not edited.",
    "note: travels into the report.",
    "expect may be added as a column: the agent that must serve the trunk now, else the trunk is left alone.",
    "wave may be added as a column: 1, 2, 3 …, one after the other.",
    "Columns of your own may be added too, and come back in the report.",
    "A row that stays as it is costs nothing: it is reported as already so. A row may be deleted.",
    "Check the sheet with `reassign check FILE`, see what it would do with `reassign plan FILE`.",
)

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    """The live state as rows: those that can be planned as they are, and those that cannot, with the reason."""

    rows: Sequence[Row] = ()
    left_out: Sequence[Row] = ()
    agents: Sequence[str] = ()


def write_template(path: Path) -> None:
    """An empty sheet with a header, lists and notes. Raises UsageError unless *path* ends in ``.xlsx``."""
    _write_workbook(_xlsx(path), _Live())


def write_export(path: Path, snapshot: Snapshot) -> int:
    """The live state as a sheet that plans to nothing until somebody edits it; ``.xlsx`` or ``.csv``.

    Numbers without an agent that could be written into a row are listed on a sheet of their own, with the reason; a
    ``.csv`` leaves them out. Gives how many these are. Raises UsageError for another ending, and for more trunks than
    a sheet has rows.
    """
    live = _live(snapshot)
    if path.suffix.lower() == ".csv":
        _write_csv(path, live.rows)
    elif len(live.rows) >= MAX_ROWS:
        raise UsageError(f"{len(live.rows):,} trunks are more than a sheet has rows", hint="end the name in .csv")
    else:
        _write_workbook(_xlsx(path), live)
    return len(live.left_out)


def agent_labels(agents: Iterable[Agent]) -> dict[AgentId, str]:
    """What to call each agent in a sheet: its name, with the uuid in brackets where the name alone would not do."""
    known = list(agents)
    times = Counter(_plain(agent.name) for agent in known)
    return {
        agent.uuid: agent.name if _stands_alone(agent.name) and times[_plain(agent.name)] == 1 else _with_uuid(agent)
        for agent in known
    }


def _plain(name: str) -> str:
    """A name as names are compared."""
    return unicodedata.normalize("NFC", trim(name))


def _with_uuid(agent: Agent) -> str:
    """Name and uuid, or the uuid alone where a cell cannot hold both: the end of a label is never cut off."""
    label = trim(f"{clean(agent.name)} [{agent.uuid}]")
    return label if clean(label) == label else f"[{agent.uuid}]"


def _stands_alone(name: str) -> bool:
    """Whether a cell with just this name is read as this name, and not as a uuid, a word for nobody or an error."""
    return clean(name) == name and read_agent(name) == AgentReading(name=_plain(name))


# ── the live state as rows ────────────────────────────────────────────────────────────────────────────────────────────


def _live(snapshot: Snapshot) -> _Live:
    labels = agent_labels(snapshot.agents.values())
    rows: list[Row] = []
    left_out: list[Row] = []
    for number in sorted(snapshot.numbers):
        state = snapshot.numbers[number]
        for channel, owner in _bindings(state):
            if owner in labels:
                rows.append((number, channel, labels[owner], labels[owner], ""))
            else:
                left_out.append((number, channel, _why(owner)))
    return _Live(rows=rows, left_out=left_out, agents=sorted(labels.values(), key=str.casefold))


def _bindings(state: NumberState) -> Iterator[tuple[str, AgentId | None]]:
    trunks = state.trunks()
    yield from ((trunk.channel.value, state.owner(trunk.channel)) for trunk in trunks)
    if state.external and not trunks:
        yield "", None


def _why(owner: AgentId | None) -> str:
    return f"served by {owner}, which is not among the agents" if owner else "nobody serves it"


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _xlsx(path: Path) -> Path:
    if path.suffix.lower() != ".xlsx":
        raise UsageError(f"cannot write {path.name}: not a kind of sheet this writes", hint="end its name in .xlsx")
    return path


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(name for name, _ in COLUMNS)
    writer.writerows(rows)
    write_private(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _write_workbook(path: Path, live: _Live) -> None:
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet("Trunks")
        _fill_notes(book, book.add_worksheet("Notes"))
        _fill_left_out(book, live.left_out)
        _fill_trunks(book, sheet, live.rows, _fill_agents(book, live.agents))
    with replacing(path) as file:
        file.write(buffer.getvalue())


def _fill_agents(book: Workbook, agents: Sequence[str]) -> str:
    """The list behind the agents' drop-down, on a hidden sheet: a list in the cell itself ends at 255 characters."""
    if not agents:
        return ""
    sheet = book.add_worksheet("Agents")
    sheet.hide()
    for row, label in enumerate(agents):
        sheet.write_string(row, 0, label)
    return f"=Agents!$A$1:$A${len(agents)}"


def _fill_notes(book: Workbook, sheet: Worksheet) -> None:
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 100, wrap)
    for row, note in enumerate(NOTES):
        sheet.write_string(row, 0, note)


def _fill_left_out(book: Workbook, rows: Sequence[Row]) -> None:
    """Numbers that have no place among the trunks; without a column for agents, the reader passes this sheet over."""
    if not rows:
        return
    sheet = book.add_worksheet("Left out")
    text = book.add_format({"num_format": "@"})
    for index, cells in enumerate((("number", "channel", "why"), *rows)):
        _write_row(sheet, index, cells, [text] * len(cells))
    sheet.set_column(0, 1, 20, text)
    sheet.set_column(2, 2, 70)


def _fill_trunks(book: Workbook, sheet: Worksheet, rows: Sequence[Row], agents: str) -> None:
    text = book.add_format({"num_format": "@", "locked": False})
    told = book.add_format({"num_format": "@", "locked": False, "font_color": "#6b7280"})
    head = book.add_format({"bold": True, "bg_color": "#e5e7eb", "bottom": 1})
    styles = [told if column == PRESENT else text for column in range(len(COLUMNS))]
    sheet.set_column(len(COLUMNS), MAX_COLUMNS - 1, None, text)
    for column, (name, width) in enumerate(COLUMNS):
        sheet.set_column(column, column, width, styles[column])
        sheet.write_string(0, column, name, head)
    for index, cells in enumerate(rows, 1):
        _write_row(sheet, index, cells, styles)
    _add_lists(sheet, min(len(rows) + SPARE_ROWS, MAX_ROWS - 1), agents)
    sheet.ignore_errors({"number_stored_as_text": f"A1:A{MAX_ROWS}"})
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(rows), 1), len(COLUMNS) - 1)
    allowed = ("autofilter", "sort", "format_cells", "format_columns", "insert_rows", "delete_rows", "insert_columns")
    sheet.protect("", dict.fromkeys(allowed, True))  # no password: the lock is against slips, not against people


def _add_lists(sheet: Worksheet, last: int, agents: str) -> None:
    """Drop-downs that warn of another value but let it stand: the reader knows more words than the lists."""
    warn = {"validate": "list", "error_type": "warning", "error_message": "This is not in the list."}
    sheet.data_validation(1, CHANNEL, last, CHANNEL, {**warn, "source": list(CHANNELS)})
    if agents:
        sheet.data_validation(1, AGENT, last, AGENT, {**warn, "source": agents})


def _write_row(sheet: Worksheet, index: int, cells: Row, styles: Sequence[Format]) -> None:
    for column, (cell, style) in enumerate(zip(cells, styles, strict=True)):
        sheet.write_string(index, column, cell, style)
