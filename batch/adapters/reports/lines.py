"""The lines of a page as JSON in columns: what many lines share is named once, so that 100,000 of them load at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from batch.adapters.reports.clean import clean
from batch.adapters.reports.entries import Verdict, entries
from batch.adapters.reports.told import Told, apart
from batch.core.json_text import encode
from batch.core.model import Result, Status, Verified
from batch.core.results import GOOD

_ESCAPES = {char.encode(): f"\\u{ord(char):04x}".encode() for char in "<>&\u2028\u2029"}

Shared = TypeVar("Shared", bound=tuple[str, str] | str)

SEEN: Mapping[Verified, str] = {
    Verified.SWEEP: "seen in the final look",
    Verified.EACH: "read back",
    Verified.ECHO: "by the server's answer",
}


def data(told: Told) -> str:
    """The lines as JSON, escaped so that no text can end the script element it stands in."""
    text = encode(_planned(told) if told.looked else _ended(told))
    for mark, named in _ESCAPES.items():  # each at the speed of C, which a table of characters is not
        text = text.replace(mark, named)
    return text.decode()


def _ended(told: Told) -> dict[str, Any]:
    """Each line as it ended.

    ``at`` is when that was, in seconds since the run's start (``began``, milliseconds since the epoch); -1: never.
    """
    agents = _Pool[tuple[str, str]]()
    channels, reasons, hows, notes = (_Pool[str]() for _ in range(4))
    lines = [result for _, result in told.lines]
    statuses = list(Status)
    places = {status: place for place, status in enumerate(statuses)}
    body: dict[str, Any] = {
        "statuses": [status.value for status in statuses],
        "row": [line.row for line in lines],
        "number": [clean(line.number) for line in lines],
        "channel": [channels[line.channel] for line in lines],
        "status": [places[line.status] for line in lines],
        "agent": [agents[(line.agent_uuid, line.agent_name)] for line in lines],
        "before": [agents[(line.before_agent_uuid, line.before_agent_name)] for line in lines],
        "after": [agents[(line.after_agent_uuid, line.after_agent_name)] for line in lines],
        "reason": [reasons[line.reason] for line in lines],
        "how": [hows[_how(line)] for line in lines],
        "at": [_at(line, told.record.started_at) for line in lines],
        "note": [notes[line.note] for line in lines],
        "began": round(told.record.started_at * 1000),
    }
    called = apart(told)
    named = [(uuid, called.get(uuid, name)) for uuid, name in agents]
    return body | _shared(named, channels=channels, reasons=reasons, hows=hows, notes=notes)


def _planned(told: Told) -> dict[str, Any]:
    """Each step of a plan, then each line without one. A step and a wave of 0 are none."""
    agents = _Pool[tuple[str, str]]()
    channels, reasons, notes, waits = (_Pool[str]() for _ in range(4))
    found = entries(told)
    verdicts = list(Verdict)
    places = {verdict: place for place, verdict in enumerate(verdicts)}
    body: dict[str, Any] = {
        "statuses": [verdict.value for verdict in verdicts],
        "step": [entry.step for entry in found],
        "wave": [entry.wave for entry in found],
        "row": [entry.row for entry in found],
        "number": [clean(entry.number) for entry in found],
        "channel": [channels[entry.channel] for entry in found],
        "status": [places[entry.verdict] for entry in found],
        "agent": [agents[entry.wanted] for entry in found],
        "before": [agents[entry.before] for entry in found],
        "after": [agents[entry.after] for entry in found],
        "reason": [reasons[entry.why] for entry in found],
        "wait": [waits[entry.waits] for entry in found],
        "note": [notes[entry.note] for entry in found],
    }
    return body | _shared(agents, channels=channels, reasons=reasons, waits=waits, notes=notes)


def _shared(agents: Iterable[tuple[str, str]], **pools: _Pool[str]) -> dict[str, Any]:
    """What many lines share, by its place."""
    texts = {name: [clean(text) for text in pool] for name, pool in pools.items()}
    return {"agents": [[clean(uuid), clean(name)] for uuid, name in agents], **texts}


class _Pool(dict[Shared, int]):
    """Values that many lines share, each kept once, with its place; a new one gets the next."""

    def __missing__(self, value: Shared) -> int:
        self[value] = place = len(self)
        return place


def _at(line: Result, began: float) -> int:
    return round(datetime.fromisoformat(line.finished_at).timestamp() - began) if line.finished_at else -1


def _how(line: Result) -> str:
    """The small print of a line: how it came about."""
    parts = []
    if line.attempts > 1:
        parts.append(f"{line.attempts} attempts")
    if line.http_status is not None and line.status not in GOOD and f"({line.http_status})" not in line.reason:
        parts.append(f"HTTP {line.http_status}")
    if line.verified in SEEN:
        parts.append(SEEN[line.verified])
    return " · ".join(parts)
