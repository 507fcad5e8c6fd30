"""Sequences of everything that can happen to a workspace: runs, kills, what mends them, and somebody in the panel.

One machine of hypothesis: each step is one command, or one change in the panel, and after each command the checker
judges the run that it worked on. Of the log of the whole sequence a run's part is its own calls; what other runs and
people did to the server meanwhile is, for it, somebody else's doing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from batch.sandbox.world import Rule, World
from tests.chaos.checker import violations
from tests.chaos.evidence import Event, Evidence, Owners, Row, Sitting, Trunk, gather
from tests.chaos.killer import rows_back, sent_by
from tests.chaos.stand import TOKEN, Stand, Task, standing, wait_until
from tests.forks import SOON, Forks
from tests.worlds import agent, number, world

TRUNKS: tuple[Trunk, ...] = (
    *((number(i), "call") for i in range(4)),
    *((number(i), "whatsapp") for i in range(2)),
)
AGENTS, SPARE = 7, 7
"""Agents that rows and people choose from, and the one kept free to park a trunk on."""
WORKERS = 4
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A killed process leaves the same there as on a disk, and a sync costs nothing."""
GOOD = frozenset({"done", "already"})
NO_JOURNAL = frozenset({2, 11})
TRUE_ALL_THE_WAY = frozenset({"I1", "I2", "I3", "I4", "I5", "I6", "I7", "J"})
"""What must hold of a run that was killed too, once its report was made from its journal."""

KILLS = st.one_of(st.none(), st.integers(1, 90))
PICKS = st.integers(0, 99)
COMMANDS = ("rollback", "retry", "resume", "rollback", "apply again", "apply")
EDITS = st.lists(st.tuples(st.sampled_from(TRUNKS), st.one_of(st.none(), st.integers(0, AGENTS - 1))), max_size=2)
SHEETS = st.dictionaries(st.integers(0, len(TRUNKS) - 1), st.integers(0, AGENTS - 1), min_size=1)


def workspace() -> World:
    """Four numbers of which two are on both channels, each trunk on an agent of its own."""
    return world({"call": 0, "whatsapp": 4}, {"call": 1, "whatsapp": 5}, {"call": 2}, {"call": 3}, agents=AGENTS + 1)


@dataclass(slots=True, kw_only=True)
class Told:
    """One run of a sequence. ``calls`` are the stretches of the log in which its processes were at work."""

    run: str
    rows: tuple[Row, ...]
    since: int
    before: Owners
    touched: dict[Trunk, tuple[str | None, str | None]] | None = None
    undone: Told | None = None
    calls: list[range] = field(default_factory=list)
    sittings: list[Sitting] = field(default_factory=list)
    evidence: Evidence | None = None

    @property
    def killed(self) -> bool:
        return self.sittings[-1].killed


