"""The stand-in as a process: the control calls that change it in flight, and its command."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest

from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import World
from tests.sockets import call, connected, look, put, standing
from tests.worlds import agent, number, world

# ── control ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_state_shows_every_trunk_and_takes_edits_from_outside() -> None:
    """What a person in the panel would do; the log has it."""
    edit = {"number": number(1), "channel": "call", "agent": agent(4)}
    with standing() as handle, connected(handle) as connection:
        before = look(connection, "state")["trunks"]
        call(connection, "PUT", "/_sandbox/state", edit)
        call(connection, "POST", "/_sandbox/state", [edit | {"number": number(0), "agent": None}])
        after = look(connection, "state")["trunks"]
        events = [entry["event"] for entry in look(connection, "log")["entries"]]
    assert [agent(0), agent(2)] == [trunk["agent"] for trunk in before]
    assert [None, agent(4)] == [trunk["agent"] for trunk in after]
    assert ["outside", "outside"] == events


def test_log_tells_what_was_called_but_never_the_token() -> None:
    """From a number on; it can be forgotten."""
    with standing() as handle, connected(handle) as connection:
        put(connection)
        call(connection, "GET", "/api/v1/agents?page=2")
        _, _, text = call(connection, "GET", "/_sandbox/log")
        later = look(connection, "log?after=1")["entries"]
        call(connection, "DELETE", "/_sandbox/log")
        empty = look(connection, "log")["entries"]
    assert b"sandbox-token" not in text
    assert [("GET", "/agents", "page=2")] == [(e["method"], e["path"], e["query"]) for e in later]
    assert [] == empty


def test_throttle_faults_and_occupancy_change_in_flight() -> None:
    """Each from the next call on."""
    script = {"rules": [{"match": {"nth": 1}, "do": {"status": 503}}]}
    with standing() as handle, connected(handle) as connection:
        call(connection, "PUT", "/_sandbox/occupancy", {"rule": "refuse", "status": 422})
        call(connection, "PUT", "/_sandbox/state", {"number": number(1), "channel": "call", "agent": agent(1)})
        occupied, _, _ = put(connection)
        call(connection, "PUT", "/_sandbox/faults", script)
        broken, _, _ = put(connection)
        struck = look(connection, "faults")
        call(connection, "PUT", "/_sandbox/throttle", {"limit": 1})
        statuses = [put(connection)[0] for _ in range(2)]
        limit = look(connection, "throttle")["limit"]
    assert (422, 503, [422, 429], 1) == (occupied, broken, statuses, limit)
    assert script | {"struck": [1]} == struck


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        pytest.param("throttle", {"limit": 0}, "limit", id="throttle"),
        pytest.param("faults", {"rules": [{"do": {"x": 1}}]}, "rules[0].do.x", id="faults"),
        pytest.param("occupancy", {"rule": "perhaps"}, "rule", id="occupancy"),
        pytest.param("log?after=x", None, "invalid", id="log"),
        pytest.param("state", {"number": "+1", "channel": "call", "agent": None}, "no trunk +1/call", id="state"),
    ],
)
def test_a_wrong_control_call_is_answered_with_a_sentence(name: str, body: Any, words: str) -> None:
    """And nothing changes."""
    with standing() as handle, connected(handle) as connection:
        status, _, text = call(connection, "GET" if body is None else "PUT", f"/_sandbox/{name}", body)
        owners = handle.owners()
    assert 422 == status
    assert words in json.loads(text)["error"]
    assert agent(0) == owners[number(0), "call"]


def test_an_unknown_control_call_names_the_known_ones() -> None:
    """Not the panel's page, which would look like success."""
    with standing() as handle, connected(handle) as connection:
        status, _, text = call(connection, "GET", "/_sandbox/stat")
    assert 404 == status
    assert b"occupancy" in text


def test_control_calls_are_not_throttled_and_need_no_token() -> None:
    """A checker must see the truth at any time."""
    with standing(throttle=ThrottleRule(limit=1)) as handle, connected(handle) as connection:
        for _ in range(3):
            connection.request("GET", "/_sandbox/state")
            response = connection.getresponse()
            response.read()
            assert 200 == response.status
        assert [] == handle.log


# ── the process ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_the_command_prints_one_line_and_ends_with_a_signal(tmp_path, stop: signal.Signals) -> None:
    """Ready line, log file, and the state saved at the end; stopping it is success."""
    state, log = tmp_path / "state.json", tmp_path / "log.jsonl"
    world({"call": 0}).save(state)
    command = [sys.executable, "-m", "batch.sandbox", "--state", str(state), "--log", str(log), "--rate", "none"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = urlsplit(line.removeprefix("listening on ").strip())
        connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=10)
        put(connection)
        entries = [json.loads(text) for text in log.read_text().splitlines()]
        process.send_signal(stop)
        rest, errors = process.communicate(timeout=10)
        connection.close()
    assert ("/api/v1", "", "", 0) == (url.path, rest, errors, process.returncode)
    assert [(True, 200)] == [(entry["applied"], entry["status"]) for entry in entries]
    assert agent(1) == World.load(state).owner(number(0), "call")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--rate", "fast"], "--rate 'fast'", id="rate"),
        pytest.param(["--script", "none.json"], "cannot read none.json", id="script"),
        pytest.param(["--numbers", "50", "--agents", "3", "--exclusive"], "needs more than", id="agents"),
    ],
)
def test_the_command_explains_what_is_wrong(arguments: list[str], words: str) -> None:
    """Exit 2 and a sentence on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "batch.sandbox", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
