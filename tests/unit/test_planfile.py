"""The saved plan: it loads back equal, and whatever is not it, or not it any more, is refused with words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from batch.core import planfile
from batch.core.model import (
    Channel,
    Facts,
    Limits,
    Number,
    Occupancy,
    OnSplit,
    Origin,
    Plan,
    Problem,
    Source,
    Trunk,
    Workspace,
)
from batch.core.planfile import digest, dump, load, pieces, read
from batch.errors import SafetyError
from tests.builders import HEADER, table
from tests.plans import Situation, live, plan_of, situations, uuid, want

Document = dict[str, Any]


def usual() -> Plan:
    """A plan with something of everything: a ring, a unit, a duplicate, a contradiction, a wave, a part left out."""
    rows = [
        *(want(0, "both", "B", "1", "as agreed"), want(1, "call", "A", "", ""), want(0, "call", "B", "", "")),
        *(want(2, "call", "D", "2", ""), want(2, "call", "E", "", ""), want(3, "call", "F", "", "left out")),
    ]
    there = live({"call": "A", "whatsapp": "A"}, {"call": "B"}, {"call": "C"}, {"call": "D"})
    limits = Limits(waves="1,50%", max_failures="3", max_change="40%", max_changes="9", on_split=OnSplit.KEEP)
    header = (*HEADER, "wave", "note")
    return plan_of(rows, there, header=header, limits=limits, exclude="row=7", parking=(uuid("H"),))


def refused(text: str) -> str:
    """What is said about a text that is not loaded; every refusal says what to do, and ends with exit code 7."""
    with pytest.raises(SafetyError) as caught:
        load(text)
    assert (7, True) == (caught.value.exit_code, "make a new plan with `reassign plan FILE" in caught.value.hint)
    return caught.value.message


def edited(edit: Callable[[Document], object]) -> str:
    """The usual plan after somebody has been at it."""
    document = json.loads(dump(usual()))
    edit(document)
    return json.dumps(document)


# ── there and back ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_loads_back_equal() -> None:
    """Nothing that a plan knows is lost in its file."""
    plan = usual()
    assert plan == load(dump(plan))
    assert digest(plan) == digest(load(dump(plan))) == pieces(plan).head["digest"]


@settings(max_examples=100)
@given(situations(), st.text(), st.text(max_size=5))
def test_any_plan_loads_back_equal(situation: Situation, note: str, cell: str) -> None:
    """Whatever its rows, changes and texts are."""
    plan = situation.plan()
    rows = tuple(replace(row, note=note, cells=(*row.cells, cell)) for row in plan.rows)
    plan = replace(plan, rows=rows, notes=(note, cell))
    assert plan == load(dump(plan))


def test_a_plan_of_one_sheet_among_several_keeps_its_name() -> None:
    """The rows of another sheet of the workbook are other rows."""
    origin = Origin("book.xlsx", "Berlin", 2)
    sheet = replace(table(want(0, "call", "B")), file="book.xlsx", sheet="Berlin", only_sheet=False)
    sheet = replace(sheet, rows=(replace(sheet.rows[0], origin=origin),))
    plan = plan_of(sheet, live({"call": "A"}))
    assert (plan, origin) == (load(dump(plan)), load(dump(plan)).rows[0].origin)


def test_a_plan_of_a_workbooks_only_sheet_is_told_its_name() -> None:
    """The name is not in the file, since a CSV has none; whoever knows it gets the plan back equal."""
    sheet = replace(table(want(0, "call", "B")), file="book.xlsx", sheet="Sheet1")
    sheet = replace(sheet, rows=(replace(sheet.rows[0], origin=Origin("book.xlsx", "Sheet1", 2)),))
    plan = plan_of(sheet, live({"call": "A"}))
    assert plan == read(json.loads(dump(plan)), sheet="Sheet1")
    assert "" == load(dump(plan)).changes[0].origin.sheet


def test_half_a_character_survives() -> None:
    """A sheet may hold what UTF-8 cannot: JSON names it, and the file stays a file of UTF-8."""
    plan = usual()
    plan = replace(plan, notes=("\ud83d alone",))
    text = dump(plan)
    assert plan == load(text.decode("utf-8"))


def test_two_halves_of_a_character_become_that_character() -> None:
    """As they do when JSON is read: otherwise the file would not match its own digest."""
    plan = usual()
    halves = replace(plan, rows=(replace(plan.rows[0], note="\ud83d\ude00"), *plan.rows[1:]), notes=("\ud83d\ude00",))
    loaded = load(dump(halves))
    assert ("😀", ("😀",)) == (loaded.rows[0].note, loaded.notes)


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_has_a_line_per_row_and_per_change() -> None:
    """So that two plans can be compared by eye, and by a tool that compares lines."""
    plan = usual()
    lines = [line.rstrip(",") for line in dump(plan).decode().splitlines()]
    found = [json.loads(line) for line in lines if line.startswith("{") and line != "{"]
    assert len(plan.rows) + len(plan.changes) == len(found)


def test_a_document_is_what_its_description_says() -> None:
    """Nothing of it is a time of day: the same rows and the same live state make the same text."""
    document = json.loads(dump(usual()))
    assert {
        *("tool", "schema", "digest", "source", "workspace", "occupancy", "limits", "header", "columns", "agents"),
        *("trunks_total", "facts", "notes", "rows", "changes"),
    } == set(document)
    assert {"row", "number", "channel", "action", "reason", "before", "after", "needs", "unit", "wave", "page"} == {
        key for change in document["changes"] for key in change
    }
    assert dump(usual()) == dump(usual())


def test_what_is_empty_or_as_usual_is_left_out() -> None:
    """A plan of a hundred thousand rows should not repeat what goes without saying."""
    plan = plan_of([want(0, "call", "B")], live({"call": "A"}))
    (row,) = json.loads(dump(plan))["rows"]
    assert {"row", "cells", "number", "channels", "agent_uuid", "agent_name"} == set(row)


# ── the digest ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_plan_has_one_digest_however_it_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines are hashed some hundreds at once."""
    at_once = dump(usual())
    monkeypatch.setattr(planfile, "_AT_ONCE", 2)
    assert at_once == dump(usual())
    assert digest(usual()) == json.loads(at_once)["digest"]


