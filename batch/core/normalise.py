"""From text to meaning, without live state: every row becomes a request, or every reason why it cannot.

A column's cells repeat, so each distinct text is read once. Nothing is dropped: what the reader said of a row (ragged,
merged, hidden) is handed on in :attr:`Normalised.problems`, in row order with what is found here.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import phonenumbers
from msgspec import Struct

from batch.core.agents import AgentReading, read_agent
from batch.core.channels import read_channels
from batch.core.columns import AGENTS
from batch.core.model import (
    AgentRef,
    Channel,
    Field,
    Normalised,
    Number,
    Origin,
    Problem,
    Request,
    SourceRow,
    SourceTable,
)
from batch.core.numbers import read_number
from batch.core.problems import CATALOGUE, Severity, is_error
from batch.core.texts import damage, is_blank, trim
from batch.errors import UsageError

_REMEMBERED = 4_096
"""Numbers kept in mind: those of one migration repeat within a few rows, and a million rows must stay lean."""

_WAVE = re.compile(r"0*([1-9]\d{0,5})(?:[.,]0+)?")


def normalise(table: SourceTable, *, region: str = "") -> Normalised:
    """Read every cell of *table*; *region* (ISO 3166, two letters) is the home of numbers without ``+``.

    A problem's ``value`` is the cell as typed and its ``column`` the header as typed. A row that the reader rejected
    as a whole is not read any further, since its cells may have moved.

    Raises:
        UsageError: *region* is no country.
    """
    reader = _Reader(table, _known(region))
    told: dict[Origin, list[Problem]] = {}
    for problem in table.problems:
        told.setdefault(problem.origin, []).append(problem)
    problems: list[Problem] = []
    requests = tuple(_requests(reader, told, problems))
    return Normalised(requests, tuple(problems), reader.numbers)


def _requests(reader: _Reader, told: dict[Origin, list[Problem]], problems: list[Problem]) -> Iterator[Request]:
    for row in reader.table.rows:
        if told and row.origin in told:
            request = reader.marked_row(row, told[row.origin], problems)
        else:
            request = reader.row(row, problems)
        if request is not None:
            yield request


def _known(region: str) -> str:
    code = region.strip().upper()
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise UsageError(f"--region {region!r} is no country", hint="two letters as in TR, DE, FR, ES, GB, US")
    return code


# ── one cell, or the cells of one meaning ─────────────────────────────────────────────────────────────────────────────

T = TypeVar("T")
Said = tuple[Field, str, str]
"""A field, the code of what is to be said about its cell, and the detail."""


class _Read(Struct, Generic[T], frozen=True, gc=False):
    """What a cell means, and what is to be said about it; ``ok`` is false when an error is among that."""

    value: T
    said: tuple[Said, ...] = ()
    ok: bool = True


def _judged(value: T, *said: Said) -> _Read[T]:
    return _Read(value, said, all(CATALOGUE[code].severity is Severity.NOTE for _, code, _ in said))


def _number(cell: str, region: str) -> _Read[tuple[Number, bool]]:
    reading = read_number(cell, region)
    if reading.number is None:
        return _judged((Number(""), False), (Field.NUMBER, reading.code, reading.detail))
    value = (reading.number, reading.assumed_plus)
    if not reading.repairs:
        return _Read(value)
    return _judged(value, (Field.NUMBER, "number_repaired", f"{reading.number}: {'; '.join(reading.repairs)}"))


def _channels(cell: str) -> _Read[tuple[Channel, ...] | None]:
    reading = read_channels(cell)
    return _judged(None, (Field.CHANNEL, reading.code, reading.detail)) if reading.code else _Read(reading.channels)


def _wave(cell: str) -> _Read[int | None]:
    if is_blank(cell):
        return _Read(None)
    plain = trim(cell)
    wave = _WAVE.fullmatch(plain)
    return _Read(int(wave[1])) if wave else _judged(None, (Field.WAVE, damage(plain) or "wave_malformed", ""))


def read_wave(cell: str) -> int | None:
    """The wave that a cell names; ``None`` when it names none."""
    return _wave(cell).value


def _expect(cell: str, header: str) -> _Read[AgentRef | None]:
    if is_blank(cell):
        return _Read(None)
    reading = read_agent(cell)
    if reading.code:
        return _judged(None, (Field.EXPECT, reading.code, ""))
    return _Read(AgentRef(cell, header, reading.uuid, reading.name))


def _agent(cells: tuple[str, ...], columns: tuple[tuple[Field, str], ...]) -> _Read[AgentRef]:
    """The agent of a row. Of several filled agent cells a uuid leads; none may contradict another of its kind."""
    found = [
        (what, header, cell, read_agent(cell, uuid_only=what is Field.AGENT_UUID))
        for (what, header), cell in zip(columns, cells, strict=True)
        if not is_blank(cell)
    ]
    if not found:
        return _judged(AgentRef("", ""), (columns[0][0], "agent_empty", ""))
    _, header, typed, lead = next((entry for entry in found if entry[3].uuid), found[0])
    name = next((reading.name for *_, reading in found if reading.name), "")
    said = [(what, reading.code, "") for what, _, _, reading in found if reading.code]
    said += _disagreements([(what, cell, reading) for what, _, cell, reading in found])
    return _judged(AgentRef(typed, header, lead.uuid, name), *said)


def _disagreements(found: list[tuple[Field, str, AgentReading]]) -> Iterator[Said]:
    for kind in (operator.attrgetter("uuid"), operator.attrgetter("name")):
        named = [(what, cell, kind(reading)) for what, cell, reading in found if kind(reading)]
        for what, _, agent in named[1:]:
            if agent != named[0][2]:
                yield what, "agent_disagrees", repr(named[0][1])


# ── a row ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Reader:
    """One table's columns, and the texts already read."""

    def __init__(self, table: SourceTable, region: str) -> None:
        self.table = table
        self.numbers: dict[Origin, Number] = {}
        agents = tuple(what for what in AGENTS if what in table.columns)
        named = tuple((what, self._header(what)) for what in agents)
        self.number_at, self.channel_at, self.expect_at, self.wave_at, self.note_at = map(
            self._getter, (Field.NUMBER, Field.CHANNEL, Field.EXPECT, Field.WAVE, Field.NOTE)
        )
        self.agents_at = tuple(map(self._getter, agents))
        self.number = functools.lru_cache(_REMEMBERED)(functools.partial(_number, region=region))
        self.channels = functools.cache(_channels)
        self.agent = functools.cache(functools.partial(_agent, columns=named))
        self.expect = functools.cache(functools.partial(_expect, header=self._header(Field.EXPECT)))
        self.wave = functools.cache(_wave)

    def row(self, row: SourceRow, problems: list[Problem]) -> Request | None:
        """The request of a row, or ``None``; all that is to be said about it goes to *problems*."""
        cells = row.cells
        typed = self.number_at(cells)
        number = self.number(typed)
        channels = self.channels(self.channel_at(cells))
        agent = self.agent(tuple([at(cells) for at in self.agents_at]))
        expect = self.expect(self.expect_at(cells))
        wave = self.wave(self.wave_at(cells))
        for part in (number, channels, agent, expect, wave):
            if part.said:
                problems.extend(self._problem(row, said) for said in part.said)
        read, assumed_plus = number.value
        if not (number.ok and channels.ok and agent.ok and expect.ok and wave.ok):
            if number.ok and not assumed_plus:
                self.numbers[row.origin] = read
            return None
        return Request(
            origin=row.origin,
            number=Number(typed) if read == typed else read,  # one text for both: a million rows must stay lean
            channels=channels.value,
            agent=agent.value,
            expect=expect.value,
            wave=wave.value,
            note=trim(self.note_at(cells)),
            assumed_plus=assumed_plus,
        )

    def marked_row(self, row: SourceRow, told: Sequence[Problem], problems: list[Problem]) -> Request | None:
        """The same for a row of which *told* was said already; a cell refused there is not complained about again."""
        problems.extend(told)
        refused = {problem.column for problem in told if is_error(problem)}
        if "" in refused:
            return None
        found: list[Problem] = []
        request = self.row(row, found)
        problems.extend(problem for problem in found if problem.column not in refused)
        if self._header(Field.NUMBER) in refused:
            self.numbers.pop(row.origin, None)
        return None if refused else request

    def _problem(self, row: SourceRow, said: Said) -> Problem:
        what, code, detail = said
        return Problem(code, row.origin, self._header(what), self.table.cell(row, what), detail)

    def _header(self, what: Field) -> str:
        index = self.table.columns.get(what)
        return "" if index is None else self.table.header[index]

    def _getter(self, what: Field) -> Callable[[tuple[str, ...]], str]:
        index = self.table.columns.get(what)
        return _nothing if index is None else operator.itemgetter(index)


def _nothing(_cells: tuple[str, ...]) -> str:
    """The cell of a column that the sheet does not have."""
    return ""
