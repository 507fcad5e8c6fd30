"""The fault matrix as a table: what can go wrong, and in which part of a run it strikes.

A kind is something the stand-in's fault script does (``batch/sandbox/faults.py``) or the proxy before it. A stage says
which calls it meets. Kinds that only a write can have meet the reads after it through the write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.chaos.proxy import Toxic


class Stage(StrEnum):
    """A part of a run."""

    LIST = "list"
    PUT = "put"
    READ_BACK = "read-back"
    SWEEP = "sweep"
    ROLLBACK = "rollback"


WRITING = frozenset({Stage.PUT, Stage.ROLLBACK})
AFTER_A_WRITE = frozenset(Stage) - {Stage.LIST}
OF_ONE_NUMBER = WRITING | {Stage.READ_BACK}
"""Where a single number is asked about or set: lies about an agent or a number change nothing in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that goes wrong: ``do`` by the stand-in, or ``toxic`` or ``away`` (seconds down) by the proxy.

    ``of_writes``: it happens to a PUT, and meets the reads after it through that. ``most`` strikes are enough.
    """

    name: str
    do: Mapping[str, Any] = field(default_factory=dict)
    when: str = "before"
    toxic: Toxic | None = None
    away: float = 0.0
    of_writes: bool = False
    most: int | None = None
    stages: frozenset[Stage] = frozenset(Stage)

    @property
    def by_proxy(self) -> bool:
        return self.toxic is not None or bool(self.away)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind in one stage."""

    kind: Kind
    stage: Stage

    def __str__(self) -> str:
        return f"{self.kind.name} × {self.stage}"


def _status(status: int, when: str = "before", **more: Any) -> Kind:
    applied = "-applied" if when == "after" else ""
    words = "".join(f"-{word}" for word in more.pop("words", ()))
    most = more.pop("most", None)
    return Kind(name=f"{status}{words}{applied}", do={"status": status, **more}, when=when, most=most)


def _kind(name: str, when: str = "before", **do: Any) -> Kind:
    return Kind(name=name, do=do, when=when)


def _lie(lie: str, when: str = "after") -> Kind:
    stages = OF_ONE_NUMBER if lie in {"wanted", "old_agent", "other_agent", "other_number"} else frozenset(Stage)
    return Kind(name=f"lie-{lie}", do={"lie": lie}, when=when, stages=stages)


def _of_writes(name: str, when: str = "before", **do: Any) -> Kind:
    return Kind(name=name, do=do, when=when, of_writes=True, stages=AFTER_A_WRITE)


_JSON_403 = {"success": False, "message": "not yours", "error": {"code": "forbidden", "details": "not yours"}}

