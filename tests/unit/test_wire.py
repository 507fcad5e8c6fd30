"""The HTTP edge against servers that speak byte by byte, on loopback: what comes back, how it breaks, when it ends."""

from __future__ import annotations

import gzip
import socket
import zlib
from typing import Any

import anyio
import anyio.abc
import pytest

from batch.adapters.wire import MAX_HEAD
from batch.core import calls
from batch.core.calls import Answer, Fault, FaultKind
from tests.byte_servers import BODY, Handler, Heard, answer, reply_to, serving

pytestmark = pytest.mark.anyio

# ── whole answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

WHOLE = {
    "plain": (answer(), 200, BODY),
    "gzip": (answer(gzip.compress(BODY), b"Content-Encoding: gzip"), 200, BODY),
    "gzip in capitals": (answer(gzip.compress(BODY), b"Content-Encoding: X-GZIP"), 200, BODY),
    "deflate": (answer(zlib.compress(BODY), b"Content-Encoding: deflate"), 200, BODY),
    "packed nothing": (answer(b"", b"Content-Encoding: gzip"), 200, b""),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
                200, b"abcde"),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, 200, BODY),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + BODY, 200, BODY),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, b""),
    "after early hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(), 200, BODY),
    "after continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), 200, BODY),
    "with a second answer behind it": (answer() + answer(b"{}", b"X: 2", status=b"500 Oops"), 200, BODY),
    "a status nobody knows": (answer(status=b"599 What"), 599, BODY),
    "a line break too many": (answer() + b"\r\n", 200, BODY),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "body"), WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer_comes_back_as_it_was_meant(sent: bytes, status: int, body: bytes) -> None:
    """Whatever framing and packing it has."""
    reply = await reply_to(sent)
    assert isinstance(reply, Answer), reply
    assert (reply.status, reply.body) == (status, body)


