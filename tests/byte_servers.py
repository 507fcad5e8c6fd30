"""Servers that speak byte by byte, on loopback, and what a client of them hears."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
from anyio.streams.tls import TLSListener

from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import Target
from batch.core import calls
from batch.core.model import Workspace

TOKEN = "42|s3cr3t-Token"
BODY = json.dumps({"success": True, "data": {"items": []}}).encode()
Handler = Callable[[anyio.abc.ByteStream], Awaitable[None]]


@dataclass(slots=True)
class Heard:
    """A server, and what it heard: one entry per connection."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    def api(self, *, scheme: str = "http", host: str = "127.0.0.1", **how: Any) -> HttpApi:
        """A client of it that waits two seconds at most."""
        base = f"{scheme}://{host}:{self.port}/api/v1"
        return HttpApi(Target(Workspace("", "x"), base, Secret(TOKEN)), **{"call_deadline": 2.0} | how)


@asynccontextmanager
async def serving(handler: Handler | bytes, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Heard]:
    """A server that does *handler* with each connection, or answers the first request with these bytes and closes."""
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1")
    heard = Heard(listener.extra(anyio.abc.SocketAttribute.local_port))

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            try:
                if isinstance(handler, bytes):
                    heard.requests.append(await stream.receive())
                    await stream.send(handler)
                else:
                    await handler(stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass

    if tls is not None:
        listener = TLSListener(listener, ssl_context=tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield heard
        tasks.cancel_scope.cancel()


def answer(body: bytes = BODY, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer, as bytes."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join((*head, b"", body))


async def reply_to(handler: Handler | bytes, **how: Any) -> Any:
    """What one call to such a server comes back with."""
    async with serving(handler) as heard:
        api = heard.api(**how)
        try:
            return await api.send(calls.probe())
        finally:
            await api.aclose()
