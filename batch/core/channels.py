"""What a channel cell asks for: one or more of call and WhatsApp, or every channel the number has."""

from __future__ import annotations

import difflib
import re

from msgspec import Struct

from batch.core.model import Channel
from batch.core.texts import damage, fold, is_blank, trim, unwrap

WORDS: dict[str, Channel] = {
    **dict.fromkeys(map(fold, ("call", "calls", "voice", "phone", "voice call", "phone call",
                               "arama", "sesli arama", "çağrı", "ses", "sesli", "telefon",
                               "anruf", "anrufe", "sprache", "telefonie", "telefonat", "telefonate",
                               "appel", "voix", "llamada", "voz")), Channel.CALL),
    **dict.fromkeys(("whatsapp", "wa", "wp", "whats app", "whats-app", "what's app", "what’s app",
                     "whatsapp business"), Channel.WHATSAPP),
}  # fmt: skip
EVERY = frozenset(
    map(fold, ("all", "both", "all channels", "hepsi", "tümü", "tüm kanallar", "her ikisi", "her ikisi de",
               "alle", "beide", "alle kanäle", "tous", "les deux", "todos", "ambos"))
)  # fmt: skip
ELSEWHERE = frozenset({"sms", "text", "mms", "pbx", "sip", "email", "web", "telegram", "messenger", "instagram"})
"""Words that are channels of the platform or of others, but never of a trunk (API.md §2)."""

_SEPARATORS = re.compile(r"[,;|/+&\n]|(?<=\s)(?:and|ve|und|et|y)(?=\s)", re.IGNORECASE)
"""Signs, and *and* in five languages as a word of its own, which it is in no name of a channel."""


class ChannelReading(Struct, frozen=True):
    """``channels`` is ``None`` for every channel of the number; ``code`` is the problem, if the cell was refused."""

    channels: tuple[Channel, ...] | None = None
    code: str = ""
    detail: str = ""


def read_channels(text: str) -> ChannelReading:
    """The channels a cell names, in one order however they were typed; every unknown word is refused."""
    plain = trim(unwrap(trim(text)))
    code = damage(plain)
    if code:
        return ChannelReading(code=code)
    words = [fold(part) for part in _SEPARATORS.split(plain) if not is_blank(part)]
    if not words:
        return ChannelReading(code="channel_empty")
    for word in words:
        if word in ELSEWHERE:
            return ChannelReading(code="channel_elsewhere", detail=word)
        if word not in WORDS and word not in EVERY:
            return ChannelReading(code="channel_unknown", detail=_more(word, alone=word == fold(plain)))
    if any(word in EVERY for word in words):
        return ChannelReading()
    named = {WORDS[word] for word in words}
    return ChannelReading(channels=tuple(channel for channel in Channel if channel in named))


def _more(word: str, *, alone: bool) -> str:
    """What there is to say of an unknown word: which one it is where it is not *alone*, and which one is near."""
    close = difflib.get_close_matches(word, [*WORDS, *EVERY], n=1, cutoff=0.7)
    said = [*([] if alone else [repr(word)]), *(f"did you mean {near!r}" for near in close)]
    return ", ".join(said)
