"""What the tests of report files share."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from batch.adapters import runs
from batch.core.model import Reason, Status
from tests.records import agent, outcome

FILES = {
    *(runs.RESULTS_CSV, runs.RESULTS_JSONL, runs.FAILED),
    *(runs.REPORT_HTML, runs.REPORT_XLSX, runs.SUMMARY),
}
REFUSED = outcome(0, Status.REJECTED, Reason.SERVER_REFUSED, http_status=422, detail="archived", after=agent(0))


def table(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file by their columns."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))
