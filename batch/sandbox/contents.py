"""What a fault puts in place of the true answer: another status, a page, a lie, a bomb."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from batch.sandbox import shapes
from batch.sandbox.faults import Do
from batch.sandbox.request import Request, Response
from batch.sandbox.world import World

PAGES = {
    "login": shapes.page_of_html("Log in", '<form method="post" action="/login"><input name="email"></form>'),
    "firewall": shapes.page_of_html("Attention Required!", "<p>You have been blocked. Ray ID: 8a1b2c3d4e5f</p>"),
    "gateway": shapes.page_of_html("502 Bad Gateway", "<hr><center>nginx</center>"),
}
_REPLACING = ("status", "html", "redirect", "bomb")
_MEGABYTE = 1 << 20


def altered(response: Response, do: Do, request: Request, world: World, before: str | None) -> Response:
    """The answer that goes out. *before* is who owned the trunk of a write just before it."""
    for key in _REPLACING[::-1]:  # a status beside html or redirect is part of those
        if getattr(do, key) is not None:
            return _REPLACE[key](do)
    if do.lie is not None:
        return _lie(response, do.lie, request, world, before)
    if do.late is not None and not (do.cut or do.reset or do.close or do.garbled):
        return Response.of_html(504, shapes.page_of_html("504 Gateway Time-out", "<hr><center>nginx</center>"))
    return response


def _status(do: Do) -> Response:
    headers = tuple(do.headers.items())
    status = do.status or 200
    if isinstance(do.body, str):
        html = do.body.lstrip().startswith("<")
        kind = "text/html; charset=UTF-8" if html else "text/plain; charset=UTF-8"
        return Response(status=status, body=do.body.encode(), content_type=kind, headers=headers)
    return Response.of_json(status, {"message": _phrase(status)} if do.body is None else do.body, headers)


def _phrase(status: int) -> str:
    """Laravel words an unexpected failure as *Server Error*; the proxies' own 52x have no phrase."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Server Error"
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown Error"


def _html(do: Do) -> Response:
    page = PAGES.get(do.html or "") or (do.html or "").encode()
    return Response.of_html(do.status or 200, page)


def _redirect(do: Do) -> Response:
    place = do.redirect or ""
    return Response.of_html(do.status or 302, shapes.page_of_html("Redirecting", place), (("Location", place),))


def _bomb(do: Do) -> Response:
    return Response(status=200, body=gzip_bomb(do.bomb or 0), headers=(("Content-Encoding", "gzip"),))


_REPLACE: dict[str, Callable[[Do], Response]] = {"status": _status, "html": _html, "redirect": _redirect, "bomb": _bomb}


@functools.lru_cache(maxsize=4)
def gzip_bomb(size: int) -> bytes:
    """A JSON text of about *size* bytes, mostly spaces, as one gzip member a thousand times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    spaces = b" " * _MEGABYTE
    parts = [packer.compress(b'{"success":true,"data":{"items":[]}')]
    parts += [packer.compress(spaces[: min(_MEGABYTE, size - at)]) for at in range(0, size, _MEGABYTE)]
    return b"".join((*parts, packer.compress(b"}"), packer.flush()))


# ── lies ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


_FLAT = {
    "empty": Response(status=200, body=b""),
    "accepted": Response.of_json(202, {"success": True, "message": "Accepted", "data": None}),
    "no_data": Response.of_json(200, {"success": True, "message": "OK"}),
}


def _lie(response: Response, lie: str, request: Request, world: World, before: str | None) -> Response:
    """Only a good answer can be lied about; *wanted* leaves it as it is, because the lie is that it was not done."""
    if response.status != HTTPStatus.OK or lie == "wanted":
        return response
    if lie in _FLAT:
        return _FLAT[lie]
    data = json.loads(response.body)
    if lie == "success_false":
        data |= {"success": False, "message": "The trunk could not be reassigned."}
    elif lie == "other_number":
        data["data"]["number"] = next(number for number in world.numbers if number != request.number)
    else:
        other = next((uuid for uuid in world.agents if uuid not in {request.agent, before}), None)
        _name_agent(data, request.channel, before if lie == "old_agent" else other, world)
    return Response.of_json(200, data)


def _name_agent(data: Any, channel: str, agent: str | None, world: World) -> None:
    binding = data["data"].get("channels", {}).get(channel)
    if binding is not None:
        name = world.agents[agent].name if agent is not None else None
        binding.update(bound=agent is not None, agent_uuid=agent, agent_name=name)
