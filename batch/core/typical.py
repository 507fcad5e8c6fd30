"""What is read most, in the documented shape, straight into values: a page of numbers, and what a PUT answers.

Through dictionaries it takes three times as long, most of it for fields that nobody asks for; a workspace of
100,000 numbers has a thousand pages, and a run as many answers as changes. Whatever is not of this shape in every part
is left to :mod:`batch.core.shapes`, which reads any; of what is, both say the same.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from operator import attrgetter

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from batch.core import fields, json_text, parts
from batch.core.model import AgentId, Binding, Channel, Number, NumberState
from batch.core.parts import Page, Stated

HELD = 8192
"""Texts of bindings kept in mind: where agents serve many numbers, most were read before."""


# ── a page of numbers (API.md §4.2, §4.3, §4.5) ───────────────────────────────────────────────────────────────────────


class _Number(Struct, gc=False):
    """``channel`` and ``channels`` are where an item of another shape keeps bindings."""

    number: str
    phone_number_uuid: str
    is_external: bool
    bindings: Raw
    source: str | None = None
    status: str | None = None
    channel: None = None
    channels: None = None


class _Pagination(Struct, gc=False):
    current_page: object = None
    per_page: object = None
    total: object = None
    last_page: object = None
    has_more: object = None


class _Data(Struct, forbid_unknown_fields=True, gc=False):
    items: list[_Number]
    pagination: _Pagination | None = None


class _Envelope(Struct, forbid_unknown_fields=True, gc=False):
    success: bool
    data: _Data
    message: str | None = None


_PAGE = Decoder(_Envelope)
_NOTHING_SAID = _Pagination()


def numbers(body: bytes, page: int) -> Page[NumberState] | None:
    """The page, whose numbers stand on list *page* from now on; ``None`` when it is not of this shape."""
    try:
        envelope = _PAGE.decode(fields.checked(body))
        states = [_state(item, page) for item in envelope.data.items]
    except (DecodeError, ValueError, RecursionError):  # ValueError: not UTF-8, a number of 5,000 digits in a binding
        return None
    if not envelope.success:
        return None
    found = tuple([state for state in states if state is not None])
    said = envelope.data.pagination or _NOTHING_SAID
    return Page(
        items=found,
        current=fields.count(said.current_page),
        last=fields.count(said.last_page),
        total=fields.count(said.total),
        per_page=fields.count(said.per_page),
        has_more=fields.flag(said.has_more),
        skipped=len(states) - len(found),
    )


def _state(item: _Number, page: int) -> NumberState | None:
    stated = Stated(item.number, item.phone_number_uuid, item.is_external, item.source, item.status)
    return parts.state_of(stated, _held(bytes(item.bindings)), page)


@functools.lru_cache(HELD)
def _held(bindings: bytes) -> Mapping[str, Binding]:
    """One for all numbers of which the same is said; nobody changes it."""
    return parts.bindings({"bindings": json_text.decode(bindings)})


# ── the answer to the assign call (API.md §4.1, §4.5) ─────────────────────────────────────────────────────────────────


class _Bound(Struct, gc=False):
    bound: bool
    agent_uuid: str | None = None


class _Channels(Struct, forbid_unknown_fields=True, gc=False):
    """Under any other name there might be a second word on the channel that is asked for."""

    call: _Bound | None = None
    whatsapp: _Bound | None = None
    sms: Raw = Raw()
    inbound: Raw = Raw()


class _Snapshot(Struct, gc=False):
    """``channel`` and ``bindings`` are where a number of another shape keeps who serves it."""

    number: str
    channels: _Channels
    channel: None = None
    bindings: None = None


class _Answer(Struct, gc=False):
    success: bool
    data: _Snapshot


_ANSWER = Decoder(_Answer)
_CHANNEL = {Channel.CALL: attrgetter("call"), Channel.WHATSAPP: attrgetter("whatsapp")}


def echo(body: bytes, channel: Channel) -> tuple[Number, AgentId] | None:
    """The number and the agent that serves its *channel*; ``None`` when the answer is not of this shape, or a no."""
    try:
        answer = _ANSWER.decode(fields.checked(body))
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    held: _Bound | None = _CHANNEL[channel](answer.data.channels)
    if not answer.success or held is None or not held.bound:
        return None
    number, agent = fields.phone_number(answer.data.number), fields.identity(held.agent_uuid)
    return None if number is None or agent is None else (number, AgentId(agent))
