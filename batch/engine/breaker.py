"""Leaving a server alone that does not answer: closed → open → one probe per interval → closed. Decisions only.

closed ──THRESHOLD failures in a row──▶ open ──interval over──▶ probing ──answer──▶ closed
                                         ▲                        │
                                         └────────failure─────────┘     open longer than patience ▶ given up
"""

from __future__ import annotations

import math
from enum import StrEnum


class State(StrEnum):
    """Whether calls may leave: all, none, or the one under way only."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Breaker:
    """Counts failures that are the server's or the network's, never a row's. Times are monotonic seconds.

    During an outage the server sees at most the calls under way, ``threshold`` more, and one per ``interval``.
    ``patience`` is how long it stays open before the run is given up as resumable; ``first_patience`` the same as long
    as nothing was ever answered, when a wrong host is likelier than an outage.
    """

    def __init__(
        self, *, threshold: int = 8, interval: float = 15.0, patience: float = 120.0, first_patience: float = 20.0
    ) -> None:
        self._threshold = threshold
        self._interval = interval
        self._patience = patience
        self._first_patience = first_patience
        self._ever_worked = False
        self._failures = 0
        self._opened_at = math.inf
        self._next_probe = -math.inf
        self.state = State.CLOSED

    def wait(self, now: float) -> float:
        """Seconds until a call may leave; 0.0 = now, infinity = the probe's answer must come first."""
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.PROBING:
            return math.inf
        return max(0.0, self._next_probe - now)

    def sent(self, now: float) -> None:
        """A call leaves; when open it is the probe."""
        if self.state is State.OPEN:
            self._next_probe = now + self._interval
            self.state = State.PROBING

    def not_sent(self) -> None:
        """The call that was let through did not leave, or ended without telling anything."""
        if self.state is State.PROBING:
            self.state = State.OPEN

    def worked(self) -> None:
        """An answer came that a healthy server could have given."""
        self._ever_worked = True
        self._failures = 0
        self._opened_at = math.inf
        self.state = State.CLOSED

    def failed(self, now: float) -> None:
        """No answer came, or one that says that the server is broken."""
        self._failures += 1
        if self.state is State.PROBING or self._failures == self._threshold:
            self._opened_at = min(self._opened_at, now)
            self._next_probe = now + min(self._interval, self._left(now))
            self.state = State.OPEN

    def given_up(self, now: float) -> bool:
        """Whether it has been open for longer than patience lasts."""
        return self.state is State.OPEN and self._left(now) <= 0.0

    def _left(self, now: float) -> float:
        patience = self._patience if self._ever_worked else self._first_patience
        return max(0.0, self._opened_at + patience - now)
