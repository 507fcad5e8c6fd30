"""Taking a part of a sheet: ``--only EXPR`` and ``--exclude EXPR`` by what rows say, ``--limit N`` by how many.

An expression is one or more terms separated by commas, all of which must hold::

    number=+4930123  number~+4930     the number, by digits; contains (or, with a +, begins with) these digits
    channel=call                      call or whatsapp, or any word the channel column knows
    agent=UUID  agent=Anna  agent~ann the wanted agent: uuid or whole name; contains, whatever the case
    wave=2  row=2-50  row=60-         the sheet's own wave and row numbers: a number, or a range

``!=`` and ``!~`` turn a term round, ``|`` separates alternatives (``row=2-10|40``), quotes keep a comma or a ``|`` as
they are (``agent="Smith, Anna"``). What is left out stays in the plan as a change that keeps its trunk, and in the
results as *skipped*. Whoever needs a change that is left out cannot be made either, and says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from batch.core.blocks import blocks
from batch.core.channels import read_channels
from batch.core.graph import backwards, in_order
from batch.core.model import Action, AgentId, Change, Plan, PlanRow, Reason, Trunk
from batch.core.sequence import renumbered
from batch.core.waves import assign
from batch.errors import UsageError

HINT = 'write terms such as number~+49, channel=call, agent="Anna", wave=2, row=2-50, separated by commas'

_TERM = re.compile(r'\s*(\w+)\s*(!=|!~|=|~)\s*((?:"[^"]*"|[^",])+?)\s*(?:,|$)')
_ALTERNATIVE = re.compile(r'\s*(?:"([^"]*)"|([^|"]+?))\s*(?:\||$)')
_RANGE = re.compile(r"(\d{1,9})|(\d{0,9})\s*-\s*(\d{0,9})", re.ASCII)

Test = Callable[[PlanRow, str], bool]
"""Whether a row, on one of its channels, is meant."""


class Selection(Struct, frozen=True, kw_only=True):
    """Rows, those left out as a whole being marked, and the (number, channel) pairs of good rows that are left out."""

    rows: tuple[PlanRow, ...]
    left_out: frozenset[tuple[str, str]] = frozenset()


def select(rows: tuple[PlanRow, ...], only: str, exclude: str = "") -> Selection:
    """Apply ``--only`` and ``--exclude``; empty texts take everything. Raises :class:`UsageError`."""
    if not only.strip() and not exclude.strip():
        return Selection(rows=rows)
    wanted, unwanted = parse(only), parse(exclude)
    pairs = {(row.number, channel) for row in rows if row.valid for channel in row.channels}
    taken = {
        (row.number, c)
        for row in rows
        for c in row.channels
        if all(test(row, c) for test in wanted) and not (unwanted and all(test(row, c) for test in unwanted))
    }
    marked = tuple(
        row if any((row.number, c) in taken for c in row.channels) else replace(row, selected=False) for row in rows
    )
    return Selection(rows=marked, left_out=frozenset(pairs - taken))


def said(only: str, exclude: str, most: int | None) -> Iterator[str]:
    """What is told about a plan of which only a part was taken."""
    if only.strip():
        yield f"--only {only.strip()}: the other rows are left out"
    if exclude.strip():
        yield f"--exclude {exclude.strip()}: these rows are left out"
    if most is not None:
        yield f"--limit {most}: the rest is left out"


def limit(changes: tuple[Change, ...], most: int | None) -> tuple[Change, ...]:
    """Apply ``--limit``: the first changes, as far as they stand on their own, that move at most *most* trunks.

    A row or a ring that does not fit as a whole is left out, and so is what needs it.
    """
    if most is None:
        return changes
    found = blocks(
        [replace(c, needs=()) if c.action is Action.PARK else c for c in changes]
    )  # a spare can be had sooner
    taken: set[int] = set()
    room = most
    for index in in_order(
        [block.needs for block in found], [(block.place, index) for index, block in enumerate(found)]
    ):
        block = found[index]
        if block.trunks <= room and taken.issuperset(block.needs):
            taken.add(index)
            room -= block.trunks
    out = {id_ for index, block in enumerate(found) if index not in taken for id_ in block.changes}
    return leave_out(changes, out)


def narrow(plan: Plan, only: str, exclude: str, most: int | None) -> Plan:
    """A saved plan with a part of it left out, and with it whatever cannot be done without that part.

    Its waves are filled anew, so that it begins with a canary of its own.
    Raises :class:`UsageError` for an expression that cannot be read.
    """
    chosen = select(plan.rows, only, exclude)
    out = {c.id for c in plan.writes() if (c.trunk.number, c.trunk.channel.value) in chosen.left_out}
    changes = limit(leave_out(plan.changes, _with_dependents(plan.changes, out)), most)
    facts = replace(plan.facts, agents_emptied=_most_emptied(plan, changes))
    notes = (*plan.notes, *said(only, exclude, most))
    return assign(replace(plan, rows=chosen.rows, changes=changes, facts=facts, notes=notes), plan.limits)


def _with_dependents(changes: Sequence[Change], out: set[int]) -> set[int]:
    """*out*, what cannot be done without it, and the parking of a trunk that would not come home."""
    dependents = backwards([[n for n in c.needs if _opens_the_way(changes[n], c)] for c in changes])
    parkings = {change.trunk: change.id for change in changes if change.action is Action.PARK}
    found = set(out)
    queue = deque(out)
    while queue:
        id_ = queue.popleft()
        parking = parkings.get(changes[id_].trunk, id_)
        further = {*dependents[id_], parking} - found
        found |= further
        queue.extend(further)
    return found


def _opens_the_way(need: Change, change: Change) -> bool:
    """Whether *change* cannot be made without *need*: it frees the agent, or is the parking that *change* ends.

    Other needs only say when: the other channels of a row, and rings that use a spare before.
    """
    if change.action is Action.PARK or need.trunk.channel is not change.trunk.channel:
        return False
    return need.before == change.after or need.trunk == change.trunk


def _most_emptied(plan: Plan, changes: Sequence[Change]) -> int:
    """How many agents may lose their last number to *changes*, a part of *plan*; a saved plan does not know it exactly.

    An agent that the part leaves without a newcomer may have another number, or may be one for whom the whole plan
    had a newcomer.
    """
    writes = [change for change in changes if change.action is not Action.KEEP]
    left = {change.before for change in writes} - {change.after for change in writes} - {None}
    robbed = left & {change.after for change in plan.writes()}
    return min(len(left), plan.facts.agents_emptied + len(robbed))


def leave_out(changes: Sequence[Change], out: set[int]) -> tuple[Change, ...]:
    """*changes* without the writes in *out*: their trunks stay with the agent they have, and nobody waits for them."""
    parkings = {change.trunk: change for change in changes if change.action is Action.PARK}
    kept = []
    for change in changes:
        if change.id not in out:
            kept.append(_waiting(change, changes, parkings, out))
        elif change.action is not Action.PARK:
            kept.append(_kept(change, parkings.get(change.trunk, change).before))
    return renumbered(kept, {change.id: change.wave for change in changes})


def _waiting(change: Change, changes: Sequence[Change], parkings: Mapping[Trunk, Change], out: set[int]) -> Change:
    """*change* with what it still waits for; for a spare, from the ring before those that are left out."""
    if out.isdisjoint(change.needs):
        return change
    waits: set[int] = set()
    queue = list(change.needs)
    while queue:
        need = queue.pop()
        if need not in out:
            waits.add(need)
        elif change.action is Action.PARK and changes[need].trunk in parkings:
            queue.extend(parkings[changes[need].trunk].needs)
    return replace(change, needs=tuple(sorted(waits)))


def _kept(change: Change, before: AgentId | None) -> Change:
    return replace(change, action=Action.KEEP, reason=Reason.NOT_SELECTED, before=before, needs=())


# ── expressions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def parse(text: str) -> tuple[Test, ...]:
    """The terms of an expression, all of which must hold. Raises :class:`UsageError` with the part that is wrong."""
    text = text.strip()
    tests = []
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise UsageError(f"{text[at:].strip()!r} is not a term", hint=HINT)
        tests.append(_term(found[1].casefold(), found[2], found[3]))
        at = found.end()
    return tuple(tests)


def _term(field: str, operator: str, values: str) -> Test:
    maker = _MAKERS.get((field, operator[-1]))
    if maker is None:
        raise UsageError(f"{field}{operator} is not a comparison", hint=HINT)
    tests = [maker(value) for value in _alternatives(values)]
    wanted = not operator.startswith("!")
    return lambda row, channel: any(test(row, channel) for test in tests) is wanted


def _alternatives(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _ALTERNATIVE.match(text, at)
        if found is None:
            raise UsageError(f"cannot read {text!r}", hint=HINT)
        yield found[1] if found[1] is not None else found[2]
        at = found.end()


def _number_is(value: str) -> Test:
    digits = _some_digits(value)
    return lambda row, _: _digits(row.number) == digits


def _number_has(value: str) -> Test:
    digits = _some_digits(value)
    if value.strip().startswith("+"):
        return lambda row, _: _digits(row.number).startswith(digits)
    return lambda row, _: digits in _digits(row.number)


def _channel_is(value: str) -> Test:
    named = read_channels(value).channels
    if not named:
        raise UsageError(f"{value!r} is not a channel", hint="channels are call and whatsapp")
    return lambda _, channel: channel in [name.value for name in named]


def _agent_is(value: str) -> Test:
    name, uuid = unicodedata.normalize("NFC", value), value.casefold()
    return lambda row, _: name == unicodedata.normalize("NFC", row.agent_name) or uuid == row.agent_uuid


def _agent_has(value: str) -> Test:
    part = unicodedata.normalize("NFC", value).casefold()
    return lambda row, _: part in unicodedata.normalize("NFC", row.agent_name).casefold() or part in row.agent_uuid


def _wave_is(value: str) -> Test:
    first, last = _range(value)
    return lambda row, _: row.wave is not None and first <= row.wave <= last


def _row_is(value: str) -> Test:
    first, last = _range(value)
    return lambda row, _: first <= row.origin.row <= last


_MAKERS: dict[tuple[str, str], Callable[[str], Test]] = {
    ("number", "="): _number_is,
    ("number", "~"): _number_has,
    ("channel", "="): _channel_is,
    ("agent", "="): _agent_is,
    ("agent", "~"): _agent_has,
    ("wave", "="): _wave_is,
    ("row", "="): _row_is,
}


def _some_digits(text: str) -> str:
    """The digits of a term; without any it would mean every number."""
    digits = _digits(text)
    if not digits:
        raise UsageError(f"{text!r} has no digits", hint="write a number, or a part of one such as number~+49")
    return digits


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdecimal())


def _range(text: str) -> tuple[int, float]:
    found = _RANGE.fullmatch(text)
    if found is None or not any(found.groups()):
        raise UsageError(f"{text!r} is not a number or a range", hint="write 7, 2-50, 60- or -10")
    if found[1]:
        return int(found[1]), int(found[1])
    first = int(found[2] or 0)
    last = int(found[3]) if found[3] else float("inf")
    if last < first:
        raise UsageError(f"the range {text!r} is empty", hint="write the smaller number first")
    return first, last
