"""Runs made from runs: what can be taken back, and what is to be tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from batch.core.again import ROLLBACK_COLUMNS, ROLLBACK_HEADER, retry_table, rollback_table, somebody_elses, spares
from batch.core.model import Action, Field, Outcome, Problem, Reason, RunRecord, Source, Status
from batch.core.results import GOOD, results
from tests.days import believable
from tests.records import COLUMNS, HEADER, agent, change, kept, name, number, origin, outcome, plan, record, row, state

DONE = outcome()
REFUSED = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED)
BACK = (number(2), "call", agent(0), agent(1))


def cells(table) -> list[tuple[str, ...]]:
    return [one.cells for one in table.rows]


def moved(*outcomes: Outcome, **more) -> RunRecord:
    """A run of one row that moves one trunk from agent 0 to agent 1."""
    return record([row()], [change()], outcomes, **more)


# ── rollback ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rollback_gives_a_trunk_its_old_agent_where_ours_still_is() -> None:
    """The row names both: the one before as the wanted agent, the run's as the expected one."""
    table = rollback_table(moved(DONE))
    assert (ROLLBACK_HEADER, ROLLBACK_COLUMNS) == (table.header, table.columns)
    assert [BACK] == cells(table)
    assert [origin(2)] == [one.origin for one in table.rows]


@pytest.mark.parametrize(
    ("ended", "rows"),
    [
        (DONE, [BACK]),
        (outcome(0, Status.UNKNOWN, Reason.UNCLEAR), [BACK]),
        (outcome(0, Status.FAILED, Reason.NOT_APPLIED, written=True), [BACK]),
        (outcome(0, Status.DRIFTED, Reason.CHANGED_AFTERWARDS, written=True, after=agent(7)), [BACK]),
        (REFUSED, []),
        (outcome(0, Status.SKIPPED, Reason.DEPENDENCY), []),
        (None, []),
    ],
    ids=["done", "unknown", "sent, not seen", "taken over by others", "refused", "skipped", "never started"],
)
def test_a_rollback_names_every_trunk_that_the_run_may_have_changed(ended: Outcome | None, rows: list) -> None:
    """A PUT that was given up on may have been applied since; the expected agent keeps the others untouched."""
    assert rows == cells(rollback_table(moved(*([ended] if ended else []))))


def test_a_rollback_goes_by_what_was_seen_just_before_the_first_put() -> None:
    """Not by what the plan believed."""
    assert [(number(2), "call", agent(7), agent(1))] == cells(rollback_table(moved(DONE, befores=[state(call=7)])))


def test_a_trunk_that_nobody_served_has_no_agent_to_go_back_to() -> None:
    """The row is there, and its agent is a problem that says why: the API cannot unassign."""
    told = record([row()], [change(before=None)], [DONE])
    assert [(number(2), "call", "nobody", agent(1))] == cells(rollback_table(told))


def test_a_trunk_that_already_was_where_it_should_be_has_nothing_to_undo() -> None:
    """Neither a change that kept it, nor one whose picture before shows it there."""
    assert [] == cells(rollback_table(record([row()], [kept()])))
    assert [] == cells(rollback_table(moved(DONE, befores=[state(call=1)])))


PARK = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
HOME = change(1, before=9, needs=(0,))


@pytest.mark.parametrize(
    ("home", "seen", "ours"),
    [
        (outcome(1), None, 1),
        (outcome(1, Status.SKIPPED, Reason.DEPENDENCY), None, 9),
        (outcome(1, Status.FAILED, Reason.NOT_APPLIED, written=True), 9, 9),
        (outcome(1, Status.UNKNOWN, Reason.UNCLEAR), None, 1),
        (outcome(1, Status.DRIFTED, Reason.CHANGED_AFTERWARDS, written=True), 7, 1),
    ],
    ids=["home", "left on the spare", "seen on the spare", "not seen", "seen with a third"],
)
def test_a_parked_trunk_is_taken_back_from_where_the_run_left_it(home: Outcome, seen: int | None, ours: int) -> None:
    """From the spare if it was last seen there, else from where it was last sent."""
    parked = outcome(0, after=agent(9))
    told = record([row()], [PARK, HOME], [parked, home], afters=[] if seen is None else [state(call=seen)])
    assert [(number(2), "call", agent(0), agent(ours))] == cells(rollback_table(told))


