"""The endpoints of API.md §2 that a reassignment reads or writes, answered from the state of the world."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from batch.sandbox import shapes
from batch.sandbox.options import Options
from batch.sandbox.pages import Cut, Pagination
from batch.sandbox.request import Request, Response
from batch.sandbox.rows import TRUNK_CHANNELS, NumberRow
from batch.sandbox.throttle import Clock
from batch.sandbox.world import Rule, World

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_IN_BODY = re.compile(_UUID.pattern.encode(), re.IGNORECASE)
_ASSIGN_FIELDS = {"phone_number": "phone number", "channel": "channel", "agent_uuid": "agent uuid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """An assign call that the server accepts: the only thing that changes the world."""

    number: str
    channel: str
    agent: str


Result: TypeAlias = Response | Write


class Routes:
    """From a call that may pass to its answer, or to the write it asks for."""

    def __init__(self, world: World, options: Options, clock: Clock) -> None:
        self.world, self.options, self._clock = world, options, clock
        self._fixed: dict[str, dict[str, Callable[[Request], Result]]] = {
            "/phone-numbers/trunks/assign": {"PUT": self._assign},
            "/phone-numbers/trunks": {"GET": self._trunks},
            "/phone-numbers": {"GET": self._numbers},
            "/phone-numbers/channels": {"GET": self._channels_by_number},
            "/agents": {"GET": self._agents},
            "/contacts": {"GET": self._contacts},
        }
        self._by_uuid: dict[str, Callable[[str], Result]] = {
            r"/phone-numbers/([^/]+)/channels": self._channels_by_uuid,
            r"/agents/([^/]+)": self._agent,
        }

    def answer(self, request: Request) -> Result:
        """What the server makes of a call; 404 and 405 as Laravel words them."""
        methods = self._fixed.get(request.path)
        if methods is not None:
            route = methods.get(request.method)
            return route(request) if route is not None else _not_supported(request, tuple(methods))
        for pattern, by_uuid in self._by_uuid.items():
            if found := re.fullmatch(pattern, request.path):
                return (
                    by_uuid(found[1].lower()) if request.method == "GET" else _not_supported(request, ("GET", "HEAD"))
                )
        return Response.of_json(404, {"message": f"The route api/v1{request.path} could not be found."})

    # ── the write ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _assign(self, request: Request) -> Result:
        if errors := self._assign_errors(request):
            return _invalid(request, errors)
        agent = request.agent.lower()
        if not self.world.has_trunk(request.number, request.channel):
            words = "No external trunk was found for this phone number and channel."
            return Response.of_json(404, shapes.refusal("trunk_not_found", words, field="phone_number"))
        if agent not in self.world.agents:
            words = "The agent was not found."
            return Response.of_json(404, shapes.refusal("agent_not_found", words, field="agent_uuid"))
        write = Write(number=request.number, channel=request.channel, agent=agent)
        return self.conflict(write) or write

    def _assign_errors(self, request: Request) -> dict[str, str]:
        fields = request.fields
        errors = {
            name: f"The {words} field is required." for name, words in _ASSIGN_FIELDS.items() if not fields.get(name)
        }
        checks = {
            "phone_number": (_E164.fullmatch(request.number), "The phone number field format is invalid."),
            "channel": (request.channel in TRUNK_CHANNELS, "The selected channel is invalid."),
            "agent_uuid": (_UUID.fullmatch(request.agent), "The agent uuid field must be a valid UUID."),
        }
        return errors | {name: words for name, (good, words) in checks.items() if name not in errors and not good}

    def conflict(self, write: Write) -> Response | None:
        """The refusal when another holder is on the agent's channel and the rule is *refuse*."""
        if self.options.occupancy is not Rule.REFUSE:
            return None
        if not self.world.occupants(write.agent, write.channel, besides=write.number):
            return None
        words = f"This agent is already assigned to another phone number on the {write.channel} channel."
        if self.options.occupancy_status == 422:  # noqa: PLR2004 -- Laravel's body goes with Laravel's status
            return Response.of_json(422, shapes.invalid({"agent_uuid": words}))
        body = shapes.refusal("phone_in_use", words, field="agent_uuid")
        return Response.of_json(self.options.occupancy_status, body)

    def apply(self, write: Write) -> None:
        """Change the world."""
        displace = self.options.occupancy is Rule.DISPLACE
        self.world.assign(write.number, write.channel, write.agent, displace=displace)

    def echo(self, write: Write) -> Response:
        """The success answer to a write, whether or not it was carried out."""
        row = self.world.numbers[write.number]
        return self._snapshot(row, {**row.bindings, write.channel: write.agent})

    # ── the reads ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _channels_by_number(self, request: Request) -> Result:
        number = request.query.get("number", "")
        if not _E164.fullmatch(number):
            words = "field format is invalid." if number else "field is required."
            return _invalid(request, {"number": f"The number {words}"})
        return self._snapshot_of(self.world.numbers.get(number))

    def _channels_by_uuid(self, uuid: str) -> Result:
        return self._snapshot_of(self.world.by_uuid.get(uuid))

    def _snapshot_of(self, row: NumberRow | None) -> Result:
        if row is None:
            return Response.of_json(404, shapes.refusal("phone_number_not_found", "The phone number was not found."))
        return self._snapshot(row, self.world.seen(row, self._clock.monotonic()))

    def _snapshot(self, row: NumberRow, bindings: dict[str, str | None]) -> Response:
        data = shapes.channels_snapshot(self.world, row, bindings)
        if not self.options.plus:
            data["number"] = row.number.removeprefix("+")
        return self._spelled(shapes.envelope(data))

    def _trunks(self, request: Request) -> Result:
        return self._list(request, self.world.rows(external=True), self._number)

    def _numbers(self, request: Request) -> Result:
        return self._list(request, self.world.rows(), self._number)

    def _agents(self, request: Request) -> Result:
        return self._list(request, list(self.world.agents.values()), shapes.agent)

    def _number(self, row: NumberRow) -> dict[str, Any]:
        return shapes.phone_number(self.world, row, self.world.seen(row, self._clock.monotonic()))

    def _list(self, request: Request, rows: Sequence[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
        options = self.options
        per_page = min(request.whole("per_page", options.page_size), options.max_page)
        style = Pagination.ENDLESS if request.endless else options.pagination
        cut = Cut(page=request.page, per_page=per_page, total=len(rows), style=style)
        return self._spelled(cut.body([shape(row) for row in cut.of(rows)]))

    def _agent(self, uuid: str) -> Result:
        row = self.world.agents.get(uuid)
        if row is None:
            return Response.of_json(404, shapes.refusal("agent_not_found", "The agent was not found."))
        return self._spelled(shapes.envelope(shapes.agent(row)))

    def _contacts(self, request: Request) -> Result:
        cut = Cut(page=request.page, per_page=request.whole("limit", 50), total=0, style=Pagination.NORMAL)
        return self._spelled(cut.body([]))

    def _spelled(self, data: Any) -> Response:
        response = Response.of_json(200, data)
        if not self.options.upper:
            return response
        return replace(response, body=_UUID_IN_BODY.sub(lambda found: found[0].upper(), response.body))


def _invalid(request: Request, errors: dict[str, str]) -> Response:
    """Laravel sends whoever did not ask for JSON back to where they came from."""
    if not request.wants_json:
        return Response.of_html(302, shapes.page_of_html("Redirecting", "/"), (("Location", "/"),))
    return Response.of_json(422, shapes.invalid(errors))


def _not_supported(request: Request, methods: tuple[str, ...]) -> Response:
    words = (
        f"The {request.method} method is not supported for route api/v1{request.path}. "
        f"Supported methods: {', '.join(methods)}."
    )
    return Response.of_json(405, {"message": words}, (("Allow", ", ".join(methods)),))
