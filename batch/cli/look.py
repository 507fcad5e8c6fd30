"""The commands that look without changing a trunk: check, doctor, template, export, runs, show, report, purge."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import to_builtins

from batch.cli.common import (
    FILE,
    HISTORY,
    PACE,
    PLACE,
    SAID,
    SHEET,
    as_json,
    at_work,
    common,
    data,
    json_text,
    on_loop,
    refuse_input,
    refuse_output,
)
from batch.errors import JournalError, UsageError

if TYPE_CHECKING:
    from batch.cli.common import Desk
    from batch.console import Block

INVALID_INPUT = 3
NOT_READY = 2


@click.command("check")
@click.argument("file", type=FILE)
@click.option("--annotate", metavar="OUT.xlsx", type=FILE, help="Write a copy of the sheet with its problems marked.")
@common(*SHEET, *SAID)
def check(file: Path, annotate: Path | None, **flags: Any) -> int:
    """Find every problem of every row that the sheet itself shows, offline."""
    from batch import pipeline
    from batch.views.problems import check_data, check_view

    if annotate is not None:
        refuse_output(annotate, "--annotate")
        refuse_input(file, "--annotate", annotate)
    with at_work(flags) as desk:
        found = pipeline.check(file, desk.settings)
        rows = len(found.table.rows)
        view = check_view(
            found.problems,
            found.rows_ok,
            rows,
            found.table.blank,
            whole=desk.settings.verbose > 0 or not desk.people.on_terminal,
        )
        desk.people.show(view, wrong=found.rows_ok != rows)
        if annotate is not None:
            pipeline.annotate(found, annotate)
            desk.people.tell(f"the marked copy is {annotate}")
        if desk.settings.as_json:
            as_json(check_data(found.table, found.problems, found.rows_ok))
        return 0 if found.rows_ok == rows else INVALID_INPUT


@click.command("doctor")
@common(*PLACE, *SAID)
def doctor(**flags: Any) -> int:
    """See whether a run could begin: host, token, rights, clock, limits, counts. Reads only."""
    from batch import pipeline
    from batch.views.endings import findings_view

    with at_work(flags) as desk:
        findings = on_loop(pipeline.doctor, desk.settings)
        bad = [finding.exit_code for finding in findings if finding.ok is False]
        desk.people.show(findings_view(findings), wrong=bool(bad))
        if desk.settings.as_json:
            as_json([{"name": it.name, "ok": it.ok, "detail": it.detail} for it in findings])
        return next(filter(None, bad), NOT_READY) if bad else 0


@click.command("template")
@click.argument("out", metavar="OUT.xlsx", type=FILE)
@common(*SAID)
def template(out: Path, **flags: Any) -> int:
    """Write an empty sheet with the columns, the formats and a sheet of notes."""
    from batch import pipeline

    refuse_output(out, "OUT.xlsx")
    with at_work(flags) as desk:
        _may_replace(desk, out)
        pipeline.template(out)
        _hand_out(desk, out)
        return 0


@click.command("export")
@click.argument("out", metavar="OUT.xlsx|OUT.csv", type=FILE)
@common(*PLACE, *PACE, *SAID)
def export(out: Path, **flags: Any) -> int:
    """Write the live state as a sheet: change the wanted agents in it, then `plan` it."""
    from batch import pipeline
    from batch.core.figures import many

    refuse_output(out, "OUT")
    with at_work(flags) as desk:
        _may_replace(desk, out)
        left_out = on_loop(pipeline.export, out, desk.settings)
        if left_out:
            named = "" if out.suffix.lower() == ".csv" else "; the sheet `Left out` names them"
            desk.people.tell(f"{many(left_out, 'trunk')} left out, without an agent that a row could name{named}")
        _hand_out(desk, out)
        return 0


@click.command("runs")
@common(*HISTORY, *SAID)
def runs(**flags: Any) -> int:
    """List the runs, newest first."""
    from batch.console import inert
    from batch.history import listing
    from batch.views.endings import run_data, run_row, runs_view

    with at_work(flags) as desk:
        history = listing(desk.settings.runs_dir)
        if desk.settings.as_json:
            as_json([run_data(run) for run in history])
        elif sys.stdout.isatty():
            _page(runs_view(history))
        else:
            for run in history:
                data("\t".join(map(inert, run_row(run))))
        return 0


@click.command("show")
@click.argument("what", metavar="RUN|PLAN.json")
@click.option(
    "--verify", "verify_journal", is_flag=True, help="Check the journal's chain; name the first altered entry."
)
@common(*HISTORY, *SAID, without=("verify",))
def show(what: str, *, verify_journal: bool, **flags: Any) -> int:
    """Show a run, or a saved plan, in detail; `last` is the newest run."""
    with at_work(flags) as desk:
        if Path(what).suffix.lower() == ".json":
            return _show_plan(desk, Path(what))
        return _verify_journal(desk, what) if verify_journal else _show_run(desk, what)


def _show_plan(desk: Desk, path: Path) -> int:
    from batch.core import planfile
    from batch.core.guard import guard
    from batch.views.plan import plan_review

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="give a plan written by `plan -o`, or a run") from error
    saved = planfile.load(text)
    if desk.settings.as_json:
        json_text(text)
    else:
        _page(plan_review(saved, guard(saved, saved.limits), per_second=desk.settings.per_second))
    return 0


def _show_run(desk: Desk, name: str) -> int:
    from batch import history
    from batch.core.results import results
    from batch.core.summary import summarise, to_json
    from batch.views.endings import run_view

    record, busy = history.glance(desk.settings.runs_dir, name)
    lines = list(results(record))
    summary = summarise(record, lines)
    if desk.settings.as_json:
        as_json({"running": busy, "summary": to_json(summary), "results": [to_builtins(line) for line in lines]})
    else:
        _page(run_view(summary, lines, record.plan.problems(), busy=busy))
    return 0


def _verify_journal(desk: Desk, name: str) -> int:
    from batch.adapters import runs as folders
    from batch.adapters.journal import Journal

    folder = folders.find(desk.settings.runs_dir, name)
    with Journal.open(folder / folders.JOURNAL) as journal:
        altered = journal.verify()
    if altered is not None:
        raise JournalError(f"entry {altered} of the journal of {folder.name} was altered after it was written")
    if desk.settings.as_json:
        as_json({"run_id": folder.name, "whole": True})
    else:
        data(f"the journal of {folder.name} is whole")
    return 0


@click.command("report")
@click.argument("run", metavar="RUN")
@common(*HISTORY, *SAID)
def report(run: str, **flags: Any) -> int:
    """Make the report files of RUN again from its journal; prints the folder they are in."""
    from batch import pipeline

    with at_work(flags) as desk:
        _hand_out(desk, pipeline.report(run, desk.settings))
        return 0


@click.command("approve")
@click.argument("plan", metavar="PLAN.json", type=FILE)
@click.option("--key", type=FILE, required=True, help="Your own private SSH key.")
@common(*SAID)
def approve(plan: Path, key: Path, **flags: Any) -> int:
    """Sign a saved plan that you have looked at, for where --approve-by asks for it."""
    from batch import pipeline
    from batch.adapters.approval import signature_of

    refuse_output(signature_of(plan), "PLAN.json")
    with at_work(flags) as desk:
        _hand_out(desk, pipeline.approve(plan, key))
        return 0


@click.command("purge")
@click.option("--older-than", default="90d", show_default=True, metavar="DURATION", help="Age of the last change.")
@common("yes", *HISTORY, *SAID)
def purge(older_than: str, **flags: Any) -> int:
    """List the finished runs that nothing was written to for so long; remove them with --yes."""
    from batch import values
    from batch.adapters import runs as folders

    try:
        seconds = values.duration(older_than)
    except ValueError as error:
        raise UsageError(f"--older-than is {older_than!r}: {error}") from error
    with at_work(flags) as desk:
        old = folders.purgeable(desk.settings.runs_dir, seconds, time.time())
        for run in old:
            if desk.settings.yes:
                folders.remove(run)
        _hand_out(desk, *(run.folder for run in old))
        done = "removed" if desk.settings.yes else "would be removed; say --yes to remove them"
        desk.people.tell(f"{len(old):,} finished runs {done}")
        return 0


def _may_replace(desk: Desk, out: Path) -> None:
    """Somebody may have typed into the sheet that is there: on a terminal it is not replaced unasked."""
    there = out.exists() and out.stat().st_size > 0
    if not there or desk.settings.yes or not desk.people.present():
        return
    if not desk.people.ask(f"{out} is there already. Replace it?"):
        raise UsageError(f"{out} was left as it is", hint="give the new sheet another name")


def _hand_out(desk: Desk, *paths: Path) -> None:
    """Paths on stdout: a line each, or a JSON list."""
    if desk.settings.as_json:
        as_json([str(path) for path in paths])
        return
    for path in paths:
        data(path)


def _page(view: Iterable[Block]) -> None:
    """A page that was asked for, on stdout: in colour on a terminal, as plain lines elsewhere."""
    from batch.console import plain, renderables

    blocks = tuple(view)
    if not sys.stdout.isatty():
        data("\n".join(plain(blocks)))
        return
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    for renderable in renderables(blocks):
        console.print(renderable)


COMMANDS = (check, doctor, template, export, approve, runs, show, report, purge)
