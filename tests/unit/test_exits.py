"""Exit codes: what a run's end is worth, and which of several codes is returned."""

from __future__ import annotations

from itertools import combinations

import pytest

from batch.core.exits import MEANINGS, PRECEDENCE, STOPS, Exit, exit_code, exit_of
from batch.core.model import Reason, Status
from batch.errors import (
    CredentialsError,
    InputError,
    JournalError,
    LockedError,
    ReassignError,
    SafetyError,
    UnavailableError,
    UsageError,
)
from tests.records import change, kept, outcome, record, row

SIGNALS = {1: 129, 2: 130, 15: 143}
ERRORS = (CredentialsError, InputError, JournalError, LockedError, SafetyError, UnavailableError, UsageError)


def code(*, ill: Status | None = None, **more) -> int:
    """The code of a run of two lines, of which one ended as *ill*."""
    return exit_code({Status.DONE: 1} | ({ill: 1} if ill else {}), **more)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_has_a_meaning() -> None:
    """The README prints them."""
    assert set(Exit) == set(MEANINGS)


def test_every_code_but_success_has_its_place_in_the_precedence() -> None:
    """Once each."""
    assert sorted(set(Exit) - {Exit.OK}) == sorted(PRECEDENCE)


def test_the_precedence_is_that_of_the_contract() -> None:
    """11, 4, 10, 7, then a signal, then 6 and 5."""
    order = [11, 4, 10, 7, 129, 130, 143, 6, 5]
    assert order == [int(exit_) for exit_ in PRECEDENCE if exit_ in order]


CAUSES = {
    11: ({"stopped": Reason.JOURNAL_FAILED}, {"error": JournalError("full")}),
    4: ({"stopped": Reason.CREDENTIALS}, {"error": CredentialsError("refused")}),
    10: ({"stopped": Reason.DEADLINE}, {"error": UnavailableError("silent")}),
    7: ({"stopped": Reason.BUDGET_SPENT}, {"error": SafetyError("held")}),
    143: ({"signal": 15}, {"signal": 15}),
    6: ({"counts": {Status.UNKNOWN: 1}}, {"counts": {Status.UNKNOWN: 1}}),
    5: ({"counts": {Status.FAILED: 1}}, {"counts": {Status.FAILED: 1}}),
}
"""The codes of a run, in the order of the contract, each with the two ways in which its cause can be told."""


@pytest.mark.parametrize(("stronger", "weaker"), list(combinations(CAUSES, 2)), ids=str)
@pytest.mark.parametrize("way", [0, 1], ids=["stopped by it", "ended by its error"])
def test_of_two_codes_that_apply_the_first_in_the_order_is_returned(stronger: int, weaker: int, way: int) -> None:
    """Every pair, each of the two being told either way."""
    one, other = CAUSES[stronger][way], CAUSES[weaker][1 - way]
    counts = one.get("counts", {}) | other.get("counts", {})
    assert stronger == exit_code(**(one | other | {"counts": counts}))


@pytest.mark.parametrize("given", CAUSES, ids=str)
def test_a_cause_alone_gives_its_code(given: int) -> None:
    """The pairs above would prove nothing if a cause were worth nothing."""
    assert [given, given] == [exit_code(**({"counts": {}} | cause)) for cause in CAUSES[given]]


# ── by the lines ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.DONE, 0),
        (Status.ALREADY, 0),
        (Status.INVALID, 5),
        (Status.REJECTED, 5),
        (Status.FAILED, 5),
        (Status.UNKNOWN, 6),
        (Status.DRIFTED, 5),
        (Status.SKIPPED, 5),
    ],
    ids=str,
)
def test_one_line_decides_over_a_run_that_went_to_its_end(status: Status, expected: int) -> None:
    """Nought only if every line is done or already so."""
    assert expected == code(ill=status)


def test_nothing_to_do_is_success() -> None:
    """An empty sheet is no failure."""
    assert exit_code({}) == 0


