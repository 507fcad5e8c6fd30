"""A limit on how many calls may be under way at once: some servers refuse by that, not by a rate."""

from __future__ import annotations

START = 2
"""So many at once are never blamed for a refusal."""
CALLS_PER_STEP = 200
"""One more at once is tried after so many accepted calls for each now allowed: a wrong try costs one refusal."""


class Ceiling:
    """How many may be under way; ``None`` as long as nothing was ever refused with more than :data:`START`."""

    def __init__(self) -> None:
        self.most: int | None = None
        self._accepted = 0
        self._raised = False

    def bounded(self, width: int) -> int:
        """*width*, or the ceiling where that is lower."""
        return width if self.most is None else min(width, self.most)

    def accepted(self) -> None:
        """The server took a call: after many of them, one more at once may be tried."""
        if self.most is None:
            return
        self._accepted += 1
        if self._accepted >= CALLS_PER_STEP * self.most:
            self.most, self._accepted, self._raised = self.most + 1, 0, True

    def refused(self, width: int) -> bool:
        """A call was refused with *width* under way. True when that explains it: it came with the one more just tried.

        Of the first refusal one cannot know; the ceiling is set, and the rate is learned as well.
        """
        if self.most is None:
            self.most = width - 1 if width > START else None
            return False
        if not self._raised or width < self.most:
            return False
        self.most, self._accepted, self._raised = max(1, self.most - 1), 0, False
        return True
