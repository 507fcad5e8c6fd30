"""Run folders: one private folder per run, its name checked before it becomes part of a path.

``RUNS_DIR/RUN_ID/`` has mode 0700, is made once and never taken over; every file in it has mode 0600:
``journal.sqlite``, ``input.<ext>``, ``plan.json`` and the six report files.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert, to_builtins
from msgspec.structs import fields

from batch.adapters.files import PRIVATE_FILE, PRIVATE_FOLDER, folder_obstacle
from batch.core.json_text import decode
from batch.core.model import Reason, Summary
from batch.errors import JournalError, SafetyError, UsageError

JOURNAL, PLAN, SUMMARY = "journal.sqlite", "plan.json", "summary.json"
RESULTS_CSV, RESULTS_JSONL, FAILED = "results.csv", "results.jsonl", "failed.csv"
REPORT_XLSX, REPORT_HTML = "report.xlsx", "report.html"
LAST = "last"

RESUMABLE = frozenset({4, 10, 11, 129, 130, 143})
"""Exit codes after which ``reassign resume`` has something to go on with."""
GOES_ON = (Reason.BUDGET_SPENT, Reason.WAVE_FAILED, Reason.WINDOW_CLOSED, Reason.STOPPED)
"""Safety rules that stop a run on its way: once the cause is gone, it can be resumed like one that was cut off."""

_KINDS = {field.name: field.type for field in fields(Summary)} | {"status_counts": dict[str, int]}
"""What a summary holds (:func:`batch.core.summary.to_json`); whatever else there may be is text."""

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder as the history shows it. ``summary`` is what ``summary.json`` says; empty while unfinished.

    ``going_on`` says that somebody holds its journal just now, where that was asked.
    """

    run_id: str
    folder: Path
    changed_at: float
    summary: Mapping[str, Any]
    going_on: bool = False

    @property
    def finished(self) -> bool:
        """Whether the run came to its end and said so, with nothing left to resume."""
        code = self.summary.get("exit_code")
        return code is not None and code not in RESUMABLE and not self.going_on

    @property
    def resumable(self) -> bool:
        """Whether ``resume`` has something to go on with."""
        stopped = str(self.summary.get("stopped", "")).partition(":")[0]
        return not self.finished or stopped in GOES_ON


def check_run_id(text: str) -> str:
    """Give back a run id that is safe as a folder's name; raises :class:`ValueError`."""
    if _ID.fullmatch(text) is None or text == LAST:
        raise ValueError("give 1 to 64 letters, digits, points, hyphens or underscores, not beginning with a point")
    return text


def new_run_id(epoch: float) -> str:
    """``20261124-193300-k3x9``: sorts by its start (UTC) and does not collide."""
    tail = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4))
    return f"{datetime.fromtimestamp(epoch, UTC):%Y%m%d-%H%M%S}-{tail}"


def create(runs_dir: Path, run_id: str) -> Path:
    """Make the folder of a new run.

    Raises :class:`UsageError` for an unsafe or used id, :class:`SafetyError` for a runs folder that is a link or that
    somebody else owns, :class:`JournalError` for one that cannot be made, or when the disk refuses.
    """
    try:
        folder = runs_dir / check_run_id(run_id)
    except ValueError as error:
        raise UsageError(f"the run id {run_id!r} cannot be used", hint=str(error)) from error
    _private_runs_dir(runs_dir)
    try:
        folder.mkdir(mode=PRIVATE_FOLDER)
        folder.chmod(PRIVATE_FOLDER)  # whatever the umask is
    except FileExistsError as error:
        raise UsageError(
            f"there is a run {run_id} already in {runs_dir}",
            hint="choose another --run-id, or go on with `reassign resume` or `reassign retry`",
        ) from error
    except OSError as error:
        raise JournalError(f"cannot make {folder}: {error.strerror}", hint="choose another --runs-dir") from error
    return folder


def copy_input(source: Path, folder: Path) -> Path:
    """Copy the input into the run folder as ``input.<ext>``, without following a link planted there."""
    suffix = source.suffix.lower()
    target = folder / f"input{suffix if _SUFFIX.fullmatch(suffix) else ''}"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        with source.open("rb") as reading, os.fdopen(descriptor, "wb") as writing:
            os.fchmod(writing.fileno(), PRIVATE_FILE)
            shutil.copyfileobj(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
    except OSError as error:
        raise JournalError(f"cannot copy {source} into {folder}: {error.strerror}", hint="make room") from error
    return target


def listing(runs_dir: Path) -> tuple[Run, ...]:
    """Every run, newest first; an absent folder has none. Links, foreign names and others' runs are passed over."""
    try:
        folders = [entry for entry in runs_dir.iterdir() if _is_run(entry)]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"cannot read {runs_dir}: {error.strerror}", hint="check --runs-dir") from error
    runs = (Run(folder.name, folder, _changed_at(folder), read_summary(folder)) for folder in folders)
    return tuple(sorted(runs, key=_begun, reverse=True))


