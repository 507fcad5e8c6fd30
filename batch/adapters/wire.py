"""One keep-alive connection that carries one exchange at a time, and how each can break.

Between the socket (anyio) and the bytes (httptools, the parser of Node.js) there is only what a client has to decide:
where an answer without a length ends, how much of one is too much, and whether the connection can be used again.
A pool would be quadratic in its waiters; a worker that owns its connection needs none.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from dataclasses import dataclass, field

import anyio
import httptools
from anyio.abc import ByteStream

from batch.core.calls import FaultKind

CONNECT_SECONDS = 10.0
MAX_HEAD = 64 * 1024
"""Bytes of status line and headers: eight times what common servers send at most."""
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a body, unpacked: a page of a hundred heavy agents (API.md §2) at 160 KB each."""
BOTH_KINDS = zlib.MAX_WBITS | 32  # gzip and zlib, told apart by the header
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
CONTINUE, SWITCHING, OK = 100, 101, 200


class WireError(Exception):
    """An exchange that ended without a whole answer."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Host:
    """Where to connect. ``tls`` is ``None`` for plain HTTP, which the target allows on loopback only."""

    name: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Received:
    """An answer as it arrives; the parser's callbacks fill it. Header names are in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    head_size: int = 0
    head_complete: bool = False
    complete: bool = False
    surplus: bool = False
    keeps_alive: bool = False
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

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
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise WireError(FaultKind.GARBLED, "the answer cannot be unpacked") from error
    if len(unpacked) > most:
        raise WireError(FaultKind.TOO_LARGE, f"the answer unpacks to more than {most:,} bytes")
    if body and not unpacker.eof:
        raise WireError(FaultKind.CUT, "the packed answer is not whole")
    return unpacked


class Connection:
    """Opened by the first exchange, and again after one that left it in doubt."""

    def __init__(self, host: Host, *, max_body: int = MAX_BODY) -> None:
        self._host = host
        self._max_body = max_body
        self._stream: ByteStream | None = None
        self._used = False
        self.sent = False

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a whole request and receive its answer: status, headers, body. Raises :class:`WireError`.

        ``sent`` tells, also when this is cancelled, whether bytes of the request may have left. Whatever ends
        otherwise than well ends the connection too: an answer that comes late must not meet the next request.
        """
        self.sent = False
        try:
            stream = self._stream or await self._open()
            answer = await self._over(stream, request)
            body = answer.body(self._max_body)
        except BaseException:
            await self._drop()
            raise
        self._used = True
        if not answer.reusable:
            await self._drop()
        return answer.status, answer.headers, body

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._drop()

    async def _over(self, stream: ByteStream, request: bytes) -> Received:
        self.sent = True
        try:
            await stream.send(request)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError, OSError) as error:
            kind = FaultKind.STALE if self._used else FaultKind.WRITE
            raise WireError(kind, "the connection broke while the request was sent") from error
        answer = Received()
        read = 0
        while not answer.complete:
            data = await self._receive(stream, answer, begun=read > 0)
            if not data:
                break
            read += len(data)
            self._feed(answer, data)
            if (not answer.head_complete and read > MAX_HEAD) or answer.head_size > MAX_HEAD:
                raise WireError(FaultKind.TOO_LARGE, f"the headers of the answer have more than {MAX_HEAD:,} bytes")
        return answer

    async def _receive(self, stream: ByteStream, answer: Received, *, begun: bool) -> bytes:
        """The next bytes; empty when the answer ends with the connection, as one without a length does."""
        try:
            return await stream.receive()
        except anyio.EndOfStream:
            if answer.ends_with_connection:
                return b""
            raise self._broken(begun, "closed") from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError, OSError) as error:
            raise self._broken(begun, "reset") from error

    def _broken(self, begun: bool, how: str) -> WireError:  # noqa: FBT001 - a fact, not a mode
        if begun:
            return WireError(FaultKind.CUT, f"the connection was {how} in the middle of the answer")
        kind = FaultKind.STALE if self._used else FaultKind.READ
        return WireError(kind, f"the connection was {how} before any answer")

    def _feed(self, answer: Received, data: bytes) -> None:
        try:
            answer.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise WireError(FaultKind.GARBLED, "the answer is not HTTP") from error
        if answer.size > self._max_body:
            raise WireError(FaultKind.TOO_LARGE, f"the answer has more than {self._max_body:,} bytes")

    async def _open(self) -> ByteStream:
        host = self._host
        self._used = False
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                self._stream = await _connect(host)
        except TimeoutError as error:
            raise WireError(FaultKind.CONNECT, f"no connection within {CONNECT_SECONDS:.0f} s") from error
        except (OSError, ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream, ValueError) as error:
            raise WireError(FaultKind.CONNECT, f"no connection: {_why(error)}") from error
        return self._stream

    async def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await anyio.aclose_forcefully(stream)


async def _connect(host: Host) -> ByteStream:
    if host.tls is None:
        return await anyio.connect_tcp(host.name, host.port)
    return await anyio.connect_tcp(
        host.name, host.port, ssl_context=host.tls, tls_hostname=host.name, tls_standard_compatible=False
    )


def _why(error: BaseException) -> str:
    """The innermost reason: anyio wraps those of several addresses."""
    while error.__cause__ is not None or isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)  # asyncio's own text is "Connect call failed", whatever the reason
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
