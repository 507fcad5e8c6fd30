"""The schedule keeps the plan's order under every interleaving of completions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.model import (
    Action,
    AgentId,
    Change,
    Channel,
    Number,
    OnSplit,
    Origin,
    Reason,
    Status,
    Trunk,
)
from batch.engine.schedule import Brakes, Schedule, Work
from tests.schedules import FREE, end, taken


def change(id_: int, *, needs: Sequence[int] = (), unit: int | None = None, wave: int = 0, **more: object) -> Change:
    channel = more.pop("channel", Channel.CALL)
    assert isinstance(channel, Channel)
    values = {"action": Action.ASSIGN, "reason": Reason.DIFFERS, "before": AgentId("a"), "after": AgentId("b")} | more
    return Change(
        id=id_,
        trunk=Trunk(Number(f"+4930{1000 + (id_ if unit is None else unit)}"), channel),
        origin=Origin("f", "", id_ + 2),
        needs=tuple(needs),
        unit=id_ if unit is None else unit,
        wave=wave,
        **values,  # type: ignore[arg-type]
    )


def test_a_change_waits_for_what_it_needs() -> None:
    """The second link of a chain starts only when the first is done."""
    schedule = Schedule([change(0), change(1, needs=[0])], {}, FREE)
    assert [0] == taken(schedule)
    schedule.settled(end(0))
    assert [1] == taken(schedule)


def test_what_needs_a_failed_change_is_skipped_down_the_chain() -> None:
    """A change that fails leaves all its dependents skipped, each with the reason."""
    schedule = Schedule([change(0), change(1, needs=[0]), change(2, needs=[1])], {}, FREE)
    taken(schedule)
    told = schedule.settled(end(0, Status.REJECTED))
    assert [(1, Status.SKIPPED, Reason.DEPENDENCY), (2, Status.SKIPPED, Reason.DEPENDENCY)] == [
        (o.change, o.status, o.reason) for o in told
    ]
    assert schedule.finished


@pytest.mark.parametrize("budget", [0, 1, 5])
def test_calls_in_flight_cannot_overrun_the_budget(budget: int) -> None:
    """However many workers ask, no more changes fail than the budget and the one that ends the run."""
    schedule = Schedule([change(i) for i in range(100)], {}, Brakes(budget=budget, canary=False))
    sent = 0
    while under_way := taken(schedule):
        sent += len(under_way)
        for id_ in under_way:
            schedule.settled(end(id_, Status.REJECTED))
    assert budget + 1 == sent
    assert Reason.BUDGET_SPENT is schedule.stopped


def test_the_canary_goes_alone_until_one_is_done() -> None:
    """While nothing is done yet, one row at a time is tried; after the first success all go."""
    schedule = Schedule([change(i) for i in range(4)], {}, Brakes(budget=10))
    assert [0] == taken(schedule)
    schedule.settled(end(0, Status.REJECTED))
    assert [1] == taken(schedule)
    schedule.settled(end(1))
    assert [2, 3] == taken(schedule)


def test_the_channels_of_a_split_row_are_put_back() -> None:
    """When one channel of a row is refused, the other is handed out to be put back, before its dependents start."""
    row = [change(0, unit=0), change(1, unit=0, channel=Channel.WHATSAPP)]
    schedule = Schedule([*row, change(2, needs=[0, 1])], {}, FREE)
    taken(schedule)
    schedule.settled(end(0))
    assert [] == schedule.settled(end(1, Status.REJECTED))
    work = schedule.take()
    assert work == Work(row[0], restore=True)
    told = schedule.put_back(end(0, Status.FAILED))
    assert [2] == [o.change for o in told]


def test_keep_leaves_a_split_row_as_it_is() -> None:
    """``--on-split keep`` puts nothing back."""
    row = [change(0, unit=0), change(1, unit=0, channel=Channel.WHATSAPP)]
    schedule = Schedule(row, {}, Brakes(budget=9, canary=False, on_split=OnSplit.KEEP))
    taken(schedule)
    schedule.settled(end(0))
    schedule.settled(end(1, Status.REJECTED))
    assert schedule.take() is None
    assert schedule.finished


def test_a_ring_goes_on_while_its_first_row_is_only_parked() -> None:
    """What waits for a parking does not wait for the parked row as a whole, which would wait for it in turn."""
    park = change(0, unit=0, action=Action.PARK)
    other = change(1, needs=[0])
    home = change(2, unit=0, needs=[1])
    schedule = Schedule([park, other, home], {}, FREE)
    for id_ in (0, 1, 2):
        assert [id_] == taken(schedule)
        schedule.settled(end(id_))
    assert schedule.finished


def test_a_wave_starts_when_the_one_before_has_ended() -> None:
    """The second wave is handed out only after ``next_wave``."""
    schedule = Schedule([change(0), change(1, wave=1)], {}, FREE)
    assert [0] == taken(schedule)
    assert not schedule.between_waves
    schedule.settled(end(0))
    assert schedule.between_waves
    assert [] == taken(schedule)
    schedule.next_wave()
    assert [1] == taken(schedule)


def test_a_conflict_waits_for_the_change_that_frees_the_agent() -> None:
    """A change that the server refused as taken starts again once its blocker is done."""
    mover = change(0, before=AgentId("x"), after=AgentId("y"))
    late = change(1, before=AgentId("y"), after=AgentId("z"))
    schedule = Schedule([mover, late], {}, FREE)
    taken(schedule)
    blocker = schedule.blocker_of(mover)
    assert late == blocker
    refused = end(0, Status.REJECTED)
    schedule.wait_for(refused, late)
    assert [] == taken(schedule)
    schedule.settled(end(1))
    assert Work(mover, earlier=refused) == schedule.take()


def a_swap() -> tuple[Schedule, list[Change]]:
    """Two changes that were both refused and wait for each other, and one that needs the first."""
    swap = [
        change(0, before=AgentId("x"), after=AgentId("y")),
        change(1, before=AgentId("y"), after=AgentId("x")),
        change(2, needs=[0]),
    ]
    schedule = Schedule(swap, {}, FREE)
    taken(schedule)
    for id_ in (0, 1):
        schedule.wait_for(end(id_, Status.REJECTED), swap[1 - id_])
    return schedule, swap


def test_changes_that_wait_for_each_other_are_told_one_by_one() -> None:
    """Nothing else could start, so the refusals stand: that of the first tells the others'."""
    schedule, _ = a_swap()
    stuck = schedule.stuck
    assert (stuck, schedule.finished) == (end(0, Status.REJECTED), False)
    assert stuck is not None
    told = schedule.settled(stuck)
    assert {1: Status.REJECTED, 2: Status.SKIPPED} == {o.change: o.status for o in told}
    assert (schedule.stuck, schedule.waiting, schedule.finished) == (None, (), True)


