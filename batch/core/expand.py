"""Rows against live state: one assignment per (number, channel), and every row with what is wrong with it.

Which channels a number has. A channel that is bound is a trunk. The lists show every channel of a number, so one that
is *not* bound usually means that there is no such trunk; only when none of its channels is bound must one of them be a
trunk that nobody serves (the number is listed as external, and another number may have displaced it): then the channel
a row names is believed, and its *before* is nobody. ``all`` means the bound ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from batch.core.agents import read_agent
from batch.core.channels import read_channels
from batch.core.columns import AGENTS, PRESENT_AGENT, key
from batch.core.model import (
    CHANNELS,
    Agent,
    AgentId,
    AgentRef,
    Assignment,
    Channel,
    Field,
    Normalised,
    Number,
    NumberState,
    Origin,
    PlanRow,
    Problem,
    Request,
    Snapshot,
    SourceRow,
    SourceTable,
    Trunk,
)
from batch.core.normalise import read_wave
from batch.core.numbers import ASSUMED
from batch.core.problems import MOST_RELATED, is_error
from batch.core.roster import Roster
from batch.core.texts import trim

_PRESENT = key(PRESENT_AGENT)
_FIRST: Mapping[str, int] = {}
"""What a row that repeats nothing has as ``duplicate_of``: one value for all of them."""


class Expanded(Struct, frozen=True, kw_only=True):
    """What the rows want, trunk by trunk, and each row as the plan will show it.

    ``shares`` names, for a row (by its place) that has trunks in common with others, the units these belong to.
    """

    assignments: tuple[Assignment, ...]
    rows: tuple[PlanRow, ...]
    shares: Mapping[int, frozenset[int]] = field(default_factory=dict)


class _Draft(Struct):
    """A row while it is judged. ``trunks`` are those it names and the workspace has."""

    row: SourceRow
    unit: int
    request: Request | None
    problems: list[Problem]
    trunks: tuple[Trunk, ...] = ()
    agent: AgentId | None = None
    expect: AgentId | None = None
    repeats: dict[Channel, _Draft] = field(default_factory=dict)
    wrong: bool = False

    @property
    def origin(self) -> Origin:
        return self.row.origin

    def complain(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.wrong = self.wrong or is_error(problem)


def expand(table: SourceTable, normalised: Normalised, snapshot: Snapshot) -> Expanded:
    """Every row of *table* against *snapshot*.

    Problems found: ``no_such_trunk``, ``nobody_serves``, ``plus_missing``, ``purchased_number``, ``agent_unknown``,
    ``agent_ambiguous``, ``agent_disagrees``, ``contradiction``, ``expect_contradiction``. Notes: ``plus_restored``,
    ``agent_not_ready``, ``not_edited``, ``duplicate``.
    """
    roster = Roster(snapshot.agents)
    judge = _Judge(table, snapshot, roster)
    drafts = [judge.judge(draft) for draft in _drafts(table, normalised)]
    shared = _shared_trunks(drafts)
    for trunk, claims in shared.items():
        _contradict(trunk, claims, "contradiction", lambda draft: draft.agent)
        _contradict(trunk, [d for d in claims if d.expect], "expect_contradiction", lambda draft: draft.expect)
    carried = {trunk: _collapse(trunk, claims) for trunk, claims in shared.items()}
    shares = _share_units(drafts)
    return Expanded(
        assignments=tuple(_assignments(drafts, carried)),
        rows=tuple(_plan_row(draft, table, roster, normalised.numbers) for draft in drafts),
        shares=shares,
    )


def _drafts(table: SourceTable, normalised: Normalised) -> Iterator[_Draft]:
    """Rows with their requests. Two rows may have one origin (a rollback's); requests then come in row order."""
    problems: dict[Origin, list[Problem]] = {}
    for problem in dict.fromkeys((*table.problems, *normalised.problems)):
        problems.setdefault(problem.origin, []).append(problem)
    requests: dict[Origin, list[Request]] = {}
    for request in reversed(normalised.requests):
        requests.setdefault(request.origin, []).append(request)
    for place, row in enumerate(table.rows):
        mine = requests.get(row.origin)
        draft = _Draft(row, place, mine.pop() if mine else None, list(problems.get(row.origin, ())))
        draft.wrong = draft.request is None or any(map(is_error, draft.problems))
        yield draft


class _Judge:
    """One row at a time: which trunks, which agent."""

    def __init__(self, table: SourceTable, snapshot: Snapshot, roster: Roster) -> None:
        self._table = table
        self._snapshot = snapshot
        self._roster = roster
        named = [at for at, name in enumerate(table.header) if key(name) == _PRESENT]
        self._present_at = next((at for at in named if at not in table.columns.values()), None)

    def judge(self, draft: _Draft) -> _Draft:
        request = draft.request
        if request is not None:
            draft.trunks = tuple(self._trunks(draft, request))
            self._agent(draft, request.agent)
            if request.expect is not None:
                self._expect(draft, request.expect)
        return draft

    def _agent(self, draft: _Draft, ref: AgentRef) -> None:
        found = self._roster.find(ref, draft.origin)
        if isinstance(found, Problem):
            if found.code == "agent_unknown" and self._serves_already(draft, ref.uuid):
                draft.agent = ref.uuid
            else:
                draft.complain(found)
            return
        draft.agent = found.uuid
        if self._serves_already(draft, found.uuid):
            return
        note = self._roster.not_ready(found, ref, draft.origin)
        if note is not None:
            draft.complain(note)
        if draft.trunks and self._is_as_exported(draft, ref):
            owners = (self._snapshot.owner(trunk) for trunk in draft.trunks)
            now = dict.fromkeys("nobody" if owner is None else self._roster.name(owner) or owner for owner in owners)
            draft.complain(Problem("not_edited", draft.origin, ref.column, ref.typed, " and ".join(now)))

    def _is_as_exported(self, draft: _Draft, ref: AgentRef) -> bool:
        """Whether the agent is the one that served the trunk when the sheet was exported."""
        at = self._present_at
        return at is not None and trim(draft.row.cells[at]) == trim(ref.typed)

    def _serves_already(self, draft: _Draft, uuid: AgentId | None) -> bool:
        """Whether nothing is to be done, also for an agent that the list of agents does not show: an export has it."""
        owners = {self._snapshot.owner(trunk) for trunk in draft.trunks}
        return uuid is not None and owners == {uuid}

    def _expect(self, draft: _Draft, ref: AgentRef) -> None:
        """A uuid is compared with the live owner as it is: an agent that is gone by now serves nothing any more."""
        found = self._roster.find(ref, draft.origin) if ref.uuid is None else ref.uuid
        if isinstance(found, Problem):
            draft.complain(found)
        else:
            draft.expect = found.uuid if isinstance(found, Agent) else found

    def _trunks(self, draft: _Draft, request: Request) -> Iterator[Trunk]:
        state = self._snapshot.numbers.get(request.number)
        if request.assumed_plus:  # said anew, now that it is known
            assumed = f"{request.number}: {ASSUMED}"
            draft.problems = [problem for problem in draft.problems if problem.detail != assumed]
        if state is None or not state.external:
            draft.complain(self._stranger(draft, request, state))
            return
        if request.assumed_plus:
            draft.complain(self._about(draft, "plus_restored", Field.NUMBER, request.number))
        channels = _channels(state)
        for channel in channels.bound if request.channels is None else request.channels:
            if channel in channels.known:
                yield Trunk(request.number, channel)  # the row's text, so that the snapshot's need not be kept
            else:
                draft.complain(self._about(draft, "no_such_trunk", Field.CHANNEL, channel.value))
        if request.channels is None and not channels.bound:
            draft.complain(self._about(draft, "nobody_serves", Field.CHANNEL))

    def _stranger(self, draft: _Draft, request: Request, state: NumberState | None) -> Problem:
        """Why a number that is not an external one cannot be moved."""
        elsewhere = self._snapshot.others.get(request.number)
        if elsewhere is not None and elsewhere.external:
            return self._about(draft, "not_listed", Field.NUMBER)
        if state is not None or elsewhere is not None:
            return self._about(draft, "purchased_number", Field.NUMBER)
        if request.assumed_plus:
            return self._about(draft, "plus_missing", Field.NUMBER, request.number)
        return self._about(draft, "no_such_trunk", Field.NUMBER, "any channel")

    def _about(self, draft: _Draft, code: str, what: Field, detail: str = "") -> Problem:
        index = self._table.columns.get(what)
        column = self._table.header[index] if index is not None else ""
        return Problem(code, draft.origin, column, self._table.cell(draft.row, Field.NUMBER), detail)


class _Channels(Struct, frozen=True):
    """``bound`` have an agent; ``known`` may be named by a row."""

    bound: tuple[Channel, ...]
    known: tuple[Channel, ...]


def _channels(state: NumberState) -> _Channels:
    bound = tuple([channel for channel in CHANNELS if state.is_bound(channel)])
    return _Channels(bound, bound or tuple([channel for channel in CHANNELS if channel in state.bindings]))


# ── rows against each other ───────────────────────────────────────────────────────────────────────────────────────────


def _shared_trunks(drafts: Sequence[_Draft]) -> dict[Trunk, list[_Draft]]:
    """The trunks that several rows name."""
    first: dict[Trunk, _Draft] = {}
    shared: dict[Trunk, list[_Draft]] = {}
    for draft in drafts:
        if draft.agent is None:
            continue
        for trunk in draft.trunks:
            if first.setdefault(trunk, draft) is not draft:
                shared.setdefault(trunk, [first[trunk]]).append(draft)
    return shared


def _contradict(trunk: Trunk, claims: Sequence[_Draft], code: str, wish: Callable[[_Draft], AgentId | None]) -> None:
    """Complain in every row of *claims* unless all have the same wish; each names rows that want something else."""
    other = next((draft for draft in claims if wish(draft) != wish(claims[0])), None)
    if other is None:
        return
    for draft in claims:
        related = [d.origin for d in claims[:MOST_RELATED] if wish(d) != wish(draft)] or [other.origin]
        problem = Problem(code, draft.origin, "", trunk.number, trunk.channel.value, tuple(related))
        draft.complain(problem)


def _collapse(trunk: Trunk, claims: Sequence[_Draft]) -> list[_Draft]:
    """The good rows of *claims*, the first of which carries the change; the later ones are noted as its duplicates."""
    good = [draft for draft in claims if not draft.wrong]
    for draft in good[1:]:
        draft.repeats[trunk.channel] = good[0]
        draft.complain(Problem("duplicate", draft.origin, "", trunk.number, trunk.channel.value, (good[0].origin,)))
    return good


def _share_units(drafts: Sequence[_Draft]) -> dict[int, frozenset[int]]:
    """Make one unit of the rows that carry the channels of a row of several, wherever that row stands among them."""
    for draft in drafts:
        if draft.repeats:
            carriers = _carriers(draft)
            unit = min(carrier.unit for carrier in carriers)
            for carrier in carriers:
                carrier.unit = unit
    return {
        place: frozenset(carrier.unit for carrier in _carriers(draft))
        for place, draft in enumerate(drafts)
        if draft.repeats or draft.unit != place
    }


def _carriers(draft: _Draft) -> list[_Draft]:
    """For each trunk of a row, the row that carries its change: itself, or the first one that it repeats."""
    return [draft.repeats.get(trunk.channel, draft) for trunk in draft.trunks]


def _assignments(drafts: Sequence[_Draft], carried: Mapping[Trunk, Sequence[_Draft]]) -> Iterator[Assignment]:
    for draft in drafts:
        if draft.wrong or draft.agent is None or draft.request is None:
            continue
        for trunk in draft.trunks:
            if trunk.channel in draft.repeats:
                continue
            claims = carried.get(trunk, (draft,))
            yield Assignment(
                trunk=trunk,
                agent=draft.agent,
                origin=draft.origin,
                unit=draft.unit,
                expect=next((d.expect for d in claims if d.expect is not None), None),
                wave=draft.request.wave,
                note=draft.request.note,
            )


# ── rows as the plan shows them ───────────────────────────────────────────────────────────────────────────────────────


def _plan_row(draft: _Draft, table: SourceTable, roster: Roster, numbers: Mapping[Origin, Number]) -> PlanRow:
    request = draft.request
    if request is None:
        return _unread_row(draft, table, roster, numbers.get(draft.origin))
    named = tuple(channel.value for channel in request.channels or ()) or tuple(t.channel.value for t in draft.trunks)
    uuid = draft.agent or request.agent.uuid
    return PlanRow(
        origin=draft.origin,
        cells=draft.row.cells,
        number=request.number,
        channels=named or (table.cell(draft.row, Field.CHANNEL),),
        agent_uuid=uuid or "",
        agent_name=roster.name(uuid) if uuid else request.agent.name,
        wave=request.wave,
        note=request.note,
        problems=tuple(draft.problems),
        valid=not draft.wrong,
        duplicate_of={c.value: first.origin.row for c, first in draft.repeats.items()} if draft.repeats else _FIRST,
    )


def _unread_row(draft: _Draft, table: SourceTable, roster: Roster, number: Number | None) -> PlanRow:
    """A row whose own text makes no sense: what was typed, read as far as it can be."""
    channel = table.cell(draft.row, Field.CHANNEL)
    channels = read_channels(channel).channels
    agents = (read_agent(table.cell(draft.row, what)) for what in AGENTS)
    agent = next((reading for reading in agents if reading.uuid or reading.name), None)
    uuid, name = (agent.uuid, agent.name) if agent else (None, "")
    return PlanRow(
        origin=draft.origin,
        cells=draft.row.cells,
        number=number or table.cell(draft.row, Field.NUMBER),
        channels=tuple(c.value for c in channels) if channels else (channel,),
        agent_uuid=uuid or "",
        agent_name=roster.name(uuid) if uuid else name,
        wave=read_wave(table.cell(draft.row, Field.WAVE)),
        note=table.cell(draft.row, Field.NOTE),
        problems=tuple(draft.problems),
        valid=False,
        duplicate_of=_FIRST,
    )
