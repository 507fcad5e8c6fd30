"""How a run ended and what got out: the parts of the checker that look at exit codes, outputs and files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.story import Story

LOOKS = frozenset({"plan", "audit", "doctor", "export", "check"})
"""Commands that must only read."""

FINISHED, SIGNALLED = frozenset({0, 5, 6}), frozenset({129, 130, 143})
STOPPED = {
    4: {"credentials"},
    7: {"refused_by_guard", "declined", "budget_spent", "wave_failed", "window_closed", "stopped"},
    10: {"api_unavailable", "deadline"},
}
"""Exit codes that a reason in the journal must explain."""


def token_stays(evidence: Evidence, _: Story) -> Iterator[str]:
    """I11: in no output, no file, no address; in the header of each call, and in no other host's."""
    token = evidence.token.encode()
    for sitting in evidence.sittings:
        if token in sitting.output:
            yield f"the token was printed by `{sitting.command}`"
    for name, data in evidence.files.items():
        if any(token in part for part in _parts(name, data)):
            yield f"the token is in {name}"
    for event in evidence.log:
        if event.event == "request" and event.token != "right":
            yield f"{event.method} {event.path} came with a token that is {event.token}"
        if evidence.token in event.path + event.query:
            yield f"the token is in the address of {event.method} {event.path}"
    if evidence.foreign_calls:
        yield f"{evidence.foreign_calls} calls went to another host"


def _parts(name: str, data: bytes) -> Iterator[bytes]:
    """A file, and if it is a workbook what is packed in it."""
    yield data
    if name.endswith(".xlsx") and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            yield from (book.read(member) for member in book.namelist())


def exit_code(evidence: Evidence, story: Story) -> Iterator[str]:
    """I12: the table's, and for a reason that summary, journal and results know."""
    code = evidence.exit_code
    if code in {1, 2} or not 0 <= code <= 143:
        yield f"the exit code is {code}"
        return
    signalled = evidence.sittings[-1].signal
    if code in SIGNALLED and signalled != code - 128:
        yield f"the exit code is {code}, but the signal sent was {signalled}"
    if evidence.summary and evidence.summary.get("exit_code") != code:
        yield f"the exit code is {code}, but the summary says {evidence.summary.get('exit_code')}"
    stops = {str(entry.body.get("whole_run")) for entry in evidence.journal if entry.kind == "stopped"}
    if code in STOPPED and not STOPPED[code] & stops:
        yield f"the exit code is {code}, but the journal knows only these stops: {sorted(stops)}"
    if code == 3 and story.puts:
        yield "the exit code says that nothing was sent, but PUTs were"
    if code in FINISHED and evidence.command not in LOOKS and code != _by_counts(evidence):
        yield f"the exit code is {code}, but the results mean {_by_counts(evidence)}"


def _by_counts(evidence: Evidence) -> int:
    statuses = {line["status"] for line in evidence.results}
    return 6 if "unknown" in statuses else 5 if statuses - {"done", "already"} else 0
