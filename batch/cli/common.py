"""What every command shares: the options, the settings made of them, stdout, and the way into the pipeline."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TextIO, TypeVar

import click

from batch.errors import JournalError, ReassignError, UsageError
from batch.options import OPTIONS, Form, Option

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from batch.cli.people import People
    from batch.settings import Settings
    from batch.sources import Layer

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
FILE: Final = click.Path(path_type=Path, dir_okay=False)

# Which options a command's help shows. Every command takes all of them, so that one set of flags fits a whole script.
PLACE: Final = ("workspace", "base_url", "token_file")
SHEET: Final = ("sheet", "map", "region", "encoding")
HISTORY: Final = ("runs_dir",)
SAID: Final = ("json", "quiet", "verbose", "log_file", "color")
CHOICE: Final = ("only", "exclude", "limit", "occupancy", "parking_agent")
PACE: Final = ("rate", "concurrency", "reserve", "deadline")
BRAKES: Final = ("waves", "max_failures", "max_change", "max_changes", "allow")
WRITING: Final = (
    *("run_id", *PACE, "window", "at", *BRAKES, "plan_ttl", "approve_by", "probe", "on_split", "verify", "max_age"),
    *("skip_invalid", "yes"),
    *(*PLACE, *HISTORY, *SAID),
)
READING: Final = (*SHEET, *CHOICE, *BRAKES, *PACE, "run_id", *PLACE, *HISTORY, *SAID)

UTF_8: Final = ("utf-8", "utf8")
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character: a byte of a file's name that is no text, or half of a pair."""
_FOREIGN = re.compile(r"[^\x00-\x7f]")

wants_json: ContextVar[bool] = ContextVar("wants_json", default=False)
"""Whether the command was asked for JSON, as far as it has been read."""

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


