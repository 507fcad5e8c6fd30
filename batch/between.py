"""What is looked at between two waves, before the next may start: the wave itself, its victims, the user's probe."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import anyio
from anyio.abc import ByteReceiveStream

from batch import values
from batch.adapters.credentials import VARIABLE
from batch.adapters.journal import Journal
from batch.core import entries
from batch.core.bystanders import bystanders, robbed, robbery
from batch.core.model import Action, Change, NumberState, Outcome, Reason, Status, Verified
from batch.engine.caller import Caller
from batch.engine.execute import Record
from batch.engine.live import Live
from batch.engine.session import Session
from batch.engine.settle import Settler
from batch.engine.snapshot import reread
from batch.engine.sweep import sweep
from batch.errors import ReassignError, WaveError
from batch.run import Hooks, Run
from batch.settings import Settings

MOST_HEARD = 8 * 1024
"""Bytes of what a probe says that are kept: its last line is told."""
LAST_WORDS = 1.0
"""Seconds in which what a probe has said arrives once it has ended; something it has started may go on for ever."""


@dataclass(frozen=True, slots=True)
class Between:
    """Called with a wave that has ended and how everything ended so far; raises WaveError to stop the run."""

    run: Run
    session: Session
    settings: Settings
    hooks: Hooks
    live: Live

    async def __call__(self, wave: int, outcomes: Mapping[int, Outcome], record: Record) -> None:
        """Look, and *record* what turns out to be otherwise than *outcomes* say."""
        changes = self.run.record.plan.changes
        done = [c for c in changes if c.wave == wave and _is_done(c, outcomes)]
        if self.settings.verify != "echo":
            await self._see_the_wave(wave, {c.id: outcomes[c.id] for c in done}, record)
            await self._see_the_victims(done)
        if self.settings.probe and done:
            await self._ask_the_probe(wave, done, outcomes, record)

    async def _see_the_wave(self, wave: int, done: Mapping[int, Outcome], record: Record) -> None:
        """A change that is not as its answer promised stops the run."""
        echoed = {id_: outcome for id_, outcome in done.items() if outcome.verified is Verified.ECHO}
        if not echoed:
            return
        plan = self.run.record.plan
        judged, seen = await sweep(self.session.callers, plan, echoed, pages=self.session.pages)
        record(*changed(echoed, judged))
        await record_seen(self.run.journal, seen.values())
        untrue = [plan.changes[id_].trunk for id_ in sorted(judged) if judged[id_].status is not Status.DONE]
        if untrue:
            raise WaveError(
                f"wave {wave + 1} is not as the server said: {len(untrue)} changes do not hold, such as {untrue[0]}",
                hint="look at the report, then `reassign resume`",
            )

    async def _see_the_victims(self, done: Sequence[Change]) -> None:
        """A server may take an agent away from the number it served when another one is given to it (API.md §3.1)."""
        risk = bystanders(self.run.record.beside or {}, done)
        if not risk:
            return
        seen = await reread(self.session.callers, {trunk.number for trunk in risk}, self.session.pages)
        lost = robbed(risk, seen)
        if lost:
            await record_seen(self.run.journal, [seen[trunk.number] for trunk in lost])
            raise robbery(lost)

    # ── the probe ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask_the_probe(
        self, wave: int, done: Sequence[Change], outcomes: Mapping[int, Outcome], record: Record
    ) -> None:
        """A command of the user's says whether the calls still work; when it does not, the wave is put back."""
        self.hooks.say(f"probe after wave {wave + 1}: {self.settings.probe}")
        code, said = await _run(values.command(self.settings.probe), self._environment(wave))
        if code == 0:
            return
        back = await self._put_back(done, outcomes, record)
        put_back = sum(outcome.reason is Reason.WAVE_PUT_BACK for outcome in back)
        raise WaveError(
            f"the probe failed after wave {wave + 1} (exit {code}{f': {said}' if said else ''});"
            f" {put_back} of its {len(done)} changes were put back",
            hint="mend what it found, then `reassign resume` for the waves after it, `reassign retry` for this one",
        )

    def _environment(self, wave: int) -> dict[str, str]:
        """That of the run, without the token: the probe is somebody else's program."""
        mine = {"RUN_FOLDER": str(self.run.folder), "RUN_WAVE": str(wave + 1)}
        return {**{name: value for name, value in os.environ.items() if name != VARIABLE}, **mine}

    async def _put_back(self, done: Sequence[Change], outcomes: Mapping[int, Outcome], record: Record) -> list[Outcome]:
        """Undo changes, whatever needs one before it itself: the reverse of the order they were made in."""
        errors: list[ReassignError] = []
        needed_by = {change.id: [other.id for other in done if change.id in other.needs] for change in done}
        ended = {change.id: anyio.Event() for change in done}
        back: list[Outcome] = []
        send, receive = anyio.create_memory_object_stream[Change](math.inf)

        async def worker(settler: Settler) -> None:
            async for change in worker_stream:
                for id_ in needed_by[change.id]:
                    await ended[id_].wait()
                try:
                    if not errors:
                        back.append(await settler.put_back(change, outcomes[change.id], Reason.WAVE_PUT_BACK))
                except ReassignError as error:  # told when the others have ended, as itself and not in a group
                    errors.append(error)
                ended[change.id].set()

        async with send:
            for change in sorted(done, key=lambda change: -change.id):
                send.send_nowait(change)
        async with receive as worker_stream, anyio.create_task_group() as group:
            for api in self.session.apis:
                caller = Caller(api, self.session.gate)
                group.start_soon(worker, Settler(caller, self.run.journal, self.live, wall=time.time))
        record(*back)
        if errors:
            raise errors[0]
        return back


def _is_done(change: Change, outcomes: Mapping[int, Outcome]) -> bool:
    outcome = outcomes.get(change.id)
    return change.action is not Action.KEEP and outcome is not None and outcome.status is Status.DONE


async def _run(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """A command's exit code, and the last line it said; 127 when there is no such command, as in a shell."""
    said: dict[str, bytes] = {}

    async def hear(name: str, stream: ByteReceiveStream | None) -> None:
        assert stream is not None, "both are pipes"
        async for piece in stream:
            said[name] = (said.get(name, b"") + piece)[-MOST_HEARD:]

    try:
        process = await anyio.open_process(words, env=environment, stdin=None)
        async with process, anyio.create_task_group() as group:
            group.start_soon(hear, "out", process.stdout)
            group.start_soon(hear, "err", process.stderr)
            code = await process.wait()
            group.cancel_scope.deadline = anyio.current_time() + LAST_WORDS
    except OSError as error:
        return 127, error.strerror or str(error)
    lines = (said.get("err") or said.get("out") or b"").decode("utf-8", "replace").strip().splitlines()
    return code, lines[-1][:200] if lines else ""


def changed(believed: Mapping[int, Outcome], judged: Mapping[int, Outcome]) -> Iterator[Outcome]:
    """The outcomes that a look has corrected, or confirmed."""
    return (outcome for id_, outcome in judged.items() if outcome != believed.get(id_))


async def record_seen(journal: Journal, states: Iterable[NumberState]) -> None:
    """Keep numbers as they were seen, for the report."""
    await journal.append(*entries.seen(states, time.time()))
