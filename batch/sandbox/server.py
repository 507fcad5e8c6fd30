"""Serving a stand-in on loopback: in the foreground for the command line, or beside a test or a demo."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from batch.errors import UsageError
from batch.sandbox.app import PREFIX, TRANSPORT, App
from batch.sandbox.diary import Entry
from batch.sandbox.options import Options
from batch.sandbox.service import Service
from batch.sandbox.throttle import Clock
from batch.sandbox.world import World

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # the fast parser is optional
    _PARSER: Any = H11Protocol
else:
    _PARSER = HttpToolsProtocol

LOOPBACK = "127.0.0.1"
_BACKLOG = 2048
_SHUTDOWN = 1  # seconds for calls in flight; a test or Ctrl-C should not wait for a fault's delay
_START = 15.0  # seconds a loaded machine may need to start the thread

T = TypeVar("T")


class _Protocol(_PARSER):  # type: ignore[misc]  # whichever of the two parsers there is
    """Lets the application at the connection's transport, which broken answers are written to."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    """A server that says when it is ready and for which a signal is the ordinary end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As in uvicorn, but the signal is not raised again afterwards: being stopped is success."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; answers waited 40 ms for their second part
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {LOOPBACK}:{port}: {error.strerror}", hint="choose another --port"
        ) from error
    listener.listen(_BACKLOG)
    return listener


def _server(service: Service, ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        App(service),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_SHUTDOWN,
        timeout_keep_alive=75,
    )
    return _Server(config, ready)


def _url(listener: socket.socket) -> str:
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}{PREFIX}"


def serve(world: World, options: Options, *, port: int = 0, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; *ready* gets the base URL. Port 0 takes a free one.

    Raises :class:`UsageError` when the port is taken.
    """
    listener = _listen(port)
    service = Service(world, options)
    try:
        _server(service, lambda: ready(_url(listener))).run(sockets=[listener])
    finally:
        listener.close()
        service.diary.close()


@dataclass(frozen=True, slots=True)
class Handle:
    """A stand-in that runs in a thread of this process."""

    url: str
    service: Service
    _server: _Server

    @property
    def world(self) -> World:
        """The state; change it through :meth:`do` only."""
        return self.service.world

    @property
    def log(self) -> list[Entry]:
        """Every event so far."""
        return self.service.diary.entries

    def owners(self) -> dict[tuple[str, str], str | None]:
        """Every trunk and its true owner, late writes included whose time has come."""
        self.do(self.service.settle)
        return self.do(self.world.owners)

    def do(self, what: Callable[[], T]) -> T:
        """Run *what* in the server's thread, between two steps of its calls, and hand back what it gives."""
        outcome: Future[T] = Future()

        def run() -> None:
            try:
                outcome.set_result(what())
            except Exception as error:  # noqa: BLE001 -- handed on to the caller
                outcome.set_exception(error)

        if self._server.loop is None:
            raise RuntimeError("the stand-in does not run")
        self._server.loop.call_soon_threadsafe(run)
        return outcome.result(_START)


@contextlib.contextmanager
def running(
    world: World, options: Options | None = None, *, port: int = 0, clock: Clock | None = None
) -> Iterator[Handle]:
    """A stand-in in a background thread, on loopback, gone when the block ends.

    *clock* is for tests that move the throttle's and the late writes' time by hand.
    """
    listener = _listen(port)
    service = Service(world, options, clock=clock)
    started = threading.Event()
    server = _server(service, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
    thread.start()
    try:
        if not started.wait(_START):
            raise RuntimeError("the stand-in did not start")
        yield Handle(_url(listener), service, server)
    finally:
        server.should_exit = True
        thread.join(_SHUTDOWN + _START)
        listener.close()
        service.diary.close()
