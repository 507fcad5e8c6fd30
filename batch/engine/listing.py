"""One list of the server, read page by page: whole, or refused by name.

A list may lack its pagination, ignore ``per_page`` or ``page``, or show an item twice because another was added
meanwhile (API.md §2, §4). All that is survived; what does not add up is read once more, then refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, field

from batch.core import calls
from batch.core.calls import Answer, Listing
from batch.core.shapes import Page
from batch.core.verdict import Reading
from batch.engine.caller import Caller, each, refusal
from batch.errors import CredentialsError, SafetyError, UnavailableError

PER_PAGE: tuple[int | None, ...] = (200, 100, None)
"""Items asked for on a page: the most the vendor's rates list gives (API.md §4.3), what its own node asks for (§2), and
nothing at all. The next is tried only when the server refuses the first page; one that caps it is followed."""
MOST_PAGES = 20_000
"""Two million numbers: a list longer than that does not end."""
AHEAD = 100
"""Pages read side by side, at most, before the first of them is looked at."""
FIRST_AHEAD = 4
"""So many at first, and twice as many each time: the end that a list announces may be far off."""
LAST_SIZE = len(PER_PAGE) - 1
UNPROCESSABLE = frozenset({400, 422})

Item = TypeVar("Item")


class Listed(Struct, Generic[Item]):
    """A list as far as read; ``size`` is the place in :data:`PER_PAGE` that it was read with."""

    items: list[Item] = field(default_factory=list)
    keys: set[Hashable] = field(default_factory=set)
    pages: int = 0
    total: int | None = None
    skipped: int = 0
    repeated: int = 0
    first_size: int = 0
    size: int = 0

    def take(self, page: Page[Item], key: Callable[[Item], Hashable]) -> bool:
        """Add a page; whether it brought anything new."""
        self.pages += 1
        self.total = page.total if page.total is not None else self.total
        before = len(self.keys)
        for item in page.items:
            if (known := key(item)) in self.keys:
                self.repeated += 1
            else:
                self.keys.add(known)
                self.items.append(item)
        new = len(self.keys) > before
        if new or not page.items:
            self.skipped += page.skipped
        return new

    @property
    def whole(self) -> bool:
        """Whether what was seen is what the list says it has."""
        return self.total is None or len(self.keys) + self.skipped >= self.total


class RefusedPageError(Exception):
    """The server refuses a page for good; ``error`` says so, if the list needs that page."""

    def __init__(self, error: CredentialsError | UnavailableError) -> None:
        super().__init__(str(error))
        self.error = error


class ListReader(Generic[Item]):
    """One list of the server, and how it is to be read. ``size`` is the place in :data:`PER_PAGE`."""

    def __init__(
        self,
        callers: Sequence[Caller],
        listing: Listing,
        parse: Callable[[bytes, int], Page[Item] | None],
        key: Callable[[Item], Hashable],
    ) -> None:
        self._callers = callers
        self._listing = listing
        self._parse = parse
        self._key = key
        self.size = 0

    async def whole(self) -> Listed[Item] | None:
        """All of it; ``None`` when the server has no such list. One that does not add up is read a second time."""
        for _ in range(2):
            self.size = 0
            listed = await self._from_first_to_last()
            listed.size = self.size
            if listed.pages == 0:
                return None
            if listed.whole:
                return listed
        seen = len(listed.keys) + listed.skipped
        raise UnavailableError(
            f"incomplete snapshot: the list {self._listing.value} says that it has {listed.total} items, but shows"
            f" {seen}",
            hint="try again when nobody edits the workspace",
        )

    async def _from_first_to_last(self) -> Listed[Item]:
        """The pages one after the other; those that earlier ones announced were read side by side."""
        listed: Listed[Item] = Listed()
        ahead: dict[int, Page[Item] | RefusedPageError | None] = {}

        async def look(caller: Caller, number: int) -> None:
            try:
                ahead[number] = await self._page(caller, number)
            except RefusedPageError as refused:  # it may be a page that nobody needs
                ahead[number] = refused

        last, width = 1, FIRST_AHEAD
        for number in range(1, MOST_PAGES + 1):
            if number not in ahead:
                together = range(number, min(last + 1, number + width))
                await each(self._callers, together or (number,), look)
                width = min(width * 2, AHEAD) if number > 1 else width
            page = ahead.pop(number)
            if isinstance(page, RefusedPageError):
                raise page.error
            if page is None:
                return listed
            new = listed.take(page, self._key)
            if _was_last(page, listed, new=new):
                return listed
            last = _announced(page)
        raise SafetyError(f"the list {self._listing.value} does not end: {MOST_PAGES} pages were read")

    async def _page(self, caller: Caller, number: int) -> Page[Item] | None:
        """A page; ``None`` when there is no such list, or no such page."""
        answer = await self._ask(caller, number)
        if answer is None:
            return None
        page = self._parse(answer.body, number)
        if page is None:
            raise UnavailableError(
                f"page {number} of {self._listing.value} is not a list that this program understands",
                hint="run `reassign doctor` to see what this server answers",
            )
        return page

    async def _ask(self, caller: Caller, number: int) -> Answer | None:
        """The answer to one page; a server that does not take that ``per_page`` is asked for less from then on."""
        while True:
            call = calls.list_page(self._listing, number, PER_PAGE[self.size])
            reading, answer, detail = await caller.ask(call)
            refused = reading is Reading.REFUSED and answer.status in UNPROCESSABLE
            if not refused or number > 1 or self.size == LAST_SIZE:
                break
            self.size += 1
        if reading is Reading.FOUND:
            return answer
        if reading is Reading.ABSENT or (self._listing is Listing.NUMBERS and number == 1):
            return None  # the number list is the one we can do without
        raise RefusedPageError(refusal(call, answer, detail))


def _announced(page: Page[Item]) -> int:
    """The last page of a list as far as one of its pages tells; 0 when it does not."""
    if page.last is not None:
        return page.last
    size = len(page.items) + page.skipped
    return 0 if page.total is None or not size else math.ceil(page.total / size)


def _was_last(page: Page[Item], listed: Listed[Item], *, new: bool) -> bool:
    """Whether the list ends with this page, by its own words or, where it has none, by what it shows.

    Without pagination a short first page may be a cap rather than the end, so only a later page that is shorter than
    the first, empty, or all repeated ends the list.
    """
    size = len(page.items) + page.skipped
    if not new and not (page.skipped and page.has_more):
        return True  # empty, or what we have already: going on would never end
    if page.last is not None:
        return listed.pages >= page.last
    if page.has_more is not None:
        return not page.has_more
    if page.total is not None:
        return listed.whole
    if listed.pages == 1:
        listed.first_size = size
        return False
    return size < listed.first_size
