"""Doing a whole plan: bounds, order, budget, waves, and everything that may end it early. Time is virtual."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from batch.core.lifecycle import Kind
from batch.core.model import OnSplit, Outcome, Reason, Status, Verified
from batch.engine.execute import reason_of
from batch.engine.schedule import Brakes
from batch.errors import CredentialsError, JournalError, ReassignError, SafetyError, UnavailableError, WaveError
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule
from tests.fake_api import FakeApi, Say
from tests.rigs import RESET, Rig, ended, is_look, is_read, move, page, rig, said, statuses, trunks
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

EXCLUSIVE = Options(throttle=ThrottleRule(kind="none"), occupancy=Rule.REFUSE)


@pytest.fixture(params=[pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="virtual clock")])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Trio with a clock that jumps: waiting costs nothing."""
    return request.param


async def with_trunks(count: int, *steps: Any, latency: float = 0.1, **how: Any) -> Rig:
    """So many numbers, all of agent 0; calls take a tenth of a second."""
    made = await rig(FakeApi(world(*trunks(count))), **how)
    made.api.latency = latency
    made.api.script(*steps)
    return made


async def exclusive(*bindings: Mapping[str, int | None], **how: Any) -> Rig:
    """A server that refuses an agent who has another number."""
    return await rig(FakeApi(world(*bindings), EXCLUSIVE), **how)


def after(seconds: float, reason: Reason = Reason.DEADLINE) -> Any:
    """A watch that ends the run in so many seconds."""

    async def watch() -> Reason:
        await anyio.sleep(seconds)
        return reason

    return watch


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


# ── conflicts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_conflict_waits_for_the_change_that_frees_the_agent() -> None:
    """Planned as if agents could be shared, on a server that refuses: tried, refused, made once the way is free."""
    made = await exclusive({"call": 0}, {"call": 1})
    ending = await made.execute([move(0, 0, 1), move(1, 1, 2)], workers=1)
    assert (list(statuses(ending).values()), ending.outcomes[0].attempts) == ([Status.DONE] * 2, 2)
    assert made.writes() == [(number(0), agent(1)), (number(1), agent(2)), (number(0), agent(1))]


async def test_a_conflict_may_wait_for_a_later_wave() -> None:
    """The wave ends with it still waiting, and it is made when the later wave has freed its agent."""
    made = await exclusive({"call": 0}, {"call": 1})
    ending = await made.execute([move(0, 0, 1), move(1, 1, 2, wave=1)])
    assert list(statuses(ending).values()) == [Status.DONE] * 2


async def test_a_conflict_that_nothing_will_free_is_rejected() -> None:
    """The agent serves a trunk that does not move."""
    made = await exclusive({"call": 0}, {"call": 1})
    ending = await made.execute([move(0, 0, 1)])
    outcome = ending.outcomes[0]
    assert (outcome.status, outcome.reason, outcome.http_status) == (Status.REJECTED, Reason.AGENT_TAKEN, 409)


async def test_two_that_wait_for_each_other_are_rejected_and_their_rows_put_back() -> None:
    """A swap on a server that refuses: both refused, what needed them skipped, the other channel of a row put back."""
    made = await exclusive({"call": 0, "whatsapp": 0}, {"call": 1}, {"call": 3})
    changes = [
        move(0, 0, 1, unit=0),
        move(1, 0, 1, of=0, channel="whatsapp", unit=0),
        move(2, 1, 0, of=1),
        move(3, 3, 4, of=2, needs=(2,)),
    ]
    ending = await made.execute(changes)
    expected = {
        0: (Status.REJECTED, Reason.AGENT_TAKEN),
        1: (Status.FAILED, Reason.UNIT_PUT_BACK),
        2: (Status.REJECTED, Reason.AGENT_TAKEN),
        3: (Status.SKIPPED, Reason.DEPENDENCY),
    }
    assert made.notes.outcomes() == expected
    assert (ending.stopped, made.owner(0, "whatsapp")) == (None, agent(0))


async def test_a_conflict_whose_blocker_fails_stays_refused() -> None:
    """With the words of the server, not as a mere dependency."""
    made = await exclusive({"call": 0}, {"call": 1}, {"call": 2})
    ending = await made.execute([move(0, 0, 1), move(1, 1, 2)], workers=1)
    assert made.notes.outcomes() == dict.fromkeys((0, 1), (Status.REJECTED, Reason.AGENT_TAKEN))
    assert "already assigned" in ending.outcomes[0].detail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (JournalError("full"), Reason.JOURNAL_FAILED),
        (CredentialsError("refused"), Reason.CREDENTIALS),
        (UnavailableError("silent"), Reason.API_UNAVAILABLE),
        (WaveError("untrue"), Reason.WAVE_FAILED),
        (SafetyError("a list that does not end"), Reason.STOPPED),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_what_ends_a_run_is_called_by_its_name(error: ReassignError, reason: Reason) -> None:
    """Only what was seen of a wave is a failed wave."""
    assert reason == reason_of(error)


async def test_a_conflict_that_still_waits_at_a_stop_is_skipped() -> None:
    """It surely was not applied, and ``resume`` tries it again."""
    made = await exclusive({"call": 0}, {"call": 1})
    made.api.latency = 1.0
    changes = [move(0, 0, 1), move(1, 1, 2, wave=1)]

    async def check(wave: int, outcomes: Mapping[int, Outcome], record: Any) -> None:
        raise WaveError("the wave does not hold")

    await made.execute(changes, check_wave=check)
    assert made.notes.outcomes() == {0: (Status.SKIPPED, Reason.WAVE_FAILED)}


# ── rows of several channels ──────────────────────────────────────────────────────────────────────────────────────────


