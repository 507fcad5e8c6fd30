"""The files of a run that only looks: those for machines, the page, the workbook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import openpyxl
import pytest
from msgspec.structs import replace

from batch.adapters import reports, runs
from batch.adapters.reports.causes import causes
from batch.adapters.reports.entries import MEANINGS, Verdict
from batch.adapters.reports.review import MOST_WAVES
from batch.adapters.reports.told import tell
from batch.core.model import Facts, Problem, Reason, Status
from tests.days import hostile
from tests.records import change, kept, name, number, origin, row
from tests.reviews import (
    ALL_KINDS,
    EMPTIES,
    RING,
    SPARE,
    column,
    looked,
    opened,
    page,
)

# ── the machine's files ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_files_for_machines_stay_as_they_are(tmp_path: Path) -> None:
    """A line that would be moved is *skipped*, for the reason *audit*."""
    reports.write_all(ALL_KINDS, tmp_path)
    lines = (tmp_path / runs.RESULTS_CSV).read_text("utf-8").splitlines()
    assert 1 + 7 == len(lines)
    assert ",skipped,audit: Nothing was sent: this run only looks; planned: " in lines[1].replace('"', "")
    assert 4 == json.loads((tmp_path / runs.SUMMARY).read_bytes())["status_counts"][Status.SKIPPED.value]


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_says_in_order_what_is_to_be_weighed(tmp_path: Path) -> None:
    """What speaks against it, how the lines stand, what it takes, the waves, the problems, the steps."""
    heads = re.findall(r"<h2[^>]*>([^<]+)<", page(tmp_path, ALL_KINDS))
    assert [
        *("What apply would refuse", "How the 7 lines stand", "What it takes", "In this order"),
        *("What would be left alone, and why", "Problems and repairs in the sheet", "Step by step", "About this run"),
    ] == heads


def test_each_kind_of_line_has_its_figure_and_its_meaning(tmp_path: Path) -> None:
    """What is parked beside them: it is no line."""
    text = page(tmp_path, ALL_KINDS)
    kinds = [verdict for verdict in Verdict if verdict is not Verdict.PARK]
    assert kinds == re.findall(r'class="chip" data-status="(\w+)"', text)
    assert all(f"<small>{MEANINGS[verdict]}</small>" in text for verdict in kinds)
    assert ["move", "park"] == re.findall(r'class="chip" data-status="(\w+)"', page(tmp_path, RING))


def test_a_plan_of_nothing_shows_no_plan(tmp_path: Path) -> None:
    """Nothing to weigh, nothing to wait for."""
    heads = re.findall(r"<h2[^>]*>([^<]+)<", page(tmp_path, looked([row()], [kept()])))
    assert ["How the 1 line stands", "Line by line", "About this run"] == heads


def test_what_is_said_of_a_whole_ring_is_said_once(tmp_path: Path) -> None:
    """Not once for each of its members."""
    rings = [
        Problem("ring_without_spare", origin(place), "agent", "A", "A → B → A", (origin(2), origin(3)))
        for place in (2, 3)
    ]
    text = page(tmp_path, looked([row(p.origin.row, valid=False, problems=(p,)) for p in rings]))
    assert 1 == text.partition('id="data"')[0].count("these rows swap agents in a ring")
    assert "<b>Rows 2–3</b>, agent: these rows" in text


def test_what_would_be_left_alone_does_not_count_repeated_rows() -> None:
    """Their trunk is told of already."""
    assert [Reason.NOT_EXPECTED.value] == [cause.code for cause in causes(tell(ALL_KINDS))]


@pytest.mark.parametrize("text", ["</script><script>1</script>", "a\x00\x1b[2J\ud800", "=1+1", "{{ 7 }}"], ids=repr)
def test_a_hostile_plan_has_no_markup_but_its_own(tmp_path: Path, text: str) -> None:
    """Whoever wrote the texts."""

    def elements(typed: str) -> list[str]:
        told = replace(hostile(typed), outcomes={}, whole_run=Reason.AUDIT, whole_run_detail="", command="plan")
        return re.findall(r"<[!/]?[a-zA-Z-]+", page(tmp_path, told))

    assert elements("harmless") == elements(text)
    cells = [cell for sheet in openpyxl.load_workbook(tmp_path / runs.REPORT_XLSX) for line in sheet for cell in line]
    assert {"s", "n"} >= {cell.data_type for cell in cells if cell.value is not None}


# ── the workbook ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_workbook_of_a_plan_has_a_sheet_of_steps_and_none_of_failures(tmp_path: Path) -> None:
    """Nothing has failed, nothing has moved."""
    assert ["Summary", "Plan", "Results", "Problems"] == opened(tmp_path, ALL_KINDS).sheetnames


def test_the_sheet_of_steps_is_the_plan_in_its_order(tmp_path: Path) -> None:
    """As texts under a frozen, filtered header."""
    sheet = opened(tmp_path, RING)["Plan"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", sheet.dimensions)
    assert [1, 2, 3] == column(sheet, "step")
    assert [2, 3, 2] == column(sheet, "row")
    assert [None, "row 2", "row 3"] == column(sheet, "waits for")
    assert ["park", "move", "move"] == column(sheet, "plan")
    assert [name(0), name(1), name(SPARE)] == column(sheet, "from")
    assert [name(SPARE), name(0), name(1)] == column(sheet, "to")
    assert [number(2), number(3), number(2)] == column(sheet, "number")


def test_the_summary_of_a_plan_is_the_review(tmp_path: Path) -> None:
    """What speaks against it, what it takes, its waves, how the lines stand."""
    sheet = opened(tmp_path, EMPTIES)["Summary"]
    cells = [str(cell.value) for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert "5 of 10 trunks would change (50%), more than 30%. Lift it with --max-change 50%" in cells
    assert "5 PUT and about 10 GET" in cells
    assert "rows 2–6; about 5 s" in cells
    assert cells[cells.index("move") + 1] == "5"
    assert "unknown" not in cells


def test_a_summary_of_many_waves_and_a_refusal_without_a_flag_is_whole(tmp_path: Path) -> None:
    """Nothing is written over anything else: every block keeps its header."""
    changes = [change(i, of=i + 2, wave=i) for i in range(MOST_WAVES + 1)]
    more = {"facts": Facts(numbers_asked=10, numbers_missing=9)}
    sheet = opened(tmp_path, looked([row(i + 2) for i in range(MOST_WAVES + 1)], changes, **more))["Summary"]
    firsts = [line[0].value for line in sheet.iter_rows()]
    wanted = ["apply would refuse", "wrong_workspace", "To change", "wave", "and 1 more", "plan", "move", "Run"]
    assert wanted == [value for value in firsts if value in wanted]
    assert any("No flag lifts this." in str(line[3].value) for line in sheet.iter_rows())
