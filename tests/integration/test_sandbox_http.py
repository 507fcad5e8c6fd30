"""The stand-in over real sockets: what arrives, byte by byte, and the control calls that change it in flight."""

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from batch.errors import UsageError
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.server import Handle, running, serve
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import World
from tests.worlds import agent, number, world

GOOD = {"Authorization": "Bearer sandbox-token", "Accept": "application/json"}
ASSIGN = {"phone_number": number(0), "channel": "call", "agent_uuid": agent(1)}


@contextmanager
def standing(*rules: dict[str, Any], **options: Any) -> Iterator[Handle]:
    script = faults.parse({"rules": list(rules)})
    with running(world({"call": 0}, {"call": 2}), Options(script=script, **options)) as handle:
        yield handle


@contextmanager
def connected(handle: Handle) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(handle.url).port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One exchange; raises what the wire raises."""
    data = None if body is None else json.dumps(body)
    connection.request(method, path, body=data, headers=GOOD)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def put(connection: http.client.HTTPConnection) -> tuple[int, http.client.HTTPMessage, bytes]:
    return call(connection, "PUT", "/api/v1/phone-numbers/trunks/assign", ASSIGN)


def look(connection: http.client.HTTPConnection, name: str) -> Any:
    return json.loads(call(connection, "GET", f"/_sandbox/{name}")[2])


def raw(handle: Handle, method: str = "PUT", path: str = "/api/v1/phone-numbers/trunks/assign") -> bytes:
    """Everything that arrives after one call, until the connection ends."""
    body = json.dumps(ASSIGN).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in GOOD.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    with socket.create_connection(("127.0.0.1", urlsplit(handle.url).port or 0), timeout=10) as stream:
        stream.sendall(head + body)
        parts = []
        while part := stream.recv(65536):
            parts.append(part)
    return b"".join(parts)


# ── ordinary calls ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_calls_on_one_kept_connection_change_the_state() -> None:
    """A write and a read after it, on the same port."""
    with standing() as handle, connected(handle) as connection:
        status, headers, body = put(connection)
        _, _, trunks = call(connection, "GET", "/api/v1/phone-numbers/trunks?per_page=1")
        ports = {entry.port for entry in handle.log}
    assert (200, "1200", "1199") == (status, headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"])
    assert headers["Date"]
    assert agent(1) == json.loads(body)["data"]["channels"]["call"]["agent_uuid"]
    assert agent(1) == json.loads(trunks)["data"]["items"][0]["bindings"]["call"]["agent_uuid"]
    assert 1 == len(ports)


def test_a_login_page_is_what_a_followed_redirect_ends_on() -> None:
    """Following the 302 of a refused call gives a 200 that is HTML: the trap itself."""
    with standing() as handle, connected(handle) as connection:
        status, headers, body = call(connection, "GET", "/login")
    assert (200, "text/html; charset=utf-8") == (status, headers["Content-Type"])
    assert b"Log in" in body


def test_it_listens_on_loopback_only() -> None:
    """Nobody else on the network reaches it."""
    with standing() as handle:
        assert "127.0.0.1" == urlsplit(handle.url).hostname


def test_a_taken_port_is_a_usage_error() -> None:
    """With the number, so that another can be chosen."""
    with standing() as handle:
        port = urlsplit(handle.url).port or 0
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            serve(world(), Options(), port=port, ready=print)


def test_concurrency_is_limited_at_the_socket() -> None:
    """Of two calls at once one is refused; the place is free again afterwards."""
    slow = {"match": {"nth": 1}, "do": {"delay": 0.5}}
    with (
        standing(slow, throttle=ThrottleRule(kind="concurrency", limit=1)) as handle,
        connected(handle) as first,
        connected(handle) as second,
    ):
        first.request("GET", "/api/v1/agents", headers=GOOD)
        while not handle.log:
            time.sleep(0.001)
        refused, _, _ = call(second, "GET", "/api/v1/agents")
        granted = first.getresponse()
        granted.read()
        again, _, _ = call(second, "GET", "/api/v1/agents")
    assert (429, 200, 200) == (refused, granted.status, again)


# ── broken answers ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_body_has_fewer_bytes_than_announced() -> None:
    """The status line promises more than comes."""
    with standing({"do": {"cut": {"bytes": 20}}, "when": "after"}) as handle, connected(handle) as connection:
        with pytest.raises(http.client.IncompleteRead) as cut:
            put(connection)
        owners = handle.owners()
    assert 20 == len(cut.value.partial)
    assert agent(1) == owners[number(0), "call"]


def test_a_cut_can_be_chunked_or_without_any_length() -> None:
    """No last chunk; or an answer that looks complete but is half a JSON."""
    with standing({"do": {"cut": {"bytes": 20, "framing": "chunked"}}}) as handle:
        head, _, body = raw(handle).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b'14\r\n{"success":true,"mes\r\n' == body

    with standing({"do": {"cut": {"bytes": 20, "framing": "close"}}}) as handle:
        head, _, body = raw(handle).partition(b"\r\n\r\n")
    assert b"Content-Length" not in head
    assert b'{"success":true,"mes' == body


@pytest.mark.parametrize(
    "do",
    [
        pytest.param({"reset": True}, id="at-once"),
        pytest.param({"cut": {"bytes": 5, "end": "reset"}}, id="after-some-bytes"),
    ],
)
def test_a_reset_is_an_rst(do: dict[str, Any]) -> None:
    """The client's kernel says *connection reset*, not *end of file*."""
    with standing({"do": do}) as handle, pytest.raises(ConnectionResetError):
        raw(handle)


