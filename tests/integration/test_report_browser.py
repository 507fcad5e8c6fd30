"""``report.html`` in a real browser: what it shows, what its reader can do, and how soon it is ready."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import Action, Reason, RunRecord, Status
from batch.core.results import GOOD, results
from tests.browsing import IN_A_BROWSER, click, find, lines, text
from tests.days import believable, one
from tests.records import agent, change, kept, name, outcome, plan, record, row

pytestmark = IN_A_BROWSER

READY = 1000
"""Milliseconds from opening the page to the first lines."""


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_works_without_a_word_of_complaint(show) -> None:
    """No error, no warning, no blocked resource, no request."""
    tab = show(believable(300))
    assert [[], [], []] == [tab.told("Runtime.exceptionThrown"), tab.told("Log.entryAdded"), tab.requests()]
    assert tab.run("document.title") == text(tab, "h1") + " – run 20261125-200000-k3x9"


def test_a_line_shows_before_and_after_and_why(show) -> None:
    """What an operations person asks first."""
    tab = show(record([row(note="ticket 4711")], [change()], [outcome(attempts=2)]))
    assert lines(tab) == [
        [
            *("2", "+493012000002", "call", f"{name(0)}→{name(1)}", "done"),
            "The wanted agent serves the trunk\n2 attempts · seen in the final look · 20:00:01 UTC · note: ticket 4711",
        ]
    ]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (record([row()], [kept()]), name(1)),
        (one(Status.REJECTED), f"{name(0)}\nwanted: {name(1)}"),
        (one(Status.UNKNOWN), f"{name(0)}→not known\nwanted: {name(1)}"),
        (record([row()], [change(before=None)], [outcome()]), f"nobody→{name(1)}"),
        (record([row(valid=False)]), f"wanted: {name(1)}"),
        (record([row(valid=False, agent_uuid="", agent_name="")]), ""),
        (
            record([], plan=plan([row(agent_name="")], [change()], agents={}), outcomes=[outcome()]),
            f"{agent(0)}→{agent(1)}",
        ),
    ],
    ids=["kept", "refused", "unknown", "nobody before", "invalid", "invalid without an agent", "no names"],
)
def test_before_and_after_never_claim_more_than_is_known(show, told: RunRecord, shown: str) -> None:
    """The wanted agent is named where the trunk is not with it."""
    assert shown == lines(show(told))[0][3]


def test_before_stands_before_after_whatever_the_direction_of_the_names(show) -> None:
    """Between two names from right to left an arrow would turn round, and with it what it says."""
    names = {agent(0): "مركز الاتصال", agent(1): "תמיכה טכנית"}
    tab = show(record([], plan=plan([row(agent_name=names[agent(1)])], [change()], agents=names), outcomes=[outcome()]))
    left = tab.run("[...document.querySelectorAll('.move bdi, .arrow')].map((one) => one.getBoundingClientRect().left)")
    before, arrow, after = left
    assert before < arrow < after


def test_a_line_that_ended_on_another_day_tells_the_day(show) -> None:
    """A run can be resumed tomorrow."""
    later = outcome(finished_at=1_795_636_800.0 + 86_400)
    assert "2026-11-26 20:00:00 UTC" in lines(show(record([row()], [change()], [later])))[0][5]


def test_an_empty_sheet_says_so(show) -> None:
    """No table without a word."""
    tab = show(record([]))
    assert (lines(tab), text(tab, "#found")) == ([["The sheet has no rows."]], "0 lines")


def test_the_page_is_for_dark_rooms_too(show) -> None:
    """Its ground follows the reader's setting."""
    tab = show(believable(20))
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.emulate(scheme="dark")
    dark = tab.run("getComputedStyle(document.body).backgroundColor")
    assert ("rgb(246, 247, 249)", "rgb(15, 20, 26)") == (light, dark)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_a_telephone_and_a_screen(show, width: int) -> None:
    """Only the table scrolls sideways."""
    tab = show(believable(60))
    tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    assert width == tab.run("document.documentElement.scrollWidth")
    tab.ask("Emulation.clearDeviceMetricsOverride")


def test_a_ring_left_open_names_the_place_of_its_trunk(show) -> None:
    """The reader sees where the calls go meanwhile, without opening anything."""
    park = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
    ends = [outcome(0, after=agent(9)), replace(outcome(1, Status.SKIPPED, Reason.DEPENDENCY), attempts=0)]
    tab = show(record([row()], [park, change(1, before=9)], ends))
    assert f"left on the parking agent {name(9)}" in text(tab, ".causes")


