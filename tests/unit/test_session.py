"""The connections of one sitting: how many, what may leave on them, and that they are given back."""

from __future__ import annotations

import ssl

import anyio
import pytest

from batch.adapters.api import WriteRefusedError
from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import Target
from batch.core import calls
from batch.core.calls import Answer
from batch.core.model import Snapshot, Workspace
from batch.engine.session import LOOKING, Terms, open_session
from batch.engine.width import MOST
from batch.errors import UnavailableError
from batch.sandbox.server import running
from tests.rigs import move
from tests.worlds import world

pytestmark = pytest.mark.anyio

NOWHERE = Target(Workspace("acme", "acme.mihu.ai"), "https://acme.mihu.ai/api/v1", Secret("t0ken"))


@pytest.mark.parametrize(
    ("terms", "count"),
    [
        *((Terms(), MOST), (Terms(workers=3), 3)),
        *((Terms(read_only=True), LOOKING), (Terms(workers=3, read_only=True), 3)),
    ],
    ids=["as many as it may have", "as asked", "a dry run", "a dry run, as asked"],
)
async def test_a_sitting_has_one_connection_per_worker(terms: Terms, count: int) -> None:
    """A dry run needs no more than those that look."""
    async with open_session(NOWHERE, terms) as session:
        assert len(session.apis) == count


async def test_what_it_takes_to_encrypt_is_read_once() -> None:
    """It takes 50 ms, and is the same for all connections."""
    async with open_session(NOWHERE, Terms(workers=3)) as session:
        ways = [api._transport._connection._host.tls for api in session.apis if isinstance(api, HttpApi)]
    assert (len(ways), isinstance(ways[0], ssl.SSLContext)) == (3, True)
    assert all(way is ways[0] for way in ways)


async def test_a_dry_run_cannot_write() -> None:
    """Whatever the code above asks for, nothing leaves; reads do."""
    with running(world({"call": 0})) as there:
        target = Target(Workspace("", "x"), there.url, Secret("sandbox-token"))
        async with open_session(target, Terms(read_only=True)) as session:
            reply = await session.callers[0].attempt(calls.probe())
            with pytest.raises(WriteRefusedError):
                await session.callers[0].attempt(calls.assign(move().trunk, move().after))
        assert ({entry.method for entry in there.log}, isinstance(reply, Answer)) == ({"GET"}, True)


async def test_a_sitting_ends_with_its_deadline() -> None:
    """Nothing is sent after it."""
    async with open_session(NOWHERE, Terms(deadline=0.0)) as session:
        with pytest.raises(UnavailableError, match="time is over"):
            await session.callers[0].attempt(calls.probe())


async def test_connections_are_closed_however_the_sitting_ends() -> None:
    """Also when it is cancelled in the middle of a call."""
    with running(world({"call": 0})) as there:
        target = Target(Workspace("", "x"), there.url, Secret("sandbox-token"))
        with anyio.CancelScope() as scope:
            async with open_session(target, Terms(workers=1)) as session:
                await session.callers[0].attempt(calls.probe())
                api = session.apis[0]
                scope.cancel()
                await anyio.sleep_forever()
    assert isinstance(api, HttpApi)
    assert api._transport._connection._exchanges is None


async def test_a_snapshot_is_kept_with_the_moment_it_was_begun() -> None:
    """A write must know how old its look is."""
    async with open_session(NOWHERE, Terms()) as session:
        before = session.pages
        session.took(Snapshot(agents={}, numbers={}, pages=7), 42.0)
        assert (before, session.pages, session.seen_at) == (0, 7, 42.0)
