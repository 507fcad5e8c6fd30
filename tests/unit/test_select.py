"""Taking a part of a sheet: ``--only`` and ``--limit`` leave out, and say so."""

from __future__ import annotations

import unicodedata
from string import ascii_uppercase

import pytest
from msgspec.structs import replace

from batch.core.guard import guard
from batch.core.model import Action, Facts, Limits, Occupancy, Plan, Reason
from batch.core.select import HINT, narrow, parse, select
from batch.errors import UsageError
from tests.builders import HEADER
from tests.plans import agents, complaints, expanded, live, number, plan_of, steps, uuid, waits, want

WITH_WAVE = (*HEADER, "wave")
SHARED = Occupancy.SHARED
THERE = live({"call": "A", "whatsapp": "A"}, {"call": "B"}, {"call": "C"})
ROWS = [want(0, "both", "F", "1"), want(1, "call", "E", "2"), want(2, "call", "F", "")]
"""Rows 2 to 4 of a sheet with waves; the first is of two channels."""


def taken(only: str) -> list[tuple[int, str]]:
    """The rows and channels of ROWS that an expression takes."""
    plan = plan_of(ROWS, THERE, header=WITH_WAVE, only=only, occupancy=SHARED)
    return [(c.origin.row, c.trunk.channel.value) for c in plan.changes if c.reason is not Reason.NOT_SELECTED]


ALL = [(2, "call"), (2, "whatsapp"), (3, "call"), (4, "call")]


# ── expressions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("only", "rows"),
    [
        pytest.param("", [2, 2, 3, 4], id="nothing said"),
        pytest.param(f"number={number(1)}", [3], id="number"),
        pytest.param("number=0090 (212) 555 00 01", [], id="by its digits, all of them"),
        pytest.param("number = 90 (212) 555-00-01", [3], id="by its digits, however written"),
        pytest.param("number~+90212", [2, 2, 3, 4], id="begins with"),
        pytest.param("number~+0212", [], id="does not begin with"),
        pytest.param("number~0002", [4], id="contains"),
        pytest.param("number!=902125550001", [2, 2, 4], id="another number"),
        pytest.param("number!~0001|0002", [2, 2], id="contains neither"),
        pytest.param("channel=whatsapp", [2], id="channel"),
        pytest.param("channel=voice", [2, 3, 4], id="a word of the channel column"),
        pytest.param("channel=call|wa", [2, 2, 3, 4], id="either channel"),
        pytest.param("agent=F", [2, 2, 4], id="agent by name"),
        pytest.param("agent=f", [], id="names are exact"),
        pytest.param(f"agent={uuid('F').upper()}", [2, 2, 4], id="agent by uuid"),
        pytest.param("agent~f", [2, 2, 4], id="part of a name, whatever the case"),
        pytest.param('agent="E"|F', [2, 2, 3, 4], id="alternatives"),
        pytest.param("wave=1", [2, 2], id="wave"),
        pytest.param("wave=1-2", [2, 2, 3], id="waves"),
        pytest.param("row=3", [3], id="row"),
        pytest.param("row=3-3", [3], id="a range of one row"),
        pytest.param("row=3-", [3, 4], id="from a row"),
        pytest.param("row=-3", [2, 2, 3], id="up to a row"),
        pytest.param("row= 2 - 3 | 4 ", [2, 2, 3, 4], id="a range and a row"),
        pytest.param("row=2-3, agent=F", [2, 2], id="all terms must hold"),
        pytest.param(" ROW=2|, ", [2, 2], id="case, and a separator too many"),
    ],
)
def test_an_expression_takes_the_rows_it_describes(only: str, rows: list[int]) -> None:
    """By what the row says, channel by channel."""
    assert rows == [row for row, _ in taken(only)]


def test_quotes_keep_commas_and_bars_and_accents_compare_in_one_form() -> None:
    """A name may hold what an expression is made of."""
    (row,) = expanded([want(0, "call", "F")], THERE).rows
    named = [replace(row, agent_name=name) for name in ("Müge, A|B", "Müge")]
    for only in ('agent="Müge, A|B"', 'agent~"GE, A|"'):
        (test,) = parse(unicodedata.normalize("NFD", only))
        assert [True, False] == [test(row, "call") for row in named]