def test_the_same_rows_from_another_file_have_the_same_digest() -> None:
    """A sheet saved as CSV and as XLSX makes one plan."""
    plan = usual()
    other = replace(plan, source=Source(file="book.xlsx", sheet="Sheet1", sha256="1" * 64))
    assert digest(plan) == digest(other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda p: replace(p, workspace=Workspace("other", "acme.mihu.ai")), id="tenant"),
        pytest.param(lambda p: replace(p, workspace=Workspace("acme", "other.mihu.ai")), id="host"),
        pytest.param(lambda p: replace(p, rows=p.rows[:-1]), id="a row less"),
        pytest.param(lambda p: replace(p, changes=p.changes[:-1]), id="a change less"),
        pytest.param(lambda p: replace(p, rows=p.rows[::-1]), id="another order"),
        pytest.param(lambda p: replace(p, occupancy=Occupancy.SHARED), id="occupancy"),
        pytest.param(lambda p: replace(p, limits=Limits()), id="limits"),
        pytest.param(lambda p: replace(p, facts=Facts()), id="facts"),
        pytest.param(lambda p: replace(p, trunks_total=99), id="trunks"),
        pytest.param(lambda p: replace(p, notes=("seen",)), id="notes"),
        pytest.param(lambda p: replace(p, agents={}), id="agents"),
    ],
)
def test_anything_else_makes_another_digest(other: Callable[[Plan], Plan]) -> None:
    """The digest is over everything that decides what is done, and what was known when it was decided."""
    assert digest(usual()) != digest(other(usual()))


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────


def _set(path: str, value: object) -> Callable[[Document], None]:
    """An edit of one place in a document, such as ``changes.0.after``."""
    *way, last = (int(key) if key.isdecimal() else key for key in path.split("."))

    def edit(document: Document) -> None:
        place: Any = document
        for key in way:
            place = place[key]
        place[last] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(_set("changes.0.after", uuid("E")), id="another agent"),
        pytest.param(_set("changes.0.needs", []), id="a need less"),
        pytest.param(_set("changes.0.wave", 7), id="another wave"),
        pytest.param(_set("rows.0.valid", True), id="an addition that says the usual"),
        pytest.param(_set("rows.0.cells.2", "E"), id="a cell"),
        pytest.param(_set("limits.max_change", "100%"), id="a limit"),
        pytest.param(_set("workspace.tenant", "other"), id="the workspace"),
        pytest.param(_set("comment", "looks good"), id="a comment"),
        pytest.param(lambda d: d["changes"].reverse(), id="the order"),
        pytest.param(lambda d: d["rows"].pop(), id="a row less"),
        pytest.param(_set("digest", "0" * 64), id="the digest itself"),
    ],
)
def test_an_edited_plan_is_refused(edit: Callable[[Document], object]) -> None:
    """A plan is applied exactly as it was made and seen, or not at all."""
    assert "this plan was edited after it was made" == refused(edited(edit))


def test_a_plan_that_was_only_laid_out_anew_is_the_same() -> None:
    """Spaces and the order of keys mean nothing in JSON."""
    document = json.loads(dump(usual()))
    assert usual() == load(json.dumps(dict(reversed(document.items())), indent=4, ensure_ascii=True))


