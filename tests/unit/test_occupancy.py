"""Who holds the seats that a plan gives away, long after it was made."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import Action, Change, Channel, NumberState, Occupancy, Snapshot, Trunk
from batch.core.occupancy import Fixture, Holder, Seat, strangers
from tests.records import agent, change, kept, plan, state

CALL = Channel.CALL


def found(
    *states: NumberState, others: tuple[NumberState, ...] = (), changes: tuple[Change, ...] = (), **more: Occupancy
) -> dict[Seat, Holder]:
    """The strangers to a plan that moves number 2 from agent 0 to agent 1."""
    there = Snapshot(agents={}, numbers={s.number: s for s in states}, others={s.number: s for s in others})
    planned = plan([], changes or (change(0, of=2),), **({"occupancy": Occupancy.EXCLUSIVE} | more))
    return strangers(there, planned)


def test_a_number_beside_the_plan_on_a_wanted_agent_is_a_stranger() -> None:
    """On the same channel only."""
    told = found(state(2, call=0), state(5, call=1), state(6, whatsapp=1))
    assert told == {(agent(1), CALL): Trunk(state(5).number, CALL)}


def test_what_the_program_cannot_move_is_a_stranger_too() -> None:
    """A purchased number, say."""
    bought = replace(state(9, call=1), external=False, source="purchased")
    assert isinstance(found(state(2, call=0), others=(bought,))[(agent(1), CALL)], Fixture)


@pytest.mark.parametrize(
    "own", [change(1, of=5, before=1, after=2), change(1, of=5, before=1, after=9, action=Action.PARK)]
)
def test_whoever_the_plan_moves_is_none(own: Change) -> None:
    """The order of the plan sees to it that it has left by then."""
    assert found(state(2, call=0), state(5, call=1), changes=(change(0, of=2), own)) == {}


def test_a_trunk_of_the_plan_that_somebody_has_moved_there_is_one() -> None:
    """It has drifted, and is left alone: it will not leave."""
    mover = change(1, of=5, before=3, after=4)
    assert found(state(2, call=0), state(5, call=1), changes=(change(0, of=2), mover)) != {}


def test_whoever_the_plan_leaves_where_it_is_is_one() -> None:
    """It was somewhere else when the plan was made, else there would be none."""
    assert found(state(2, call=0), state(5, call=1), changes=(change(0, of=2), kept(1, of=5))) != {}


def test_where_agents_serve_several_numbers_nobody_is_a_stranger() -> None:
    """Several numbers may be there."""
    assert found(state(2, call=0), state(5, call=1), occupancy=Occupancy.SHARED) == {}
