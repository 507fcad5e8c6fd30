"""Whatever the sheet and the live state: no interleaving collides, nothing is lost, and no call is wasted.

The server here refuses to give an agent a second number on a channel (API.md §3). A plan's changes are played to it in
every order that their needs allow, and compared with what trying everything finds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from batch.core.model import Action, AgentId, Change, Channel, Limits, Occupancy, Plan, Reason, Trunk
from batch.core.occupancy import Holder, seats
from batch.core.problems import is_error
from batch.core.select import narrow
from tests.plans import Situation, situations

Places = Mapping[Holder, AgentId | None]
"""Who serves each number of one channel, those that cannot be moved included."""

bounded = settings(max_examples=120)


# ── a server that refuses ─────────────────────────────────────────────────────────────────────────────────────────────


def places(situation: Situation, channel: Channel) -> dict[Holder, AgentId | None]:
    """The live state of one channel."""
    return {h: agent for (agent, on), held in seats(situation.there).items() if on is channel for h in held}


def wishes(plan: Plan, channel: Channel) -> dict[Holder, AgentId]:
    """Where the trunks of one channel are to be, as far as the plan changes them."""
    return {c.trunk: c.after for c in plan.writes() if c.trunk.channel is channel and c.action is Action.ASSIGN}


def apply(change: Change, there: Places) -> Places:
    """What the server makes of a call; it fails the test where it would refuse."""
    assert there.get(change.trunk) == change.before, f"{change} finds another owner"
    assert change.after not in there.values(), f"{change} meets an occupied agent"
    return {**there, change.trunk: change.after}


def interleavings(changes: Iterable[Change], start: Places) -> Iterator[Places]:
    """Every end that the changes can come to, whichever of those that may start is carried out next."""
    by_id = {change.id: change for change in changes}
    states = {frozenset[int](): start}
    queue = deque(states)
    while queue:
        done = queue.popleft()
        ready = [c for id_, c in by_id.items() if id_ not in done and done.issuperset(set(c.needs) & set(by_id))]
        if not ready:
            assert len(by_id) == len(done), "some changes wait for each other"
            yield states[done]
        for change in ready:
            after = done | {change.id}
            if after not in states:
                states[after] = apply(change, states[done])
                queue.append(after)


def fewest_calls(start: Places, goal: Mapping[Holder, AgentId], allowed: Iterable[AgentId]) -> int | None:
    """The number of calls that trying everything needs, ``None`` when nothing helps.

    A trunk of *goal* may go where it is wanted or to an agent that is *allowed*; the others stay.
    """
    first = frozenset(start.items())
    distance = {first: 0}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        there = dict(state)
        if goal.items() <= there.items():
            return distance[state]
        for trunk in goal:
            for agent in {goal[trunk], *allowed} - set(there.values()):
                after = frozenset({**there, trunk: agent}.items())
                if after not in distance:
                    distance[after] = distance[state] + 1
                    queue.append(after)
    return None


# ── what always holds ─────────────────────────────────────────────────────────────────────────────────────────────────


@bounded
@given(situations())
def test_no_interleaving_collides_and_each_ends_in_what_was_wanted(situation: Situation) -> None:
    """Whichever call comes first, no agent gets a second number, and in the end all is as planned and spares are free.

    Channels are played apart, and together as far as rows bind them: needs across channels only make less possible.
    """
    plan = situation.plan()
    for channel in Channel:
        start, goal = places(situation, channel), wishes(plan, channel)
        mine = [change for change in plan.writes() if change.trunk.channel is channel]
        for end in interleavings(mine, start):
            assert {**start, **goal} == end
            assert not set(situation.parking) & set(end.values())


@bounded
@given(situations(most=3))
def test_needs_across_channels_never_lock_each_other(situation: Situation) -> None:
    """Rows wait for each other's channels too, and still every order comes to its end."""
    writes = situation.plan().writes()
    done: set[int] = set()
    for change in writes:
        assert done.issuperset(change.needs)
        done.add(change.id)
    assert all(before.id < after.id for before, after in pairwise(writes))


@bounded
@given(situations(most=3))
def test_no_plan_takes_more_calls_than_it_must(situation: Situation) -> None:
    """Trying everything, with every agent of the workspace to park on, finds no shorter way."""
    plan = situation.plan()
    for channel in Channel:
        calls = sum(change.trunk.channel is channel for change in plan.writes())
        anywhere = situation.there.agents
        assert calls == fewest_calls(places(situation, channel), wishes(plan, channel), anywhere)


@bounded
@given(situations())
def test_a_sheet_is_refused_exactly_when_nothing_could_do_it(situation: Situation) -> None:
    """Problems of order are found where trying everything fails, and only there."""
    plan = situation.plan()
    refused = any(is_error(problem) for problem in plan.problems())
    possible = True
    for channel in Channel:
        start = places(situation, channel)
        asked = all_wishes(situation, channel)
        possible = possible and fewest_calls(start, asked, situation.parking) is not None
    assert refused == (not possible)


