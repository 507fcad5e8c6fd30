"""Which agent a cell means: what the cell says, and whom of the workspace it names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import pytest

from batch.core.agents import AgentReading, read_agent
from batch.core.model import Agent, AgentId, AgentRef, Origin, Problem
from batch.core.problems import describe
from batch.core.roster import MOST_NAMED, MOST_SUGGESTIONS, Roster
from tests.plans import uuid

PLACE = Origin("sheet.csv", "", 2)
A, B = uuid("A"), uuid("B")


def roster(*agents: tuple[AgentId, str], status: str = "ready") -> Roster:
    """A workspace of agents by uuid and name."""
    return Roster({id_: Agent(id_, name, status) for id_, name in agents})


def named(name: str, id_: AgentId | None = None) -> AgentRef:
    """An agent cell that says *name*, or a row that says both."""
    return AgentRef(name, "agent", id_, name)


def complaint(found: Agent | Problem) -> Problem:
    assert isinstance(found, Problem)
    return found


def letters(count: int) -> Iterable[AgentId]:
    return (AgentId(f"00000000-0000-4000-8000-{index:012d}") for index in range(count))


# ── what a cell says ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("00000000-0000-4000-8000-00000000000B", id="upper case"),
        pytest.param("0000000000004000800000000000000b", id="no hyphens"),
        pytest.param("{00000000-0000-4000-8000-00000000000b}", id="braces"),
        pytest.param("urn:uuid:00000000-0000-4000-8000-00000000000b", id="urn"),
        pytest.param('="00000000-0000-4000-8000-00000000000b"', id="formula text"),
        pytest.param("\u200e00000000-0000-4000-8000-00000000000b\u00a0", id="unseen characters"),
    ],
)
def test_a_uuid_is_read_in_any_of_its_spellings(text: str) -> None:
    """Uuids compare without case, hyphens and wrapping."""
    assert AgentReading(uuid=AgentId("00000000-0000-4000-8000-00000000000b")) == read_agent(text)


def test_a_label_of_the_export_says_both_uuid_and_name() -> None:
    """An agent whose name alone would not do is listed as ``Name [uuid]``."""
    assert AgentReading(uuid=A, name="Anna [night]") == read_agent(f"Anna [night] [{A}]")


@pytest.mark.parametrize("text", ["Anna", "Anna [night]", "None", "null", "NA"])
def test_anything_else_is_a_name(text: str) -> None:
    """Words that other programs take for *nothing* are names like any other, and so are brackets without a uuid."""
    assert AgentReading(name=text) == read_agent(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "agent_empty", id="empty"),
        pytest.param("\u200b ", "agent_empty", id="unseen characters only"),
        pytest.param("Unassign", "agent_unassign", id="a word for nobody"),
        pytest.param("—", "agent_unassign", id="a dash"),
        pytest.param("#N/A", "cell_error", id="spreadsheet error"),
        pytest.param("2026-11-24 00:00:00", "cell_date", id="date"),
        pytest.param("00000000-0000-4000-8000-00000000000g", "agent_uuid_malformed", id="a wrong letter"),
        pytest.param("00000000-0000-4000-8000-0000000000", "agent_uuid_malformed", id="cut off"),
        pytest.param("urn:uuid:Anna", "agent_uuid_malformed", id="urn of a name"),
        pytest.param("Anna [00000000-0000-4000-8000-0000]", "agent_uuid_malformed", id="cut off in a label"),
    ],
)
def test_a_cell_that_names_no_agent_says_why(text: str, code: str) -> None:
    """A malformed uuid is never looked up as a name, and nobody is no agent."""
    assert AgentReading(code=code) == read_agent(text)


def test_a_column_that_promises_uuids_refuses_names() -> None:
    """In ``agent_uuid`` a name is a mistake, not a name to look up."""
    assert AgentReading(code="agent_uuid_malformed") == read_agent("Anna", uuid_only=True)


# ── whom it names ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_is_exact_but_for_its_unicode_form_and_unseen_ends() -> None:
    """Names compare in NFC; the two forms of ü look the same and are the same."""
    there = roster((A, unicodedata.normalize("NFD", "Müge") + "\u00a0"))
    assert A == there.find(named("Müge"), PLACE).uuid  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["anna", "Änna", "Ann", "Anna  B"])
def test_case_and_accents_of_a_name_count(name: str) -> None:
    """A near miss is never taken for the name."""
    assert "agent_unknown" == complaint(roster((A, "Anna")).find(named(name), PLACE)).code


def test_a_misspelt_name_is_answered_with_the_agents_it_may_mean() -> None:
    """Each candidate is named with its uuid, which can be copied into the sheet."""
    found = complaint(roster((A, "Anna Schmidt"), (B, "Bernd")).find(named("Anna Schmitt"), PLACE))
    assert f"no agent 'Anna Schmitt' in this workspace, did you mean 'Anna Schmidt' ({A})?" == describe(found)


def test_a_name_that_resembles_nothing_is_answered_without_candidates() -> None:
    """A suggestion that is a guess helps nobody."""
    assert "" == complaint(roster((A, "Anna")).find(named("Zoltan"), PLACE)).detail


def test_a_sheet_of_misspelt_names_gets_a_bounded_number_of_suggestions() -> None:
    """Looking for near misses is slow; after some, the sheet is the problem. One that was found is found again."""
    there = roster((A, "Anna 1"))
    names = [f"Anna {index}" for index in range(2, MOST_SUGGESTIONS + 3)]
    details = [complaint(there.find(named(name), PLACE)).detail for name in [*names, names[0]]]
    assert [True] * MOST_SUGGESTIONS + [False, True] == [detail != "" for detail in details]


def test_an_unknown_uuid_is_unknown() -> None:
    """The complaint quotes the cell as typed, and the header it stood under."""
    found = complaint(roster((A, "Anna")).find(AgentRef(B.upper(), "Agent UUID", B), PLACE))
    assert Problem("agent_unknown", PLACE, "Agent UUID", B.upper()) == found


def test_a_name_of_several_agents_is_refused_with_their_uuids_and_statuses() -> None:
    """Ambiguous is refused, never guessed; the candidates can be told apart."""
    there = Roster({A: Agent(A, "Anna", "ready"), B: Agent(B, "Anna")})
    found = complaint(there.find(named("Anna"), PLACE))
    assert ("agent_ambiguous", f"{A} (ready), {B} (no status)") == (found.code, found.detail)


def test_a_thousand_namesakes_are_counted_rather_than_listed() -> None:
    """A report stays readable: ten uuids and how many more there are."""
    found = complaint(roster(*((id_, "Agent") for id_ in letters(1000))).find(named("Agent"), PLACE))
    assert MOST_NAMED == found.detail.count("(ready)")
    assert found.detail.endswith("and 990 more")


def test_a_uuid_with_another_agents_name_beside_it_is_refused() -> None:
    """A row that names two agents is not believed, whichever of the two was edited last."""
    found = complaint(roster((A, "Anna"), (B, "Bernd")).find(named("Bernd", A), PLACE))
    assert f"'Bernd' is another agent than 'Anna' ({A}) in the same row" == describe(found)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        pytest.param("Müge", unicodedata.normalize("NFD", "Müge"), id="other unicode form"),
        pytest.param("Anna", "", id="uuid alone"),
        pytest.param("Anna\x0bB", "Anna␋B", id="a name that no cell can hold"),
    ],
)
def test_a_uuid_with_its_own_name_beside_it_is_that_agent(name: str, typed: str) -> None:
    """The name in a label only has to be the agent's, as far as a sheet can show it."""
    assert A == roster((A, name)).find(named(typed, A), PLACE).uuid  # type: ignore[union-attr]


# ── whether it will answer ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "noted"),
    [("paused", True), ("pending", True), ("ready", False), ("in_progress", False), ("", False), ("invented", False)],
)
def test_an_agent_that_will_not_answer_is_noted(status: str, noted: bool) -> None:
    """Two statuses say that an agent does not answer now; a status that nobody knows says nothing."""
    note = roster().not_ready(Agent(A, "Anna", status), named("Anna"), PLACE)
    assert noted == (note is not None)


def test_the_name_of_an_agent_that_is_not_there_is_empty() -> None:
    """The roster names its own agents only."""
    assert ["Anna", ""] == [roster((A, "Anna")).name(id_) for id_ in (A, B)]
