"""Which agent of the workspace a cell means: by uuid, or by an exact name that only one agent has.

Names compare in NFC without invisible characters at their ends, as a sheet's cells do; case and accents count.
A near miss is only ever a suggestion (DESIGN.md §3.9: ambiguous is refused, never guessed).
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence

from batch.core.model import Agent, AgentId, AgentRef, Origin, Problem
from batch.core.texts import trim

MOST_NAMED = 10
"""Agents that one problem names at most: a thousand namesakes must not fill a report."""

MOST_SUGGESTIONS = 50
"""Comparing a misspelt name with a roster of thousands takes 10 ms and more; after fifty, the sheet is the problem."""

NOT_READY = frozenset({"paused", "pending"})
"""Statuses (API.md §4.4) of an agent that will not answer now: said, not refused, since people prepare a move early."""


class Roster:
    """The agents of a workspace, looked up by what a sheet calls them."""

    def __init__(self, agents: Mapping[AgentId, Agent]) -> None:
        self._agents = agents
        self._by_name: dict[str, list[Agent]] = {}
        for agent in agents.values():
            self._by_name.setdefault(_plain(agent.name), []).append(agent)
        self._near: dict[str, str] = {}

    def name(self, uuid: AgentId) -> str:
        """The agent's name as the workspace has it; empty for an agent it does not have."""
        agent = self._agents.get(uuid)
        return "" if agent is None else agent.name

    def find(self, ref: AgentRef, origin: Origin) -> Agent | Problem:
        """The agent *ref* names, or why it names none: ``agent_unknown``, ``agent_ambiguous``, ``agent_disagrees``."""
        if ref.uuid is not None:
            return self._by_uuid(ref, ref.uuid, origin)
        namesakes = self._by_name.get(_plain(ref.name), [])
        if len(namesakes) == 1:
            return namesakes[0]
        if namesakes:
            return Problem("agent_ambiguous", origin, ref.column, ref.typed, detail=_listed(namesakes))
        return Problem("agent_unknown", origin, ref.column, ref.typed, detail=self._suggestion(_plain(ref.name)))

    def not_ready(self, agent: Agent, ref: AgentRef, origin: Origin) -> Problem | None:
        """The note that *agent* is not in a state to answer."""
        if agent.status not in NOT_READY:
            return None
        return Problem("agent_not_ready", origin, ref.column, ref.typed, detail=agent.status)

    def _by_uuid(self, ref: AgentRef, uuid: AgentId, origin: Origin) -> Agent | Problem:
        """The agent of that uuid, unless the row names another one beside it: then neither is believed.

        A name that a cell cannot hold as it is (line ends, control characters) is not compared.
        """
        found = self._agents.get(uuid)
        if found is None:
            return Problem("agent_unknown", origin, ref.column, ref.typed)
        if ref.name and found.name.isprintable() and _plain(ref.name) != _plain(found.name):
            return Problem("agent_disagrees", origin, ref.column, ref.name, detail=f"{found.name!r} ({uuid})")
        return found

    def _suggestion(self, name: str) -> str:
        if name not in self._near and len(self._near) < MOST_SUGGESTIONS:
            close = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.75)
            meant = [f"{agent.name!r} ({agent.uuid})" for near in close for agent in self._by_name[near][:MOST_NAMED]]
            self._near[name] = f", did you mean {' or '.join(meant)}?" if meant else ""
        return self._near.get(name, "")


def _listed(namesakes: Sequence[Agent]) -> str:
    shown = [f"{agent.uuid} ({agent.status or 'no status'})" for agent in namesakes[:MOST_NAMED]]
    more = len(namesakes) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", trim(name))
