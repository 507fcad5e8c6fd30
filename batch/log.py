"""The log: dotted events with keys (``change.settled`` status=…), as JSON lines to a file, as short lines to people.

Phone numbers show their last four digits from INFO upward; credentials show at no level. Tracebacks go to the file
only, and never with local variables: those of a call hold the token.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from batch.adapters.files import PRIVATE_FILE
from batch.errors import UsageError

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_HUSHED: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "hpack", "asyncio", "urllib3")
_SECRET_KEYS: Final = frozenset({"token", "authorization", "headers", "cookie", "set-cookie", "secret", "password"})
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s'\",]+")
# Digits that are a phone number: after a plus, or standing alone. A uuid's digits have a hyphen or letter beside them.
_PHONE = re.compile(r"\+\d{4,15}|(?<![\w.:-])\d{8,15}(?![\w.:-])", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

Event = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sink:
    """One place events go to: from which level on, and how a line gets there."""

    level: int
    write: Callable[[Event], None]


@contextlib.contextmanager
def logging_to(*, verbose: int, log_file: Path | None, echo: Callable[[str], None]) -> Iterator[None]:
    """Send events to *log_file* (from DEBUG on) and, with ``-v``, to *echo*, for as long as the block lasts.

    Without ``-v`` people see errors only: what they must know is told them by the command itself.
    Raises :class:`UsageError` when the file cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        people = {0: logging.ERROR, 1: logging.INFO}.get(verbose, logging.DEBUG)
        sinks = [Sink(people, lambda event: echo(_line(event)))]
        if log_file is not None:
            sinks.append(Sink(logging.DEBUG, _json_writer(stack, log_file)))
        bridge = _Bridge(level=logging.WARNING)
        _configure(sinks)
        logging.getLogger().addHandler(bridge)
        stack.callback(_be_silent)
        stack.callback(logging.getLogger().removeHandler, bridge)
        yield


def mask(text: str) -> str:
    """The text with every phone number cut down to its last four digits."""
    return _PHONE.sub(lambda found: "…" + found[0][-4:], text)


def _configure(sinks: list[Sink]) -> None:
    for name in _HUSHED:  # they tell every request at INFO, headers included at DEBUG
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide,
            _Fan(sinks),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(sink.level for sink in sinks)),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    log.renew()


def _hide(_logger: object, _method: str, event: Event) -> Event:
    """Take out credentials at every level, and whole phone numbers from INFO upward."""
    shorten = _LEVELS[event["level"]] >= logging.INFO
    for key, value in event.items():
        if key.lower() in _SECRET_KEYS:
            event[key] = "…"
        elif key != "timestamp" and not isinstance(value, bool | int | float | None):
            text = _BEARER.sub(r"\1 …", str(value))
            event[key] = mask(text) if shorten else text
    return event


class _Fan:
    """The last processor: hands the event to every sink that wants it; nothing is left for the logger itself."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks

    def __call__(self, _logger: object, _method: str, event: Event) -> Mapping[str, Any]:
        level = _LEVELS[event["level"]]
        for sink in self._sinks:
            if level >= sink.level:
                sink.write(event)
        raise structlog.DropEvent


class _Bridge(logging.Handler):
    """Warnings of other libraries, told as our own events instead of raw on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on."""
        told = structlog.get_logger()
        told.log(
            record.levelno, "library.warned", library=record.name, said=record.getMessage(), exc_info=record.exc_info
        )


def _line(event: Event) -> str:
    """One event for people: no traceback, nothing that could move the cursor."""
    parts = [
        f"{key}={value}" for key, value in event.items() if key not in {"event", "level", "timestamp", "exception"}
    ]
    return _CONTROL.sub("�", " ".join([event["timestamp"][11:19], event["level"], str(event["event"]), *parts]))


def _json_writer(stack: contextlib.ExitStack, path: Path) -> Callable[[Event], None]:
    render = structlog.processors.JSONRenderer()
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    if path.parent != Path("/dev"):  # /dev/stderr is a link, and meant
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        raise UsageError(f"cannot write the log {path}: {error.strerror}", hint="choose another --log-file") from error
    stack.callback(os.close, descriptor)

    def write(event: Event) -> None:
        with contextlib.suppress(OSError):  # a disk that is full must not end a run: the journal decides about that
            os.write(descriptor, f"{render(None, '', event)!s}\n".encode("utf-8", "backslashreplace"))

    return write


def _be_silent() -> None:
    """Nobody is told anything; structlog's own default prints to stdout, which is for data."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    log.renew()


class _Voice:
    """Tells events by the configuration of the moment, bound once for each: structlog's proxy binds for each event.

    ``tells_calls`` and ``tells_changes`` say whether anybody hears DEBUG and INFO: what is told of each call, and of
    each change, is only put together then.
    """

    __slots__ = ("_bound", "tells_calls", "tells_changes")

    def renew(self) -> None:
        self._bound = structlog.get_logger().bind()
        self.tells_calls = self._bound.is_enabled_for(logging.DEBUG)
        self.tells_changes = self._bound.is_enabled_for(logging.INFO)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._bound, method)


log: Any = _Voice()
"""Where events are told: ``log.info("change.settled", status="done")``; heard only within :func:`logging_to`."""
_be_silent()
