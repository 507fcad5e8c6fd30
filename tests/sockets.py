"""Calls on the stand-in over real sockets, byte by byte."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.server import Handle, running
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
