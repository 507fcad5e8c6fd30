"""The values that walk through the rooms, from a spreadsheet row to a line of the report.

Every value is frozen; a room takes one and hands on a new one. ``Trunk`` is the key of everything and
``Origin`` travels with every value, so any line of any output leads back to the spreadsheet row.

    SourceTable ─ normalise ▶ Request ─ expand ▶ Assignment ─ plan, order, waves ▶ Plan[Change]
                                          ▲ Snapshot
    Plan[Change] ─ execute ▶ Outcome ─ verify ▶ Outcome ─ results ▶ Result
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

Number = NewType("Number", str)
"""A phone number as E.164: ``+`` and digits. Built only by :mod:`batch.core.normalise` and :mod:`batch.core.shapes`."""

AgentId = NewType("AgentId", str)
"""An agent's uuid in lower case with hyphens; uuids compare without case (API.md §4)."""


class Channel(StrEnum):
    """The two channels a trunk can be on (API.md §2: SMS is not one of them)."""

    CALL = "call"
    WHATSAPP = "whatsapp"


# ── where a value comes from ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in the input.

    ``row`` is the spreadsheet's own row number (the first line of the file is 1, so a header usually is 1);
    ``sheet`` is empty for a text file.
    """

    file: str
    sheet: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}{f' [{self.sheet}]' if self.sheet else ''} row {self.row}"


class Field(StrEnum):
    """What a column of the input can mean (the input columns of the README)."""

    NUMBER = "number"
    CHANNEL = "channel"
    AGENT = "agent"
    AGENT_UUID = "agent_uuid"
    AGENT_NAME = "agent_name"
    EXPECT = "expect"
    WAVE = "wave"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as typed: a text per header column, never trimmed, never guessed at."""

    origin: Origin
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint, or one note, about one cell. ``code`` is a key of :data:`batch.core.problems.CATALOGUE`.

    ``related`` names the other rows that the problem is about (the contradicting row, the members of a ring).
    """

    code: str
    origin: Origin
    column: str = ""
    value: str = ""
    detail: str = ""
    related: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A sheet as read: rows of text, and which column means what.

    ``columns`` maps a field to its index in ``header``. ``blank`` counts rows without any text, so that
    rows in the file = ``len(rows) + blank``. ``only_sheet`` says that the workbook had no other visible sheet.
    """

    file: str
    sheet: str
    sha256: str
    header: tuple[str, ...]
    columns: Mapping[Field, int]
    rows: tuple[SourceRow, ...]
    problems: tuple[Problem, ...] = ()
    blank: int = 0
    only_sheet: bool = True

    def cell(self, row: SourceRow, what: Field) -> str:
        """The text of one field of a row; empty when the sheet has no such column."""
        index = self.columns.get(what)
        return row.cells[index] if index is not None and index < len(row.cells) else ""


# ── what a row asks for ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class AgentRef:
    """An agent as a row names it: by uuid, or else by its exact name (NFC). ``column`` is the header it stood under."""

    typed: str
    column: str
    uuid: AgentId | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A row whose own text makes sense, before live state is known.

    ``channels`` is ``None`` for *all* / *both*: every channel on which the number has a trunk.
    ``assumed_plus`` says that the ``+`` was missing: true only if exactly one live trunk number has those digits.
    """

    origin: Origin
    number: Number
    channels: tuple[Channel, ...] | None
    agent: AgentRef
    expect: AgentRef | None = None
    wave: int | None = None
    note: str = ""
    assumed_plus: bool = False
    typed_number: str = ""


@dataclass(frozen=True, slots=True)
class Normalised:
    """The offline half of the judgement: rows that make sense, and every problem of those that do not."""

    requests: tuple[Request, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, order=True)
class Trunk:
    """One number on one channel, the thing that is bound to an agent."""

    number: Number
    channel: Channel

    def __str__(self) -> str:
        return f"{self.number}/{self.channel.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One wanted binding. ``origin`` is the first row that asked for it; later rows collapse into it.

    ``unit`` is the place of that row in its table, or of the row it is bound to by a trunk they share.
    """

    trunk: Trunk
    agent: AgentId
    origin: Origin
    unit: int = 0
    expect: AgentId | None = None
    wave: int | None = None
    note: str = ""


