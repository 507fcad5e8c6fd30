"""What the texts of settings mean: durations, percents, rates, counts and times of day.

Every parser raises :class:`ValueError` with a sentence that says what to write instead.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from batch.core.guard import count_in, part_in

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = r"(?:\d{1,9}(?:\.\d{1,9})?[smhd])+"
RATE = r"(\d{1,9}(?:\.\d{1,9})?)\s*/\s*(s|min)"
WINDOW = r"(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})\s+(\S+)"
MOMENT = r"(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{1,2}:\d{2})\s+(\S+)"
"""What the texts look like, also for the schema of job files."""
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_SECONDS_OF = {"s": 1.0, "min": 60.0}
LONGEST = 36_500
"""Days: whoever writes a longer duration has slipped."""
MOST_CALLS, MOST_SECONDS = 1_000_000, 86_400.0
"""The rates that mean something: so many calls at once, and one in so many seconds."""


def duration(text: str) -> float:
    """``90s``, ``15m``, ``2h``, ``1h30m`` or ``7d`` in seconds, more than zero and at most :data:`LONGEST` days."""
    if re.fullmatch(DURATION, text, re.ASCII) is None:
        raise ValueError("give a duration such as 90s, 15m or 2h")
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(text))
    if seconds <= 0:
        raise ValueError("give a duration longer than zero")
    if seconds > LONGEST * _SECONDS["d"]:
        raise ValueError(f"give a duration of at most {LONGEST}d")
    return seconds


def percent(text: str) -> float:
    """``30%`` as 0.3; from 0 to 100."""
    part = part_in(text)
    if part is None:
        raise ValueError("give a percentage from 0% to 100%")
    return float(part)


def count_or_percent(text: str) -> str:
    """``5`` or ``10%``, checked as the brakes read it, without the space around it; what it is a part of is theirs."""
    bare = text.strip()
    if count_in(bare) is None and part_in(bare) is None:
        raise ValueError("give a number such as 5, or a percentage such as 10%")
    return bare


def rate(text: str) -> tuple[int, float] | None:
    """``20/s``, ``60/min`` or ``0.5/s`` as so many calls in so many seconds; ``auto`` is ``None``.

    From one call in :data:`MOST_SECONDS` to :data:`MOST_CALLS` at once.
    """
    if text == "auto":
        return None
    found = re.fullmatch(RATE, text, re.ASCII)
    if found is None or float(found[1]) == 0:
        raise ValueError("give auto, or a rate such as 20/s or 60/min")
    calls = Fraction(found[1])
    seconds = calls.denominator * _SECONDS_OF[found[2]]
    if calls.numerator > MOST_CALLS or seconds > calls.numerator * MOST_SECONDS:
        raise ValueError(f"give a rate from one call a day to {MOST_CALLS:,} calls at once, such as 20/s")
    return calls.numerator, seconds


def count(text: str) -> int:
    """A whole number, 0 or more."""
    number = count_in(text)
    if number is None:
        raise ValueError("give a number such as 50, of at most nine digits")
    return number


def concurrency(text: str) -> int | None:
    """How many calls at once, from 1 to 256; ``auto`` is ``None``."""
    if text == "auto":
        return None
    number = count_in(text)
    if number is None or not 1 <= number <= 256:  # noqa: PLR2004 - see below
        # more connections than this only queue inside the server, and each costs it a process
        raise ValueError("give auto, or a number from 1 to 256")
    return number


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the day by the wall clock of a time zone; it may go past midnight.

    The wall clock is meant literally on the two days when it jumps: an hour that is skipped is not in the window, an
    hour that is shown twice is in it twice.
    """

    start: time
    end: time
    zone: ZoneInfo

    def is_open(self, epoch: float) -> bool:
        """Whether the moment *epoch* (seconds, UTC) is inside."""
        clock = datetime.fromtimestamp(epoch, UTC).astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"


def window(text: str) -> Window:
    """``02:00-04:00 Europe/Berlin`` as a :class:`Window`."""
    found = re.fullmatch(WINDOW, text, re.ASCII)
    if found is None:
        raise ValueError('give a span and a time zone, such as "02:00-04:00 Europe/Berlin"')
    start, end = _clock(found[1]), _clock(found[2])
    if start == end:
        raise ValueError("the window begins and ends at the same time: give a span")
    return Window(start, end, _zone(found[3]))


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on the clock of a zone: on one day, or on the next day it comes round (``day`` is ``None``).

    A time that the clock skips is the moment of the skip; of a time that it shows twice the first one is meant.
    """

    clock: time
    zone: ZoneInfo
    day: date | None = None

    def seconds_until(self, epoch: float) -> float:
        """Seconds from the moment *epoch* (UTC) on; 0 when it has passed."""
        now = datetime.fromtimestamp(epoch, self.zone)
        when = self._on(self.day or now.date())
        if self.day is None and when <= epoch:
            when = self._on(now.date() + timedelta(days=1))
        return max(0.0, when - epoch)

    def _on(self, day: date) -> float:
        return datetime.combine(day, self.clock, self.zone).timestamp()


def moment(text: str) -> Moment:
    """``02:00 Europe/Berlin``, ``2027-01-31 02:00 UTC`` as a :class:`Moment`."""
    found = re.fullmatch(MOMENT, text, re.ASCII)
    if found is None:
        raise ValueError('give a time and a time zone, such as "02:00 Europe/Berlin" or "2027-01-31 02:00 UTC"')
    try:
        day = date.fromisoformat(found[1]) if found[1] else None
    except ValueError as error:
        raise ValueError(f"{found[1]} is not a day: give one such as 2027-01-31") from error
    return Moment(_clock(found[2]), _zone(found[3]), day)


def command(text: str) -> tuple[str, ...]:
    """A command line as its words; no shell reads it."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"cannot be read as a command: {error}") from error
    if not words:
        raise ValueError("give a command")
    return words


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}: give one such as Europe/Berlin or UTC") from error


def _clock(text: str) -> time:
    hours, minutes = (int(part) for part in text.split(":"))
    try:
        return time(hours, minutes)
    except ValueError as error:
        raise ValueError(f"{text} is not a time of day: give one from 00:00 to 23:59") from error
