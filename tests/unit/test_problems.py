"""The catalogue of what can be wrong with a row, and how it is shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import batch
from batch.console import plain
from batch.core.model import Origin, Problem
from batch.core.problems import CATALOGUE, Severity, describe, is_error
from batch.views.problems import LONGEST_LINE, MOST_OF_KIND, check_data, check_view, problem_data, problem_groups
from tests.builders import table


def problem(code: str, row: int = 2, *, column: str = "number", value: str = "112", detail: str = "") -> Problem:
    return Problem(code, Origin("sheet.csv", "", row), column, value, detail)


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_kind_says_what_is_wrong_and_what_to_do(code: str) -> None:
    """In sentences that can be filled in, without a full stop, since more may follow."""
    kind = CATALOGUE[code]
    names = {name for _, name, _, _ in Formatter().parse(kind.template) if name}
    assert names <= {"value", "detail", "related"}
    assert all(text and not text.endswith(".") for text in (kind.title, kind.template, kind.hint))


def test_every_title_stands_for_one_kind() -> None:
    """Problems are grouped under their titles."""
    assert len({kind.title for kind in CATALOGUE.values()}) == len(CATALOGUE)


def test_every_kind_is_found_by_some_part_of_the_program() -> None:
    """A code that nothing gives out would only mislead its reader."""
    texts = set()
    for path in Path(batch.__file__).parent.rglob("*.py"):
        if path.name != "problems.py":
            texts |= set(_texts(ast.parse(path.read_text("utf-8"))))
    assert [] == [code for code in CATALOGUE if code not in texts]


def _texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_a_problem_is_described_with_its_value_and_the_other_rows() -> None:
    """The sentence stands alone beside the place of the cell."""
    found = Problem("contradiction", Origin("a", "", 2), "", "+1415", "call", (Origin("a", "", 5), Origin("a", "", 9)))
    assert "+1415 on call is given to another agent in row 5, row 9" == describe(found)


def test_a_value_with_braces_is_shown_as_typed() -> None:
    """A cell's text is no template."""
    assert "'{detail}' has letters in it" == describe(problem("number_letters", value="{detail}"))


def test_errors_make_a_row_invalid_and_notes_do_not() -> None:
    """The severity stands in the catalogue alone."""
    assert is_error(problem("number_short"))
    assert not is_error(problem("number_repaired"))


# ── as shown to people ────────────────────────────────────────────────────────────────────────────────────────────────


def lines(*problems: Problem) -> list[str]:
    return list(plain(problem_groups(problems)))


def test_problems_are_grouped_by_kind_errors_and_the_frequent_first() -> None:
    """What costs most rows is read first."""
    notes = [problem("number_repaired", row) for row in range(2, 6)]
    found = [*notes, problem("agent_empty", 7), problem("number_short", 8), problem("number_short", 9)]
    heads = [line.partition(":")[0] for line in lines(*found) if not line.startswith(" ")]
    assert ["Number too short (number_short)", "No agent (agent_empty)", "Number repaired (number_repaired)"] == heads


def test_a_group_has_its_count_its_hint_and_its_first_rows() -> None:
    """A thousand rows of one kind are one thing to mend."""
    shown = lines(*(problem("number_short", row, detail="a short code") for row in range(2, 1002)))
    assert "Number too short (number_short): 1,000 – write the whole number with + and country code" == shown[0]
    assert "  row 2, number: '112' is too short (a short code)" == shown[1]
    assert MOST_OF_KIND + 2 == len(shown)
    assert f"  … and {1000 - MOST_OF_KIND} more of this kind" == shown[-1]


def test_a_cell_with_a_whole_letter_in_it_does_not_flood_the_screen() -> None:
    """The machine's form has all of it."""
    long = problem("number_letters", value="x" * 5000)
    assert all(len(line) <= LONGEST_LINE for line in lines(long)[1:])
    assert 5000 < len(problem_data(long)["message"])


def test_a_problem_of_a_whole_row_names_no_column() -> None:
    """A ragged row has no cell to point at."""
    assert "  row 2: the row has 2 cells, so its values cannot be told apart" in lines(
        problem("ragged_row", column="", detail="2 cells")
    )


@pytest.mark.parametrize(
    ("ok", "rows", "blank", "said"),
    [
        (3, 3, 0, ["3 of 3 (100 %) rows can be used.", "No problem found offline."]),
        (1, 4, 2, ["1 of 4 (25 %) rows can be used. 2 blank rows were passed over.", "3 rows to mend."]),
    ],
    ids=["good", "to mend"],
)
def test_a_check_ends_with_how_many_rows_can_be_used(ok: int, rows: int, blank: int, said: list[str]) -> None:
    """Rows are counted, blank ones too, so that none is missing."""
    assert said == list(plain(check_view((), ok, rows, blank)))


# ── as data ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_as_data_is_complete() -> None:
    """A machine gets every problem, with its kind's words."""
    found = Problem(
        "contradiction", Origin("sheet.csv", "S", 3), "number", "+1", "call", (Origin("sheet.csv", "S", 9),)
    )
    data = check_data(table(("+1", "call", "A")), [found] * 50, rows_ok=0)
    assert ("sheet.csv", 1, 0, 0, 50) == (
        data["file"], data["rows"], data["rows_ok"], data["blank"], len(data["problems"])
    )  # fmt: skip
    assert {
        "code": "contradiction",
        "severity": Severity.ERROR.value,
        "file": "sheet.csv",
        "sheet": "S",
        "row": 3,
        "column": "number",
        "value": "+1",
        "message": "+1 on call is given to another agent in row 9",
        "hint": "keep one of the rows",
        "related_rows": [9],
    } == data["problems"][0]


def test_a_check_shows_all_rows_when_it_is_asked_for_all() -> None:
    """Else it says how to see them."""
    many = [problem("number_short", row) for row in range(2, 12)]
    brief, whole = (list(plain(check_view(many, 0, 10, whole=whole))) for whole in (False, True))
    assert ["row 11" in "\n".join(lines) for lines in (brief, whole)] == [False, True]
    assert ["--annotate" in "\n".join(lines) for lines in (brief, whole)] == [True, False]
