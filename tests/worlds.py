"""Small worlds for tests, and a clock that a test moves by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.request import Request, Response
from batch.sandbox.rows import AgentRow, Holder, NumberRow, Rows
from batch.sandbox.service import Service
from batch.sandbox.throttle import Clock
from batch.sandbox.world import World

ASSIGN = "/phone-numbers/trunks/assign"


def agent(index: int) -> str:
    """The uuid of the index-th agent of :func:`world`."""
    return f"00000000-0000-4000-8000-{index:012d}"


def number(index: int) -> str:
    """The index-th external number of :func:`world`."""
    return f"+90212555{index:04d}"


def bought(index: int) -> str:
    """The index-th purchased number of :func:`world`."""
    return f"+90212666{index:04d}"


def world(
    *trunks: Mapping[str, int | None],
    agents: int = 5,
    purchased: Sequence[Mapping[str, int | None]] = (),
    holders: Sequence[tuple[int, str]] = (),
) -> World:
    """A world of external numbers: ``world({"call": 0}, {"call": 1, "whatsapp": None})``; values are agent indexes."""
    rows = [_row(number(i), bindings, external=True) for i, bindings in enumerate(trunks)]
    rows += [_row(bought(i), bindings, external=False) for i, bindings in enumerate(purchased)]
    people = tuple(AgentRow(uuid=agent(i), name=f"Agent {i}") for i in range(agents))
    others = tuple(Holder(agent=agent(i), kind=kind) for i, kind in holders)
    return World(Rows(people, tuple(rows), others))


def _row(text: str, bindings: Mapping[str, int | None], *, external: bool) -> NumberRow:
    served = {channel: None if index is None else agent(index) for channel, index in bindings.items()}
    uuid = f"10000000-0000-4000-8000-{text[1:]:0>12}"
    return NumberRow(uuid=uuid, number=text, external=external, bindings=served)


@dataclass(slots=True)
class Ticks:
    """Seconds that pass only when a test says so; its wall clock begins at *epoch*."""

    now: float = 0.0
    epoch: float = 1_790_000_000.0

    def advance(self, seconds: float) -> None:
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, time=lambda: self.epoch + self.now)


def assign_request(trunk: int = 0, to: int = 1, channel: str = "call", **more: object) -> Request:
    """The call that gives a trunk of :func:`world` to an agent."""
    fields = {"phone_number": number(trunk), "channel": channel, "agent_uuid": agent(to)} | more
    return request("PUT", ASSIGN, fields=fields)


def request(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    fields: Mapping[str, object] | None = None,
    authorization: str = "Bearer sandbox-token",
    accept: str = "application/json",
    port: int = 0,
) -> Request:
    """A call with a good token."""
    return Request(
        method=method,
        path=path,
        query=query or {},
        fields=fields or {},
        authorization=authorization,
        accept=accept,
        port=port,
    )


def service(made: World, *rules: dict[str, Any], ticks: Ticks | None = None, **options: Any) -> Service:
    """A service on a clock moved by hand, with fault rules and options."""
    script = faults.parse({"rules": list(rules)})
    return Service(made, Options(script=script, **options), clock=(ticks or Ticks()).clock)


def answer(made: Service, call: Request) -> Response:
    """The answer to one call, all its steps at once."""
    ticket = made.arrive(call)
    try:
        return made.carry_out(ticket)
    finally:
        made.leave(ticket)


def told(response: Response) -> Any:
    """The JSON of an answer."""
    return json.loads(response.body)
