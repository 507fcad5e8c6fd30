"""Sheets that people like, and that load back as what they were."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from batch.adapters import sheets, templates
from batch.adapters.reports.results_files import COLUMNS as RESULT_COLUMNS
from batch.adapters.reports.results_files import write_csv as write_machine_csv
from batch.adapters.templates import agent_labels, write_export, write_template
from batch.core.agents import read_agent
from batch.core.expand import expand
from batch.core.model import Agent, AgentId, Binding, Channel, Field, Number, NumberState, Snapshot
from batch.core.normalise import normalise
from batch.errors import UsageError

NASTY = (
    "Ali Veli", "Şule Öztürk", "NA", "null", "007", "1e5", "=1+1", "+49 30", "@home", "-", "--", "unassign", "#N/A",
    "2026-01-01", "Twin", "Twin", " Twin", "", " ", "Name [Berlin]", "two\nlines", "return\rinside", "\x0bcontrol",
    "half \ud800", 'quote " and ; and ,', "'apostrophe", '="007"', "x" * 40_000, "e\u0301", "\u202eright to left",
    "TRUE", "0a1b2c3d", "00000000-0000-4000-8000-00000000ffff", "Ali [00000000-0000-4000-8000-000000000001]",
    "{braces}", "1-2", "A" * 300,
)  # fmt: skip
"""Names that a sheet, a spreadsheet program or our own reader would like to read as something else."""


def uuid(index: int) -> AgentId:
    return AgentId(f"00000000-0000-4000-8000-{index:012d}")


def roster(names: Iterable[str] = NASTY) -> dict[AgentId, Agent]:
    return {uuid(index): Agent(uuid(index), name) for index, name in enumerate(names)}


def state(number: str, served: Mapping[str, AgentId | None], *, external: bool = True) -> NumberState:
    bindings = {channel: Binding(bound=True, agent=agent) for channel, agent in served.items()}
    return NumberState(number=Number(number), external=external, bindings=bindings)


def workspace(*numbers: NumberState, names: Iterable[str] = NASTY) -> Snapshot:
    return Snapshot(agents=roster(names), numbers={number.number: number for number in numbers})


def full() -> Snapshot:
    """Each of the nasty names serves a number, every second one on both channels."""
    served = [dict.fromkeys(("call", "whatsapp")[: 1 + i % 2], uuid(i)) for i in range(len(NASTY))]
    return workspace(*(state(f"+90212555{i:04d}", channels) for i, channels in enumerate(served)))


def wanted(path: Path, snapshot: Snapshot) -> dict[tuple[str, Channel], AgentId]:
    """What the sheet asks for, trunk by trunk; every row of it is good."""
    table = sheets.read(path)
    expanded = expand(table, normalise(table), snapshot)
    assert all(row.valid for row in expanded.rows), [row.problems for row in expanded.rows if not row.valid]
    return {(one.trunk.number, one.trunk.channel): one.agent for one in expanded.assignments}


def live(snapshot: Snapshot) -> dict[tuple[str, Channel], AgentId | None]:
    trunks = [trunk for number in snapshot.numbers.values() for trunk in number.trunks()]
    return {(trunk.number, trunk.channel): snapshot.owner(trunk) for trunk in trunks}


def opened(path: Path) -> Any:
    return openpyxl.load_workbook(path)


# ── export → read → the same ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_an_export_that_nobody_edited_asks_for_what_is(ending: str, tmp_path: Path) -> None:
    """With whatever names the agents have."""
    path = tmp_path / f"live.{ending}"
    write_export(path, full())
    assert live(full()) == wanted(path, full())


def test_an_edit_of_an_export_asks_for_exactly_that_edit(tmp_path: Path) -> None:
    """The label of any agent can be chosen in any row."""
    write_export(tmp_path / "live.xlsx", full())
    book = opened(tmp_path / "live.xlsx")
    sheet = book["Trunks"]
    labels = [cell.value for cell in book["Agents"]["A"]]
    sheet["C2"] = labels[-1]
    book.save(tmp_path / "edited.xlsx")
    asked, before = wanted(tmp_path / "edited.xlsx", full()), live(full())
    changed = {trunk: agent for trunk, agent in asked.items() if agent != before[trunk]}
    by_label = {label: agent for agent, label in agent_labels(roster().values()).items()}
    assert {(sheet["A2"].value, Channel(sheet["B2"].value)): by_label[labels[-1]]} == changed


def test_every_label_names_its_own_agent_and_no_other() -> None:
    """A name that looks like another agent's uuid must not become that agent."""
    labels = agent_labels(roster().values())
    assert len(labels) == len(set(labels.values()))
    assert all(agent_id == read_agent(label).uuid or "[0" not in label for agent_id, label in labels.items())
    assert "Ali Veli" == labels[uuid(0)]
    assert f"Twin [{uuid(14)}]" == labels[uuid(14)]
    assert [f"[{uuid(17)}]", f"[{uuid(27)}]"] == [labels[uuid(17)], labels[uuid(27)]]


