"""A plan's writes as people read them."""

from __future__ import annotations

from batch.core.model import AgentId, Plan
from batch.core.steps import after, agent_labels, label, planned, steps, why
from tests.plans import live, number, plan_of, uuid, want

PARKING = (uuid("H"),)
CHAIN = plan_of(
    [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "D"), want(3, "call", "E")],
    live({"call": "A"}, {"call": "B"}, {"call": "C"}, {"call": "E"}),
)
RING = plan_of(
    [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "A")],
    live({"call": "A"}, {"call": "B"}, {"call": "C"}),
    parking=PARKING,
)


def told(plan: Plan) -> list[tuple[int, int, str, str]]:
    """Place, row, why and what for, of every step."""
    labels = agent_labels(plan.agents)
    return [(step.place, step.change.origin.row, why(step, labels), after(step)) for step in steps(plan)]


def test_steps_are_the_writes_in_their_order_and_say_what_they_wait_for() -> None:
    """A trunk that is there already takes none."""
    differs = "Another agent serves the trunk"
    assert [(1, 4, differs, ""), (2, 3, differs, "after row 4"), (3, 2, differs, "after row 3")] == told(CHAIN)


def test_a_step_counts_its_wave_and_how_many_go_before_it() -> None:
    """From one, as people do."""
    assert [(1, 1), (2, 2), (2, 3)] == [(step.wave, step.depth) for step in steps(CHAIN)]


def test_a_ring_is_parked_on_the_spare_and_comes_home() -> None:
    """Both by the name of the spare; a row never waits for itself."""
    found = told(RING)
    assert (1, 2, "Parked on H: the rows swap agents in a ring", "") == found[0]
    assert (4, 2, "Home from H: the ring has come round", "after row 3") == found[-1]


def test_what_is_planned_for_a_trunk_is_one_sentence() -> None:
    """A parked trunk's two steps too."""
    found = {trunk.number: said for trunk, said in planned(RING).items()}
    home = "Parked on H: the rows swap agents in a ring, then home, wave 1, after row 3"
    assert {
        number(0): home,
        number(1): "Another agent serves the trunk, wave 1, after row 4",
        number(2): "Another agent serves the trunk, wave 1, after row 2",
    } == found


def test_what_waits_for_nothing_names_no_row() -> None:
    """Its sentence ends with its wave."""
    assert "Another agent serves the trunk, wave 1" in planned(CHAIN).values()


def test_agents_of_one_name_are_told_apart() -> None:
    """Two Bobs by the beginning of their uuids; a nameless one has only that."""
    one, two, nameless = (AgentId(f"{letter}1111111-2222") for letter in "abc")
    labels = agent_labels({uuid("A"): "Ayşe", one: "Bob", two: "Bob", nameless: ""})
    assert ["Ayşe", "Bob [a1111111]", "Bob [b1111111]", "[c1111111]"] == list(labels.values())
    assert ("nobody", "Ayşe", "d") == (label(labels, None), label(labels, uuid("A")), label(labels, AgentId("d")))


def test_agents_of_one_name_whose_uuids_begin_alike_are_told_apart_all_the_same() -> None:
    """Made in one go, by a server whose uuids begin with the time; an id of another make counts whole."""
    one, two = "0a1b2c3d-0001-4000-8000-00000000000a", "0a1b2c3d-0002-4000-8000-00000000000a"
    labels = agent_labels({AgentId(one): "Bob", AgentId(two): "Bob"})
    assert [f"Bob [{one[:13]}]", f"Bob [{two[:13]}]"] == list(labels.values())
    assert ["Bob [x1]", "Bob [x2]"] == list(agent_labels({AgentId("x1"): "Bob", AgentId("x2"): "Bob"}).values())


def test_a_trunk_that_nobody_serves_is_not_said_to_be_anothers() -> None:
    """It is moved from nobody."""
    plan = plan_of([want(0, "call", "B")], live({"call": None}))
    assert [(1, 2, "Nobody serves the trunk", "")] == told(plan)
