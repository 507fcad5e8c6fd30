"""A server of lists, as well or badly behaved as a test wants, and the numbers and agents to put into them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from batch.core.calls import Call, Reply
from tests.scripted import answer


def uuid(index: int) -> str:
    return f"00000000-0000-4000-8000-{index:012d}"


def number(index: int) -> str:
    return f"+1415555{index:04d}"


def binding(agent: int | None) -> dict[str, Any]:
    return {"bound": agent is not None, "agent_uuid": None if agent is None else uuid(agent), "agent_name": None}


def trunk(index: int, *, call: int | None = None, whatsapp: int | None = None, external: bool = True) -> dict[str, Any]:
    """A list item: a number with the agents on its two channels."""
    return {
        "phone_number_uuid": uuid(5000 + index),
        "number": number(index),
        "is_external": external,
        "status": "active",
        "bindings": {"call": binding(call), "whatsapp": binding(whatsapp), "sms": binding(None)},
    }


def agent(index: int) -> dict[str, Any]:
    return {"agent_uuid": uuid(index), "name": f"Agent {index}", "status": "ready"}


def some_trunks(count: int) -> list[dict[str, Any]]:
    return [trunk(index, call=index) for index in range(count)]


@dataclass
class Lists:
    """A server of three lists, as well or badly behaved as a test wants."""

    trunks: Sequence[dict[str, Any]] = ()
    purchased: Sequence[dict[str, Any]] = ()
    agents: Sequence[dict[str, Any]] = field(default_factory=lambda: [agent(index) for index in range(3)])
    cap: int = 1000
    pagination: bool = True
    total_off_by: int = 0
    ignores_page: bool = False
    statuses: dict[str, int] = field(default_factory=dict)
    knows_per_page: bool = True
    most_per_page: int = 1000
    shape: Callable[[list[dict[str, Any]]], Any] = lambda items: {"items": items}

    def __call__(self, call: Call) -> Reply:
        status = self.statuses.get(call.path, 200)
        if status != 200:
            return answer({"success": False, "message": "no"}, status)
        query = dict(call.query)
        if "number" in query:
            return self._one(query["number"])
        if "per_page" in query and (not self.knows_per_page or int(query["per_page"]) > self.most_per_page):
            return answer({"message": "per_page is prohibited", "errors": {"per_page": ["no"]}}, 422)
        items = {
            "/agents": self.agents,
            "/phone-numbers": [*self.trunks, *self.purchased],
            "/phone-numbers/trunks": self.trunks,
        }[call.path]
        return self._page(items, int(query.get("page", "1")), min(self.cap, int(query.get("per_page", "50"))))

    def _page(self, items: Sequence[dict[str, Any]], page: int, size: int) -> Reply:
        start = 0 if self.ignores_page else (page - 1) * size
        data = self.shape(list(items[start : start + size]))
        if self.pagination and isinstance(data, dict):
            last = max(1, math.ceil(len(items) / size))
            data["pagination"] = {
                "current_page": page,
                "per_page": size,
                "total": len(items) + self.total_off_by,
                "last_page": last,
                "has_more": page < last,
            }
        return answer({"success": True, "data": data})

    def _one(self, wanted: str) -> Reply:
        for item in [*self.trunks, *self.purchased]:
            if item["number"] == wanted:
                channels = item["bindings"]
                return answer({"success": True, "data": {**item, "channels": channels}})
        return answer({"success": False}, 404)
