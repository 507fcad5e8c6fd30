"""What a trunk is made of: a number, a channel, and the agent that serves it."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from msgspec import Struct

Number = NewType("Number", str)
"""A phone number as E.164: ``+`` and digits. Built only by :mod:`batch.core.normalise` and :mod:`batch.core.shapes`."""

AgentId = NewType("AgentId", str)
"""An agent's uuid in lower case with hyphens; uuids compare without case (API.md §4)."""


class Channel(StrEnum):
    """The two channels a trunk can be on (API.md §2: SMS is not one of them)."""

    CALL = "call"
    WHATSAPP = "whatsapp"


CHANNELS = tuple(Channel)
"""Both, in the order in which a row's channels are told."""


class Trunk(Struct, frozen=True, order=True, gc=False):
    """One number on one channel, the thing that is bound to an agent."""

    number: Number
    channel: Channel

    def __str__(self) -> str:
        return f"{self.number}/{self.channel.value}"
