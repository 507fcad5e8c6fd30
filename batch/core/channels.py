"""What a channel cell asks for: one or more of call and WhatsApp, or every channel the number has."""

from __future__ import annotations

import difflib
import re

from msgspec import Struct

from batch.core.model import Channel
from batch.core.texts import is_blank, is_cell_error, trim, unwrap


def _plain(word: str) -> str:
    """A word without case and spacing around it; Turkish has four letters i, and one is as good as another here."""
    return " ".join(trim(word).replace("İ", "i").casefold().replace("ı", "i").split())


WORDS: dict[str, Channel] = {
    **dict.fromkeys(map(_plain, ("call", "calls", "voice", "phone", "arama", "sesli arama", "çağrı", "anruf", "sprache",
                                 "appel", "voix", "llamada", "voz")), Channel.CALL),
    **dict.fromkeys(("whatsapp", "wa", "whats app", "whats-app", "whatsapp business"), Channel.WHATSAPP),
}  # fmt: skip
EVERY = frozenset(
    map(_plain, ("all", "both", "hepsi", "tümü", "her ikisi", "alle", "beide", "tous", "les deux", "todos", "ambos"))
)
ELSEWHERE = frozenset({"sms", "text", "mms", "pbx", "sip", "email", "web", "telegram", "messenger", "instagram"})
"""Words that are channels of the platform or of others, but never of a trunk (API.md §2)."""

_SEPARATORS = re.compile(r"[,;|/+\n]")


class ChannelReading(Struct, frozen=True):
    """``channels`` is ``None`` for every channel of the number; ``code`` is the problem, if the cell was refused."""

    channels: tuple[Channel, ...] | None = None
    code: str = ""
    detail: str = ""


def read_channels(text: str) -> ChannelReading:
    """The channels a cell names, in one order however they were typed; every unknown word is refused."""
    if is_cell_error(trim(text)):
        return ChannelReading(code="cell_error")
    words = [_plain(part) for part in _SEPARATORS.split(unwrap(trim(text))) if not is_blank(part)]
    if not words:
        return ChannelReading(code="channel_empty")
    for word in words:
        if word in ELSEWHERE:
            return ChannelReading(code="channel_elsewhere", detail=word)
        if word not in WORDS and word not in EVERY:
            return ChannelReading(code="channel_unknown", detail=_near(word))
    if any(word in EVERY for word in words):
        return ChannelReading()
    named = {WORDS[word] for word in words}
    return ChannelReading(channels=tuple(channel for channel in Channel if channel in named))


def _near(word: str) -> str:
    close = difflib.get_close_matches(word, [*WORDS, *EVERY], n=1, cutoff=0.7)
    return f"{word!r}, did you mean {close[0]!r}" if close else repr(word)