def all_wishes(situation: Situation, channel: Channel) -> dict[Holder, AgentId]:
    """What the sheet asks for on one channel, possible or not: under *shared* nothing is refused."""
    plan = situation.plan(occupancy=Occupancy.SHARED)
    return {c.trunk: c.after for c in plan.changes if c.trunk.channel is channel}


@bounded
@given(situations())
def test_every_row_has_a_change_for_each_of_its_channels_or_a_problem(situation: Situation) -> None:
    """Nothing is lost on the way, and nothing is planned that no row asked for."""
    plan = situation.plan()
    asked = [(row.number, channel) for row in plan.rows if row.valid for channel in row.channels]
    planned = [(c.trunk.number, c.trunk.channel.value) for c in plan.changes if c.action is not Action.PARK]
    assert sorted(asked) == sorted(planned)
    assert all(row.problems for row in plan.rows if not row.valid)


@bounded
@given(situations())
def test_changes_that_have_nothing_to_do_with_each_other_do_not_wait(situation: Situation) -> None:
    """A wait leads to the change that frees the agent, to the same row, or to the last user of the same spare."""
    plan = situation.plan()
    units = {unit: {c.before for c in plan.writes() if c.unit == unit} for unit in {c.unit for c in plan.writes()}}
    for change in plan.writes():
        for need in (plan.changes[id_] for id_ in change.needs):
            frees = change.after in units[need.unit]
            gives_back = need.before == change.after and change.action is Action.PARK
            assert need.unit == change.unit or frees or gives_back


# ── waves and parts ───────────────────────────────────────────────────────────────────────────────────────────────────

WAVES = ["", "all", "1", "2", "1,50%", "40%,80%", "1,2,3"]


@bounded
@given(situations(), st.sampled_from(WAVES))
def test_waves_keep_rows_rings_and_needs_whole(situation: Situation, waves: str) -> None:
    """No wave needs a later one, a row and a ring are in one wave, and waves are numbered without gaps."""
    plan = situation.plan(limits=Limits(waves=waves))
    wave_of: dict[int, set[int]] = {}
    for change in plan.writes():
        wave_of.setdefault(change.unit, set()).add(change.wave)
        for need in (plan.changes[id_] for id_ in change.needs):
            of_one_ring = need.action is Action.PARK and change.action is Action.ASSIGN
            assert need.wave == change.wave if of_one_ring else need.wave <= change.wave
    assert all(len(found) == 1 for found in wave_of.values())
    assert set(range(len({c.wave for c in plan.writes()}))) == {c.wave for c in plan.writes()}


@bounded
@given(situations(), st.integers(0, 5))
def test_a_part_of_a_plan_is_a_plan(situation: Situation, most: int) -> None:
    """What ``--limit`` leaves moves no more trunks than it may, collides in no order, and nothing else is touched."""
    plan = situation.plan(limit=most)
    assert most >= len({change.trunk for change in plan.writes()})
    assert {c.trunk for c in situation.plan().changes} == {c.trunk for c in plan.changes}
    for channel in Channel:
        start, goal = places(situation, channel), wishes(plan, channel)
        mine = [change for change in plan.writes() if change.trunk.channel is channel]
        assert [{**start, **goal}] == list(interleavings(mine, start))


@bounded
@given(situations(), st.integers(2, 6), st.sampled_from(["", "channel=call"]), st.sampled_from([None, 1, 3]))
def test_a_part_of_a_saved_plan_collides_in_no_order(
    situation: Situation, row: int, only: str, most: int | None
) -> None:
    """Whatever is left out of a saved plan, the rest can be made in every order, and it is still the same rows."""
    whole = situation.plan()
    plan = narrow(whole, only, f"row={row}", most)
    assert {c.trunk for c in whole.changes} == {c.trunk for c in plan.changes}
    assert row not in {change.origin.row for change in plan.writes()}
    for channel in Channel:
        start, goal = places(situation, channel), wishes(plan, channel)
        mine = [change for change in plan.writes() if change.trunk.channel is channel]
        assert [{**start, **goal}] == list(interleavings(mine, start))


@bounded
@given(situations(), st.integers(2, 6))
def test_a_selected_part_never_needs_what_is_left_out(situation: Situation, row: int) -> None:
    """What ``--only`` leaves out stays, and whatever would need it is refused rather than sent."""
    plan = situation.plan(only=f"row={row}")
    moved: set[Trunk] = {change.trunk for change in plan.writes()}
    kept = {change.trunk for change in plan.changes if change.reason is Reason.NOT_SELECTED}
    assert not moved & kept
    for channel in Channel:
        start, goal = places(situation, channel), wishes(plan, channel)
        mine = [change for change in plan.writes() if change.trunk.channel is channel]
        assert [{**start, **goal}] == list(interleavings(mine, start))
