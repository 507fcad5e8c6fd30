"""The vendor's API as a function from call to answer, without sockets: token, throttle, faults, routes, diary.

A call goes through three steps, so that a fault may wait between them: :meth:`Service.arrive` (token, throttle, which
rule strikes), :meth:`Service.carry_out` (the state changes, the answer is made), :meth:`Service.leave`.
"""

from __future__ import annotations

import heapq
import hmac
from dataclasses import dataclass, replace
from typing import Any

from batch.errors import UsageError
from batch.sandbox import shapes, throttle
from batch.sandbox.contents import altered
from batch.sandbox.diary import Diary, Entry
from batch.sandbox.faults import Do, Outside, Player, Rule, Script
from batch.sandbox.options import Options
from batch.sandbox.request import Request, Response
from batch.sandbox.routes import Routes, Write
from batch.sandbox.throttle import Clock, ThrottleRule
from batch.sandbox.world import World

LOGIN = "/login"


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A call on its way. ``refused`` is set when the token check or the throttle has already answered it."""

    request: Request
    entry: Entry
    refused: Response | None = None
    headers: throttle.Headers = ()
    rule: Rule | None = None
    limiter: throttle.Limiter | None = None

    @property
    def do(self) -> Do | None:
        """What goes wrong with this call."""
        return self.rule.do if self.rule is not None else None

    def delay(self, when: str) -> float:
        """The seconds to wait ``before`` or ``after`` carrying out."""
        return self.rule.do.delay if self.rule is not None and self.rule.when == when else 0.0


class Service:
    """The state, the rules and the diary of one stand-in. One thread at a time."""

    def __init__(self, world: World, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self.world = world
        self.options = options or Options()
        self.clock = clock or Clock()
        self.diary = Diary(self.options.log)
        self.routes = Routes(world, self.options, self.clock)
        self.set_throttle(self.options.throttle)
        self.set_script(self.options.script)
        self._late: list[tuple[float, int, Write]] = []

    # ── changed in flight ─────────────────────────────────────────────────────────────────────────────────────────

    def set_throttle(self, rule: ThrottleRule) -> None:
        """Put another limiter in front, with a fresh count."""
        self.throttle_rule = rule
        self._limiter = throttle.limiter(rule, self.clock)

    def set_script(self, script: Script) -> None:
        """Play another fault script from its beginning; :class:`UsageError` when it edits what is not there."""
        for index, rule in enumerate(script.rules):
            if rule.do.outside is not None:
                self.check(rule.do.outside, f"rules[{index}].do.outside")
        self.player = Player(script, self.clock)

    def set_options(self, options: Options) -> None:
        """Behave otherwise from now on; token, log, throttle and script of the new options are not looked at."""
        self.options = self.routes.options = options

    def check(self, edit: Outside, place: str) -> None:
        """:class:`UsageError` when an edit is about a trunk or an agent that is not there."""
        row = self.world.numbers.get(edit.number)
        if row is None or edit.channel not in row.bindings:
            raise UsageError(f"{place}: no trunk {edit.number}/{edit.channel}")
        if edit.agent is not None and edit.agent not in self.world.agents:
            raise UsageError(f"{place}: no agent {edit.agent}")

    def outside(self, edit: Outside) -> None:
        """Somebody in the panel sets an owner, whatever the rules say."""
        entry = self._entry(event="outside", number=edit.number, channel=edit.channel, agent=edit.agent)
        entry.before = self.world.owner(edit.number, edit.channel)
        self.world.set_owner(edit.number, edit.channel, edit.agent)
        entry.applied = True
        self.diary.settle(entry)

    # ── one call ──────────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, request: Request, query: str = "") -> Ticket:
        """Note the call and let token check, throttle and fault script look at it."""
        self.settle()
        entry = self._entry(
            method=request.method,
            path=request.path,
            query=query,
            number=request.number,
            channel=request.channel,
            agent=request.agent,
            port=request.port,
        )
        ticket = Ticket(request=request, entry=entry)
        ticket.refused = self._check_token(request, entry) or self._check_rate(ticket)
        if ticket.refused is None:
            ticket.rule = self.player.strike(request)
            if ticket.rule is not None:
                entry.fault = ticket.rule.do.name
                request.endless = ticket.rule.do.endless == "pages"
        return ticket

    def carry_out(self, ticket: Ticket) -> Response:
        """Change the state if it is to be changed, and make the answer; the diary has it before it leaves."""
        self.settle()
        response = ticket.refused or self._answer(ticket)
        response = replace(response, headers=response.headers + ticket.headers)
        do = ticket.do
        ticket.entry.status = 0 if do is not None and (do.reset or do.close or do.garbled) else response.status
        self.diary.settle(ticket.entry)
        return response

    def leave(self, ticket: Ticket) -> None:
        """The call has ended."""
        if ticket.limiter is not None:
            ticket.limiter.release()

    def settle(self) -> None:
        """Carry out the late writes whose time has come."""
        while self._late and self._late[0][0] <= self.clock.monotonic():
            _, seq, write = heapq.heappop(self._late)
            entry = self._entry(event="late", number=write.number, channel=write.channel, agent=write.agent)
            entry.of = seq
            self._apply(write, entry)
            self.diary.settle(entry)

    def next_late(self) -> float | None:
        """Seconds until the next late write, if there is one."""
        return max(0.0, self._late[0][0] - self.clock.monotonic()) if self._late else None

    def _entry(self, **facts: Any) -> Entry:
        entry = Entry(seq=self.diary.next_seq(), at=self.clock.time(), mono=self.clock.monotonic(), **facts)
        return self.diary.add(entry)

    # ── token and rate ────────────────────────────────────────────────────────────────────────────────────────────

    def _check_token(self, request: Request, entry: Entry) -> Response | None:
        """Laravel authenticates before it throttles, and sends whoever did not ask for JSON to the login page."""
        scheme, _, token = request.authorization.partition(" ")
        given = scheme.lower() == "bearer" and token != ""
        right = given and hmac.compare_digest(token.encode(), self.options.token.encode())
        entry.token = "right" if right else "wrong" if given else "missing"
        if right:
            return None
        if not request.wants_json:
            return Response.of_html(302, shapes.page_of_html("Redirecting", LOGIN), (("Location", LOGIN),))
        code, words = (
            ("INVALID_AUTH_TOKEN", "The authentication token is invalid or has expired.")
            if given
            else ("MISSING_AUTH_TOKEN", "Authentication token is required.")
        )
        return Response.of_json(401, shapes.refusal(code, words))

    def _check_rate(self, ticket: Ticket) -> Response | None:
        permit = self._limiter.take()
        ticket.headers = throttle.headers(self.throttle_rule, permit, self.clock.time())
        if permit.granted:
            ticket.limiter = self._limiter
            return None
        match self.throttle_rule.body:
            case "json":
                return Response.of_json(429, {"message": "Too Many Attempts."})
            case "html":
                return Response.of_html(429, shapes.page_of_html("429 Too Many Requests", "<hr>nginx"))
            case "text":
                return Response(status=429, body=b"Too many requests\n", content_type="text/plain")
            case "empty":
                return Response(status=429, body=b"")

    # ── the answer ────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, ticket: Ticket) -> Response:
        rule = ticket.rule
        if rule is None:
            return self._true_answer(ticket)
        if rule.do.outside is not None and rule.when == "before":
            self.outside(rule.do.outside)
        response = altered(self._true_answer(ticket), rule.do, ticket.request, self.world, ticket.entry.before)
        if rule.do.outside is not None and rule.when == "after":
            self.outside(rule.do.outside)
        return response

    def _true_answer(self, ticket: Ticket) -> Response:
        """The answer as it would have been, and the write as far as the rule lets it through."""
        result = self.routes.answer(ticket.request)
        if not isinstance(result, Write):
            return result
        ticket.entry.before = self.world.owner(result.number, result.channel)
        rule = ticket.rule
        if rule is not None and rule.do.late is not None:
            heapq.heappush(self._late, (self.clock.monotonic() + rule.do.late, ticket.entry.seq, result))
        elif rule is None or rule.when == "after" or not rule.do.prevents:
            self._apply(result, ticket.entry)
        if rule is not None and rule.do.stale is not None:
            until = self.clock.monotonic() + rule.do.stale
            self.world.lag(result.number, result.channel, until=until, owner=ticket.entry.before)
        return self.routes.echo(result)

    def _apply(self, write: Write, entry: Entry) -> None:
        entry.before = self.world.owner(write.number, write.channel)
        if self.routes.conflict(write):
            return
        self.routes.apply(write)
        entry.applied = True
