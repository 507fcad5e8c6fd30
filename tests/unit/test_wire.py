"""The HTTP edge against servers that speak byte by byte, on loopback: what comes back, how it breaks, what is sent."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import ssl
import subprocess
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.streams.tls import TLSListener

from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import Target
from batch.adapters.wire import MAX_HEAD, Connection, Host, WireError
from batch.core import calls
from batch.core.calls import Answer, Fault, FaultKind
from batch.core.model import Status, Workspace
from batch.engine.breaker import Breaker
from batch.engine.caller import Caller
from batch.engine.gate import Gate
from batch.engine.pace import Pacer
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.server import running
from batch.sandbox.throttle import ThrottleRule
from tests.rigs import move, over_the_wire, trunks
from tests.worlds import world

pytestmark = pytest.mark.anyio

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


async def test_a_server_that_quotes_the_token_does_not_bring_it_in() -> None:
    """What comes back may land in reports and logs."""
    quoted = f"Authorization: Bearer {TOKEN}".encode()
    reply = await reply_to(answer(quoted, b"X-Debug: " + quoted, status=b"422 Unprocessable Content"))
    assert (reply.status, TOKEN in repr(reply), repr(reply).count("Bearer [token]")) == (422, False, 2)


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
    assert (reply.kind, reply.detail) == (FaultKind.CONNECT, "no connection in time")


async def silently(handler: Handler) -> Any:
    """One call by https to a server that does not speak it."""
    async with serving(handler) as heard:
        api = heard.api(scheme="https", call_deadline=0.3)
        try:
            return await api.send(calls.probe())
        finally:
            await api.aclose()


async def test_a_refused_connection_sent_nothing() -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    reply = await Heard(free).api().send(calls.probe())
    assert isinstance(reply, Fault), reply
    assert (reply.kind, "refused" in reply.detail.lower()) == (FaultKind.CONNECT, True)


# ── the connection ────────────────────────────────────────────────────────────────────────────────────────────────────


def keeping_alive(per_connection: int | None = None, *, seconds: float = 0.0, connections: list[int]) -> Handler:
    """A server that answers each request with its path, and hangs up unannounced after so many."""

    async def handle(stream: anyio.abc.ByteStream) -> None:
        connections.append(0)
        while per_connection is None or connections[-1] < per_connection:
            request = await stream.receive()
            connections[-1] += 1
            await anyio.sleep(seconds)
            await stream.send(answer(json.dumps({"path": request.split(b" ")[1].decode()}).encode()))

    return handle


async def test_a_connection_is_used_again() -> None:
    """Fifty calls, one connection."""
    connections: list[int] = []
    async with serving(keeping_alive(connections=connections)) as heard:
        api = heard.api()
        replies = [await api.send(calls.probe()) for _ in range(50)]
        await api.aclose()
    assert ([50], {Answer}) == (connections, {type(reply) for reply in replies})


@pytest.mark.parametrize("end", [answer(BODY, b"Connection: close"), answer() + answer()], ids=["told", "surplus"])
async def test_a_connection_that_is_not_in_order_is_not_used_again(end: bytes) -> None:
    """What the server says beyond the answer belongs to no request of ours."""
    served: list[bytes] = []

    async def handle(stream: anyio.abc.ByteStream) -> None:
        served.append(await stream.receive())
        await stream.send(end if len(served) == 1 else answer())
        await anyio.sleep_forever()

    async with serving(handle) as heard:
        api = heard.api()
        replies = [await api.send(calls.probe()) for _ in range(2)]
        await api.aclose()
    assert [reply.body for reply in replies if isinstance(reply, Answer)] == [BODY, BODY]


async def test_a_connection_that_died_idle_is_told_from_one_that_broke() -> None:
    """STALE only when it had served before, and nothing of an answer came."""
    connections: list[int] = []
    async with serving(keeping_alive(2, connections=connections)) as heard:
        api = heard.api()
        replies = [await api.send(calls.probe()) for _ in range(5)]
        await api.aclose()
    kinds = [reply.kind if isinstance(reply, Fault) else "answer" for reply in replies]
    assert kinds == ["answer", "answer", FaultKind.STALE, "answer", "answer"]


@pytest.mark.parametrize(
    ("used", "kinds"),
    [(False, {FaultKind.WRITE, FaultKind.READ}), (True, {FaultKind.STALE})],
    ids=["fresh", "used"],
)
async def test_a_request_that_breaks_while_it_is_sent_may_have_arrived(*, used: bool, kinds: set[FaultKind]) -> None:
    """A server that hangs up without reading all of it; where the system notices first is a matter of luck."""

    async def handle(stream: anyio.abc.ByteStream) -> None:
        if used:
            await stream.receive()
            await stream.send(answer())
        await anyio.sleep(0.1)

    async with serving(handle) as heard:
        connection = Connection(Host("127.0.0.1", heard.port))
        if used:
            await connection.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(WireError) as error:
            await connection.exchange(b"x" * 50_000_000)
        await connection.aclose()
    assert (error.value.kind in kinds, connection.sent) == (True, True)


async def test_after_a_second_of_cancelled_calls_every_call_is_answered() -> None:
    """A late answer to a call that was given up does not meet the next one, and nothing is used up."""
    connections: list[int] = []
    async with serving(keeping_alive(seconds=0.02, connections=connections)) as heard:
        apis = [heard.api() for _ in range(8)]
        replies: list[Any] = []

        async def worker(api: HttpApi, index: int) -> None:
            for attempt in range(25):
                with anyio.move_on_after(0.001 * (attempt % 25)):
                    await api.send(calls.Call("GET", f"/given-up/{index}"))
            for number in range(12):
                reply = await api.send(calls.Call("GET", f"/wanted/{index}/{number}"))
                replies.append((reply, f"/api/v1/wanted/{index}/{number}"))

        async with anyio.create_task_group() as tasks:
            for index, api in enumerate(apis):
                tasks.start_soon(worker, api, index)
        for api in apis:
            await api.aclose()
    answered = [json.loads(reply.body)["path"] == path for reply, path in replies if isinstance(reply, Answer)]
    assert answered == [True] * 96


async def test_a_server_that_hangs_up_each_50th_call_costs_no_failure_and_no_retry() -> None:
    """Four workers, 300 reads: every one is answered."""
    connections: list[int] = []
    async with serving(keeping_alive(50, connections=connections)) as heard:
        gate = Gate(pacer=Pacer(), breaker=Breaker())
        found: list[Answer | None] = []

        async def worker() -> None:
            api = heard.api()
            found.extend([await Caller(api, gate).read(calls.probe()) for _ in range(75)])
            await api.aclose()

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(worker)
    assert ([reply is not None for reply in found], gate.calls().retried) == ([True] * 300, 0)


async def test_a_server_that_hangs_up_each_50th_call_costs_no_write() -> None:
    """The sandbox, 150 changes over real connections: all done, none doubled, none counted as a retry."""
    script = faults.parse({"rules": [{"match": {"every": 50}, "do": {"hangup": True}}]})
    with running(world(*trunks(150)), Options(throttle=ThrottleRule(kind="none"), script=script)) as there:
        target = Target(Workspace("", "x"), there.url, Secret("sandbox-token"))
        apis = [HttpApi(target) for _ in range(4)]
        ending, gate = await over_the_wire(apis, [move(i) for i in range(150)])
        for api in apis:
            await api.aclose()
        written = [entry for entry in there.log if entry.method == "PUT"]
    assert {outcome.status for outcome in ending.outcomes.values()} == {Status.DONE}
    assert (len(written), gate.calls().retried) == (150, 0)


# ── what is sent, and to whom ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_token_is_in_the_header_and_nowhere_else() -> None:
    """Once, in a request that says what it accepts and is no larger than it must be."""
    async with serving(answer()) as heard:
        api = heard.api()
        await api.send(calls.assign(move().trunk, move().after))
        await api.aclose()
    head, _, body = heard.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PUT /api/v1/phone-numbers/trunks/assign HTTP/1.1"
    assert {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines[1:]} == {
        "host": f"127.0.0.1:{heard.port}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": "reassign",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "authorization": f"Bearer {TOKEN}",
    }
    assert json.loads(body).keys() == {"phone_number", "channel", "agent_uuid"}


async def test_a_plus_in_a_query_arrives_as_one() -> None:
    """A bare ``+`` would be read as a space."""
    async with serving(answer()) as heard:
        api = heard.api()
        await api.send(calls.channels_of(move().trunk.number))
        await api.aclose()
    assert heard.requests[0].startswith(b"GET /api/v1/phone-numbers/channels?number=%2B90")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """The other host hears nothing, least of all the token."""
    async with serving(answer()) as other:
        place = b"Location: http://127.0.0.1:%d/api/v1/contacts" % other.port
        reply = await reply_to(answer(b"", place, status=b"%d Moved" % status))
    assert isinstance(reply, Answer), reply
    assert (reply.status, other.requests) == (status, [])


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would see the token of every plain call; who needs one says so elsewhere."""
    async with serving(answer()) as proxy, serving(answer()) as heard:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        api = heard.api()
        reply = await api.send(calls.probe())
        await api.aclose()
    assert (isinstance(reply, Answer), proxy.requests, len(heard.requests)) == (True, [], 1)


