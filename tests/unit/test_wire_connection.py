"""One connection of the HTTP edge, against servers that speak byte by byte, on loopback."""

from __future__ import annotations

import json
import socket
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
from tests.byte_servers import BODY, Handler, answer, serving
from tests.rigs import move, over_the_wire, trunks
from tests.worlds import world

pytestmark = pytest.mark.anyio


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
