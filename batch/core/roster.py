"""Which agent of the workspace a cell means: by uuid, or by an exact name that only one agent has.

Names compare in NFC without invisible characters at their ends, as a sheet's cells do; case and accents count.
A near miss is only ever a suggestion (DESIGN.md §3.9: ambiguous is refused, never guessed).
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping

from batch.core.model import Agent, AgentId, AgentRef, Origin, Problem
from batch.core.texts import trim

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
        """The agent *ref* names, or why it names none: ``agent_unknown`` or ``agent_ambiguous``."""
        if ref.uuid is not None:
            found = self._agents.get(ref.uuid)
            return found if found is not None else Problem("agent_unknown", origin, ref.column, ref.typed)
        namesakes = self._by_name.get(_plain(ref.name), [])
        if len(namesakes) == 1:
            return namesakes[0]
        if namesakes:
            listed = ", ".join(f"{agent.uuid} ({agent.status or 'no status'})" for agent in namesakes)
            return Problem("agent_ambiguous", origin, ref.column, ref.typed, detail=listed)
        return Problem("agent_unknown", origin, ref.column, ref.typed, detail=self._suggestion(_plain(ref.name)))

    def not_ready(self, agent: Agent, ref: AgentRef, origin: Origin) -> Problem | None:
        """The note that *agent* is not in a state to answer."""
        if agent.status not in NOT_READY:
            return None
        return Problem("agent_not_ready", origin, ref.column, ref.typed, detail=agent.status)

    def _suggestion(self, name: str) -> str:
        if name not in self._near and len(self._near) < MOST_SUGGESTIONS:
            close = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.75)
            self._near[name] = f", did you mean {' or '.join(map(repr, close))}?" if close else ""
        return self._near.get(name, "")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", trim(name))
