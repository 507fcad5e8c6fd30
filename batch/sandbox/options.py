"""How the stand-in behaves, apart from its state and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from batch.sandbox.faults import Script
from batch.sandbox.pages import Pagination
from batch.sandbox.throttle import ThrottleRule
from batch.sandbox.world import Rule

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 -- opens nothing but this stand-in
DEFAULT_TENANT = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All of it has a friendly default.

    ``page_size`` and ``max_page`` are the rates list's 50 and 200 (API.md §4.3). ``occupancy_status`` is what *refuse*
    answers, 409 or 422. ``plus`` and ``upper`` choose how the channels snapshot spells numbers and uuids. ``latency``
    (seconds) is added to every call. ``log`` is a file that gets each event as a line of JSON at once.
    """

    token: str = DEFAULT_TOKEN
    throttle: ThrottleRule = field(default_factory=ThrottleRule)
    script: Script = field(default_factory=Script)
    occupancy: Rule = Rule.ALLOW
    occupancy_status: int = 409
    pagination: Pagination = Pagination.NORMAL
    page_size: int = 50
    max_page: int = 200
    plus: bool = True
    upper: bool = False
    latency: float = 0.0
    log: Path | None = None
