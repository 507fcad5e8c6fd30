"""Killing the program, again and again, at moments drawn from a seed, until a sitting gets through.

A moment is an event of the stand-in's log (the n-th call arrives, or is decided and not yet answered), so many
milliseconds after one, the first sight of a report being written, or a time after the start. The n-th event is the
same for a seed on every machine; what the program is doing inside just then is not, and need not be.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence, Row, Sitting, Trunk, read_folder
from tests.chaos.stand import NAP, Process, Since, Stand, Task
from tests.chaos.story import Story
from tests.chaos.whole import torn

NO_JOURNAL = frozenset({2, 11})
"""How `resume` may end when a run was killed before it had a journal: nothing was sent, so it is begun anew."""


REPORTS = ("report.", "results.", "failed.", "summary.")


class When(StrEnum):
    """By what a moment is recognised."""

    ARRIVES = "arrives"  # the n-th call has come, and is not carried out yet
    DECIDED = "decided"  # the n-th call was carried out; its answer has not left
    AFTER = "after"  # some time after the n-th call was decided
    REPORTS = "reports"  # the first report file is being written
    STARTED = "started"  # some time after the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to strike: ``nth`` counts the events of one sitting from 1, ``pause`` is seconds."""

    when: When
    nth: int = 1
    pause: float = 0.0


LATE = Moment(when=When.REPORTS)


