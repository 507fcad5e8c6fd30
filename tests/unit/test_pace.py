"""The pacer, call by call: what each answer does to those that wait, and what it says of itself."""

from __future__ import annotations

import itertools
import math

import pytest

from batch.engine.pace import PATIENCE, Pacer, Rate, parse_rate
from batch.errors import UsageError
from tests.limiters import FixedWindow, Free, Limiter, drive

LARAVEL = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0"}


def refused_at(pacer: Pacer, now: float, headers: dict[str, str], *, status: int = 429) -> None:
    assert pacer.ask(now) == 0.0
    pacer.answered(now, now, status, headers)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Answers under way may bring another Retry-After; the longest one counts."""
    pacer = Pacer()
    assert [pacer.ask(0.0), pacer.ask(0.0)] == [0.0, 0.0]
    pacer.answered(0.0, 1.0, 429, {"retry-after": "30"})
    pacer.answered(0.0, 1.1, 429, {"retry-after": "1"})
    assert pacer.ask(30.9) > 0.0


def test_a_date_is_waited_for_by_the_servers_own_clock() -> None:
    """Retry-After as a date lies half a minute after the answer's Date, whatever our clock says."""
    pacer = Pacer()
    served, until = "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:30 GMT"
    refused_at(pacer, 0.0, {"retry-after": until, "date": served})
    assert pacer.ask(29.9) == pytest.approx(0.1)
    assert pacer.ask(30.0) == 0.0


def test_after_a_pause_one_call_goes_alone() -> None:
    """No stampede: until the first call after a pause is accepted, everybody else waits for its answer."""
    pacer = Pacer()
    refused_at(pacer, 0.0, {"retry-after": "2"})
    assert pacer.ask(2.0) == 0.0
    assert pacer.ask(2.0) == math.inf
    pacer.answered(2.0, 2.1, 200, {})
    assert pacer.ask(2.1) == 0.0


def test_retry_after_zero_still_means_a_pause() -> None:
    """A Retry-After of 0 (Laravel in its last second) is answered with a floor that grows while refusals go on."""
    pacer = Pacer()
    pauses = []
    now = 0.0
    for _ in range(4):
        refused_at(pacer, now, LARAVEL | {"retry-after": "0"})
        pauses.append(pacer.view(now).waiting_seconds)
        now += pauses[-1]
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_refusals_without_a_word_are_knocked_at_ever_more_rarely() -> None:
    """Nobody says how long: each single call that is refused makes the next wait longer, up to a minute."""
    pacer = Pacer()
    now, waits = 0.0, []
    for _ in range(12):
        refused_at(pacer, now, {})
        seconds = pacer.ask(now)
        waits.append(seconds)
        now += seconds
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(waits))
    assert waits[0] == pytest.approx(0.1)
    assert 15.0 <= waits[-1] <= 60.0


def test_a_call_that_did_not_leave_gives_its_place_back() -> None:
    """What is given back is as if it had never been asked for."""
    pacer = Pacer(Rate(1, 60.0))
    assert pacer.ask(0.0) == 0.0
    assert pacer.ask(1.0) > 0.0
    pacer.give_back(0.0)
    assert pacer.ask(1.0) == 0.0


def test_a_call_without_an_answer_stays_booked() -> None:
    """The server may have counted it."""
    pacer = Pacer(Rate(1, 60.0))
    assert pacer.ask(0.0) == 0.0
    pacer.faulted(0.0, 5.0)
    assert pacer.view(5.0).in_flight == 0
    assert pacer.ask(5.0) == pytest.approx(55.0, abs=0.1)


def test_concurrency_bounds_what_is_under_way() -> None:
    """--concurrency 2: the third call waits for an answer."""
    pacer = Pacer(concurrency=2)
    assert [pacer.ask(0.0) for _ in range(3)] == [0.0, 0.0, math.inf]


def hanging(**how: int) -> tuple[Pacer, float]:
    """A pacer that has two calls hang while others are served, up to where no third may be under way."""
    pacer = Pacer(**how)
    assert [pacer.ask(0.0), pacer.ask(0.0)] == [0.0, 0.0]
    pacer.answered(0.0, 0.01, 200, {})
    for now in (0.01, 0.02, 0.03, 0.04):
        assert pacer.ask(now) == 0.0
        pacer.answered(now, now + 0.01, 200, {})
    assert [pacer.ask(0.05), pacer.ask(0.06)] == [0.0, 0.0]
    pacer.answered(0.06, 0.07, 200, {})
    # as many as are bounded at a round number of calls
    for now in itertools.count(0.08, 0.01):
        if pacer.ask(now) > 0.0:
            return pacer, now
        pacer.answered(now, now + 0.01, 200, {})
    raise AssertionError


def test_calls_that_hang_hold_up_no_others_for_long() -> None:
    """Two of them would else keep the whole run waiting: once later calls were answered, for a second."""
    pacer, now = hanging()
    assert pacer.ask(now) == pytest.approx(PATIENCE - now)
    assert pacer.ask(PATIENCE) == 0.0
    pacer.answered(PATIENCE, PATIENCE + 0.01, 200, {})
    assert pacer.view(PATIENCE + 0.1).in_flight == 2
    pacer.answered(0.0, 5.0, 200, {})  # it came after all
    pacer.faulted(0.05, 30.0)
    assert pacer.view(30.0).in_flight == 0


def test_calls_that_hang_are_under_way_where_people_bound_that() -> None:
    """--concurrency 3 with two that hang: one at a time."""
    pacer, _ = hanging(concurrency=3)
    assert [pacer.ask(PATIENCE), pacer.ask(PATIENCE + 0.05)] == [0.0, math.inf]


