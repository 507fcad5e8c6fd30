"""How a run ended, as the terminal tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.console import Grid, plain
from batch.core.model import Reason, RunRecord, Status
from batch.core.results import results
from batch.core.summary import summarise
from batch.views.endings import ending, run_view
from tests.records import change, kept, number, outcome, record, row

FOLDER = Path("runs/r1")


def told(of: RunRecord, code: int) -> str:
    lines = list(results(of))
    return "\n".join(plain(ending(summarise(of, lines), FOLDER, code, lines)))


def test_what_was_left_out_on_purpose_is_not_listed_as_ill() -> None:
    """``--only`` asked for it; the line that failed is listed."""
    refused = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED)
    said = told(record([row(2), row(3)], [change(0), kept(1, of=3, reason=Reason.NOT_SELECTED)], [refused]), 5)
    assert number(2) in said
    assert number(3) not in said


def test_a_run_that_went_well_says_so_in_four_lines() -> None:
    """Counts, the code, and where the reports are."""
    said = told(record([row()], [change()], [outcome()]), 0)
    assert said.splitlines() == [
        "Run 20261125-200000-k3x9: 1 done",
        "exit 0: all done and verified, or nothing to do",
        "report  runs/r1/report.html",
        "sheet   runs/r1/report.xlsx",
    ]


@pytest.mark.parametrize("reason", [Reason.BUDGET_SPENT, Reason.WAVE_FAILED, Reason.WINDOW_CLOSED], ids=str)
def test_a_run_that_a_brake_stopped_on_its_way_can_be_resumed(reason: Reason) -> None:
    """Code 7 alone does not tell it from a run that was refused."""
    said = told(record([row()], [change()], whole_run=reason), 7)
    assert "go on: reassign resume 20261125-200000-k3x9" in said


@pytest.mark.parametrize("reason", [Reason.REFUSED_BY_GUARD, Reason.DECLINED], ids=str)
def test_a_run_that_was_refused_has_nothing_to_go_on_with(reason: Reason) -> None:
    """It is begun again, by the same command."""
    assert "reassign resume" not in told(record([row()], [change()], whole_run=reason), 7)


def test_an_unknown_code_is_told_as_one() -> None:
    """A later version may have more."""
    said = told(record([row()]), 99)
    assert "exit 99: see the table of exit codes" in said
    assert "reassign" not in said.partition("exit 99")[2]


def test_a_run_in_detail_tells_its_cost_and_every_line() -> None:
    """Good lines too."""
    of = record([row()], [change()], [outcome()], finished_at=None, exit_code=None, pace={"limit": "60/min"})
    lines = list(results(of))
    view = run_view(summarise(of, lines), lines, (), busy=False)
    said = "\n".join(plain(view))
    assert "unfinished: see `reassign resume`" in said
    assert "4 GET, 1 PUT, 0 retried, 0 refused (429)" in said
    assert "60/min" in said
    assert [1] == [len(block.rows) for block in view if isinstance(block, Grid)]
