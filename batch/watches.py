"""What may end a run besides itself: a signal, the stop file, the deadline, the window."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from batch.core.model import Reason
from batch.engine.execute import Watch
from batch.settings import Settings
from batch.values import Window

STOP_FILE = "STOP"
"""A file of this name in the run folder ends the run as a signal would."""
STOP_LOOK = WINDOW_LOOK = 0.5
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """The signals that ask a run to end. The first is kept in ``number``; a second one ends the process at once."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._asked = anyio.Event()
        self._scopes: list[anyio.CancelScope] = []

    async def asked(self) -> Reason:
        """Wait for the first one."""
        await self._asked.wait()
        return Reason.INTERRUPTED

    def cancel(self, scope: anyio.CancelScope) -> None:
        """Break *scope* off when one comes, or at once when one has come already."""
        self._scopes.append(scope)
        if self.number is not None:
            scope.cancel()

    def take(self, number: int) -> None:
        """One has come."""
        if self.number is not None:
            os._exit(128 + number)
        self.number = number
        self._asked.set()
        for scope in self._scopes:
            scope.cancel()


@asynccontextmanager
async def listening() -> AsyncIterator[Signals]:
    """Signals of this process, for as long as the block lasts; only its main thread can hear any."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    async def listen(*, task_status: TaskStatus[None]) -> None:
        # nohup has them ignored, and means it
        kept = [number for number in ENDING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
        with anyio.open_signal_receiver(*kept) as heard:
            task_status.started()
            async for number in heard:
                signals.take(number)

    with unwrapped():
        async with anyio.create_task_group() as background:
            await background.start(listen)
            yield signals
            background.cancel_scope.cancel()


@contextmanager
def unwrapped() -> Iterator[None]:
    """An error out of the block as itself, not in the group that a task group makes of it."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) != 1:
            raise
        raise group.exceptions[0] from None


def watches(folder: Path, settings: Settings, signals: Signals) -> Sequence[Watch]:
    """Everything that may end the run of *folder*."""
    found: list[Watch] = [signals.asked, _stop_file(folder / STOP_FILE)]
    if settings.deadline_seconds is not None:
        found.append(_after(settings.deadline_seconds, Reason.DEADLINE))
    if settings.opening is not None:
        found.append(_window(settings.opening))
    return found


def _after(seconds: float, reason: Reason) -> Watch:
    async def watch() -> Reason:
        await anyio.sleep(seconds)
        return reason

    return watch


def _window(opening: Window) -> Watch:
    async def watch() -> Reason:
        # a window is of the wall clock, which may jump, and goes on while the machine sleeps
        while opening.is_open(time.time()):  # noqa: ASYNC110 - nobody tells when it does
            await anyio.sleep(WINDOW_LOOK)
        return Reason.WINDOW_CLOSED

    return watch


def lift_stop(folder: Path) -> bool:
    """Take away the file that stopped an earlier sitting; whether there was one."""
    path = folder / STOP_FILE
    there = path.is_file()
    if there:
        path.unlink()
    return there


def _stop_file(path: Path) -> Watch:
    async def watch() -> Reason:
        # nobody tells when a file appears; one look takes microseconds, so it may as well be in the loop's thread
        while not path.is_file():  # noqa: ASYNC110, ASYNC240
            await anyio.sleep(STOP_LOOK)
        return Reason.STOPPED

    return watch
