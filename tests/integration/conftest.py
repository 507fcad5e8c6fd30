"""What the integration tests share."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.adapters import reports, runs
from batch.adapters.reports.told import tell
from batch.core.model import RunRecord
from tests.browser import Browser, browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder."""
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for the file: its start costs more than all the pages."""
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def show(tab: Browser, tmp_path: Path):
    """Write a run's page, open it, give back the tab."""

    def opened(told: RunRecord) -> Browser:
        path = tmp_path / runs.REPORT_HTML
        with path.open("wb") as file:
            reports.WRITERS[runs.REPORT_HTML](tell(told), file)
        tab.emulate(scheme="light")
        tab.open(path)
        return tab

    return opened


@pytest.fixture(scope="module")
def bait() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback whose address stands in the texts, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()