# ── the live state ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Agent:
    """A voice agent. Names are free text and not unique (API.md §4.4); ``status`` is the API's word, or empty."""

    uuid: AgentId
    name: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """Who serves one channel of a number; ``agent`` is ``None`` when nobody does."""

    bound: bool
    agent: AgentId | None = None
    agent_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberState:
    """A phone number as the API showed it, reduced to what decides about bindings.

    ``bindings`` is keyed by the API's own words (``call``, ``whatsapp``, ``sms`` …), unknown ones included.
    ``page`` is the list page it stood on (0 = read by number), so that one call can look at it again.
    """

    number: Number
    uuid: str = ""
    external: bool = True
    source: str = ""
    status: str = ""
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    page: int = 0

    def owner(self, channel: Channel) -> AgentId | None:
        """The agent that serves *channel*, or ``None``."""
        binding = self.bindings.get(channel.value)
        return binding.agent if binding is not None and binding.bound else None

    def trunks(self) -> tuple[Trunk, ...]:
        """The trunks of this number: its bound trunk channels, when the number is external."""
        if not self.external:
            return ()
        bound = {name for name, binding in self.bindings.items() if binding.bound}
        return tuple(Trunk(self.number, channel) for channel in Channel if channel.value in bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The live state of a workspace at one moment, complete or not taken at all.

    ``numbers`` holds the external numbers (from the trunk list), ``others`` the purchased ones that may occupy an
    agent's channel. ``complete`` is false only for a snapshot gathered number by number, where occupancy is unknown.
    ``pages`` of ``per_page`` items, or of as many as the server gives unasked, are what the trunk list has.
    """

    agents: Mapping[AgentId, Agent]
    numbers: Mapping[Number, NumberState]
    others: Mapping[Number, NumberState] = field(default_factory=dict)
    complete: bool = True
    pages: int = 0
    per_page: int | None = None
    notes: tuple[str, ...] = ()

    def owner(self, trunk: Trunk) -> AgentId | None:
        """The agent that serves *trunk*, or ``None`` when the trunk is unknown or unbound."""
        state = self.numbers.get(trunk.number)
        return None if state is None else state.owner(trunk.channel)

    def trunk_count(self) -> int:
        """How many trunks the workspace has."""
        return sum(len(state.trunks()) for state in self.numbers.values())


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Occupancy(StrEnum):
    """Whether one agent may serve several numbers on one channel (API.md §3.1)."""

    AUTO = "auto"
    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class OnSplit(StrEnum):
    """What happens to the other channels of a row when one is refused for good."""

    RESTORE = "restore"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The brakes a run is given; texts as typed (``5``, ``10%``), read by ``core.guard`` and ``core.waves``.

    An empty text means the default: a canary then the rest, 5 % failures but at least 5, 30 % of the trunks, any count.
    """

    waves: str = ""
    max_failures: str = ""
    max_change: str = ""
    max_changes: str = ""
    on_split: OnSplit = OnSplit.RESTORE


class Action(StrEnum):
    """What a change does. Nothing-to-do is an action too.

    ``park`` moves a ring's first trunk to a spare agent; a later ``assign`` of the same trunk brings it home.
    """

    ASSIGN = "assign"
    PARK = "park"
    KEEP = "keep"


class Reason(StrEnum):
    """Why a change, or a result line, is what it is. Sentences: :data:`batch.core.reasons.SENTENCES`."""

    # why a change is planned
    DIFFERS = "differs"
    BREAKS_RING = "breaks_ring"
    ALREADY_THERE = "already_there"
    # why a line ended as it did
    VERIFIED = "verified"
    DUPLICATE = "duplicate"
    INVALID_ROW = "invalid_row"
    OTHER_ROWS_INVALID = "other_rows_invalid"
    AUDIT = "audit"
    REFUSED_BY_GUARD = "refused_by_guard"
    DECLINED = "declined"
    NOT_SELECTED = "not_selected"
    SERVER_REFUSED = "server_refused"
    AGENT_TAKEN = "agent_taken"
    TRUNK_GONE = "trunk_gone"
    NOT_APPLIED = "not_applied"
    UNCLEAR = "unclear"
    OWNER_CHANGED = "owner_changed"
    CHANGED_AFTERWARDS = "changed_afterwards"
    NOT_EXPECTED = "not_expected"
    DEPENDENCY = "dependency"
    UNIT_PUT_BACK = "unit_put_back"
    WAVE_PUT_BACK = "wave_put_back"
    LEFT_IN_PLACE = "left_in_place"
    BUDGET_SPENT = "budget_spent"
    WAVE_FAILED = "wave_failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    DEADLINE = "deadline"
    WINDOW_CLOSED = "window_closed"
    JOURNAL_FAILED = "journal_failed"
    LEFT_SPLIT = "left_split"
    LOST_TO_ANOTHER_NUMBER = "lost_to_another_number"
    API_UNAVAILABLE = "api_unavailable"
    CREDENTIALS = "credentials"
    OUT_OF_RETRIES = "out_of_retries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step towards the wanted state: what, why, and what must come first.

    ``id`` is its position in the plan. ``needs`` are the ids of changes that must have ended well before this one may
    start. ``unit`` groups changes that are put back together. ``page`` is the list page the trunk stood on.
    """

    id: int
    trunk: Trunk
    action: Action
    reason: Reason
    before: AgentId | None
    after: AgentId
    origin: Origin
    needs: tuple[int, ...] = ()
    unit: int = 0
    wave: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One input row as the plan sees it: what was typed, what it means, and what is wrong with it.

    ``channels`` has at least one entry, so that every row has a line in the results: a channel's name, or what was
    typed where no channel could be read. ``number`` is E.164, or what was typed. ``duplicate_of`` maps a channel to the
    earlier row that already asked for the same. ``selected`` is false for a row that ``--only`` leaves out as a whole:
    its problems hold nothing up.
    """

    origin: Origin
    cells: tuple[str, ...]
    number: str
    channels: tuple[str, ...]
    agent_uuid: str = ""
    agent_name: str = ""
    wave: int | None = None
    note: str = ""
    problems: tuple[Problem, ...] = ()
    valid: bool = True
    selected: bool = True
    duplicate_of: Mapping[str, int] = field(default_factory=dict)


BRANDS = ("mihu.ai", "mindhunters.ai")
"""The vendor's domains: the present one, and the older one that may still answer (API.md §1)."""


@dataclass(frozen=True, slots=True, order=True)
class Workspace:
    """Whose trunks: the tenant's subdomain, and the host (with port) that answers for it."""

    tenant: str
    host: str

    @property
    def key(self) -> str:
        """What two names of one workspace share: the tenant on the vendor's domains, elsewhere the host alone."""
        tenant, _, brand = self.host.casefold().partition(".")
        return tenant if brand in BRANDS else self.host.casefold()

    def __str__(self) -> str:
        return f"{self.tenant} at {self.host}" if self.tenant else self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The file a plan was made from. Not part of the plan's digest: the same rows make the same plan."""

    file: str
    sheet: str
    sha256: str
    only_sheet: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a plan must know of its workspace so that it can be guarded later, without a snapshot.

    ``agents_serving`` have a number now, ``agents_emptied`` of them would have none afterwards. ``numbers_asked`` are
    the numbers of the sheet, ``numbers_missing`` those that the workspace does not have in any form.
    """

    agents_serving: int = 0
    agents_emptied: int = 0
    numbers_asked: int = 0
    numbers_missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Wanted × existing: every row, every change, in order.

    It holds no time of day, so the same rows and the same live state make the same plan.
    ``agents`` names every agent that occurs in it.
    """

    workspace: Workspace
    source: Source
    header: tuple[str, ...]
    columns: Mapping[Field, int]
    rows: tuple[PlanRow, ...]
    changes: tuple[Change, ...]
    agents: Mapping[AgentId, str]
    occupancy: Occupancy
    trunks_total: int
    facts: Facts = field(default_factory=Facts)
    limits: Limits = field(default_factory=Limits)
    notes: tuple[str, ...] = ()

    def writes(self) -> tuple[Change, ...]:
        """The changes that need a call."""
        return tuple(c for c in self.changes if c.action is not Action.KEEP)

    def differs(self) -> bool:
        """Whether a trunk that was asked for is not where its row wants it, whatever will be done about it."""
        return any(c.before != c.after and c.reason is not Reason.NOT_SELECTED for c in self.changes)

    def problems(self) -> tuple[Problem, ...]:
        """Every problem and note of every row, in row order."""
        return tuple(p for row in self.rows for p in row.problems)


# ── what became of it ─────────────────────────────────────────────────────────────────────────────────────────────────


class Status(StrEnum):
    """The one named state each (row, channel) ends in."""

    DONE = "done"
    ALREADY = "already"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DRIFTED = "drifted"
    SKIPPED = "skipped"


class Verified(StrEnum):
    """By what a result was seen to be true; empty when it was not looked at."""

    NO = ""
    ECHO = "echo"
    EACH = "each"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one change. Times are seconds since the epoch (UTC); ``after`` is the owner last seen.

    ``written`` says that at least one PUT for it may have reached the server.
    """

    change: int
    status: Status
    reason: Reason
    detail: str = ""
    http_status: int | None = None
    attempts: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    verified: Verified = Verified.NO
    after: AgentId | None = None
    written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How many calls a run made. ``refused_429`` are answers of 429; ``retried`` are second and later attempts."""

    get: int = 0
    put: int = 0
    retried: int = 0
    refused_429: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything a journal knows about a run: what the report is made from.

    ``outcomes`` is keyed by change id; a change without one was never started. ``befores`` and ``afters`` are the
    number as seen just before the run's first PUT on it, and as last seen. ``whole_run`` is why no change was started
    at all (an audit, a guard, invalid rows), or why the rest was not; ``None`` when the run went to its end.
    ``restoring`` are changes whose putting back was begun and has no outcome.
    """

    run_id: str
    command: str
    tool_version: str
    plan: Plan
    outcomes: Mapping[int, Outcome]
    befores: Mapping[Number, NumberState]
    afters: Mapping[Number, NumberState]
    calls: Calls
    started_at: float
    pace: Mapping[str, str] = field(default_factory=dict)
    finished_at: float | None = None
    exit_code: int | None = None
    whole_run: Reason | None = None
    whole_run_detail: str = ""
    restoring: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of ``results.csv``: one (row, channel). Fields are the columns, in order."""

    run_id: str
    file: str
    sheet: str
    row: int
    number: str
    channel: str
    agent_uuid: str
    agent_name: str
    before_agent_uuid: str
    before_agent_name: str
    after_agent_uuid: str
    after_agent_name: str
    status: Status
    reason: str
    http_status: int | None
    attempts: int
    started_at: str
    finished_at: str
    verified: Verified
    wave: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """A line that ended otherwise than the plan foresaw, and why."""

    row: int
    number: str
    channel: str
    predicted: Status
    actual: Status
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of a run: what ``summary.json`` says. ``predicted`` and ``actual`` count lines by status.

    ``mispredicted`` lines ended otherwise than foreseen, ``surprises`` are the first of them. Lines that were never
    sent because the run as a whole was stopped are none: ``stopped`` explains them all.
    """

    run_id: str
    command: str
    workspace: str
    counts: Mapping[Status, int]
    exit_code: int | None
    calls: Calls
    started_at: str
    finished_at: str
    input_sha256: str
    plan_digest: str
    tool_version: str
    predicted: Mapping[str, int]
    actual: Mapping[str, int]
    rows: int
    changes: int
    pace: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""
    notes: tuple[str, ...] = ()
    mispredicted: int = 0
    surprises: tuple[Surprise, ...] = ()
