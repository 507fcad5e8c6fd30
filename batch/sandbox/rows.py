"""What a workspace consists of: agents, numbers with their bindings, and other holders of an agent's channel."""

from __future__ import annotations

from dataclasses import dataclass, field

TRUNK_CHANNELS = ("call", "whatsapp")
BINDING_CHANNELS = ("call", "sms", "whatsapp")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """A voice agent. Names are free text and not unique (API.md §4.4)."""

    uuid: str
    name: str
    status: str = "ready"
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRow:
    """A phone number. ``bindings`` is its live state: channel → agent, ``None`` = the row exists but nobody serves it.

    Of an external number each key of ``bindings`` is one trunk (API.md §2).
    """

    uuid: str
    number: str
    external: bool = True
    status: str = "active"
    country: str = "TR"
    type: str = "local"
    bindings: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Something else that occupies an agent's channel: a SIP connection or a PBX connector (API.md §3.3)."""

    agent: str
    channel: str = "call"
    kind: str = "sip"


@dataclass(frozen=True, slots=True)
class Rows:
    """A whole workspace as rows."""

    agents: tuple[AgentRow, ...]
    numbers: tuple[NumberRow, ...]
    holders: tuple[Holder, ...] = ()
