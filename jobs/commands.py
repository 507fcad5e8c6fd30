"""``reassign job run | check`` and ``reassign schema``; ``python -m jobs`` is ``reassign job``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batch.cli.common import CONTEXT, FILE, HISTORY, PLACE, SAID, as_json, common, refuse_target, settings_of
from batch.cli.people import People


@click.group("job", context_settings=CONTEXT)
def job() -> None:
    """Run or check a job definition."""


@job.command("run")
@click.argument("file", metavar="FILE.toml", type=FILE)
@common("run_id", "yes", *PLACE, *HISTORY, *SAID)
def run(file: Path, **flags: Any) -> int:
    """Run the job; an option given here wins over the file's."""
    from jobs import runner

    return runner.run(file, flags)


@job.command("check")
@click.argument("file", metavar="FILE.toml", type=FILE)
@common(*SAID)
def check(file: Path, **flags: Any) -> int:
    """Check a job definition without running it; every fault is named by its key."""
    from jobs.job import load

    found = load(file)
    settings = settings_of(flags, found.layer)
    refuse_target(settings)
    if settings.as_json:
        as_json({"kind": found.kind, "file": found.file, "run": found.run, **found.layer.values})
    People(quiet=settings.quiet, color=settings.color).tell(f"{file} is a good {found.kind} job")
    return 0


@click.command("schema")
@common()
def schema(**_flags: Any) -> int:
    """Print the JSON Schema of job files."""
    from jobs.job import schema as of_jobs

    as_json(of_jobs())
    return 0