def both_channels() -> Sequence[Any]:
    """A row that asks for both channels of number 0; agent 1 already has a number on the second."""
    return [move(0, 0, 1, unit=0), move(1, 0, 1, of=0, channel="whatsapp", unit=0)]


async def split(**how: Any) -> Rig:
    return await exclusive({"call": 0, "whatsapp": 0}, {"whatsapp": 1}, **how)


async def test_a_row_of_which_one_channel_is_refused_is_put_back() -> None:
    """No trunk stays split unasked."""
    made = await split()
    await made.execute(both_channels())
    expected = {0: (Status.FAILED, Reason.UNIT_PUT_BACK), 1: (Status.REJECTED, Reason.AGENT_TAKEN)}
    assert (made.notes.outcomes(), made.owner()) == (expected, agent(0))


async def test_a_row_may_be_left_split_on_request() -> None:
    """``--on-split keep``."""
    made = await split()
    await made.execute(both_channels(), brakes=Brakes(budget=9, canary=False, on_split=OnSplit.KEEP))
    assert (made.notes.outcomes()[0][0], made.owner()) == (Status.DONE, agent(1))


async def test_a_spent_budget_still_lets_a_split_row_be_put_back() -> None:
    """The failure that ends the run is the one that split the row."""
    made = await split()
    ending = await made.execute(both_channels(), workers=2, brakes=Brakes(budget=0, canary=False))
    assert (ending.stopped, made.owner()) == (Reason.BUDGET_SPENT, agent(0))


async def test_a_row_that_a_stop_left_split_is_put_back_by_resume() -> None:
    """After the stop nothing is sent; the next sitting finds one channel done and one refused."""
    made = await split()
    made.api.latency = 1.0
    ending = await made.execute(both_channels(), watches=[after(0.5, Reason.INTERRUPTED)])
    assert (made.notes.outcomes()[0], made.owner()) == ((Status.DONE, Reason.VERIFIED), agent(1))
    assert [kind for kind, id_ in made.notes.kinds() if id_ == 0][-1] is Kind.OUTCOME
    again = await rig(made.api)
    await again.execute(both_channels(), known=ending.outcomes)
    assert (again.notes.outcomes()[0], made.owner()) == ((Status.FAILED, Reason.UNIT_PUT_BACK), agent(0))


async def test_a_putting_back_that_a_crash_cut_off_is_gone_on_with() -> None:
    """Whether it had been applied or not, the row ends as it was before, and the budget is not charged for it."""
    known = {
        0: ended(0, Status.UNKNOWN, Reason.UNIT_PUT_BACK),
        1: ended(1, Status.REJECTED, Reason.AGENT_TAKEN, written=False),
    }
    for applied in (True, False):
        made = await split()
        if not applied:
            made.api.service.world.set_owner(number(0), "call", agent(1))
        ending = await made.execute(both_channels(), known=known, brakes=Brakes(budget=1, canary=False))
        assert (made.notes.outcomes()[0], made.owner()) == ((Status.FAILED, Reason.UNIT_PUT_BACK), agent(0))
        assert (made.api.count("PUT"), ending.stopped) == (0 if applied else 1, None)


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_going_on_sends_only_what_has_no_end() -> None:
    """Done stays done, in doubt is looked at, skipped is made."""
    made = await with_trunks(3)
    for index in (0, 1):
        made.api.service.world.set_owner(number(index), "call", agent(1))
    known = {0: ended(0), 1: ended(1, Status.UNKNOWN), 2: ended(2, Status.SKIPPED, Reason.STOPPED, written=False)}
    ending = await made.execute([move(i) for i in range(3)], known=known)
    assert (list(statuses(ending).values()), made.writes()) == ([Status.DONE] * 3, [(number(2), agent(1))])


async def test_a_third_of_all_answers_cut_after_applying_loses_and_doubles_nothing() -> None:
    """Every row done, the server's truth is the report, and nothing was written twice."""
    rule = {"match": {"method": "PUT", "share": 0.3}, "when": "after", "do": {"close": True}}
    options = Options(throttle=ThrottleRule(kind="none"), script=faults.parse({"rules": [rule]}))
    made = await rig(FakeApi(world(*trunks(300)), options))
    made.api.latency = 0.05
    ending = await made.execute([move(i) for i in range(300)], workers=16)
    assert set(statuses(ending).values()) == {Status.DONE}
    assert (made.api.count("PUT"), {made.owner(i) for i in range(300)}) == (300, {agent(1)})


# ── signals ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HANGING = """
import anyio
from batch.watches import listening
from tests.fake_api import FakeApi
from tests.rigs import move, rig, trunks
from tests.worlds import world

async def main():
    made = await rig(FakeApi(world(*trunks(40))))
    made.api.latency = 0.2 if {short} else 60.0
    async with listening() as signals:
        print("listening", flush=True)
        async def told():
            reason = await signals.asked()
            print("stopping", flush=True)
            return reason
        ending = await made.execute([move(i) for i in range(40)], workers=2, watches=[told])
    print(ending.stopped.value, signals.number, flush=True)

anyio.run(main)
"""


def started(*, short: bool) -> subprocess.Popen[str]:
    """An execution in a process of its own, once it listens to signals."""
    command = [sys.executable, "-c", HANGING.replace("{short}", str(short))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(number: signal.Signals) -> None:
    """Calls in flight finish, and the run tells why it ended."""
    process = started(short=True)
    process.send_signal(number)
    told, _ = process.communicate(timeout=30)
    assert (told.splitlines(), process.returncode) == (["stopping", f"interrupted {number.value}"], 0)


def test_a_second_signal_ends_the_process_at_once() -> None:
    """Whoever presses Ctrl-C twice does not wait for a server that hangs."""
    process = started(short=False)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=3)
    assert process.returncode == -signal.SIGTERM
