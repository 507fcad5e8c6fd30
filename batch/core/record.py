"""A run as its journal tells it: entries in, :class:`RunRecord` out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec import Struct, ValidationError, field
from msgspec.structs import replace

from batch.core.encode import number_from_json, outcome_from_json
from batch.core.entries import confirm
from batch.core.lifecycle import Entry, Kind, State, step
from batch.core.model import (
    AgentId,
    Binding,
    Calls,
    Channel,
    Number,
    NumberState,
    Outcome,
    Plan,
    Reason,
    RunRecord,
    Status,
    Trunk,
)
from batch.core.planfile import read, read_pieces
from batch.errors import JournalError, SafetyError


class _Fold(Struct):
    """What is known so far; ``states`` holds only changes that have left *planned*.

    ``unbilled`` are the writes since a sitting last told what it cost: of one that was cut off no more is known.
    """

    states: dict[int, State] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    befores: dict[Number, NumberState] = field(default_factory=dict)
    afters: dict[Number, NumberState] = field(default_factory=dict)
    beside: dict[Trunk, AgentId] | None = None
    written: set[Trunk] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)
    began: dict[int, float] = field(default_factory=dict)
    restoring: dict[int, Reason] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    unbilled: int = 0
    sent_at: float | None = None
    pace: dict[str, str] = field(default_factory=dict)
    whole_run: Reason | None = None
    whole_run_detail: str = ""
    finished_at: float | None = None
    exit_code: int | None = None


def fold(entries: Iterable[Entry], *, opening: RunRecord | None = None) -> RunRecord:
    """The whole story of a run; raises :class:`JournalError` when it is not one that can have happened.

    A change with an intent but no outcome is ``unknown``: its PUT may have reached the server. *opening* is what the
    first entries told (:func:`opening_of`), when they were read before; then *entries* are those after them.
    """
    try:
        rest = iter(entries)
        return _fold(rest, opening or _opening(rest))
    except _DAMAGED as error:
        raise JournalError(f"the journal is damaged: {type(error).__name__} {error}") from error


def opening_of(entries: Iterator[Entry], *, plan: Plan | None = None) -> RunRecord:
    """What the first entries of a journal tell of its run: all but how it went. No more of them are taken.

    Where the *plan* is known already only the first is.
    """
    try:
        return _opening(entries, plan)
    except _DAMAGED as error:
        raise JournalError(f"the journal is damaged: {type(error).__name__} {error}") from error


_DAMAGED = (SafetyError, ValidationError, KeyError, TypeError, ValueError, AttributeError)


def _opening(entries: Iterator[Entry], plan: Plan | None = None) -> RunRecord:
    entry = next(entries, None)
    if entry is None:
        raise JournalError(
            "the journal is empty: its run ended before it had begun, and sent nothing, or the file was truncated",
            hint="`reassign audit` tells how things are; then begin anew, with another --run-id",
        )
    if entry.kind is not Kind.OPENED:
        raise JournalError(
            "the journal does not begin with its run: it was truncated, or is not a journal of this tool"
        )
    body, pieces = entry.body, entry.body.get("pieces", {})
    reason = body.get("whole_run")
    return RunRecord(
        run_id=body["run_id"],
        command=body["command"],
        tool_version=body["tool_version"],
        plan=plan or _plan(body, entries),
        plan_digest=body["plan"]["digest"],
        outcomes={},
        befores={},
        afters={},
        calls=Calls(),
        started_at=entry.at,
        whole_run=Reason(reason) if reason else None,
        whole_run_detail=body.get("detail", ""),
        notes=tuple(body.get("notes", ())),
        opening_entries=1 + sum(pieces.values()),
        undoes=body.get("undoes", body["command"] == "rollback"),
        terms=dict(body.get("terms", {})),
    )


def _plan(body: Mapping[str, Any], entries: Iterator[Entry]) -> Plan:
    """The plan, whose rows and changes are in the *entries* that come next; up to version 3 they were in the first."""
    head, sheet, pieces = body["plan"], body["sheet"], body.get("pieces")
    if pieces is None:
        return read(head, sheet=sheet)
    rows, changes = (_pieces_of(entries, what, pieces[what]) for what in ("rows", "changes"))
    return read_pieces(head, rows, changes, sheet=sheet)


def _pieces_of(entries: Iterator[Entry], what: str, count: int) -> Iterator[Any]:
    for entry in islice(entries, count):
        yield from entry.body[what]


def _fold(entries: Iterable[Entry], opening: RunRecord) -> RunRecord:
    so_far = _Fold(whole_run=opening.whole_run, whole_run_detail=opening.whole_run_detail)
    for entry in entries:
        _take(so_far, opening.plan, entry)
    _mark_in_doubt(so_far)
    return replace(
        opening,
        outcomes=so_far.outcomes,
        befores=so_far.befores,
        afters=so_far.afters,
        beside=so_far.beside,
        calls=replace(so_far.calls, put=so_far.calls.put + so_far.unbilled),
        pace=so_far.pace,
        finished_at=so_far.finished_at,
        exit_code=so_far.exit_code,
        whole_run=so_far.whole_run,
        whole_run_detail=so_far.whole_run_detail,
        restoring=frozenset(so_far.restoring),
        sent_at=so_far.sent_at,
    )


def _take(so_far: _Fold, plan: Plan, entry: Entry) -> None:
    match entry.kind:
        case Kind.INTENT | Kind.RESTORING | Kind.OUTCOME:
            _change_entry(so_far, plan, entry)
        case Kind.CONFIRMED | Kind.SEEN | Kind.BESIDE:
            _look_entry(so_far, plan, entry)
        case Kind.RESUMED:
            so_far.whole_run, so_far.whole_run_detail = None, ""
            so_far.finished_at = so_far.exit_code = None
            so_far.calls, so_far.unbilled = replace(so_far.calls, put=so_far.calls.put + so_far.unbilled), 0
        case Kind.STOPPED:
            so_far.whole_run, so_far.whole_run_detail = Reason(entry.body["whole_run"]), entry.body.get("detail", "")
        case Kind.CALLS:
            so_far.calls, so_far.unbilled = _add(so_far.calls, entry.body["calls"]), 0
            so_far.pace = dict(entry.body.get("pace", {}))
        case Kind.FINISHED:
            so_far.finished_at, so_far.exit_code = entry.at, entry.body["exit_code"]
        case _:
            raise JournalError("the journal begins twice: it was altered")


def _look_entry(so_far: _Fold, plan: Plan, entry: Entry) -> None:
    match entry.kind:
        case Kind.CONFIRMED:
            for change in entry.body["changes"]:
                so_far.outcomes[change] = confirm(so_far.outcomes[change], plan.changes[change])
        case Kind.SEEN:
            # a journal of version 2 has an entry a number
            states = map(number_from_json, entry.body.get("numbers", (entry.body,)))
            so_far.afters.update((state.number, state) for state in states)
        case _:  # who was served beside the plan
            so_far.beside = so_far.beside or {}
            for number, channel, agent in entry.body["trunks"]:
                so_far.beside[Trunk(Number(number), Channel(channel))] = AgentId(agent)


def _change_entry(so_far: _Fold, plan: Plan, entry: Entry) -> None:
    change = entry.change
    if change is None or not 0 <= change < len(plan.changes):
        raise JournalError(f"the journal speaks of change {change}, which its plan does not have: it was altered")
    so_far.states[change] = step(so_far.states.get(change, State.PLANNED), entry.kind)
    if entry.kind is Kind.OUTCOME:
        so_far.outcomes[change] = outcome_from_json(change, entry.body)
        so_far.restoring.pop(change, None)
        return
    if entry.kind is Kind.RESTORING:
        so_far.restoring[change] = Reason(entry.body.get("why", Reason.UNIT_PUT_BACK))
    so_far.afters.pop(plan.changes[change].trunk.number, None)  # seen before this call left: an earlier sitting's look
    so_far.attempts[change] = so_far.attempts.get(change, 0) + 1
    so_far.unbilled += 1
    so_far.sent_at = entry.at
    so_far.began.setdefault(change, entry.at)
    if "before" in entry.body:
        _before(so_far, plan.changes[change].trunk, number_from_json(entry.body["before"]))


def _before(so_far: _Fold, trunk: Trunk, state: NumberState) -> None:
    """The picture before the first PUT on each trunk: of a number's second channel it is taken later than its first."""
    earlier = so_far.befores.setdefault(trunk.number, state)
    if earlier is not state and trunk not in so_far.written:
        seen = {trunk.channel.value: state.bindings.get(trunk.channel.value, Binding(bound=False))}
        so_far.befores[trunk.number] = replace(earlier, bindings={**earlier.bindings, **seen})
    so_far.written.add(trunk)


def _mark_in_doubt(so_far: _Fold) -> None:
    """Changes that the journal leaves in the air; a putting back stays known as one, for the look that settles it."""
    for change, state in so_far.states.items():
        if state in (State.SENDING, State.RESTORING):
            so_far.outcomes[change] = Outcome(
                change=change,
                status=Status.UNKNOWN,
                reason=so_far.restoring.get(change) or so_far.whole_run or Reason.INTERRUPTED,
                attempts=so_far.attempts[change],
                started_at=so_far.began[change],
                written=True,
            )


def _add(calls: Calls, more: Any) -> Calls:
    return Calls(
        get=calls.get + more["get"],
        put=calls.put + more["put"],
        retried=calls.retried + more["retried"],
        refused_429=calls.refused_429 + more["refused_429"],
    )