async def test_headers_are_texts_in_lower_case_whatever_they_hold() -> None:
    """Lines of one name are one value; letters beyond ASCII are no reason to fall over; hints before are not taken."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    reply = await reply_to(early + answer(BODY, b"X-Name: caf\xe9", "X-Utf: Ayşe".encode(), b"V: 1", b"v: 2"))
    assert isinstance(reply, Answer), reply
    assert (reply.headers["v"], "link" in reply.headers) == ("1, 2", False)
    assert reply.headers.keys() == {"content-length", "x-name", "x-utf", "v"}


# ── broken ones ───────────────────────────────────────────────────────────────────────────────────────────────────────

PACKED = gzip.compress(BODY * 50)
BROKEN = {
    "nothing": (b"", FaultKind.READ),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", FaultKind.CUT),
    "half a body": (answer()[:-5], FaultKind.CUT),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", FaultKind.CUT),
    "half a package": (answer(PACKED[:40], b"Content-Encoding: gzip"), FaultKind.CUT),
    "a package that is none": (answer(BODY, b"Content-Encoding: gzip"), FaultKind.GARBLED),
    "a package of another make": (answer(BODY, b"Content-Encoding: br"), FaultKind.GARBLED),
    "a package in a package": (answer(BODY, b"Content-Encoding: gzip, gzip"), FaultKind.GARBLED),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", FaultKind.GARBLED),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", FaultKind.GARBLED),
    "two lengths": (answer(BODY, b"Content-Length: 5"), FaultKind.GARBLED),
    "an upgrade": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
        FaultKind.GARBLED,
    ),
    "only hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n", FaultKind.CUT),
}


@pytest.mark.parametrize(("sent", "kind"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_is_a_fault_that_says_how(sent: bytes, kind: FaultKind) -> None:
    """A value, never an exception."""
    reply = await reply_to(sent)
    assert isinstance(reply, Fault), reply
    assert (reply.kind, reply.detail != "") == (kind, True)


def endless(start: bytes, piece: bytes) -> Handler:
    """A server that never comes to an end."""

    async def handle(stream: anyio.abc.ByteStream) -> None:
        await stream.receive()
        await stream.send(start)
        while True:
            await stream.send(piece)

    return handle


ENDLESS = {
    "head": (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
    "a trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Filler: ", b"x" * 1000),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
}


@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
async def test_an_answer_without_end_is_given_up_at_its_cap(start: bytes, piece: bytes) -> None:
    """Long before the deadline, and before it fills the memory; the parser may object first."""
    reply = await reply_to(endless(start, piece), max_body=200_000, call_deadline=20.0)
    assert isinstance(reply, Fault), reply
    assert (reply.kind in {FaultKind.TOO_LARGE, FaultKind.GARBLED}, reply.seconds < 10.0) == (True, True)


@pytest.mark.parametrize("size", [100_001, 50_000_000], ids=["one byte too many", "a bomb"])
async def test_what_unpacks_to_more_than_the_cap_is_not_unpacked(size: int) -> None:
    """A small package can hold a gigabyte; exactly the cap is fine."""
    replies = [
        await reply_to(answer(gzip.compress(b" " * n), b"Content-Encoding: gzip"), max_body=100_000)
        for n in (size, 100_000)
    ]
    assert isinstance(replies[0], Fault), replies[0]
    assert isinstance(replies[1], Answer), replies[1]
    assert (replies[0].kind, len(replies[1].body)) == (FaultKind.TOO_LARGE, 100_000)


@pytest.mark.parametrize(("size", "whole"), [(1_000_000, True), (3_000_000, False)])
async def test_a_package_that_holds_hundreds_of_times_its_size_is_not_unpacked(size: int, whole: bool) -> None:
    """Nothing that an API lists is as alike; what becomes a megabyte is taken in any case."""
    reply = await reply_to(answer(gzip.compress(b"1," * (size // 2)), b"Content-Encoding: gzip"))
    assert isinstance(reply, Answer) is whole


async def test_the_smallest_of_chunks_are_an_answer_like_any_other() -> None:
    """A byte each, with six around it."""
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b"[" + b"1," * 30_000 + b"1]")
    reply = await reply_to(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert isinstance(reply, Answer), reply


async def test_a_head_of_the_usual_size_is_no_fault() -> None:
    """Half of what is allowed."""
    reply = await reply_to(answer(BODY, b"X-Filler: " + b"x" * (MAX_HEAD // 2)))
    assert isinstance(reply, Answer), reply


# ── deadlines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def dripping(stream: anyio.abc.ByteStream) -> None:
    """A byte now and then: no single read takes long."""
    await stream.receive()
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await stream.send(b"x")
        await anyio.sleep(0.02)


async def test_a_call_ends_at_its_deadline_whatever_drips() -> None:
    """The request was sent, so it may have been carried out."""
    reply = await reply_to(dripping, call_deadline=0.3)
    assert isinstance(reply, Fault), reply
    assert (reply.kind, reply.detail) == (FaultKind.DEADLINE, "no whole answer within 0.3 s")


async def test_a_connection_that_is_not_made_in_time_sent_nothing() -> None:
    """The server takes the connection and never shakes hands."""

    async def silent(_: anyio.abc.ByteStream) -> None:
        await anyio.sleep_forever()

    reply = await silently(silent)
    assert isinstance(reply, Fault), reply
    assert (reply.kind, reply.detail) == (FaultKind.CONNECT, "no connection within 0.3 s")


async def silently(handler: Handler) -> Any:
    """One call by https to a server that does not speak it."""
    async with serving(handler) as heard:
        api = heard.api(scheme="https", call_deadline=0.3)
        try:
            return await api.send(calls.probe())
        finally:
            await api.aclose()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_refused_connection_sent_nothing() -> None:
    """Nobody listens there."""
    reply = await Heard(free_port()).api().send(calls.probe())
    assert isinstance(reply, Fault), reply
    assert (reply.kind, "refused" in reply.detail.lower()) == (FaultKind.CONNECT, True)


async def test_a_connection_refused_by_name_is_told_as_one_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name with several addresses asyncio only quotes what each of them said: the reason is read out of that."""
    port = free_port()
    by_address = await Heard(port).api().send(calls.probe())

    def both(*_: object, **__: object) -> list[Any]:
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(socket.AF_INET, *kind, ("127.0.0.1", port)), (socket.AF_INET6, *kind, ("::1", port, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    by_name = await Heard(port).api(host="localhost").send(calls.probe())
    assert isinstance(by_address, Fault), by_address
    assert isinstance(by_name, Fault), by_name
    assert (by_address.kind, by_address.detail) == (by_name.kind, by_name.detail)
