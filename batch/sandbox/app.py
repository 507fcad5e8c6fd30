"""The stand-in as an ASGI application: ``/api/v1`` on a short path of its own, the rest by Starlette."""

from __future__ import annotations

import asyncio

from batch.sandbox.control import control
from batch.sandbox.request import Request, fields_of, query_of
from batch.sandbox.service import Service, Ticket
from batch.sandbox.wire import Receive, Scope, Send, Wire

PREFIX = "/api/v1"
TRANSPORT = "sandbox.transport"  # where the server puts the connection's transport into the ASGI state


class App:
    """One stand-in."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._rest = control(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["path"].startswith(PREFIX + "/"):
            await self._api(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        query = scope["query_string"].decode("latin-1")
        ticket = self.service.arrive(_request(scope, query, body), query)
        try:
            await self._through(ticket, Wire(scope["state"][TRANSPORT], receive, send))
        finally:
            self.service.leave(ticket)

    async def _through(self, ticket: Ticket, wire: Wire) -> None:
        if wait := self.service.options.latency + ticket.delay("before"):
            await asyncio.sleep(wait)
        response = self.service.carry_out(ticket)
        self._promise_late()
        do = ticket.do
        if do is None:
            await wire.whole(response)
            return
        if wait := ticket.delay("after"):
            await asyncio.sleep(wait)
        await wire.deliver(response, do)

    def _promise_late(self) -> None:
        """A late write is carried out in its time even when nobody calls or looks any more."""
        seconds = self.service.next_late()
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds + 0.001, self.service.settle)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _request(scope: Scope, query: str, body: bytes) -> Request:
    headers = dict(scope["headers"])
    return Request(
        method=scope["method"],
        path=scope["path"].removeprefix(PREFIX),
        query=query_of(query) if query else {},
        fields=fields_of(body),
        authorization=headers.get(b"authorization", b"").decode("latin-1"),
        accept=headers.get(b"accept", b"").decode("latin-1"),
        port=scope["client"][1] if scope["client"] else 0,
    )
