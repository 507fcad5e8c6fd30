"""Order under the one-number-per-agent rule, end to end on the sheets of ``samples/order``, and its three servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.world import World
from tests import samples
from tests.acceptance.desk import Desk, Sandbox, broken_off, row, sandbox_process, until
from tests.samples import FOLDER, NUMBERS, number, uuid
from tests.worlds import agent
from tests.worlds import number as single

SPARE = uuid(NUMBERS)
ALL = ("--yes", "--max-change", "100%", "--quiet")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A stand-in of the samples' workspace that refuses a second number for an agent."""
    state = tmp_path_factory.mktemp("order") / "state.json"
    World.load(FOLDER / "workspace.json").save(state)
    with sandbox_process("--state", state, "--occupancy", "refuse", folder=state.parent) as running:
        yield running


@pytest.fixture
def here(process: Sandbox, desk: Desk) -> Desk:
    """An account set up for that workspace as it was at first."""
    process.reset()
    return desk.set_up_for(process)


def sent(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The PUTs in order: which number went to which agent."""
    return [(entry["number"], entry["agent"]) for entry in sandbox.log("PUT")]


def test_the_samples_are_what_their_script_makes() -> None:
    """Nobody edits them by hand."""
    assert samples.sheets() == {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}


@pytest.mark.parametrize("sheet", ["swap.csv", "ring_of_five.csv"])
def test_a_ring_without_a_spare_is_refused_naming_its_members(here: Desk, process: Sandbox, sheet: str) -> None:
    """It has no safe first step (API.md §3.2): invalid rows, nothing sent, and the flag that helps."""
    done = here("apply", FOLDER / sheet, *ALL[:-1])
    assert (done.returncode, process.log("PUT")) == (3, [])
    assert "--parking-agent" in done.stderr
    assert number(1) in done.stderr


@pytest.mark.parametrize(("sheet", "members"), [("swap.csv", 2), ("ring_of_five.csv", 5)])
def test_a_ring_takes_one_extra_call_and_leaves_the_spare_free(
    here: Desk, process: Sandbox, sheet: str, members: int
) -> None:
    """One trunk is parked and comes home last."""
    done = here("apply", FOLDER / sheet, *ALL, "--parking-agent", SPARE, "--run-id", "ring")
    wanted = {(number(i), "call"): uuid((i + 1) % members) for i in range(members)}
    assert (done.returncode, process.moved()) == (0, wanted)
    assert len(sent(process)) == members + 1
    assert SPARE not in process.owners().values()


def test_a_ring_is_rolled_back_by_way_of_the_spare_too(here: Desk, process: Sandbox) -> None:
    """The first state is back, and the spare is free."""
    here("apply", FOLDER / "ring_of_five.csv", *ALL, "--parking-agent", SPARE, "--run-id", "ring")
    done = here("rollback", "ring", *ALL)
    assert (done.returncode, process.moved()) == (0, {})


def test_a_ring_that_is_killed_in_the_middle_is_resumed(here: Desk, process: Sandbox) -> None:
    """Whatever stands on the spare at that moment comes home."""
    process.faults({"match": {"method": "PUT"}, "do": {"delay": 0.2}})
    command = ("apply", FOLDER / "ring_of_five.csv", *ALL, "--parking-agent", SPARE, "--run-id", "ring")
    with here.start(*command) as running:
        until(lambda: len(sent(process)) >= 3)
        running.kill()
        running.communicate()
    process.faults()
    done = here("resume", "ring", "--quiet")
    wanted = {(number(i), "call"): uuid((i + 1) % 5) for i in range(5)}
    assert (done.returncode, process.moved()) == (0, wanted)
    assert SPARE not in process.owners().values()


def test_a_chain_of_a_thousand_runs_from_its_far_end(here: Desk, process: Sandbox) -> None:
    """Each trunk moves into the agent that the one after it has just left; no call is refused."""
    done = here("apply", FOLDER / "chain_of_a_thousand.csv", *ALL, "--run-id", "chain")
    chain = range(samples.FIRST_OF_CHAIN, samples.FIRST_OF_CHAIN + samples.CHAIN)
    assert (done.returncode, done.stderr) == (0, "")
    assert sent(process) == [(number(i), uuid(i + 1)) for i in reversed(chain)]
    assert process.moved() == {(number(i), "call"): uuid(i + 1) for i in chain}


def test_a_split_row_is_put_back_as_a_whole(here: Desk, process: Sandbox) -> None:
    """WhatsApp is refused for good, so call goes back to where it was."""
    process.faults({"match": {"method": "PUT", "channel": "whatsapp"}, "do": {"status": 422}})
    done = here("apply", FOLDER / "split_trunk.csv", *ALL, "--run-id", "split")
    statuses = here.statuses("split")
    assert (done.returncode, process.moved()) == (5, {})
    assert statuses == {(number(2), "call"): "failed", (number(2), "whatsapp"): "rejected"}


def test_a_split_row_is_left_when_that_is_asked_for(here: Desk, process: Sandbox) -> None:
    """`--on-split keep`."""
    process.faults({"match": {"method": "PUT", "channel": "whatsapp"}, "do": {"status": 422}})
    here("apply", FOLDER / "split_trunk.csv", *ALL, "--on-split", "keep")
    assert process.moved() == {(number(2), "call"): SPARE}


def test_a_cut_over_in_two_waves_keeps_the_sheets_waves(here: Desk, process: Sandbox) -> None:
    """The second wave takes over the agents that the first has freed, and nothing of it goes earlier."""
    done = here("apply", FOLDER / "two_waves.csv", *ALL)
    order = [int(called[-7:]) - 5_000_000 for called, _ in sent(process)]
    assert done.returncode == 0
    assert (set(order[:10]), set(order[10:])) == (set(range(20, 30)), set(range(30, 40)))


# ── a server that is not as the snapshot made believe ─────────────────────────────────────────────────────────────────


def test_a_conflict_where_sharing_was_believed_is_resolved_by_waiting(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Planned as shared, in the wrong order: the server says no, and the row waits for what will free its agent."""
    sheet = at_exclusive.sheet(row(0, 1), row(1, 2), row(2, 12))
    done = at_exclusive("apply", sheet, *ALL, "--occupancy", "shared", "--run-id", "wait")
    assert (done.returncode, set(at_exclusive.statuses("wait").values())) == (0, {"done"})


def test_a_displaced_number_stops_the_run_after_its_first_wave(desk: Desk, tmp_path: Path) -> None:
    """The server takes the agent away from the number it served: one victim, not all of them."""
    state = tmp_path / "state.json"
    World.load(FOLDER / "workspace.json").save(state)
    with sandbox_process("--state", state, "--occupancy", "displace", folder=tmp_path) as running:
        desk.set_up_for(running)
        sheet = desk.sheet(*((number(i), "call", uuid(100 + i)) for i in range(20)))
        done = desk("apply", sheet, "--yes", "--occupancy", "shared", "--run-id", "displaced")
        victims = {trunk for trunk, owner in running.owners().items() if owner is None}
    assert (done.returncode, victims) == (7, {(number(100), "call")})
    assert number(100) in done.stderr
    assert "--occupancy exclusive" in done.stderr


def test_a_number_displaced_in_the_last_wave_is_named(desk: Desk, tmp_path: Path) -> None:
    """No wave is stopped by it, but the run has cost somebody else an agent, and says so, resumed or not."""
    state = tmp_path / "state.json"
    World.load(FOLDER / "workspace.json").save(state)
    with sandbox_process("--state", state, "--occupancy", "displace", folder=tmp_path) as running:
        desk.set_up_for(running)
        sheet = desk.sheet(*((number(i), "call", uuid(to)) for i, to in enumerate((1010, 1011, 100))))
        done = desk("apply", sheet, "--yes", "--occupancy", "shared", "--run-id", "displaced")
        victims = {trunk for trunk, owner in running.owners().items() if owner is None}
        again = desk("resume", "displaced", "--yes")
    moved, told = desk.statuses("displaced"), desk.summary("displaced")
    assert (done.returncode, victims, set(moved.values())) == (7, {(number(100), "call")}, {"done"})
    assert (again.returncode, number(100) in done.stderr) == (7, True)
    assert number(100) in told["stopped"]


def taken(desk: Desk, run: str) -> dict[str, str]:
    """By number, the stable code of how its line ended."""
    return {line["number"]: line["reason"].partition(":")[0] for line in desk.results(run)}


def test_a_saved_plan_takes_nobody_an_agent_that_was_given_away_since(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Its owners are as planned, but one of the free agents is none any more; the other row goes on."""
    at_exclusive("plan", at_exclusive.sheet(row(0, 12), row(1, 13)), "-o", "plan.json")
    exclusive.set_owner((single(5), "call"), agent(12))
    done = at_exclusive("apply", "plan.json", *ALL, "--run-id", "late")
    assert (done.returncode, [entry["agent"] for entry in exclusive.log("PUT")]) == (5, [agent(13)])
    assert taken(at_exclusive, "late") == {single(0): "agent_occupied", single(1): "verified"}


def test_a_resumed_run_takes_nobody_an_agent_that_was_given_away_since(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Between the two sittings; what waits for that agent's row is not started either, and a retry refuses it."""
    sheet = at_exclusive.sheet(row(2, 14), row(0, 12), row(1, 0))
    broken_off(at_exclusive, exclusive, "apply", sheet, *ALL, "--run-id", "late")
    exclusive.set_owner((single(5), "call"), agent(12))
    done = at_exclusive("resume", "late", "--yes")
    told = taken(at_exclusive, "late")
    assert (done.returncode, told) == (
        5,
        {single(2): "verified", single(0): "agent_occupied", single(1): "dependency"},
    )
    assert [entry["agent"] for entry in exclusive.log("PUT")] == [agent(14)]
    assert at_exclusive("retry", "late", "--yes").returncode == 3


def test_a_resumed_run_names_who_came_to_its_agents_since(desk: Desk, tmp_path: Path) -> None:
    """Where agents are shared, whoever was given one of them between the sittings can lose it too."""
    state = tmp_path / "state.json"
    World.load(FOLDER / "workspace.json").save(state)
    with sandbox_process("--state", state, "--occupancy", "displace", folder=tmp_path) as running:
        desk.set_up_for(running)
        sheet = desk.sheet(*((number(i), "call", uuid(to)) for i, to in enumerate((1010, 1011, 1012))))
        broken_off(desk, running, "apply", sheet, "--yes", "--occupancy", "shared", "--run-id", "late")
        running.set_owner((number(100), "call"), uuid(1012))
        done = desk("resume", "late", "--yes")
        assert (done.returncode, running.owners()[(number(100), "call")]) == (7, None)
    assert number(100) in done.stderr
