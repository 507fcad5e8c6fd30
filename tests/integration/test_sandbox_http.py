"""The stand-in over real sockets: what arrives, byte by byte."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from batch.errors import UsageError
from batch.sandbox.options import Options
from batch.sandbox.server import serve
from batch.sandbox.throttle import ThrottleRule
from tests.sockets import GOOD, call, connected, put, raw, standing
from tests.worlds import agent, number, world

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


def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm is off on what the stand-in accepts, or each second call would take 40 ms."""
    with standing() as handle, connected(handle) as connection:
        put(connection)
        sockets = [it.transport.get_extra_info("socket") for it in handle._server.server_state.connections]
        assert [it.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for it in sockets] != [0]


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
