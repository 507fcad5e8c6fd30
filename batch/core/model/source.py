"""What comes out of a sheet: rows of text with their places, what they ask for, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from batch.core.model.trunk import AgentId, Channel, Number, Trunk


class Origin(Struct, frozen=True, order=True, gc=False):
    """A place in the input.

    ``row`` is the spreadsheet's own row number (the first line of the file is 1, so a header usually is 1);
    ``sheet`` is empty for a text file.
    """

    file: str
    sheet: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}{f' [{self.sheet}]' if self.sheet else ''} row {self.row}"


class Field(StrEnum):
    """What a column of the input can mean (the input columns of the README)."""

    NUMBER = "number"
    CHANNEL = "channel"
    AGENT = "agent"
    AGENT_UUID = "agent_uuid"
    AGENT_NAME = "agent_name"
    EXPECT = "expect"
    WAVE = "wave"
    NOTE = "note"


class SourceRow(Struct, frozen=True, gc=False):
    """One row as typed: a text per header column, never trimmed, never guessed at."""

    origin: Origin
    cells: tuple[str, ...]


class Problem(Struct, frozen=True, gc=False):
    """One complaint, or one note, about one cell. ``code`` is a key of :data:`batch.core.problems.CATALOGUE`.

    ``related`` names the other rows that the problem is about (the contradicting row, the members of a ring).
    """

    code: str
    origin: Origin
    column: str = ""
    value: str = ""
    detail: str = ""
    related: tuple[Origin, ...] = ()


class SourceTable(Struct, frozen=True, kw_only=True):
    """A sheet as read: rows of text, and which column means what.

    ``columns`` maps a field to its index in ``header``. ``blank`` counts rows without any text, so that
    rows in the file = ``len(rows) + blank``. ``only_sheet`` says that the workbook had no other visible sheet.
    """

    file: str
    sheet: str
    sha256: str
    header: tuple[str, ...]
    columns: Mapping[Field, int]
    rows: tuple[SourceRow, ...]
    problems: tuple[Problem, ...] = ()
    blank: int = 0
    only_sheet: bool = True

    def cell(self, row: SourceRow, what: Field) -> str:
        """The text of one field of a row; empty when the sheet has no such column."""
        index = self.columns.get(what)
        return row.cells[index] if index is not None and index < len(row.cells) else ""


class AgentRef(Struct, frozen=True, gc=False):
    """An agent as a row names it: by uuid, or else by its exact name (NFC). ``column`` is the header it stood under."""

    typed: str
    column: str
    uuid: AgentId | None = None
    name: str = ""


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """A row whose own text makes sense, before live state is known.

    ``channels`` is ``None`` for *all* / *both*: every channel on which the number has a trunk.
    ``assumed_plus`` says that the ``+`` was missing: true only if exactly one live trunk number has those digits.
    """

    origin: Origin
    number: Number
    channels: tuple[Channel, ...] | None
    agent: AgentRef
    expect: AgentRef | None = None
    wave: int | None = None
    note: str = ""
    assumed_plus: bool = False


class Normalised(Struct, frozen=True):
    """The offline half of the judgement: rows that make sense, and every problem of those that do not.

    ``numbers`` are those that could be read of rows which make no sense otherwise.
    """

    requests: tuple[Request, ...]
    problems: tuple[Problem, ...]
    numbers: Mapping[Origin, Number] = field(default_factory=dict)


class Assignment(Struct, frozen=True, kw_only=True, gc=False):
    """One wanted binding. ``origin`` is the first row that asked for it; later rows collapse into it.

    ``unit`` is the place of that row in its table, or of the row it is bound to by a trunk they share.
    """

    trunk: Trunk
    agent: AgentId
    origin: Origin
    unit: int = 0
    expect: AgentId | None = None
    wave: int | None = None
    note: str = ""
