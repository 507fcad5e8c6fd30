"""A believable workspace out of a seed: the same seed and sizes make the same rows, byte for byte."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

from batch.errors import UsageError
from batch.sandbox.names import DESKS, PEOPLE, RANGES, STATUSES
from batch.sandbox.rows import AgentRow, Holder, NumberRow, Rows

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sandbox.mihu.ai")
_FIRST_FREE_DIGIT = "2345678"  # subscriber numbers of all our ranges may begin with these

# How often a number is on call only, whatsapp only, both.
_CHANNEL_MIX = (("call",), ("call",), ("call",), ("whatsapp",), ("call", "whatsapp"), ("call", "whatsapp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the workspace is. ``exclusive`` gives each agent at most one number per channel.

    ``agents`` 0 means: 48, or as many as *exclusive* needs and a tenth more, so that there are spares.
    """

    numbers: int = 260
    agents: int = 0
    purchased: int = 24
    exclusive: bool = False


def believable(seed: int, size: Size) -> Rows:
    """The rows of a workspace; :class:`UsageError` when *exclusive* has fewer agents than numbers on a channel."""
    chance = random.Random(seed)  # noqa: S311 -- believable, not secret
    numbers = tuple(_numbers(seed, size, chance))
    agents = tuple(_agents(seed, _agent_count(size, numbers), chance))
    if size.exclusive:
        return Rows(agents, _bind_exclusively(numbers, agents, chance))
    return Rows(agents, _bind_freely(numbers, agents, chance), _other_holders(agents))


def _uuid(seed: int, kind: str, index: int) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{seed}/{kind}/{index}"))


def _agent_count(size: Size, numbers: tuple[NumberRow, ...]) -> int:
    if not size.exclusive:
        return size.agents or 48
    need = max((sum(channel in row.bindings for row in numbers) for channel in ("call", "whatsapp", "sms")), default=0)
    if size.agents and size.agents <= need:
        raise UsageError(
            f"an exclusive workspace of {len(numbers)} numbers needs more than {need} agents, not {size.agents}"
        )
    return size.agents or need + max(4, need // 10)


def _agents(seed: int, count: int, chance: random.Random) -> Iterator[AgentRow]:
    pool = PEOPLE + DESKS
    for index in range(count):
        name, language = pool[index % len(pool)]
        around = index // len(pool)
        yield AgentRow(
            uuid=_uuid(seed, "agent", index),
            name=f"{name} {around + 1}" if around else name,
            status=chance.choice(STATUSES),
            language=language,
        )


def _numbers(seed: int, size: Size, chance: random.Random) -> Iterator[NumberRow]:
    taken: set[str] = set()
    for index in range(size.numbers + size.purchased):
        country, kind, number = _free_number(chance, taken)
        external = index < size.numbers
        channels = chance.choice(_CHANNEL_MIX) if external else chance.choice((("call",), ("call", "sms"), ("sms",)))
        yield NumberRow(
            uuid=_uuid(seed, "number", index),
            number=number,
            external=external,
            status=chance.choice(("active",) * 14 + ("suspended",)),
            country=country,
            type=kind,
            bindings=dict.fromkeys(channels),
        )


def _free_number(chance: random.Random, taken: set[str]) -> tuple[str, str, str]:
    while True:
        country, kind, prefix, free = chance.choice(RANGES)
        number = prefix + chance.choice(_FIRST_FREE_DIGIT) + f"{chance.randrange(10 ** (free - 1)):0{free - 1}d}"
        if number not in taken:
            taken.add(number)
            return country, kind, number


def _bind_freely(
    numbers: tuple[NumberRow, ...], agents: tuple[AgentRow, ...], chance: random.Random
) -> tuple[NumberRow, ...]:
    """A call centre: a few agents serve many numbers, most serve some, the last eighth none."""
    serving = agents[: max(1, len(agents) - len(agents) // 8)]
    weights = [8 if index % 7 == 0 else 1 for index in range(len(serving))]

    def bound(row: NumberRow) -> NumberRow:
        agent = chance.choices(serving, weights)[0].uuid
        return replace(row, bindings=dict.fromkeys(row.bindings, agent))

    return tuple(bound(row) for row in numbers)


def _bind_exclusively(
    numbers: tuple[NumberRow, ...], agents: tuple[AgentRow, ...], chance: random.Random
) -> tuple[NumberRow, ...]:
    """Each agent serves at most one number per channel; both channels of a number have one agent where that is free."""
    order = [agent.uuid for agent in agents]
    chance.shuffle(order)
    free: dict[str, dict[str, None]] = {channel: dict.fromkeys(order) for channel in ("call", "whatsapp", "sms")}

    def bound(row: NumberRow) -> NumberRow:
        bindings: dict[str, str | None] = {}
        for channel in row.bindings:
            before = next((agent for agent in bindings.values() if agent in free[channel]), None)
            bindings[channel] = before if before is not None else next(iter(free[channel]))
            del free[channel][str(bindings[channel])]
        return replace(row, bindings=bindings)

    # The numbers with most channels choose first, so that one agent is still free on all of them.
    widest_first = sorted(numbers, key=lambda row: -len(row.bindings))
    done = {row.number: bound(row) for row in widest_first}
    return tuple(done[row.number] for row in numbers)


def _other_holders(agents: tuple[AgentRow, ...]) -> tuple[Holder, ...]:
    """The last two agents are held by a SIP connection and a PBX connector."""
    return tuple(Holder(agent=agent.uuid, kind=kind) for agent, kind in zip(agents[-2:], ("sip", "pbx"), strict=False))
