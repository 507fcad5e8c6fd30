"""Commands as processes of their own, without the second that an interpreter and its imports take.

One process has everything imported and forks a child for each command. A child can be killed like any other process,
and can be told to end itself by ``kill -9`` at its n-th crossing: before and after each commit of the journal, each
call to the server and each sync of a file.
"""

from __future__ import annotations

import functools
import gc
import importlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never, Self

ROOT = Path(__file__).parents[2]
IMPORTED = (
    *("anyio._backends._asyncio", "pandas", "batch.adapters.sheets.text", "batch.adapters.sheets.workbook"),
    *("batch.sources", "batch.pipeline", "batch.adapters.reports", "batch.views.plan", "batch.views.endings"),
    *("batch.views.problems", "batch.cli.people", "batch.cli.work", "batch.cli.look", "batch.cli.entry"),
)
"""What a command needs sooner or later; only the parent imports it."""
PAUSES = (0.02, 0.05)
"""Seconds between two looks of the sweep, for stories in which no write comes late."""


@dataclass(slots=True)
class Child:
    """A command at work, with the parts of :class:`subprocess.Popen` that a test needs."""

    pid: int
    _forks: Forks
    _ended: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or that it has none yet."""
        return self._wait(0)

    def wait(self, timeout: float) -> int:
        """The exit code; raises :class:`subprocess.TimeoutExpired`."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked command", timeout)
        return code

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _wait(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            with self._forks.talking:
                if self.returncode is None:
                    self.returncode = os.waitstatus_to_exitcode(self._forks.ask({"wait": self.pid}))
                    os.close(self._ended)
        return self.returncode


@dataclass(slots=True)
class Forks:
    """The parent of the children; use it as a context manager."""

    talking: threading.RLock = field(default_factory=threading.RLock)
    _parent: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        # what a command needs is given to its child
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "LANG": "C.UTF-8"}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forks"],
            env=env,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def ask(self, order: Mapping[str, Any]) -> int:
        """Give the parent an order, and hear its answer."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def start(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        said: Path,
        kill_at: int | None = None,
        soon: bool = False,
    ) -> Child:
        """A command that ends at its *kill_at*-th crossing, if it gets so far. *soon*: no waiting for late writes."""
        order = {
            "args": args,
            "env": dict(env),
            "folder": str(folder),
            "said": str(said),
            "kill": kill_at,
            "soon": soon,
        }
        with self.talking:
            pid = self.ask(order)
        return Child(pid, self, os.pidfd_open(pid))


# ── in the parent, and in its children ────────────────────────────────────────────────────────────────────────────────


def serve() -> None:
    """Fork a child per order, or tell how one ended."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        answer = os.waitpid(order["wait"], 0)[1] if "wait" in order else os.fork()
        if answer == 0 and "wait" not in order:
            _work(order)
        print(answer, flush=True)  # noqa: T201 - what it is asked for


def _work(order: dict[str, Any]) -> Never:
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if order["soon"]:
        _look_soon()
    if order["kill"]:
        _end_at(order["kill"])
    from batch.cli.entry import main  # noqa: PLC0415

    code = 1
    with suppress(BaseException):
        try:
            main(order["args"])
        except SystemExit as ended:
            code = int(ended.code or 0)
    os._exit(code)


def _look_soon() -> None:
    from batch.engine.sweep import sweep  # noqa: PLC0415

    assert sweep.__kwdefaults__ is not None
    sweep.__kwdefaults__["pauses"] = PAUSES


def _end_at(nth: int) -> None:
    """``kill -9`` at the n-th crossing."""
    from batch.adapters.http import HttpApi  # noqa: PLC0415
    from batch.adapters.journal import Journal  # noqa: PLC0415

    crossings = itertools.count(1)

    def cross() -> None:
        if next(crossings) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(Journal, "_write", _around(Journal._write, cross))  # noqa: B010 - mypy will not have a method assigned
    setattr(HttpApi, "send", _around_call(HttpApi.send, cross))  # noqa: B010
    setattr(os, "fsync", _around(os.fsync, cross))  # noqa: B010


def _around(what: Callable[..., Any], cross: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(what)
    def crossing(*args: Any) -> Any:
        cross()
        given = what(*args)
        cross()
        return given

    return crossing


def _around_call(what: Callable[..., Any], cross: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(what)
    async def crossing(*args: Any) -> Any:
        cross()
        given = await what(*args)
        cross()
        return given

    return crossing


if __name__ == "__main__":
    serve()