def test_a_call_that_goes_alone_is_waited_for_however_long_it_hangs() -> None:
    """Nothing was answered after it, so nothing says that only this one hangs."""
    pacer = Pacer()
    refused_at(pacer, 0.0, {"retry-after": "2"})
    assert [pacer.ask(2.0), pacer.ask(20.0)] == [0.0, math.inf]


@pytest.mark.parametrize(("rate", "calls"), [(Rate(3, 1.0), 3), (Rate(12, 1.0), 4), (Rate(60, 1.0), 12)])
def test_a_typed_rate_lets_a_few_calls_out_before_the_first_answer(rate: Rate, calls: int) -> None:
    """Four, or a fifth of the count where that is more, but never more than the rate itself."""
    pacer = Pacer(rate)
    assert [pacer.ask(0.0) for _ in range(calls)] == [0.0] * calls
    assert pacer.ask(0.0) > 0.0


def test_a_refused_call_is_no_evidence_against_a_call_accepted_beside_it() -> None:
    """Several calls are refused together: one lesson, and the wait is that of the first."""
    pacer = Pacer()
    assert [pacer.ask(0.0), pacer.ask(0.0)] == [0.0, 0.0]
    pacer.answered(0.0, 0.01, 429, {})
    pacer.answered(0.0, 0.01, 429, {})
    assert pacer.ask(0.01) <= 0.1


def test_several_quotas_are_all_kept() -> None:
    """A burst limit and an hourly one, told under two names: the hourly one stops us although the other has room."""
    pacer = Pacer()
    headers = {
        "ratelimit": '"burst";r=9;t=1, "hour";r=0;t=900',
        "ratelimit-policy": '"burst";q=10;w=1, "hour";q=100;w=3600',
    }
    assert pacer.ask(0.0) == 0.0
    pacer.answered(0.0, 0.01, 200, headers)
    assert pacer.ask(1.0) > 100.0


def test_the_last_of_a_quota_is_left_alone_until_its_reset() -> None:
    """Ten a minute: ten leave, and the eleventh when the window ends that began with the first."""
    pacer = Pacer()
    for number in range(10):
        told = {"ratelimit-limit": "10", "ratelimit-remaining": str(9 - number), "ratelimit-policy": "10;w=60"}
        assert pacer.ask(float(number)) == 0.0
        pacer.answered(float(number), float(number), 200, told)
    assert pacer.ask(10.0) == pytest.approx(50.0)


@pytest.mark.parametrize("reserve", [0.3, 0.5, 0.95])
def test_a_reserve_leaves_its_share_of_a_window(reserve: float) -> None:
    """Of twenty a minute only ours leave; the others' share is never asked for (two leave before anything is told)."""
    pacer = Pacer(reserve=reserve)
    run = drive(pacer, FixedWindow(20, 60, "draft"), calls=10**6, until=59.0)
    assert len(run.log) == max(2, math.floor(20 * (1 - reserve)))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("auto", None),
        ("", None),
        ("20/s", Rate(20, 1.0)),
        (" 60 / min ", Rate(60, 60.0)),
        ("1000/h", Rate(1000, 3600.0)),
        ("5/SEC", Rate(5, 1.0)),
    ],
)
def test_a_rate_is_read_as_typed(text: str, rate: Rate | None) -> None:
    """auto, per second, per minute, per hour."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["fast", "20", "20/", "/s", "0/s", "-1/s", "1.5/s", "20/fortnight", "20/s/s", "٣/s"])
def test_a_rate_that_is_none_is_a_usage_error(text: str) -> None:
    """Nonsense is refused, with an example of what may be said."""
    with pytest.raises(UsageError, match="is not a rate") as error:
        parse_rate(text)
    assert "20/s" in error.value.hint


VIEWS = [
    (Pacer(Rate(60, 60.0)), Free(), "60 per 60 s", "typed in", 1.0),
    (Pacer(), FixedWindow(60, 60, "draft"), "60 per 60 s", "told by the server", 1.0),
    (Pacer(reserve=0.5), FixedWindow(60, 60, "draft"), "60 per 60 s", "told by the server", 0.5),
    (Pacer(), FixedWindow(20, 1), "20 per 1 s", "inferred from", 20.0),
    (Pacer(), Free(), "none seen", "the server never refused and tells no limit", None),
]


@pytest.mark.parametrize(("pacer", "server", "limit", "why", "rate"), VIEWS, ids=[view[3] for view in VIEWS])
def test_the_view_says_what_is_believed_and_why(
    pacer: Pacer, server: Limiter, limit: str, why: str, rate: float | None
) -> None:
    """What stands on the progress line and in summary.json."""
    run = drive(pacer, server, calls=90)
    view = pacer.view(run.ended_at)
    assert (view.limit, view.why.startswith(why), view.per_second) == (limit, True, rate)
    assert (view.used, view.in_flight, view.refused) == (len(run.log), 0, run.refused)
    assert set(view.words()) == {"limit", "why", "per_second", "used", "refused", "waiting_seconds"}


def test_the_view_tells_how_long_a_wait_lasts_that_nobody_asked_for() -> None:
    """A bare 429: the wait is our own choice, and shown all the same."""
    pacer = Pacer()
    refused_at(pacer, 0.0, {})
    assert pacer.ask(0.0) == pytest.approx(0.1)
    view = pacer.view(0.0)
    assert (view.limit, view.waiting_seconds) == ("not measured yet", pytest.approx(0.1))
