"""Journals as a test needs them, and entries to write into them."""

from __future__ import annotations

from pathlib import Path

from batch.adapters.journal import Journal
from batch.core.lifecycle import Entry, Kind


def entry(change: int, kind: Kind = Kind.INTENT) -> Entry:
    return Entry(kind, 1_700_000_000.5 + change, change, {"text": f"+49 {change} “ü”"})


def closed(path: Path, *entries: Entry) -> Path:
    """A journal with these entries, closed again."""
    with Journal.create(path) as journal:
        journal.append_now(*entries)
    return path