class Sequences(RuleBasedStateMachine):
    """Steps in any order; whatever is wrong fails at the step after which it was seen."""

    forks: ClassVar[Forks]
    steps: ClassVar[Counter[str]] = Counter()
    """How often each kind of step was taken, over all sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = contextlib.ExitStack()
        self.runs: list[Told] = []
        self.begun = 0

    @initialize(exclusive=st.booleans())
    def begin(self, exclusive: bool) -> None:
        """A workspace in which agents serve several numbers on a channel, or in which each serves one."""
        occupancy = Rule.REFUSE if exclusive else Rule.ALLOW
        self.flags = (
            *("--max-change", "100%", "--concurrency", str(WORKERS), "--max-failures", "100%"),
            *("--occupancy", "exclusive" if exclusive else "shared", "--parking-agent", agent(SPARE)),
        )
        folder = Path(self.undo.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        task = Task(world=workspace, rows=(), occupancy=occupancy)
        self.stand: Stand = self.undo.enter_context(standing(folder / "stand", task))
        self.stand.forks, self.stand.pauses = self.forks, SOON

    def teardown(self) -> None:
        """Whatever was killed is gone on with, and ends."""
        try:
            for told in [told for told in self.runs if told.killed]:
                self._resume(told, None)
        finally:
            self.undo.close()

    # ── what can happen ───────────────────────────────────────────────────────────────────────────────────────────

    @rule(what=st.sampled_from(COMMANDS), edits=EDITS, sheet=SHEETS, pick=PICKS, kill=KILLS, skip=st.booleans())
    def step(
        self,
        what: str,
        edits: list[tuple[Trunk, int | None]],
        sheet: dict[int, int],
        pick: int,
        kill: int | None,
        *,
        skip: bool,
    ) -> None:
        """Changes in the panel, and then a command; the first is always a new sheet."""
        for trunk, owner in edits:
            self.steps["edit"] += 1
            self.stand.edit(trunk, None if owner is None else agent(owner))
        match what if self.runs else "apply":
            case "apply":
                self.apply(sheet, kill, skip=skip)
            case "apply again":
                self.apply_again(pick, kill)
            case "resume":
                self.resume(pick, kill)
            case "rollback":
                self.rollback(pick, kill, skip=skip)
            case _:
                self.retry(pick, kill, skip=skip)

    def apply(self, sheet: dict[int, int], kill: int | None, *, skip: bool) -> None:
        """A new sheet: trunk → agent, by their places."""
        rows = tuple(
            Row(row=place, number=TRUNKS[i][0], channels=(TRUNKS[i][1],), agent=agent(to))
            for place, (i, to) in enumerate(sorted(sheet.items()), start=2)
        )
        self._apply(rows, kill, skip=skip)

    def apply_again(self, pick: int, kill: int | None) -> None:
        """A sheet that was applied before, or what a rollback asked for."""
        told = [row for row in self._picked(pick).rows if row.agent]
        if told:
            self._apply(tuple(replace(row, row=place) for place, row in enumerate(told, start=2)), kill, skip=True)

    def resume(self, pick: int, kill: int | None) -> None:
        """Go on with a run that was killed, whatever happened since; or with one that has little or nothing to do."""
        killed = [told for told in self.runs if told.killed]
        self._resume(killed[pick % len(killed)] if killed else self._picked(pick), kill)

    def rollback(self, pick: int, kill: int | None, *, skip: bool) -> None:
        """Undo a run, a rollback among them, however it ended."""
        of = self._picked(pick)
        assert of.evidence is not None
        rows = tuple(rows_back(Task(world=workspace, rows=of.rows), of.evidence))
        told = self._begin("rollback", of.run, rows, kill, skip=skip, touched=sent_by(of.evidence), undone=of)
        if told is not None and told.sittings[-1].exit_code == 0:
            self._is_back(told)

    def retry(self, pick: int, kill: int | None, *, skip: bool) -> None:
        """Try again what did not end well."""
        of = self._picked(pick)
        assert of.evidence is not None
        self._begin("retry", of.run, left_of(of.evidence), kill, skip=skip)

    # ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _picked(self, pick: int) -> Told:
        """The newest is the likeliest."""
        return self.runs[-1 - min(pick // 40, len(self.runs) - 1) if pick < 80 else pick % len(self.runs)]

    def _apply(self, rows: tuple[Row, ...], kill: int | None, *, skip: bool) -> None:
        sheet = Task(world=workspace, rows=rows).write(self.stand.folder / "sheet.csv")
        self._begin("apply", sheet, rows, kill, skip=skip)

    def _begin(
        self, command: str, what: str | Path, rows: Sequence[Row], kill: int | None, *, skip: bool, **more: object
    ) -> Told | None:
        self.begun += 1
        log, owners = self.stand.log(), self.stand.owners()
        told = Told(run=f"run-{self.begun}", rows=tuple(rows), since=len(log), before=owners, **more)  # type: ignore[arg-type]
        flags = (*self.flags, *(["--skip-invalid"] * skip))
        self._sit(told, kill, command, what, "--run-id", told.run, *flags)
        if not self._is_there(told):
            return None
        self.runs.append(told)
        self._judge(told)
        return told

    def _resume(self, told: Told, kill: int | None) -> None:
        self._sit(told, kill, "resume", told.run, "--max-failures", "100%", "--concurrency", str(WORKERS))
        self._judge(told)

    def _sit(self, told: Told, kill: int | None, command: str, *args: str | Path) -> None:
        self.steps[f"{command}{' killed' * bool(kill)}"] += 1
        first = len(self.stand.log())
        sitting = self.stand.fork(command, *args, "--yes", "--quiet", kill_at=kill).end()
        # what a killed process had sent is read by the server before its connections are gone
        connections = self.stand.handle._server.server_state.connections
        wait_until(lambda: not connections, "the server to hear the last of it")
        told.calls.append(range(first, len(self.stand.log())))
        told.sittings.append(sitting)
        self.steps["kills"] += sitting.killed

    def _is_there(self, told: Told) -> bool:
        """Whether there is a run to go on with; one without a journal has sent nothing."""
        folder = self.stand.runs / told.run
        said = self._report(told) if (folder / "journal.sqlite").exists() else None
        if said is not None and said.exit_code == 0:
            return True
        assert said is None or (said.exit_code in NO_JOURNAL and b"journal" in said.output), said
        assert [event for event in self._log(told) if event.is_put] == []
        assert told.killed or told.sittings[-1].exit_code in {2, 3, 7}, told.sittings[-1]
        return False

    def _report(self, told: Told) -> Sitting:
        return self.stand.fork("report", told.run, "--quiet").end()

    # ── the judgement ─────────────────────────────────────────────────────────────────────────────────────────────

    def _log(self, told: Told) -> Iterator[Event]:
        """The log since a run began: its own events, and what others did to the server meanwhile."""
        for place, event in enumerate(self.stand.log()[told.since :], start=told.since):
            if event.event != "request" or any(place in calls for calls in told.calls):
                yield event
            elif event.applied:
                yield replace(event, event="outside", method="", path="", fault="", of=0)

    def _judge(self, told: Told) -> None:
        if told.killed:
            assert self._report(told).exit_code == 0
        told.evidence = gather(
            self.stand.runs / told.run,
            rows=told.rows,
            log=self._log(told),
            before=told.before,
            after=self.stand.owners(),
            sittings=tuple(told.sittings),
            token=TOKEN,
            workers=WORKERS,
            touched=told.touched,
        )
        wrong = violations(told.evidence)
        if told.killed:
            wrong = [complaint for complaint in wrong if complaint.partition(":")[0] in TRUE_ALL_THE_WAY]
        assert wrong == [], (told.run, told.rows, told.sittings, wrong)

    def _is_back(self, told: Told) -> None:
        """Where nobody else wrote anything since the run that was undone began, all is as it was before it."""
        undone = told.undone
        assert undone is not None
        own = [*undone.calls, *told.calls]
        log = self.stand.log()[undone.since :]
        others = [
            event
            for place, event in enumerate(log, start=undone.since)
            if event.applied and not any(place in calls for calls in own)
        ]
        if not others:
            self.steps["given back whole"] += 1
            assert self.stand.owners() == undone.before


def left_of(evidence: Evidence) -> tuple[Row, ...]:
    """The rows that a retry takes up: what did not end well, each with the channels that are still wanted."""
    left: dict[int, list[dict[str, str]]] = {}
    for line in evidence.results:
        if line["status"] not in GOOD:
            left.setdefault(int(line["row"]), []).append(dict(line))
    return tuple(
        Row(
            row=row,
            number=lines[0]["number"],
            channels=tuple(line["channel"] for line in lines),
            agent=lines[0]["agent_uuid"],
        )
        for row, lines in left.items()
    )
