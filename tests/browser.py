"""A real Chromium without a window, driven over a pipe: for tests that ask what a page does, not what it says.

The protocol is Chromium's own (DevTools), as JSON texts ended by a zero byte on file descriptors 3 and 4, so that
neither a port nor a library is needed.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
PATIENCE = 60.0
"""Seconds an answer may take: a busy machine of two cores starts Chromium slowly."""


def chromium() -> str | None:
    """Where Chromium is, if it is there."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def browser(profile: Path, *more: str, width: int = 1280, height: int = 900) -> Iterator[Browser]:
    """A Chromium with a fresh *profile* and one empty tab; gone when the block ends."""
    ours_in, theirs_out = map(_high, os.pipe())
    theirs_in, ours_out = map(_high, os.pipe())
    program = chromium()
    assert program is not None
    place = (f"--user-data-dir={profile}", f"--window-size={width},{height}", "--remote-debugging-pipe")
    quiet = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawn(
        program,
        (program, *FLAGS, *place, *more, "about:blank"),
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4), quiet],
        setsid=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ours_in)
        os.close(ours_out)


class Browser:
    """One tab. ``events`` are what it told meanwhile, oldest first."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._last = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        tabs = self.ask("Target.getTargets")["targetInfos"]
        tab = next(one["targetId"] for one in tabs if one["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def open(self, page: Path) -> None:
        """Load a file and wait until it has loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        self._wait_for(lambda event: event.get("method") == "Page.loadEventFired")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def told(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every event of one kind since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def requests(self) -> list[str]:
        """Every address the page asked for, itself left out."""
        asked = [event["request"]["url"] for event in self.told("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith(("file:", "data:"))]

    def picture(self, path: Path) -> None:
        """What a window of this size shows, as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def emulate(self, *, media: str = "", scheme: str = "") -> None:
        """See the page as printed, or in a dark room."""
        features = [{"name": "prefers-color-scheme", "value": scheme}] if scheme else []
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self._last += 1
        asked = self._last
        body: dict[str, Any] = {"id": asked, "method": method, "params": params}
        if self._session:
            body["sessionId"] = self._session
        os.write(self._writing, json.dumps(body).encode() + b"\0")
        answer = self._wait_for(lambda event: event.get("id") == asked)
        assert "error" not in answer, answer
        return answer["result"]

    def _wait_for(self, wanted: Any) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            message = self._next(until)
            if "method" in message:
                self.events.append(message)
            if wanted(message):
                return message

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, until - time.monotonic()))
            assert ready, "Chromium does not answer"
            more = os.read(self._reading, 1 << 20)
            assert more, "Chromium has gone"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def _high(descriptor: int) -> int:
    """The same pipe under a number that is neither 3 nor 4."""
    made = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return made
