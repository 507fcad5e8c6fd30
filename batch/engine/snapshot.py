"""The live state of a workspace, by list pages: complete, or refused by name; never a part taken for the whole.

A list may lack its pagination, ignore ``per_page`` or ``page``, show an item twice because another was added meanwhile,
or show one row per channel (API.md §2, §4). All that is survived; what does not add up is read once more, then refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from batch.core import calls, shapes
from batch.core.calls import Answer, Call, Listing
from batch.core.model import Agent, Binding, Number, NumberState, Snapshot
from batch.core.shapes import Page
from batch.core.verdict import Reading
from batch.engine.caller import Caller, refusal
from batch.errors import SafetyError, UnavailableError

PER_PAGE: tuple[int | None, ...] = (200, 100, None)
"""Items asked for on a page: the most the vendor's rates list gives (API.md §4.3), what its own node asks for (§2), and
nothing at all. The next is tried only when the server refuses the first page; one that caps it is followed."""
MOST_PAGES = 20_000
"""Two million numbers: a list longer than that does not end."""
DISAGREEING = "{} numbers were listed twice with different agents; the first was kept"
LAST_SIZE = len(PER_PAGE) - 1
UNPROCESSABLE = frozenset({400, 422})

Item = TypeVar("Item", Agent, NumberState)


class NoTrunkListError(UnavailableError):
    """Neither list shows the trunks; numbers can still be read one by one (:func:`gather_numbers`)."""


class _Listed(Struct, Generic[Item]):
    """A list as far as read. ``size`` is the place in :data:`PER_PAGE`."""

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


async def gather(caller: Caller) -> Snapshot:
    """Agents, trunks and the other numbers of the workspace.

    Raises UnavailableError for a list that cannot be read whole, SafetyError for one that does not end,
    :class:`NoTrunkListError` when there is none, and whatever reading raises.
    """
    agents = await _agents(caller)
    trunks = await _list(caller, Listing.TRUNKS, shapes.numbers_page, _row)
    in_trunk_list, disagreeing = _merged(trunks)
    everything = await _list(caller, Listing.NUMBERS, lambda body, _: _held_once(body, in_trunk_list), _row)
    notes = _notes(Listing.AGENTS, agents) + _notes(Listing.TRUNKS, trunks) + _notes(Listing.NUMBERS, everything)
    if trunks is None and everything is None:
        raise NoTrunkListError("this server lists neither trunks nor numbers", hint="check the base URL")
    in_number_list, more_disagreeing = _merged(everything)
    notes += [DISAGREEING.format(count) for count in (disagreeing, more_disagreeing) if count]
    source = in_number_list if trunks is None else in_trunk_list
    numbers = {number: state for number, state in source.items() if state.external}
    rest = {number: state for number, state in (in_number_list | in_trunk_list).items() if number not in numbers}
    return Snapshot(
        agents={agent.uuid: agent for agent in agents.items},
        numbers=numbers,
        others={number: replace(state, page=0) for number, state in rest.items()},
        pages=0 if trunks is None else trunks.pages,
        per_page=None if trunks is None else PER_PAGE[trunks.size],
        notes=tuple(notes),
    )


async def gather_numbers(caller: Caller, numbers: Collection[Number]) -> Snapshot:
    """The agents, and *numbers* read one by one: what a server without a trunk list can give.

    The snapshot is not complete: who else holds an agent's channel is not known.
    """
    agents = await _agents(caller)
    states = await _read_each(caller, numbers)
    return Snapshot(
        agents={agent.uuid: agent for agent in agents.items},
        numbers={number: state for number, state in states.items() if state.external},
        others={number: state for number, state in states.items() if not state.external},
        complete=False,
        notes=(*_notes(Listing.AGENTS, agents), "the trunks were read number by number: this server has no list"),
    )


async def reread(caller: Caller, numbers: Collection[Number], snapshot_pages: int) -> Mapping[Number, NumberState]:
    """Look at *numbers* again, by list pages or one by one, whichever takes fewer calls.

    A number that is in neither is left out of the result. *snapshot_pages* is how many pages the trunk list had.
    """
    if not 0 < snapshot_pages <= len(numbers):
        return await _read_each(caller, numbers)
    seen = await listed(caller, numbers)
    return {**seen, **await _read_each(caller, set(numbers) - set(seen))}


async def listed(caller: Caller, numbers: Collection[Number]) -> Mapping[Number, NumberState]:
    """Those of *numbers* that the trunk list, read whole, shows now."""
    wanted = set(numbers)
    trunks = await _list(caller, Listing.TRUNKS, shapes.numbers_page, _row)
    return {number: state for number, state in _merged(trunks)[0].items() if number in wanted}


# ── one list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _agents(caller: Caller) -> _Listed[Agent]:
    agents = await _list(caller, Listing.AGENTS, lambda body, _: shapes.agents_page(body), lambda agent: agent.uuid)
    if agents is None:
        raise UnavailableError("this server has no list of agents", hint="check the base URL")
    return agents


async def _list(
    caller: Caller,
    listing: Listing,
    parse: Callable[[bytes, int], Page[Item] | None],
    key: Callable[[Item], Hashable],
) -> _Listed[Item] | None:
    """A whole list; ``None`` when the server has no such list. One that does not add up is read a second time."""
    for _ in range(2):
        listed: _Listed[Item] = _Listed()
        while (page := await _page(caller, listing, parse, listed)) is not None:
            new = listed.take(page, key)
            if _was_last(page, listed, new=new):
                break
        if listed.pages == 0:
            return None
        if listed.whole:
            return listed
    seen = len(listed.keys) + listed.skipped
    raise UnavailableError(
        f"incomplete snapshot: the list {listing.value} says that it has {listed.total} items, but shows {seen}",
        hint="try again when nobody edits the workspace",
    )


async def _page(
    caller: Caller,
    listing: Listing,
    parse: Callable[[bytes, int], Page[Item] | None],
    listed: _Listed[Item],
) -> Page[Item] | None:
    """The next page of a list; ``None`` when there is no such list, or no such page."""
    number = listed.pages + 1
    if number > MOST_PAGES:
        raise SafetyError(f"the list {listing.value} does not end: {MOST_PAGES} pages were read")
    answer = await _ask(caller, calls.list_page(listing, number, PER_PAGE[listed.size]), listed, number)
    if answer is None:
        return None
    page = parse(answer.body, number)
    if page is None:
        raise UnavailableError(
            f"page {number} of {listing.value} is not a list that this program understands",
            hint="run `reassign doctor` to see what this server answers",
        )
    return page


async def _ask(caller: Caller, call: Call, listed: _Listed[Item], number: int) -> Answer | None:
    """The answer to one page; a server that does not take that ``per_page`` is asked for less from then on."""
    reading, answer, detail = await caller.ask(call)
    while reading is Reading.REFUSED and answer.status in UNPROCESSABLE and number == 1 and listed.size < LAST_SIZE:
        listed.size += 1
        call = calls.list_page(Listing(call.path), number, PER_PAGE[listed.size])
        reading, answer, detail = await caller.ask(call)
    if reading is Reading.FOUND:
        return answer
    if reading is Reading.ABSENT or (call.path == Listing.NUMBERS.value and number == 1):
        return None  # the number list is the one we can do without
    raise refusal(call, answer, detail)


def _was_last(page: Page[Item], listed: _Listed[Item], *, new: bool) -> bool:
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


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _row(state: NumberState) -> Hashable:
    """What makes two list items the same row: a list may have one row per number, or one per channel of it."""
    return state.number, *sorted([name for name, binding in state.bindings.items() if binding.bound])


def _held_once(body: bytes, known: Mapping[Number, NumberState]) -> Page[NumberState] | None:
    """A page of the number list; a state that the trunk list has shown already is not kept a second time."""
    page = shapes.numbers_page(body)
    if page is None:
        return None
    same = (known[item.number] if known.get(item.number) == item else item for item in page.items)
    return replace(page, items=tuple(same))


def _merged(listed: _Listed[NumberState] | None) -> tuple[dict[Number, NumberState], int]:
    """One state per number, the bindings of its rows together, and how many rows disagreed with an earlier one."""
    states: dict[Number, NumberState] = {}
    disagreeing = 0
    for state in () if listed is None else listed.items:
        known = states.get(state.number)
        if known is None:
            states[state.number] = state
            continue
        bindings, disagrees = _together(known.bindings, state.bindings)
        disagreeing += disagrees
        states[state.number] = replace(known, bindings=bindings)
    return states, disagreeing


def _together(first: Mapping[str, Binding], second: Mapping[str, Binding]) -> tuple[dict[str, Binding], bool]:
    bindings, disagrees = dict(first), False
    for name, binding in second.items():
        known = bindings.get(name)
        if known is None or not known.bound:
            bindings[name] = binding
        elif binding.bound and binding.agent != known.agent:
            disagrees = True
    return bindings, disagrees


async def _read_each(caller: Caller, numbers: Collection[Number]) -> dict[Number, NumberState]:
    states: dict[Number, NumberState] = {}
    for number in sorted(numbers):
        answer = await caller.read(calls.channels_of(number))
        if answer is None:
            continue
        state = shapes.channels_snapshot(answer.body)
        if state is None or state.number != number:
            raise UnavailableError(f"the answer about a number is about another, or about none: {_end(number)}")
        states[number] = state
    return states


def _end(number: Number) -> str:
    return f"…{number[-4:]}"  # whole numbers do not belong into messages that may be logged


def _notes(listing: Listing, listed: _Listed[Agent] | _Listed[NumberState] | None) -> list[str]:
    if listed is None:
        return [f"this server has no list {listing.value}"]
    notes = []
    if listed.skipped:
        notes.append(f"{listed.skipped} items of {listing.value} made no sense and were left out")
    if listed.repeated:
        notes.append(f"{listed.repeated} items of {listing.value} were listed more than once")
    return notes
