"""The connections of one sitting: one for each worker that it may have, behind one gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct

from batch.adapters.api import Api, ReadOnly
from batch.adapters.http import connections
from batch.adapters.target import Target
from batch.core.model import Snapshot
from batch.engine.breaker import Breaker
from batch.engine.caller import Caller
from batch.engine.gate import Gate
from batch.engine.pace import Pacer, Rate
from batch.engine.width import Width

LOOKING = 4
"""Connections that look side by side: enough to hide what a page takes on the way, few enough for the dearest call that
a server is asked for."""


class Session(Struct):
    """An open way to the server. ``snapshot`` is the last complete look, taken at ``seen_at`` (monotonic seconds)."""

    target: Target
    gate: Gate
    apis: Sequence[Api]
    snapshot: Snapshot | None = None
    seen_at: float = 0.0

    @property
    def callers(self) -> Sequence[Caller]:
        """The ways for calls that no worker makes: snapshots, probes, the sweep."""
        return [Caller(api, self.gate) for api in self.apis[:LOOKING]]

    @property
    def pages(self) -> int:
        """How many pages the trunk list had when it was read last; 0 when it never was."""
        return self.snapshot.pages if self.snapshot else 0

    def took(self, snapshot: Snapshot, asked_at: float) -> None:
        """Keep a snapshot that was begun at *asked_at*."""
        self.snapshot, self.seen_at = snapshot, asked_at


class Terms(Struct, frozen=True, kw_only=True):
    """How a sitting may use the server: rate (``None``: learn it), workers, share left to others, seconds."""

    rate: Rate | None = None
    workers: int | None = None
    reserve: float = 0.0
    deadline: float | None = None
    read_only: bool = False


@asynccontextmanager
async def open_session(target: Target, terms: Terms) -> AsyncIterator[Session]:
    """Connections that are opened when first used and closed at the end, however it comes.

    With ``read_only`` no write can leave: the wrapper refuses it, whatever the code above it asks for.
    """
    clock = asyncio.get_running_loop().time  # anyio asks the same one, after finding out each time which loop runs
    deadline = None if terms.deadline is None else clock() + terms.deadline
    pacer = Pacer(rate=terms.rate, reserve=terms.reserve)
    width = Width(terms.workers)
    gate = Gate(pacer=pacer, breaker=Breaker(), width=width, deadline=deadline, clock=clock)
    plain: Sequence[Api] = connections(target, min(width.most, LOOKING) if terms.read_only else width.most)
    apis = [ReadOnly(api) for api in plain] if terms.read_only else plain
    try:
        yield Session(target, gate, apis)
    finally:
        with anyio.CancelScope(shield=True):
            for api in apis:
                await api.aclose()
