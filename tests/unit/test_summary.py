"""The figures of a run."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.model import Calls, Reason, RunRecord, Status, Summary, Surprise
from batch.core.planfile import digest
from batch.core.results import results
from batch.core.summary import MOST_SURPRISES, counted, summarise, to_json
from tests.days import believable
from tests.records import BEGAN, change, kept, number, outcome, record, row

FIELDS = (
    "run_id, command, workspace, status_counts, exit_code, calls, started_at, finished_at, input_sha256, plan_digest, "
    "tool_version, predicted, actual"
)


def figures(told: RunRecord) -> Summary:
    return summarise(told, results(told))


def rejected(id_: int):
    return outcome(id_, Status.REJECTED, Reason.SERVER_REFUSED)


def test_summary_json_has_the_fields_of_the_contract() -> None:
    """Other programs read them by these names."""
    body = to_json(figures(believable(40)))
    assert set(FIELDS.split(", ")) <= set(body)
    assert "counts" not in body


def test_the_facts_of_the_run_are_told_as_they_are() -> None:
    """Names, hashes, times and costs."""
    told = record([row()], [change()], [outcome()], calls=Calls(get=4, put=2, retried=1, refused_429=3), exit_code=0)
    body = to_json(figures(told))
    assert body["calls"] == {"get": 4, "put": 2, "retried": 1, "refused_429": 3}
    assert (body["run_id"], body["command"], body["tool_version"]) == ("20261125-200000-k3x9", "apply", "0.1.0")
    assert body["workspace"] == "acme at acme.mihu.ai"
    assert (body["started_at"], body["finished_at"]) == ("2026-11-25T20:00:00.000Z", "2026-11-25T20:00:03.000Z")
    assert (body["input_sha256"], body["plan_digest"]) == ("ab" * 32, digest(told.plan))
    assert (body["rows"], body["changes"], body["exit_code"]) == (1, 1, 0)


def test_every_status_is_counted_those_without_lines_too() -> None:
    """A reader need not know which keys may be missing."""
    body = to_json(figures(record([row()], [change()], [outcome()])))
    assert {status.value: int(status is Status.DONE) for status in Status} == body["status_counts"]


def test_counts_are_of_lines_and_add_up() -> None:
    """A line is a row × channel."""
    told = believable(200)
    found = figures(told)
    total = sum(len(one.channels) for one in told.plan.rows)
    assert total == sum(found.counts.values()) == sum(found.predicted.values()) == sum(found.actual.values())


def test_notes_of_the_plan_come_before_those_of_the_run() -> None:
    """Both are told."""
    assert ("a", "b") == figures(record([row()], notes=("b",), plan=replace(record([row()]).plan, notes=("a",)))).notes


# ── foreseen and come ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_foresees_how_each_line_ends() -> None:
    """By what it does with the trunk, or why it does nothing."""
    rows = [row(2), row(3), row(4), row(5), row(6, valid=False), row(7, selected=False, valid=False), row(8)]
    changes = [
        change(0, of=2),
        kept(1, of=3),
        kept(2, of=4, reason=Reason.NOT_EXPECTED),
        kept(3, of=5, reason=Reason.NOT_SELECTED),
    ]
    expected = {Status.DONE: 1, Status.ALREADY: 1, Status.DRIFTED: 1, Status.INVALID: 1, Status.SKIPPED: 3}
    foreseen = figures(record(rows, changes, [outcome(0)])).predicted
    assert {status.value: count for status, count in expected.items()} == {k: v for k, v in foreseen.items() if v}


def test_a_line_that_ended_otherwise_is_a_surprise() -> None:
    """It is named, with what was foreseen, what came, and why."""
    found = figures(record([row(2), row(3)], [change(0), change(1, of=3)], [outcome(0), rejected(1)]))
    reason = "server_refused: The server said no"
    surprise = Surprise(
        row=3, number=number(3), channel="call", predicted=Status.DONE, actual=Status.REJECTED, reason=reason
    )
    assert (1, (surprise,)) == (found.mispredicted, found.surprises)


def test_all_surprises_are_counted_and_the_first_are_named() -> None:
    """A summary stays small whatever happens."""
    places = range(2, MOST_SURPRISES + 12)
    rows = [row(place) for place in places]
    changes = [change(id_, of=place) for id_, place in enumerate(places)]
    found = figures(record(rows, changes, [rejected(change_.id) for change_ in changes]))
    assert (MOST_SURPRISES + 10, MOST_SURPRISES) == (found.mispredicted, len(found.surprises))


@pytest.mark.parametrize(
    ("whole_run", "finished_at"),
    [(Reason.AUDIT, BEGAN + 1), (Reason.DEADLINE, BEGAN + 1), (None, None)],
    ids=["only looked", "stopped", "cut off"],
)
def test_lines_never_started_because_of_the_whole_run_are_no_surprises(
    whole_run: Reason | None, finished_at: float | None
) -> None:
    """One reason explains them all, their duplicates included."""
    rows = [row(2), row(3, of=2, duplicate_of={"call": 2})]
    found = figures(record(rows, [change()], whole_run=whole_run, finished_at=finished_at))
    assert (0, 2) == (found.mispredicted, found.counts[Status.SKIPPED])


def test_a_line_skipped_for_a_reason_of_its_own_is_a_surprise() -> None:
    """What it depended on did not end well."""
    skipped = outcome(0, Status.SKIPPED, Reason.DEPENDENCY)
    assert figures(record([row()], [change()], [skipped])).mispredicted == 1


# ── why a run did not go to its end ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"whole_run": Reason.AUDIT}, ""),
        ({"whole_run": Reason.WINDOW_CLOSED}, "window_closed: The window for changes had closed"),
        (
            {"whole_run": Reason.API_UNAVAILABLE, "whole_run_detail": "no answer for 60 s"},
            "api_unavailable: The API did not answer any more: no answer for 60 s",
        ),
        ({"finished_at": None}, "interrupted: The run was interrupted"),
    ],
    ids=["to its end", "only looked", "window", "with a detail", "cut off"],
)
def test_why_a_run_stopped_is_a_sentence(facts: dict, said: str) -> None:
    """A run that went to its end, or was only to look, has none."""
    assert said == figures(record([row()], [change()], [outcome()], **facts)).stopped


# ── counts as people say them ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "no rows"),
        ({Status.DONE: 0}, "no rows"),
        ({Status.REJECTED: 2, Status.DONE: 1118}, "1,118 done, 2 rejected"),
    ],
    ids=["nothing", "nought", "two, in the order of the statuses"],
)
def test_counts_are_said_without_what_nothing_has(counts: dict, said: str) -> None:
    """In the order of the statuses, whatever the order of the counting."""
    assert said == counted(counts)