KINDS: tuple[Kind, ...] = (
    # statuses
    _status(401),
    _status(403, body=_JSON_403, words=["json"]),
    _status(403, html="firewall", words=["firewall"]),
    *(_status(status) for status in (400, 404, 408, 409, 410, 422, 423, 500, 503, 522)),
    _status(429, most=2, headers={"Retry-After": "1"}, words=["retry-after"]),
    _status(429, most=2, html="<h1>Slow down</h1>", words=["html"]),
    _status(503, headers={"Retry-After": "1"}, words=["retry-after"]),
    _status(502, html="gateway"),
    _status(502, "after", html="gateway"),
    _status(504, "after"),
    _status(520, "after"),
    # connections
    _kind("reset", reset=True),
    _kind("reset-applied", "after", reset=True),
    _kind("close", close=True),
    _kind("close-applied", "after", close=True),
    _kind("hangup", hangup=True),
    _kind("cut-length", "after", cut={"bytes": 40, "framing": "length"}),
    _kind("cut-chunked", "after", cut={"bytes": 40, "framing": "chunked"}),
    _kind("cut-unframed", "after", cut={"bytes": 40, "framing": "close"}),
    _kind("cut-reset", "after", cut={"bytes": 40, "end": "reset"}),
    # other answers
    _kind("garbled", garbled=True),
    _kind("garbled-applied", "after", garbled=True),
    _kind("login-page", html="login"),
    _kind("redirect-login", redirect="/login"),
    _kind("redirect-307", status=307, redirect="/api/v1/elsewhere"),
    *(_lie(lie, "before") for lie in ("wanted", "accepted", "empty")),
    *map(_lie, ("success_false", "old_agent", "other_agent", "other_number", "no_data")),
    # sizes
    Kind(name="huge", do={"huge": 20_000_000}, when="after", most=1),
    Kind(name="bomb", do={"bomb": 100_000_000}, most=1),
    Kind(name="endless-headers", do={"endless": "headers"}),
    Kind(name="endless-body", do={"endless": "body"}, when="after", most=1),
    # times
    _kind("delay", delay=1.5),
    _kind("drip", drip={"bytes": 400, "every": 0.05}),
    _of_writes("late", late=1.5),
    _of_writes("late-reset", late=3.0, reset=True),
    _of_writes("late-502", late=6.0, status=502),
    _of_writes("late-after-the-end", late=25.0),
    _of_writes("stale", "after", stale=1.5),
    _of_writes("stale-502", "after", stale=2.5, status=502),
    # people
    _kind("outside", outside={}),
    # (an edit after a read is the same as one before the next write)
    Kind(name="outside-after", do={"outside": {}}, when="after", stages=WRITING),
    # the network in between
    Kind(name="proxy-latency", toxic=Toxic(latency=0.05, jitter=0.1)),
    Kind(name="proxy-slices", toxic=Toxic(slice=200, jitter=0.002)),
    Kind(name="proxy-bandwidth", toxic=Toxic(bandwidth=40_000)),
    Kind(name="proxy-limit", toxic=Toxic(limit=600, share=0.5)),
    Kind(name="proxy-reset", toxic=Toxic(reset=900, share=0.5)),
    Kind(name="proxy-half-close", toxic=Toxic(half_close=700, share=0.5)),
    Kind(name="proxy-down", away=1.0),
)


def cells() -> Iterator[Cell]:
    """Every cell of the matrix."""
    return (Cell(kind, stage) for kind in KINDS for stage in Stage if stage in kind.stages)


UNCLEAR = {"match": {"method": "PUT", "nth": [2, 4]}, "when": "after", "do": {"status": 502, "html": "gateway"}}
"""What makes a read-back necessary, besides the canary's."""
PATHS = {Stage.LIST: "/phone-numbers/trunks", Stage.READ_BACK: "/phone-numbers/channels", Stage.SWEEP: "/phone-*"}

STRUCK: Mapping[Stage, list[int]] = {
    Stage.LIST: [1, 2],
    Stage.PUT: [1, 3, 4, 6],
    Stage.READ_BACK: [1, 2],
    Stage.SWEEP: [1, 2],
    Stage.ROLLBACK: [1, 3, 4, 6],
}
"""Which of a stage's calls are struck: of the PUTs the canary, and some that have others beside them."""
STRUCK_WRITES: Mapping[Stage, list[int]] = {**STRUCK, Stage.READ_BACK: [1], Stage.SWEEP: [8, 9, 10]}
"""Which PUTs are, when their fault is to meet the reads of a stage: the canary is read back, the last are swept."""


def rules(cell: Cell, edit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fault script of a cell. *edit* is what somebody in the panel does where the kind is that."""
    kind, stage = cell.kind, cell.stage
    background = [UNCLEAR] if stage is Stage.READ_BACK and not kind.of_writes else []
    if kind.by_proxy:
        return background
    nth = (STRUCK_WRITES if kind.of_writes else STRUCK)[stage][: kind.most]
    match: dict[str, Any] = {"method": "PUT"} if kind.of_writes else {"method": "GET", "path": PATHS.get(stage)}
    do = dict(kind.do)
    if "outside" in do:
        do, nth = {"outside": dict(edit)}, nth[1:2] if stage in WRITING else nth[:1]
    if stage in WRITING:
        match = {"method": "PUT"}
    return [*background, {"match": {**match, "nth": nth}, "when": kind.when, "do": do}]
