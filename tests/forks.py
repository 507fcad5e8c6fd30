"""Commands as processes of their own, without the second that an interpreter and its imports take.

One process has everything imported and forks a child for each command. A child can be killed like any other process,
and can be told to end itself by ``kill -9`` at its n-th crossing: before and after each commit of the journal, each
call to the server and each sync of a file. What tells a forked command from one that was started: its argument list
and first environment, as others see them, are the parent's; a test about those starts a process of its own.
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
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never, Self, TextIO

ROOT = Path(__file__).parents[1]
IMPORTED = (
    *("anyio._backends._asyncio", "pandas", "batch.adapters.sheets.text", "batch.adapters.sheets.workbook"),
    *("batch.sources", "batch.pipeline", "batch.adapters.reports", "batch.views.plan", "batch.views.endings"),
    *("batch.views.problems", "batch.cli.people", "batch.cli.work", "batch.cli.look", "batch.cli.entry"),
)
"""What a command needs sooner or later; only the parent imports it."""
SOON = (0.02, 0.05)
"""Seconds between two looks of the sweep, for stories in which no write comes late."""


@dataclass(slots=True)
class Child:
    """A command at work, with the parts of :class:`subprocess.Popen` that a test needs."""

    args: Sequence[str]
    pid: int
    stdout: TextIO | None
    stderr: TextIO | None
    _forks: Forks
    _ended: int
    returncode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.kill()  # whoever waits for a command that a failed test had not ended waits for ever
        self.wait()
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()

    def poll(self) -> int | None:
        """The exit code, or that it has none yet."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; raises :class:`subprocess.TimeoutExpired`."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(self, _input: None = None, timeout: float | None = None) -> tuple[str, str]:
        """Everything it says until its end; raises :class:`subprocess.TimeoutExpired`."""
        assert self.stdout is not None
        assert self.stderr is not None
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            try:
                self.wait(timeout)
            except BaseException:
                self.kill()  # for a reader reads to the end
                raise
        return out.result(), err.result()

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _wait(self, seconds: float | None) -> int | None:
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
    _line: socket.socket = field(init=False)
    _parent: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        self._line, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # what a command needs is given to its child
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "tests.forks", str(there.fileno())]
        nothing = subprocess.DEVNULL
        with there:
            self._parent = subprocess.Popen(
                command, env=env, cwd=ROOT, pass_fds=[there.fileno()], stdin=nothing, stdout=nothing
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self._parent.wait()

    def ask(self, order: Mapping[str, Any], fds: Sequence[int] = ()) -> int:
        """Give the parent an order, and hear its answer."""
        socket.send_fds(self._line, [json.dumps(order).encode()], fds)
        return int(self._line.recv(100))

    def start(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        said: int | None = None,
        kill_at: int | None = None,
        by: int = signal.SIGKILL,
        pauses: Sequence[float] = (),
    ) -> Child:
        """A command that ends at its *kill_at*-th crossing, if it gets so far.

        Args:
            args: What would stand after ``reassign``.
            env: Its environment.
            folder: Where it works.
            said: A file for all that it says; without one there is a pipe for each of its streams.
            kill_at: The crossing at which it ends itself.
            by: The signal that it sends itself there.
            pauses: Seconds between two looks of the sweep, where the story's late writes come sooner than real ones.

        """
        order = {"args": args, "env": dict(env), "folder": str(folder), "kill": kill_at, "by": by, "pauses": pauses}
        out, err = (None, None) if said is not None else (os.pipe(), os.pipe())
        streams = (said, said) if out is None or err is None else (out[1], err[1])
        with self.talking:
            pid = self.ask(order, [stream for stream in streams if stream is not None])
        if out is None or err is None:
            return Child(args, pid, None, None, self, os.pidfd_open(pid))
        for stream in (out[1], err[1]):
            os.close(stream)
        pipes = [os.fdopen(stream, encoding="utf-8") for stream in (out[0], err[0])]
        return Child(args, pid, pipes[0], pipes[1], self, os.pidfd_open(pid))


# ── in the parent, and in its children ────────────────────────────────────────────────────────────────────────────────


def serve(line: socket.socket) -> None:
    """Fork a child per order, or tell how one ended."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    while True:
        said, fds, _, _ = socket.recv_fds(line, 1 << 17, 2)
        if not said:
            return
        order = json.loads(said)
        answer = os.waitpid(order["wait"], 0)[1] if "wait" in order else os.fork()
        if answer == 0 and "wait" not in order:
            line.close()
            _work(order, fds)
        for stream in fds:
            os.close(stream)
        line.send(str(answer).encode())


def _work(order: dict[str, Any], fds: Sequence[int]) -> Never:
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    for stream, own in zip(fds, (1, 2), strict=True):
        os.dup2(stream, own)
        os.close(stream)
    if order["pauses"]:
        _look_after(order["pauses"])
    if order["kill"]:
        _end_at(order["kill"], order["by"])
    from batch.cli.entry import main  # noqa: PLC0415

    code: object = 1
    try:
        main(order["args"])
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - as an interpreter says it
        traceback.print_exc()
    for said in (sys.stdout, sys.stderr):
        said.flush()
    os._exit(code if isinstance(code, int) else 1)


def _look_after(pauses: Sequence[float]) -> None:
    from batch.engine.sweep import sweep  # noqa: PLC0415

    assert sweep.__kwdefaults__ is not None
    sweep.__kwdefaults__["pauses"] = pauses


def _end_at(nth: int, by: int) -> None:
    """The signal *by* at the n-th crossing."""
    from batch.adapters.http import HttpApi  # noqa: PLC0415
    from batch.adapters.journal import Journal  # noqa: PLC0415

    crossings = itertools.count(1)

    def cross() -> None:
        if next(crossings) == nth:
            os.kill(os.getpid(), by)

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
    serve(socket.socket(fileno=int(sys.argv[1])))
