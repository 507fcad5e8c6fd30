"""How many workers a run has: a polite few, and more the longer the server serves them all well. Decisions only.

A worker waits for the answer to its call, so their number is what bounds the calls per second of a server far away:
sixteen get 107 a second from one that answers in 150 ms. More are taken only when they are of use, that is when no
call waits for the pace, and given back at the first sign of trouble.
"""

from __future__ import annotations

POLITE = 16
"""Workers from the start: enough to keep a server with 5 ms answers busy at 3,000 calls a second, few enough to be a
polite guest of one that nobody knows."""
MOST = 48
"""More bring no more speed: what a call costs us is the bound by then (``tests/benchmarks``)."""
PROOF = 2_000
"""Calls in a row that were served well before the first more is taken: untold limits of one in so many are rare, and
what takes so many calls is worth the speed."""
STEP = 30
"""Calls served well for each worker more: double the sixteen take five hundred calls."""


class Width:
    """``fixed`` is a number that was asked for, and stays; ``None`` lets it grow from POLITE to MOST."""

    def __init__(self, fixed: int | None = None) -> None:
        self.now = fixed or POLITE
        self.most = fixed or MOST
        self._least = self.now
        self._well = 0
        self._since = 0

    def served(self, *, waiting: bool) -> None:
        """A call was served; *waiting*: another waits for the pace, so that fewer workers would do."""
        self._well += 1
        if self._well <= PROOF:
            return
        if waiting:
            self.now, self._since = max(self._least, self.now - 1), 0
            return
        self._since += 1
        if self._since >= STEP:
            self.now, self._since = min(self.most, self.now + 1), 0

    def troubled(self) -> None:
        """A call was refused, failed or had no answer: back to the few, and trust begins anew."""
        self.now, self._well, self._since = self._least, 0, 0
