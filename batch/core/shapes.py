"""Bodies of the API as values: tolerant of every shape in API.md §4 and §5, strict about what is handed on.

Nothing here raises. A body that is not the API's (not JSON, HTML, ``success: false``, no list where one belongs) is
``None``; an item that makes no sense is left out and counted, so that its reader can say that a list was not whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from batch.core import fields
from batch.core.complaints import error_of
from batch.core.model import Agent, AgentId, Binding, Channel, Number, NumberState

__all__ = [
    "Page",
    "agents_page",
    "binding_in",
    "channels_snapshot",
    "error_of",
    "numbers_page",
    "success_of",
]

Item = TypeVar("Item")

PAGINATION = frozenset({"current_page", "last_page", "total", "has_more"})
CHANNEL_WORDS = {"voice": "call"}  # settings spell the call channel so (API.md §2)
WORDS = 1024
"""Names of channels kept in mind; there are a handful."""
BINDINGS = 65_536
"""Bindings kept in mind: the same few hundred agents serve all numbers, and each needs to be held once."""
NESTING = 3  # {data: {data: {items: […]}}} is the deepest that frameworks build


class Page(Struct, Generic[Item], frozen=True, kw_only=True, gc=False):
    """One page of a list. What its pagination did not say is ``None``; ``skipped`` items made no sense."""

    items: tuple[Item, ...]
    current: int | None = None
    last: int | None = None
    total: int | None = None
    per_page: int | None = None
    has_more: bool | None = None
    skipped: int = 0


# ── whole bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def success_of(document: object) -> bool | None:
    """What the envelope says of itself (API.md §4.5: false is possible on a 2xx); ``None`` when it says nothing."""
    return fields.flag(document.get("success")) if isinstance(document, dict) else None


def numbers_page(body: bytes, page: int = 0) -> Page[NumberState] | None:
    """A page of one of the two number lists; *page* is where a number stands from then on.

    A list may hold an item per number (``bindings``) or an item per trunk (``channel``, ``agent_uuid``): in the second
    case the same number occurs several times, and it is the reader's part to merge them.
    """
    return _page(fields.document(body), lambda item: _number_state(item, page))


def agents_page(body: bytes) -> Page[Agent] | None:
    """A page of the list of agents."""
    return _page(fields.document(body), _agent)


def channels_snapshot(body: bytes) -> NumberState | None:
    """The channels snapshot of one number (API.md §4.1)."""
    document = fields.document(body)
    return None if success_of(document) is False else _snapshot_in(document)


def binding_in(document: object, channel: Channel) -> tuple[Number, AgentId] | None:
    """Which number a decoded body is about, and who serves its *channel*; ``None`` when it does not say both.

    The one channel is looked at where the documented shape has it (API.md §4.1): this is asked of every answer.
    """
    data = document.get("data") if isinstance(document, dict) else None
    held = data.get("channels") if isinstance(data, dict) else None
    value = held.get(channel.value) if isinstance(held, dict) else None
    if isinstance(data, dict) and isinstance(value, dict):
        number, binding = fields.phone_number(data.get("number")), _binding(value)
        if number is not None and binding.bound and binding.agent is not None:
            return number, binding.agent
    state = _snapshot_in(document)
    owner = None if state is None else state.owner(channel)
    return None if state is None or owner is None else (state.number, owner)


def _snapshot_in(document: object) -> NumberState | None:
    """The number of a decoded body, whatever its envelope says: in ``data``, alone in a list, or at the top."""
    if isinstance(document, dict) and document.get("data") is not None:
        document = document["data"]
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    return _number_state(document)


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _page(document: object, parse: Callable[[object], Item | None]) -> Page[Item] | None:
    found = None if success_of(document) is False else _find_items(document, NESTING)
    if found is None:
        return None
    items = tuple(item for item in map(parse, found) if item is not None)
    said = _find_pagination(document)
    return Page(
        items=items,
        current=fields.count(said.get("current_page")),
        last=fields.count(said.get("last_page")),
        total=fields.count(said.get("total")),
        per_page=fields.count(said.get("per_page")),
        has_more=fields.flag(said.get("has_more")),
        skipped=len(found) - len(items),
    )


def _find_items(document: object, depth: int) -> list[Any] | None:
    """The list of ``{data: {items}}``, ``{data: […]}``, ``{items}`` or ``[…]``; a null in its place is an empty one."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or depth == 0:
        return None
    items = document.get("items")
    if isinstance(items, dict):  # PHP writes an array whose keys have gaps as an object
        return list(items.values())
    name = next((name for name in ("items", "data") if name in document), None)
    if name is None:
        return None
    return [] if document[name] is None else _find_items(document[name], depth - 1)


def _find_pagination(document: object) -> Mapping[str, Any]:
    """``pagination`` or ``meta`` at any level of the envelope, or its fields beside the items; empty when missing."""
    for level in _levels(document):
        candidates = [level.get("pagination"), level.get("meta"), level]
        for said in candidates:
            if isinstance(said, dict) and not said.keys().isdisjoint(PAGINATION):
                return said
    return {}


def _levels(document: object) -> Iterator[dict[str, Any]]:
    while isinstance(document, dict):
        yield document
        document = document.get("data")


# ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _number_state(item: object, page: int = 0) -> NumberState | None:
    if not isinstance(item, dict):
        return None
    number = fields.phone_number(fields.first(item, "number", "phone_number"))
    if number is None:
        return None
    source = fields.text(item.get("source")).lower()
    external = fields.flag(item.get("is_external"))
    return NumberState(
        number=number,
        uuid=fields.identity(fields.first(item, "phone_number_uuid", "uuid")) or "",
        external=source != "purchased" if external is None else external,
        source=source,
        status=fields.text(item.get("status")),
        bindings=_bindings(item),
        page=page,
    )


def _bindings(item: Mapping[str, Any]) -> dict[str, Binding]:
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
            found[channel] = _binding(value)


@functools.lru_cache(WORDS)
def _channel(word: str) -> str:
    channel = fields.text(word).lower()
    return CHANNEL_WORDS.get(channel, channel)


def _binding(value: Mapping[str, Any]) -> Binding:
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


def _agent(item: object) -> Agent | None:
    if not isinstance(item, dict):
        return None
    agent = fields.identity(fields.first(item, "agent_uuid", "uuid"))
    if agent is None:
        return None
    name = fields.name(fields.first(item, "name", "agent_name"))
    return Agent(uuid=AgentId(agent), name=name, status=fields.text(item.get("status")))
