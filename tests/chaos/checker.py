"""The judge of the proving ground: does what a run left behind keep the twelve invariants? Standard library only.

    I1   every input row × channel is in the results exactly once, in exactly one named state
    I2   reported done ⇒ the server held the wanted agent        I3   changed by us ⇒ reported, with the true owner
    I4   no write outside the plan, none over somebody's change  I5   before = the owner just before the first PUT
    I6   rollback restores what still holds our value, and names the rest
    I7   nothing is claimed that was not read: done, failed      I8   nothing is sent twice without need
    I9   a look sends only GETs                                  I10  after a stop only calls in flight finish
    I11  the token is in no output and goes to no other host     I12  the exit code is the table's
    J    the journal: intent before the PUT, outcome after it, and the report says what the journal says

A violation is a sentence that begins with its invariant. The log is the stand-in's, so *true* means what it held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.chaos.ends import FINISHED, LOOKS, exit_code, token_stays
from tests.chaos.evidence import Event, Evidence, Trunk
from tests.chaos.ledger import journal
from tests.chaos.story import Story

STATUSES = frozenset({"done", "already", "invalid", "rejected", "failed", "unknown", "drifted", "skipped"})
NEVER_SENT = frozenset({"invalid", "already", "skipped"})
PRESUMED_NOT_APPLIED = frozenset({503, 521, 522, 523, 525, 526})
"""Answers after which the same call may be sent again without a look: surely, or almost surely, not applied."""
NO_FOR_GOOD = frozenset({400, 404, 410, 422})
CONNECTION_DIED = frozenset({"reset", "close", "hangup", "late", "stale"})

STOP_SECONDS, EXIT_SECONDS = 1.0, 20.0  # promised are 10 s, on a machine that does nothing else meanwhile
"""After a signal: until when a PUT may still leave, and until when the process must have ended."""

Complaints = Iterator[str]


def violations(evidence: Evidence) -> list[str]:
    """Everything that is wrong, in words; empty when all invariants hold."""
    story = Story(evidence)
    return [f"{name}: {complaint}" for name, judge in JUDGES.items() for complaint in judge(evidence, story)]


# ── the rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _once(evidence: Evidence, _: Story) -> Complaints:
    wanted = Counter((row.row, *trunk) for row in evidence.rows for trunk in row.trunks)
    told = Counter((int(line["row"]), line["number"], line["channel"]) for line in evidence.results)
    for key in wanted.keys() | told.keys():
        # a rollback has no line for what there is nothing to undo of
        optional = evidence.touched is not None and told[key] == 0
        if wanted[key] != told[key] and not optional:
            yield f"row {key[0]} {key[1]}/{key[2]} is {told[key]} times in the results, not {wanted[key]}"
    for line in evidence.results:
        if line["status"] not in STATUSES:
            yield f"row {line['row']} has no known status but {line['status']!r}"
    counts = Counter(line["status"] for line in evidence.results)
    said = {status: count for status, count in evidence.summary.get("status_counts", {}).items() if count}
    if said != counts:
        yield f"the summary counts {said}, the results {dict(counts)}"


def _done_is_true(evidence: Evidence, story: Story) -> Complaints:
    for line in evidence.results:
        trunk, wanted = _trunk(line), line["agent_uuid"]
        if line["status"] == "done":
            # somebody may have changed it after the last look, and nobody can know that
            looked = max(story.looks(trunk[0], 0, story.known_until(trunk)), default=0)
            if wanted not in story.owners(trunk, looked, story.end):
                yield f"{_name(trunk)} is reported done, but was on {_short(story.owner(trunk, story.end))}"
            if line["after_agent_uuid"] != wanted:
                yield f"{_name(trunk)} is reported done, but after is {_short(line['after_agent_uuid'])}"
        elif line["status"] == "already" and wanted not in story.owners(trunk, 0, story.end):
            yield f"{_name(trunk)} is reported already there, but never was"


def _change_is_reported(evidence: Evidence, story: Story) -> Complaints:
    for trunk in evidence.before:
        step = story.last_step(trunk, story.end)
        if step is None or not story.ours(step) or step.trunk != trunk:
            continue
        owner = story.owner(trunk, story.end)
        lines = story.lines_of(trunk)
        if not lines and owner != evidence.before[trunk]:
            yield f"{_name(trunk)} was changed by this run, but no line tells of it"
        for line in lines:
            yield from _told_truly(line, owner, changed=owner != evidence.before[trunk])
    unlike = [trunk for trunk in evidence.after if evidence.after[trunk] != story.final.get(trunk)]
    yield from (f"{_name(trunk)}: the log does not explain the state of the server" for trunk in unlike)


def _told_truly(line: Mapping[str, str], owner: str | None, *, changed: bool) -> Complaints:
    status, after, name = line["status"], line["after_agent_uuid"] or None, _name(_trunk(line))
    if status in NEVER_SENT and changed:
        yield f"{name} was changed by this run, but is reported {status}"
    if status in {"failed", "rejected"} and changed and owner == line["agent_uuid"]:
        yield f"{name} is reported {status}, but our write put it on the wanted agent"
    if status == "drifted" and changed:
        yield f"{name} is reported somebody else's, but our own write made it so"
    if status != "unknown" and changed and after != owner:
        yield f"{name} is on {_short(owner)} by our write, but after is {_short(after)} ({status})"


# ── what was written ──────────────────────────────────────────────────────────────────────────────────────────────────


def _only_the_plan(evidence: Evidence, story: Story) -> Complaints:
    allowed = _allowed(evidence, story)
    for event in evidence.log:
        if event.event == "request" and event.method not in {"GET", "PUT"}:
            yield f"a {event.method} {event.path} was sent"
    for place, put in story.puts:
        if put.path != "/phone-numbers/trunks/assign":
            yield f"a PUT {put.path} was sent"
        elif put.trunk not in allowed:
            yield f"{_name(put.trunk)} was written, but no row asks for it"
        elif put.agent not in allowed[put.trunk]:
            yield f"{_name(put.trunk)} was given to {_short(put.agent)}, which neither sheet nor plan asks for"
        yield from _overwrites(story, place, put)
    for line in evidence.results:
        sent = story.puts_of(_trunk(line))
        if line["status"] == "invalid" and any(put.agent == line["agent_uuid"] for _, put in sent):
            yield f"{_name(_trunk(line))} was written for a row that is reported invalid"


def _allowed(evidence: Evidence, story: Story) -> dict[Trunk, set[str | None]]:
    """The agents each trunk may be given: by the sheet, by the plan on its way there, and back again if journalled."""
    allowed: dict[Trunk, set[str | None]] = {}
    for row in evidence.rows:
        for trunk in row.trunks:
            allowed.setdefault(trunk, set()).add(row.agent)
    for change in story.plan:
        kinds = {entry.kind for entry in story.entries.get(change.id, ())}
        if change.action == "park" and change.trunk in allowed:
            allowed[change.trunk].add(change.after)
        if "restoring" in kinds and change.trunk in allowed:
            allowed[change.trunk].add(change.before)
    return allowed


def _overwrites(story: Story, place: int, put: Event) -> Complaints:
    """Somebody else's value may only be overwritten by a write that was decided before it could be seen."""
    step = story.last_step(put.trunk, place)
    if not put.applied or step is None or step.event != "outside" or step.agent == put.agent:
        return
    planned = {change.before for change in story.plan if change.trunk == put.trunk}
    edited = next(at for at, _, event in story.steps(put.trunk) if event is step)
    if step.agent not in planned and story.looks(put.number, edited, place):
        yield f"{_name(put.trunk)} was changed by somebody else, seen so, and overwritten all the same"


