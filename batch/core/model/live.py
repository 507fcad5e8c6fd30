"""The live state of a workspace, as the API showed it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from batch.core.model.trunk import CHANNELS, AgentId, Channel, Number, Trunk


class Agent(Struct, frozen=True, gc=False):
    """A voice agent. Names are free text and not unique (API.md §4.4); ``status`` is the API's word, or empty."""

    uuid: AgentId
    name: str
    status: str = ""


class Binding(Struct, frozen=True, gc=False):
    """Who serves one channel of a number; ``agent`` is ``None`` when nobody does."""

    bound: bool
    agent: AgentId | None = None
    agent_name: str = ""


class NumberState(Struct, frozen=True, kw_only=True, eq=False, gc=False):  # noqa: PLW1641 - it holds a mapping
    """A phone number as the API showed it, reduced to what decides about bindings.

    ``bindings`` is keyed by the API's own words (``call``, ``whatsapp``, ``sms`` …), unknown ones included.
    ``page`` is the list page it stood on (0 = read by number), so that one call can look at it again; two states that
    differ in it only are equal.
    """

    number: Number
    uuid: str = ""
    external: bool = True
    source: str = ""
    status: str = ""
    page: int = 0
    bindings: Mapping[str, Binding] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberState) and self._told() == other._told()

    def _told(self) -> tuple[object, ...]:
        """What was said of the number itself, wherever that was."""
        return self.number, self.uuid, self.external, self.source, self.status, self.bindings

    def owner(self, channel: Channel) -> AgentId | None:
        """The agent that serves *channel*, or ``None``."""
        binding = self.bindings.get(channel)
        return binding.agent if binding is not None and binding.bound else None

    def trunks(self) -> tuple[Trunk, ...]:
        """The trunks of this number: its bound trunk channels, when the number is external."""
        if not self.external:
            return ()
        return tuple([Trunk(self.number, channel) for channel in CHANNELS if self.is_bound(channel)])

    def trunk_count(self) -> int:
        """How many those are."""
        return sum([self.is_bound(channel) for channel in CHANNELS]) if self.external else 0

    def is_bound(self, channel: Channel) -> bool:
        """Whether *channel* is said to be bound; a channel that is not listed is not."""
        binding = self.bindings.get(channel)
        return binding is not None and binding.bound


class Snapshot(Struct, frozen=True, kw_only=True):
    """The live state of a workspace at one moment, complete or not taken at all.

    ``numbers`` holds the external numbers (from the trunk list), ``others`` the purchased ones that may occupy an
    agent's channel. ``complete`` is false only for a snapshot gathered number by number, where occupancy is unknown.
    ``pages`` of ``per_page`` items, or of as many as the server gives unasked, are what the trunk list has.
    """

    agents: Mapping[AgentId, Agent]
    numbers: Mapping[Number, NumberState]
    others: Mapping[Number, NumberState] = field(default_factory=dict)
    complete: bool = True
    pages: int = 0
    per_page: int | None = None
    notes: tuple[str, ...] = ()

    def owner(self, trunk: Trunk) -> AgentId | None:
        """The agent that serves *trunk*, or ``None`` when the trunk is unknown or unbound."""
        state = self.numbers.get(trunk.number)
        return None if state is None else state.owner(trunk.channel)

    def trunk_count(self) -> int:
        """How many trunks the workspace has."""
        return sum([state.trunk_count() for state in self.numbers.values()])
