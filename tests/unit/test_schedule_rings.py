"""Rows that wait for each other: rings, parked trunks, and rows across two channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.model import (
    Plan,
    Snapshot,
    Status,
)
from batch.engine.schedule import Schedule, Work
from tests.plans import Situation, live, plan_of, situations, uuid, want
from tests.schedules import FREE, end, taken


def all_done(plan: Plan) -> list[int]:
    """What is made of a plan when nothing goes wrong."""
    schedule, made = Schedule(plan.changes, {}, FREE), []
    while not schedule.finished:
        if schedule.between_waves:
            schedule.next_wave()
        for id_ in taken(schedule):
            made.append(id_)
            schedule.settled(end(id_))
    return made


PARKING = (uuid("H"),)
TWO_CHANNELS = {"call": "A", "whatsapp": "A"}


@pytest.mark.parametrize(
    ("rows", "there"),
    [
        ([want(0, "both", "B"), want(1, "call", "A")], live(TWO_CHANNELS, {"call": "B"})),
        (
            [want(0, "both", "B"), want(1, "both", "C")],
            live({"call": "A", "whatsapp": "C"}, {"call": "B", "whatsapp": "D"}),
        ),
        (
            [want(1, "call", "A"), want(0, "both", "B"), want(1, "whatsapp", "A")],
            live(TWO_CHANNELS, {"call": "B", "whatsapp": "B"}),
        ),
    ],
    ids=["a ring with a channel beside it", "a wait on each channel", "two rings through one row"],
)
def test_rows_that_wait_for_each_other_across_channels_are_all_made(rows: list, there: Snapshot) -> None:
    """Neither can wait for the end of the other as a whole: each would wait for ever."""
    plan = plan_of(rows, there, parking=PARKING)
    assert [c.id for c in plan.writes()] == sorted(all_done(plan))


def test_a_parking_that_is_refused_skips_what_it_would_have_opened() -> None:
    """The ring's other rows, and the way home of its own."""
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], live({"call": "A"}, {"call": "B"}), parking=PARKING)
    schedule = Schedule(plan.changes, {}, FREE)
    assert [0] == taken(schedule)
    assert [1, 2] == sorted(outcome.change for outcome in schedule.settled(end(0, Status.REJECTED)))
    assert schedule.finished


def test_a_row_beside_a_ring_that_is_refused_brings_its_parked_channel_back() -> None:
    """Its agent has not been given away: who wants it waited for both channels."""
    plan = plan_of([want(0, "both", "B"), want(1, "call", "A")], live(TWO_CHANNELS, {"call": "B"}), parking=PARKING)
    park, beside, *others = plan.writes()
    schedule = Schedule(plan.changes, {}, FREE)
    assert [park.id, beside.id] == taken(schedule)
    schedule.settled(end(park.id))
    told = schedule.settled(end(beside.id, Status.REJECTED))
    assert sorted(change.id for change in others) == sorted(outcome.change for outcome in told)
    assert Work(park, restore=True) == schedule.take()


@pytest.mark.parametrize(
    ("status", "back"),
    [(Status.DONE, False), (Status.UNKNOWN, False), (Status.REJECTED, True)],
    ids=["taken", "perhaps taken", "free"],
)
def test_a_parked_trunk_is_not_put_back_on_an_agent_that_another_has_got(status: Status, back: bool) -> None:
    """In a ring of three the second step took it; a server that displaces would take it away again."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"})
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "A")]
    park, taker, other, home = (plan := plan_of(rows, there, parking=PARKING)).writes()
    schedule = Schedule(plan.changes, {}, FREE)
    assert (park.trunk, park.before) == (home.trunk, taker.after)
    schedule.take()
    schedule.settled(end(park.id))
    schedule.take()
    schedule.settled(end(taker.id, status))
    while (work := schedule.take()) is not None and not work.restore:
        schedule.settled(end(work.change.id, Status.REJECTED))
    assert (Work(park, restore=True) if back else None) == work
    assert schedule.finished is not back
    assert other.trunk not in (park.trunk, taker.trunk)


def test_resuming_skips_what_a_crash_left_waiting_in_a_ring() -> None:
    """The parking was refused, and the crash came before the others could be told."""
    plan = plan_of([want(0, "call", "B"), want(1, "call", "A")], live({"call": "A"}, {"call": "B"}), parking=PARKING)
    schedule = Schedule(plan.changes, {0: end(0, Status.REJECTED)}, FREE)
    assert ([], True) == (taken(schedule), schedule.finished)


@given(situation=situations(), data=st.data())
def test_every_change_of_any_plan_has_an_end(situation: Situation, data: st.DataObject) -> None:
    """Rings, rows of two channels, waves; whatever is refused, in whatever order things end."""
    plan = situation.plan()
    schedule, under_way, ended = Schedule(plan.changes, {}, FREE), list[Work](), set[int]()
    while not schedule.finished:
        if schedule.between_waves:
            schedule.next_wave()
        while (work := schedule.take()) is not None:
            under_way.append(work)
        if not under_way:  # a wave of which nothing could start
            continue
        work = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if work.restore:
            told = schedule.put_back(end(work, Status.FAILED))
        else:
            told = schedule.settled(end(work, data.draw(st.sampled_from([Status.DONE, Status.DONE, Status.REJECTED]))))
        ended |= {work.change.id, *(outcome.change for outcome in told)}
    assert {change.id for change in plan.writes()} == ended
