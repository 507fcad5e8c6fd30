"""What the texts of settings mean, where they speak of time, rates and commands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch import values
from batch.core.guard import failure_budget, guard
from batch.core.model import Limits
from tests.plans import live, plan_of, want


def epoch(text: str) -> float:
    """An ISO time in UTC as seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20/s", (20, 1.0)), ("60/min", (60, 60.0)), ("0.5/s", (1, 2.0)), ("1.5/min", (3, 120.0)), ("auto", None)],
)
def test_a_rate_is_so_many_calls_in_so_many_seconds(text: str, expected: tuple[int, float] | None) -> None:
    """Whole calls: a bucket of half a call lets nothing through."""
    assert expected == values.rate(text)


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        pytest.param("2026-11-25 00:00", 3600, id="today"),
        pytest.param("2026-11-25 01:00", 86_400, id="just now is tomorrow"),
        pytest.param("2026-11-25 02:00", 82_800, id="past is tomorrow"),
        pytest.param("2026-03-28 02:00", 82_800, id="a time that the clock skips is the moment of the skip"),
        pytest.param("2026-10-24 01:00", 82_800, id="the first of the two o'clocks of the jump to winter time"),
    ],
)
def test_a_time_of_day_is_the_next_one(now: str, seconds: float) -> None:
    """02:00 in Berlin."""
    assert seconds == values.moment("02:00 Europe/Berlin").seconds_until(epoch(now))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("2026-11-26 02:00 UTC", 26 * 3600, id="a day"),
        pytest.param("2026-11-25 02:00 Asia/Tokyo", 0, id="has passed"),
        pytest.param("2026-11-26T02:00 America/New_York", 31 * 3600, id="a day elsewhere"),
    ],
)
def test_a_moment_on_a_day_is_that_one_or_has_passed(text: str, seconds: float) -> None:
    """It does not come again."""
    assert seconds == values.moment(text).seconds_until(epoch("2026-11-25 00:00"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("02:00", "give a time and a time zone"),
        ("25:00 UTC", "25:00 is not a time of day"),
        ("2026-02-30 02:00 UTC", "2026-02-30 is not a day"),
        ("02:00 Europe/Atlantis", "there is no time zone 'Europe/Atlantis'"),
    ],
)
def test_what_is_no_moment_is_refused_in_words(text: str, said: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=said):
        values.moment(text)


def test_a_command_is_its_words() -> None:
    """Quotes keep what belongs together; no shell looks at the rest."""
    assert values.command("check 'two words' $HOME") == ("check", "two words", "$HOME")


@pytest.mark.parametrize("text", [" ", "'open"])
def test_what_is_no_command_is_refused(text: str) -> None:
    """An empty one, or one whose quote is not closed."""
    with pytest.raises(ValueError, match="command"):
        values.command(text)


# ── what is too much, or too little, to be meant ──────────────────────────────────────────────────────────────────────

NINES = "9" * 400


@pytest.mark.parametrize("text", ["1000000/s", "1/min", "0.0007/min", "0.5/s"])
def test_a_rate_may_be_high_or_low(text: str) -> None:
    """From a call a day on."""
    assert values.rate(text) is not None


@pytest.mark.parametrize("text", [f"{NINES}/s", "1000001/s", "1.1234567/s", "0.00001/s", "0.0006/min", f"0.{NINES}/s"])
def test_a_rate_that_cannot_be_kept_is_refused(text: str) -> None:
    """More calls at once than anybody makes, or less than one a day."""
    with pytest.raises(ValueError, match="give "):
        values.rate(text)


@pytest.mark.parametrize("text", [f"{NINES}d", f"{NINES}s", "36501d", "36500d1s", f"1.{NINES}s"])
def test_a_duration_of_more_than_a_hundred_years_is_a_slip(text: str) -> None:
    """It is no number of seconds that a clock could be set to."""
    assert values.duration("36500d") == 36_500 * 86_400
    with pytest.raises(ValueError, match="give a duration"):
        values.duration(text)


@pytest.mark.parametrize("parse", [values.count, values.percent, values.count_or_percent, values.concurrency])
@pytest.mark.parametrize("text", ["9" * 5000, f"{NINES}%", "12345678901", "5.12345678901%"])
def test_a_number_of_more_digits_than_anybody_counts_is_refused(parse, text: str) -> None:
    """In words that say what to write."""
    with pytest.raises(ValueError, match="give "):
        parse(text)


def taken(parse, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


@given(st.text("0123456789.% \n٣", max_size=16))
def test_a_brake_that_can_be_set_can_be_read(text: str) -> None:
    """Else a run would be refused after somebody had said yes to it."""
    plan = plan_of([want(0, "call", "B")], live({"call": "A"}))
    if taken(values.count_or_percent, text):
        assert failure_budget(Limits(max_failures=text), 100) >= 0
    if taken(values.percent, text):
        assert guard(plan, Limits(max_change=text)) is not None
    if taken(values.count, text):
        assert guard(plan, Limits(max_changes=text)) is not None