def _before_is_true(evidence: Evidence, story: Story) -> Complaints:
    for line in evidence.results:
        trunk = _trunk(line)
        sent = story.puts_of(trunk)
        if not sent or line["status"] == "invalid":
            continue
        first = sent[0][0]
        possible = story.owners(trunk, max(story.looks(trunk[0], 0, first), default=0), first)
        if (line["before_agent_uuid"] or None) not in possible:
            held = " or ".join(sorted(map(_short, possible)))
            yield f"{_name(trunk)}: before is {_short(line['before_agent_uuid'])}, but the first PUT found {held}"


def _undone(evidence: Evidence, story: Story) -> Complaints:
    for trunk, (before, written) in (evidence.touched or {}).items():
        start, end = evidence.before.get(trunk), story.owner(trunk, story.end)
        named = [line["status"] for line in story.lines_of(trunk) if line["status"] not in {"done", "already"}]
        if start == written != before:
            if end != before and not named:
                yield f"{_name(trunk)} still held what the run wrote, was not given back, and is not named"
        elif start not in {written, before}:
            if story.puts_of(trunk):
                yield f"{_name(trunk)} held somebody else's value when the rollback began, and was written"
            if not named:
                yield f"{_name(trunk)} holds somebody else's value, but the rollback does not name it"


# ── what was known when ───────────────────────────────────────────────────────────────────────────────────────────────


def _seen_before_said(evidence: Evidence, story: Story) -> Complaints:
    for line in evidence.results:
        trunk, status = _trunk(line), line["status"]
        sent = story.puts_of(trunk)
        if status == "unknown" and not sent and not _intended(story, trunk):
            yield f"{_name(trunk)} is reported unknown, but nothing was sent for it"
        since: list[int] = []
        # a run that was stopped may say what the answers said, but not that it looked
        unfinished = evidence.exit_code not in FINISHED
        by_echo = evidence.verify == "echo" or (line["verified"] == "echo" and unfinished)
        if status == "done" and not (by_echo and any(put.tells_truth for _, put in sent)):
            steps, until = story.steps(trunk), story.known_until(trunk)
            since = [place for place, _, event in steps if event.before != event.agent and place < until]
        elif status == "failed" and not (unfinished and sent and _is_told(sent[-1][1], line)):
            since = [place for place, put in sent if not put.refused_for_good and _may_apply(put)]
        if since and since[-1] < story.end and not story.looks(trunk[0], since[-1] + 1, story.end):
            yield f"{_name(trunk)} is reported {status}, but was not read after its last write"