@pytest.mark.parametrize(
    ("only", "message"),
    [
        pytest.param("row", "'row' is not a term", id="no comparison"),
        pytest.param("row=2,,row=3", "',row=3' is not a term", id="an empty term"),
        pytest.param('agent="A', "'agent=\"A' is not a term", id="an open quote"),
        pytest.param("agent=|A", "cannot read '|A'", id="an empty alternative"),
        pytest.param('agent="A"B', "cannot read '\"A\"B'", id="text after a quote"),
        pytest.param("colour=red", "colour= is not a comparison", id="no such field"),
        pytest.param("row~2", "row~ is not a comparison", id="no such comparison"),
        pytest.param("channel=fax", "'fax' is not a channel", id="no such channel"),
        pytest.param("channel=call|fax", "'fax' is not a channel", id="no such channel among others"),
        pytest.param("channel=all", "'all' is not a channel", id="which would be no condition"),
        pytest.param("row=x", "'x' is not a number or a range", id="no number"),
        pytest.param("row=-", "'-' is not a number or a range", id="a range of nothing"),
        pytest.param("row=2 40", "'2 40' is not a number or a range", id="two numbers"),
        pytest.param("row=1234567890", "is not a number or a range", id="a number no sheet has"),
        pytest.param("row=5-2", "the range '5-2' is empty", id="backwards"),
        pytest.param("number=abc", "'abc' has no digits", id="a number without digits"),
        pytest.param("number~+", "'+' has no digits", id="which would be every number"),
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(only: str, message: str) -> None:
    """The message quotes the part that is wrong, and the hint shows terms."""
    with pytest.raises(UsageError) as caught:
        parse(only)
    assert message in str(caught.value)
    assert caught.value.hint


def test_the_hint_is_itself_an_expression() -> None:
    """What is shown to people can be typed."""
    terms = HINT.removeprefix("write terms such as ").removesuffix(", separated by commas")
    assert 5 == len(parse(terms))


# ── what is left out ──────────────────────────────────────────────────────────────────────────────────────────────────


def left_out(plan: Plan) -> list[tuple[int, str]]:
    return [(c.origin.row, c.trunk.channel.value) for c in plan.changes if c.reason is Reason.NOT_SELECTED]


def test_what_is_left_out_keeps_its_agent_and_stays_in_the_plan() -> None:
    """It reaches the results as *skipped*, and a row with nothing taken is marked as a whole."""
    plan = plan_of(ROWS, THERE, header=WITH_WAVE, only="channel=call,row=2", occupancy=SHARED)
    assert ["row 2 call A→F"] == steps(plan)
    assert [(2, "whatsapp"), (3, "call"), (4, "call")] == left_out(plan)
    assert [True, False, False] == [row.selected for row in plan.rows]
    assert {Action.KEEP} == {c.action for c in plan.changes if c.reason is Reason.NOT_SELECTED}


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        pytest.param("", "row=2", ["row 3 call B→E", "row 4 call C→F"], id="the others"),
        pytest.param("agent=F", "row=2", ["row 4 call C→F"], id="of those that are meant"),
        pytest.param(" ", "row=2-3, channel=call", ["row 2 whatsapp A→F", "row 4 call C→F"], id="all terms must hold"),
    ],
)
def test_exclude_leaves_out_what_it_describes(only: str, exclude: str, expected: list[str]) -> None:
    """The other way round of ``--only``, and both may be given."""
    plan = plan_of(ROWS, THERE, header=WITH_WAVE, only=only, exclude=exclude, occupancy=SHARED)
    assert expected == sorted(steps(plan))
    assert any(exclude in note for note in plan.notes)


def test_nothing_said_leaves_rows_as_they_are() -> None:
    """No expression, no mark."""
    rows = expanded(ROWS, THERE, WITH_WAVE).rows
    assert rows is select(rows, "  ").rows


def test_a_wrong_row_that_is_not_meant_is_marked_too() -> None:
    """Its problems hold nothing up; a wrong row that is meant stays selected, and does."""
    plan = plan_of([want(0, "fax", "F"), want(1, "call", ""), want(2, "call", "F")], THERE, only="row=3-")
    assert [(False, False), (False, True), (True, True)] == [(row.valid, row.selected) for row in plan.rows]


def test_a_row_that_repeats_a_taken_one_is_taken_with_it() -> None:
    """They are about one trunk, and one change stands for both."""
    plan = plan_of([want(1, "call", "E"), want(1, "call", "E"), want(2, "call", "F")], THERE, only="row=3")
    assert [True, True, False] == [row.selected for row in plan.rows]
    assert ["row 2 call B→E"] == steps(plan)


