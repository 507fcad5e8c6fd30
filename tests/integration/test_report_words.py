"""What the report page says in words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from batch.adapters import reports, runs
from batch.adapters.reports.causes import MOST_OF_KIND, MOST_ROWS, causes, groups
from batch.adapters.reports.facts import facts
from batch.adapters.reports.lines import data
from batch.adapters.reports.told import tell
from batch.adapters.reports.words import Headline, Tone, headline
from batch.core.model import Action, Outcome, Problem, Reason, RunRecord, Status, Verified
from batch.core.results import results
from tests.days import FATES, believable, one
from tests.records import BEGAN, agent, change, kept, name, origin, outcome, plan, record, row
from tests.report_files import REFUSED

# ── the page as text ──────────────────────────────────────────────────────────────────────────────────────────────────


def page(folder: Path, told: RunRecord) -> str:
    reports.write_all(told, folder)
    return (folder / runs.REPORT_HTML).read_text("utf-8")


def test_the_page_allows_exactly_its_own_script_and_style(folder: Path) -> None:
    """By their hashes; nothing else may run, load, send or frame."""
    text = page(folder, believable(40))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    scripts, styles = (
        re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
        re.findall(r"<style>(.*?)</style>", text, re.DOTALL),
    )
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (*scripts, *styles)]
    assert policy is not None
    assert policy[1] == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_refers_to_nothing_outside_itself(folder: Path) -> None:
    """One file, offline."""
    text = page(folder, believable(40))
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"#lines", "data:,"}
    assert "url(" not in text
    assert "@import" not in text


def test_the_picture_of_the_totals_adds_up(folder: Path) -> None:
    """Slices stand side by side, and even one line of a hundred thousand is seen."""
    rows = [row(place) for place in range(2, 1002)]
    changes = [change(id_, of=place) for id_, place in enumerate(range(2, 1002))]
    outcomes = [replace(REFUSED, change=0), *(outcome(id_) for id_ in range(1, 1000))]
    text = page(folder, record(rows, changes, outcomes))
    slices = [
        (float(x), float(width)) for x, width in re.findall(r'<rect [^>]*x="([\d.]+)"[^>]*width="([\d.]+)"', text)
    ]
    assert [0.0, 100.0] == [slices[0][0], round(sum(width for _, width in slices), 1)]
    assert slices[1][0] == pytest.approx(slices[0][1], abs=0.002)
    assert min(width for _, width in slices) >= 0.4
    assert 'aria-label="999 done, 1 rejected"' in text


def test_each_status_with_lines_has_its_figure_and_its_meaning(folder: Path) -> None:
    """They are also the filter."""
    text = page(folder, believable(200))
    assert [status.value for status in Status] == re.findall(r'class="chip" data-status="(\w+)"', text)
    assert [] == re.findall(r'class="chip"', page(folder, record([])))


def test_the_lines_of_the_page_name_what_they_share_once() -> None:
    """So that a hundred thousand are a small file."""
    told = tell(believable(2000))
    body = json.loads(data(told))
    assert len(told.lines) == len(body["row"]) == len(body["agent"])
    assert 50 >= len(body["agents"]) == len({tuple(one) for one in body["agents"]})
    assert 20 >= len(body["reasons"])


@pytest.mark.parametrize(
    ("ended", "how", "at"),
    [
        (outcome(verified=Verified.ECHO), "by the server's answer", 1),
        (outcome(verified=Verified.EACH, attempts=3, finished_at=BEGAN + 90.4), "3 attempts · read back", 90),
        (REFUSED, "", 1),
        (outcome(status=Status.DRIFTED, reason=Reason.OWNER_CHANGED, http_status=409), "HTTP 409", 1),
        (outcome(status=Status.SKIPPED, reason=Reason.DEPENDENCY, attempts=0, finished_at=None), "", -1),
    ],
    ids=["echo", "read back after three", "its status is in the reason", "a status nobody told", "never"],
)
def test_a_line_of_the_page_says_how_and_when_it_ended(ended: Outcome, how: str, at: int) -> None:
    """The small print, as far as the reason does not say it."""
    body = json.loads(data(tell(record([row()], [change()], [ended]))))
    assert ([how], [at]) == (body["hows"], body["at"])


# ── the first thing a reader sees ─────────────────────────────────────────────────────────────────────────────────────


def said(told: RunRecord) -> Headline:
    return headline(tell(told))


def moved(*outcomes, **more) -> RunRecord:
    """A run of two rows that move a trunk each."""
    return record([row(2), row(3)], [change(0), change(1, of=3)], outcomes, **more)


DONE = [outcome(0), outcome(1)]
INVALID = record([row(2, valid=False), row(3)], [change(0, of=3)], whole_run=Reason.OTHER_ROWS_INVALID)
LOOK = {"whole_run": Reason.AUDIT, "command": "plan"}
RUN = "20261125-200000-k3x9"


@pytest.mark.parametrize(
    ("told", "tone", "what", "command"),
    [
        (moved(*DONE), Tone.GOOD, "All 2 are with the wanted agent.", f"rollback {RUN}"),
        (one(Status.DONE), Tone.GOOD, "It is with the wanted agent.", f"rollback {RUN}"),
        (moved(*DONE, command="rollback"), Tone.GOOD, "All 2 are back with the wanted agent.", f"rollback {RUN}"),
        (one(Status.ALREADY), Tone.GOOD, "There was nothing to do.", ""),
        (record([]), Tone.GOOD, "There was nothing to do.", ""),
        (
            moved(outcome(0), replace(REFUSED, change=1)),
            Tone.WARN,
            "1 of 2 is with the wanted agent, 1 is not.",
            f"retry {RUN}",
        ),
        (one(Status.FAILED), Tone.BAD, "0 of 1 are with the wanted agent, 1 is not.", f"retry {RUN}"),
        (one(Status.UNKNOWN), Tone.BAD, "0 of 1 are with the wanted agent, 1 is not.", f"retry {RUN}"),
        (
            moved(outcome(0), whole_run=Reason.DEADLINE),
            Tone.WARN,
            "The run did not go to its end: 1 of 2 is with the wanted agent.",
            f"resume {RUN}",
        ),
        (
            moved(*DONE, finished_at=None),
            Tone.WARN,
            "The run did not go to its end: 2 of 2 are with the wanted agent.",
            f"resume {RUN}",
        ),
        (
            moved(whole_run=Reason.CREDENTIALS),
            Tone.BAD,
            "The run did not go to its end: 0 of 2 are with the wanted agent.",
            f"resume {RUN}",
        ),
        (INVALID, Tone.WARN, "Nothing was sent: 1 row needs mending first.", ""),
        (
            moved(whole_run=Reason.DECLINED),
            Tone.WARN,
            f"{'Nothing was sent: the question was not answered with yes'}.",
            "",
        ),
        (moved(**LOOK), Tone.CALM, "2 trunks would be moved; nothing has been changed yet.", "apply plan.json"),
        (
            moved(**LOOK | {"command": "audit"}),
            Tone.CALM,
            "2 trunks are not where the sheet wants them.",
            "apply moves.csv",
        ),
        (
            record([row()], [change()], **LOOK | {"command": "audit"}),
            Tone.CALM,
            "1 trunk is not where the sheet wants it.",
            "apply moves.csv",
        ),
        (record([row()], [kept()], **LOOK), Tone.GOOD, "Reality is what the sheet says.", ""),
        (replace(INVALID, whole_run=Reason.AUDIT), Tone.WARN, "Looked only: 1 row needs mending.", ""),
    ],
    ids=[
        *("all done", "the one done", "taken back", "already", "empty", "one refused", "failed", "unknown"),
        *("stopped", "cut off", "credentials", "invalid rows", "declined"),
        *("plan", "audit", "audit of one", "nothing differs", "plan with problems"),
    ],
)
def test_the_headline_is_the_verdict_and_the_way_on(told: RunRecord, tone: Tone, what: str, command: str) -> None:
    """One sentence, and the command to go on with, where there is one."""
    found = said(told)
    assert (tone, what, command) == (found.tone, found.what, found.command.removeprefix("reassign "))


@pytest.mark.parametrize(
    ("told", "more"),
    [
        (moved(*DONE), "2 moved and seen to be true, 0 there already."),
        (moved(outcome(0), replace(REFUSED, change=1)), "1 rejected."),
        (one(Status.UNKNOWN), "1 unknown. Unknown means: look before trusting."),
        (
            record([row(2), row(3)], [change(0), kept(1, of=3, reason=Reason.NOT_SELECTED)], [outcome(0)]),
            "1 moved and seen to be true, 0 there already. 1 left out on purpose.",
        ),
        (
            moved(outcome(0), whole_run=Reason.API_UNAVAILABLE, whole_run_detail="no answer for 60 s"),
            "The API did not answer any more: no answer for 60 s. The others: 1 skipped.",
        ),
        (moved(*DONE, whole_run=Reason.DEADLINE), "The time allowed for the run was over."),
        (moved(whole_run=Reason.REFUSED_BY_GUARD, whole_run_detail="too many trunks!"), "Too many trunks!"),
        (moved(whole_run=Reason.DECLINED), "No trunk was changed."),
        (
            record([row()], [kept(reason=Reason.NOT_EXPECTED)], **LOOK | {"command": "audit"}),
            "0 already right, 1 drifted.",
        ),
    ],
    ids=[
        *("figures", "what did not", "unknown", "left out", "why it stopped", "nothing left"),
        *("the guard's words", "nothing changed", "drifted"),
    ],
)
def test_the_second_line_gives_the_figures_or_the_cause(told: RunRecord, more: str) -> None:
    """Whole sentences."""
    assert more == said(told).more


def test_a_command_to_copy_survives_a_shell() -> None:
    """File names have spaces, and worse."""
    source = replace(plan([], []).source, file="moves; rm -rf.csv")
    told = record([], plan=plan([row()], [change()], source=source), **LOOK | {"command": "audit"})
    assert said(told).command == "reassign apply 'moves; rm -rf.csv'"


# ── causes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_causes_count_lines_by_status_and_reason_the_worst_first() -> None:
    """What a reader would otherwise have to count."""
    found = causes(tell(believable(300)))
    assert [(cause.status, cause.code) for cause in found][:3] == [
        ("unknown", "unclear"),
        ("failed", "out_of_retries"),
        ("failed", "not_applied"),
    ]
    ill = sum(line.status not in (Status.DONE, Status.ALREADY, Status.INVALID) for line in results(believable(300)))
    assert ill == sum(cause.count for cause in found)


def test_a_cause_names_its_first_rows_and_what_was_said() -> None:
    """Each row once, though it may have two lines."""
    places = range(2, MOST_ROWS + 5)
    rows = [row(place, channels=("call", "whatsapp")) for place in places]
    changes = [
        change(2 * i + j, of=p, channel=c) for i, p in enumerate(places) for j, c in enumerate(("call", "whatsapp"))
    ]
    (cause,) = causes(tell(record(rows, changes, [replace(REFUSED, change=made.id) for made in changes])))
    assert (2 * len(places), list(places)[:MOST_ROWS], 3) == (cause.count, list(cause.rows), cause.more)
    assert (cause.words, cause.said) == ("The server said no", "HTTP 422: archived")


def test_a_cause_of_which_different_things_were_said_gives_one_as_an_example() -> None:
    """The most frequent one."""
    told = moved(replace(REFUSED, detail="a"), replace(REFUSED, change=1, detail="b"))
    (cause,) = causes(tell(told))
    assert cause.said == "for instance: HTTP 422: a"


@pytest.mark.parametrize(
    "told",
    [
        one(Status.DONE),
        one(Status.INVALID),
        moved(whole_run=Reason.DEADLINE),
        moved(finished_at=None),
        record([row()], [kept(reason=Reason.NOT_SELECTED)]),
    ],
    ids=["done", "invalid, told as a problem", "stopped as a whole", "cut off", "left out on purpose"],
)
def test_what_is_told_elsewhere_is_no_cause(told: RunRecord) -> None:
    """Or nothing is wrong."""
    assert [] == causes(tell(told))


@pytest.mark.parametrize("reason", [Reason.LEFT_SPLIT, Reason.LEFT_IN_PLACE], ids=str)
def test_a_change_that_should_not_have_stayed_is_told_though_it_is_done(reason: Reason) -> None:
    """Somebody has to look after it."""
    (cause,) = causes(tell(moved(outcome(0), outcome(1, reason=reason))))
    assert ("done", reason.value, [3]) == (cause.status, cause.code, list(cause.rows))


def test_a_ring_left_open_is_a_cause_with_the_place_of_its_trunk() -> None:
    """The reader must know where the calls go meanwhile."""
    park = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
    ends = [outcome(0, after=agent(9)), outcome(1, Status.SKIPPED, Reason.DEPENDENCY)]
    (cause,) = causes(tell(record([row()], [park, change(1, before=9)], ends)))
    assert ("failed", f"left on the parking agent {name(9)}") == (cause.status, cause.said)


def test_problems_are_grouped_errors_before_notes_the_frequent_first() -> None:
    """Each kind with its hint and its first rows."""
    problems = [Problem("number_repaired", origin(2), "number", "0049", "+49")] * 9
    problems += [Problem("agent_empty", origin(3), "agent"), *[Problem("wave_malformed", origin(4), "wave", "x")] * 30]
    found = list(groups(problems))
    assert [("wave_malformed", 30), ("agent_empty", 1), ("number_repaired", 9)] == [(g.code, g.count) for g in found]
    assert [False, False, True] == [group.note for group in found]
    assert MOST_OF_KIND == len(found[0].first)
    assert found[1].first == [(3, "agent", "the agent is empty, which does not mean nobody")]


# ── facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "name_", "value"),
    [
        (moved(*DONE), "Finished", "25 Nov 2026, 20:00:03 UTC, after 3.0 s"),
        (moved(*DONE, finished_at=BEGAN + 125), "Finished", "25 Nov 2026, 20:02:05 UTC, after 2 min 5 s"),
        (moved(*DONE, finished_at=BEGAN + 7500), "Finished", "25 Nov 2026, 22:05:00 UTC, after 2 h 5 min"),
        (moved(*DONE, finished_at=BEGAN - 5), "Finished", "25 Nov 2026, 19:59:55 UTC, after 0.0 s"),
        (moved(*DONE, finished_at=None), "Finished", "not yet"),
        (moved(*DONE), "Input", "moves.csv · 2 rows"),
        (moved(*DONE, source=replace(plan([], []).source, sheet="July")), "Input", "moves.csv · sheet July · 2 rows"),
        (moved(*DONE, exit_code=5), "Exit code", "5 – finished; some invalid, rejected, failed, drifted or skipped"),
        (moved(*DONE, exit_code=99), "Exit code", "99"),
        (moved(*DONE, exit_code=None), "Exit code", None),
        (moved(*DONE), "Otherwise than planned", None),
        (moved(outcome(0), replace(REFUSED, change=1)), "Otherwise than planned", "1 lines"),
        (moved(*DONE, pace={"limit": "60/min", "learnt": "yes"}), "Pace", "limit 60/min · learnt yes"),
        (moved(whole_run=Reason.DEADLINE), "Stopped", "deadline: The time allowed for the run was over"),
    ],
    ids=[
        *("seconds", "minutes", "hours", "a clock put back", "unfinished", "file", "worksheet"),
        *("exit", "a later version's exit", "no exit", "as planned", "not as planned", "pace", "stopped"),
    ],
)
def test_the_facts_of_a_run_are_told_by_name(told: RunRecord, name_: str, value: str | None) -> None:
    """What is not known is left out."""
    assert value == dict(facts(tell(told))).get(name_)


def test_the_fates_of_the_builder_are_all_kinds_of_end() -> None:
    """The tests of this file would prove less with a status missing."""
    assert set(Status) == set(FATES) == {line.status for line in results(believable(200))}
