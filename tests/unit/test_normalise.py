"""From rows of text to requests, and every reason why a row cannot be one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.agents import AgentReading, read_agent
from batch.core.model import (
    AgentId,
    AgentRef,
    Channel,
    Field,
    Normalised,
    Number,
    Origin,
    Problem,
    Request,
    SourceTable,
)
from batch.core.normalise import normalise
from batch.errors import UsageError
from tests.builders import HEADER, NUMBER, UUID, table

WIDE = (*HEADER, "expect", "wave", "note", "city")
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def one(*cells: str, header: tuple[str, ...] = HEADER) -> Request:
    """The request of a good row, without any problem."""
    found = normalise(table(cells, header=header))
    assert () == found.problems
    return found.requests[0]


def said(source: SourceTable, *, region: str = "") -> list[tuple[int, str, str]]:
    """Row, code and column of every problem."""
    return [(p.origin.row, p.code, p.column) for p in normalise(source, region=region).problems]


def agent_cells(*cells: str, header: tuple[str, ...]) -> Normalised:
    return normalise(table((NUMBER, "call", *cells), header=("number", "channel", *header)))


# ── a good row ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_row_becomes_a_request() -> None:
    """Every column that means something is read; the others travel with the row."""
    request = one(NUMBER, "wa, call", UUID.upper(), "Ali Veli", "2", " as agreed ", "Ankara", header=WIDE)
    assert (
        Request(
            origin=Origin("sheet.csv", "", 2),
            number=Number(NUMBER),
            channels=(Channel.CALL, Channel.WHATSAPP),
            agent=AgentRef(UUID.upper(), "agent", AgentId(UUID)),
            expect=AgentRef("Ali Veli", "expect", None, "Ali Veli"),
            wave=2,
            note="as agreed",
        )
        == request
    )


def test_columns_that_are_empty_or_not_there_ask_for_nothing() -> None:
    """Only number, channel and agent must be filled."""
    without = one(NUMBER, "all", "Ali")
    empty = one(NUMBER, "all", "Ali", "", " ", "", "", header=WIDE)
    assert (None, None, "", None) == (without.expect, without.wave, without.note, without.channels)
    assert without == empty


@pytest.mark.parametrize("name", ["NA", "N/A", "null", "None", "nan", "007", "1e5", "TRUE", "0", "1.0", "inf", "Nil"])
def test_an_agents_name_is_a_text_whatever_it_looks_like(name: str) -> None:
    """Tools that read sheets are fond of turning these into nothing or into numbers."""
    assert AgentRef(name, "agent", None, name) == one(NUMBER, "call", name).agent


def test_one_line_spelled_four_ways_is_one_number() -> None:
    """It is the number that is one trunk, not its spelling."""
    spelled = (NUMBER, "0090 532 123 45 67", "\u202a+90\u00a0532-123-45-67\u202c", '="905321234567"')
    found = normalise(table(*((text, "call", "Ali") for text in spelled)))
    assert {NUMBER} == {request.number for request in found.requests}
    assert 4 == len(found.requests)
    assert ["number_repaired"] * 3 == [problem.code for problem in found.problems]
    assert [False, False, False, True] == [request.assumed_plus for request in found.requests]


def test_a_repair_is_told_with_the_number_and_what_was_done() -> None:
    """Nothing is changed in silence."""
    found = normalise(table(("'+90 532 123 45 67", "call", "Ali")))
    detail = f"{NUMBER}: the leading apostrophe removed"
    assert (
        Problem("number_repaired", Origin("sheet.csv", "", 2), "number", "'+90 532 123 45 67", detail),
    ) == found.problems


def test_a_region_is_the_home_of_numbers_without_plus() -> None:
    """In any case; it is the user who says so."""
    assert NUMBER == normalise(table(("0532 123 45 67", "call", "Ali")), region=" tr ").requests[0].number


def test_a_region_that_is_no_country_is_a_usage_error() -> None:
    """A slip here would read every number of the sheet wrongly."""
    with pytest.raises(UsageError, match="'XX' is no country"):
        normalise(table(), region="XX")


# ── complaints ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_complaint_about_a_row_is_made_at_once() -> None:
    """A person mends a sheet once, not once per error."""
    source = table(("112", "sms", "", "#N/A", "soon", "", ""), header=WIDE)
    expected = [("number_short", "number"), ("channel_elsewhere", "channel"), ("agent_empty", "agent"),
                ("cell_error", "expect"), ("wave_malformed", "wave")]  # fmt: skip
    assert [(2, code, column) for code, column in expected] == said(source)
    assert () == normalise(source).requests


def test_a_complaint_has_the_cell_and_the_header_as_typed() -> None:
    """So that a person finds them again."""
    source = table((NUMBER, " Whatsap ", "Ali"), header=("Telefon", "KANAL", "agent"))
    detail = "did you mean 'whatsapp'"
    assert (Problem("channel_unknown", Origin("sheet.csv", "", 2), "KANAL", " Whatsap ", detail),) == normalise(
        source
    ).problems


def test_good_rows_are_read_although_others_are_bad() -> None:
    """Each row is judged alone, and stays in its place."""
    found = normalise(table((NUMBER, "call", "Ali"), ("", "", ""), (NUMBER, "wa", "Ali")))
    assert [2, 4] == [request.origin.row for request in found.requests]
    assert {3} == {problem.origin.row for problem in found.problems}


@pytest.mark.parametrize(
    ("typed", "wave"), [("1", 1), ("02", 2), (" 3 ", 3), ("4.0", 4), ("5,00", 5), ("999999", 999_999), ("", None)]
)
def test_a_wave_is_a_whole_number_from_one(typed: str, wave: int | None) -> None:
    """As a spreadsheet writes whole numbers."""
    assert wave == one(NUMBER, "call", "Ali", "", typed, "", "", header=WIDE).wave


@pytest.mark.parametrize("typed", ["0", "-1", "1.5", "first", "1e3", "12345678", "²"])
def test_any_other_wave_is_refused(typed: str) -> None:
    """A wave that is misread would send a row too early."""
    source = table((NUMBER, "call", "Ali", "", typed, "", ""), header=WIDE)
    assert [(2, "wave_malformed", "wave")] == said(source)


@pytest.mark.parametrize(
    ("typed", "code"), [("2024-05-01 00:00:00", "cell_date"), ("1-2", "cell_date"), ("TRUE", "cell_boolean")]
)
def test_a_wave_that_a_spreadsheet_has_changed_is_called_what_it_is(typed: str, code: str) -> None:
    """The person typed something else, and sees something else on the screen."""
    assert [(2, code, "wave")] == said(table((NUMBER, "call", "Ali", "", typed, "", ""), header=WIDE))


def test_an_expected_agent_that_means_nobody_is_refused() -> None:
    """The server knows no trunk without an agent that could be told from an unknown one."""
    source = table((NUMBER, "call", "Ali", "unassign", "", "", ""), header=WIDE)
    assert [(2, "agent_unassign", "expect")] == said(source)


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (f"Ali Veli [{UUID}]", "Ali Veli"),
        (f"Ali [Berlin] [{UUID.upper()}]", "Ali [Berlin]"),
        (f"[{{{UUID}}}]", ""),
        (f"two\nlines [{UUID}] ", "two\nlines"),
        (f"no space[{UUID}]", "no space"),
        (f"{OTHER} [{UUID}]", OTHER),
        (f"Ali ({UUID.upper()})", "Ali"),
        (f"Ali (Berlin) ({UUID})", "Ali (Berlin)"),
        (f"Ali ({OTHER}) [{UUID}]", f"Ali ({OTHER})"),
    ],
    ids=[
        "name",
        "brackets in the name",
        "no name",
        "two lines",
        "no space",
        "a uuid as name",
        "round brackets",
        "round brackets in the name",
        "both brackets",
    ],
)
@pytest.mark.parametrize("uuid_only", [False, True], ids=["agent", "agent_uuid"])
def test_of_a_name_with_a_uuid_the_uuid_leads(cell: str, name: str, *, uuid_only: bool) -> None:
    """Such labels come from the lists of an export, and from messages; the name is for the eye."""
    assert AgentReading(uuid=AgentId(UUID), name=name) == read_agent(cell, uuid_only=uuid_only)


@pytest.mark.parametrize("cell", ["unassign", " No  agent ", "YOK", "SİL", "kaldir", "boş", "Keiner", "nobody", "—"])
def test_a_word_for_nobody_is_no_agent(cell: str) -> None:
    """The API has no call for it, in no language."""
    assert AgentReading(code="agent_unassign") == read_agent(cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("Ali [Berlin]", "Ali []", "[x]", "Ali [1-2]", f"Ali [{UUID}] old"),
        *("Ali (Berlin)", "Ali ()", f"Ali ({UUID[:-1]})", f"Ali ({UUID}) old"),
    ],
)
def test_other_brackets_are_part_of_a_name(cell: str) -> None:
    """Names are free text."""
    assert AgentReading(name=cell) == read_agent(cell)


@pytest.mark.parametrize("cell", [f"Ali [{UUID[:-1]}]", f"Ali [{UUID[:-1]}g]", UUID[:-1], "urn:uuid:1", f"{UUID}0"])
def test_a_uuid_with_a_slip_is_no_name(cell: str) -> None:
    """Looked up as a name it would only be called unknown."""
    assert AgentReading(code="agent_uuid_malformed") == read_agent(cell)


@pytest.mark.parametrize(
    ("cells", "uuid", "name", "column"),
    [
        ((UUID, "Ali"), UUID, "Ali", "agent_uuid"),
        (("", "Ali"), None, "Ali", "agent_name"),
        ((UUID, ""), UUID, "", "agent_uuid"),
        ((UUID, f"Ali [{UUID}]"), UUID, "Ali", "agent_uuid"),
    ],
    ids=["both", "name only", "uuid only", "label"],
)
def test_a_uuid_leads_and_a_name_may_stand_beside_it(
    cells: tuple[str, str], uuid: str | None, name: str, column: str
) -> None:
    """``results.csv`` has both columns, and is an input too."""
    found = agent_cells(*cells, header=("agent_uuid", "agent_name"))
    assert () == found.problems
    agent = found.requests[0].agent
    assert (uuid, name, column) == (agent.uuid, agent.name, agent.column)


def test_a_uuid_leads_in_whichever_column_it_stands() -> None:
    """People put it into the column for names, too."""
    found = agent_cells("Ali", UUID, header=("agent", "agent_name"))
    assert (UUID, "Ali", "agent_name") == (
        found.requests[0].agent.uuid, found.requests[0].agent.name, found.requests[0].agent.column
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ((UUID, OTHER), ("agent_disagrees", "agent_name", repr(UUID))),
        ((f"Ali [{UUID}]", "Veli"), ("agent_disagrees", "agent_name", repr(f"Ali [{UUID}]"))),
        (("Ali", "Ali"), ("agent_uuid_malformed", "agent_uuid", "")),
        (("", " "), ("agent_empty", "agent_uuid", "")),
        (("", '=""'), ("agent_empty", "agent_name", "")),
        (("", "detach"), ("agent_unassign", "agent_name", "")),
        (("", "#REF!"), ("cell_error", "agent_name", "")),
        (("", "2026-02-01 00:00:00"), ("cell_date", "agent_name", "")),
    ],
    ids=["two uuids", "two names", "name as uuid", "empty", "empty text", "nobody", "error", "date"],
)
def test_agent_columns_that_do_not_name_one_agent_are_refused(
    cells: tuple[str, str], complaint: tuple[str, str, str]
) -> None:
    """None of them is preferred in silence."""
    found = agent_cells(*cells, header=("agent_uuid", "agent_name"))
    assert () == found.requests
    assert [complaint] == [(p.code, p.column, p.detail) for p in found.problems]


# ── what the reader said ──────────────────────────────────────────────────────────────────────────────────────────────


def with_problem(
    code: str, row: int = 3, column: str = "", cells: tuple[str, ...] = (NUMBER, "call", "")
) -> SourceTable:
    source = table((NUMBER, "call", "Ali"), cells, (NUMBER, "wa", "Ali"))
    return replace(source, problems=(Problem(code, Origin("sheet.csv", "", row), column),))


def test_a_row_rejected_as_a_whole_is_not_read_any_further() -> None:
    """Its cells may have moved, so what stands in them says nothing."""
    source = with_problem("ragged_row")
    assert [(3, "ragged_row", "")] == said(source)
    assert [2, 4] == [request.origin.row for request in normalise(source).requests]


def test_a_cell_refused_by_the_reader_is_complained_about_once() -> None:
    """A merged cell is empty, but that is not what is wrong with it; the other cells are judged as ever."""
    source = with_problem("cell_merged", column="agent", cells=("112", "call", ""))
    assert [(3, "cell_merged", "agent"), (3, "number_short", "number")] == said(source)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("+49 30 1234567", "cal", "Ali"), ["+49301234567"]),
        (("49301234567", "cal", "Ali"), []),
        (("?", "call", "A"), []),
    ],
    ids=["read", "only assumed", "no number"],
)
def test_the_number_of_a_row_that_makes_no_sense_otherwise_is_kept(cells: tuple[str, ...], numbers: list[str]) -> None:
    """It is what the row is given back with, to be mended."""
    assert numbers == [*normalise(table(cells)).numbers.values()]


def test_a_number_in_a_refused_cell_is_none() -> None:
    """Nobody sees it in the sheet."""
    source = with_problem("cell_merged", column="number", cells=(NUMBER, "cal", "Ali"))
    assert NUMBER not in {number for origin, number in normalise(source).numbers.items() if origin.row == 3}


def test_a_row_with_a_refused_cell_makes_no_request() -> None:
    """Even when the cell could do without a value: a merged *expect* means something."""
    source = with_problem("cell_merged", column="agent", cells=(NUMBER, "call", "Ali"))
    assert [2, 4] == [request.origin.row for request in normalise(source).requests]


def test_a_row_that_is_only_noted_is_a_row() -> None:
    """A hidden row is read like any other, and said to be hidden."""
    source = with_problem("row_hidden", cells=(NUMBER, "call", "Ali"))
    assert [2, 3, 4] == [request.origin.row for request in normalise(source).requests]
    assert [(3, "row_hidden", "")] == said(source)


def test_what_the_reader_said_of_no_row_is_not_repeated() -> None:
    """It stands in the table, and is told from there."""
    assert [] == said(with_problem("sheets_passed_over", row=1, cells=(NUMBER, "call", "Ali")))


def test_columns_are_found_by_their_field_not_their_place() -> None:
    """A sheet has its columns in any order."""
    source = table(("Ali", "Ankara", "call", NUMBER), header=("agent", "city", "channel", "number"))
    assert {Field.AGENT: 0, Field.CHANNEL: 2, Field.NUMBER: 3} == source.columns
    assert NUMBER == normalise(source).requests[0].number
