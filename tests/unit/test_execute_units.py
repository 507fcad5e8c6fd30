"""An execution: conflicts, rows of several channels, going on, signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from batch.core.lifecycle import Kind
from batch.core.model import OnSplit, Outcome, Reason, Status
from batch.engine.execute import reason_of
from batch.engine.schedule import Brakes
from batch.errors import CredentialsError, JournalError, ReassignError, SafetyError, UnavailableError, WaveError
from batch.sandbox import faults
from batch.sandbox.options import Options
from batch.sandbox.throttle import ThrottleRule
from tests.executing import after, exclusive, with_trunks
from tests.fake_api import FakeApi
from tests.rigs import Rig, ended, move, rig, statuses, trunks
from tests.virtual_clock import anyio_backend  # noqa: F401 - a fixture
from tests.worlds import agent, number, world

pytestmark = pytest.mark.anyio

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
    assert process.returncode == 128 + signal.SIGTERM
