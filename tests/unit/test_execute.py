"""An execution: its bounds, its waves, and what ends it early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from batch.core.lifecycle import Kind
from batch.core.model import Outcome, Reason, Status, Verified
from batch.engine.schedule import Brakes
from batch.errors import CredentialsError, JournalError, UnavailableError, WaveError
from tests.executing import after, with_trunks
from tests.fake_api import Say
from tests.rigs import RESET, ended, is_look, is_read, move, page, said, statuses
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent

pytestmark = pytest.mark.anyio

# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_everything_is_done_by_no_more_workers_than_there_are() -> None:
    """Four at a time, a hundred in all, each noted and told once."""
    made = await with_trunks(100)
    told: list[Outcome] = []
    ending = await made.execute([move(i) for i in range(100)], on_progress=lambda *outcomes: told.extend(outcomes))
    assert (set(statuses(ending).values()), ending.stopped, ending.error) == ({Status.DONE}, None, None)
    assert (made.api.peak, made.api.count("PUT")) == (4, 100)
    assert sorted(outcome.change for outcome in told) == list(range(100))
    assert [made.owner(i) for i in range(100)] == [agent(1)] * 100


async def test_an_outcome_is_on_disk_before_it_counts() -> None:
    """What needs a change starts only after the outcome of that change is noted."""
    made = await with_trunks(2)
    made.notes.seconds = 1.0
    await made.execute([move(0), move(1, needs=(0,))])
    intent, outcome = Kind.INTENT, Kind.OUTCOME
    assert made.notes.kinds() == [(intent, 0), (outcome, 0), (intent, 1), (outcome, 1)]


@pytest.mark.parametrize("budget", [0, 5])
async def test_calls_in_flight_cannot_overrun_the_failure_budget(budget: int) -> None:
    """Fifty workers on a server that refuses everything: the budget, and the one failure that ends the run."""
    made = await with_trunks(60, *[Say(said(422))] * 60)
    ending = await made.execute([move(i) for i in range(60)], workers=50, brakes=Brakes(budget=budget, canary=False))
    assert (made.api.count("PUT"), ending.stopped) == (budget + 1, Reason.BUDGET_SPENT)
    assert list(statuses(ending).values()) == [Status.REJECTED] * (budget + 1)


async def test_unknown_and_failed_rows_spend_the_budget_too() -> None:
    """Each kind once, and the third ends the run."""
    made = await with_trunks(9, Say(said(404)), *[Say(RESET)] * 5, *[Say(page(521))] * 5)
    ending = await made.execute([move(i) for i in range(9)], workers=1, brakes=Brakes(budget=2, canary=False))
    assert list(statuses(ending).values()) == [Status.REJECTED, Status.UNKNOWN, Status.FAILED]
    assert ending.stopped is Reason.BUDGET_SPENT


async def test_going_on_after_a_spent_budget_gives_a_new_one() -> None:
    """Whoever resumes has seen why the run stopped; before it was spent, earlier failures count."""
    spent = {i: ended(i, Status.REJECTED, Reason.SERVER_REFUSED) for i in range(3)}
    made = await with_trunks(20, *[Say(said(422))] * 20)
    changes = [move(i) for i in range(20)]
    await made.execute(changes, known=spent, brakes=Brakes(budget=2, canary=False))
    anew = made.api.count("PUT")
    await made.execute(changes, known={0: spent[0]}, brakes=Brakes(budget=2, canary=False))
    assert (anew, made.api.count("PUT") - anew) == (3, 2)


# ── the canary and the waves ──────────────────────────────────────────────────────────────────────────────────────────


async def test_one_row_goes_first_and_is_read_back() -> None:
    """While none is done, one at a time; the echo of a canary is not believed."""
    made = await with_trunks(10, Say(said(422)))
    ending = await made.execute([move(i) for i in range(10)], brakes=Brakes(budget=5))
    intent, outcome = Kind.INTENT, Kind.OUTCOME
    assert made.notes.kinds()[:4] == [(intent, 0), (outcome, 0), (intent, 1), (outcome, 1)]
    assert [ending.outcomes[i].verified for i in (1, 2)] == [Verified.EACH, Verified.ECHO]
    assert sum(is_look(call) for call in made.api.calls) == 1


async def test_a_wave_is_looked_at_before_the_next_one_starts() -> None:
    """Once, when all of it has ended, and what the look finds out is recorded."""
    made = await with_trunks(6)
    looked: list[tuple[int, list[int], int]] = []

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        looked.append((wave, sorted(outcomes), made.api.count("PUT")))
        await anyio.sleep(1.0)
        record(ended(0, Status.DRIFTED, Reason.CHANGED_AFTERWARDS))

    changes = [move(i, wave=wave) for i, wave in enumerate([0, 0, 1, 1, 1, 2])]
    ending = await made.execute(changes, check_wave=check)
    assert looked == [(0, [0, 1], 2), (1, [0, 1, 2, 3, 4], 5)]
    assert (ending.outcomes[0].status, made.notes.outcomes()[0][0]) == (Status.DRIFTED, Status.DRIFTED)


async def test_a_later_sitting_looks_at_the_wave_before_the_one_it_begins() -> None:
    """The earlier one may have been cut off before it could; where the next was begun, it had looked."""
    looked: list[tuple[int, int]] = []

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        looked.append((wave, made.api.count("PUT")))

    changes = [move(i, wave=i // 2) for i in range(4)]
    for known in ({0: ended(0), 1: ended(1)}, {0: ended(0), 1: ended(1), 2: ended(2)}, {0: ended(0)}, {}):
        made = await with_trunks(4)
        looked.append((-1, -1))
        await made.execute(changes, known=known, check_wave=check)
    assert looked == [(-1, -1), (0, 0), (-1, -1), (-1, -1), (0, 1), (-1, -1), (0, 2)]


async def test_a_wave_of_an_earlier_sitting_that_does_not_hold_stops_the_next() -> None:
    """Nothing of it is sent."""
    made = await with_trunks(4)

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        raise WaveError(f"wave {wave + 1} is not as the server said")

    known = {0: ended(0), 1: ended(1)}
    ending = await made.execute([move(i, wave=i // 2) for i in range(4)], known=known, check_wave=check)
    assert (made.api.count("PUT"), ending.stopped) == (0, Reason.WAVE_FAILED)


async def test_a_stop_while_the_wave_of_an_earlier_sitting_is_looked_at_ends_the_run() -> None:
    """As it does between two waves."""
    made = await with_trunks(4)

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        await made.gate.sleep(100.0)

    known, watch = {0: ended(0), 1: ended(1)}, after(5.0, Reason.STOPPED)
    changes = [move(i, wave=i // 2) for i in range(4)]
    ending = await made.execute(changes, known=known, check_wave=check, watches=[watch])
    assert (made.api.count("PUT"), ending.stopped, ending.error) == (0, Reason.STOPPED, None)


async def test_a_run_whose_time_is_over_was_stopped_by_its_deadline() -> None:
    """Whoever notices first, of the API that says nothing."""
    made = await with_trunks(3, deadline=3.0)
    made.api.latency = 2.0
    ending = await made.execute([move(i) for i in range(3)], workers=1)
    assert (ending.stopped, ending.error) == (Reason.DEADLINE, None)


async def test_a_wave_that_does_not_hold_stops_the_run() -> None:
    """The next is not begun."""
    made = await with_trunks(4)

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        raise WaveError(f"wave {wave + 1} is not as the server said")

    ending = await made.execute([move(i, wave=i // 2) for i in range(4)], check_wave=check)
    assert (sorted(ending.outcomes), ending.stopped) == ([0, 1], Reason.WAVE_FAILED)
    assert isinstance(ending.error, WaveError)


async def test_a_stop_while_a_wave_is_looked_at_ends_the_run() -> None:
    """The look is broken off like any other wait, and nobody hangs."""
    made = await with_trunks(4)

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        await made.gate.sleep(100.0)

    watch = after(5.0, Reason.STOPPED)
    ending = await made.execute([move(i, wave=i // 2) for i in range(4)], check_wave=check, watches=[watch])
    assert (sorted(ending.outcomes), ending.stopped, ending.error) == ([0, 1], Reason.STOPPED, None)


# ── the end before the end ────────────────────────────────────────────────────────────────────────────────────────────


async def test_after_a_stop_calls_in_flight_finish_and_nothing_new_is_sent() -> None:
    """Calls of three seconds, a stop in the middle of the second round."""
    made = await with_trunks(40, latency=3.0, max_age=300.0)
    start = anyio.current_time()
    ending = await made.execute([move(i) for i in range(40)], watches=[after(4.0)])
    assert (made.api.count("PUT"), anyio.current_time() - start) == (8, pytest.approx(6.0))
    assert (list(statuses(ending).values()), ending.stopped) == ([Status.DONE] * 8, Reason.DEADLINE)


async def test_a_stop_ends_waiting_at_once() -> None:
    """Told to wait for an hour, the run still ends with its stop; what was not sent is skipped."""
    made = await with_trunks(40, *[Say(said(429, retry_after="3600"))] * 4, latency=0.0)
    start = anyio.current_time()
    ending = await made.execute([move(i) for i in range(40)], watches=[after(4.0, Reason.STOPPED)])
    assert anyio.current_time() - start == pytest.approx(4.0)
    assert list(statuses(ending).values()) == [Status.SKIPPED] * 4


async def test_calls_that_do_not_finish_in_the_grace_are_cut_off_and_unknown() -> None:
    """Six seconds after the stop, whatever the server does; noted, so that the final look and ``resume`` see them."""
    made = await with_trunks(40, latency=25.0)
    start = anyio.current_time()
    ending = await made.execute([move(i) for i in range(40)], workers=3, watches=[after(4.0)])
    assert anyio.current_time() - start == pytest.approx(10.0)
    expected = dict.fromkeys(range(3), (Status.UNKNOWN, Reason.DEADLINE))
    assert (made.notes.outcomes(), made.api.count("PUT")) == (expected, 3)
    assert all(outcome.written for outcome in ending.outcomes.values())


async def test_a_journal_that_fails_ends_the_run_with_no_put_but_those_in_flight() -> None:
    """Ten entries fit: four intents, then three times an outcome with the next intent; the fourth pair never leaves."""
    made = await with_trunks(40)
    made.notes.room = 10
    ending = await made.execute([move(i) for i in range(40)])
    assert isinstance(ending.error, JournalError)
    assert (ending.stopped, made.api.count("PUT")) == (Reason.JOURNAL_FAILED, 7)
    assert [status for status, _ in made.notes.outcomes().values()] == [Status.DONE] * 3


async def test_a_journal_failure_outranks_what_stopped_the_run() -> None:
    """Nothing could be written any more of how it ended."""
    made = await with_trunks(8, *[Say(page(403))] * 8, latency=1.0)
    made.notes.room = 4
    ending = await made.execute([move(i) for i in range(8)])
    assert isinstance(ending.error, JournalError)


async def test_a_refused_token_ends_the_run_and_denies_nothing() -> None:
    """Four were sent, none can have been applied: skipped, with the reason, so that ``resume`` makes them."""
    made = await with_trunks(40, *[Say(said(401))] * 9)
    made.api.script(*[Say(said(401))] * 9, matching=is_read)
    ending = await made.execute([move(i) for i in range(40)])
    assert isinstance(ending.error, CredentialsError)
    assert made.notes.outcomes() == dict.fromkeys(range(4), (Status.SKIPPED, Reason.CREDENTIALS))
    assert (ending.stopped, made.api.count("PUT")) == (Reason.CREDENTIALS, 4)


async def test_a_total_outage_ends_the_run_with_few_calls() -> None:
    """Workers, the breaker's threshold, and a probe every fifteen seconds; then exit 10."""
    made = await with_trunks(500, *[Say(RESET)] * 1000, latency=0.0)
    made.api.script(*[Say(RESET)] * 1000, matching=is_read)
    ending = await made.execute([move(i) for i in range(500)], workers=16)
    assert isinstance(ending.error, UnavailableError)
    assert len(made.api.calls) <= 16 + 8 + 120 / 15
    assert set(statuses(ending).values()) <= {Status.UNKNOWN, Status.SKIPPED}


async def test_a_bug_is_not_swallowed() -> None:
    """It ends the run as what it is."""
    made = await with_trunks(2)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(BaseExceptionGroup) as group:
        await made.execute([move(0), move(1)], on_progress=broken)
    assert group.value.subgroup(ZeroDivisionError) is not None