def test_whoever_needs_what_is_left_out_cannot_be_made_and_says_so() -> None:
    """Row 2 wants the agent that row 3 would free."""
    plan = plan_of([want(1, "call", "C"), want(2, "call", "D")], THERE, only="row=2")
    assert {2: ["agent_occupied"]} == complaints(plan)
    assert "which row 3 leaves there" in plan.rows[0].problems[0].detail
    assert [] == steps(plan)


# ── only so many ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(None, ["row 2 call A→D", "row 2 whatsapp A→D", "row 3 call B→E", "row 4 call C→F"], id="no limit"),
        pytest.param(
            9, ["row 2 call A→D", "row 2 whatsapp A→D", "row 3 call B→E", "row 4 call C→F"], id="room for all"
        ),
        pytest.param(3, ["row 2 call A→D", "row 2 whatsapp A→D", "row 3 call B→E"], id="three trunks"),
        pytest.param(1, ["row 3 call B→E"], id="a row that does not fit is passed over"),
        pytest.param(0, [], id="none"),
    ],
)
def test_a_limit_takes_the_first_changes_that_fit(most: int | None, expected: list[str]) -> None:
    """Counted in trunks; a row of two channels is taken or left as a whole."""
    plan = plan_of([want(0, "both", "D"), want(1, "call", "E"), want(2, "call", "F")], THERE, limit=most)
    assert expected == sorted(steps(plan))


def test_what_a_limit_leaves_out_keeps_its_agent_and_says_so() -> None:
    """The same as with ``--only``; a parking that is not made is not in the plan at all."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"})
    rows = [want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "D")]
    plan = plan_of(rows, there, limit=1, parking=(uuid("H"),))
    assert ["row 4 call C→D"] == steps(plan)
    assert [(2, "call"), (3, "call")] == left_out(plan)
    assert [uuid("A"), uuid("B")] == [c.before for c in plan.changes if c.reason is Reason.NOT_SELECTED]


def test_a_limit_takes_what_frees_an_agent_before_what_wants_it() -> None:
    """The chain is cut behind its far end, not before it."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"})
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "D")]
    plan = plan_of(rows, there, limit=2)
    assert ["row 4 call C→D", "row 3 call B→C"] == steps(plan)
    assert {"row 3 call B→C": ["row 4 call C→D"]} == waits(plan)


def test_a_ring_counts_the_trunks_it_moves_not_its_calls() -> None:
    """A swap is two trunks, though it takes three calls."""
    there = live({"call": "A"}, {"call": "B"})
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], there, limit=2, parking=(uuid("H"),))
    assert 3 == len(steps(plan))


def test_what_is_there_already_takes_no_room() -> None:
    """A limit counts what is sent."""
    plan = plan_of([want(0, "both", "A"), want(1, "call", "E")], THERE, limit=1)
    assert ["row 3 call B→E"] == steps(plan)


def test_a_ring_that_does_not_fit_does_not_keep_the_next_one_from_the_spare() -> None:
    """Three swap first, two after them on the same spare: with room for two trunks, the two go, and at once."""
    there = live(*({"call": name} for name in "ABCDE"))
    rows = [want(i, "call", to) for i, to in enumerate("BCAED")]
    plan = plan_of(rows, there, limit=2, parking=(uuid("H"),))
    assert ["row 5 call D⇢H", "row 6 call E→D", "row 5 call H→E"] == steps(plan)
    assert "row 5 call D⇢H" not in waits(plan)


# ── a part of a saved plan ────────────────────────────────────────────────────────────────────────────────────────────

CHAIN = [want(0, "both", "D"), want(1, "call", "A"), want(2, "call", "B")]
"""Row 3 waits for row 2 (for both its channels), row 4 for row 3."""