# ── by what stopped it ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.JOURNAL_FAILED, 11),
        (Reason.CREDENTIALS, 4),
        (Reason.API_UNAVAILABLE, 10),
        (Reason.DEADLINE, 10),
        (Reason.REFUSED_BY_GUARD, 7),
        (Reason.DECLINED, 7),
        (Reason.BUDGET_SPENT, 7),
        (Reason.WAVE_FAILED, 7),
        (Reason.WINDOW_CLOSED, 7),
        (Reason.STOPPED, 7),
        (Reason.INTERRUPTED, 130),
        (Reason.OTHER_ROWS_INVALID, 3),
    ],
    ids=str,
)
def test_what_stopped_a_run_as_a_whole_has_its_code(reason: Reason, expected: int) -> None:
    """Whatever the lines that were never started would say."""
    assert expected == code(ill=Status.SKIPPED, stopped=reason)
    assert reason in STOPS


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_gives_the_code_it_carries(error: type[ReassignError]) -> None:
    """The tree of errors and the table of codes say the same."""
    assert error.exit_code == code(error=error("said so"))


def test_an_error_of_no_kind_is_a_bug() -> None:
    """The root of the tree has code 1."""
    assert code(error=ReassignError("?")) == 1


@pytest.mark.parametrize(("signal", "expected"), SIGNALS.items(), ids=["HUP", "INT", "TERM"])
@pytest.mark.parametrize("stopped", [None, Reason.INTERRUPTED], ids=str)
def test_a_signal_gives_its_own_code_whatever_the_journal_calls_it(
    signal: int, expected: int, stopped: Reason | None
) -> None:
    """The reason *interrupted* does not know which signal it was."""
    assert expected == code(ill=Status.SKIPPED, signal=signal, stopped=stopped)


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ill", "differences", "expected"),
    [
        (Status.SKIPPED, False, 0),
        (Status.SKIPPED, True, 8),
        (Status.DRIFTED, True, 8),
        (Status.INVALID, False, 3),
        (Status.INVALID, True, 3),
    ],
    ids=["plan", "audit", "drifted", "plan with problems", "audit with problems"],
)
def test_a_look_fails_by_differences_and_by_problems_only(ill: Status, differences: bool, expected: int) -> None:
    """What it did not send was not to be sent; problems of rows come before differences."""
    assert expected == code(ill=ill, stopped=Reason.AUDIT, differences=differences)


@pytest.mark.parametrize("reason", [Reason.OTHER_ROWS_INVALID, Reason.REFUSED_BY_GUARD, Reason.DECLINED], ids=str)
def test_a_run_that_never_began_is_not_judged_by_its_lines(reason: Reason) -> None:
    """They are all skipped or invalid, and say nothing more."""
    assert int(STOPS[reason]) == exit_code({Status.SKIPPED: 9, Status.INVALID: 1}, stopped=reason)


# ── by the journal ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_code_of_a_run_is_that_of_its_lines() -> None:
    """As the journal tells them."""
    refused = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED)
    assert exit_of(record([row()], [change()], [outcome()])) == 0
    assert exit_of(record([row()], [change()], [refused])) == 5
    assert exit_of(record([row()], [change()], [refused]), signal=15) == 143
    assert exit_of(record([row()], [change()], [refused]), error=JournalError("full")) == 11


def test_what_was_left_out_on_purpose_is_no_failure() -> None:
    """``--only`` and ``--limit`` are asked for."""
    told = record([row(2), row(3)], [change(0), kept(1, of=3, reason=Reason.NOT_SELECTED)], [outcome(0)])
    assert exit_of(told) == 0


@pytest.mark.parametrize(("differs", "expected"), [(True, 8), (False, 0)], ids=["differs", "the same"])
def test_a_look_that_is_told_to_skip_invalid_rows_is_judged_by_the_others(differs: bool, expected: int) -> None:
    """``audit --skip-invalid``; without it they are what it says first."""
    rows = [row(2), row(3, valid=False)]
    told = record(rows, [change(0) if differs else kept(0)], whole_run=Reason.AUDIT)
    assert [3, expected] == [exit_of(told, differences=True, skip_invalid=skip) for skip in (False, True)]


def test_a_run_that_sends_the_valid_rows_is_judged_by_all() -> None:
    """Those that were skipped are not done."""
    told = record([row(2), row(3, valid=False)], [change(0)], [outcome(0)])
    assert exit_of(told, skip_invalid=True) == 5


def test_differences_count_only_where_they_are_asked_about() -> None:
    """``audit`` asks, ``plan`` does with ``--detailed-exitcode``."""
    differs = record([row()], [change()], whole_run=Reason.AUDIT)
    same = record([row()], [kept()], whole_run=Reason.AUDIT)
    assert [0, 8, 0] == [exit_of(differs), exit_of(differs, differences=True), exit_of(same, differences=True)]
