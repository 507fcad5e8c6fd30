"""A plan under review in a real browser: its steps, its rows, and what its reader can find."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import Action, Reason
from tests.browsing import IN_A_BROWSER, TEXTS, click, find, lines, text
from tests.days import hostile
from tests.records import change, kept, name, record, row

pytestmark = IN_A_BROWSER


SPARE = 9
RING = record(
    [row(2, note="swap"), row(3, to=0), row(4)],
    [
        change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=SPARE),
        change(1, of=3, before=1, after=0, needs=(0,)),
        change(2, before=SPARE, needs=(0, 1), wave=1),
        kept(3, of=4),
    ],
    command="plan",
    whole_run=Reason.AUDIT,
)


def test_a_plan_shows_its_steps_in_order(show) -> None:
    """Step, wave, row, number, channel, before → after, what, after which row, why."""
    tab = show(RING)
    assert [[], []] == [tab.told("Runtime.exceptionThrown"), tab.told("Log.entryAdded")]
    park, _, home, there = lines(tab)
    assert ["1", "1", "2", "+493012000002", "call", f"{name(0)}→{name(SPARE)}", "park", ""] == park[:8]
    assert ["3", "2", "2", "+493012000002", "call", f"{name(SPARE)}→{name(1)}", "move", "row 3"] == home[:8]
    assert ["", "", "4", "+493012000004", "call", name(1), "already", ""] == there[:8]
    assert f"Parked on {name(SPARE)}: the rows swap agents in a ring\nnote: swap" == park[8]
    assert text(tab, "#found") == "3 steps and 1 line without one"


def test_a_plan_can_be_read_by_the_rows_of_the_sheet(show) -> None:
    """Both steps of a row beside each other; and back."""
    tab = show(RING)
    click(tab, "#by-row")
    assert [("1", "2"), ("3", "2"), ("2", "3"), ("", "4")] == [(line[0], line[2]) for line in lines(tab)]
    assert find(tab, "row 2") == "2 of 3 steps and 1 line without one"
    find(tab, "")
    click(tab, "#by-row")
    assert ["1", "2", "3", ""] == [line[0] for line in lines(tab)]


@pytest.mark.parametrize(
    ("wanted", "places"), [("wave 2", ["3"]), ("step 1", ["1"]), ("parked on", ["1"])], ids=["wave", "step", "why"]
)
def test_a_reader_finds_steps_by_their_place(show, wanted: str, places: list[str]) -> None:
    """As they are called."""
    tab = show(RING)
    find(tab, wanted)
    assert places == [line[0] for line in lines(tab)]


def test_the_figures_of_a_plan_filter_what_is_meant_to_be_done(show) -> None:
    """Moves, parkings, and what would be left alone."""
    tab = show(RING)
    click(tab, ".chip[data-status=park]")
    assert ["1"] == [line[0] for line in lines(tab)]


def test_a_line_that_would_be_left_alone_is_shown_by_its_button(show) -> None:
    """Though a plan's reasons have no codes."""
    drifted = record([row()], [kept(reason=Reason.NOT_EXPECTED)], command="plan", whole_run=Reason.AUDIT)
    tab = show(drifted)
    click(tab, ".show")
    assert ["drifted"] == [line[6] for line in lines(tab)]


@pytest.mark.parametrize("kind", ["script", "end of script", "image"])
def test_no_text_of_a_plan_runs_or_asks_for_anything(show, bait: tuple[str, list[str]], kind: str) -> None:
    """In what is weighed, in the steps, in the notes."""
    url, asked = bait
    looked = {"outcomes": {}, "whole_run": Reason.AUDIT, "whole_run_detail": "", "command": "plan"}
    tab = show(replace(hostile(TEXTS[kind].replace("{url}", url)), **looked))
    tab.run("new Promise((done) => setTimeout(done, 50))")
    assert (None, [], []) == (tab.run("window.pwned"), asked, tab.requests())
    assert [] == tab.told("Runtime.exceptionThrown")
