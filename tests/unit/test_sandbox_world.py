"""The stand-in's workspace: believable, repeatable, consistent."""

import json
from collections import Counter
from dataclasses import asdict

import phonenumbers
import pytest

from batch.errors import UsageError
from batch.sandbox.generate import Size, believable
from batch.sandbox.world import World
from tests.worlds import agent, bought, number, world


def served(made: World, channel: str) -> Counter[str]:
    return Counter(row.bindings[channel] for row in made.numbers.values() if row.bindings.get(channel))


def test_the_same_seed_makes_the_same_workspace() -> None:
    """A test or a demo can be repeated to the byte; another seed is another workspace."""
    assert World.generate(7).to_json() == World.generate(7).to_json()
    assert World.generate(7).to_json() != World.generate(8).to_json()


def test_the_default_workspace_is_believable() -> None:
    """260 external and 24 purchased numbers, 48 agents, exactly one name twice, numbers that can exist."""
    made = World.generate()
    names = Counter(row.name for row in made.agents.values())
    external = [row for row in made.numbers.values() if row.external]

    assert (260, 24, 48) == (len(external), len(made.numbers) - 260, len(made.agents))
    assert [2] == [count for count in names.values() if count > 1]
    assert {("call",), ("whatsapp",), ("call", "whatsapp")} == {tuple(row.bindings) for row in external}
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(text)) for text in made.numbers)


def test_some_agents_of_the_default_workspace_serve_many_numbers_and_some_none() -> None:
    """It is a call centre: sharing is visible in the snapshot, and there are free agents."""
    calls = served(World.generate(), "call")
    assert max(calls.values()) > 5
    assert len(calls) < 48


@pytest.mark.parametrize("seed", range(5))
def test_an_exclusive_workspace_has_one_number_per_agent_and_channel_and_spares(seed: int) -> None:
    """So that the rule `refuse` is not broken from the start, and a ring can be parked."""
    made = World.generate(seed, numbers=120, exclusive=True)
    for channel in ("call", "whatsapp", "sms"):
        assert {1} == set(served(made, channel).values())
        assert len(served(made, channel)) < len(made.agents)


def test_an_exclusive_workspace_with_too_few_agents_is_refused() -> None:
    """The message gives the figures."""
    with pytest.raises(UsageError, match="needs more than"):
        World.generate(numbers=50, agents=10, exclusive=True)


def test_a_workspace_comes_back_from_its_state_file(tmp_path) -> None:
    """Saving and loading loses nothing."""
    made = World.generate(numbers=20, purchased=3)
    made.save(tmp_path / "world.json")
    assert made.to_json() == World.load(tmp_path / "world.json").to_json()


def test_a_state_file_needs_little() -> None:
    """Only uuids, names and numbers are required."""
    data = {"agents": [{"uuid": agent(0), "name": "A"}], "numbers": [{"uuid": "u", "number": number(0)}]}
    assert {} == World.from_json(data).owners()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"agents": 3}, "agents", id="not-a-list"),
        pytest.param({"numbers": [{"uuid": "u"}]}, r"numbers\[0\].number", id="number-missing"),
        pytest.param({"colour": 1}, "colour", id="unknown-key"),
        pytest.param(
            {"numbers": [{"uuid": "u", "number": "+1", "bindings": {"call": "x"}}]}, "not in it: x", id="stranger"
        ),
        pytest.param({"agents": [{"uuid": "a", "name": "A"}] * 2}, "twice", id="twice"),
    ],
)
def test_a_wrong_state_is_refused_naming_the_place(change: dict[str, object], place: str) -> None:
    """Collected by key, as everything typed by people."""
    good: dict[str, object] = {"agents": [], "numbers": []}
    with pytest.raises(UsageError, match=place):
        World.from_json(good | change)


def test_a_state_file_that_is_not_there_or_not_json_is_refused(tmp_path) -> None:
    """Both are mistakes of the command line."""
    with pytest.raises(UsageError, match="cannot read"):
        World.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        World.load(tmp_path / "bad.json")


def test_assigning_moves_one_trunk_only() -> None:
    """The other channel of the number keeps its agent (API.md §3.4)."""
    made = world({"call": 0, "whatsapp": 0})
    made.assign(number(0), "call", agent(1))
    assert {(number(0), "call"): agent(1), (number(0), "whatsapp"): agent(0)} == made.owners()


def test_occupants_are_numbers_of_both_kinds_and_other_connections() -> None:
    """An agent's channel may be held by something that is no trunk (API.md §3.3)."""
    made = world({"call": 0}, {"call": 0}, purchased=[{"call": 0}], holders=[(0, "sip")])
    assert [number(1), bought(0), "sip connection"] == made.occupants(agent(0), "call", besides=number(0))
    assert [] == made.occupants(agent(0), "whatsapp")


def test_displacing_takes_the_channel_from_every_other_holder() -> None:
    """The earlier number is left unbound; nobody else is touched."""
    made = world({"call": 0}, {"call": 1}, {"call": 2}, holders=[(1, "pbx")])
    made.assign(number(0), "call", agent(1), displace=True)
    assert [agent(1), None, agent(2)] == [made.owner(number(i), "call") for i in range(3)]
    assert [number(0)] == made.occupants(agent(1), "call")
    assert () == made.holders


def test_two_worlds_of_the_same_rows_do_not_share_state() -> None:
    """A test may keep the rows and build the world anew."""
    rows = believable(1, Size(numbers=1))
    first, second = World(rows), World(rows)
    (trunk,), before = {number for number, _, _ in first.trunks()}, second.owners()
    for channel in first.numbers[trunk].bindings:
        first.set_owner(trunk, channel, None)
    assert before == second.owners() != first.owners()


def test_a_lagging_read_shows_the_old_owner_until_its_time() -> None:
    """What a replica behind the primary would answer."""
    made = world({"call": 1})
    made.lag(number(0), "call", until=5.0, owner=agent(0))
    row = made.numbers[number(0)]
    assert [agent(0), agent(1)] == [made.seen(row, now)["call"] for now in (4.9, 5.0)]
    assert agent(1) == made.owner(number(0), "call")


def test_the_state_is_json(tmp_path) -> None:
    """Names in every script survive the file."""
    made = World.generate()
    made.save(tmp_path / "w.json")
    data = json.loads((tmp_path / "w.json").read_text(encoding="utf-8"))
    assert [asdict(row) for row in made.agents.values()] == data["agents"]
