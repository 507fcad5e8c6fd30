"""The breaker: closed, open, one probe, closed; and when it gives up."""

from __future__ import annotations

import math

import pytest

from batch.engine.breaker import Breaker, State


def opened(breaker: Breaker, at: float = 0.0) -> Breaker:
    """A breaker that was working and has just had enough."""
    breaker.worked()
    for _ in range(8):
        breaker.failed(at)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    """Seven failures leave it closed, the eighth opens it."""
    breaker = Breaker(threshold=8)
    breaker.worked()
    for _ in range(7):
        breaker.failed(0.0)
    assert breaker.wait(0.0) == 0.0
    breaker.failed(0.0)
    assert breaker.wait(0.0) == 15.0


def test_one_success_starts_the_count_again() -> None:
    """Only failures in a row count."""
    breaker = Breaker(threshold=2)
    for _ in range(10):
        breaker.failed(0.0)
        breaker.worked()
    assert breaker.state is State.CLOSED


def test_open_lets_one_probe_through_per_interval() -> None:
    """After the interval one call goes; everybody else waits for its answer."""
    breaker = opened(Breaker(interval=15.0))
    assert breaker.wait(14.0) == 1.0
    assert breaker.wait(15.0) == 0.0
    breaker.sent(15.0)
    assert breaker.wait(15.0) == math.inf
    breaker.failed(16.0)
    assert breaker.wait(16.0) == 15.0


def test_a_probe_that_works_closes_it() -> None:
    """The first good answer ends the outage for all."""
    breaker = opened(Breaker())
    breaker.sent(15.0)
    breaker.worked()
    assert (breaker.state, breaker.wait(15.0)) == (State.CLOSED, 0.0)


def test_a_probe_that_was_not_sent_is_no_answer() -> None:
    """A probe that was cancelled leaves it open, and the next probe waits its interval."""
    breaker = opened(Breaker(interval=15.0))
    breaker.sent(15.0)
    breaker.not_sent()
    assert breaker.wait(15.0) == 15.0


def test_late_failures_of_calls_already_under_way_do_not_delay_the_probe() -> None:
    """Sixteen workers may fail at once; the ninth failure changes nothing."""
    breaker = opened(Breaker(interval=15.0))
    breaker.failed(10.0)
    assert breaker.wait(10.0) == 5.0


@pytest.mark.parametrize(("worked_before", "patience"), [(True, 120.0), (False, 20.0)])
def test_it_gives_up_when_patience_is_over(patience: float, *, worked_before: bool) -> None:
    """Two minutes for an outage, twenty seconds for a server that never answered at all."""
    breaker = Breaker()
    if worked_before:
        breaker.worked()
    for _ in range(8):
        breaker.failed(0.0)
    assert not breaker.given_up(patience - 0.1)
    assert breaker.given_up(patience)


def test_a_closed_breaker_never_gives_up() -> None:
    """Patience counts only while it is open."""
    breaker = Breaker()
    breaker.worked()
    assert not breaker.given_up(1e9)


def test_an_outage_costs_a_bounded_number_of_calls() -> None:
    """Two minutes of outage: the threshold, and one probe per interval."""
    breaker = Breaker(threshold=8, interval=15.0, patience=120.0)
    breaker.worked()
    now, sent = 0.0, 0
    while not breaker.given_up(now):
        wait = breaker.wait(now)
        if wait > 0.0:
            now += wait
            continue
        breaker.sent(now)
        sent += 1
        breaker.failed(now)
    assert sent <= 8 + 120 / 15
