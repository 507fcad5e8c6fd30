"""What a run leaves behind, read with the standard library alone: nothing here imports the program it judges.

Input rows as the test wrote them, the stand-in's request log and its state before and after, the run's journal and
results, exit codes and what was printed. :mod:`tests.chaos.checker` compares them.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ASSIGN = "/phone-numbers/trunks/assign"
LISTS = frozenset({"/phone-numbers/trunks", "/phone-numbers"})
ONE_NUMBER = "/phone-numbers/channels"
OK = 200

TRUE_ANSWERS = frozenset({"", "delay", "drip", "hangup", "late", "stale", "outside"})
"""Faults after which a read still tells what the server believes."""

Trunk = tuple[str, str]
Owners = dict[Trunk, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the input: its number in the sheet (header = 1) and what it asks for, channels written out."""

    row: int
    number: str
    channels: tuple[str, ...]
    agent: str

    @property
    def trunks(self) -> list[Trunk]:
        return [(self.number, channel) for channel in self.channels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the stand-in's log. ``at`` is wall time at arrival, ``mono`` monotonic."""

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
    token: str = "right"
    port: int = 0
    status: int = OK
    applied: bool = False
    before: str | None = None
    fault: str = ""
    of: int = 0

    @property
    def trunk(self) -> Trunk:
        return self.number, self.channel

    @property
    def is_put(self) -> bool:
        return self.event == "request" and self.method == "PUT"

    @property
    def tells_truth(self) -> bool:
        """Whether this is a call whose answer could be believed."""
        return self.event == "request" and self.status == OK and set(self.fault.split("+")) <= TRUE_ANSWERS

    @property
    def refused_for_good(self) -> bool:
        """Whether the answer to a PUT says that it was not applied, and leaves nothing to guess."""
        delivered = not {"cut", "reset", "close", "garbled", "drip", "delay", "late"} & set(self.fault.split("+"))
        return delivered and self.status in {301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 410, 422, 423, 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal."""

    seq: int
    at: float
    kind: str
    change: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One process that worked on the run. ``signalled_at`` and ``ended_at`` are monotonic seconds."""

    command: str
    exit_code: int
    output: bytes = b""
    killed: bool = False
    signal: int | None = None
    signalled_at: float | None = None
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything about one run. ``log`` holds the events of this run only, in the order in which they were decided.

    ``touched`` (rollback): what the run that is undone wrote, as trunk → (before it, written by it). ``lossy`` says
    that something between client and stand-in may have swallowed answers that the log shows as sent.
    ``retry_after`` is the seconds that the stand-in's 429s asked for. ``files`` are the run folder's, by name.
    """

    rows: tuple[Row, ...]
    log: tuple[Event, ...]
    before: Owners
    after: Owners
    journal: tuple[Entry, ...]
    results: tuple[Mapping[str, str], ...]
    summary: Mapping[str, Any]
    sittings: tuple[Sitting, ...]
    token: str
    workers: int = 16
    files: Mapping[str, bytes] = field(default_factory=dict)
    touched: Mapping[Trunk, tuple[str | None, str | None]] | None = None
    lossy: bool = False
    displaces: bool = False
    retry_after: float | None = None
    verify: str = "sweep"
    foreign_calls: int = 0

    @property
    def command(self) -> str:
        return self.sittings[0].command

    @property
    def kills(self) -> int:
        return sum(sitting.killed for sitting in self.sittings)

    @property
    def exit_code(self) -> int:
        return self.sittings[-1].exit_code


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_log(lines: Iterable[str]) -> tuple[Event, ...]:
    """The lines that ``reassign sandbox --log`` writes."""
    return tuple(Event(**json.loads(line)) for line in lines if line.strip())


def owners_of(state: Mapping[str, Any]) -> Owners:
    """The answer of ``GET /_sandbox/state``."""
    return {(trunk["number"], trunk["channel"]): trunk["agent"] for trunk in state["trunks"]}


def read_journal(path: Path) -> tuple[Entry, ...]:
    """Every entry of a journal that no process has open; empty when there is none."""
    if not path.exists() or not path.stat().st_size:
        return ()
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT seq, at, kind, change, body FROM entry ORDER BY seq").fetchall()
    return tuple(Entry(seq=s, at=at, kind=kind, change=change, body=json.loads(b)) for s, at, kind, change, b in rows)


def read_results(data: bytes) -> tuple[Mapping[str, str], ...]:
    """``results.csv``."""
    return tuple(csv.DictReader(io.StringIO(data.decode(), newline="")))


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file of a run folder by its name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def gather(
    folder: Path, *, rows: Sequence[Row], log: Iterable[Event], before: Owners, after: Owners, **more: Any
) -> Evidence:
    """The evidence of a run that has ended, from its folder and what the test knows."""
    files = read_folder(folder) if folder.is_dir() else {}
    return Evidence(
        rows=tuple(rows),
        log=tuple(log),
        before=before,
        after=after,
        journal=read_journal(folder / "journal.sqlite"),
        results=read_results(files.get("results.csv", b"")),
        summary=json.loads(files.get("summary.json", b"{}")),
        files=files,
        **more,
    )
