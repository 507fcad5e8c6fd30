"""Bodies of the API as values: tolerant of every shape in API.md §4 and §5, strict about what is handed on.

Nothing here raises. A body that is not the API's (not JSON, HTML, ``success: false``, no list where one belongs) is
``None``; an item that makes no sense is left out and counted, so that its reader can say that a list was not whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from batch.core import fields, parts, typical
from batch.core.complaints import error_of
from batch.core.model import Agent, AgentId, Channel, Number, NumberState
from batch.core.parts import Item, Page

__all__ = [
    "Page",
    "agents_page",
    "channels_snapshot",
    "echo_of",
    "error_of",
    "numbers_page",
    "success_of",
]

PAGINATION = frozenset({"current_page", "last_page", "total", "has_more"})
NESTING = 3  # {data: {data: {items: […]}}} is the deepest that frameworks build


# ── whole bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def success_of(document: object) -> bool | None:
    """What the envelope says of itself (API.md §4.5: false is possible on a 2xx); ``None`` when it says nothing."""
    return fields.flag(document.get("success")) if isinstance(document, dict) else None


def numbers_page(body: bytes, page: int = 0) -> Page[NumberState] | None:
    """A page of one of the two number lists; *page* is where a number stands from then on.

    A list may hold an item per number (``bindings``) or an item per trunk (``channel``, ``agent_uuid``): in the second
    case the same number occurs several times, and it is the reader's part to merge them.
    """
    found = typical.numbers(body, page)
    return found if found is not None else page_of(fields.document(body), lambda item: parts.number_state(item, page))


def agents_page(body: bytes) -> Page[Agent] | None:
    """A page of the list of agents."""
    return page_of(fields.document(body), parts.agent)


def channels_snapshot(body: bytes) -> NumberState | None:
    """The channels snapshot of one number (API.md §4.1)."""
    document = fields.document(body)
    return None if success_of(document) is False else _snapshot_in(document)


def echo_of(body: bytes, channel: Channel) -> tuple[Number, AgentId] | None:
    """The number that a success is about, and who serves its *channel* now; ``None`` when it does not say both."""
    found = typical.echo(body, channel)
    if found is not None:
        return found
    document = fields.document(body)
    return _binding_in(document, channel) if success_of(document) is True else None


def _binding_in(document: object, channel: Channel) -> tuple[Number, AgentId] | None:
    state = _snapshot_in(document)
    owner = None if state is None else state.owner(channel)
    return None if state is None or owner is None else (state.number, owner)


def _snapshot_in(document: object) -> NumberState | None:
    """The number of a decoded body, whatever its envelope says: in ``data``, alone in a list, or at the top."""
    if isinstance(document, dict) and document.get("data") is not None:
        document = document["data"]
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    return parts.number_state(document)


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def page_of(document: object, parse: Callable[[object], Item | None]) -> Page[Item] | None:
    """A page of whatever items, in any shape."""
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