def test_the_name_of_the_source_is_no_part_of_the_plan() -> None:
    """The sheet may be renamed; the rows are the same."""
    assert "renamed.csv" == load(edited(_set("source.file", "renamed.csv"))).changes[0].origin.file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "it is not JSON", id="empty"),
        pytest.param("number,channel,agent\n", "it is not JSON", id="a sheet"),
        pytest.param('{"tool": "reassign", ', "it is not JSON", id="cut off"),
        pytest.param("[" * 100_000, "it is not JSON", id="nested without end"),
        pytest.param("9" * 10_000, "it is not JSON", id="a number without end"),
        pytest.param("[]", "not a plan of this tool", id="a list"),
        pytest.param("{}", "not a plan of this tool", id="an empty object"),
        pytest.param('{"tool": "terraform", "schema": 1}', "not a plan of this tool", id="another tool's"),
    ],
)
def test_a_foreign_file_is_refused(text: str, words: str) -> None:
    """It says what is wrong with it, not where a parser stumbled."""
    assert words in refused(text)


@pytest.mark.parametrize("schema", [1, 3, None, "2"])
def test_a_plan_of_another_version_is_refused(schema: object) -> None:
    """What it means this version cannot know."""
    said = refused(edited(_set("schema", schema)))
    assert f"this plan has schema {schema}, but this version of the tool knows only 2" == said


@pytest.mark.parametrize("key", ["digest", "rows", "changes", "source"])
def test_a_plan_with_a_part_missing_is_damaged(key: str) -> None:
    """The word for what is not there is in the message."""
    assert "damaged" in refused(edited(lambda d: d.pop(key)))


@pytest.mark.parametrize("value", [None, 7, [7], {"a": 1}, "text"], ids=["null", "number", "list", "object", "text"])
@pytest.mark.parametrize("key", ["source", "rows", "changes", "digest"])
def test_a_part_of_another_kind_is_refused(key: str, value: object) -> None:
    """Never a traceback, whatever stands there."""
    assert refused(edited(_set(key, value))).startswith("this plan ")


def test_needs_and_numbers_are_checked_even_with_a_good_digest() -> None:
    """Anybody can make a digest; what could lock up or misdirect a run is looked at all the same."""
    plan = usual()
    first = plan.changes[0]
    wrong = [
        replace(first, needs=(0,)),
        replace(first, needs=(5,)),
        replace(first, needs=(-1,)),
        replace(first, trunk=Trunk(Number("not a number"), Channel.CALL)),
    ]
    messages = [refused(dump(replace(plan, changes=(change, *plan.changes[1:])))) for change in wrong]
    assert ["change 0 needs one that does not come before it"] * 3 + [
        "change 0 is about 'not a number', which is no number"
    ] == [message.removeprefix("this plan is damaged: ValueError ") for message in messages]


def forged(edit: Callable[[Document], object]) -> str:
    """The usual plan after somebody has been at it who knows how its digest is made."""
    document = json.loads(edited(edit))
    document["digest"] = planfile._digest(planfile._told_of(document), document["rows"], document["changes"])
    return json.dumps(document)


def _once_more(document: Document) -> None:
    document["changes"].append(document["changes"][1])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(_set("changes.1.number", "+49300000000"), "none of its rows", id="another trunk"),
        pytest.param(_set("changes.1.after", uuid("E")), "another agent", id="another agent"),
        pytest.param(_once_more, "more than once", id="a change twice"),
        pytest.param(
            lambda d: d["changes"][1].update(number="+49300000000", action="keep"),
            "has no change for",
            id="a change less",
        ),
        pytest.param(_set("rows.0.number", 1.5), "Expected `str`, got `float`", id="a number that is none"),
        pytest.param(_set("changes.0.page", "a"), "Expected `int`, got `str`", id="a page that is none"),
        pytest.param(_set("facts.numbers_asked", []), "Expected `int`, got `array`", id="a fact that is none"),
        pytest.param(_set("limits.allow", 1), "Expected `str`, got `int`", id="a limit that is none"),
    ],
)
def test_a_plan_that_does_not_add_up_is_refused_even_with_a_good_digest(
    edit: Callable[[Document], object], words: str
) -> None:
    """What is sent is what its rows ask for, and each of it is in the report."""
    assert load(forged(lambda _document: None))
    assert words in refused(forged(edit))


@pytest.mark.parametrize("key", ["file", "sha256", "sheet"])
def test_a_source_that_is_no_text_is_refused(key: str) -> None:
    """It is no part of the digest, and travels into every line of the results."""
    assert "its source is not text" in refused(edited(_set(f"source.{key}", 7)))


def test_a_problem_that_nobody_knows_is_refused() -> None:
    """A report could not say what it is."""
    plan = usual()
    rows = (replace(plan.rows[0], problems=(Problem("sunspots", plan.rows[0].origin),)), *plan.rows[1:])
    assert "no problem is called 'sunspots'" in refused(dump(replace(plan, rows=rows)))


def test_the_usual_plan_has_something_of_everything() -> None:
    """The other tests of this file would show little on a plan of one row."""
    plan = usual()
    assert {"park", "assign", "keep"} == {change.action.value for change in plan.changes}
    assert {"duplicate", "contradiction"} == {problem.code for problem in plan.problems()}
    assert {True, False} == {row.selected for row in plan.rows} == {row.valid for row in plan.rows}