def test_a_million_trunks_and_more_need_a_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond the last one of a sheet would be lost in silence."""
    monkeypatch.setattr(templates, "MAX_ROWS", 10)
    with pytest.raises(UsageError, match="more than a sheet has rows"):
        write_export(tmp_path / "live.xlsx", full())
    write_export(tmp_path / "live.csv", full())


def test_numbers_that_no_row_can_be_written_for_are_listed_with_the_reason(tmp_path: Path) -> None:
    """An empty agent cell is a problem of its row, so such rows would stop all others."""
    snapshot = workspace(
        state("+902125550001", {"call": uuid(0)}),
        state("+902125550002", {"call": None}),
        state("+902125550003", {"whatsapp": uuid(999)}),
        state("+902125550004", {}),
        state("+902125550005", {"call": uuid(1)}, external=False),
    )
    write_export(tmp_path / "live.xlsx", snapshot)
    left_out = [[cell.value or "" for cell in row] for row in opened(tmp_path / "live.xlsx")["Left out"].iter_rows()]
    assert [
        ["number", "channel", "why"],
        ["+902125550002", "call", "nobody serves it"],
        ["+902125550003", "whatsapp", f"served by {uuid(999)}, which is not among the agents"],
        ["+902125550004", "", "nobody serves it"],
    ] == left_out
    assert {("+902125550001", Channel.CALL): uuid(0)} == wanted(tmp_path / "live.xlsx", snapshot)


# ── how the sheet helps ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_present_agent_stands_beside_the_wanted_one_and_is_not_read(tmp_path: Path) -> None:
    """An edit shows next to what it replaces."""
    write_export(tmp_path / "live.xlsx", full())
    table = sheets.read(tmp_path / "live.xlsx")
    assert ("number", "channel", "agent", "present agent", "note") == table.header
    assert {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2, Field.NOTE: 4} == table.columns
    assert all(row.cells[2] == row.cells[3] for row in table.rows)


@pytest.mark.parametrize("filled", [True, False], ids=["export", "template"])
def test_number_cells_are_text_before_anybody_types(filled: bool, tmp_path: Path) -> None:
    """A spreadsheet program drops the plus of a number that it takes for one."""
    path = tmp_path / "a.xlsx"
    write_export(path, full()) if filled else write_template(path)
    sheet = opened(path)["Trunks"]
    assert "@" == sheet.column_dimensions["A"].number_format
    assert {"s"} == {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None}


def test_channels_and_agents_are_chosen_from_lists(tmp_path: Path) -> None:
    """The agents' is on a hidden sheet, since one in the cell ends at 255 characters; rows below have them too."""
    write_export(tmp_path / "live.xlsx", full())
    book = opened(tmp_path / "live.xlsx")
    lists = {str(one.sqref): one.formula1 for one in book["Trunks"].data_validations.dataValidation}
    last = len(live(full())) + 1 + templates.SPARE_ROWS
    assert {f"B2:B{last}": '"call,whatsapp,both"', f"C2:C{last}": f"Agents!$A$1:$A${len(NASTY)}"} == lists
    assert "hidden" == book["Agents"].sheet_state
    assert set(agent_labels(roster().values()).values()) == {c.value for c in book["Agents"]["A"]}


