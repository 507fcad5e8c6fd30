"""``/_sandbox``: looking inside and changing things in flight, neither throttled nor behind the token.

GET  /_sandbox/state       every trunk with its true owner
PUT  /_sandbox/state       {number, channel, agent}: somebody in the panel sets an owner (or a list of such)
GET  /_sandbox/log         ?after=SEQ: what happened (:class:`batch.sandbox.diary.Entry`) · DELETE forgets it
GET  /_sandbox/throttle    the limiter in force · PUT another (:class:`batch.sandbox.throttle.ThrottleRule`)
GET  /_sandbox/faults      the script and how often each rule struck · PUT another (:mod:`batch.sandbox.faults`)
GET  /_sandbox/occupancy   the rule in force · PUT {rule: refuse|allow|displace, status: 409|422}

What is PUT may be POSTed. A mistake is answered 422 with a sentence. Any other address is the panel's web page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from batch.errors import UsageError
from batch.sandbox import faults
from batch.sandbox.checked import Strict, checked
from batch.sandbox.contents import PAGES
from batch.sandbox.faults import Outside
from batch.sandbox.service import Service
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule

_Look: TypeAlias = Callable[[Request], Any]
_Change: TypeAlias = Callable[[Any], None]


class _Edits(Strict):
    edits: tuple[Outside, ...]


class _Occupancy(Strict):
    rule: Rule
    status: Literal[409, 422] = 409


def control(service: Service) -> Starlette:
    """The control calls of one stand-in, and the panel's login page."""
    desk = _Desk(service)
    routes = [
        _route("state", look=desk.state, change=desk.edit),
        _route("log", look=desk.log, empty=service.diary.clear),
        _route("throttle", look=desk.throttle, change=desk.set_throttle),
        _route("faults", look=desk.faults, change=desk.set_faults),
        _route("occupancy", look=desk.occupancy, change=desk.set_occupancy),
        Route("/_sandbox/{rest:path}", _unknown),
        Route("/{rest:path}", _panel),
    ]
    return Starlette(routes=routes)


async def _panel(_request: Request) -> Response:
    return HTMLResponse(PAGES["login"])


async def _unknown(_request: Request) -> Response:
    return JSONResponse(
        {"error": "state, log, throttle, faults, occupancy: there is nothing else here"}, status_code=404
    )


def _nothing() -> None:
    """Most things cannot be emptied; DELETE is not routed to them."""


def _route(name: str, *, look: _Look, change: _Change | None = None, empty: Callable[[], None] = _nothing) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            if request.method in {"PUT", "POST"} and change is not None:
                change(json.loads(await request.body()))
            elif request.method == "DELETE":
                empty()
            return JSONResponse(look(request))
        except (UsageError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=422)

    return Route(f"/_sandbox/{name}", endpoint, methods=["GET", "PUT", "POST"] if change else ["GET", "DELETE"])


class _Desk:
    """What can be looked at and changed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def state(self, _request: Request) -> Any:
        self._service.settle()
        world = self._service.world
        return {
            "trunks": [
                {"number": number, "channel": channel, "agent": agent} for number, channel, agent in world.trunks()
            ],
            "agents": [{"uuid": row.uuid, "name": row.name} for row in world.agents.values()],
        }

    def edit(self, data: Any) -> None:
        edits = checked(_Edits, {"edits": data if isinstance(data, list) else [data]}, "state").edits
        for edit in edits:  # all or none
            self._service.check(edit, "state")
        for edit in edits:
            self._service.outside(edit)

    def log(self, request: Request) -> Any:
        self._service.settle()
        return {"entries": self._service.diary.since(int(request.query_params.get("after", "0")))}

    def throttle(self, _request: Request) -> Any:
        return self._service.throttle_rule.model_dump()

    def set_throttle(self, data: Any) -> None:
        self._service.set_throttle(checked(ThrottleRule, data, "throttle"))

    def faults(self, _request: Request) -> Any:
        player = self._service.player
        return player.script.model_dump(mode="json", exclude_unset=True) | {"struck": player.struck()}

    def set_faults(self, data: Any) -> None:
        self._service.set_script(faults.parse(data))

    def occupancy(self, _request: Request) -> Any:
        options = self._service.options
        return {"rule": options.occupancy, "status": options.occupancy_status}

    def set_occupancy(self, data: Any) -> None:
        wanted = checked(_Occupancy, data, "occupancy")
        options = replace(self._service.options, occupancy=wanted.rule, occupancy_status=wanted.status)
        self._service.set_options(options)
