"""The root command: which commands there are, and what becomes of every way a command can end."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gc
import importlib
import io
import os
import re
import signal
import sys
import warnings
from typing import Any, Final, Never

import click

from batch.cli import look, trial, work
from batch.cli.common import CONTEXT, as_json, common, mute, named, wants_json
from batch.errors import JournalError, ReassignError, UsageError
from batch.start import INTERRUPTED, loaded

YOUNG = 50_000
"""Objects between two collections: a plan is hundreds of thousands of values that live to the end and form no cycles;
looking through them again and again was two fifths of the time it takes to order them."""
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk says that does not take what is written."""
FAILING: Final = frozenset({errno.EIO, errno.EROFS})
"""What a disk says that fails, or takes nothing at all."""
MISNAMED: Final = frozenset(
    {
        *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP),
        errno.ENXIO,
    }
)
"""What the system says of a file that is not there, not ours, or not one."""
USAGE, BUG, SIGNALLED = 2, 1, 128

ELSEWHERE: Final = {
    "sandbox": ("batch.sandbox.command:sandbox", "Serve a stand-in of the API on this machine."),
    "job": ("jobs.commands:job", "Run or check a job definition."),
    "schema": ("jobs.commands:schema", "Print the JSON Schema of job files."),
}
"""Commands that live outside this package, or are heavy to import: where, and their line in the help."""

ORDER: Final = (
    *("demo", "sandbox", "doctor", "template", "export", "check", "plan", "approve", "apply", "resume", "retry"),
    *("rollback", "audit", "runs", "show", "report", "purge", "job", "schema"),
)


class Root(click.Group):
    """Commands in the order of a first use, the heavy ones imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in :data:`ORDER`."""
        return list(ORDER)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = ELSEWHERE[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(ctx, name)) for name in ORDER])

    def _line(self, ctx: click.Context, name: str) -> str:
        if name in ELSEWHERE:
            return ELSEWHERE[name][1]
        command = super().get_command(ctx, name)
        return command.get_short_help_str(100) if command is not None else ""


@click.group("reassign", cls=Root, context_settings=CONTEXT)
@click.version_option(package_name="reassign")
@common()
@click.pass_context
def root(ctx: click.Context, /, **flags: Any) -> None:
    """Move phone trunks to voice agents in bulk, from a spreadsheet, provably.

    Begin with `reassign demo`: it needs no account. Options may stand before or after the command.
    """
    ctx.obj = flags


for _command in (*work.COMMANDS, *look.COMMANDS, *trial.COMMANDS):
    root.add_command(_command)


def main(args: list[str] | None = None, command: click.Command = root, name: str = "reassign") -> Never:
    """Run a command and leave with its exit code."""
    _have_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _ended_by)
    gc.set_threshold(YOUNG)
    loaded()
    code = run(args, command, name)
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(code)  # all is closed by now; taking a plan's millions of values apart one by one takes a second more


def _have_streams() -> None:
    """Streams that whoever started us has closed go nowhere; else the next file opened would get their place.

    No character of a name or a text ends a command on its way out, whatever the encoding of stdout is.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115 - kept to the end
    codecs.register_error("named", _named)
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(OSError):  # it was a file, and is a pipe now: all is set before its place is asked for
            sys.stdout.reconfigure(errors="named")


def _named(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stdout has no character for: a byte of a file's name goes out as it came in, the rest by its numbers."""
    assert isinstance(error, UnicodeEncodeError)
    character, after = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff" and not error.encoding.startswith(("utf-16", "utf-32")):  # of single bytes
        return bytes([ord(character) & 0xFF]), after  # PEP 383
    return named(character), after


def _ended_by(number: int, _frame: object) -> Never:
    """A signal outside of a run that writes: nothing is under way, so the command ends here, with the signal's code."""
    warnings.simplefilter("ignore")  # of what is cut off in the middle, one could say that it was never waited for
    _say("stopped")
    sys.exit(SIGNALLED + number)


def run(args: list[str] | None = None, command: click.Command = root, name: str = "reassign") -> int:
    """Run a command and give its exit code: a sentence on stderr for whatever went wrong, never a traceback."""
    wants_json.set(False)
    try:
        return int(command.main(args, prog_name=name, standalone_mode=False) or 0)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(_without_token(said.getvalue()), err=True, nl=False)
        return _failed(USAGE, _without_token(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        return _stopped()
    except BrokenPipeError:
        return BUG
    except BaseExceptionGroup as group:
        return _told(_weightiest(group))
    except Exception as error:  # noqa: BLE001 - the last place where a bug can still be told in a sentence
        return _told(error)


def _stopped() -> int:
    _say("stopped")
    return _failed(INTERRUPTED, "stopped")


def _told(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return _stopped()
    if isinstance(error, OSError):
        error = _of_the_system(error)
    if isinstance(error, ReassignError):
        message, hint = _without_token(error.message), _without_token(error.hint)
        _say(f"error: {message}")
        if hint:
            _say(f"hint: {hint}")
        return _failed(error.exit_code, message, hint)
    bug = f"{type(error).__name__} in {_place(error)}"
    _say(f"bug: {bug}; nothing more was sent after it")
    _say("please report this line; with --log-file F the file holds the whole story, without any credentials")
    return _failed(BUG, bug)


def _of_the_system(error: OSError) -> Exception:
    """What the system says of a disk or of a file, as an error that a person can act on; else the *error* itself."""
    if error.errno in FULL:
        return JournalError(f"cannot write: {error.strerror}", hint="make room, or write somewhere else")
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return error
    told = f"{os.fsdecode(error.filename)}: {error.strerror}"
    if error.errno in FAILING:
        return JournalError(told, hint="see to the disk, or choose another folder")
    return UsageError(told, hint="check the name and the rights") if error.errno in MISNAMED else error


def _without_token(text: str) -> str:
    """What is said of a setting, where the token may have been given in the place of another: it is not repeated."""
    from batch.adapters.credentials import TELLING, VARIABLE

    for word in os.environ.get(VARIABLE, "").split():
        if len(word) >= TELLING:  # a host is told in small letters, a wrong value in quotes, a long one cut off
            begun = re.escape(word[:TELLING]) + r"[^\s'\"…]*…?"
            spellings = "|".join((re.escape(word), re.escape(repr(word)[1:-1]), begun))
            text = re.sub(spellings, "[token]", text, flags=re.IGNORECASE)
    return text


def _failed(code: int, message: str, hint: str = "") -> int:
    """Give back *code*, after telling whoever reads JSON what people were told."""
    if wants_json.get():
        with contextlib.suppress(JournalError):  # stdout cannot be written to: maybe that is what went wrong
            as_json({"error": {"exit_code": code, "message": message, "hint": hint}})
    return code


def _weightiest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one of several errors that decides the exit code: a bug first, then in the order of the exit table."""
    leaves = list(_leaves(group))
    known = [error for error in leaves if isinstance(error, ReassignError)]
    unknown = [error for error in leaves if not isinstance(error, ReassignError)]
    return unknown[0] if unknown else min(known, key=lambda error: (11, 4, 10, 7).index(error.exit_code))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _place(error: BaseException) -> str:
    """Where it happened, as file and line; never the error's own text, which may hold anything."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}" if step is not None else "?"  # noqa: PTH119 - plain text


def _say(text: str) -> None:
    """One sentence to people; when nobody listens any more, that is no further failure."""
    from batch.console import inert

    try:
        for line in text.splitlines():
            click.echo(f"reassign: {inert(line)}", err=True)
    except OSError:
        mute(sys.stderr)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        mute(stream)
