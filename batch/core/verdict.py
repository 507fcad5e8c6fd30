"""What an answer means: API.md §5 as two tables that the code looks up and the documentation prints.

A reply is first *sorted* (by status, and where the status alone does not decide, by what the body or a header adds),
then looked up. Sorting reads; only the tables judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

from batch.core import fields, shapes
from batch.core.calls import Answer, Fault, FaultKind, Reply
from batch.core.complaints import error_of
from batch.core.model import AgentId, Trunk

Meaning = TypeVar("Meaning", bound=StrEnum)


class Verdict(StrEnum):
    """What became of one PUT, by what the sender can do next."""

    APPLIED = "applied"  # seen to be true
    RESEND = "resend"  # surely not applied, and nothing wrong with the row
    FRESH_CONNECTION = "fresh_connection"  # mostly not applied: resend once at once, then as UNCLEAR
    PAUSE = "pause"  # not applied; everybody waits; costs the row nothing
    UNCLEAR = "unclear"  # read back before anything else
    PAGE = "page"  # as UNCLEAR, and if it goes on as LOGIN: what answers is not the API
    REJECTED = "rejected"  # not applied, never will be
    CONFLICT = "conflict"  # not applied while something else is in the way
    LOGIN = "login"  # not applied: the token, or the host, is not what it should be
    FIREWALL = "firewall"  # not applied: something in front of the API refuses us


class Reading(StrEnum):
    """What came of one GET."""

    FOUND = "found"
    ABSENT = "absent"
    PAUSE = "pause"
    RETRY = "retry"
    LOGIN = "login"
    FIREWALL = "firewall"
    REFUSED = "refused"


class Sign(StrEnum):
    """What decides between answers of one status."""

    ANY = "any body"
    OURS = "JSON, success true, and number, channel and agent as sent"
    JSON = "JSON"
    SAYS_NO = "JSON that says success: false"
    PAGE = "HTML"
    TAKEN = "a text that says the agent is taken"
    WAIT = "a Retry-After header"


class Line(Struct, Generic[Meaning], frozen=True):
    """One line of a table: these replies, with this sign, mean this. The first line that fits is meant."""

    what: tuple[int | FaultKind, ...]
    sign: Sign
    meaning: Meaning
    why: str


def _statuses(*spans: int | tuple[int, int]) -> tuple[int, ...]:
    return tuple(s for span in spans for s in (range(span[0], span[1] + 1) if isinstance(span, tuple) else (span,)))


MAYBE_SENT = tuple(kind for kind in FaultKind if kind not in (FaultKind.CONNECT, FaultKind.STALE))
NEVER_REACHED = _statuses(521, 522, 523, 525, 526)  # a proxy could not open its connection to the server
LOGIN_WANTED = _statuses(401, 407, 511)  # the API, a proxy, a captive portal

TABLE: tuple[Line[Verdict], ...] = (
    Line((FaultKind.CONNECT,), Sign.ANY, Verdict.RESEND, "nothing was sent"),
    Line((FaultKind.STALE,), Sign.ANY, Verdict.FRESH_CONNECTION, "the server had closed the idle connection"),
    Line(MAYBE_SENT, Sign.ANY, Verdict.UNCLEAR, "the request may have arrived"),
    Line(_statuses((200, 201), (203, 299)), Sign.OURS, Verdict.APPLIED, "the answer shows the wanted binding"),
    Line(_statuses((200, 299)), Sign.PAGE, Verdict.PAGE, "a page for people, not the API"),
    Line(_statuses((200, 299)), Sign.ANY, Verdict.UNCLEAR, "the answer does not show the wanted binding"),
    Line(LOGIN_WANTED, Sign.ANY, Verdict.LOGIN, "the token was not accepted"),
    Line(_statuses((300, 399)), Sign.ANY, Verdict.LOGIN, "redirected; never followed"),
    Line((403,), Sign.JSON, Verdict.REJECTED, "the token may not do this"),
    Line((403,), Sign.ANY, Verdict.FIREWALL, "not the API's own answer"),
    Line(_statuses(409, 423), Sign.ANY, Verdict.CONFLICT, "something is in the way"),
    Line(_statuses(400, 422), Sign.TAKEN, Verdict.CONFLICT, "the agent is taken"),
    Line((429,), Sign.ANY, Verdict.PAUSE, "too many calls"),
    Line((503,), Sign.WAIT, Verdict.PAUSE, "the server asks to wait"),
    Line(NEVER_REACHED, Sign.ANY, Verdict.RESEND, "the request never reached the server"),
    Line(_statuses(408, 499), Sign.ANY, Verdict.UNCLEAR, "given up somewhere on the way"),
    Line(_statuses((400, 499)), Sign.ANY, Verdict.REJECTED, "the server said no"),
    Line(_statuses((500, 599)), Sign.ANY, Verdict.UNCLEAR, "the server failed, before or after applying"),
    Line(_statuses((100, 199)), Sign.ANY, Verdict.UNCLEAR, "no final answer"),
)
"""What each outcome of the PUT means (API.md §5)."""

READ_TABLE: tuple[Line[Reading], ...] = (
    Line(tuple(FaultKind), Sign.ANY, Reading.RETRY, "no whole answer"),
    Line(_statuses((200, 299)), Sign.SAYS_NO, Reading.REFUSED, "the server said no"),
    Line(_statuses((200, 299)), Sign.JSON, Reading.FOUND, "an answer of the API"),
    Line(_statuses((200, 299)), Sign.PAGE, Reading.LOGIN, "a page for people, not the API"),
    Line(_statuses((200, 299)), Sign.ANY, Reading.RETRY, "not an answer of the API"),
    Line(LOGIN_WANTED, Sign.ANY, Reading.LOGIN, "the token was not accepted"),
    Line(_statuses((300, 399)), Sign.ANY, Reading.LOGIN, "redirected; never followed"),
    Line((403,), Sign.JSON, Reading.REFUSED, "the token may not see this"),
    Line((403,), Sign.ANY, Reading.FIREWALL, "not the API's own answer"),
    Line(_statuses(404, 410), Sign.ANY, Reading.ABSENT, "not there"),
    Line((429,), Sign.ANY, Reading.PAUSE, "too many calls"),
    Line((503,), Sign.WAIT, Reading.PAUSE, "the server asks to wait"),
    Line(_statuses(408, 425, 499), Sign.ANY, Reading.RETRY, "given up somewhere on the way"),
    Line(_statuses((400, 499)), Sign.ANY, Reading.REFUSED, "the server said no"),
    Line(_statuses((500, 599), (100, 199)), Sign.ANY, Reading.RETRY, "the server failed"),
)
"""What each outcome of a GET means: the same statuses, but nothing can have been changed."""


# ── looking an answer up ──────────────────────────────────────────────────────────────────────────────────────────────


class Judgement(Struct, frozen=True, gc=False):
    """What became of one PUT. ``detail`` says why in words that are safe to print; empty when it was applied."""

    verdict: Verdict
    http_status: int | None
    detail: str


def judge_write(reply: Reply, trunk: Trunk, agent: AgentId) -> Judgement:
    """What *reply*, to the call that binds *trunk* to *agent*, says of it (:data:`TABLE`)."""
    line = _first(_WRITES, _Look(reply, (trunk, agent)))
    status = reply.status if isinstance(reply, Answer) else None
    return Judgement(line.meaning, status, "" if line.meaning is Verdict.APPLIED else _detail(line, reply))


def judge_read(reply: Reply) -> tuple[Reading, str]:
    """What came of a GET (:data:`READ_TABLE`), and why, in words that are safe to print."""
    line = _first(_READS, _Look(reply))
    return line.meaning, "" if line.meaning is Reading.FOUND else _detail(line, reply)


class _Look:
    """One reply, its body looked at only when a sign asks for it."""

    __slots__ = ("_outline", "_wanted", "reply")

    def __init__(self, reply: Reply, wanted: tuple[Trunk, AgentId] | None = None) -> None:
        self.reply = reply
        self._wanted = wanted
        self._outline: object = _UNREAD

    def shows(self, sign: Sign) -> bool:
        """Whether the reply has *sign*."""
        return sign is Sign.ANY or (isinstance(self.reply, Answer) and _SIGNS[sign](self, self.reply))

    def outline(self, answer: Answer) -> object:
        """What the body is, without reading a list of hundreds of numbers only to see that it is one."""
        if self._outline is _UNREAD:
            self._outline = fields.outline(answer.body)
        return self._outline

    def says_no(self, answer: Answer) -> bool:
        """Whether the envelope says that it did not work."""
        outline = self.outline(answer)
        return isinstance(outline, fields.Outline) and fields.flag(outline.success) is False

    def is_ours(self, answer: Answer) -> bool:
        """Whether the answer echoes the number, the channel and the agent that were sent."""
        wanted = self._wanted
        return wanted is not None and shapes.echo_of(answer.body, wanted[0].channel) == (wanted[0].number, wanted[1])


def _says_taken(answer: Answer) -> bool:
    return any(_TAKEN.search(said) for said in error_of(answer.body))


_SIGNS: Mapping[Sign, Callable[[_Look, Answer], bool]] = {
    Sign.OURS: lambda look, answer: look.is_ours(answer),
    Sign.JSON: lambda look, answer: look.outline(answer) is not None,
    Sign.SAYS_NO: lambda look, answer: look.says_no(answer),
    Sign.PAGE: lambda _, answer: answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"),
    Sign.TAKEN: lambda _, answer: _says_taken(answer),
    Sign.WAIT: lambda _, answer: "retry-after" in answer.headers,
}
_TAKEN = re.compile(r"already|in[ _-]use|occupied|taken|conflict", re.IGNORECASE)
"""The words of the vendor's codes (``phone_in_use``) and of Laravel's *unique* rule (*has already been taken*)."""
_UNREAD = object()
_NO_STATUS = 100
"""Stands for a number that is no status: nothing final was said."""


def _by_reply(table: Iterable[Line[Meaning]]) -> dict[int | FaultKind, tuple[Line[Meaning], ...]]:
    """The lines of a table that speak of one status or fault, in order; the last of them takes any body."""
    found: dict[int | FaultKind, tuple[Line[Meaning], ...]] = {}
    for line in table:
        for what in line.what:
            lines = found.get(what, ())
            if not lines or lines[-1].sign is not Sign.ANY:
                found[what] = (*lines, line)
    return found


_WRITES = _by_reply(TABLE)
_READS = _by_reply(READ_TABLE)


def _first(lines: Mapping[int | FaultKind, tuple[Line[Meaning], ...]], look: _Look) -> Line[Meaning]:
    reply = look.reply
    *before, last = lines.get(reply.status if isinstance(reply, Answer) else reply.kind, lines[_NO_STATUS])
    for line in before:
        if look.shows(line.sign):
            return line
    return last


def _detail(line: Line[Meaning], reply: Reply) -> str:
    parts = (reply.detail,) if isinstance(reply, Fault) else error_of(reply.body)
    said = ": ".join(part for part in parts if part)
    return f"{line.why}: {said}" if said else line.why
