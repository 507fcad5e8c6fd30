"""``reassign sandbox``: the stand-in as a command. stdout gets exactly one line, when it is ready."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from batch.errors import ReassignError, UsageError
from batch.sandbox import faults
from batch.sandbox.faults import Script
from batch.sandbox.options import DEFAULT_TOKEN, Options
from batch.sandbox.pages import Pagination
from batch.sandbox.server import serve
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule, World

_FILE = click.Path(path_type=Path, dir_okay=False)
_RATE = re.compile(r"(\d+)/(s|min)")
_PER = {"s": 1.0, "min": 60.0}


def throttle_of(text: str) -> ThrottleRule:
    """``none``, ``60/min`` (a fixed window), or ``bucket:100/s`` (burst 20); raises :class:`UsageError`."""
    if text == "none":
        return ThrottleRule(kind="none")
    found = _RATE.fullmatch(text.removeprefix("bucket:"))
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--rate {text!r} is not understood", hint="write none, 60/min, 20/s or bucket:100/s")
    count, window = int(found[1]), _PER[found[2]]
    if text.startswith("bucket:"):
        return ThrottleRule(kind="bucket", rate=count / window)
    return ThrottleRule(limit=count, window=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the workspace."""

    state: Path | None
    seed: int
    numbers: int
    agents: int
    exclusive: bool

    def world(self) -> World:
        """The state file's workspace if there is one, else a believable one."""
        if self.state is not None and self.state.exists():
            return World.load(self.state)
        return World.generate(self.seed, numbers=self.numbers, agents=self.agents, exclusive=self.exclusive)


def _options(given: Mapping[str, Any]) -> Options:
    token: Path | None = given["token_file"]
    script: Path | None = given["script"]
    return Options(
        token=token.read_text(encoding="utf-8").strip() if token is not None else DEFAULT_TOKEN,
        throttle=throttle_of(given["rate"]),
        script=faults.load(script) if script is not None else Script(),
        occupancy=Rule(given["occupancy"]),
        pagination=Pagination(given["pagination"]),
        latency=given["latency"] / 1000,
        log=given["log"],
    )


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--script", type=_FILE, help="A fault script (JSON), see batch/sandbox/faults.py.")
@click.option("--state", type=_FILE, help="Load the workspace from this JSON file if it is there; save it at the end.")
@click.option("--log", type=_FILE, help="Append every call as a line of JSON.")
@click.option("--token-file", type=_FILE, help=f"The token to expect; without it, {DEFAULT_TOKEN}.")
@click.option("--rate", default="1200/min", show_default=True, help="none, 60/min, 20/s or bucket:100/s.")
@click.option("--occupancy", type=click.Choice([r.value for r in Rule]), default=Rule.ALLOW.value, show_default=True)
@click.option("--pagination", type=click.Choice([p.value for p in Pagination]), default="normal", show_default=True)
@click.option("--latency", default=0.0, help="Milliseconds added to every call.")
@click.option("--seed", default=1, show_default=True, help="Another seed makes another workspace.")
@click.option("--numbers", default=260, show_default=True, help="External numbers of the workspace.")
@click.option("--agents", default=0, show_default="48", help="Agents of the workspace.")
@click.option("--exclusive", is_flag=True, help="Each agent serves at most one number per channel.")
def sandbox(**given: Any) -> None:
    """Serve a stand-in of the vendor's API on this machine; ends with Ctrl-C."""
    names = ("state", "seed", "numbers", "agents", "exclusive")
    try:
        wanted = Wanted(**{name: given[name] for name in names})
        world = wanted.world()
        serve(world, _options(given), port=given["port"], ready=lambda url: click.echo(f"listening on {url}"))
        if wanted.state is not None:
            world.save(wanted.state)
    except ReassignError as error:
        click.echo(f"error: {error.message}" + (f" ({error.hint})" if error.hint else ""), err=True)
        raise click.exceptions.Exit(error.exit_code) from error