# ── what its reader can do ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", Status)
def test_a_figure_filters_by_its_status(show, status: Status) -> None:
    """And lets go again."""
    told = believable(300)
    wanted = sum(line.status is status for line in results(told))
    tab = show(told)
    click(tab, f".chip[data-status={status}]")
    assert {status.value} == {line[4] for line in lines(tab)}
    assert text(tab, "#found") == f"{wanted} of {len(list(results(told)))} lines"
    click(tab, f".chip[data-status={status}]")
    assert text(tab, "#found") == f"{len(list(results(told)))} lines"


def test_several_figures_filter_together(show) -> None:
    """Everything that did not end well, say."""
    told = believable(300)
    tab = show(told)
    for status in Status:
        if status not in GOOD:
            click(tab, f".chip[data-status={status}]")
    assert text(tab, "#found").startswith(f"{sum(line.status not in GOOD for line in results(told))} of ")


def test_a_cause_shows_its_lines(show) -> None:
    """And *show all* everything again."""
    tab = show(believable(300))
    click(tab, ".show[data-code=agent_taken]")
    assert {"The server says that the agent already serves another number"} == {
        line[5].partition(" (409)")[0] for line in lines(tab)
    }
    click(tab, "#all")
    assert text(tab, "#found").endswith("lines")
    assert " of " not in text(tab, "#found")


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("row 12", 1),
        ("+493012000012", 1),
        ("NIGHT LINE", None),
        (agent(3), None),
        ("archived", None),
        ("facilities", None),
        ("nothing like this", 0),
        ("", -1),
    ],
    ids=["row", "number", "name in capitals", "uuid", "what the server said", "note", "nothing", "everything"],
)
def test_the_reader_finds_lines_by_any_of_their_words(show, wanted: str, count: int | None) -> None:
    """Row, number, agent, reason, note."""
    told = believable(300)
    if count is None:
        count = sum(
            any(wanted.lower() in str(getattr(line, field)).lower() for field in LOOKED) for line in results(told)
        )
    total = len(list(results(told)))
    assert find(show(told), wanted) == (f"{total} lines" if count < 0 else f"{count} of {total} lines")


LOOKED = (
    *("agent_name", "agent_uuid", "before_agent_name", "before_agent_uuid", "after_agent_name", "after_agent_uuid"),
    *("reason", "note"),
)


def test_typing_is_enough(show) -> None:
    """Without Enter, after a moment."""
    tab = show(believable(100))
    tab.run("document.getElementById('text').value = 'row 12'")
    tab.run("document.getElementById('text').dispatchEvent(new Event('input'))")
    tab.run("new Promise((done) => setTimeout(done, 300))")
    assert text(tab, "#found").startswith("1 of ")


def test_many_lines_come_by_pages(show) -> None:
    """A hundred at once, forwards and backwards."""
    tab = show(believable(250))
    first = lines(tab)
    assert (100, "1–100 of ") == (len(first), text(tab, "#page")[:9])
    click(tab, "#on")
    assert text(tab, "#page").startswith("101–200 of ")
    assert lines(tab) != first
    click(tab, "#back")
    assert lines(tab) == first


def test_on_paper_everything_is_unfolded_and_nothing_is_a_button(show) -> None:
    """All lines, not only a page of them; and on the screen all is as before afterwards."""
    told = believable(250)
    tab = show(told)
    folded = tab.run("document.querySelectorAll('details:not([open])').length")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert len(lines(tab)) == len(list(results(told)))
    assert tab.run("document.querySelectorAll('details:not([open])').length") == 0
    tab.emulate(media="print")
    assert {"none"} == set(
        tab.run("['.find', '.pages', '.show'].map((one) => getComputedStyle(document.querySelector(one)).display)")
    )
    tab.emulate()
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert (100, folded) == (len(lines(tab)), tab.run("document.querySelectorAll('details:not([open])').length"))


def test_keyboard_and_screen_reader_find_their_way(show) -> None:
    """Every control has a name, the picture has words, the count is announced."""
    tab = show(believable(300))
    nameless = """[...document.querySelectorAll('button, input')]
        .filter((one) => !one.hidden && !(one.innerText || one.labels?.length)).length"""
    assert tab.run(nameless) == 0
    assert "220 done" in tab.run("document.querySelector('svg').getAttribute('aria-label')")
    assert tab.run("document.getElementById('found').getAttribute('aria-live')") == "polite"
    assert tab.run("document.querySelectorAll('th:not([scope])').length") == 0


# ── how fast ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fifty_thousand_lines_are_ready_within_a_second(show) -> None:
    """The page says itself when its first lines stood."""
    tab = show(believable(50_000))
    assert int(tab.run("document.documentElement.dataset.ready")) < READY
    assert text(tab, "#page").startswith("1–100 of ")
