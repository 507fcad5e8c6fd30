"""The state of the stand-in: who serves which trunk, what a write does to it, and what a read sees of it.

State file (``--state F``), all uuids in lower case, all numbers E.164::

    {"agents":  [{"uuid": "…", "name": "…", "status": "ready", "language": "en"}],
     "numbers": [{"uuid": "…", "number": "+90…", "external": true, "status": "active", "country": "TR", "type": "local",
                  "bindings": {"call": "agent uuid" | null, "whatsapp": …, "sms": …}}],
     "holders": [{"agent": "agent uuid", "channel": "call", "kind": "sip" | "pbx"}]}

Of an external number each key of ``bindings`` is one trunk; ``null`` is a trunk nobody serves. Only ``uuid``, ``name``
and ``number`` are required.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from batch.errors import UsageError
from batch.sandbox.checked import Strict, checked, checked_file
from batch.sandbox.generate import Size, believable
from batch.sandbox.rows import AgentRow, Holder, NumberRow, Rows


class StateFile(Strict):
    """The state file, see the top of this module."""

    agents: tuple[AgentRow, ...]
    numbers: tuple[NumberRow, ...]
    holders: tuple[Holder, ...] = ()


class Rule(StrEnum):
    """What the server does when the agent already serves another number on that channel (API.md §3.1)."""

    REFUSE = "refuse"
    ALLOW = "allow"
    DISPLACE = "displace"


@dataclass(frozen=True, slots=True)
class _Mask:
    """A read replica that lags: until then, reads show this owner."""

    until: float
    owner: str | None


class World:
    """A workspace that changes. Not safe to use from several threads: the server's thread owns it."""

    def __init__(self, rows: Rows) -> None:
        self.agents: dict[str, AgentRow] = {row.uuid: row for row in rows.agents}
        # Own copies of the bindings: two worlds made from the same rows must not share their state.
        self.numbers: dict[str, NumberRow] = {
            row.number: replace(row, bindings=dict(row.bindings)) for row in rows.numbers
        }
        self._ends = (0, "", "")  # how many numbers were listed, the first and the last
        self._listed: tuple[NumberRow, ...] = ()
        self._external: tuple[NumberRow, ...] = ()
        self.by_uuid: dict[str, NumberRow] = {row.uuid: row for row in self.numbers.values()}
        self.holders: tuple[Holder, ...] = rows.holders
        self._held: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._masks: dict[tuple[str, str], _Mask] = {}
        self._check(rows)
        for holder in rows.holders:
            self._held[holder.agent, holder.channel].add(f"{holder.kind} connection")
        for row in self.numbers.values():
            for channel, agent in row.bindings.items():
                if agent is not None:
                    self._held[agent, channel].add(row.number)

    # ── making one ────────────────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def generate(
        cls, seed: int = 1, *, numbers: int = 260, agents: int = 0, purchased: int = 24, exclusive: bool = False
    ) -> World:
        """A believable workspace, see :mod:`batch.sandbox.generate`."""
        return cls(believable(seed, Size(numbers=numbers, agents=agents, purchased=purchased, exclusive=exclusive)))

    @classmethod
    def from_json(cls, data: object) -> World:
        """A workspace from a parsed state file; raises :class:`UsageError`."""
        return cls._of(checked(StateFile, data, "state"))

    @classmethod
    def load(cls, path: Path) -> World:
        """A workspace from a state file; raises :class:`UsageError`."""
        return cls._of(checked_file(StateFile, path))

    @classmethod
    def _of(cls, file: StateFile) -> World:
        return cls(Rows(file.agents, file.numbers, file.holders))

    def to_json(self) -> dict[str, object]:
        """The content of a state file."""
        return {
            "agents": [asdict(row) for row in self.agents.values()],
            "numbers": [asdict(row) for row in self.numbers.values()],
            "holders": [asdict(row) for row in self.holders],
        }

    def save(self, path: Path) -> None:
        """Write a state file."""
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def _check(self, rows: Rows) -> None:
        if len(self.agents) != len(rows.agents) or len(self.by_uuid) != len(rows.numbers):
            raise UsageError("state: an agent uuid, a number or its uuid occurs twice")
        named = {holder.agent for holder in rows.holders}
        named |= {agent for row in rows.numbers for agent in row.bindings.values() if agent is not None}
        if strangers := named - self.agents.keys():
            raise UsageError(f"state: bound to agents that are not in it: {', '.join(sorted(strangers)[:3])}")

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    def owner(self, number: str, channel: str) -> str | None:
        """The agent that truly serves a trunk."""
        return self.numbers[number].bindings.get(channel)

    def has_trunk(self, number: str, channel: str) -> bool:
        """Whether the external trunk exists, served or not."""
        row = self.numbers.get(number)
        return row is not None and row.external and channel in row.bindings

    def rows(self, *, external: bool = False) -> Sequence[NumberRow]:
        """The rows of a list of numbers, put together once for all its pages, and again when one has come or gone."""
        ends = (len(self.numbers), next(iter(self.numbers), ""), next(reversed(self.numbers), ""))
        if ends != self._ends:
            self._ends = ends
            self._listed = tuple(self.numbers.values())
            self._external = tuple(row for row in self._listed if row.external)
        return self._external if external else self._listed

    def trunks(self) -> Iterator[tuple[str, str, str | None]]:
        """Every external trunk as (number, channel, agent)."""
        for row in self.numbers.values():
            if row.external:
                for channel, agent in row.bindings.items():
                    yield row.number, channel, agent

    def owners(self) -> dict[tuple[str, str], str | None]:
        """Every external trunk and its true owner: what a test compares before and after."""
        return {(number, channel): agent for number, channel, agent in self.trunks()}

    def occupants(self, agent: str, channel: str, *, besides: str = "") -> list[str]:
        """What else holds an agent's channel: numbers, and the words for SIP and PBX connections."""
        held = self._held.get((agent, channel))
        return sorted(held - {besides}) if held else []

    def seen(self, row: NumberRow, now: float) -> dict[str, str | None]:
        """The bindings that a read shows at *now* (seconds, monotonic)."""
        if not self._masks:
            return row.bindings
        return {channel: self._seen_owner(row.number, channel, now) for channel in row.bindings}

    def _seen_owner(self, number: str, channel: str, now: float) -> str | None:
        mask = self._masks.get((number, channel))
        if mask is None:
            return self.owner(number, channel)
        if now >= mask.until:
            del self._masks[number, channel]
            return self.owner(number, channel)
        return mask.owner

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def assign(self, number: str, channel: str, agent: str, *, displace: bool = False) -> None:
        """Give a trunk to an agent; with *displace* every other holder of the agent's channel loses it."""
        if displace:
            for other in self.occupants(agent, channel, besides=number):
                self._take_away(other, channel, agent)
        self.set_owner(number, channel, agent)

    def set_owner(self, number: str, channel: str, agent: str | None) -> None:
        """Set a binding, whatever the rules say: what a person in the panel could do."""
        row = self.numbers[number]
        before = row.bindings.get(channel)
        if before is not None:
            self._held[before, channel].discard(number)
        row.bindings[channel] = agent
        if agent is not None:
            self._held[agent, channel].add(number)

    def lag(self, number: str, channel: str, *, until: float, owner: str | None) -> None:
        """Let reads show *owner* until then, whatever the truth is."""
        self._masks[number, channel] = _Mask(until, owner)

    def _take_away(self, holder: str, channel: str, agent: str) -> None:
        if holder in self.numbers:
            self.set_owner(holder, channel, None)
            return
        self._held[agent, channel].discard(holder)
        self.holders = tuple(h for h in self.holders if (h.agent, h.channel) != (agent, channel))
