"""Playing cells of the fault matrix: the whole pipeline in this process, against a stand-in on a real socket.

Faults mostly cost time, so many cells run side by side in one event loop; each has a stand-in, a proxy, a runs folder
and a workspace of its own.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from batch import pipeline
from batch.errors import ReassignError
from batch.run import Finished, Hooks, Progress
from batch.settings import Settings
from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence, Sitting
from tests.chaos.killer import rows_back, sent_by
from tests.chaos.kinds import Cell, Stage, rules
from tests.chaos.proxy import NOTHING, ChaosProxy, through
from tests.chaos.stand import TOKEN, Since, Stand, Task, shared, standing
from tests.worlds import agent

ROWS = 9
WORKERS = 4
AT_ONCE = 20
LONGEST = 200.0
"""Seconds a cell may take: the breaker's patience, and a little."""
PROXY_SEED = 9
"""Strikes the first and the fourth connection after a change, of half of them."""
RESUMABLE = frozenset({4, 10})
NOBODYS = agent(11)
"""An agent that no row asks for: whom somebody in the panel chooses."""


@dataclass(slots=True)
class Play:
    """One cell being played."""

    cell: Cell
    stand: Stand
    proxy: ChaosProxy
    task: Task
    sheet: Path
    said: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    armed: bool = True
    struck: int = 0
    timers: list[threading.Timer] = field(default_factory=list)

    # ── the program ───────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, run: str) -> Settings:
        """As the command line would have made them."""
        return Settings(
            workspace="acme",
            base_url=self.proxy.url,
            token_file=self.stand.folder / "token",
            runs_dir=self.stand.runs,
            run_id=run,
            max_change="100%",
            concurrency=str(WORKERS),
            yes=True,
        )

    def hooks(self) -> Hooks:
        """Where a stage begins and ends is heard from the program itself."""

        def confirm(*_: object) -> bool:
            self.enter(Stage.PUT)
            return True

        def progress(told: Progress) -> None:
            if told == Progress(phase="verify", done=0, total=told.total):  # not how it goes on
                self.enter(Stage.SWEEP)

        return Hooks(confirm=confirm, progress=progress, say=self.said.append)

    async def sit(self, command: str, what: Callable[[], Awaitable[Finished]]) -> Sitting:
        """One command, to its end, however it ends."""
        try:
            code = (await what()).exit_code
        except ReassignError as error:
            self.said += [error.message, error.hint]
            code = error.exit_code
        output = "\n".join(self.said).encode()
        return Sitting(command=command, exit_code=code, output=output, ended_at=time.monotonic())

    # ── the faults ────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, stage: Stage) -> None:
        """A part of the run begins: what belongs to it goes wrong from now on, and nothing else."""
        if not self.armed:
            return
        by_a_write = self.cell.kind.of_writes or self.cell.stage in {Stage.READ_BACK, Stage.ROLLBACK}
        begins = stage is (Stage.PUT if by_a_write else self.cell.stage)
        if self.cell.kind.by_proxy:
            self._spoil(begins=begins)
        self._script(*(rules(self.cell, self._edit()) if begins else ()))

    def _script(self, *script: dict[str, Any]) -> None:
        """Change what goes wrong, and count what did."""
        self.struck += sum(self.stand.handle.service.player.struck()[-1:])
        self.stand.faults(*script)

    def _spoil(self, *, begins: bool) -> None:
        kind = self.cell.kind
        if kind.toxic is not None:
            self.proxy.spoil(kind.toxic if begins else NOTHING)
        elif begins:
            self.proxy.down()
            timer = threading.Timer(kind.away, self.proxy.up)
            self.timers.append(timer)
            timer.start()

    def _edit(self) -> dict[str, Any]:
        row = self.task.rows[4]
        return {"number": row.number, "channel": row.channels[0], "agent": NOBODYS}

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.armed = False
        for timer in self.timers:
            timer.join()
        self.proxy.spoil(NOTHING)
        self.proxy.up()
        self._script()

    # ── the run ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def there(self) -> Evidence:
        """Apply the sheet, and go on when the fault is over if it stopped the run."""
        since = self.stand.since()
        self.enter(Stage.LIST)
        first = await self.sit("apply", lambda: pipeline.apply(self.sheet, self.settings("there"), self.hooks()))
        return await self._on(since, "there", first)

    async def back(self, applied: Evidence) -> Evidence:
        """Undo it."""
        since = self.stand.since()
        first = await self.sit("rollback", lambda: pipeline.rollback("there", self.settings("back"), self.hooks()))
        return await self._on(since, "back", first, rows=rows_back(self.task, applied), touched=sent_by(applied))

    async def _on(self, since: Since, run: str, first: Sitting, **more: Any) -> Evidence:
        sittings = [first]
        if first.exit_code in RESUMABLE:
            if (self.stand.runs / run).exists():
                self._check(self._evidence(run, sittings, since, **more))
            self.calm()
            sittings.append(await self._again(run, first.command))
        return self._evidence(run, sittings, since, **more)

    async def _again(self, run: str, command: str) -> Sitting:
        """What a person would do: go on with the run, or begin it if it never was."""
        settings, hooks = self.settings(run), self.hooks()
        if (self.stand.runs / run).exists():
            return await self.sit("resume", lambda: pipeline.resume(run, settings, hooks))
        if command == "apply":
            return await self.sit("apply", lambda: pipeline.apply(self.sheet, settings, hooks))
        return await self.sit("rollback", lambda: pipeline.rollback("there", settings, hooks))

    def _evidence(self, run: str, sittings: Sequence[Sitting], since: Since, **more: Any) -> Evidence:
        facts = {"workers": WORKERS, "lossy": self.cell.kind.by_proxy, **more}
        return self.stand.evidence(run, self.task, sittings, since, **facts)

    def _check(self, evidence: Evidence) -> None:
        self.complaints += violations(evidence)

    async def play(self) -> list[str]:
        """The whole cell; what is wrong, in words."""
        self.armed = self.cell.stage is not Stage.ROLLBACK
        applied = await self.there()
        self._check(applied)
        if self.cell.stage is Stage.ROLLBACK:
            self.armed = True
            self._check(await self.back(applied))
        self.calm()
        if not (self.struck or self.proxy.struck or self.cell.kind.away):
            self.complaints.append("the fault never struck")
        return self.complaints


