"""`reassign demo`: what somebody tries first."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An account whose commands start as they are installed, for how soon the demo ends is tested too."""
    return Desk(tmp_path)


def test_the_demo_prints_two_reports_and_verifies_every_change_within_ten_seconds(desk: Desk) -> None:
    """No account, no settings; stdout is the two paths and nothing else."""
    began = time.monotonic()
    done = desk("demo")
    assert (done.returncode, time.monotonic() - began < 10) == (0, True), done.stderr
    html, xlsx = (Path(line) for line in done.stdout.splitlines())
    assert (html.name, xlsx.name) == ("report.html", "report.xlsx")
    assert html.is_file()
    assert xlsx.is_file()
    told = desk.results(html.parent.name)
    assert {line["verified"] for line in told if line["status"] == "done"} == {"sweep"}
    assert {line["status"] for line in told} == {"done", "already"}


def test_the_demo_meets_no_real_workspace(desk: Desk) -> None:
    """Whatever the account is set up for, the demo speaks to its own stand-in."""
    desk.environment |= {"MIHU_TENANT": "acme", "MIHU_BASE_URL": "http://127.0.0.1:9", "MIHU_API_TOKEN": "real-token"}
    done = desk("demo", "--json", "-q")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["exit_code"]) == (0, "", 0)
    assert told["workspace"].startswith("sandbox at 127.0.0.1:")