def moments(seed: int, count: int, events: int) -> list[Moment]:
    """*count* moments for a task of about *events* calls, so that each finds some of the work still to be done.

    One in ten is at the start; the last ones are while the reports are written.
    """
    chance = random.Random(f"moments/{seed}")
    last = max(1, count // 6)
    drawn = [_in_the_middle(chance, max(2, events // max(1, count - last))) for _ in range(count - last)]
    return [*drawn, *(Moment(when=When.REPORTS, pause=chance.uniform(0, 0.03)) for _ in range(last))]


def _in_the_middle(chance: random.Random, most: int) -> Moment:
    if chance.random() < 0.1:
        return Moment(when=When.STARTED, pause=chance.uniform(0.1, 0.9))
    when = chance.choice((When.ARRIVES, When.DECIDED, When.AFTER))
    return Moment(when=when, nth=chance.randint(1, most), pause=chance.uniform(0, 0.02) if when is When.AFTER else 0.0)


@dataclass(slots=True)
class Tripwire:
    """Counts the stand-in's events in its own thread, and strikes there and then."""

    stand: Stand
    count: int = 0
    _moment: Moment | None = None
    _strike: Callable[[], object] | None = None
    _timers: list[threading.Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        service = self.stand.handle.service
        arrive, settle = service.arrive, service.diary.settle

        def on_arrive(*args: Any) -> Any:
            ticket = arrive(*args)
            self.count += 1
            self._look(When.ARRIVES)
            return ticket

        def on_settle(entry: Any) -> None:
            settle(entry)
            self._look(When.DECIDED)
            self._look(When.AFTER)

        # the service is one object of this process: what it calls on itself can be listened to
        self.stand.handle.do(
            lambda: (setattr(service, "arrive", on_arrive), setattr(service.diary, "settle", on_settle))
        )

    def arm(self, moment: Moment, strike: Callable[[], object]) -> None:
        """Strike once, at *moment*, counted from now."""
        self.stand.handle.do(lambda: self._arm(moment, strike))

    def _arm(self, moment: Moment, strike: Callable[[], object]) -> None:
        self.count, self._moment, self._strike = 0, moment, strike

    def _look(self, when: When) -> None:
        moment, strike = self._moment, self._strike
        if moment is None or strike is None or moment.when is not when or self.count < moment.nth:
            return
        self._moment = None
        if moment.pause:
            timer = threading.Timer(moment.pause, strike)
            timer.start()
            self._timers.append(timer)
        else:
            strike()

    def rest(self) -> None:
        """Wait for what was set in motion."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()


@dataclass(slots=True)
class Killer:
    """One account's work, and who keeps ending it. ``broken`` is what was found torn after a kill.

    A ``meddler`` changes two trunks in the panel after each kill.
    """

    stand: Stand
    task: Task
    meddler: random.Random | None = None
    tripwire: Tripwire = field(init=False)
    broken: list[str] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.tripwire = Tripwire(self.stand)

    def apply(self, run: str, plan: Sequence[Moment], *flags: str) -> Evidence:
        """Apply the sheet under kills, and go on until it ends."""
        sheet = self.task.write(self.stand.folder / "sheet.csv")
        return self._until_it_ends(run, ("apply", sheet, *self.task.flags, *flags), plan)

    def rollback(self, undone: Evidence, of: str, run: str, plan: Sequence[Moment], *flags: str) -> Evidence:
        """Undo a run under kills."""
        args = ("rollback", of, *self.task.flags, *flags)
        return self._until_it_ends(run, args, plan, rows=rows_back(self.task, undone), touched=sent_by(undone))

    def _until_it_ends(self, run: str, args: Sequence[str | Path], plan: Sequence[Moment], **more: Any) -> Evidence:
        since, sittings = self.stand.since(), list[Sitting]()
        # a run may be through before its next moment comes; then `resume`, which looks once more, is killed instead
        for moment in [*plan, *[LATE] * len(plan)]:
            if sum(sitting.killed for sitting in sittings) == len(plan):
                break
            sittings.append(self.go_on(run, args, since, sittings, moment))
            if sittings[-1].killed:
                self.kills += 1
                self.look_for_torn_files(run)
                self._meddle()
        sittings.append(self.go_on(run, args, since, sittings, None))
        return self.stand.evidence(run, self.task, sittings, since, **more)

    def go_on(
        self, run: str, args: Sequence[str | Path], since: Since, sittings: list[Sitting], moment: Moment | None
    ) -> Sitting:
        """One sitting: the first begins the run, the others go on with it."""
        if not sittings:
            return self.struck(self.stand.start(*args, "--run-id", run, "--yes"), run, moment)
        if not (self.stand.runs / run / "journal.sqlite").exists():
            return self._begin_anew(run, args, since, moment)
        sitting = self.struck(self.stand.start("resume", run, "--yes"), run, moment)
        if sitting.exit_code in NO_JOURNAL and b"journal" in sitting.output:
            return self._begin_anew(run, args, since, moment)
        return sitting

    def _begin_anew(self, run: str, args: Sequence[str | Path], since: Since, moment: Moment | None) -> Sitting:
        """A run that was killed before its journal had begun cannot be gone on with, and has sent nothing."""
        sent = [event for event in self.stand.log()[since.events :] if event.is_put]
        assert sent == [], f"run {run} has no journal to go on with, but had sent {len(sent)} PUTs"
        folder = self.stand.runs / run
        if folder.exists():
            folder.rename(folder.with_name(f"{run}-never-begun-{time.monotonic_ns()}"))
        return self.struck(self.stand.start(*args, "--run-id", run, "--yes"), run, moment)

    def _meddle(self) -> None:
        if self.meddler is not None:
            for row in self.meddler.sample(self.task.rows, 2):
                agents = [other.agent for other in self.task.rows if other.agent != row.agent]
                self.stand.edit((row.number, row.channels[0]), self.meddler.choice(agents))

    def look_for_torn_files(self, run: str) -> None:
        """Keep in mind which report files are not whole."""
        self.broken += torn(self.files(run))

    def struck(self, process: Process, run: str, moment: Moment | None) -> Sitting:
        """A process to its end, which comes at *moment*."""
        if moment is None:
            return process.end()
        if moment.when is When.STARTED:
            time.sleep(moment.pause)  # nothing outside tells how far a start is
            process.popen.kill()
        elif moment.when is When.REPORTS:
            self._at_reports(process, self.stand.runs / run, moment)
        else:
            self.tripwire.arm(moment, process.popen.kill)
        sitting = process.end()
        self.tripwire.rest()
        return sitting

    def _at_reports(self, process: Process, folder: Path, moment: Moment) -> None:
        first = _reports(folder)
        while process.running and _reports(folder) == first:
            time.sleep(NAP / 4)
        time.sleep(moment.pause)
        process.popen.kill()

    def files(self, run: str) -> dict[str, bytes]:
        """What is in a run's folder."""
        folder = self.stand.runs / run
        return read_folder(folder) if folder.is_dir() else {}


def _reports(folder: Path) -> set[tuple[str, int, int]]:
    """The report files as they are, finished or not, so that the first stroke of a pen can be seen."""
    found = set()
    for path in folder.glob("*"):
        if path.name.lstrip(".").startswith(REPORTS):
            with contextlib.suppress(FileNotFoundError):  # it has just got its real name
                found.add((path.name, path.stat().st_ino, path.stat().st_mtime_ns))
    return found


def sent_by(evidence: Evidence) -> dict[Trunk, tuple[str | None, str | None]]:
    """What a run has made of each trunk for which it sent a PUT: trunk → (just before the first, by its own last)."""
    story = Story(evidence)
    made = {
        trunk: (owner, [after for _, after, event in story.steps(trunk) if story.ours(event)])
        for trunk, owner in befores(evidence).items()
        if story.puts_of(trunk)
    }
    return {trunk: (owner, own[-1] if own else owner) for trunk, (owner, own) in made.items()}


def befores(evidence: Evidence) -> dict[Trunk, str | None]:
    """Who served the trunks for which a PUT may have been sent, just before that."""
    story = Story(evidence)
    ids = {entry.change for entry in evidence.journal if entry.kind == "intent"}
    meant = {change.trunk: change.before for change in reversed(story.plan) if change.id in ids}
    sent = {trunk: story.puts_of(trunk) for trunk in meant}
    return {trunk: story.owner(trunk, sent[trunk][0][0]) if sent[trunk] else meant[trunk] for trunk in meant}


def rows_back(task: Task, undone: Evidence) -> list[Row]:
    """The rows by which a rollback asks for what was before."""
    before = befores(undone)
    return [
        Row(row=row.row, number=row.number, channels=(channel,), agent=before[row.number, channel] or "")
        for row in task.rows
        for channel in row.channels
        if (row.number, channel) in before
    ]


def complaints(killer: Killer, *told: Evidence) -> list[str]:
    """Everything that is wrong with the runs and with the files in between."""
    return [*killer.broken, *(complaint for evidence in told for complaint in violations(evidence))]
