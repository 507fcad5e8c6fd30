"""What a stand-in's own log shows of a client: time, refusals, calls that came too early."""

from __future__ import annotations

import json
import math
import resource
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.stand import TOKEN

ON_ITS_WAY = 0.05
"""Seconds after a refusal in which a call that arrives had left before it was heard of."""
OTHER = "limit=3"
"""By this query the other client's calls are told from ours."""

HEAD = f"{'':18} ÷ ideal   ÷ own  wall s   done  PUTs/row   429s  early  calls"
HEAD_FREE = f"{'':18}  PUTs/s  rows/s of wall  processor µs/row   done  PUTs/row  calls"


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many rows against a window of *limit* calls a second (0: none); ``told`` is about the headers."""

    name: str
    rows: int
    limit: int = 20
    told: Mapping[str, str] = field(default_factory=dict)
    typed: int | None = None

    @property
    def throttle(self) -> dict[str, Any]:
        """The rule, as the control call takes it."""
        if not self.limit:
            return {"kind": "none"}
        return {"kind": "fixed", "limit": self.limit, "window": 1.0, "headers": "none", **self.told}

    @property
    def tells(self) -> bool:
        """Whether a refusal has a Retry-After."""
        return self.limit > 0 and self.told.get("retry_after") != "none"

    def ideal(self, calls: float) -> float:
        """Seconds from the first call to the last of a client who knows the window by heart."""
        return max(0, math.ceil(calls / self.limit) - 1) if self.limit else 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One run. Seconds; ``early`` counts calls before a told Retry-After was over."""

    span: float
    put_span: float
    wall: float
    cpu: float
    done: float
    puts: float
    calls: float
    refused: float
    early: float


def seen(
    case: Scenario, entries: Sequence[Mapping[str, Any]], done: int, wall: float, usage: resource.struct_rusage
) -> Seen:
    """The figures of one run."""
    puts = [entry for entry in entries if entry["method"] == "PUT"]
    return Seen(
        span=_span(entries),
        put_span=_span(puts),
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        done=done,
        puts=len(puts),
        calls=len(entries),
        refused=sum(entry["status"] == 429 for entry in entries),
        early=early(entries) if case.tells else 0,
    )


def _span(entries: Sequence[Mapping[str, Any]]) -> float:
    return entries[-1]["mono"] - entries[0]["mono"] if entries else math.nan


def early(entries: Sequence[Mapping[str, Any]], window: int = 1) -> int:
    """Calls that arrived before a told Retry-After was over.

    What was told is worked out as the stand-in does: the whole seconds of the window's end less those of now, so that
    it is 1 or, once the second has turned, 0. A window begins with the first accepted call after the last one's end.
    """
    found, ends, told_end = 0, -math.inf, 0
    pauses: list[tuple[float, float]] = []
    for entry in entries:
        now = entry["mono"]
        found += any(refused + ON_ITS_WAY < now < until for refused, until in pauses[-50:])
        if now >= ends and entry["status"] != 429:
            ends, told_end = now + window, int(entry["at"]) + window
        if entry["status"] == 429:
            pauses.append((now, now + max(0, told_end - int(entry["at"]))))
    return found


def line(name: str, case: Scenario, middle: Mapping[str, float]) -> str:
    """One contestant, as a line of the table; *middle* holds the medians."""
    puts = middle["puts"] / case.rows
    if not case.limit:
        return (
            f"{name:18} {middle['puts'] / middle['put_span']:7,.0f} {case.rows / middle['wall']:15,.0f}"
            f" {middle['cpu'] / case.rows * 1e6:17,.0f} {middle['done']:6,.0f} {puts:9.2f} {middle['calls']:6,.0f}"
        )
    soon = f"{middle['early']:,.0f}" if case.tells else "–"
    own = case.ideal(middle["calls"] - middle["refused"])
    return (
        f"{name:18} {middle['span'] / case.ideal(case.rows):7.2f} {middle['span'] / own if own else math.nan:7.2f}"
        f" {middle['wall']:7.1f} {middle['done']:6,.0f} {puts:9.2f} {middle['refused']:6,.0f} {soon:>6}"
        f" {middle['calls']:6,.0f}"
    )


# ── during a run ──────────────────────────────────────────────────────────────────────────────────────────────────


def control(url: str, name: str, data: Any = None) -> Any:
    """A control call of the stand-in: look, or change when there are *data*."""
    body = None if data is None else json.dumps(data).encode()
    asked = urllib.request.Request(f"{url.removesuffix('/api/v1')}/_sandbox/{name}", body)
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)


def first_call(url: str) -> float:
    """When the first call arrived, on the monotonic clock; waits for it."""
    while not (entries := control(url, "log")["entries"]):
        time.sleep(0.02)
    began: float = entries[0]["mono"]
    return began


def wait_until(moment: float) -> None:
    """Wait for a moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


def other_client(url: str) -> None:
    """A read by somebody else, refused or not."""
    asked = urllib.request.Request(f"{url}/contacts?{OTHER}", headers={"Authorization": f"Bearer {TOKEN}"})
    asked.add_header("Accept", "application/json")
    try:
        urllib.request.urlopen(asked).close()
    except urllib.error.HTTPError as refused:
        refused.close()


def between(entries: Sequence[Mapping[str, Any]], start: float, end: float, due: float) -> tuple[float, float]:
    """The shares of *due* calls that were accepted, and that were refused, from *start* to *end*."""
    inside = [entry["status"] == 429 for entry in entries if start <= entry["mono"] < end]
    return (len(inside) - sum(inside)) / due, sum(inside) / due
