"""`reassign demo`: a whole migration on this machine, over real sockets, with nothing but this package."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from batch.cli import work
from batch.cli.common import HISTORY, SAID, Desk, at_work, common, data, on_loop

if TYPE_CHECKING:
    from batch.run import Finished
    from batch.sandbox.server import Handle
    from batch.sandbox.world import World
    from batch.settings import Settings

Row = tuple[str, str, str, str]
HEADER: Final[Row] = ("Number", "Channel", "Agent", "Note")
EVERY: Final = 5
"""Each fifth number is moved: enough to look at, and fewer than the guard on large changes asks about."""

BOTH: Final = ("call, whatsapp", "all", "voice + wa")
ONE: Final[Mapping[str, str]] = {"call": "Voice", "whatsapp": "WhatsApp"}


@click.command("demo")
@common("run_id", *HISTORY, *SAID)
def demo(**flags: Any) -> int:
    """Run a sample migration against a stand-in API on this machine; prints where the reports are."""
    from batch.adapters import runs
    from batch.sandbox.server import running
    from batch.sandbox.world import World

    with at_work(flags) as desk, tempfile.TemporaryDirectory(prefix="reassign-demo-") as folder:
        world = World.generate()
        sheet = Path(folder) / "migration.xlsx"
        _write(sheet, sample_rows(world))
        with running(world) as stand_in:
            desk.people.tell(f"a stand-in of the API listens on {stand_in.url}; nothing leaves this machine")
            trial = Desk(_settings(desk.settings, stand_in, Path(folder)), desk.people)
            ended = _migrate(trial, sheet)
            desk.people.tell(_judged(ended, stand_in))
        if trial.settings.as_json:
            return work.hand_out(trial, ended)
        data(ended.folder / runs.REPORT_HTML)
        data(ended.folder / runs.REPORT_XLSX)
        return ended.exit_code


def sample_rows(world: World) -> tuple[Row, ...]:
    """Rows as people type them: several channels in a cell, agents by name or uuid, spaces in numbers."""
    often = Counter(agent.name for agent in world.agents.values())
    free = [agent for agent in world.agents.values() if often[agent.name] == 1 and agent.status == "ready"]
    numbers = [row for row in world.numbers.values() if row.external and any(row.bindings.values())][::EVERY]
    rows = []
    for index, number in enumerate(numbers):
        channels = [channel for channel, agent in number.bindings.items() if agent]
        agent = free[index % len(free)]
        typed = BOTH[index % len(BOTH)] if len(channels) > 1 else ONE[channels[0]]
        spaced = f"{number.number[:3]} {number.number[3:6]} {number.number[6:]}"
        name = agent.uuid if index % 7 == 0 else agent.name
        rows.append((spaced if index % 3 == 0 else number.number, typed, name, "" if index else "moved by the demo"))
    return tuple(rows)


def _write(path: Path, rows: Sequence[Row]) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_numbers": False}) as book:
        page = book.add_worksheet("Migration")
        page.set_column(0, len(HEADER) - 1, 26, book.add_format({"num_format": "@"}))
        for index, row in enumerate((HEADER, *rows)):
            page.write_row(index, 0, row)


def _settings(given: Settings, stand_in: Handle, folder: Path) -> Settings:
    """Only what says where reports go and how to speak is taken over: the demo must not meet a real workspace."""
    from batch.sandbox.options import DEFAULT_TENANT, DEFAULT_TOKEN
    from batch.settings import Settings

    token = folder / "token"
    token.touch(0o600)
    token.write_text(DEFAULT_TOKEN, "utf-8")
    kept = {name: getattr(given, name) for name in ("runs_dir", "run_id", "as_json", "quiet", "verbose", "color")}
    return Settings(workspace=DEFAULT_TENANT, base_url=stand_in.url, token_file=token, yes=True, **kept)


def _migrate(desk: Desk, sheet: Path) -> Finished:
    from batch import pipeline

    desk.people.tell(f"$ reassign apply {sheet.name} --yes")
    ended = on_loop(pipeline.apply, sheet, desk.settings, work.hooks(desk))
    work.tell_ending(desk, ended)
    return ended


def _judged(ended: Finished, stand_in: Handle) -> str:
    """What the stand-in itself says, whatever the report claims."""
    wanted = {change.trunk: change.after for change in ended.record.plan.changes}
    truth = stand_in.owners()
    held = sum(truth.get((trunk.number, trunk.channel.value)) == agent for trunk, agent in wanted.items())
    return f"asked itself, the stand-in says that {held:,} of {len(wanted):,} trunks are with the agent the sheet names"


COMMANDS = (demo,)