def test_only_the_header_is_protected(tmp_path: Path) -> None:
    """A sheet with more locked cells can neither be sorted nor lose a row."""
    write_export(tmp_path / "live.xlsx", full())
    sheet = opened(tmp_path / "live.xlsx")["Trunks"]
    assert sheet.protection.sheet
    assert sheet.protection.password is None
    assert all(cell.protection.locked for cell in sheet[1])
    assert not any(cell.protection.locked for cell in sheet[2])
    assert not sheet.column_dimensions["F"].protection.locked
    assert (False, False, False) == (
        sheet.protection.sort, sheet.protection.autoFilter, sheet.protection.deleteRows
    )  # fmt: skip


def test_a_template_is_a_sheet_without_rows_and_with_notes(tmp_path: Path) -> None:
    """What to write where is said beside it."""
    write_template(tmp_path / "empty.xlsx")
    table = sheets.read(tmp_path / "empty.xlsx")
    assert ("Trunks", ()) == (table.sheet, table.rows)
    assert ["Trunks", "Notes"] == opened(tmp_path / "empty.xlsx").sheetnames
    notes = [row[0].value for row in opened(tmp_path / "empty.xlsx")["Notes"].iter_rows()]
    assert all(any(str(note).startswith(name) for note in notes) for name, _ in templates.COLUMNS)


@pytest.mark.parametrize("name", ["a.xls", "a", "a.json"])
def test_other_kinds_of_sheet_are_refused(name: str, tmp_path: Path) -> None:
    """Nothing is left behind."""
    with pytest.raises(UsageError, match="not a kind of sheet this writes"):
        write_template(tmp_path / name)
    with pytest.raises(UsageError, match="not a kind of sheet this writes"):
        write_export(tmp_path / name, full())
    assert [] == list(tmp_path.iterdir())


# ── what the program wrote is input too ───────────────────────────────────────────────────────────────────────────────


def test_results_load_back_as_input(tmp_path: Path) -> None:
    """By the wanted agent, whatever the agents before and after are."""
    line = dict.fromkeys(RESULT_COLUMNS, "") | {
        "row": "2", "number": "+902125550001", "channel": "call", "agent_uuid": uuid(0), "agent_name": "Ali Veli",
        "before_agent_uuid": uuid(1), "before_agent_name": "Şule Öztürk", "after_agent_uuid": uuid(2),
        "status": "failed", "wave": "3", "note": "late",
    }  # fmt: skip
    with (tmp_path / "results.csv").open("wb") as file:
        write_machine_csv(file, RESULT_COLUMNS, [list(line.values())])
    found = normalise(sheets.read(tmp_path / "results.csv"))
    assert () == found.problems
    request = found.requests[0]
    assert (uuid(0), "Ali Veli", 3, "late") == (
        request.agent.uuid, request.agent.name, request.wave, request.note
    )  # fmt: skip


def test_a_sheet_of_failures_loads_back_as_input(tmp_path: Path) -> None:
    """``failed.csv`` has the input's own columns; the reasons of the Failures sheet mean nothing to the reader."""
    with (tmp_path / "failed.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("Telefon", "Kanal", "Temsilci", "city", "reason"),
                          ("+902125550001", "call", "Ali Veli", "Ankara", "failed – HTTP 503")])  # fmt: skip
    found = normalise(sheets.read(tmp_path / "failed.csv"))
    assert ((), "+902125550001") == (found.problems, found.requests[0].number)