@pytest.mark.parametrize(
    ("only", "exclude", "most", "expected"),
    [
        pytest.param(
            *("", "", None, ["row 2 call A→D", "row 2 whatsapp A→D", "row 3 call B→A", "row 4 call C→B"]), id="all"
        ),
        pytest.param("row=2-3", "", None, ["row 2 call A→D", "row 2 whatsapp A→D", "row 3 call B→A"], id="only"),
        pytest.param("", "row=3", None, ["row 2 call A→D", "row 2 whatsapp A→D"], id="and whoever needs it"),
        pytest.param("channel=call", "", None, ["row 2 call A→D", "row 3 call B→A", "row 4 call C→B"], id="a channel"),
        pytest.param("", "row=2", None, [], id="the one that all need"),
        pytest.param("", "", 2, ["row 2 call A→D", "row 2 whatsapp A→D"], id="limit"),
        pytest.param("channel=call", "", 1, ["row 2 call A→D"], id="only and limit"),
    ],
)
def test_a_saved_plan_can_be_narrowed(only: str, exclude: str, most: int | None, expected: list[str]) -> None:
    """What is left out stays, and so does what cannot be made without it; nobody waits for what is not sent."""
    plan = narrow(plan_of(CHAIN, THERE), only, exclude, most)
    assert expected == sorted(steps(plan))
    assert len(plan_of(CHAIN, THERE).changes) == len(plan.changes)
    assert all(plan.changes[need].action is not Action.KEEP for c in plan.changes for need in c.needs)


def test_a_ring_of_a_saved_plan_goes_as_a_whole_or_not_at_all() -> None:
    """One member that is left out leaves nothing to swap with; the next ring has the spare at once."""
    there = live(*({"call": name} for name in "ABCD"))
    plan = plan_of([want(i, "call", to) for i, to in enumerate("BADC")], there, parking=(uuid("H"),))
    for exclude in ("row=2", "row=3"):
        part = narrow(plan, "", exclude, None)
        assert ["row 4 call C⇢H", "row 5 call D→C", "row 4 call H→D"] == steps(part)
        assert "row 4 call C⇢H" not in waits(part)
        assert {2: uuid("A"), 3: uuid("B")} == {
            c.origin.row: c.before for c in part.changes if c.reason is Reason.NOT_SELECTED
        }


def test_rings_that_are_left_out_in_between_are_passed_over() -> None:
    """The third ring gets the spare from the first when the second is not made."""
    there = live(*({"call": name} for name in "ABCDEF"))
    plan = plan_of([want(i, "call", to) for i, to in enumerate("BADCFE")], there, parking=(uuid("H"),))
    assert ["row 2 call H→B"] == waits(narrow(plan, "", "row=4", None))["row 6 call E⇢H"]


def test_a_narrowed_plan_begins_with_a_canary_of_its_own() -> None:
    """The first wave of the whole may be left out; people still see one trunk tried first."""
    rows = [want(i, "call", to) for i, to in enumerate("DEF")]
    plan = plan_of(rows, live({"call": "A"}, {"call": "B"}, {"call": "C"}), limits=Limits(waves="1"))
    part = narrow(plan, "", "row=2", None)
    assert [(3, 0), (4, 1)] == [(c.origin.row, c.wave) for c in part.writes()]


def test_a_narrowed_plan_says_what_was_left_out() -> None:
    """In its notes, and at its rows."""
    plan = narrow(plan_of(CHAIN, THERE), "row=2-3", "row=3", 7)
    assert (
        "--only row=2-3: the other rows are left out",
        "--exclude row=3: these rows are left out",
        "--limit 7: the rest is left out",
    ) == plan.notes
    assert [True, False, False] == [row.selected for row in plan.rows]


def test_agents_that_a_part_would_empty_are_guarded_too() -> None:
    """Each agent of the whole gets a number for the one it loses; when every second row goes, half of them get none."""
    letters = ascii_uppercase[:20]
    there = live(*({"call": letter} for letter in letters), roster=agents(letters))
    rows = [want(index, "call", letters[index - 1]) for index in range(20)]
    plan = plan_of(rows, there, occupancy=SHARED)
    part = narrow(plan, f"row={'|'.join(map(str, range(2, 22, 2)))}", "", None)
    assert [Facts(agents_serving=20, agents_emptied=count, numbers_asked=20) for count in (0, 10)] == [
        plan.facts,
        part.facts,
    ]
    assert "agents_emptied" in [refusal.rule for refusal in guard(part, Limits(max_change="49%"))]


def test_a_part_that_empties_nobody_is_not_said_to() -> None:
    """A ring as a whole leaves everyone a number."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"})
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A"), want(2, "call", "D")], there, parking=(uuid("H"),))
    assert [1, 0, 1] == [narrow(plan, "", exclude, None).facts.agents_emptied for exclude in ("", "row=4", "row=2")]
