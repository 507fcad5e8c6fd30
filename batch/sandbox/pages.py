"""Cutting a list into pages, in the documented shape and in the odd ones a client must survive (API.md §4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from batch.sandbox import shapes

T = TypeVar("T")


class Pagination(StrEnum):
    """How lists are answered.

    normal   ``{success, data: {items, pagination}}``
    none     everything in one answer, no pagination object, page parameters ignored
    silent   pages are honoured, but the pagination object is missing
    bare     a bare array, pages honoured
    data     ``{success, data: [...], meta: pagination}``
    items    ``{items, pagination}`` without the envelope
    endless  after the last page the last page comes again, and ``has_more`` stays true
    repeat   each page begins with the last three items of the page before
    """

    NORMAL = "normal"
    NONE = "none"
    SILENT = "silent"
    BARE = "bare"
    DATA = "data"
    ITEMS = "items"
    ENDLESS = "endless"
    REPEAT = "repeat"


_OVERLAP = 3


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list of ``total`` items is asked for; ``page`` starts at 1."""

    page: int
    per_page: int
    total: int
    style: Pagination

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one."""
        return max(1, -(-self.total // self.per_page))

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The items of this page."""
        if self.style is Pagination.NONE:
            return items
        page = min(self.page, self.last) if self.style is Pagination.ENDLESS else self.page
        start = (page - 1) * self.per_page
        overlap = _OVERLAP if self.style is Pagination.REPEAT and page > 1 else 0
        return items[max(0, start - overlap) : start + self.per_page]

    def pagination(self) -> dict[str, Any]:
        """API.md §4.3; ``from`` and ``to`` are null on a page without items."""
        endless = self.style is Pagination.ENDLESS
        first, page = (self.page - 1) * self.per_page, self.page
        empty = first >= self.total
        return {
            "current_page": page,
            "per_page": self.per_page,
            "total": self.total,
            "last_page": max(self.last, page + 1) if endless else self.last,
            "from": None if empty else first + 1,
            "to": None if empty else min(first + self.per_page, self.total),
            "has_more": endless or page < self.last,
        }

    def body(self, items: list[dict[str, Any]]) -> Any:
        """The whole answer around the items of this page."""
        match self.style:
            case Pagination.BARE:
                return items
            case Pagination.DATA:
                return shapes.envelope(items) | {"meta": self.pagination()}
            case Pagination.ITEMS:
                return {"items": items, "pagination": self.pagination()}
            case Pagination.NONE | Pagination.SILENT:
                return shapes.envelope({"items": items})
            case _:
                return shapes.envelope({"items": items, "pagination": self.pagination()})
