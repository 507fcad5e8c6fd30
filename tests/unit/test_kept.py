"""What a run that is gone on with, or made from another, keeps of it. Time is virtual."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from batch.core.model import Occupancy, Reason, RunRecord, Status
from batch.errors import SafetyError
from batch.kept import as_begun, let_arrive, like
from batch.run import Hooks
from batch.settings import Settings
from tests.records import change, outcome, record, row
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture


def heard() -> tuple[list[str], Hooks]:
    """What is said to people, and how."""
    said: list[str] = []
    return said, Hooks(confirm=lambda *_: True, progress=lambda _: None, say=said.append)


def begun(**terms: Any) -> RunRecord:
    return record([row()], [change()], terms=terms)


def test_what_a_run_was_begun_under_holds_unless_something_else_is_given_now(tmp_path: Path) -> None:
    """And whoever goes on with it is told."""
    said, hooks = heard()
    now = as_begun(begun(window="02:00-04:00 UTC", rate="3/s"), Settings(rate="9/s"), tmp_path, hooks)
    assert (now.window, now.rate, said) == (
        "02:00-04:00 UTC",
        "9/s",
        ["as the run was begun: --window 02:00-04:00 UTC"],
    )


def test_a_run_that_was_begun_under_nothing_says_nothing(tmp_path: Path) -> None:
    """What a later version keeps is not known here."""
    said, hooks = heard()
    assert as_begun(begun(unheard_of="x"), Settings(), tmp_path, hooks) == Settings()
    assert said == []


def test_a_probe_that_somebody_else_has_written_down_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a command; one that is given now is the user's own."""
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(SafetyError, match="belongs to somebody else"):
        as_begun(begun(probe="true"), Settings(), tmp_path, heard()[1])
    assert as_begun(begun(probe="false"), Settings(probe="true"), tmp_path, heard()[1]).probe == "true"


@pytest.mark.parametrize(
    ("found", "given", "then"),
    [
        (Occupancy.SHARED, Occupancy.AUTO, Occupancy.SHARED),
        (Occupancy.SHARED, Occupancy.EXCLUSIVE, Occupancy.EXCLUSIVE),
        (Occupancy.EXCLUSIVE, Occupancy.AUTO, Occupancy.AUTO),
    ],
)
def test_a_run_made_from_a_shared_one_finds_agents_shared(found: Occupancy, given: Occupancy, then: Occupancy) -> None:
    """The live state need not show it any more; what is asked for wins."""
    made = record([row()], [change()], occupancy=found)
    assert like(made, Settings(occupancy=given)).occupancy is then


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "ago", "waits"),
    [(Status.UNKNOWN, 3.0, 5.0), (Status.UNKNOWN, 9.0, 0.0), (Status.UNKNOWN, -60.0, 0.0), (Status.DONE, 3.0, 0.0)],
    ids=["just now", "long ago", "by a clock that was set", "answered"],
)
async def test_calls_without_an_answer_are_given_eight_seconds(
    status: Status, ago: float, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From when the last one left."""
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    made = record([row()], [change()], [outcome(status=status, reason=Reason.INTERRUPTED)], sent_at=1_000.0 - ago)
    said, hooks = heard()
    began = anyio.current_time()
    await let_arrive(made, hooks)
    assert (anyio.current_time() - began, bool(said)) == (pytest.approx(waits), waits > 0)
