"""Clocks that jump, and a machine that sleeps: waits and deadlines stay, and nothing starts outside its window."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence
from tests.chaos.killer import Moment, Tripwire, When
from tests.chaos.stand import Process, Since, Stand, shared, standing

FAKETIME = next((str(path) for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")
pytestmark = pytest.mark.skipif(not FAKETIME, reason="libfaketime is not installed")

TASK = shared(13, 40)
FEW = ("--concurrency", "4")
JUMPS = pytest.mark.parametrize("jump", ["+1h", "-1h"])


class Clock:
    """The wall clock of the program's processes, which a test can set; the monotonic clock goes on as it does."""

    def __init__(self, stand: Stand) -> None:
        self._file = stand.folder / "clock"
        self.jump("+0")
        stand.extra |= {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, by: str) -> None:
        """Set it, ``+1h`` say, against the true time."""
        self._file.write_text(f"{by}\n")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A stand-in that takes its time, so that a jump comes in the middle."""
    with standing(tmp_path / "stand", TASK, latency=0.05) as made:
        yield made


@pytest.fixture
def clock(stand: Stand) -> Clock:
    """The clock of its account."""
    return Clock(stand)


def apply(stand: Stand, *flags: str) -> Process:
    sheet = TASK.write(stand.folder / "sheet.csv")
    return stand.start("apply", sheet, "--yes", "--run-id", "run", *TASK.flags, *FEW, *flags)


def wrong(stand: Stand, process: Process, since: Since, **more: float) -> tuple[int, list[str]]:
    """The exit code, and what is wrong: all but what compares the times of two clocks of which one is false."""
    done = process.end()
    evidence: Evidence = stand.evidence("run", TASK, [done], since, workers=4, **more)
    found = [complaint for complaint in violations(evidence) if not complaint.startswith("J:")]
    return done.exit_code, found


def after_puts(stand: Stand, count: int, what: object) -> None:
    """Do *what* once so many calls were answered."""
    Tripwire(stand).arm(Moment(when=When.DECIDED, nth=count), what)  # type: ignore[arg-type]


@JUMPS
def test_a_pause_of_the_servers_is_kept_to_its_end_whatever_the_clock_says(
    stand: Stand, clock: Clock, jump: str
) -> None:
    """Nobody calls before it is over, and nobody waits for an hour."""
    again = {"status": 429, "headers": {"Retry-After": "2"}}
    stand.faults({"match": {"method": "PUT", "nth": [12]}, "do": again})
    since = stand.since()
    after_puts(stand, 16, lambda: clock.jump(jump))
    assert wrong(stand, apply(stand), since, retry_after=2.0) == (0, [])


def test_a_deadline_does_not_come_early(stand: Stand, clock: Clock) -> None:
    """All is done well before it, by every clock but the one that jumped."""
    since = stand.since()
    after_puts(stand, 12, lambda: clock.jump("+1h"))
    assert wrong(stand, apply(stand, "--deadline", "60s"), since) == (0, [])


def test_a_deadline_is_not_put_off(stand: Stand, clock: Clock) -> None:
    """The server has become slow; the run ends with 10, and its end is the deadline's."""
    since = stand.since()

    def slow() -> None:
        clock.jump("-1h")
        threading.Thread(target=stand.behave, kwargs={"latency": 2.0}).start()

    after_puts(stand, 12, slow)
    assert wrong(stand, apply(stand, "--deadline", "6s"), since) == (10, [])


def test_a_window_that_the_clock_leaves_is_closed(stand: Stand, clock: Clock) -> None:
    """It is of the wall clock: after the jump no more than what was under way is sent."""
    now = datetime.now(UTC)
    window = f"{now - timedelta(minutes=5):%H:%M}-{now + timedelta(minutes=30):%H:%M} UTC"
    stand.behave(latency=0.4)
    jumped: list[float] = []

    def jump() -> None:
        clock.jump("+1h")
        jumped.append(time.monotonic())

    since = stand.since()
    after_puts(stand, 12, jump)
    assert wrong(stand, apply(stand, "--window", window), since) == (7, [])
    late = [event for event in stand.log() if event.is_put and event.mono > jumped[0] + 2]
    assert late == []


def test_a_machine_that_sleeps_goes_on_where_it_was(stand: Stand, clock: Clock) -> None:
    """The process is stopped with calls in flight, and the clock has gone on by an hour when it wakes."""
    since = stand.since()
    process = apply(stand)

    def sleep() -> None:
        process.popen.send_signal(signal.SIGSTOP)
        clock.jump("+1h")
        waker = threading.Timer(3.0, process.popen.send_signal, [signal.SIGCONT])
        waker.start()

    after_puts(stand, 12, sleep)
    assert wrong(stand, process, since) == (0, [])


@pytest.mark.nightly
def test_a_sleep_longer_than_a_call_may_take_loses_and_doubles_nothing(stand: Stand) -> None:
    """The answers were there all the while: what was sent is looked at, not sent again."""
    since = stand.since()
    process = apply(stand)

    def sleep() -> None:
        process.popen.send_signal(signal.SIGSTOP)
        threading.Timer(35.0, process.popen.send_signal, [signal.SIGCONT]).start()

    after_puts(stand, 12, sleep)
    assert wrong(stand, process, since) == (0, [])
