"""What a run leaves behind, read with the standard library alone: nothing here imports the program it judges.

Input rows as the test wrote them, the stand-in's request log and its state before and after, the run's journal and
results, exit codes and what was printed. :mod:`tests.chaos.checker` compares them.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

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
class Change:
    """One change of the plan that the journal opens with; ``id`` is its place there."""

    id: int
    trunk: Trunk
    action: str
    before: str | None
    after: str


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
    touched: Mapping[Trunk, tuple[str | None, str]] | None = None
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


class Story:
    """The evidence, indexed, and who served which trunk when. Place *p* is the moment just before event *p*."""

    def __init__(self, evidence: Evidence) -> None:
        self._log = evidence.log
        self._start = dict(evidence.before)
        self._order = {number: i for i, number in enumerate(dict.fromkeys(number for number, _ in evidence.before))}
        self._steps: dict[Trunk, list[tuple[int, str | None, Event]]] = {}
        self._puts: dict[Trunk, list[tuple[int, Event]]] = {}
        self._lines: dict[Trunk, list[Mapping[str, str]]] = {}
        for line in evidence.results:
            self._lines.setdefault((line["number"], line["channel"]), []).append(line)
        self.puts = [(place, event) for place, event in enumerate(evidence.log) if event.is_put]
        """Every assign call, with its place in the log."""
        for placed in self.puts:
            self._puts.setdefault(placed[1].trunk, []).append(placed)
        self._seqs = {event.seq for _, event in self.puts}
        self.final = self._play(evidence)
        self.plan = _plan(evidence.journal)
        self.entries: dict[int | None, list[Entry]] = {}
        for entry in evidence.journal:
            self.entries.setdefault(entry.change, []).append(entry)
        self._reads = [
            (place, event) for place, event in enumerate(evidence.log) if event.tells_truth and event.method == "GET"
        ]
        own = [place for place, event in enumerate(evidence.log) if event.event == "request"]
        self.end = own[-1] + 1 if own else 0
        """The place after the run's last own call: what happens later it cannot know."""

    def _play(self, evidence: Evidence) -> Owners:
        now = dict(evidence.before)
        for place, event in enumerate(evidence.log):
            if event.applied:
                for trunk, owner in _effects(now, event, displaces=evidence.displaces and event.event != "outside"):
                    now[trunk] = owner
                    self._steps.setdefault(trunk, []).append((place, owner, event))
        return now

    # ── what was sent and said ────────────────────────────────────────────────────────────────────────────────────

    def puts_of(self, trunk: Trunk) -> list[tuple[int, Event]]:
        """The assign calls for one trunk."""
        return self._puts.get(trunk, [])

    def pairs(self) -> Iterator[tuple[tuple[int, Event], tuple[int, Event]]]:
        """Each PUT with the next one for the same trunk and agent."""
        for sent in self._puts.values():
            yield from (pair for pair in pairwise(sent) if pair[0][1].agent == pair[1][1].agent)

    def ours(self, event: Event) -> bool:
        """Whether a change of the state is this run's doing, at once or late."""
        return event.is_put or event.of in self._seqs

    def lines_of(self, trunk: Trunk) -> list[Mapping[str, str]]:
        """The result lines about a trunk."""
        return self._lines.get(trunk, [])

    # ── who served ────────────────────────────────────────────────────────────────────────────────────────────────

    def owner(self, trunk: Trunk, place: int) -> str | None:
        """Who served *trunk* just before the event at *place*."""
        owner = self._start.get(trunk)
        for step, after, _ in self.steps(trunk):
            if step < place:
                owner = after
        return owner

    def owners(self, trunk: Trunk, start: int, stop: int) -> set[str | None]:
        """Everybody who served *trunk* from just before *start* until just before *stop*."""
        return {self.owner(trunk, start)} | {after for step, after, _ in self.steps(trunk) if start <= step < stop}

    def steps(self, trunk: Trunk) -> list[tuple[int, str | None, Event]]:
        """The changes of a trunk: place, new owner, event."""
        return self._steps.get(trunk, [])

    def last_step(self, trunk: Trunk, place: int) -> Event | None:
        """The event that made the owner who serves just before *place*; ``None`` when nothing changed it."""
        return next((event for step, _, event in reversed(self.steps(trunk)) if step < place), None)

    # ── who looked ────────────────────────────────────────────────────────────────────────────────────────────────

    def looks(self, number: str, start: int, stop: int) -> list[int]:
        """The places of the reads from *start* until before *stop* whose answers were about *number*."""
        return [place for place, event in self._reads if start <= place < stop and self._shows(event, number)]

    def _shows(self, event: Event, number: str) -> bool:
        if event.path == ONE_NUMBER:
            return event.number == number
        if event.path not in LISTS:
            return False
        asked = parse_qs(event.query)
        if event.path == "/phone-numbers" or not {"page", "per_page"} <= asked.keys() or number not in self._order:
            return True
        return self._order[number] // int(asked["per_page"][0]) == int(asked["page"][0]) - 1


def _plan(journal: Sequence[Entry]) -> tuple[Change, ...]:
    """The changes of the plan that a journal opens with, nothing-to-do among them; empty without a journal."""
    opened = next((entry for entry in journal if entry.kind == "opened"), None)
    changes = json.loads(opened.body["plan"])["changes"] if opened is not None else ()
    return tuple(
        Change(
            id=place,
            trunk=(change["number"], change["channel"]),
            action=change["action"],
            before=change["before"],
            after=change["after"],
        )
        for place, change in enumerate(changes)
    )


def _effects(now: Owners, event: Event, *, displaces: bool) -> Iterator[tuple[Trunk, str | None]]:
    if displaces:
        for trunk, owner in list(now.items()):
            if owner == event.agent and trunk != event.trunk and trunk[1] == event.channel:
                yield trunk, None
    yield event.trunk, event.agent


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