def test_nobody_is_stuck_while_something_is_under_way_or_after_a_stop() -> None:
    """What waits may yet be freed; after a stop it is simply left."""
    schedule, _ = a_swap()
    busy = Schedule([change(0, after=AgentId("a"), before=AgentId("z")), change(1)], {}, FREE)
    taken(busy)
    busy.wait_for(end(0, Status.REJECTED), change(1))
    schedule.stop(Reason.STOPPED)
    assert [None, None] == [busy.stuck, schedule.stuck]
    assert (2, True) == (len(schedule.waiting), schedule.finished)


def test_a_refusal_that_stands_in_the_end_spends_the_budget() -> None:
    """Also when it is told because the change it waited for failed."""
    late = change(1, before=AgentId("b"))
    schedule = Schedule([change(0), late, change(2)], {}, Brakes(budget=1, canary=False))
    schedule.take()
    schedule.wait_for(end(0, Status.REJECTED), late)
    schedule.take()
    schedule.settled(end(1, Status.REJECTED))
    assert Reason.BUDGET_SPENT is schedule.stopped


@pytest.mark.parametrize(("earlier", "may_fail"), [(0, 3), (2, 1), (3, 3)], ids=["none", "two", "spent"])
def test_earlier_failures_count_until_they_have_spent_the_budget(earlier: int, may_fail: int) -> None:
    """A crash loop cannot overrun it; a run that it stopped is gone on with on a new one."""
    known = {id_: end(id_, Status.REJECTED) for id_ in range(earlier)}
    schedule = Schedule([change(i) for i in range(20)], known, Brakes(budget=2, canary=False))
    assert may_fail == len(taken(schedule))


def test_resuming_leaves_out_what_has_ended() -> None:
    """Ended changes are not handed out again, and what they freed may start."""
    schedule = Schedule([change(0), change(1, needs=[0])], {0: end(0)}, FREE)
    assert [1] == taken(schedule)


def test_resuming_puts_back_what_a_crash_left_split() -> None:
    """A row of which one channel was refused before the crash is still put back afterwards."""
    row = [change(0, unit=0), change(1, unit=0, channel=Channel.WHATSAPP)]
    schedule = Schedule(row, {0: end(0), 1: end(1, Status.REJECTED)}, FREE)
    work = schedule.take()
    assert work is not None
    assert work.restore
    assert row[0] == work.change


@given(st.data())
def test_no_order_of_endings_breaks_a_need(data: st.DataObject) -> None:
    """In any interleaving, a change starts only after all it needs are done, and everything ends."""
    count = data.draw(st.integers(1, 12))
    needs = [data.draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)]
    schedule = Schedule([change(i, needs=sorted(needs[i])) for i in range(count)], {}, FREE)
    done: set[int] = set()
    ended: set[int] = set()
    under_way: list[int] = []
    while not schedule.finished:
        for id_ in taken(schedule):
            assert needs[id_] <= done
            under_way.append(id_)
        id_ = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        status = data.draw(st.sampled_from([Status.DONE, Status.REJECTED]))
        ended.add(id_)
        if status is Status.DONE:
            done.add(id_)
        ended.update(outcome.change for outcome in schedule.settled(end(id_, status)))
    assert set(range(count)) == ended
