"""Bringing an answer to the socket, whole or broken: what ASGI forbids is written to the transport itself."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from batch.sandbox.faults import Cut, Do
from batch.sandbox.request import Response

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CHUNK = b" " * 65536
_FULL = 1 << 20  # bytes waiting to leave, above which an endless answer pauses
_LINGER_ZERO = struct.pack("ii", 1, 0)  # closing throws away what waits and sends RST
_ARRIVAL = 0.05  # seconds for bytes to reach the client before an RST would overtake them


@dataclass(frozen=True, slots=True)
class Wire:
    """One call's way back: ASGI for whole answers, the transport for broken ones."""

    transport: asyncio.Transport
    receive: Receive
    send: Send

    async def whole(self, response: Response) -> None:
        """A complete answer."""
        await self._start(response, length=True)
        await self.send({"type": "http.response.body", "body": response.body})

    async def deliver(self, response: Response, do: Do) -> None:
        """An answer as the fault wants it."""
        if do.cut is not None:
            await self._cut(response, do.cut)
        elif do.reset:
            await self._gone(reset=True)
        elif do.close:
            await self._gone()
        elif do.garbled:
            await self._raw(b"\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n")
        elif do.endless == "headers":
            await self._endless_headers()
        elif do.endless == "body" or do.huge is not None:
            await self._long_body(response, do.huge)
        elif do.drip is not None:
            await self._drip(response, do.drip.bytes, do.drip.every)
        else:
            await self.whole(response)
            if do.hangup:
                self.transport.close()

    # ── whole, in the end ─────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self, response: Response, *, length: bool) -> None:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
        headers.append((b"content-type", response.content_type.encode()))
        if length:
            headers.append((b"content-length", b"%d" % len(response.body)))
        await self.send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def _drip(self, response: Response, size: int, every: float) -> None:
        await self._start(response, length=True)
        for at in range(0, len(response.body), size):
            if self.transport.is_closing():
                return
            piece = response.body[at : at + size]
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(every)
        await self.send({"type": "http.response.body", "body": b""})

    async def _long_body(self, response: Response, size: int | None) -> None:
        """Chunked, so that its length is not announced; without end when *size* is ``None``."""
        await self._start(response, length=False)
        sent = 0
        while not self.transport.is_closing() and (size is None or sent < size):
            piece = _CHUNK if size is None else _CHUNK[: size - sent]
            sent += len(piece)
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await self._room()
        await self.send({"type": "http.response.body", "body": b""})

    # ── broken ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _cut(self, response: Response, cut: Cut) -> None:
        body = response.body[: cut.bytes]
        framing = {
            "length": ("Content-Length", str(len(response.body))),
            "chunked": ("Transfer-Encoding", "chunked"),
            "close": ("Connection", "close"),
        }[cut.framing]
        if cut.framing == "chunked":
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        await self._raw(_head(response, framing) + body, reset=cut.end == "reset")

    async def _endless_headers(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n")
        count = 0
        while not self.transport.is_closing():
            lines = (b"X-Filler-%d: %b\r\n" % (count + i, _CHUNK[:64].replace(b" ", b"x")) for i in range(64))
            self.transport.write(b"".join(lines))
            count += 64
            await self._room()
        await self._until_gone()

    async def _raw(self, data: bytes, *, reset: bool = False) -> None:
        self.transport.write(data)
        if reset:
            await asyncio.sleep(_ARRIVAL)
        await self._gone(reset=reset)

    async def _gone(self, *, reset: bool = False) -> None:
        """End the connection, and wait until the server has noticed: only then may ASGI end without an answer."""
        if reset:
            self._linger_zero()
            self.transport.abort()
        else:
            self.transport.close()
        await self._until_gone()

    def _linger_zero(self) -> None:
        inner = self.transport.get_extra_info("socket")
        if inner is not None:  # the client may have been quicker
            inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _room(self) -> None:
        await asyncio.sleep(0)
        # Nobody tells when there is room again: uvicorn's protocol owns that callback.
        while not self.transport.is_closing() and self.transport.get_write_buffer_size() > _FULL:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _head(response: Response, framing: tuple[str, str]) -> bytes:
    phrase = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else ""
    lines = [f"HTTP/1.1 {response.status} {phrase}", f"Content-Type: {response.content_type}"]
    lines += [f"{name}: {value}" for name, value in (*response.headers, framing)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
