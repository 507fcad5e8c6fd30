"""Rows against live state: one assignment per (number, channel), and every row with what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from batch.core.expand import Expanded, expand
from batch.core.model import Normalised, Origin, Problem, SourceRow
from batch.core.normalise import normalise
from batch.core.problems import MOST_RELATED, describe
from tests.builders import HEADER, table
from tests.plans import agents, bought, codes, expanded, live, number, related, state, uuid, want

WITH_EXPECT = (*HEADER, "expect")
BOTH = {"call": "A", "whatsapp": "B"}


def wanted(found: Expanded) -> list[tuple[str, str, str]]:
    """Every assignment: number, channel, agent."""
    return [(a.trunk.number, a.trunk.channel.value, a.agent) for a in found.assignments]


def said(found: Expanded) -> list[list[str]]:
    """The problems and notes of each row, by code."""
    return [codes(row) for row in found.rows]


def units(found: Expanded) -> list[tuple[str, int]]:
    return [(a.trunk.channel.value, a.unit) for a in found.assignments]


# ── which trunks a row means ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_of_two_channels_is_two_assignments_of_one_unit() -> None:
    """Each (number, channel) is an assignment of its own, and the row binds them."""
    found = expanded([want(0, "call,whatsapp", "C")], live(BOTH))
    assert [(number(0), "call", uuid("C")), (number(0), "whatsapp", uuid("C"))] == wanted(found)
    assert [("call", 0), ("whatsapp", 0)] == units(found)


@pytest.mark.parametrize("word", ["all", "both"])
@pytest.mark.parametrize(
    ("bindings", "channels"),
    [
        pytest.param(BOTH, ["call", "whatsapp"], id="both are bound"),
        pytest.param({"call": "A", "whatsapp": None}, ["call"], id="only call is bound"),
        pytest.param({"whatsapp": "A", "sms": "A"}, ["whatsapp"], id="sms is not a trunk channel"),
    ],
)
def test_all_means_every_channel_on_which_the_number_has_a_trunk(
    word: str, bindings: dict[str, str | None], channels: list[str]
) -> None:
    """The live state says which channels *all* and *both* are, and the row is shown with them."""
    found = expanded([want(0, word, "C")], live(bindings))
    assert channels == [channel for _, channel, _ in wanted(found)]
    assert tuple(channels) == found.rows[0].channels


def test_a_channel_without_a_trunk_is_a_problem_of_its_row() -> None:
    """A number with one bound channel has no trunk on the other; the whole row is wrong, not only that channel."""
    found = expanded([want(0, "call,whatsapp", "C")], live({"call": "A", "whatsapp": None}))
    assert [["no_such_trunk"]] == said(found)
    assert ("whatsapp", False, []) == (found.rows[0].problems[0].detail, found.rows[0].valid, wanted(found))


def test_a_channel_that_is_named_is_believed_when_none_is_bound() -> None:
    """An external number that nobody serves has a trunk on some channel: the row says on which."""
    there = live({"call": None, "whatsapp": None})
    assert [(number(0), "call", uuid("C"))] == wanted(expanded([want(0, "call", "C")], there))


def test_all_of_a_number_that_nobody_serves_is_refused() -> None:
    """*all* cannot say which channel is meant, so it is refused; the row is shown with what was typed."""
    found = expanded([want(0, "All", "C")], live({"call": None}))
    assert [["nobody_serves"]] == said(found)
    assert ("channel", ("All",)) == (found.rows[0].problems[0].column, found.rows[0].channels)


def test_a_number_that_the_workspace_does_not_have_is_named_as_typed() -> None:
    """The complaint quotes the cell and its header, so that it can be found in the sheet."""
    found = expanded([("+49 30 1234567", "call", "C")], live(BOTH), header=("Phone", "channel", "agent"))
    problem = found.rows[0].problems[-1]
    assert ("no_such_trunk", "Phone", "+49 30 1234567") == (problem.code, problem.column, problem.value)


def test_an_external_number_that_the_trunk_list_does_not_show_is_not_called_a_purchased_one() -> None:
    """It may be a SIP connection, or the list was cut off: whoever reads it can tell."""
    other = state(number(7), {"call": "B"})
    found = expanded([want(7, "call", "C")], replace(live({"call": "A"}), others={other.number: other}))
    assert [["not_listed"]] == said(found)


def test_a_row_that_makes_no_sense_keeps_its_wave() -> None:
    """Results are sorted by it."""
    found = expanded([("abc", "call", "C", "3")], live({"call": "A"}), header=(*HEADER, "wave"))
    assert [3] == [row.wave for row in found.rows]


@pytest.mark.parametrize("listed", ["others", "numbers"])
def test_a_purchased_number_cannot_be_moved(listed: str) -> None:
    """The trunk call does not apply to a bought number, in whichever list it stands."""
    mine = {bought(0): state(bought(0), {"call": "A"}, external=False)}
    found = expanded([(bought(0), "call", "C")], replace(live(), **{listed: mine}))
    assert [["purchased_number"]] == said(found)


def test_a_lost_plus_is_restored_where_a_trunk_has_those_digits_and_said_so() -> None:
    """What the spreadsheet only disguised is repaired and reported as repaired."""
    found = expanded([(number(0)[1:], "call", "C")], live({"call": "A"}))
    assert [(number(0), "call", uuid("C"))] == wanted(found)
    assert [["plus_restored"]] == said(found)
    assert found.rows[0].valid


def test_a_lost_plus_is_not_guessed_where_no_trunk_has_those_digits() -> None:
    """Without a trunk that has these digits nothing says that the plus was lost."""
    found = expanded([("905551112233", "call", "C")], live({"call": "A"}))
    assert [["plus_missing"]] == said(found)
    assert not found.rows[0].valid


# ── which agent ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("typed", ["C", uuid("C"), uuid("C").upper(), f"C [{uuid('C')}]"])
def test_an_agent_is_named_by_name_by_uuid_or_as_the_export_lists_it(typed: str) -> None:
    """All three mean the same agent, and the row shows both its uuid and its name."""
    found = expanded([want(0, "call", typed)], live({"call": "A"}))
    assert [(number(0), "call", uuid("C"))] == wanted(found)
    assert (uuid("C"), "C") == (found.rows[0].agent_uuid, found.rows[0].agent_name)


def test_a_row_with_an_unknown_agent_keeps_what_it_said() -> None:
    """The report shows the agent that the row asked for, though the workspace has none such."""
    found = expanded([want(0, "call", "Unknown"), want(1, "call", uuid("Z"))], live({"call": "A"}, {"call": "B"}))
    assert [["agent_unknown"], ["agent_unknown"]] == said(found)
    assert [("", "Unknown"), (uuid("Z"), "")] == [(row.agent_uuid, row.agent_name) for row in found.rows]


def test_an_agent_that_is_not_listed_may_keep_what_it_serves() -> None:
    """An export names the live owner even where the list of agents lacks it: that row asks for nothing."""
    there = live({"call": "Z"}, {"call": "A"})
    found = expanded([want(0, "call", uuid("Z")), want(1, "call", uuid("Z"))], there)
    assert [[], ["agent_unknown"]] == said(found)
    assert [(number(0), "call", uuid("Z"))] == wanted(found)


def test_an_agent_that_is_not_ready_is_a_note_only() -> None:
    """People prepare a move before its agent is started: said, not refused."""
    found = expanded([want(0, "call", "C")], live({"call": "A"}, roster=agents("AC", C="paused")))
    assert [["agent_not_ready"]] == said(found)
    assert (True, "paused") == (found.rows[0].valid, found.rows[0].problems[0].detail)


def test_an_agent_that_is_not_ready_is_no_news_where_it_serves_already() -> None:
    """An export has many such rows, and nothing is done for them."""
    assert [[]] == said(expanded([want(0, "call", "A")], live({"call": "A"}, roster=agents("A", A="paused"))))


EXPORTED = (*HEADER, "Present Agent")


@pytest.mark.parametrize(
    ("wish", "present", "notes"),
    [("B", "B", ["not_edited"]), ("B", "C", []), ("A", "A", [])],
    ids=["the trunk has moved since", "edited", "as it was"],
)
def test_a_row_of_an_export_that_was_not_edited_is_noted_where_it_moves(
    wish: str, present: str, notes: list[str]
) -> None:
    """It would take back what somebody has done since; whether that is meant, only people know."""
    found = expanded([want(0, "call", wish, present)], live({"call": "A"}), header=EXPORTED)
    assert [notes] == said(found)
    assert all("the trunk is with A by now" in describe(problem) for problem in found.rows[0].problems)


@pytest.mark.parametrize(
    ("typed", "expect"), [("A", "A"), (uuid("A"), "A"), ("", None)], ids=["name", "uuid", "nothing"]
)
def test_the_expected_agent_travels_with_the_assignment(typed: str, expect: str | None) -> None:
    """``expect`` is read like any agent; an empty cell expects nothing."""
    found = expanded([want(0, "call", "C", typed)], live({"call": "A"}), WITH_EXPECT)
    assert [uuid(expect) if expect else None] == [a.expect for a in found.assignments]


def test_an_expected_name_that_no_agent_has_is_a_problem() -> None:
    """A name must be resolved before it can be compared with anything."""
    found = expanded([want(0, "call", "C", "Unknown")], live({"call": "A"}), WITH_EXPECT)
    assert [["agent_unknown"]] == said(found)


def test_an_expected_uuid_need_not_be_in_the_workspace_any_more() -> None:
    """An agent that is gone cannot be the live owner: the row will be drifted, which is no fault of the sheet."""
    found = expanded([want(0, "call", "C", uuid("Z"))], live({"call": "A"}), WITH_EXPECT)
    assert [uuid("Z")] == [a.expect for a in found.assignments]
    assert [[]] == said(found)


# ── rows against each other ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_row_twice_is_counted_once_and_noted() -> None:
    """The first row carries the change; the later one names it and stays valid."""
    found = expanded([want(0, "call", "C"), want(0, "voice", uuid("C"))], live({"call": "A"}))
    assert [Origin("sheet.csv", "", 2)] == [a.origin for a in found.assignments]
    assert [[], ["duplicate"]] == said(found)
    assert [{}, {"call": 2}] == [row.duplicate_of for row in found.rows]
    assert "the same in row 2; counted once" in describe(found.rows[1].problems[0])


def test_rows_that_contradict_each_other_name_each_other() -> None:
    """Two agents for one trunk: both rows are wrong, nothing is wanted, and each names the other."""
    found = expanded([want(0, "call", "C"), want(0, "call", "D")], live({"call": "A"}))
    assert [["contradiction"], ["contradiction"]] == said(found)
    assert [[(3,)], [(2,)]] == [list(related(row)) for row in found.rows]
    assert [] == wanted(found)


def test_a_contradiction_concerns_every_row_of_that_trunk() -> None:
    """A third row that agrees with one of the two is wrong as well, and names the row it contradicts."""
    found = expanded([want(0, "call", "C"), want(0, "call", "D"), want(0, "call", "C")], live({"call": "A"}))
    assert [[(3,)], [(2, 4)], [(3,)]] == [list(related(row)) for row in found.rows]


def test_a_thousand_contradicting_rows_do_not_name_each_other_all() -> None:
    """A problem names a few rows, always at least one that wants something else."""
    rows = [want(0, "call", "C") for _ in range(30)] + [want(0, "call", "D")]
    found = expanded(rows, live({"call": "A"}))
    assert {(32,)} == {named for row in found.rows[:-1] for named in related(row)}
    assert [MOST_RELATED] == [len(named) for named in related(found.rows[-1])]


def test_rows_that_expect_different_agents_contradict_each_other() -> None:
    """One trunk cannot be with two agents now."""
    rows = [want(0, "call", "C", "A"), want(0, "call", "C", "B"), want(0, "call", "C", "")]
    found = expanded(rows, live({"call": "A"}), WITH_EXPECT)
    assert [["expect_contradiction"], ["expect_contradiction"], []] == said(found)


def test_a_row_that_repeats_another_lends_it_what_it_expects() -> None:
    """The condition holds for the change, whichever of the two rows made it."""
    found = expanded([want(0, "call", "C", ""), want(0, "call", "C", "A")], live({"call": "A"}), WITH_EXPECT)
    assert [uuid("A")] == [a.expect for a in found.assignments]


def test_a_wrong_row_is_not_what_a_good_one_repeats() -> None:
    """The first row is wrong for another reason, so the second carries the change and is no duplicate."""
    found = expanded([want(0, "call", "C", "Unknown"), want(0, "call", "C", "")], live({"call": "A"}), WITH_EXPECT)
    assert [["agent_unknown"], []] == said(found)
    assert [Origin("sheet.csv", "", 3)] == [a.origin for a in found.assignments]


@pytest.mark.parametrize(
    ("channels", "expected", "shares"),
    [
        pytest.param(["call", "both"], [("call", 0), ("whatsapp", 0)], {1: {0}}, id="one, then both"),
        pytest.param(["both", "call"], [("call", 0), ("whatsapp", 0)], {1: {0}}, id="both, then one"),
        pytest.param(
            ["call", "whatsapp", "both"], [("call", 0), ("whatsapp", 0)], {1: {0}, 2: {0}}, id="each, then both"
        ),
        pytest.param(["whatsapp", "both", "call"], [("whatsapp", 0), ("call", 0)], {1: {0}, 2: {0}}, id="in between"),
        pytest.param(["call", "whatsapp"], [("call", 0), ("whatsapp", 1)], {}, id="each alone"),
        pytest.param(["call", "call"], [("call", 0)], {1: {0}}, id="the same twice"),
    ],
)
def test_a_row_of_several_channels_is_one_unit_even_when_other_rows_carry_them(
    channels: Sequence[str], expected: list[tuple[str, int]], shares: dict[int, set[int]]
) -> None:
    """What one row asks for together goes together (DESIGN.md §3.7), wherever its channels were asked for first."""
    found = expanded([want(0, channel, "C") for channel in channels], live(BOTH))
    assert expected == units(found)
    assert shares == {place: set(shared) for place, shared in found.shares.items()}


# ── every row is shown ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_makes_no_sense_is_shown_as_far_as_it_can_be_read() -> None:
    """Channel and agent are shown as understood, the number as typed; a row always has a channel to be listed under."""
    rows = [("abc", "whatsapp;call", uuid("C").upper()), (number(0), "fax", "C"), (number(0), "call", "")]
    found = expanded(rows, live({"call": "A"}))
    assert [
        ("abc", ("call", "whatsapp"), uuid("C"), "C"),
        (number(0), ("fax",), "", "C"),
        (number(0), ("call",), "", ""),
    ] == [(row.number, row.channels, row.agent_uuid, row.agent_name) for row in found.rows]
    assert [False, False, False] == [row.valid for row in found.rows]


def test_a_row_that_the_reader_rejected_is_invalid_with_its_problem() -> None:
    """A ragged row is not believed, whatever its cells seem to say; its problem is told once."""
    sheet = table(want(0, "call", "C"))
    sheet = replace(sheet, problems=(Problem("ragged_row", sheet.rows[0].origin, detail="4 cells"),))
    found = expand(sheet, normalise(sheet), live({"call": "A"}))
    assert [["ragged_row"]] == said(found)
    assert (False, []) == (found.rows[0].valid, wanted(found))


@pytest.mark.parametrize("kept", [True, False], ids=["request in spite of an error", "neither request nor error"])
def test_a_row_is_good_only_with_a_request_and_without_errors(kept: bool) -> None:
    """Whatever the rooms before this one hand on, a doubtful row is never sent."""
    sheet = table(want(0, "call", "C"))
    requests = normalise(sheet).requests if kept else ()
    problems = (Problem("ragged_row", sheet.rows[0].origin),) if kept else ()
    found = expand(sheet, Normalised(requests, problems), live({"call": "A"}))
    assert ([], False) == (wanted(found), found.rows[0].valid)


def test_rows_of_one_origin_keep_their_own_requests() -> None:
    """The sheet of a rollback has a row per trunk, and several of one origin: none takes another's place."""
    sheet = table(want(0, "call", "C"), want(1, "call", "D"))
    sheet = replace(sheet, rows=tuple(SourceRow(Origin("sheet.csv", "", 2), row.cells) for row in sheet.rows))
    found = expand(sheet, normalise(sheet), live({"call": "A"}, {"call": "B"}))
    assert [(number(0), "call", uuid("C")), (number(1), "call", uuid("D"))] == wanted(found)


def test_wave_and_note_travel_with_row_and_assignment() -> None:
    """They are the sheet's own, and reach the report."""
    found = expanded([want(0, "call", "C", "2", "as agreed")], live({"call": "A"}), (*HEADER, "wave", "note"))
    assert [(2, "as agreed")] == [(a.wave, a.note) for a in found.assignments]
    assert [(2, "as agreed")] == [(row.wave, row.note) for row in found.rows]
