"""DBOS: a workflow a row on a durable queue (SQLite), its step retried, the limiter typed in if the rate is known."""

import contextlib
import csv
import sys
from pathlib import Path

import requests
from dbos import DBOS

SHEET, URL, TOKEN = sys.argv[1:4]
RATE = int(sys.argv[4]) if len(sys.argv) > 4 else None
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}

DBOS(config={"name": "peer", "system_database_url": f"sqlite:///{SHEET}.sqlite", "log_level": "ERROR"})
session = requests.Session()


@DBOS.step(retries_allowed=True, max_attempts=6)
def put(row: dict[str, str]) -> None:
    body = {"phone_number": row["number"], "channel": row["channel"], "agent_uuid": row["agent_uuid"]}
    answer = session.put(f"{URL}/phone-numbers/trunks/assign", json=body, headers=HEADERS, timeout=30)
    answer.raise_for_status()


@DBOS.workflow()
def assign(row: dict[str, str]) -> None:
    put(row)


if __name__ == "__main__":
    DBOS.launch()
    limiter = {"limit": RATE, "period": 1.0} if RATE else None
    DBOS.register_queue("rows", worker_concurrency=16, limiter=limiter)
    rows = csv.DictReader(Path(SHEET).read_text().splitlines())
    for handle in [DBOS.enqueue_workflow("rows", assign, row) for row in rows]:
        with contextlib.suppress(Exception):
            handle.get_result()
    DBOS.destroy()
