"""The files of a run folder, each a pure function of the record: made again at any time, whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from batch.adapters import runs
from batch.adapters.files import replacing
from batch.adapters.reports.failed import write_failed
from batch.adapters.reports.page import write_page
from batch.adapters.reports.results_files import write_results_csv, write_results_jsonl, write_summary
from batch.adapters.reports.told import Told, tell
from batch.adapters.reports.workbook import write_workbook
from batch.core.model import RunRecord, Summary

WRITERS: Mapping[str, Callable[[Told, IO[bytes]], None]] = {
    runs.RESULTS_CSV: write_results_csv,
    runs.RESULTS_JSONL: write_results_jsonl,
    runs.FAILED: write_failed,
    runs.SUMMARY: write_summary,
    runs.REPORT_HTML: write_page,  # what people look at comes last: if it fails, machines have all they need
    runs.REPORT_XLSX: write_workbook,
}


def write_all(record: RunRecord, folder: Path) -> Summary:
    """Write every report file of *record* into *folder*, replacing older ones; returns its figures.

    Raises :class:`batch.errors.JournalError` when the disk does not take one; it then is the old one, or not there.
    Whoever calls this has the folder to itself.
    """
    _sweep(folder)
    told = tell(record)
    for name, write in WRITERS.items():
        with replacing(folder / name) as file:
            write(told, file)
    return told.summary


def _sweep(folder: Path) -> None:
    """Remove what a writer that was killed had set aside; a link is removed, not what it points to."""
    for name in (*WRITERS, runs.PLAN):
        for left in folder.glob(f".{name}.*"):
            with contextlib.suppress(OSError):
                left.unlink()
