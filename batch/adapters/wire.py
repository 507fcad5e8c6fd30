"""One keep-alive connection that carries one exchange at a time, and how each can break.

Between the event loop and the bytes (httptools, the parser of Node.js) there is only what a client has to decide: where
an answer without a length ends, how much of one is too much, and whether the connection can be used again. A pool would
be quadratic in its waiters; a worker that owns its connection needs none. It is asyncio's own protocol, not a stream of
anyio's: a stream stops listening between two reads, which takes a third of a call's time and hears nothing meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import zlib
from dataclasses import dataclass

import anyio
import httptools

from batch.core.calls import FaultKind

CALL_SECONDS = 30.0
"""The longest a whole call may take: a timeout per read would wait for ever on an answer that drips."""
CONNECT_SECONDS = 10.0
NEXT_ADDRESS = 0.25
"""Seconds after which a host's next address is tried beside the first (RFC 8305 §5)."""
MAX_HEAD = 64 * 1024
"""Bytes of status line and headers: eight times what common servers send at most."""
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a body, unpacked: a page of a hundred heavy agents (API.md §2) at 160 KB each."""
EASY, AT_MOST = 1024 * 1024, 200
"""Bytes that a packed body may become in any case, and how many for each of its own beyond that: lists of numbers and
ids pack to a tenth, and nothing that people write to a hundredth."""
FRAMING = 16
"""Bytes around each byte of a body, at most, when it comes in the smallest of chunks."""
BOTH_KINDS = zlib.MAX_WBITS | 32  # gzip and zlib, told apart by the header
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
CONTINUE, SWITCHING, OK = 100, 101, 200
_ERRNO = re.compile(r"\[Errno (\d+)\]")


class WireError(Exception):
    """An exchange that ended without a whole answer."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Host:
    """Where to connect, and what an exchange there may take: *seconds* for all of it, *max_body* bytes unpacked.

    ``tls`` is ``None`` for plain HTTP, which the target allows on loopback only.
    """

    name: str
    port: int
    tls: ssl.SSLContext | None = None
    seconds: float = CALL_SECONDS
    max_body: int = MAX_BODY


class Received:
    """An answer as it arrives; the parser's callbacks fill it. Header names are in lower case.

    One of them receives all answers of a connection, since a parser takes longer to make than an answer to read.
    """

    __slots__ = (
        *("complete", "head_complete", "head_size", "headers", "keeps_alive"),
        *("parser", "parts", "size", "status", "surplus"),
    )

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Be ready for an answer; whatever the last one was, it ended with nothing behind it."""
        self.status = self.size = self.head_size = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.head_complete = self.complete = self.surplus = self.keeps_alive = False

    # ── called by the parser ──────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """A second message in answer to one request is nobody's: none of it is taken."""
        self.surplus = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Lines of the same name are one value (RFC 9110 §5.2); so are trailers, which count as head too."""
        if self.complete:
            return
        self.head_size += len(name) + len(value)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Interim answers (103, say) are passed over, with their headers."""
        if self.complete:
            return
        self.status = self.parser.get_status_code()
        self.head_complete = self.status >= OK or self.status == SWITCHING
        if not self.head_complete:
            self.headers.clear()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.complete:
            return
        self.parts.append(body)
        self.size += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was only an interim one."""
        if not self.complete:
            self.complete = self.head_complete
            self.keeps_alive = self.parser.should_keep_alive()

    # ── asked by the connection ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing else says where the body ends (RFC 9112 §6.3)."""
        return self.head_complete and not self.headers.keys() & {"content-length", "transfer-encoding"}

    @property
    def reusable(self) -> bool:
        """Whether the server will hear another request on the same connection."""
        return self.complete and not self.surplus and self.keeps_alive

    def body(self, most: int) -> bytes:
        """The body, unpacked, of at most *most* bytes."""
        whole = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        packing = self.headers.get("content-encoding", "identity").strip().lower()
        if packing in {"", "identity"}:
            return whole
        return _unpacked(whole, packing, most)


def _unpacked(body: bytes, packing: str, most: int) -> bytes:
    if packing not in PACKED:
        raise WireError(FaultKind.GARBLED, f"the answer is packed in a way that was not asked for: {packing[:20]!r}")
    unpacker = zlib.decompressobj(BOTH_KINDS)
    most = min(most, max(EASY, AT_MOST * len(body)))
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise WireError(FaultKind.GARBLED, "the answer cannot be unpacked") from error
    if len(unpacked) > most:
        raise WireError(FaultKind.TOO_LARGE, f"the answer unpacks to more than {most:,} bytes")
    if body and not unpacker.eof:
        raise WireError(FaultKind.CUT, "the packed answer is not whole")
    return unpacked