@contextlib.contextmanager
def playing(cell: Cell, folder: Path) -> Iterator[Play]:
    """A cell with its stand-in and its proxy."""
    task = shared(5, ROWS, agents=11)
    crowded = Task(world=shared(5, ROWS, agents=12).world, rows=task.rows, flags=task.flags)
    with standing(folder, crowded) as stand, through(stand.handle.url, seed=PROXY_SEED) as proxy:
        (folder / "token").write_text(TOKEN)
        yield Play(cell, stand, proxy, crowded, crowded.write(folder / "sheet.csv"))


async def play_all(cells: Sequence[Cell], folder: Path) -> dict[str, list[str]]:
    """Play cells side by side; what is wrong with each that has something wrong."""
    told: dict[str, list[str]] = {}
    turns = anyio.CapacityLimiter(AT_ONCE)

    async def one(place: int, cell: Cell) -> None:
        async with turns:
            complaints = await _play(cell, folder / f"cell-{place}")
        if complaints:
            told[str(cell)] = complaints

    async with anyio.create_task_group() as group:
        for place, cell in enumerate(cells):
            group.start_soon(one, place, cell)
    return told


async def _play(cell: Cell, folder: Path) -> list[str]:
    with playing(cell, folder) as play:
        try:
            with anyio.fail_after(LONGEST):
                return await play.play()
        except TimeoutError:
            return [f"did not end in {LONGEST:g} s"]
        except Exception as error:  # noqa: BLE001 - a bug in one cell must not end the others
            return [f"a bug: {error!r}", *traceback.format_exc().splitlines()[-12:]]
