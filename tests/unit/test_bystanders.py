"""Who may lose an agent to a plan, and who has."""

from __future__ import annotations

from batch.core.bystanders import beside, bystanders, robbed, robbery
from batch.core.model import Channel, NumberState, Snapshot, Trunk
from tests.records import agent, change, plan, state

CALL = Channel.CALL


def snapshot(*states: NumberState) -> Snapshot:
    return Snapshot(agents={}, numbers={one.number: one for one in states})


def test_whoever_is_served_by_an_agent_that_is_to_be_given_away_is_beside_the_plan() -> None:
    """On the same channel, and not touched by the plan itself."""
    states = [state(2, call=0), state(3, call=1), state(4, call=1, whatsapp=1), state(5, whatsapp=1), state(6, call=2)]
    moves = [change(0, of=2), change(1, of=3, before=1, after=2)]
    served = {Trunk(states[2].number, CALL): agent(1), Trunk(states[4].number, CALL): agent(2)}
    assert served == beside(snapshot(*states), plan([], moves))


def test_of_these_those_are_at_risk_whose_agent_was_given_away() -> None:
    """Whatever else is planned."""
    served = {Trunk(state(of).number, CALL): agent(of) for of in (4, 6)}
    assert bystanders(served, [change(0, after=4)]) == (Trunk(state(4).number, CALL),)
    assert bystanders(served, []) == ()


def test_robbed_is_who_is_seen_with_nobody() -> None:
    """Of a number that was not seen nothing is said, and one with another agent was given it."""
    risk = [Trunk(state(of).number, CALL) for of in (2, 3, 4)]
    seen = {(one := state(2, call=None)).number: one, (two := state(3, call=5)).number: two}
    assert (risk[0],) == robbed(risk, seen)


def test_a_robbery_is_told_with_the_number_and_the_way_out() -> None:
    """It ends with exit code 7."""
    error = robbery((Trunk(state(2).number, CALL), Trunk(state(3).number, CALL)))
    assert (7, "2 such trunks" in error.message, state(2).number in error.message) == (error.exit_code, True, True)
    assert "--occupancy exclusive" in error.hint
    assert agent(0) not in error.message