def common(*shown: str, without: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Give a command every common option but those it means otherwise itself; its help shows those *shown*."""

    def decorate(function: F) -> F:
        for option in reversed(OPTIONS):
            if option.name not in without:
                function = _click_option(option, hidden=option.name not in shown)(function)
        return function

    return decorate


def _click_option(option: Option, *, hidden: bool) -> Callable[[F], F]:
    names = [option.flag, option.name, *([f"-{option.short}"] if option.short else [])]
    form: dict[Form, dict[str, Any]] = {
        Form.TEXT: {"metavar": option.metavar},
        Form.MANY: {"metavar": option.metavar, "multiple": True},
        Form.SWITCH: {"is_flag": True},
        Form.COUNT: {"count": True},
    }
    more: dict[str, Any] = {"callback": _wish} if option.name == "json" else {}
    return click.option(*names, help=option.help, hidden=hidden, **form[option.form], **more)


def _wish(_ctx: click.Context, _param: click.Parameter, asked: bool) -> bool:  # noqa: FBT001 - click's signature
    """Known as soon as it is read, so that what is wrong with the rest can be told as JSON too."""
    if asked:
        wants_json.set(True)
    return asked


@dataclass(frozen=True, slots=True)
class Desk:
    """A command at work: its settings and the people it speaks to."""

    settings: Settings
    people: People


@contextlib.contextmanager
def at_work(flags: Mapping[str, Any], job: Layer | None = None) -> Iterator[Desk]:
    """The settings from all their sources, the log, and stderr, for as long as a command runs."""
    from batch.cli.people import People
    from batch.log import logging_to

    settings = settings_of(flags, job)
    people = People(quiet=settings.quiet, color=settings.color)
    with people, logging_to(verbose=settings.verbose, log_file=settings.log_file, echo=people.say):
        try:
            yield Desk(settings, people)
        except (ReassignError, click.ClickException):
            raise
        except Exception:
            from batch.log import log

            # only the file gets the traceback; people get a sentence from `entry.run`
            log.debug("command.failed", exc_info=True)
            raise


def settings_of(flags: Mapping[str, Any], job: Layer | None = None) -> Settings:
    """The settings from all their sources.

    Raises :class:`UsageError` with every fault, :class:`JournalError` for a runs folder that cannot be one.
    """
    from batch import sources
    from batch.adapters.files import folder_obstacle

    settings = sources.load(_with_root(flags), job=job)
    wants_json.set(settings.as_json)
    why = folder_obstacle(settings.runs_dir) if "runs_dir" in settings.model_fields_set else ""
    if why:
        raise JournalError(f"no runs can be kept in {settings.runs_dir}: {why}", hint="choose another --runs-dir")
    return settings


def _with_root(flags: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options before the command, unless they stand again after it; one that is there and empty stands."""
    context = click.get_current_context(silent=True)
    before = (context.find_root().obj if context is not None else None) or {}
    after = {name: value for name, value in flags.items() if value == "" or value}
    return {**before, **after}


def on_loop(function: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an async function to its end.

    The loop's own task returns nothing: as it ends, the standard library writes out the task with its result as a text
    that nobody reads, and the result of a run of 100,000 rows is 100 MB of it.
    """
    import asyncio

    import anyio

    ended: list[R] = []

    async def to_its_end() -> None:
        asyncio.get_running_loop().set_exception_handler(_unless_leaving)
        ended.append(await function(*args, **kwargs))

    anyio.run(to_its_end)
    return ended[0]


def _unless_leaving(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop has to say, but for the tasks that a signal has ended: the command ends with its code anyway."""
    if not _is_leaving(context.get("exception")):
        loop.default_exception_handler(context)


def _is_leaving(error: BaseException | None) -> bool:
    """Whether an error, or each one of a group, says no more than that the process is to end."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(SystemExit)[1] is None
    return isinstance(error, SystemExit)


def refuse_target(settings: Settings) -> None:
    """Raises :class:`UsageError` for a workspace or a base URL that cannot be one; none may be given yet."""
    from batch.adapters import target
    from batch.adapters.credentials import Secret

    if settings.workspace or settings.base_url:
        target.resolve(tenant=settings.workspace, base_url=settings.base_url, token=Secret("none"))


def refuse_input(file: Path, flag: str, out: Path) -> None:
    """What was given to be read is not written over: it would be gone before anybody had looked at the result."""
    try:
        same = out.exists() and file.exists() and out.samefile(file)
    except OSError:
        return  # whoever opens them tells why
    if same:
        raise UsageError(f"{flag} {out} is the input itself", hint="give the new file a name of its own")


def refuse_output(out: Path, flag: str) -> None:
    """Raises :class:`UsageError` for a file that cannot be written, before anything is done for what goes into it."""
    from batch.adapters.files import obstacle

    if why := obstacle(out):
        raise UsageError(f"cannot write {out}: {why}", hint=f"choose another name or folder for {flag}")


# ── stdout: data only ─────────────────────────────────────────────────────────────────────────────────────────────────


def data(text: str | Path) -> None:
    """Write to stdout. A reader that has gone away does not change what the command did, nor its exit code.

    Raises :class:`JournalError` when what stdout goes to cannot take it.
    """
    try:
        click.echo(str(text), nl=not str(text).endswith("\n"))
        sys.stdout.flush()
    except BrokenPipeError:
        mute(sys.stdout)
    except OSError as error:
        mute(sys.stdout)
        raise JournalError(f"cannot write to stdout: {error.strerror}", hint="`reassign show last` tells it") from error


def mute(stream: TextIO) -> None:
    """Point a stream whose reader has gone at nothing, or the interpreter complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def as_json(value: Any) -> None:
    """Write a value to stdout as JSON."""
    json_text(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def json_text(text: str) -> None:
    """Write to stdout what is JSON already; characters that its encoding may not have are named as JSON does it."""
    beyond = _HALF if (sys.stdout.encoding or "").lower().replace("_", "-") in UTF_8 else _FOREIGN
    data(beyond.sub(lambda found: named(found[0]), text))


def named(characters: str) -> str:
    r"""Characters by their numbers, ``\u011f``: understood wherever JSON is."""
    return json.dumps(characters)[1:-1]
