"""How many calls may be under way while no limit is known, or one was met but not measured yet.

More and more, so that a fast server is soon used; but what is under way when a limit is met is refused together. Limits
are round numbers, for people set them: so a round number is passed by two calls, and only then by many.
"""

from __future__ import annotations

from bisect import bisect_left

from batch.engine.send_log import Latency

START = 2
"""So many at once from the start."""
ROUND = (10, 20, 60, 100, 200, 300, 600, 1000)
"""Calls in a window, or in a full bucket, as they are usually configured."""
SOON = 300.0
"""Calls per second worth reaching soon: one more under way for every FEW accepted; beyond it, for every MANY."""
FEW, MANY = 6, 60
EASY = 4.0
"""Once an answer came; the growth begins here."""


class Explore:
    """``accepted`` counts the calls the server took, without a refusal so far."""

    def __init__(self) -> None:
        self.accepted = 0

    def width(self, latency: Latency) -> int:
        """How many may be under way now."""
        n = self.accepted
        if n == 0:
            return START
        wide = max(START + n // MANY, int(min(EASY + n / FEW, SOON * latency.usual)))
        index = bisect_left(ROUND, n)
        return wide if index == len(ROUND) else min(wide, ROUND[index] - n + START)


class Sound(Explore):
    """After a limit was met that is no window: from few under way, to see how much the server gives until the next.

    ``start`` is how many may be under way at first.
    """

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start

    def width(self, latency: Latency) -> int:  # noqa: ARG002  (the same shape)
        """How many may be under way now."""
        return self._start + self.accepted // FEW