def find(runs_dir: Path, name: str = LAST) -> Path:
    """The folder of the run that *name* is, or begins, or is the folder of; of the newest one for ``last``.

    Raises :class:`UsageError` when there is none, or several, naming them.
    """
    if not name.strip():
        raise UsageError("no run is named", hint="`reassign runs` lists them; `last` is the newest")
    if os.sep in name and _is_in(Path(name), runs_dir):  # as commands print it
        name = Path(name).name
    runs = listing(runs_dir)
    if not runs:
        raise UsageError(f"there is no run in {runs_dir}", hint="check --runs-dir, or start with `reassign apply`")
    if name == LAST:
        return runs[0].folder
    exact = [run for run in runs if run.run_id == name]
    found = exact or [run for run in runs if run.run_id.startswith(name)]
    if len(found) == 1:
        return found[0].folder
    if not found:
        raise UsageError(f"there is no run {name!r} in {runs_dir}", hint="`reassign runs` lists them")
    names = ", ".join(run.run_id for run in found[:5])
    raise UsageError(f"{len(found)} runs begin with {name!r}: {names}", hint="write more of the run id")


def purgeable(runs_dir: Path, older_than: float, now: float) -> tuple[Run, ...]:
    """The finished runs that nothing was written to for *older_than* seconds before the moment *now*."""
    return tuple(run for run in listing(runs_dir) if run.finished and now - run.changed_at > older_than)


def remove(run: Run) -> None:
    """Remove one run folder for good; a link inside it is removed, not what it points to."""
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise JournalError(f"cannot remove {run.folder}: {error.strerror}", hint="remove it by hand") from error


def read_summary(folder: Path) -> Mapping[str, Any]:
    """What ``summary.json`` of a run says, as far as it is what a summary may say.

    Empty when it is not there, not whole or not a file: the history must be readable whatever is in a run folder.
    """
    path = folder / SUMMARY
    try:
        found = decode(path.read_bytes()) if stat.S_ISREG(path.lstat().st_mode) else None
    except (OSError, ValueError, RecursionError):
        return {}
    told: dict[str, Any] = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        with contextlib.suppress(ValidationError):
            told[key] = to_builtins(convert(value, _KINDS.get(key, str)))
    return told


def _is_in(folder: Path, runs_dir: Path) -> bool:
    """Whether *folder* lies in *runs_dir*; links that lead round in a circle lead nowhere."""
    try:
        return folder.resolve().parent == runs_dir.resolve()
    except (OSError, RuntimeError, ValueError):
        return False


def _private_runs_dir(runs_dir: Path) -> None:
    if why := folder_obstacle(runs_dir):
        raise JournalError(f"no runs can be kept in {runs_dir}: {why}", hint="choose another --runs-dir")
    if runs_dir.is_symlink():
        raise SafetyError(
            f"{runs_dir} is a link: a run's files would land somewhere else", hint="give the real folder as --runs-dir"
        )
    try:
        runs_dir.mkdir(
            parents=True, exist_ok=True, mode=PRIVATE_FOLDER
        )  # one that is there keeps the mode it was given
    except OSError as error:
        raise JournalError(f"cannot make {runs_dir}: {error.strerror}", hint="choose another --runs-dir") from error
    if runs_dir.stat().st_uid not in {0, os.geteuid()}:  # a mounted volume often belongs to root
        raise SafetyError(f"{runs_dir} belongs to another user", hint="choose a --runs-dir of your own")


def _is_run(entry: Path) -> bool:
    named = _ID.fullmatch(entry.name) is not None and entry.is_dir() and not entry.is_symlink()
    return named and os.access(entry, os.R_OK | os.X_OK)


def _changed_at(folder: Path) -> float:
    """When something in the run was last written: a folder's own time does not move when a file in it grows."""
    return max((folder.lstat().st_mtime, *_written_at(folder)))


def _begun(run: Run) -> tuple[str, float, str]:
    """The order of the history: by the start, which an unfinished run has only in its journal's age."""
    started = str(run.summary.get("started_at") or "")
    if not started:
        started = f"{datetime.fromtimestamp(_made_at(run.folder), UTC):%Y-%m-%dT%H:%M:%S}"
    return (started[:19], run.changed_at, run.run_id)


def _made_at(folder: Path) -> float:
    """When the run's first file was written; the oldest time in the folder."""
    return min(_written_at(folder), default=folder.lstat().st_mtime)


def _written_at(folder: Path) -> Iterator[float]:
    """When each file of a run was last written; a run that goes on has some that are gone before they are looked at."""
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):
            yield entry.stat(follow_symlinks=False).st_mtime
