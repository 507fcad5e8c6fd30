"""A small TCP proxy that spoils what passes through it, on loopback, in a thread of its own, the same way for a seed.

Between client and server it knows only bytes: it delays, slows down, slices, cuts, resets, half-closes, or is down.
What strikes a connection is drawn from the seed and its number since the last change, never from the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Self

LOOPBACK = "127.0.0.1"
_PIECE = 65536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER zero: closing throws away what waits and sends RST


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """What happens to the bytes of a connection; the default is nothing.

    ``latency`` and ``jitter`` are seconds per piece, ``bandwidth`` is bytes per second, ``slice`` cuts pieces to so
    many bytes at most. After so many bytes of answers ``limit`` closes, ``reset`` resets and ``half_close`` ends the
    server's half only. ``share`` of the connections are struck, ``upstream`` spoils the requests too.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: int | None = None
    slice: int | None = None
    limit: int | None = None
    reset: int | None = None
    half_close: int | None = None
    share: float = 1.0
    upstream: bool = False


NOTHING = Toxic()


@dataclass(slots=True)
class ChaosProxy:
    """A proxy before the server at *target*; use it as a context manager. ``accepted`` counts connections."""

    target: int
    toxic: Toxic = NOTHING
    seed: int = 0
    accepted: int = 0
    struck: int = 0
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _down: bool = False
    _first: int = 0
    _free: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready: Future[int] = Future()
        self._free.set()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="proxy", daemon=True)
        self._thread.start()
        self.port = ready.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10)

    @property
    def url(self) -> str:
        """The base URL that leads through the proxy."""
        return f"http://{LOOPBACK}:{self.port}/api/v1"

    # ── changed in flight ─────────────────────────────────────────────────────────────────────────────────────────

    def spoil(self, toxic: Toxic) -> None:
        """From now on do this; the connections there are end, so that it strikes whoever comes next."""
        self._change(toxic=toxic, down=self._down)

    def down(self) -> None:
        """Reset every connection, and every new one at once, until :meth:`up`."""
        self._change(toxic=self.toxic, down=True)

    def up(self) -> None:
        """Let connections through again."""
        self._change(toxic=self.toxic, down=False)

    def hold(self) -> None:
        """Let no byte through, without an end, until :meth:`release`."""
        self._do(self._free.clear)

    def release(self) -> None:
        """Let the bytes go on."""
        self._do(self._free.set)

    def _change(self, *, toxic: Toxic, down: bool) -> None:
        def change() -> None:
            self.toxic, self._down, self._first = toxic, down, self.accepted
            for writer in list(self._writers):
                _abort(writer, reset=True)

        self._do(change)

    def _do(self, what: Callable[[], None]) -> None:
        done: Future[None] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(what()))
        done.result(10)

    # ── inside the thread ─────────────────────────────────────────────────────────────────────────────────────────

    def _serve(self, ready: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, 0))
        ready.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        server.close()
        for writer in list(self._writers):
            _abort(writer)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(_settled(asyncio.all_tasks(self._loop)))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        chance = random.Random(f"{self.seed}/{self.accepted - self._first}")
        toxic = self.toxic if chance.random() < self.toxic.share else NOTHING
        self.struck += toxic is not NOTHING
        if self._down:
            _abort(writer, reset=True)
            return
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            _abort(writer, reset=True)
            return
        self._writers |= {writer, back}
        requests = Pump(reader, back, toxic if toxic.upstream else NOTHING, chance, self._free)
        answers = Pump(there, writer, toxic, chance, self._free, partner=back)
        if toxic.upstream:  # what limits answers is not what limits requests
            requests.toxic = replace(toxic, limit=None, reset=None, half_close=None)
        with contextlib.suppress(asyncio.CancelledError):  # the proxy ends, and nobody waits for this task
            await _settled({asyncio.create_task(requests.run()), asyncio.create_task(answers.run())})
        self._writers -= {writer, back}
        for end in (writer, back):
            _abort(end)


@dataclass(slots=True)
class Pump:
    """One direction of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    toxic: Toxic
    chance: random.Random
    free: asyncio.Event
    partner: asyncio.StreamWriter | None = None
    sent: int = 0

    async def run(self) -> None:
        """Carry bytes until either end has had enough."""
        with contextlib.suppress(ConnectionError, OSError):
            while piece := await self.reader.read(self.toxic.slice or _PIECE):
                await self.free.wait()
                await self._wait(len(piece))
                ending = self._ending(len(piece))
                self.writer.write(piece[: None if ending is None else ending[1]])
                self.sent += len(piece)
                if ending is not None:
                    await self._end(ending[0])
                    return
                await self.writer.drain()
        if self.writer.can_write_eof() and not self.writer.is_closing():
            with contextlib.suppress(OSError):
                self.writer.write_eof()

    async def _wait(self, size: int) -> None:
        seconds = self.toxic.latency + self.toxic.jitter * self.chance.random()
        if self.toxic.bandwidth:
            seconds += size / self.toxic.bandwidth
        if seconds:
            await asyncio.sleep(seconds)

    def _ending(self, size: int) -> tuple[str, int] | None:
        """How the connection ends within the next *size* bytes, and how many of them still pass."""
        bounds = {"limit": self.toxic.limit, "reset": self.toxic.reset, "half_close": self.toxic.half_close}
        due = {how: bound - self.sent for how, bound in bounds.items() if bound is not None}
        return next(((how, max(0, left)) for how, left in due.items() if left < size), None)

    async def _end(self, how: str) -> None:
        if how == "half_close":
            self.writer.write_eof()
            await self.reader.read()  # the server may go on talking; nobody listens
            return
        if how == "limit":
            with contextlib.suppress(OSError):
                await self.writer.drain()
        _abort(self.writer, reset=how == "reset")
        if self.partner is not None:
            _abort(self.partner)


def _abort(writer: asyncio.StreamWriter, *, reset: bool = False) -> None:
    inner: Any = writer.get_extra_info("socket")
    if inner is not None and not writer.is_closing():
        if reset:
            with contextlib.suppress(OSError):
                inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        else:
            writer.close()


async def _settled(tasks: set[asyncio.Task[Any]]) -> None:
    """Wait for tasks of a dying loop or connection; how they end is nobody's business."""
    me = asyncio.current_task()
    await asyncio.gather(*(task for task in tasks if task is not me), return_exceptions=True)


@contextlib.contextmanager
def through(url: str, toxic: Toxic = NOTHING, *, seed: int = 0) -> Iterator[ChaosProxy]:
    """A proxy before the stand-in at *url*."""
    port = int(url.removesuffix("/api/v1").rpartition(":")[2])
    with ChaosProxy(port, toxic, seed) as proxy:
        yield proxy
