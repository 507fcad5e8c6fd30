"""What happened, call by call: cheap enough for a million entries, and never with a token in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(slots=True, kw_only=True)
class Entry:
    """One event. ``at`` is seconds since the epoch, ``mono`` the monotonic clock, comparable between processes.

    ``event`` is ``request``, ``late`` (a write carried out after its answer; ``of`` is that request) or ``outside``
    (somebody else set an owner). ``token`` is ``right``, ``wrong`` or ``missing``. ``status`` is 0 where no status line
    was sent. ``applied`` says that the trunk's owner was set by this event; ``before`` is the true owner just before
    a write. ``fault`` names what the script did to the call.
    """

    seq: int
    at: float
    mono: float
    event: str = "request"
    method: str = ""
    path: str = ""
    query: str = ""
    number: str = ""
    channel: str = ""
    agent: str | None = ""
    token: str = ""
    port: int = 0
    status: int = 0
    applied: bool = False
    before: str | None = None
    fault: str = ""
    of: int = 0


class Diary:
    """All entries in the order of arrival, and on request a file of JSON lines in the order of completion."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._seq = 0
        self._file: IO[str] | None = None
        if path is not None:
            # Line-buffered: whoever kills the client reads a file that is as far as the server is.
            self._file = path.open("a", encoding="utf-8", buffering=1)

    def add(self, entry: Entry) -> Entry:
        """Note an event that has just begun."""
        self.entries.append(entry)
        return entry

    def next_seq(self) -> int:
        """The number of the next event, from 1; goes on after the list was emptied."""
        self._seq += 1
        return self._seq

    def settle(self, entry: Entry) -> None:
        """The event is decided: write its line, before any answer leaves."""
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")

    def since(self, seq: int) -> list[dict[str, Any]]:
        """The entries after a number, as JSON."""
        return [asdict(entry) for entry in self.entries if entry.seq > seq]

    def clear(self) -> None:
        """Forget the entries; the file keeps them."""
        self.entries.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
