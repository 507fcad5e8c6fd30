"""The calls we may make, as values: the only place that knows the API's paths (API.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from batch.core.model import AgentId, Number, Trunk


class Listing(StrEnum):
    """The three lists a snapshot is gathered from; the value is the path."""

    TRUNKS = "/phone-numbers/trunks"
    NUMBERS = "/phone-numbers"
    AGENTS = "/agents"


class Call(Struct, frozen=True, gc=False):
    """One request, before anything is sent. ``path`` is relative to ``/api/v1``; ``body`` is sent as JSON."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, str] | None = None

    @property
    def writes(self) -> bool:
        """Whether the call could change anything: whatever is not a GET."""
        return self.method != "GET"


def assign(trunk: Trunk, agent: AgentId) -> Call:
    """Bind a trunk to an agent: the one call that writes."""
    body = {"phone_number": trunk.number, "channel": trunk.channel.value, "agent_uuid": agent}
    return Call("PUT", "/phone-numbers/trunks/assign", body=body)


def list_page(listing: Listing, page: int, per_page: int | None) -> Call:
    """One page of a list; ``page`` starts at 1. ``None`` leaves the size of a page to the server."""
    size = () if per_page is None else (("per_page", str(per_page)),)
    return Call("GET", listing.value, (("page", str(page)), *size))


def channels_of(number: Number) -> Call:
    """The channels snapshot of one number."""
    return Call("GET", "/phone-numbers/channels", (("number", number),))


def probe() -> Call:
    """The cheapest call that tells whether the credentials are good (API.md §2: the vendor's own node uses it)."""
    return Call("GET", "/contacts", (("limit", "1"),))


# ── what comes back ───────────────────────────────────────────────────────────────────────────────────────────────────


class Answer(Struct, frozen=True, gc=False):
    """A whole HTTP answer, whatever its status. Header names are in lower case; ``seconds`` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


class FaultKind(StrEnum):
    """How a call can end without a whole answer; what each means for a PUT is in :mod:`batch.core.verdict`."""

    CONNECT = "connect"  # DNS, refused, TLS, connect timeout: nothing was sent
    STALE = "stale"  # a reused connection died before any answer byte
    READ = "read"  # the connection died on a fresh connection, before any answer byte
    DEADLINE = "deadline"  # the call as a whole took too long
    CUT = "cut"  # fewer bytes than announced
    GARBLED = "garbled"  # not HTTP
    TOO_LARGE = "too_large"  # more bytes than any answer of this API needs


class Fault(Struct, frozen=True, gc=False):
    """A call that ended without a whole answer."""

    kind: FaultKind
    detail: str = ""
    seconds: float = 0.0


Reply = Answer | Fault
