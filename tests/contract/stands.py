"""The two implementations of ``Api``, each with the truth about the server it speaks to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from batch.adapters.api import Api
from batch.adapters.credentials import Secret
from batch.adapters.http import HttpApi
from batch.adapters.target import Target
from batch.core.model import Workspace
from batch.sandbox.options import Options
from batch.sandbox.server import running
from batch.sandbox.service import Service
from batch.sandbox.world import World
from tests.fake_api import FakeApi
from tests.worlds import Ticks, number

TOKEN = "sandbox-token"
DEADLINE = 0.5  # seconds a call may take in the one test that needs it; elsewhere the default holds


class Connect(Protocol):
    """Makes one more Api to the same server."""

    def __call__(self, *, token: str = TOKEN, deadline: float = 30.0) -> Api: ...


@dataclass(frozen=True, slots=True)
class Stand:
    """A server that plays the vendor, the way to it, and the truth about it."""

    connect: Connect
    service: Service
    do: Callable[[Callable[[], Any]], Any]
    ticks: Ticks = field(default_factory=Ticks)

    def owner(self, index: int = 0, channel: str = "call") -> str | None:
        """The true owner of a trunk now."""
        self.do(self.service.settle)
        return self.service.world.owner(number(index), channel)


Standing = Callable[..., Any]


@contextmanager
def fake_stand(made: World, options: Options) -> Iterator[Stand]:
    ticks = Ticks()
    first = FakeApi(made, options, clock=ticks.clock)

    def connect(*, token: str = TOKEN, deadline: float = 30.0) -> Api:
        api = FakeApi(made, options, clock=ticks.clock, token=token, deadline=deadline)
        api.service = first.service
        return api

    yield Stand(connect, first.service, lambda what: what(), ticks)


@contextmanager
def http_stand(made: World, options: Options) -> Iterator[Stand]:
    ticks = Ticks()
    with running(made, options, clock=ticks.clock) as handle:
        workspace = Workspace("sandbox", urlsplit(handle.url).netloc)

        def connect(*, token: str = TOKEN, deadline: float = 30.0) -> Api:
            target = Target(workspace=workspace, base_url=handle.url, token=Secret(token))
            return HttpApi(target, call_deadline=deadline)

        yield Stand(connect, handle.service, handle.do, ticks)
