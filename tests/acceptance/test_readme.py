"""The README is run: its commands, its tables, its options, its files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from batch.cli import entry
from batch.core import reasons
from batch.core.exits import MEANINGS
from batch.options import OPTIONS, VENDOR_VARIABLES
from jobs.commands import job
from tests.acceptance.desk import ROOT, Desk, sandbox_process

TEXT = (ROOT / "README.md").read_text("utf-8")
HERE_ALREADY = ("python3", "export", "reassign sandbox")
"""Beginnings of commands that set up what a test has: the package, the variables, the stand-in."""

PATH = re.compile(r"(?:samples|tests|batch|jobs|\.ci)/[\w./-]*\w|CHANGELOG\.md|LICENSE")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
VARIABLE = re.compile(r"\b(?:REASSIGN|MIHU)_[A-Z_]+\b")
BESIDE = {"--help"}
"""Flags that every command has from click."""


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def typed() -> list[str]:
    """What a reader types, without the prompt and the comment behind it."""
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [re.split(r"\s{2,}#", line.removeprefix("$ "))[0].strip() for line in lines]


def table(*header: str) -> list[tuple[str, ...]]:
    """The rows of the table under that header, without the code marks."""
    wanted = "| " + " | ".join(header) + " |"
    assert wanted in TEXT, f"there is no table of {header}"
    body = TEXT.partition(wanted)[2].splitlines()[2:]
    rows = body[: next(index for index, line in enumerate(body) if not line.startswith("|"))]
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]) for row in rows]


def commands() -> Iterator[click.Command]:
    """Every command there is."""
    for name in entry.ORDER:
        command = entry.root.get_command(click.Context(entry.root), name)
        assert command is not None
        yield command
    yield from job.commands.values()


def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    """Against a stand-in; where a person would be asked, yes is said."""
    shutil.copy(ROOT / "samples/jobs/moves.csv", tmp_path / "moves.csv")
    for block in blocks("toml"):
        name = re.match(r"# (\S+\.toml)", block)
        assert name is not None
        (tmp_path / name[1]).write_text(block)
    run = [line for line in typed() if not line.startswith(HERE_ALREADY)]
    assert len(run) >= 8
    with sandbox_process(folder=tmp_path) as running:
        desk = Desk(tmp_path).set_up_for(running)
        desk.environment["REASSIGN_YES"] = "true"
        desk.environment["PATH"] = f"{Path(shutil.which('reassign') or '/none').parent}:{desk.environment['PATH']}"
        ended = {line: desk(*line.split()[1:]).returncode for line in run}
    assert {line: code for line, code in ended.items() if code != 0} == {}
    assert {line.split()[0] for line in run} == {"reassign"}


def test_the_exit_codes_are_those_of_the_program() -> None:
    """Number by number, word by word."""
    assert table("exit", "means") == [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]


def test_the_statuses_are_those_of_the_program() -> None:
    """The same."""
    assert table("status", "means") == [(f"`{status.value}`", means) for status, means in reasons.MEANINGS.items()]


def test_every_command_is_in_the_table_of_commands() -> None:
    """And none that is not there."""
    told = [cell for row in table("command", "does") for cell in re.findall(r"`([^`]+)`", row[0])]
    assert {cell.split()[0] for cell in told} == set(entry.ORDER)


def test_every_flag_that_is_named_exists() -> None:
    """As an option of some command."""
    there = {flag for command in commands() for parameter in command.params for flag in parameter.opts}
    assert sorted(set(FLAG.findall(TEXT)) - there - BESIDE - {"--cov"}) == []


def test_every_variable_that_is_named_is_read() -> None:
    """The vendor's, or an option's own."""
    known = {option.variable for option in OPTIONS} | set(VENDOR_VARIABLES) | {"MIHU_API_TOKEN"}
    assert sorted(set(VARIABLE.findall(TEXT)) - known) == []


@pytest.mark.parametrize("path", sorted(set(PATH.findall(TEXT))))
def test_every_file_that_is_named_is_there(path: str) -> None:
    """Where the README says."""
    assert (ROOT / path).exists()