def test_the_spares_of_a_run_are_the_agents_its_rings_waited_on() -> None:
    """Each once, in the order of the plan; whoever was given a trunk for good is none."""
    parked = [change(index, of=index, after=spare, action=Action.PARK) for index, spare in enumerate((7, 8, 7))]
    assert spares(record([row(2)], [change(3, of=3, after=9), *parked])) == (agent(7), agent(8))


# ── retry ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_has_the_columns_and_the_cells_of_the_input() -> None:
    """As typed, so that it means the same."""
    table = retry_table(moved(REFUSED))
    assert (HEADER, COLUMNS) == (table.header, table.columns)
    assert [(number(2), "call", name(1), "")] == cells(table)


@pytest.mark.parametrize(
    ("told", "tried"),
    [
        (moved(DONE), False),
        (record([row()], [kept()]), False),
        (moved(REFUSED), True),
        (moved(), True),
        (record([row(valid=False)]), True),
        (record([row()], [kept(reason=Reason.NOT_EXPECTED)]), True),
        (record([row()], [kept(reason=Reason.NOT_SELECTED)]), False),
        (record([row(selected=False)], [kept(reason=Reason.NOT_SELECTED)]), False),
        (record([row()], [kept()], afters=[state(call=7)]), True),
    ],
    ids=[
        *("done", "already", "refused", "never started", "invalid", "drifted"),
        *("left out on purpose", "its row left out", "drifted during the run"),
    ],
)
def test_a_retry_tries_what_did_not_end_well(told: RunRecord, tried: bool) -> None:
    """What was left out on purpose did not fail, so it is not tried unasked."""
    assert tried is bool(retry_table(told).rows)


def test_a_retry_that_takes_somebody_elses_trunks_says_so() -> None:
    """They were left alone once, and whoever tries again may not know."""
    drifted = outcome(0, Status.DRIFTED, Reason.OWNER_CHANGED)
    expects = moved(drifted, columns={**COLUMNS, Field.EXPECT: 2})  # whoever expects an agent leaves it alone again
    told = [somebody_elses(one) for one in (moved(drifted), moved(REFUSED), expects)]
    assert ["row 2: left to somebody else before, and moved now", "", ""] == told


@given(st.integers(1, 120))
def test_a_retry_has_every_line_that_did_not_end_well_and_no_other(lines: int) -> None:
    """The sheet agrees with the report."""
    told = believable(lines)
    ill = {line.row for line in results(told) if line.status not in GOOD}
    assert sorted(ill) == [one.origin.row for one in retry_table(told).rows]


def test_a_row_is_tried_only_on_the_channels_that_are_left() -> None:
    """The other one is where it should be."""
    two = row(channels=("call", "whatsapp"))
    told = record([two], [change(0), change(1, channel="whatsapp")], [DONE, replace(REFUSED, change=1)])
    assert [(number(2), "whatsapp", name(1), "")] == cells(retry_table(told))


@pytest.mark.parametrize("column", [1, None], ids=["all channels left", "no channel column"])
def test_a_channel_cell_that_says_what_is_left_stays_as_typed(column: int | None) -> None:
    """``all`` means all as long as all are left."""
    two = row(channels=("call", "whatsapp"), cells=(number(2), "all", name(1), ""))
    columns = {Field.NUMBER: 0, Field.AGENT: 2} | ({Field.CHANNEL: column} if column else {})
    outcomes = [REFUSED, replace(REFUSED, change=1)] if column else [DONE, replace(REFUSED, change=1)]
    told = record([two], [change(0), change(1, channel="whatsapp")], outcomes, columns=columns)
    assert [(number(2), "all", name(1), "")] == cells(retry_table(told))


