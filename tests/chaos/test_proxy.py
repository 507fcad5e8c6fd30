"""The chaos proxy does to the bytes what it is told, and the same again for the same seed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import ChaosProxy, Toxic

ANSWER = bytes(range(256)) * 40


@pytest.fixture
def server() -> Iterator[int]:
    """A server that answers whatever it is sent with :data:`ANSWER` and waits for the end; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while connection.recv(4096):
                    connection.sendall(ANSWER)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def ask(port: int, *, want: int = len(ANSWER)) -> tuple[bytes, str]:
    """One question; what came back, and how it ended: whole, closed, reset."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"?")
            while len(got) < want:
                piece = connection.recv(65536)
                if not piece:
                    return got, "closed"
                got += piece
    except ConnectionError:
        return got, "reset"
    return got, "whole"


def drain(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_without_a_toxic_everything_passes(server: int) -> None:
    """Byte for byte."""
    with ChaosProxy(server) as proxy:
        assert (ask(proxy.port), proxy.accepted, proxy.struck) == ((ANSWER, "whole"), 1, 0)


@pytest.mark.parametrize(
    ("toxic", "expected"),
    [
        pytest.param(Toxic(limit=100), (ANSWER[:100], "closed"), id="limit"),
        pytest.param(Toxic(half_close=50), (ANSWER[:50], "closed"), id="half close"),
        pytest.param(Toxic(limit=0), (b"", "closed"), id="nothing at all"),
        pytest.param(Toxic(slice=7), (ANSWER, "whole"), id="slices"),
        pytest.param(Toxic(slice=512, upstream=True, jitter=0.001), (ANSWER, "whole"), id="jitter"),
    ],
)
def test_a_toxic_cuts_where_it_is_told(server: int, toxic: Toxic, expected: tuple[bytes, str]) -> None:
    """After exactly so many bytes of the answer."""
    with ChaosProxy(server, toxic) as proxy:
        assert ask(proxy.port) == expected


def test_a_reset_is_a_reset(server: int) -> None:
    """Not an orderly end; what was on its way may be lost with it."""
    with ChaosProxy(server, Toxic(reset=0)) as proxy:
        assert ask(proxy.port) == (b"", "reset")


@pytest.mark.parametrize("toxic", [Toxic(latency=0.2), Toxic(bandwidth=len(ANSWER) * 5)], ids=["latency", "bandwidth"])
def test_what_delays_takes_its_time(server: int, toxic: Toxic) -> None:
    """A fifth of a second, both ways of saying it."""
    with ChaosProxy(server, toxic) as proxy:
        began = time.monotonic()
        assert ask(proxy.port)[1] == "whole"
        assert 0.15 < time.monotonic() - began < 2


def test_down_ends_what_is_open_and_up_lets_through_again(server: int) -> None:
    """A connection that was fine before is reset too."""
    with ChaosProxy(server) as proxy, socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(b"?")
        assert connection.recv(1)
        proxy.down()
        with pytest.raises(ConnectionError):
            drain(connection)
        assert ask(proxy.port)[1] == "reset"
        proxy.up()
        assert ask(proxy.port)[1] == "whole"


def test_held_bytes_come_when_they_are_released(server: int) -> None:
    """Not one before."""
    with ChaosProxy(server) as proxy, socket.create_connection(("127.0.0.1", proxy.port), timeout=0.1) as connection:
        proxy.hold()
        connection.sendall(b"?")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.release()
        connection.settimeout(5)
        assert connection.recv(1) == ANSWER[:1]


def test_the_same_seed_strikes_the_same_connections(server: int) -> None:
    """And another seed others."""

    def endings(seed: int) -> list[str]:
        with ChaosProxy(server, Toxic(limit=0, share=0.5), seed) as proxy:
            return [ask(proxy.port)[1] for _ in range(12)]

    first = endings(1)
    assert first == endings(1)
    assert set(first) == {"whole", "closed"}
    assert first != endings(2)
