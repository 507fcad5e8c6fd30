"""The live state of a workspace, by its lists: complete, or refused by name; never a part taken for the whole.

A list may have a row per number, or one per channel of it (API.md §2, §4); what two rows say is put together.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from batch.core import calls, shapes
from batch.core.calls import Listing
from batch.core.model import Agent, Binding, Number, NumberState, Snapshot
from batch.core.shapes import Page
from batch.engine.caller import Caller, each
from batch.engine.listing import PER_PAGE, Listed, ListReader
from batch.errors import CredentialsError, UnavailableError

DISAGREEING = "{} numbers were listed twice with different agents; the first was kept"


class NoTrunkListError(UnavailableError):
    """Neither list shows the trunks; numbers can still be read one by one (:func:`gather_numbers`)."""


async def gather(callers: Sequence[Caller]) -> Snapshot:
    """Agents, trunks and the other numbers of the workspace.

    Raises UnavailableError for a list that cannot be read whole, SafetyError for one that does not end,
    :class:`NoTrunkListError` when there is none, and whatever reading raises.
    """
    agents = await _agents(callers)
    trunks = await ListReader(callers, Listing.TRUNKS, shapes.numbers_page, _row).whole()
    in_trunk_list, disagreeing = _merged(trunks)
    everything = await ListReader(
        callers, Listing.NUMBERS, lambda body, _: _held_once(body, in_trunk_list), _row
    ).whole()
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


async def gather_numbers(callers: Sequence[Caller], numbers: Collection[Number]) -> Snapshot:
    """The agents, and *numbers* read one by one: what a server without a trunk list can give.

    The snapshot is not complete: who else holds an agent's channel is not known.
    """
    agents = await _agents(callers)
    states = await _read_each(callers, numbers)
    return Snapshot(
        agents={agent.uuid: agent for agent in agents.items},
        numbers={number: state for number, state in states.items() if state.external},
        others={number: state for number, state in states.items() if not state.external},
        complete=False,
        notes=(*_notes(Listing.AGENTS, agents), "the trunks were read number by number: this server has no list"),
    )


async def reread(
    callers: Sequence[Caller], numbers: Collection[Number], snapshot_pages: int
) -> Mapping[Number, NumberState]:
    """Look at *numbers* again, by list pages or one by one, whichever takes fewer calls.

    A number that is in neither is left out of the result. *snapshot_pages* is how many pages the trunk list had.
    """
    if not 0 < snapshot_pages <= len(numbers):
        return await _read_each(callers, numbers)
    seen = await listed(callers, numbers)
    return {**seen, **await _read_each(callers, set(numbers) - set(seen))}


async def listed(callers: Sequence[Caller], numbers: Collection[Number]) -> Mapping[Number, NumberState]:
    """Those of *numbers* that the trunk list, read whole, shows now."""
    wanted = set(numbers)
    trunks = await ListReader(callers, Listing.TRUNKS, shapes.numbers_page, _row).whole()
    return {number: state for number, state in _merged(trunks)[0].items() if number in wanted}


def on_one_page(states: Iterable[NumberState]) -> Iterable[NumberState]:
    """The numbers of a page, each once: a list may have a row for each channel of it."""
    return _put_together(states)[0].values()


async def _agents(callers: Sequence[Caller]) -> Listed[Agent]:
    agents = await ListReader(
        callers, Listing.AGENTS, lambda body, _: shapes.agents_page(body), lambda agent: agent.uuid
    ).whole()
    if agents is None:
        raise CredentialsError("this server has no list of agents: it is not this API", hint="check the base URL")
    return agents


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


def _merged(listed: Listed[NumberState] | None) -> tuple[dict[Number, NumberState], int]:
    """The numbers of a whole list, if there is one; see :func:`_put_together`."""
    return _put_together(() if listed is None else listed.items)


def _put_together(rows: Iterable[NumberState]) -> tuple[dict[Number, NumberState], int]:
    """One state per number, the bindings of its rows together, and how many rows disagreed with an earlier one."""
    states: dict[Number, NumberState] = {}
    disagreeing = 0
    for state in rows:
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


async def _read_each(callers: Sequence[Caller], numbers: Collection[Number]) -> dict[Number, NumberState]:
    states: dict[Number, NumberState] = {}

    async def look(caller: Caller, number: Number) -> None:
        answer = await caller.read(calls.channels_of(number))
        if answer is None:
            return
        state = shapes.channels_snapshot(answer.body)
        if state is None or state.number != number:
            raise UnavailableError(f"the answer about a number is about another, or about none: {_end(number)}")
        states[number] = state

    await each(callers, sorted(numbers), look)
    return {number: states[number] for number in sorted(states)}


def _end(number: Number) -> str:
    return f"…{number[-4:]}"  # whole numbers do not belong into messages that may be logged


def _notes(listing: Listing, listed: Listed[Agent] | Listed[NumberState] | None) -> list[str]:
    if listed is None:
        return [f"this server has no list {listing.value}"]
    notes = []
    if listed.skipped:
        notes.append(f"{listed.skipped} items of {listing.value} made no sense and were left out")
    if listed.repeated:
        notes.append(f"{listed.repeated} items of {listing.value} were listed more than once")
    return notes
