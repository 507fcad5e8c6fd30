"""What becomes of an event on its way to whoever hears it; the one importer of structlog."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from batch.log import LEVELS, Event, Sink

_SECRET_KEYS: Final = frozenset({"token", "authorization", "headers", "cookie", "set-cookie", "secret", "password"})
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s'\",]+")
# Digits that are a phone number: after a plus, or standing alone. A uuid's digits have a hyphen or letter beside them.
_PHONE = re.compile(r"\+\d{4,15}|(?<![\w.:-])\d{8,15}(?![\w.:-])", re.ASCII)


def bound_to(sinks: Sequence[Sink]) -> Any:
    """A logger that hands events to *sinks*, bound once for all events: structlog's proxy binds for each.

    With no sinks nobody is told anything; structlog's own default would print to stdout.
    """
    least = min((sink.level for sink in sinks), default=logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide,
            _Fan(sinks),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger().bind()


def mask(text: str) -> str:
    """The text with every phone number cut down to its last four digits."""
    return _PHONE.sub(lambda found: "…" + found[0][-4:], text)


def _hide(_logger: object, _method: str, event: Event) -> Event:
    """Take out credentials at every level, and whole phone numbers from INFO upward."""
    shorten = LEVELS[event["level"]] >= logging.INFO
    for key, value in event.items():
        if key.lower() in _SECRET_KEYS:
            event[key] = "…"
        elif key != "timestamp" and not isinstance(value, bool | int | float | None):
            text = _BEARER.sub(r"\1 …", str(value))
            event[key] = mask(text) if shorten else text
    return event


class _Fan:
    """The last processor: hands the event to every sink that wants it; nothing is left for the logger itself."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def __call__(self, _logger: object, _method: str, event: Event) -> Mapping[str, Any]:
        level = LEVELS[event["level"]]
        for sink in self._sinks:
            if level >= sink.level:
                sink.write(event)
        raise structlog.DropEvent
