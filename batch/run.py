"""One run: its folder, its journal, and how it is opened and closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import anyio
import anyio.to_thread
from msgspec import to_builtins
from msgspec.structs import replace

from batch import __version__
from batch.adapters import reports, runs
from batch.adapters.files import replacing
from batch.adapters.journal import Journal
from batch.core import planfile
from batch.core.entries import planned
from batch.core.exits import Exit, exit_of
from batch.core.guard import Refusal
from batch.core.lifecycle import Entry, Kind
from batch.core.model import Plan, Reason, RunRecord, Status, Summary
from batch.core.record import fold, opening_of
from batch.engine.session import Session
from batch.errors import JournalError, ReassignError
from batch.log import log
from batch.settings import Settings

KEPT = ("window", "probe", "verify", "max_age", "rate", "reserve", "concurrency", "skip_invalid")
"""Settings that a run keeps when it is gone on with, besides the limits that its plan has: what it was begun under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. ``eta_seconds`` is an honest guess from the pace so far, ``None`` while there is none."""

    phase: str
    done: int
    total: int
    counts: Mapping[Status, int] = field(default_factory=dict)
    pace: str = ""
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """How a run speaks to whoever started it."""

    confirm: Callable[[Plan, tuple[Refusal, ...]], bool]
    progress: Callable[[Progress], None]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run that has come to its end, with its reports written. ``error`` is what cut it short."""

    folder: Path
    record: RunRecord
    summary: Summary
    exit_code: int
    refusals: tuple[Refusal, ...] = ()
    error: ReassignError | None = None


@dataclass(slots=True)
class Run:
    """An open run. ``opening`` is what its journal begins with, ``record`` is all there was at the start."""

    folder: Path
    journal: Journal
    opening: RunRecord
    record: RunRecord

    def stop(self, reason: Reason, detail: str = "") -> None:
        """Write down why no (further) change is started."""
        body = {"whole_run": reason.value, "detail": detail}
        self.journal.append_now(Entry(Kind.STOPPED, time.time(), body=body))

    def _entries(self) -> Iterator[Entry]:
        """How it went, so far."""
        return self.journal.entries(after=self.opening.opening_entries)

    async def finish(
        self,
        session: Session,
        *,
        refusals: tuple[Refusal, ...] = (),
        signal: int | None = None,
        error: ReassignError | None = None,
        differences: bool = False,
        skip_invalid: bool = False,
    ) -> Finished:
        """Close the books: what it cost, how it ended, and the reports, which are made from the journal alone.

        A journal that cannot be written any more is reported as far as it goes.
        """
        cost = {"calls": to_builtins(session.gate.calls()), "pace": dict(session.gate.view().words())}
        try:
            self.journal.append_now(Entry(Kind.CALLS, time.time(), body=cost))
            record = fold(self._entries(), opening=self.opening)
            code = exit_of(record, signal=signal, error=error, differences=differences, skip_invalid=skip_invalid)
            closing = Entry(Kind.FINISHED, time.time(), body={"exit_code": code})
            self.journal.append_now(closing)
            record = replace(record, finished_at=closing.at, exit_code=code)
        except JournalError as failure:
            error, code = failure, int(Exit.JOURNAL)
            record = fold(self._entries(), opening=self.opening)
        # in a thread, so that a second signal still ends the process at once
        summary = await anyio.to_thread.run_sync(reports.write_all, record, self.folder)
        log.info(
            "run.finished", run=record.run_id, exit_code=code, **{k.value: n for k, n in summary.counts.items() if n}
        )
        return Finished(
            folder=self.folder, record=record, summary=summary, exit_code=code, refusals=refusals, error=error
        )


@contextmanager
def new_run(
    settings: Settings,
    command: str,
    plan: Plan,
    *,
    input_file: Path | None = None,
    stopped: Reason | None = None,
    source: RunRecord | None = None,
) -> Iterator[Run]:
    """A new run folder with its journal, the copy of the input and the plan, before anything is sent.

    *source* is the run that it takes back, or tries again.
    """
    started = time.time()
    run_id = settings.run_id or runs.new_run_id(started)
    folder = runs.create(settings.runs_dir, run_id)
    if input_file is not None:
        runs.copy_input(input_file, folder)
    pieces = planfile.pieces(plan)
    with replacing(folder / runs.PLAN) as file:
        file.writelines(pieces.text())
    terms = {name: getattr(settings, name) for name in KEPT if name in settings.model_fields_set}
    body = {
        **_opening(run_id, command, plan.source.sheet, pieces, stopped),
        **_made_from(source, command),
        "terms": terms,
    }
    first = Entry(Kind.OPENED, started, body=body)
    with Journal.create(folder / runs.JOURNAL) as journal:
        journal.append_all(chain([first], planned(pieces, started)))
        log.info("run.opened", run=run_id, command=command, workspace=str(plan.workspace), changes=len(plan.writes()))
        del pieces  # the plan as a text, which may be a tenth of all that a run holds
        record = opening_of(iter([first]), plan=plan)
        yield Run(folder, journal, record, record)


def _made_from(source: RunRecord | None, command: str) -> Mapping[str, object]:
    """Which run this one is made from, and whether it takes something back, or tries to do so again."""
    if source is None:
        return {"undoes": False}
    return {"undoes": command == "rollback" or source.undoes, "source_run": source.run_id}


def _opening(
    run_id: str, command: str, sheet: str, pieces: planfile.Pieces, stopped: Reason | None
) -> Mapping[str, object]:
    """What the first entry of a journal tells; the entries after it tell the plan's rows and changes."""
    return {
        "run_id": run_id,
        "command": command,
        "tool_version": __version__,
        "plan": pieces.head,
        "pieces": {"rows": len(pieces.rows), "changes": len(pieces.changes)},
        "sheet": sheet,
        "whole_run": stopped.value if stopped else None,
    }
