"""A limit on how many calls may be under way at once: some servers refuse by that, not by a rate."""

from __future__ import annotations

START = 2
"""So many at once are never blamed for a refusal."""
CALLS_PER_STEP, AT_MOST = 100, 800
"""One more at once is tried after so many accepted calls for each now allowed; twice as many after each failure."""
OFTEN = 8
"""So many calls taken with more under way than were served before, and one more counts as served."""


class Ceiling:
    """How many may be under way; ``None`` as long as nothing hints at such a limit, and once something disproved it."""

    def __init__(self) -> None:
        self.most: int | None = None
        self._calls = CALLS_PER_STEP
        self._accepted = 0
        self._raised = False
        self._disproved = False
        self._served, self._more = START, 0  # so many at once were served often; and calls beyond since

    def bounded(self, width: int) -> int:
        """*width*, or the ceiling where that is lower."""
        return width if self.most is None else min(width, self.most)

    def accepted(self, width: int) -> None:
        """The server took a call with *width* under way: after many of them, one more at once may be tried."""
        if width > self._served:
            self._more += 1
            if self._more == OFTEN:
                self._served, self._more = self._served + 1, 0
        if self.most is None:
            return
        self._accepted += 1
        if self._accepted >= self._calls * self.most:
            self.most, self._accepted, self._raised = self.most + 1, 0, True

    def refused(self, width: int, *, soon: bool) -> bool:
        """A call was refused with *width* under way, and one was accepted *soon* after.

        True when that explains it: it came with the one more just tried. Of the first refusal one cannot know; the
        ceiling is set, and the rate is learned as well.
        """
        if self._disproved:
            return False
        if self.most is None:
            self.most = width - 1 if soon and width > max(START, self._served / 2) else None
            return False
        if self._raised and width >= self.most:
            self.most, self._accepted, self._raised = max(1, self.most - 1), 0, False
            self._calls = min(2 * self._calls, AT_MOST)
            return True
        self.disprove()
        return False

    def disprove(self) -> None:
        """A call was refused although few were under way: it is a rate."""
        self.most, self._disproved = None, True
