"""One call as it came in, and one answer before it goes out: neither knows of sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from batch.sandbox.throttle import Headers


@dataclass(slots=True, kw_only=True)
class Request:
    """A call. ``path`` is relative to ``/api/v1``; ``fields`` is the JSON body, empty when there is none to be read.

    Laravel treats a body that is not a JSON object as an empty one, so do we.
    """

    method: str
    path: str
    query: Mapping[str, str]
    fields: Mapping[str, Any]
    authorization: str = ""
    accept: str = ""
    port: int = 0
    endless: bool = False  # the fault script wants lists without an end

    @property
    def number(self) -> str:
        """The phone number it is about, or empty."""
        return str(self.fields.get("phone_number") or self.query.get("number", ""))

    @property
    def channel(self) -> str:
        """The channel of the body, or empty."""
        return str(self.fields.get("channel", ""))

    @property
    def agent(self) -> str:
        """The agent of the body, or empty."""
        return str(self.fields.get("agent_uuid", ""))

    @property
    def page(self) -> int:
        """The page asked for, at least 1."""
        return self.whole("page", 1)

    def whole(self, name: str, default: int) -> int:
        """A whole number of the query, at least 1; anything else is taken as not given."""
        text = self.query.get(name, "")
        return max(1, int(text)) if text.isascii() and text.isdigit() else default

    @property
    def wants_json(self) -> bool:
        """Laravel's question: does ``Accept`` name JSON? ``*/*`` does not."""
        return "/json" in self.accept or "+json" in self.accept


def fields_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body, or an empty one."""
    try:
        data = json.loads(body) if body else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def query_of(text: str) -> Mapping[str, str]:
    """The parameters of a query string; the last one of a name counts, ``+`` is a space as everywhere on the web."""
    return dict(parse_qsl(text, keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer. ``headers`` does not hold the content type and length."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()

    @classmethod
    def of_json(cls, status: int, data: object, headers: Headers = ()) -> Response:
        """An answer with a JSON body, in UTF-8."""
        return cls(status=status, body=orjson.dumps(data), headers=headers)

    @classmethod
    def of_html(cls, status: int, page: bytes, headers: Headers = ()) -> Response:
        """An answer with an HTML body."""
        return cls(status=status, body=page, content_type="text/html; charset=UTF-8", headers=headers)
