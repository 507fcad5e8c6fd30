"""Whether the report files of a run folder are whole: after a crash each is the old one or the new one, never half."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping


def torn(files: Mapping[str, bytes]) -> list[str]:
    """The files, by name, of which only a part is there; a file that is not there at all is not torn."""
    return [f"{name}: {what}" for name, whole in _WHOLE.items() if name in files for what in whole(files[name])]


def _csv(data: bytes) -> Iterator[str]:
    lines = list(csv.reader(io.StringIO(data.decode(), newline="")))
    if not data.endswith(b"\r\n") or {len(line) for line in lines} != {len(lines[0])}:
        yield "ends in the middle of a line"


def _jsonl(data: bytes) -> Iterator[str]:
    if data and not data.endswith(b"\n"):
        yield "ends in the middle of a line"
    for line in data.splitlines():
        yield from _json(line)


def _json(data: bytes) -> Iterator[str]:
    try:
        json.loads(data)
    except ValueError as error:
        yield f"is not JSON: {error}"


def _xlsx(data: bytes) -> Iterator[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            bad = book.testzip()
    except zipfile.BadZipFile as error:
        bad = str(error)
    if bad is not None:
        yield f"is not a workbook: {bad}"


def _html(data: bytes) -> Iterator[str]:
    if not data.rstrip().endswith(b"</html>"):
        yield "ends before the page does"


_WHOLE: Mapping[str, Callable[[bytes], Iterator[str]]] = {
    "results.csv": _csv,
    "failed.csv": _csv,
    "results.jsonl": _jsonl,
    "summary.json": _json,
    "plan.json": _json,
    "report.xlsx": _xlsx,
    "report.html": _html,
}
