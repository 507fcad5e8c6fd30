"""The README of ``samples`` is run: its commands, its folders, its flags, and the schema of a plan that it tells."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from batch.cli import entry
from batch.core import planfile
from batch.core.model import Action, Problem, Reason
from tests.acceptance.desk import ROOT, Desk, sandbox_process
from tests.records import change, kept, number, origin, plan, row

SAMPLES = ROOT / "samples"
TEXT = (SAMPLES / "README.md").read_text("utf-8")
SCHEMA = TEXT.partition("## plan.json")[2]
SET_UP = ("cp", "export", "reassign sandbox")


def commands() -> list[str]:
    """What a reader types, without what a test has already."""
    typed = re.findall(r"^\$ (.*)$", TEXT, re.MULTILINE)
    return [line for line in typed if not line.startswith(SET_UP)]


def keys(value: Any) -> Iterator[str]:
    """Every key of a document; those of maps by uuid, column or channel are data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner) if key not in ("agents", "columns", "duplicate_of") else ()
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def full() -> dict[str, Any]:
    """A plan in which nothing is empty or as usual."""
    problem = Problem("contradiction", origin(2), "number", number(2), "call", (origin(3),))
    odd = row(2, note="x", wave=1, valid=False, selected=False, duplicate_of={"call": 3}, problems=(problem,))
    document: dict[str, Any] = json.loads(planfile.dump(plan([odd], [kept(), change(1, of=3, needs=(0,))])))
    return document


def test_the_commands_work_in_their_order(tmp_path: Path) -> None:
    """On the workspace they are for."""
    state = tmp_path / "workspace.json"
    state.write_bytes((SAMPLES / "order/workspace.json").read_bytes())
    with sandbox_process("--state", state, "--occupancy", "refuse", folder=tmp_path) as running:
        desk = Desk(tmp_path).set_up_for(running)
        desk.environment["REASSIGN_YES"] = "true"
        words = [[word.replace("samples/", f"{SAMPLES}/") for word in shlex.split(line)] for line in commands()]
        ended = [(word[0], desk(*word[1:]).returncode) for word in words]
    assert [("reassign", 0)] * 3 == ended


def test_every_folder_is_told_of() -> None:
    """And none that is not there."""
    told = re.findall(r"^\| `(\w+)` \|", TEXT.partition("## Playing")[0], re.MULTILINE)
    assert sorted(told) == sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


def test_every_file_and_flag_that_is_named_exists() -> None:
    """As it is written."""
    context = click.Context(entry.root)
    there = {
        flag
        for name in entry.ORDER
        for option in getattr(entry.root.get_command(context, name), "params", ())
        for flag in option.opts
    }
    assert sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) - there) == []
    assert [path for path in re.findall(r"samples/[\w./-]*\w", TEXT) if not (ROOT / path).exists()] == []


def test_every_key_of_a_plan_is_told_of() -> None:
    """By its name."""
    told = set(re.findall(r"`(\w+)`", SCHEMA))
    assert sorted(set(keys(full())) - told) == []


def test_every_action_and_every_reason_of_a_change_is_told_of() -> None:
    """Reasons of lines are another matter."""
    told = set(re.findall(r"`(\w+)`", SCHEMA))
    planned = {Reason.DIFFERS, Reason.BREAKS_RING, Reason.ALREADY_THERE, Reason.NOT_EXPECTED, Reason.NOT_SELECTED}
    assert {*Action, *planned} <= told