def test_a_close_ends_the_connection_without_a_byte() -> None:
    """What a dying keep-alive connection looks like."""
    with standing({"do": {"close": True}}) as handle:
        assert b"" == raw(handle)
        assert [0] == [entry.status for entry in handle.log]


def test_garbled_bytes_are_not_http() -> None:
    """No status line at all."""
    with standing({"do": {"garbled": True}}) as handle:
        assert not raw(handle).startswith(b"HTTP")


def test_a_hangup_gives_the_whole_answer_and_then_closes_unannounced() -> None:
    """The next call on that connection finds it dead."""
    with standing({"match": {"nth": 1}, "do": {"hangup": True}}) as handle:
        answer = raw(handle)
    assert answer.endswith(b"}")
    assert b"connection: close" not in answer.lower()


def test_a_dripping_body_comes_whole_in_the_end() -> None:
    """A few bytes at a time, each soon enough for a read timeout."""
    with standing({"do": {"drip": {"bytes": 400, "every": 0.02}}}) as handle, connected(handle) as connection:
        status, _, body = put(connection)
    assert (200, True) == (status, json.loads(body)["success"])


def test_a_bomb_is_small_on_the_wire_and_large_inside() -> None:
    """One gzip member, a thousand times its size, and JSON even so."""
    size = 20_000_000
    with standing({"do": {"bomb": size}}) as handle, connected(handle) as connection:
        _, headers, body = put(connection)
    assert "gzip" == headers["Content-Encoding"]
    assert len(body) < size / 500
    assert size < len(gzip.decompress(body)) < size + 100


def test_a_huge_body_comes_without_its_length() -> None:
    """As much as was asked for, to the byte."""
    with standing({"do": {"huge": 1_234_567}}) as handle, connected(handle) as connection:
        _, headers, body = put(connection)
    assert headers["Content-Length"] is None
    assert 1_234_567 == len(body)


@pytest.mark.parametrize("what", ["headers", "body"])
def test_endless_answers_end_when_the_client_goes(what: str) -> None:
    """The server sends on until then, and is fine afterwards."""
    with standing({"match": {"nth": 1}, "do": {"endless": what}}) as handle:
        with connected(handle) as connection:
            connection.request("GET", "/api/v1/agents", headers=GOOD)
            stream = connection.sock
            assert sum(len(stream.recv(65536)) for _ in range(50)) > 100_000
        with connected(handle) as connection:
            assert 200 == call(connection, "GET", "/api/v1/agents")[0]


def test_a_late_write_happens_although_nobody_calls() -> None:
    """The state changes by itself when its time has come."""
    with standing({"do": {"late": 0.05, "close": True}}) as handle:
        raw(handle)
        deadline = time.monotonic() + 10
        while handle.world.owner(number(0), "call") != agent(1) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert agent(1) == handle.world.owner(number(0), "call")


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


def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm is off on what the stand-in accepts, or each second call would take 40 ms."""
    with standing() as handle, connected(handle) as connection:
        put(connection)
        sockets = [it.transport.get_extra_info("socket") for it in handle._server.server_state.connections]
        assert [it.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for it in sockets] != [0]
