"""The commands that walk through the pipeline: plan, apply, resume, retry, rollback, audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import to_builtins

from batch.cli.common import (
    CHOICE,
    FILE,
    READING,
    SHEET,
    WRITING,
    as_json,
    at_work,
    common,
    data,
    json_text,
    on_loop,
    refuse_input,
    refuse_output,
)
from batch.errors import UsageError

if TYPE_CHECKING:
    from batch.cli.common import Desk
    from batch.core.guard import Refusal
    from batch.core.model import Plan
    from batch.run import Finished, Hooks


@click.command("plan")
@click.argument("file", type=FILE)
@click.option("-o", "--out", metavar="PLAN.json", help="Save the plan here; - is stdout.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 8 when something is to be changed.")
@common(*READING)
def plan(file: Path, out: str | None, *, detailed_exitcode: bool, **flags: Any) -> int:
    """Show what `apply` would do and refuse; writes nothing to the API."""
    from batch import pipeline

    if out not in (None, "-"):
        refuse_output(Path(out), "--out")
        refuse_input(file, "--out", Path(out))
    with at_work(flags) as desk:
        ended = on_loop(pipeline.plan, file, desk.settings, hooks(desk), detailed=detailed_exitcode)
        show_plan(desk, ended)
        return hand_out(desk, ended, plan_to=out)


@click.command("audit")
@click.argument("file", type=FILE)
@common(*READING)
def audit(file: Path, **flags: Any) -> int:
    """Is reality what the sheet says? Writes nothing; exits with 8 when it is not."""
    from batch import pipeline

    with at_work(flags) as desk:
        ended = on_loop(pipeline.audit, file, desk.settings, hooks(desk))
        show_plan(desk, ended)
        return hand_out(desk, ended)


@click.command("apply")
@click.argument("path", metavar="FILE|PLAN.json", type=FILE)
@common(*SHEET, *CHOICE, *WRITING)
def apply(path: Path, **flags: Any) -> int:
    """Make reality what a sheet, or a saved plan, says."""
    from batch import pipeline

    with at_work(flags) as desk:
        must_be_asked(desk)
        return show_ending(desk, on_loop(pipeline.apply, path, desk.settings, hooks(desk)))


@click.command("resume")
@click.argument("run", required=False)
@common(*WRITING)
def resume(run: str | None, **flags: Any) -> int:
    """Go on with RUN, or with the newest run that was stopped, cut off or killed."""
    from batch import pipeline

    with at_work(flags) as desk:
        return show_ending(desk, on_loop(pipeline.resume, run, desk.settings, hooks(desk)))


@click.command("retry")
@click.argument("run")
@common(*CHOICE, *WRITING)
def retry(run: str, **flags: Any) -> int:
    """Try again, in a new run, only what did not end well in RUN."""
    from batch import pipeline

    with at_work(flags) as desk:
        must_be_asked(desk)
        return show_ending(desk, on_loop(pipeline.retry, run, desk.settings, hooks(desk)))


@click.command("rollback")
@click.argument("run")
@common(*CHOICE, *WRITING)
def rollback(run: str, **flags: Any) -> int:
    """Give back what RUN changed, wherever RUN's value still stands."""
    from batch import pipeline

    with at_work(flags) as desk:
        must_be_asked(desk)
        return show_ending(desk, on_loop(pipeline.rollback, run, desk.settings, hooks(desk)))


# ── shared with jobs ──────────────────────────────────────────────────────────────────────────────────────────────────


def must_be_asked(desk: Desk) -> None:
    """Refuse at once, before any call, when nobody has said yes and nobody can be asked."""
    if not desk.settings.yes and not desk.people.present():
        raise UsageError(
            "this would write, and there is no terminal to ask on", hint="say --yes, or look with `reassign plan`"
        )


def hooks(desk: Desk) -> Hooks:
    """How the pipeline speaks to whoever reads stderr."""
    from batch.core.figures import many
    from batch.run import Hooks
    from batch.views.plan import plan_review

    def confirm(plan: Plan, refusals: tuple[Refusal, ...]) -> bool:
        desk.people.show(plan_review(plan, refusals, per_second=desk.settings.per_second))
        return desk.settings.yes or desk.people.ask(f"Send {many(len(plan.writes()), 'change')} to {plan.workspace}?")

    return Hooks(confirm=confirm, progress=desk.people.progress, say=desk.people.tell)


def show_plan(desk: Desk, ended: Finished) -> None:
    """The plan, in full."""
    from batch.core.cost import believed
    from batch.views.plan import plan_review

    record = ended.record
    rate = believed(record.pace)
    review = plan_review(record.plan, ended.refusals, per_second=rate, looking=record.calls.get)
    desk.people.show(review, wrong=ended.exit_code != 0)


def show_ending(desk: Desk, ended: Finished) -> int:
    """How a run that may write ended, on stderr, and its data on stdout; gives the exit code."""
    tell_ending(desk, ended)
    return hand_out(desk, ended)


def tell_ending(desk: Desk, ended: Finished) -> None:
    """How a run that may write ended: its problems, what refused it, counts, what cut it short."""
    from batch.core.results import unwell
    from batch.views.endings import ending
    from batch.views.plan import refusal_lines
    from batch.views.problems import problem_groups

    desk.people.end_progress()
    told = not desk.settings.quiet and _was_shown(ended)  # with the plan, before anybody said yes
    before = (*(() if told else problem_groups(ended.record.plan.problems())), *refusal_lines(ended.refusals))
    after = ending(ended.summary, ended.folder, ended.exit_code, list(unwell(ended.record)))
    desk.people.show((*before, *after), wrong=ended.exit_code != 0)
    if ended.error is not None:
        desk.people.say(f"stopped: {ended.error.message}")
        if ended.error.hint:
            desk.people.say(f"hint: {ended.error.hint}")


def _was_shown(ended: Finished) -> bool:
    """Whether the plan was shown to be said yes to, in this sitting or an earlier one."""
    from batch.core.model import Reason

    return bool(ended.record.outcomes) or ended.record.whole_run is Reason.DECLINED


def hand_out(desk: Desk, ended: Finished, plan_to: str | None = None) -> int:
    """The data of a run on stdout: the path of its folder; with ``--json`` its plan, or its summary.

    An audit's summary has its lines with it, for those are what was asked.
    """
    from batch.adapters import runs
    from batch.adapters.files import replacing
    from batch.core.results import results

    desk.people.end_progress()
    saved = ended.folder / runs.PLAN
    if plan_to not in (None, "-"):
        with saved.open("rb") as whole, replacing(Path(str(plan_to))) as copy:
            shutil.copyfileobj(whole, copy)
    if plan_to == "-" or (desk.settings.as_json and ended.record.command == "plan"):
        json_text(saved.read_text("utf-8"))
    elif desk.settings.as_json and ended.record.command == "audit":
        lines = [to_builtins(line) for line in results(ended.record)]
        as_json({**json.loads((ended.folder / runs.SUMMARY).read_text("utf-8")), "results": lines})
    elif desk.settings.as_json:
        json_text((ended.folder / runs.SUMMARY).read_text("utf-8"))
    else:
        data(ended.folder)
    return ended.exit_code


COMMANDS = (plan, audit, apply, resume, retry, rollback)
