"""From a job file to an exit code, on the same desk as the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.cli import common, work
from batch.run import Finished, Hooks
from batch.settings import Settings
from jobs import audit, job, migrate, rollback
from jobs.job import Job, JobKind


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of job does, and whether somebody must have said yes to it."""

    run: Callable[[Job, Settings, Hooks], Awaitable[Finished]]
    writes: bool


KINDS: Mapping[JobKind, Kind] = {
    JobKind.MIGRATE: Kind(migrate.run, writes=True),
    JobKind.AUDIT: Kind(audit.run, writes=False),
    JobKind.ROLLBACK: Kind(rollback.run, writes=True),
}


def run(path: Path, flags: Mapping[str, Any]) -> int:
    """Run the job of *path*; *flags* win over what it says. Gives the exit code."""
    wanted = job.load(path)
    kind = KINDS[wanted.kind]
    with common.at_work(flags, wanted.layer) as desk:
        if kind.writes:
            work.must_be_asked(desk)
        ended = common.on_loop(kind.run, wanted, desk.settings, work.hooks(desk))
        if kind.writes:
            return work.show_ending(desk, ended)
        work.show_plan(desk, ended)
        return work.hand_out(desk, ended)
