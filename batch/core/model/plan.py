"""Wanted × existing: what is to be done about every row, why, and under which brakes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from batch.core.last import of_the_last
from batch.core.model.reason import Reason
from batch.core.model.source import Field, Origin, Problem
from batch.core.model.trunk import AgentId, Trunk


class Occupancy(StrEnum):
    """Whether one agent may serve several numbers on one channel (API.md §3.1)."""

    AUTO = "auto"
    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class OnSplit(StrEnum):
    """What happens to the other channels of a row when one is refused for good."""

    RESTORE = "restore"
    KEEP = "keep"


class Limits(Struct, frozen=True, kw_only=True):
    """The brakes a run is given; texts as typed (``5``, ``10%``), read by ``core.guard`` and ``core.waves``.

    An empty text means the default: a canary then the rest, 5 % failures but at least 5, 30 % of the trunks, any count.
    """

    waves: str = ""
    max_failures: str = ""
    max_change: str = ""
    max_changes: str = ""
    allow: str = ""
    on_split: OnSplit = OnSplit.RESTORE


class Action(StrEnum):
    """What a change does. Nothing-to-do is an action too.

    ``park`` moves a ring's first trunk to a spare agent; a later ``assign`` of the same trunk brings it home.
    """

    ASSIGN = "assign"
    PARK = "park"
    KEEP = "keep"


class Change(Struct, frozen=True, kw_only=True, gc=False):
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


class PlanRow(Struct, frozen=True, kw_only=True, gc=False):
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


_LOOPBACK = re.compile(r"^(?:127(?:\.\d{1,3}){3}|\[::1\])(?=:|$)", re.ASCII)
"""This machine by its addresses, which is one host whatever it is called."""

BRANDS = ("mihu.ai", "mindhunters.ai")
"""The vendor's domains: the present one, and the older one that may still answer (API.md §1)."""


class Workspace(Struct, frozen=True, order=True):
    """Whose trunks: the tenant's subdomain, and the host (with port) that answers for it."""

    tenant: str
    host: str

    @property
    def key(self) -> str:
        """What two names of one workspace share: the tenant on the vendor's domains, elsewhere the host alone."""
        host = _LOOPBACK.sub("localhost", self.host.casefold())
        tenant, _, brand = host.partition(".")
        return tenant if brand in BRANDS else host

    def __str__(self) -> str:
        return f"{self.tenant} at {self.host}" if self.tenant else self.host


class Source(Struct, frozen=True, kw_only=True):
    """The file a plan was made from. Not part of the plan's digest: the same rows make the same plan."""

    file: str
    sheet: str
    sha256: str
    only_sheet: bool = True


class Facts(Struct, frozen=True, kw_only=True):
    """What a plan must know of its workspace so that it can be guarded later, without a snapshot.

    ``agents_serving`` have a number now, ``agents_emptied`` of them would have none afterwards. ``numbers_asked`` are
    the numbers of the sheet, ``numbers_missing`` those that the workspace does not have in any form.
    """

    agents_serving: int = 0
    agents_emptied: int = 0
    numbers_asked: int = 0
    numbers_missing: int = 0


class Plan(Struct, frozen=True, kw_only=True):
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
        return _writes(self)

    def differs(self) -> bool:
        """Whether a trunk that was asked for is not where its row wants it, whatever will be done about it."""
        return any(c.before != c.after and c.reason is not Reason.NOT_SELECTED for c in self.changes)

    def problems(self) -> tuple[Problem, ...]:
        """Every problem and note of every row, in row order."""
        return tuple(p for row in self.rows for p in row.problems)


@of_the_last
def _writes(plan: Plan) -> tuple[Change, ...]:
    return tuple([change for change in plan.changes if change.action is not Action.KEEP])
