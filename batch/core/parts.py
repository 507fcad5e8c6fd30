"""The things that lists and answers are made of, each as a value: a number, a binding, an agent.

Tolerant of every shape in API.md §4. Nothing here raises: an item that makes no sense is ``None``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from batch.core import fields
from batch.core.model import Agent, AgentId, Binding, NumberState

Item = TypeVar("Item")

CHANNEL_WORDS = {"voice": "call"}  # settings spell the call channel so (API.md §2)
WORDS = 1024
"""Names of channels kept in mind; there are a handful."""
BINDINGS = 65_536
"""Bindings kept in mind: the same few hundred agents serve all numbers, and each needs to be held once."""


class Stated(Struct, gc=False):
    """What an item says of a number, as it says it; each field may be of any kind."""

    number: object
    uuid: object
    external: object
    source: object
    status: object


class Page(Struct, Generic[Item], frozen=True, kw_only=True, gc=False):
    """One page of a list. What its pagination did not say is ``None``; ``skipped`` items made no sense."""

    items: tuple[Item, ...]
    current: int | None = None
    last: int | None = None
    total: int | None = None
    per_page: int | None = None
    has_more: bool | None = None
    skipped: int = 0


def number_state(item: object, page: int = 0) -> NumberState | None:
    """A phone number (API.md §4.1, §4.2), which stands on list *page* from now on."""
    if not isinstance(item, dict):
        return None
    stated = Stated(
        number=fields.first(item, "number", "phone_number"),
        uuid=fields.first(item, "phone_number_uuid", "uuid"),
        external=item.get("is_external"),
        source=item.get("source"),
        status=item.get("status"),
    )
    return state_of(stated, bindings(item), page)


def state_of(stated: Stated, held: Mapping[str, Binding], page: int) -> NumberState | None:
    """The same of what was *stated*; ``None`` when that is about no number."""
    number = fields.phone_number(stated.number)
    if number is None:
        return None
    source = fields.text(stated.source).lower()
    external = fields.flag(stated.external)
    return NumberState(
        number=number,
        uuid=fields.identity(stated.uuid) or "",
        external=source != "purchased" if external is None else external,
        source=source,
        status=fields.text(stated.status),
        bindings=held,
        page=page,
    )


def bindings(item: Mapping[str, Any]) -> dict[str, Binding]:
    """The bindings of a number, from wherever the item keeps them: by channel, as a list, or itself one trunk."""
    found: dict[str, Binding] = {}
    for held in (item.get("channels"), item.get("bindings")):
        if isinstance(held, dict):
            _add_each(found, held.items())
        elif isinstance(held, list):
            _add_each(found, _trunk_rows(held))
    if "channel" in item:
        _add_each(found, _trunk_rows([item]))
    return found


def _trunk_rows(rows: Iterable[object]) -> Iterator[tuple[object, object]]:
    """Rows of one trunk each. A row that says nothing of ``bound`` is bound: that it is listed says that it exists."""
    return ((row.get("channel"), {"bound": True, **row}) for row in rows if isinstance(row, dict))


def _add_each(found: dict[str, Binding], held: Iterable[tuple[object, object]]) -> None:
    for word, value in held:
        channel = _channel(word) if isinstance(word, str) else ""
        if channel and isinstance(value, dict) and ("bound" in value or "agent_uuid" in value):
            found[channel] = binding(value)


@functools.lru_cache(WORDS)
def _channel(word: str) -> str:
    channel = fields.text(word).lower()
    return CHANNEL_WORDS.get(channel, channel)


def binding(value: Mapping[str, Any]) -> Binding:
    """Who serves one channel."""
    said = value.get
    agent, bound, name = said("agent_uuid"), said("bound"), said("agent_name")
    try:
        return _binding_of(agent, bound, name)
    except TypeError:  # a list or an object where a single value belongs says nothing
        return _binding_of(fields.plain(agent), fields.plain(bound), fields.plain(name))


@functools.lru_cache(BINDINGS, typed=True)
def _binding_of(agent_uuid: object, bound: object, agent_name: object) -> Binding:
    """A binding that does not say whether it is bound is bound when it names an agent."""
    agent = fields.identity(agent_uuid)
    says = fields.flag(bound)
    return Binding(
        bound=agent is not None if says is None else says,
        agent=None if agent is None else AgentId(agent),
        agent_name=fields.name(agent_name),
    )


def agent(item: object) -> Agent | None:
    """An agent (API.md §4.4)."""
    if not isinstance(item, dict):
        return None
    uuid = fields.identity(fields.first(item, "agent_uuid", "uuid"))
    if uuid is None:
        return None
    name = fields.name(fields.first(item, "name", "agent_name"))
    return Agent(uuid=AgentId(uuid), name=name, status=fields.text(item.get("status")))
