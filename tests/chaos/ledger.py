"""Whether a run's journal tells a story that can be true: the part of the checker that reads it entry by entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Trunk
from tests.chaos.story import Change, Story

FINAL = frozenset({"done", "already", "rejected", "failed", "drifted"})
"""Outcomes that a run does not go on with; trying them again is another run."""

CLOCK_SLACK = 0.005
"""Seconds by which two readings of one machine's clock may be the wrong way round."""


def journal(evidence: Evidence, story: Story) -> Iterator[str]:
    """What is wrong with the journal, or between it, the server's log and the results."""
    if story.puts and not story.plan:
        yield "PUTs were sent, but there is no journal that tells of them"
        return
    if [entry.seq for entry in evidence.journal] != list(range(1, len(evidence.journal) + 1)):
        yield "entries are missing from the journal"
    yield from _intents(evidence, story)
    parked = {change.trunk for change in story.plan if change.action == "park"}
    for change in story.plan:
        yield from _order(story, change)
        if change.action == "assign" and change.trunk not in parked:
            yield from _told(story, change)


def _intents(evidence: Evidence, story: Story) -> Iterator[str]:
    """Each PUT has an intent of its own that was written before it came."""
    noted: dict[tuple[Trunk, str | None], list[float]] = {}
    for entry in evidence.journal:
        if entry.change is not None and entry.kind in {"intent", "restoring"}:
            change = story.plan[entry.change]
            goal = change.after if entry.kind == "intent" else change.before
            noted.setdefault((change.trunk, goal), []).append(entry.at)
    sent: Counter[tuple[Trunk, str | None]] = Counter()
    for _, put in sorted(story.puts, key=lambda placed: placed[1].at):
        key = (put.trunk, put.agent)
        sent[key] += 1
        if sum(at <= put.at + CLOCK_SLACK for at in noted.get(key, ())) < sent[key]:
            yield f"{_name(put.trunk)} was sent before its intent was in the journal"


def _order(story: Story, change: Change) -> Iterator[str]:
    """No intent after a final outcome, no *done* before a PUT had come, or somebody else had made it so.

    (A PUT that was meant, and cut off before it left, cannot be told from one that was applied.)
    """
    settled = ""
    came = [put.at for _, put in story.puts_of(change.trunk) if put.agent == change.after]
    if any(entry.kind == "intent" for entry in story.entries.get(change.id, ())):
        came += [step.at for _, owner, step in story.steps(change.trunk) if owner == change.after]
    for entry in story.entries.get(change.id, ()):
        if entry.kind == "intent" and settled in FINAL:
            yield f"{_name(change.trunk)} was journalled {settled}, and then sent again"
        settled = str(entry.body["status"]) if entry.kind == "outcome" else ""
        if settled == "done" and not any(at <= entry.at + CLOCK_SLACK for at in came):
            yield f"{_name(change.trunk)} was journalled done before its PUT had come"


def _told(story: Story, change: Change) -> Iterator[str]:
    """The results say what the journal says."""
    entries = story.entries.get(change.id, ())
    lines = [line for line in story.lines_of(change.trunk) if not line["reason"].startswith("duplicate")]
    if len(lines) != 1 or lines[0]["status"] == "invalid":
        return
    expected = "skipped"
    if entries:
        expected = str(entries[-1].body["status"]) if entries[-1].kind == "outcome" else "unknown"
    if lines[0]["status"] != expected:
        yield f"{_name(change.trunk)} is {expected} in the journal, but {lines[0]['status']} in the results"


def _name(trunk: Trunk) -> str:
    return f"{trunk[0]}/{trunk[1]}"
