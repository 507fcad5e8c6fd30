"""The stand-in's limiters and how they tell about themselves, on a clock moved by hand."""

from email.utils import parsedate_to_datetime

import pytest

from batch.sandbox.throttle import Permit, ThrottleRule, headers, limiter
from tests.worlds import Ticks

STOCK = ThrottleRule(limit=60)


def took(made, count: int) -> int:
    """How many of *count* calls pass."""
    return sum(made.take().granted for _ in range(count))


def test_a_fixed_window_grants_its_limit_and_starts_with_the_first_call() -> None:
    """60 a minute, counted from the first call on."""
    ticks = Ticks()
    made = limiter(STOCK, ticks.clock)
    ticks.advance(1000)
    assert 60 == took(made, 70)
    ticks.advance(59.9)
    assert 0 == took(made, 5)
    ticks.advance(0.1)
    assert 60 == took(made, 70)


def test_a_refused_call_of_a_fixed_window_is_not_counted() -> None:
    """Knocking early does not lengthen the wait (API.md §5)."""
    ticks = Ticks()
    made = limiter(STOCK, ticks.clock)
    took(made, 60)
    for _ in range(59):
        ticks.advance(1)
        took(made, 5)
    ticks.advance(1)
    assert 60 == took(made, 61)


def test_retry_after_of_a_fixed_window_is_whole_seconds_and_can_be_zero_too_early() -> None:
    """Laravel subtracts two clocks cut to seconds, while the window itself ends to the fraction."""
    ticks = Ticks(epoch=1_790_000_000.9)
    made = limiter(ThrottleRule(limit=1), ticks.clock)
    took(made, 1)
    assert 60 == made.take().retry_after
    ticks.advance(59.5)
    assert Permit(granted=False, remaining=0, retry_after=0, reset=0.5) == made.take()
    ticks.advance(0.5)
    assert made.take().granted


def test_others_use_up_a_part_of_a_fixed_window() -> None:
    """The web panel of the same user shares the count."""
    ticks = Ticks()
    made = limiter(ThrottleRule(limit=60, others=0.5), ticks.clock)
    took(made, 1)
    ticks.advance(20)
    assert 49 == took(made, 60)


def test_a_bucket_grants_its_burst_and_then_its_rate() -> None:
    """20 at once, then 10 a second."""
    ticks = Ticks()
    made = limiter(ThrottleRule(kind="bucket", rate=10, burst=20), ticks.clock)
    assert 20 == took(made, 30)
    ticks.advance(1.0)
    assert 10 == took(made, 30)


def test_retry_after_of_a_bucket_is_rounded_up() -> None:
    """The whole second of which obedience alone is five times too slow."""
    ticks = Ticks()
    made = limiter(ThrottleRule(kind="bucket", rate=10, burst=1), ticks.clock)
    took(made, 1)
    assert 1 == made.take().retry_after


def test_others_slow_a_bucket_down() -> None:
    """What others draw does not come to us."""
    ticks = Ticks()
    made = limiter(ThrottleRule(kind="bucket", rate=10, burst=10, others=4), ticks.clock)
    took(made, 10)
    ticks.advance(1.0)
    assert 6 == took(made, 30)


def test_a_concurrency_limit_frees_a_place_when_a_call_ends() -> None:
    """Places, not rates."""
    made = limiter(ThrottleRule(kind="concurrency", limit=2), Ticks().clock)
    assert 2 == took(made, 3)
    made.release()
    assert 1 == took(made, 2)


def test_no_limit_is_no_limit_and_says_nothing() -> None:
    """No header hints at a limiter that is not there."""
    rule = ThrottleRule(kind="none")
    made = limiter(rule, Ticks().clock)
    assert 1000 == took(made, 1000)
    made.release()
    assert () == headers(rule, made.take(), 0.0)


OPEN = Permit(granted=True, remaining=41, reset=12.2)
SHUT = Permit(granted=False, remaining=0, retry_after=13, reset=12.2)


@pytest.mark.parametrize(
    ("style", "permit", "expected"),
    [
        pytest.param("laravel", OPEN, {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "41"}, id="laravel"),
        pytest.param(
            "laravel",
            SHUT,
            {
                "X-RateLimit-Limit": "60",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1013",
                "Retry-After": "13",
            },
            id="laravel-429",
        ),
        pytest.param(
            "draft", OPEN, {"RateLimit-Limit": "60", "RateLimit-Remaining": "41", "RateLimit-Reset": "13"}, id="draft"
        ),
        pytest.param(
            "ietf", OPEN, {"RateLimit-Policy": '"default";q=60;w=60', "RateLimit": '"default";r=41;t=13'}, id="ietf"
        ),
        pytest.param("none", OPEN, {}, id="none"),
        pytest.param("none", SHUT, {"Retry-After": "13"}, id="none-429"),
    ],
)
def test_headers_tell_in_the_chosen_style(style: str, permit: Permit, expected: dict[str, str]) -> None:
    """Laravel's, two drafts of the standard, or silence."""
    rule = ThrottleRule.model_validate({"limit": 60, "headers": style})
    assert expected == dict(headers(rule, permit, 1000.7))


def test_retry_after_can_be_a_date_or_left_out() -> None:
    """Both forms are allowed by the standard."""
    dated = dict(headers(ThrottleRule(retry_after="date"), SHUT, 1_790_000_000.0))
    assert 1_790_000_013 == parsedate_to_datetime(dated["Retry-After"]).timestamp()
    assert "Retry-After" not in dict(headers(ThrottleRule(retry_after="none"), SHUT, 0.0))


def test_a_bucket_tells_its_burst_as_the_limit() -> None:
    """With the time it takes to fill as the window."""
    rule = ThrottleRule(kind="bucket", rate=10, burst=25, headers="ietf")
    assert '"default";q=25;w=3' == dict(headers(rule, OPEN, 0.0))["RateLimit-Policy"]