async def test_a_traceback_that_prints_variables_shows_no_token() -> None:
    """Cut off in the middle of a call, with the request in the frames of the stack."""

    async def silent(stream: anyio.abc.ByteStream) -> None:
        await stream.receive()
        await anyio.sleep_forever()

    told = ""
    async with serving(silent) as heard:
        api = heard.api()
        with anyio.move_on_after(0.1):
            try:
                await api.send(calls.probe())
            except BaseException as error:
                lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
                told = "".join(lines)
                raise
        await api.aclose()
    assert ("exchange" in told, "s3cr3t" in told) == (True, False)


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ``localhost`` that nobody has signed, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = subprocess.run(
        [openssl, "req", "-x509", *key, *name, "-days", "2", "-out", "-"], check=True, capture_output=True
    )
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


def with_certificate(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    """Not the token, not a byte of the request: its certificate is refused."""
    async with serving(answer(), tls=with_certificate(certificate)) as heard:
        reply = await heard.api(scheme="https", host="localhost").send(calls.probe())
    assert isinstance(reply, Fault), reply
    assert (reply.kind, "certificate" in reply.detail.lower(), heard.requests) == (FaultKind.CONNECT, True, [])


@pytest.mark.parametrize(("host", "good"), [("localhost", True), ("127.0.0.1", False)], ids=["its name", "another"])
async def test_a_company_can_vouch_for_its_own(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, *, good: bool
) -> None:
    """By SSL_CERT_FILE; the name must still be the one that was asked for."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serving(answer(), tls=with_certificate(certificate)) as heard:
        api = heard.api(scheme="https", host=host)
        reply = await api.send(calls.probe())
        await api.aclose()
    assert (isinstance(reply, Answer), len(heard.requests)) == (good, int(good))
