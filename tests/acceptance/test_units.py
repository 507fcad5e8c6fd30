"""Rows of several channels, rows that wait for each other, rings: against a server that refuses a second number."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import SINGLES
from tests.acceptance.desk import Desk, Sandbox, row
from tests.worlds import agent, number

PUT = {"method": "PUT"}
BOTH = ("call", "whatsapp")
SPARE = SINGLES


def trunks(index: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two trunks of a number."""
    return (number(index), "call"), (number(index), "whatsapp")


@pytest.mark.parametrize("typed", ["call, whatsapp", "Voice + wa", "all"])
def test_a_row_of_several_channels_moves_each_of_them(at_exclusive: Desk, exclusive: Sandbox, typed: str) -> None:
    """Two calls, two lines in the results."""
    sheet = at_exclusive.sheet((number(0), typed, agent(SPARE)))
    done = at_exclusive("apply", sheet, "--yes", "--run-id", "r1")
    assert (done.returncode, at_exclusive.statuses("r1")) == (0, dict.fromkeys(trunks(0), "done")), done.stderr
    assert exclusive.moved() == dict.fromkeys(trunks(0), agent(SPARE))


def test_all_means_the_channels_on_which_the_number_has_a_trunk(at: Desk, sandbox: Sandbox) -> None:
    """An odd number has a call trunk only."""
    done = at("apply", at.sheet((number(1), "all", agent(10)), (number(2), "both", agent(11))), "--yes")
    assert done.returncode == 0
    expected = {(number(1), "call"): agent(10)} | dict.fromkeys(trunks(2), agent(11))
    assert sandbox.moved() == expected


def test_a_unit_is_put_back_when_one_of_its_channels_is_refused(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """No trunk stays split unasked; the other rows are done."""
    exclusive.faults({"match": PUT | {"number": number(0), "channel": "whatsapp"}, "do": {"status": 422}})
    sheet = at_exclusive.sheet((number(0), "all", agent(SPARE)), (number(1), "all", agent(SPARE + 1)))
    assert at_exclusive("apply", sheet, "--yes", "--run-id", "r1").returncode == 5
    assert exclusive.moved() == dict.fromkeys(trunks(1), agent(SPARE + 1))
    told = at_exclusive.statuses("r1")
    assert (told[number(0), "whatsapp"], told[number(1), "call"], told[number(1), "whatsapp"]) == (
        *("rejected", "done", "done"),
    )
    assert told[number(0), "call"] in ("failed", "skipped")


def test_on_split_keep_leaves_the_other_channel_where_it_is(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Asked for, and named in the report."""
    exclusive.faults({"match": PUT | {"number": number(0), "channel": "whatsapp"}, "do": {"status": 422}})
    sheet = at_exclusive.sheet((number(0), "all", agent(SPARE)))
    assert at_exclusive("apply", sheet, "--yes", "--on-split", "keep", "--run-id", "r1").returncode == 5
    assert exclusive.moved() == {(number(0), "call"): agent(SPARE)}
    assert at_exclusive.statuses("r1") == {(number(0), "call"): "done", (number(0), "whatsapp"): "rejected"}


def test_a_chain_runs_from_its_far_end(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Each move waits for the one that frees its agent; the sheet's order does not matter."""
    sheet = at_exclusive.sheet(row(0, 1), row(1, 2), row(2, SPARE))
    assert at_exclusive("apply", sheet, "--yes", "--max-change", "50%").returncode == 0
    assert [entry["number"] for entry in exclusive.log("PUT")] == [number(2), number(1), number(0)]
    assert {entry["status"] for entry in exclusive.log("PUT")} == {200}


def test_a_failure_at_the_far_end_leaves_its_dependents_skipped(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """With the reason; nothing is tried that must fail."""
    exclusive.faults({"match": PUT | {"number": number(2)}, "do": {"status": 422}})
    sheet = at_exclusive.sheet(row(0, 1), row(1, 2), row(2, SPARE))
    assert at_exclusive("apply", sheet, "--yes", "--run-id", "r1", "--max-change", "50%").returncode == 5
    told = {line["number"]: (line["status"], line["reason"].partition(":")[0]) for line in at_exclusive.results("r1")}
    assert told[number(2)] == ("rejected", "server_refused")
    assert {told[number(0)], told[number(1)]} == {("skipped", "dependency")}
    assert (exclusive.moved(), len(exclusive.log("PUT"))) == ({}, 1)


def test_a_swap_is_refused_by_name_without_a_spare(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Exit 3: a problem of its rows, which names the others and the flag."""
    done = at_exclusive("apply", at_exclusive.sheet(row(0, 1), row(1, 0)), "--yes")
    assert (done.returncode, exclusive.log("PUT")) == (3, [])
    assert "ring_without_spare" in done.stderr
    assert "--parking-agent" in done.stderr


@pytest.mark.parametrize("channel", ["call", "all"])
def test_a_swap_goes_by_way_of_a_spare(at_exclusive: Desk, exclusive: Sandbox, channel: str) -> None:
    """One more call for each ring; the spare is free again at the end."""
    sheet = at_exclusive.sheet(row(0, 1, channel), row(1, 0, channel))
    extra = ("--parking-agent", agent(SPARE), "--run-id", "r1")
    done = at_exclusive("apply", sheet, "--yes", *extra)
    count = 2 if channel == "all" else 1
    assert (done.returncode, len(exclusive.log("PUT"))) == (0, 3 * count), done.stderr
    channels = BOTH[:count]
    swapped = {(number(index), channel): agent(1 - index) for index in (0, 1) for channel in channels}
    assert exclusive.moved() == swapped
    assert at_exclusive.statuses("r1") == dict.fromkeys(swapped, "done")


def test_a_swap_is_rolled_back_by_way_of_a_spare(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Undoing a ring is a ring."""
    extra = ("--yes", "--parking-agent", agent(SPARE))
    at_exclusive("apply", at_exclusive.sheet(row(0, 1), row(1, 0)), *extra, "--run-id", "r1")
    assert at_exclusive("rollback", "r1", *extra).returncode == 0
    assert exclusive.moved() == {}


def test_a_spare_that_is_taken_is_refused(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Whoever serves a number cannot park one."""
    sheet = at_exclusive.sheet(row(0, 1), row(1, 0))
    done = at_exclusive("apply", sheet, "--yes", "--parking-agent", agent(5))
    assert (done.returncode in (2, 3), exclusive.log("PUT")) == (True, []), done.stderr


@pytest.mark.parametrize(
    "second",
    [pytest.param(row(1, SPARE), id="two rows into one agent"), pytest.param(row(1, 5), id="into one that is held")],
)
def test_an_agent_that_would_serve_two_numbers_is_a_problem_of_the_row(
    at_exclusive: Desk, exclusive: Sandbox, second: tuple[str, str, str]
) -> None:
    """Seen by planning, before any call."""
    done = at_exclusive("apply", at_exclusive.sheet(row(0, SPARE), second), "--yes")
    assert (done.returncode, exclusive.log("PUT")) == (3, []), done.stderr


def test_what_the_plan_thought_free_and_the_server_refuses_is_rejected(at_exclusive: Desk, exclusive: Sandbox) -> None:
    """Said to be shared, it is not: the server's own word stands in the report."""
    sheet = at_exclusive.sheet(row(0, 5))
    done = at_exclusive("apply", sheet, "--yes", "--occupancy", "shared", "--run-id", "r1")
    line = at_exclusive.results("r1")[0]
    assert (done.returncode, line["status"], line["http_status"]) == (5, "rejected", "409")
    assert exclusive.moved() == {}