def test_a_number_is_written_out_as_it_was_read() -> None:
    """The region it was read with is not in the sheet; nor is it when something else is wrong with the row."""
    typed = (number(2)[3:], "call", name(1), "")
    wrong = (Problem("agent_unknown", origin(3), HEADER[2], name(1)),)
    told = record([row(cells=typed), row(3, of=2, cells=typed, valid=False, problems=wrong)], [change()], [REFUSED])
    assert [(number(2), *typed[1:])] * 2 == cells(retry_table(told))


def test_a_number_that_was_only_guessed_at_stays_as_typed() -> None:
    """It may be another one, that was typed without its country."""
    typed = (number(2)[1:], "call", name(1), "")
    wrong = (Problem("plus_missing", origin(2), HEADER[0], typed[0], number(2)),)
    assert [typed] == cells(retry_table(record([row(cells=typed, valid=False, problems=wrong)])))


def test_an_invalid_row_stays_as_typed_though_another_row_moved_its_trunk() -> None:
    """Its problem is still there to be mended."""
    spoilt = row(3, of=2, channels=("call", "whatsapp"), valid=False)
    told = record([row(2), spoilt], [change()], [DONE])
    assert [spoilt.cells] == cells(retry_table(told))


def test_a_duplicate_is_not_tried_beside_the_row_it_repeats() -> None:
    """Trying that one again serves both."""
    told = record([row(2), row(3, of=2, duplicate_of={"call": 2})], [change()], [REFUSED])
    assert [origin(2)] == [one.origin for one in retry_table(told).rows]


def test_a_duplicate_with_a_channel_of_its_own_is_tried_on_that() -> None:
    """Half of it repeats, half of it failed by itself."""
    second = row(3, of=2, channels=("call", "whatsapp"), duplicate_of={"call": 2})
    changes = [change(0), change(1, channel="whatsapp", origin=origin(3))]
    told = record([row(2), second], changes, [DONE, replace(REFUSED, change=1)])
    assert [(number(2), "whatsapp", name(1), "")] == cells(retry_table(told))


def test_two_rows_of_one_origin_stay_two() -> None:
    """A rollback makes a row per trunk, each from the row that moved both."""
    rows = [row(2), row(2, of=3)]
    told = record(rows, [change(0), change(1, of=3)], [REFUSED, replace(REFUSED, change=1)])
    assert [number(2), number(3)] == [one[0] for one in cells(retry_table(told))]


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("make", [rollback_table, retry_table], ids=["rollback", "retry"])
def test_the_sheet_is_that_of_the_run(make) -> None:
    """Messages of the new run lead back to the rows of the old one."""
    source = Source(file="moves.xlsx", sheet="July", sha256="cd" * 32, only_sheet=False)
    told = record([], plan=plan([row()], [change()], source=source), outcomes=[DONE])
    table = make(told)
    assert ("moves.xlsx", "July", False) == (table.file, table.sheet, table.only_sheet)


@pytest.mark.parametrize("make", [rollback_table, retry_table], ids=["rollback", "retry"])
def test_the_hash_of_a_made_sheet_is_of_what_it_says(make) -> None:
    """The same rows of the same run have the same one, other rows or another run another."""
    told = moved(outcome(0, Status.UNKNOWN, Reason.UNCLEAR))
    assert make(told).sha256 == make(told).sha256
    assert make(told).sha256 != make(replace(told, run_id="another")).sha256
    assert make(told).sha256 != make(moved()).sha256 or make is retry_table


def test_half_a_character_does_not_stop_a_made_sheet() -> None:
    """A cell can hold what UTF-8 cannot."""
    assert retry_table(record([row(cells=("\ud800", "call", "x", ""))], [change()], [REFUSED])).sha256
