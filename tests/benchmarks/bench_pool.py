"""What a worker's connection survives: cancelled calls, a server that hangs up, a million calls.

    python -m tests.benchmarks.bench_pool [CALLS]

CALLS (200,000 unless said) is for the last line: the memory is noted every tenth of them, and its slope told per
100,000. The first two lines are of 1,000 and 20,000 calls; what stands beside is httpx's own client with its pool,
through the same troubles.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
from anyio.lowlevel import checkpoint

from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import resolve
from batch.core import calls
from batch.core.calls import Answer, Call, Fault, FaultKind
from batch.core.model import AgentId, Channel, Number, Trunk
from tests.benchmarks.stand import TOKEN, stand_in, state

WORKERS = 16
NUMBERS = 5_000
"""So many for a few dozen agents that the stand-in lets several share one."""
CANCELLED_FOR = 5.0
OK = 200
HANGS_UP = {"rules": [{"match": {"every": 50, "method": "PUT"}, "do": {"hangup": True}}]}
SLOW = {"rules": [{"match": {"method": "PUT", "between": [0, CANCELLED_FOR]}, "do": {"delay": 1.0}}]}

Send = Callable[[Call], Awaitable[bool]]
"""Sends one call; whether the API answered it well."""


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[list[Send]]:
    """A way of its own for each worker, as a run has; a connection that died idle is replaced once, as a run does."""
    target = resolve(tenant="", base_url=url, token=Secret(TOKEN))
    async with AsyncExitStack() as stack:
        apis = [HttpApi(target) for _ in range(WORKERS)]
        for api in apis:
            stack.push_async_callback(api.aclose)
        yield [_sender(api) for api in apis]


def _sender(api: HttpApi) -> Send:
    async def send(call: Call) -> bool:
        reply = await api.send(call)
        if isinstance(reply, Fault) and reply.kind is FaultKind.STALE:
            reply = await api.send(call)
        return isinstance(reply, Answer) and reply.status == OK

    return send


@asynccontextmanager
async def pooled(url: str) -> AsyncIterator[list[Send]]:
    """One httpx client for all workers, with its pool; a call that fails on the wire is sent once more."""
    limits = httpx.Limits(max_connections=WORKERS)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, limits=limits, timeout=30) as client:

        async def send(call: Call) -> bool:
            for _ in range(2):
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.request(call.method, f"{url}/{call.path.lstrip('/')}", json=call.body)
                    return answer.status_code == OK
            return False

        yield [send] * WORKERS


def writes(url: str) -> Iterator[Call]:
    """Endless PUTs, each setting a trunk to one of the agents in turn."""
    world: Any = state(url)
    agents = [AgentId(agent["uuid"]) for agent in world["agents"]]
    trunks = [Trunk(Number(trunk["number"]), Channel(trunk["channel"])) for trunk in world["trunks"]]
    return (calls.assign(trunk, agent) for trunk, agent in zip(itertools.cycle(trunks), itertools.cycle(agents)))


async def through(senders: list[Send], source: Iterator[Call], count: int, noted: Callable[[int], None]) -> int:
    """Send *count* calls by all workers; how many were answered well."""
    left, good = count, 0

    async def worker(send: Send) -> None:
        nonlocal left, good
        while left > 0:
            left -= 1
            well = await send(next(source))
            good += well
            noted(count - left)

    async with anyio.create_task_group() as group:
        for send in senders:
            group.start_soon(worker, send)
    return good


async def after_cancelled(way: Callable[[str], Any], url: str) -> str:
    """Calls that are cancelled for five seconds, and then a thousand that are not."""
    source = writes(url)
    async with way(url) as senders:
        with anyio.move_on_after(CANCELLED_FOR):
            async with anyio.create_task_group() as group:
                for send in senders:
                    group.start_soon(_cancelled, send, source)
        with anyio.move_on_after(60):
            return f"{await through(senders, source, 1_000, _nothing):,} of 1,000"
    return "hangs"


async def _cancelled(send: Send, source: Iterator[Call]) -> None:
    for tenths in itertools.cycle((0.0, 0.01, 0.03)):
        with anyio.move_on_after(tenths):
            await send(next(source))
        await checkpoint()


async def while_it_hangs_up(way: Callable[[str], Any], url: str) -> str:
    """Twenty thousand calls to a server that closes the connection, unannounced, at each fiftieth."""
    async with way(url) as senders:
        return f"{await through(senders, writes(url), 20_000, _nothing):,} of 20,000"


async def memory(url: str, count: int) -> str:
    """How the memory grows; the first tenth is the warming up."""
    seen: dict[int, float] = {}

    def note(done: int) -> None:
        if done % (count // 10) == 0:
            seen[done] = _resident()

    began = time.perf_counter()
    async with ours(url) as senders:
        good = await through(senders, writes(url), count, note)
    seconds = time.perf_counter() - began
    files = len(await anyio.to_thread.run_sync(os.listdir, "/proc/self/fd"))
    places = sorted(seen)
    slope = (seen[places[-1]] - seen[places[0]]) / (places[-1] - places[0]) * 100_000
    return (
        f"{good:,} of {count:,} at {count / seconds:,.0f}/s; memory {seen[places[0]]:.1f} → {seen[places[-1]]:.1f} MB:"
        f" {slope:+.2f} MB per 100,000; open files {files}"
    )


def _resident() -> float:
    """MB in memory now (proc_pid_statm(5): the second figure, in pages)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1024**2


def _nothing(_: int) -> None:
    pass


def main() -> None:
    """Print a line per trouble."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        for name, script, trouble in (
            ("after 5 s of cancelled calls", SLOW, after_cancelled),
            ("a connection closed at every 50th call", HANGS_UP, while_it_hangs_up),
        ):
            file = Path(folder) / "script.json"
            file.write_text(json.dumps(script))
            for told, way in (("ours", ours), ("httpx's pool", pooled)):
                with stand_in(NUMBERS, "--script", str(file)) as url:
                    print(f"{name}, {told}: {anyio.run(trouble, way, url)}")
    with stand_in(NUMBERS) as url:
        print(f"memory: {anyio.run(memory, url, count)}")


if __name__ == "__main__":
    main()