class _Exchanges(asyncio.Protocol):
    """What the event loop tells of one connection, as exchanges: each ends with a whole answer or a :class:`WireError`.

    Reading is never paused: what a server says unasked ends the connection, unless the next request leaves in the same
    turn of the loop, before it could be heard. Over TLS, asyncio gives up an answer behind which a broken record comes
    in the same read: it counts as none.
    """

    def __init__(self, host: Host) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._answer = Received()
        self._read = 0
        self._used = False
        self._ended: asyncio.Future[Received] | None = None
        self._due = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether a request could be sent, and all of the last one has been."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not transport.get_write_buffer_size()

    def begin(self, request: bytes, due: float) -> asyncio.Future[Received]:
        """Send a request; the future has its answer by *due*, which is of the loop's clock."""
        assert self._transport is not None
        self._answer.begin()
        self._read, self._due = 0, due
        ended = self._ended = self._loop.create_future()
        if self._alarm is None:
            self._alarm = self._loop.call_at(due, self._look_at_clock)
        self._transport.write(request)
        return ended

    def abort(self) -> None:
        """Close the connection at once, whatever is under way."""
        self._ended = None
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.abort()

    # ── called by the event loop ──────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._ended is None:
            self.abort()
            return
        try:
            self._take(data)
        except WireError as error:
            self._fail(error)
        else:
            if self._answer.complete:
                self._succeed()

    def eof_received(self) -> None:
        """The server says no more; the transport then closes by itself."""
        if self._answer.ends_with_connection:
            self._succeed()
        else:
            self._fail(self._broken("closed"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(self._broken("closed" if exc is None else "reset"))

    # ── how an exchange ends ──────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, data: bytes) -> None:
        answer = self._answer
        self._read += len(data)
        try:
            answer.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise WireError(FaultKind.GARBLED, "the answer is not HTTP") from error
        if answer.size > self._host.max_body:
            raise WireError(FaultKind.TOO_LARGE, f"the answer has more than {self._host.max_body:,} bytes")
        around = self._read - answer.size * FRAMING  # what ends a body may itself never end
        if (around > MAX_HEAD and not answer.complete) or answer.head_size > MAX_HEAD:
            raise WireError(FaultKind.TOO_LARGE, f"the headers of the answer have more than {MAX_HEAD:,} bytes")

    def _broken(self, how: str) -> WireError:
        if self._read:
            return WireError(FaultKind.CUT, f"the connection was {how} in the middle of the answer")
        kind = FaultKind.STALE if self._used else FaultKind.READ
        return WireError(kind, f"the connection was {how} before any answer")

    def _look_at_clock(self) -> None:
        """One alarm for all exchanges, set anew only when it rings: setting one takes longer than sending."""
        self._alarm = None
        if self._ended is None:
            return
        if self._loop.time() >= self._due:
            self._fail(WireError(FaultKind.DEADLINE, f"no whole answer within {self._host.seconds:g} s"))
        else:
            self._alarm = self._loop.call_at(self._due, self._look_at_clock)

    def _succeed(self) -> None:
        self._used = True
        ended, self._ended = self._ended, None
        if ended is not None and not ended.done():
            ended.set_result(self._answer)

    def _fail(self, error: WireError) -> None:
        ended, self._ended = self._ended, None
        if ended is not None and not ended.done():
            ended.set_exception(error)


class Connection:
    """Opened by the first exchange, and again after one that left it in doubt."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._exchanges: _Exchanges | None = None

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a whole request and receive its answer: status, headers, body. Raises :class:`WireError`.

        Whatever ends otherwise than well ends the connection too: an answer that comes late must not meet the next
        request.
        """
        due = asyncio.get_running_loop().time() + self._host.seconds
        try:
            exchanges = self._exchanges
            if exchanges is None or not exchanges.open:
                exchanges = await self._open()
            answer = await exchanges.begin(request, due)
            body = answer.body(self._host.max_body)
        except BaseException:
            self._drop()
            raise
        if not (answer.reusable and exchanges.open):
            self._drop()
        return answer.status, answer.headers, body

    async def aclose(self) -> None:
        """Give the connection back."""
        self._drop()
        await asyncio.sleep(0)  # the loop closes the socket at its next turn

    async def _open(self) -> _Exchanges:
        self._drop()
        within = min(self._host.seconds, CONNECT_SECONDS)
        try:
            with anyio.fail_after(within):
                self._exchanges = exchanges = await _connect(self._host)
        except TimeoutError as error:
            raise WireError(FaultKind.CONNECT, f"no connection within {within:g} s") from error
        except (OSError, ValueError) as error:
            raise WireError(FaultKind.CONNECT, f"no connection: {_why(error)}") from error
        if not exchanges.open:
            raise WireError(FaultKind.CONNECT, "no connection: the server closed it, or spoke, before it was asked")
        return exchanges

    def _drop(self) -> None:
        exchanges, self._exchanges = self._exchanges, None
        if exchanges is not None:
            exchanges.abort()


async def _connect(host: Host) -> _Exchanges:
    """Open a connection; one that comes about after this was cancelled is closed: asyncio's own race would lose it."""
    loop = asyncio.get_running_loop()
    opening = loop.create_task(
        loop.create_connection(
            lambda: _Exchanges(host), host.name, host.port, ssl=host.tls, happy_eyeballs_delay=NEXT_ADDRESS
        )
    )
    try:
        _, exchanges = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_let_go)
        raise
    return exchanges


def _let_go(opening: asyncio.Task[tuple[asyncio.Transport, _Exchanges]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].abort()


def _why(error: OSError | ValueError) -> str:
    """The reason by the system's own words; of several addresses, that of the first."""
    if isinstance(error, ssl.SSLError | socket.gaierror):
        return error.strerror or str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (several := _ERRNO.search(str(error))) is not None:
        number = int(several[1])
    return str(error) if number is None else os.strerror(number)  # asyncio's text is "Connect call failed"