def _is_told(put: Event, line: Mapping[str, str]) -> bool:
    """Whether a line says what the answer to a PUT said: a trunk that waits on the parking agent, say."""
    return put.tells_truth and put.agent == line["after_agent_uuid"] != line["agent_uuid"]


def _nothing_twice(evidence: Evidence, story: Story) -> Complaints:
    needless = 0
    for (earlier, first), (later, second) in story.pairs():
        so_far = {
            word for place, put in story.puts_of(first.trunk) if place <= earlier for word in put.fault.split("+")
        }
        lost = evidence.lossy or bool(CONNECTION_DIED & so_far)
        # a connection that died allows one resend at once (API.md §5)
        allowed = lost or first.refused_for_good or first.status in PRESUMED_NOT_APPLIED
        # by arrival: what was in flight when its client was killed may be decided after the next one's look
        looked = any(evidence.log[place].mono > first.mono for place in story.looks(first.number, 0, later))
        if not allowed and not looked:
            yield f"{_name(first.trunk)} was sent again without a look, though the first PUT may have been applied"
        heard = not any(first.mono <= sitting.ended_at <= second.mono for sitting in evidence.sittings)
        if heard and first.fault and first.status in NO_FOR_GOOD and "late" not in first.fault:
            yield f"{_name(first.trunk)} was sent again although the server had said no for good ({first.status})"
        set_already = second.applied and second.before == second.agent and not lost
        needless += set_already
        seen = {story.owner(first.trunk, place) for place in story.looks(first.number, earlier, later)}
        if set_already and seen == {second.agent}:
            yield f"{_name(first.trunk)} was sent again, though it had been seen to be there"
    if needless > evidence.workers * evidence.kills:
        yield f"{needless} PUTs set what was set already, with {evidence.workers} workers and {evidence.kills} kills"
    yield from _early_calls(evidence)


def _may_apply(put: Event) -> bool:
    return put.applied or put.status not in PRESUMED_NOT_APPLIED


def _early_calls(evidence: Evidence) -> Complaints:
    """After a 429 all wait: only what was on its way already may arrive before Retry-After is over."""
    refused = next((event for event in evidence.log if event.status == 429), None)
    if evidence.retry_after is None or refused is None:
        return
    waited = [event.mono - refused.mono for event in evidence.log if event.event == "request"]
    early = sum(0.25 < seconds < evidence.retry_after - 0.05 for seconds in waited)
    if early:
        yield f"{early} calls came while a 429 had asked everybody to wait for {evidence.retry_after:g} s"


def _only_reads(evidence: Evidence, _: Story) -> Complaints:
    if evidence.command in LOOKS:
        writes = [event for event in evidence.log if event.event == "request" and event.method != "GET"]
        yield from (f"`{evidence.command}` sent {event.method} {event.path}" for event in writes)


def _stops(evidence: Evidence, story: Story) -> Complaints:
    for sitting in evidence.sittings:
        if sitting.signalled_at is None:
            continue
        came = [put.mono - sitting.signalled_at for _, put in story.puts if put.mono <= sitting.ended_at]
        after = [seconds for seconds in came if seconds > 0]
        if any(seconds > STOP_SECONDS for seconds in after):
            yield f"a PUT came {max(after):.1f} s after signal {sitting.signal}"
        if len(after) > evidence.workers:
            yield f"{len(after)} PUTs came after signal {sitting.signal}, with {evidence.workers} workers"
        if sitting.ended_at - sitting.signalled_at > EXIT_SECONDS:
            yield f"the process ended {sitting.ended_at - sitting.signalled_at:.1f} s after signal {sitting.signal}"


# ── small things ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _intended(story: Story, trunk: Trunk) -> bool:
    ids = {change.id for change in story.plan if change.trunk == trunk}
    return any(entry.kind in {"intent", "restoring"} for id_ in ids for entry in story.entries.get(id_, ()))


def _trunk(line: Mapping[str, str]) -> Trunk:
    return line["number"], line["channel"]


def _name(trunk: Trunk) -> str:
    return f"{trunk[0]}/{trunk[1]}"


def _short(agent: str | None) -> str:
    return f"…{agent[-4:]}" if agent else "nobody"


JUDGES: Mapping[str, Callable[[Evidence, Story], Complaints]] = {
    "I1": _once,
    "I2": _done_is_true,
    "I3": _change_is_reported,
    "I4": _only_the_plan,
    "I5": _before_is_true,
    "I6": _undone,
    "I7": _seen_before_said,
    "I8": _nothing_twice,
    "I9": _only_reads,
    "I10": _stops,
    "I11": token_stays,
    "I12": exit_code,
    "J": journal,
}
