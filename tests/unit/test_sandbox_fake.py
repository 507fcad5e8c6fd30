"""The fake Api on a virtual clock, and the stand-in's independence of what it judges."""

import ast
from pathlib import Path

import anyio
import pytest
import trio.testing

import batch.sandbox
from batch.core.calls import Answer, Call, Fault, FaultKind, assign, probe
from batch.core.model import AgentId, Channel, Number, Trunk
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.fake_api import EPOCH, CarryOut, FakeApi, Say
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Time that jumps to the next event: hours cost nothing."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def move(index: int = 0, to: int = 1) -> Call:
    return assign(Trunk(Number(number(index)), Channel.CALL), AgentId(agent(to)))


async def test_scripted_steps_come_first_each_once() -> None:
    """`Say` never reaches the server; `CarryOut` does, and hides its answer; then the truth."""
    api = FakeApi(world({"call": 0}))
    lost = Fault(FaultKind.READ)
    api.script(Say(Answer(503, {}, b"")), CarryOut(lost))

    first = await api.send(move())
    owner = api.world.owner(number(0), "call")
    assert (Answer(503, {}, b""), agent(0)) == (first, owner)

    assert lost == await api.send(move())
    assert agent(1) == api.world.owner(number(0), "call")

    last = await api.send(move(to=2))
    assert isinstance(last, Answer)
    assert (200, 3) == (last.status, api.count("PUT"))


async def test_reads_pass_by_a_script_for_writes() -> None:
    """Unless told otherwise, steps are for what could change something."""
    api = FakeApi(world())
    api.script(Say(Fault(FaultKind.CONNECT)))
    assert isinstance(await api.send(probe()), Answer)


async def test_the_throttle_lives_on_the_virtual_clock() -> None:
    """A minute of waiting is over at once."""
    api = FakeApi(world(), Options(throttle=ThrottleRule(limit=1)))
    statuses = []
    for wait in (0, 0, 60):
        await anyio.sleep(wait)
        reply = await api.send(probe())
        assert isinstance(reply, Answer)
        statuses.append(reply.status)
    assert [200, 429, 200] == statuses
    assert EPOCH <= api.service.diary.entries[0].at < EPOCH + 1


async def test_a_call_that_takes_too_long_ends_at_the_deadline_and_is_carried_out_later() -> None:
    """What the client gave up on, the server still does."""
    script = faults.parse({"rules": [{"match": {"nth": 1}, "do": {"delay": 100}}]})
    api = FakeApi(world({"call": 0}), Options(throttle=ThrottleRule(kind="none"), script=script))
    started = anyio.current_time()
    reply = await api.send(move())
    assert isinstance(reply, Fault)
    assert (FaultKind.DEADLINE, pytest.approx(30.0)) == (reply.kind, anyio.current_time() - started)
    assert agent(0) == api.world.owner(number(0), "call")
    await anyio.sleep(80)
    api.service.settle()
    assert agent(1) == api.world.owner(number(0), "call")


async def test_peak_and_closed_count_what_workers_did() -> None:
    """How many calls were under way at once."""
    api = FakeApi(world({"call": 0}), latency=1.0)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(api.send, probe())
    await api.aclose()
    assert (4, 1, 4) == (api.peak, api.closed, len(api.calls))


def test_the_stand_in_shares_no_code_with_the_client() -> None:
    """An independent judge: of `batch`, only its own modules and the error tree."""
    folder = Path(batch.sandbox.__file__).parent
    imported = {
        node.module or ""
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    ours = {name for name in imported if name.startswith("batch")}
    assert {name for name in ours if not name.startswith("batch.sandbox")} == {"batch.errors"}
