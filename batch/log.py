"""The log: dotted events with keys (``change.settled`` status=…), as JSON lines to a file, as short lines to people.

Phone numbers show their last four digits from INFO upward; credentials show at no level. Tracebacks go to the file
only, and never with local variables: those of a call hold the token.

structlog is loaded once somebody hears something: that takes 0.15 s, a tenth of a small plan.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from batch.adapters.files import PRIVATE_FILE
from batch.core.json_text import encode
from batch.errors import UsageError

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_HUSHED: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "hpack", "asyncio", "urllib3")
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
        for name in _HUSHED:  # they tell every request at INFO, headers included at DEBUG
            logging.getLogger(name).setLevel(logging.WARNING)
        log.open(sinks)
        logging.getLogger().addHandler(bridge)
        stack.callback(log.close)
        stack.callback(logging.getLogger().removeHandler, bridge)
        yield


class _Bridge(logging.Handler):
    """Warnings of other libraries, told as our own events instead of raw on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on."""
        tell = getattr(log, record.levelname.lower(), log.error)
        tell("library.warned", library=record.name, said=record.getMessage(), exc_info=record.exc_info)


def _line(event: Event) -> str:
    """One event for people: no traceback, nothing that could move the cursor."""
    parts = [
        f"{key}={value}" for key, value in event.items() if key not in {"event", "level", "timestamp", "exception"}
    ]
    return _CONTROL.sub("�", " ".join([event["timestamp"][11:19], event["level"], str(event["event"]), *parts]))


def _json_writer(stack: contextlib.ExitStack, path: Path) -> Callable[[Event], None]:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # a pipe is not waited for until somebody reads it
    if path.parent != Path("/dev"):  # /dev/stderr is a link, and meant
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        why = "nobody reads there" if error.errno == errno.ENXIO else error.strerror
        raise UsageError(f"cannot write the log {path}: {why}", hint="choose another --log-file") from error
    stack.callback(os.close, descriptor)
    os.set_blocking(descriptor, True)

    def write(event: Event) -> None:
        with contextlib.suppress(OSError):  # a disk that is full must not end a run: the journal decides about that
            os.write(descriptor, encode(event) + b"\n")

    return write


def _unheard(*_: object, **__: object) -> None:
    """What is told nobody."""


class _Voice:
    """Tells events while the log is open; structlog's own default prints to stdout, which is for data.

    ``tells_calls`` and ``tells_changes`` say whether anybody hears DEBUG and INFO: what is told of each call, and of
    each change, is only put together then.
    """

    __slots__ = ("_bound", "_sinks", "tells_calls", "tells_changes")
    _bound: Any
    _sinks: list[Sink]
    tells_calls: bool
    tells_changes: bool

    def __init__(self) -> None:
        self._bound = None
        self.close()

    def open(self, sinks: list[Sink]) -> None:
        """From now on events go to *sinks*."""
        self._sinks = sinks
        least = min(sink.level for sink in sinks)
        self.tells_calls, self.tells_changes = least <= logging.DEBUG, least <= logging.INFO
        if self.tells_changes:
            self._bound = self._bind()

    def close(self) -> None:
        """From now on nobody is told anything."""
        self._sinks = []
        self.tells_calls = self.tells_changes = False
        if self._bound is not None:
            self._bind()  # to nobody
            self._bound = None

    def __getattr__(self, method: str) -> Any:
        if method not in LEVELS:
            raise AttributeError(f"events are not told as {method!r}")
        if self._bound is None:
            if all(LEVELS[method] < sink.level for sink in self._sinks):
                return _unheard
            self._bound = self._bind()
        return getattr(self._bound, method)

    def _bind(self) -> Any:
        from batch.log_events import bound_to

        return bound_to(self._sinks)


log: Any = _Voice()
"""Where events are told: ``log.info("change.settled", status="done")``; heard only within :func:`logging_to`."""
