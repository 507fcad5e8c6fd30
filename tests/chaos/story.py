"""The evidence of one run as a story: who served which trunk when, who looked, and what was sent in which order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import parse_qs

from tests.chaos.evidence import LISTS, ONE_NUMBER, Entry, Event, Evidence, Owners, Trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the plan that the journal opens with; ``id`` is its place there."""

    id: int
    trunk: Trunk
    action: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the answer to a read was about: one number, one page of the trunks, or (``per_page`` 0) every number."""

    of_number: str = ""
    page: int = 0
    per_page: int = 0


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
        self.plan = plan_of(evidence.journal)
        self.entries: dict[int | None, list[Entry]] = {}
        for entry in evidence.journal:
            self.entries.setdefault(entry.change, []).append(entry)
        self._looks: dict[str, list[int]] = {}
        self._reads = [
            (place, _read(event))
            for place, event in enumerate(evidence.log)
            if event.method == "GET" and event.tells_truth and event.path in {ONE_NUMBER, *LISTS}
        ]
        own = [place for place, event in enumerate(evidence.log) if event.event == "request"]
        self.end = own[-1] + 1 if own else 0
        """The place after the run's last own call: what happens later it cannot know."""
        before = max((sitting.ended_at for sitting in evidence.sittings if not sitting.killed), default=0.0)
        self._told = max((place + 1 for place in own if evidence.log[place].mono <= before), default=0)
        self._killed = evidence.sittings[-1].killed

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

    def known_until(self, trunk: Trunk) -> int:
        """The place up to which the report must know what happened to *trunk*.

        What a sitting saw that was killed may have died with it, but for what it made itself: so this is the end of
        the last one that was not, or just after its own last PUT for the trunk.
        """
        if not self._killed:
            return self.end
        return max([self._told, *(place + 1 for place, _ in self.puts_of(trunk))])

    # ── who looked ────────────────────────────────────────────────────────────────────────────────────────────────

    def looks(self, number: str, start: int, stop: int) -> list[int]:
        """The places of the reads from *start* until before *stop* whose answers were about *number*."""
        found = self._looks.get(number)
        if found is None:
            found = self._looks[number] = [place for place, read in self._reads if self._shows(read, number)]
        return found[bisect_left(found, start) : bisect_left(found, stop)]

    def _shows(self, read: Read, number: str) -> bool:
        if read.of_number:
            return read.of_number == number
        return read.per_page == 0 or self._order.get(number, -1) // read.per_page == read.page - 1


def _read(event: Event) -> Read:
    """What a read is about. The list of all numbers, and a list without pages, show every number."""
    if event.path == ONE_NUMBER:
        return Read(of_number=event.number)
    asked = parse_qs(event.query)
    if event.path == "/phone-numbers" or not {"page", "per_page"} <= asked.keys():
        return Read()
    return Read(page=int(asked["page"][0]), per_page=int(asked["per_page"][0]))


def plan_of(journal: Sequence[Entry]) -> tuple[Change, ...]:
    """The changes of the plan that a journal opens with, nothing-to-do among them; empty without a journal."""
    changes = [change for entry in journal if entry.kind == "planned" for change in entry.body.get("changes", ())]
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
