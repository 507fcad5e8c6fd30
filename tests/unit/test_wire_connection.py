"""The HTTP edge against servers that speak byte by byte, on loopback: one connection, what is sent on it, TLS."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import traceback
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import Target
from batch.adapters.wire import Connection, Host, WireError
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
from tests.byte_servers import BODY, TOKEN, Handler, answer, reply_to, serving
from tests.rigs import move, over_the_wire, trunks
from tests.worlds import world

pytestmark = pytest.mark.anyio

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


async def test_a_connection_that_is_closed_upon_a_request_is_told_from_one_that_broke() -> None:
    """STALE only when it had served before, and nothing of an answer came."""

    async def handle(stream: anyio.abc.ByteStream) -> None:
        for _ in range(2):
            await stream.receive()
            await stream.send(answer())
        await stream.receive()

    async with serving(handle) as heard:
        api = heard.api()
        replies = [await api.send(calls.probe()) for _ in range(5)]
        await api.aclose()
    kinds = [reply.kind if isinstance(reply, Fault) else "answer" for reply in replies]
    assert kinds == ["answer", "answer", FaultKind.STALE, "answer", "answer"]


@pytest.mark.parametrize("last", [b"", answer(b"{}", status=b"408 Request Timeout")], ids=["silently", "with a word"])
async def test_a_connection_that_ends_while_it_is_idle_costs_nothing(last: bytes) -> None:
    """It is heard at once: the next request goes over a fresh one, and what was said meanwhile answers nothing."""
    ended = anyio.Event()

    async def handle(stream: anyio.abc.ByteStream) -> None:
        await stream.receive()
        await stream.send(answer())
        if ended.is_set():
            await anyio.sleep_forever()
        if last:
            await stream.send(last)
        else:
            await stream.aclose()
        ended.set()
        await anyio.sleep_forever()

    async with serving(handle) as heard:
        api = heard.api()
        replies = [await api.send(calls.probe())]
        await ended.wait()
        for _ in range(3):  # turns of the loop, in which it hears what has come
            await anyio.lowlevel.checkpoint()
        replies.append(await api.send(calls.probe()))
        await api.aclose()
    assert [getattr(reply, "status", reply) for reply in replies] == [200, 200]


async def test_an_answer_that_comes_before_the_request_was_sent_ends_the_connection() -> None:
    """What is still to be sent would be taken for the next request."""
    served: list[bytes] = []

    async def handle(stream: anyio.abc.ByteStream) -> None:
        served.append((await stream.receive())[:3])
        await stream.send(answer(b"{}", status=b"413 Content Too Large") if len(served) == 1 else answer())
        await anyio.sleep_forever()

    async with serving(handle) as heard:
        connection = Connection(Host("127.0.0.1", heard.port))
        early, _, _ = await connection.exchange(b"PUT" + b"x" * 50_000_000)
        after, _, _ = await connection.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await connection.aclose()
    assert (early, after, served) == (413, 200, [b"PUT", b"GET"])


@pytest.mark.parametrize(("used", "kind"), [(False, FaultKind.READ), (True, FaultKind.STALE)], ids=["fresh", "used"])
async def test_a_request_that_breaks_while_it_is_sent_may_have_arrived(*, used: bool, kind: FaultKind) -> None:
    """A server that hangs up without reading all of it."""

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
    assert error.value.kind is kind


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


async def test_an_open_that_is_cancelled_leaves_nothing_open() -> None:
    """By name, where several addresses are raced, and at whatever turn of the loop it is cut off."""

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:  # connects, and never says a word
        here = descriptors()
        for turns in range(60):
            connection = Connection(Host("localhost", server.getsockname()[1]))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connection.exchange, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            await connection.aclose()
        with anyio.fail_after(5):
            while descriptors() > here:
                await anyio.lowlevel.checkpoint()


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


async def test_a_server_that_quotes_the_token_does_not_bring_it_in() -> None:
    """What comes back may land in reports and logs."""
    quoted = f"Authorization: Bearer {TOKEN}".encode()
    reply = await reply_to(answer(quoted, b"X-Debug: " + quoted, status=b"422 Unprocessable Content"))
    assert (reply.status, TOKEN in repr(reply), repr(reply).count("Bearer [token]")) == (422, False, 2)


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
