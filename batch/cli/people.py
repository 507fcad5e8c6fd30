"""Speaking to people on stderr: views, progress, one question. Plain lines when stderr is not a terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from batch.console import Block, Line, plain, progress_text, renderables

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from batch.run import Progress

LINE_EVERY: Final = 5.0
"""Seconds between two progress lines when there is no terminal to draw a bar on."""


class People:
    """Whoever reads stderr. Whatever is said may go unheard: a stderr that is gone never stops a run."""

    def __init__(self, *, quiet: bool = False, color: str = "auto") -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._console = _console(color) if self._terminal or color == "always" else None
        self._bar: tuple[Bar, TaskID] | None = None
        self._told: tuple[str, float, bool] = ("", 0.0, False)  # the phase, when, and whether all of it was done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_progress()

    def say(self, text: str) -> None:
        """One line, said even when quiet: what uses this went wrong, or was asked for with ``-v``."""
        self._print((Line(text),))

    def tell(self, text: str) -> None:
        """One line on the way, unless quiet."""
        self.show((Line(text),))

    def show(self, view: Sequence[Block], *, wrong: bool = False) -> None:
        """A whole page, unless quiet; one that tells what went *wrong* in any case."""
        if wrong or not self._quiet:
            self._print(view)

    def progress(self, progress: Progress) -> None:
        """How far the run is: a bar on a terminal, else a line every few seconds."""
        if self._quiet:
            return
        if self._terminal:
            self._draw(progress)
            return
        phase, at, whole = self._told
        now, all_done = time.monotonic(), progress.done == progress.total
        if progress.phase != phase or now - at >= LINE_EVERY or (all_done and not whole):
            self._told = (progress.phase, now, all_done)
            self._print((Line(progress_text(progress)),))

    def ask(self, question: str) -> bool:
        """A question that only a plain *yes* or *y* answers; the end of stdin is a no."""
        self.end_progress()
        self._print((Line(f"{question} [y/N]"),))
        with _interruptible():
            return sys.stdin.readline().strip().lower() in {"y", "yes"}

    @property
    def on_terminal(self) -> bool:
        """Whether what is said goes by on a screen; elsewhere it can be searched, and need not be cut."""
        return self._terminal

    @staticmethod
    def present() -> bool:
        """Whether somebody can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def _print(self, view: Sequence[Block]) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._console is not None:
                for renderable in renderables(view):
                    self._console.print(renderable)
                return
            for line in plain(view):
                sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _draw(self, progress: Progress) -> None:
        bar, task = self._bar or self._begin_bar()
        bar.update(task, total=progress.total or None, completed=progress.done, description=progress_text(progress))

    def _begin_bar(self) -> tuple[Bar, TaskID]:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        bar = Bar(BarColumn(24), TextColumn("{task.description}", markup=False), console=self._console, transient=True)
        bar.start()
        self._bar = (bar, bar.add_task(""))
        return self._bar

    def end_progress(self) -> None:
        """Take the bar away, before something goes to the same screen by another way."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None


def _console(color: str) -> Console:
    from rich.console import Console

    # rich hears NO_COLOR too, but goes on writing bold; --color always overrides it
    bare = color == "never" or (color == "auto" and bool(os.environ.get("NO_COLOR")))
    return Console(
        stderr=True,
        force_terminal=color == "always" or None,
        no_color=bare,
        color_system=None if bare else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question at once: the event loop's own handler would wait for the answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
