"""The checker itself: silent about a run that kept its promises, and not about any of these."""

from __future__ import annotations

import ast
import io
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import JUDGES, violations
from tests.chaos.evidence import ASSIGN, Entry, Event, Evidence, Row, Sitting, gather, read_journal, read_log
from tests.chaos.story import Story

A, B, C = ("aaaa", "bbbb", "cccc")
ONE, TWO, THREE = ("+1", "call"), ("+2", "call"), ("+3", "call")
LINE = {"channel": "call", "reason": "verified: so it is", "status": "done", "verified": "sweep"}


def get(seq: int, **more: Any) -> Event:
    return Event(**{"seq": seq, "at": seq, "mono": seq, "method": "GET", "path": "/phone-numbers/trunks"} | more)


def put(seq: int, trunk: tuple[str, str], to: str, before: str | None, **more: Any) -> Event:
    facts = {"method": "PUT", "path": ASSIGN, "number": trunk[0], "channel": trunk[1], "agent": to, "before": before}
    return Event(**{"seq": seq, "at": seq, "mono": seq, "applied": True} | facts | more)


def outside(seq: int, trunk: tuple[str, str], to: str, before: str | None) -> Event:
    return put(seq, trunk, to, before, event="outside", method="", path="")


def line(row: int, trunk: tuple[str, str], agent: str, before: str, **more: Any) -> dict[str, str]:
    place = {"row": str(row), "number": trunk[0], "agent_uuid": agent}
    return LINE | place | {"before_agent_uuid": before, "after_agent_uuid": agent} | more


def entry(seq: int, at: float, kind: str, change: int | None = None, **body: Any) -> Entry:
    return Entry(seq=seq, at=at, kind=kind, change=change, body=body)


def plan(*changes: tuple[tuple[str, str], str, str | None, str]) -> dict[str, list[dict[str, Any]]]:
    keys = ("number", "channel", "action", "before", "after")
    return {"changes": [dict(zip(keys, (*trunk, *rest), strict=True)) for trunk, *rest in changes]}


def good() -> Evidence:
    """Two trunks moved from A to B, a third was there already; read before and after."""
    told = (line(2, ONE, B, A), line(3, TWO, B, A), line(4, THREE, B, B, status="already"))
    text = plan((ONE, "assign", A, B), (TWO, "assign", A, B), (THREE, "keep", B, B))
    done = {"status": "done", "after": B}
    return Evidence(
        rows=tuple(Row(row=i, number=t[0], channels=("call",), agent=B) for i, t in enumerate((ONE, TWO, THREE), 2)),
        log=(get(1), put(4, ONE, B, A), put(5, TWO, B, A), get(9)),
        before={ONE: A, TWO: A, THREE: B},
        after={ONE: B, TWO: B, THREE: B},
        journal=(
            entry(1, 2, "planned", **text),
            entry(2, 3, "intent", 0),
            entry(3, 3, "intent", 1),
            entry(4, 6, "outcome", 0, **done),
            entry(5, 6, "outcome", 1, **done),
            entry(6, 10, "finished", exit_code=0),
        ),
        results=told,
        summary={"exit_code": 0, "status_counts": {"done": 2, "already": 1, "failed": 0}},
        sittings=(Sitting(command="apply", exit_code=0, output=b"2 done", ended_at=11),),
        token="secret-token",
    )


def test_a_run_that_kept_its_promises_is_clean() -> None:
    """Nothing is complained of without a reason."""
    assert violations(good()) == []


# ── hand-made violations ──────────────────────────────────────────────────────────────────────────────────────────────

Spoil = Callable[[Evidence], Evidence]


def results(*told: dict[str, str]) -> Spoil:
    """Other result lines, counted truly."""
    counts: dict[str, int] = {}
    for each in told:
        counts[each["status"]] = counts.get(each["status"], 0) + 1
    return lambda e: replace(e, results=told, summary={**e.summary, "status_counts": counts})


def first_line(**more: str) -> Spoil:
    told = good().results
    return results({**told[0], **more}, *map(dict, told[1:]))


def log(*events: Event, **more: Any) -> Spoil:
    return lambda e: replace(e, log=events, **more)


def journal(*entries: Entry) -> Spoil:
    return lambda e: replace(e, journal=entries)


def sitting(**more: Any) -> Spoil:
    return lambda e: replace(e, sittings=(replace(e.sittings[0], **more),))


def then(*spoils: Spoil) -> Spoil:
    def spoil(evidence: Evidence) -> Evidence:
        for each in spoils:
            evidence = each(evidence)
        return evidence

    return spoil


WAS_B = {ONE: B, TWO: A, THREE: B}
LEFT = {ONE: A, TWO: B, THREE: B}
TWICE = (get(1), put(4, ONE, B, A), put(5, ONE, B, B), put(6, TWO, B, A), get(9))
OPENED, *REST = good().journal
MOVED_ON = log(get(1), put(4, ONE, B, A), put(5, TWO, B, A), outside(6, ONE, C, B), get(9))

CASES: list[tuple[str, str, Spoil]] = [
    ("I1", "a row is missing", results(*map(dict, good().results[1:]))),
    ("I1", "a row is told twice", results(dict(good().results[0]), *map(dict, good().results))),
    ("I1", "a status nobody knows", first_line(status="probably")),
    (
        "I1",
        "the summary counts otherwise",
        lambda e: replace(e, summary={"exit_code": 0, "status_counts": {"done": 3}}),
    ),
    ("I2", "done, but never sent", log(get(1), put(5, TWO, B, A), get(9), after=LEFT)),
    ("I2", "done, but somebody moved it before the last look", then(MOVED_ON, lambda e: replace(e, after=WAS_B))),
    ("I2", "done, but shown elsewhere", first_line(after_agent_uuid=C)),
    ("I2", "already, but never was", first_line(status="already", agent_uuid=C, after_agent_uuid=C)),
    ("I3", "changed, but reported skipped", first_line(status="skipped")),
    ("I3", "changed, but reported failed", first_line(status="failed")),
    ("I3", "changed by us, but reported drifted", first_line(status="drifted")),
    (
        "I3",
        "changed, but no line tells of it",
        then(lambda e: replace(e, rows=e.rows[1:]), results(*good().results[1:])),
    ),
    ("I3", "rejected, with a wrong owner", first_line(status="rejected", after_agent_uuid=A)),
    ("I3", "the server's state has another cause", lambda e: replace(e, after={**e.after, THREE: C})),
    ("I4", "a trunk that no row asks for", log(*good().log, put(10, ("+9", "call"), B, A))),
    ("I4", "an agent that nobody asks for", log(get(1), put(4, ONE, C, A), put(5, TWO, B, A), get(9))),
    ("I4", "another kind of write", log(*good().log, get(10, method="DELETE"))),
    ("I4", "a PUT to another address", log(*good().log, put(10, ONE, B, B, path="/agents/1"))),
    ("I4", "written for an invalid row", first_line(status="invalid")),
    (
        "I4",
        "somebody's change seen and overwritten",
        log(get(1), outside(2, ONE, C, A), get(3), put(4, ONE, B, C), put(5, TWO, B, A), get(9)),
    ),
    ("I5", "before is what the run itself wrote", first_line(before_agent_uuid=B)),
    ("I6", "not given back, and not named", lambda e: replace(e, touched={THREE: (A, B)})),
    (
        "I6",
        "somebody's value written over by a rollback",
        lambda e: replace(e, touched={ONE: (B, C)}, before={**e.before, ONE: A}),
    ),
    ("I7", "done without a look afterwards", log(*good().log[:3])),
    ("I7", "done by the echo only", then(first_line(verified="echo"), log(*good().log[:3]))),
    (
        "I7",
        "done by an echo that never came",
        then(
            first_line(verified="echo"),
            sitting(exit_code=130, signal=2),
            log(get(1), put(5, TWO, B, A), put(6, ONE, B, A, fault="cut")),
        ),
    ),
    (
        "I7",
        "failed without a look afterwards",
        then(first_line(status="failed"), log(get(1), put(5, TWO, B, A), put(6, ONE, B, A, applied=False, status=502))),
    ),
    ("I7", "unknown, but nothing sent", then(first_line(status="unknown"), log(get(1), get(9)), journal(OPENED))),
    ("I8", "sent again without a look", log(*TWICE)),
    ("I8", "more set twice than kills explain", log(*TWICE[:2], get(4), *TWICE[2:])),
    ("I8", "sent again though seen to be there", then(log(*TWICE[:2], get(4), *TWICE[2:]), sitting(killed=True))),
    (
        "I8",
        "sent again after a no",
        log(get(1), put(3, ONE, B, A, applied=False, status=422, fault="status"), *good().log[1:]),
    ),
    (
        "I8",
        "calls during a pause",
        lambda e: replace(e, retry_after=30.0, log=(get(1, status=429), *e.log[1:])),
    ),
    ("I9", "an audit that writes", sitting(command="audit")),
    ("I10", "a PUT long after the signal", sitting(signal=15, signalled_at=2.5, exit_code=143)),
    ("I10", "a slow exit", sitting(signal=15, signalled_at=6, ended_at=27, exit_code=143)),
    ("I10", "more than was in flight", lambda e: replace(sitting(signal=15, signalled_at=3.5)(e), workers=1)),
    ("I11", "the token is printed", sitting(output=b"Bearer secret-token")),
    ("I11", "the token is in a file", lambda e: replace(e, files={"report.html": b"<p>secret-token</p>"})),
    ("I11", "the token is packed in a workbook", lambda e: replace(e, files={"report.xlsx": workbook("secret-token")})),
    ("I11", "the token is in an address", log(*good().log[:-1], get(9, query="key=secret-token"))),
    ("I11", "no token was sent", log(*good().log[:-1], get(9, token="missing"))),
    ("I11", "another host was called", lambda e: replace(e, foreign_calls=1)),
    ("I12", "a traceback's code", sitting(exit_code=1)),
    ("I12", "0 although something is unknown", first_line(status="unknown")),
    ("I12", "another code than the summary's", sitting(exit_code=5)),
    ("I12", "stopped by a brake that the journal does not know", sitting(exit_code=7)),
    ("I12", "a signal that nobody sent", sitting(exit_code=130)),
    ("I12", "nothing sent, it says", sitting(exit_code=3)),
    ("J", "no journal at all", journal()),
    ("J", "an entry is missing", journal(OPENED, *REST[1:])),
    ("J", "sent before the intent", journal(OPENED, replace(REST[0], at=5.0), *REST[1:])),
    ("J", "done before the PUT", journal(OPENED, *REST[:2], replace(REST[2], at=3.5), *REST[3:])),
    ("J", "sent again after it was done", journal(*good().journal, entry(7, 11, "intent", 0))),
    ("J", "the results say otherwise", first_line(status="rejected")),
]


def workbook(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", f"<t>{text}</t>")
    return packed.getvalue()


@pytest.mark.parametrize(("name", "spoil"), [pytest.param(n, s, id=f"{n} {what}") for n, what, s in CASES])
def test_each_violation_is_found(name: str, spoil: Spoil) -> None:
    """By the judge whose business it is."""
    assert name in {violation.partition(":")[0] for violation in violations(spoil(good()))}


def test_every_judge_has_a_case() -> None:
    """A judge that nothing tests could be asleep."""
    assert set(JUDGES) == {name for name, _, _ in CASES}


def test_the_checker_shares_no_code_with_the_program() -> None:
    """What it is made of imports the standard library and itself, and nothing else."""
    mine = ("checker", "ends", "ledger", "story", "evidence", "whole")
    texts = [(Path(__file__).parent / f"{name}.py").read_text() for name in mine]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign <= {f"tests.chaos.{name}" for name in mine}


# ── what must be forgiven ─────────────────────────────────────────────────────────────────────────────────────────────

FORGIVEN: list[tuple[str, Spoil]] = [
    ("a change after the last look", log(*good().log, outside(10, ONE, C, B), after=good().after | {ONE: C})),
    ("a resend after a look", log(get(1), put(4, ONE, B, A, applied=False, status=502), get(4.5), *good().log[1:])),
    ("a resend after a pause", log(get(1), put(4, ONE, B, A, applied=False, status=429), *good().log[1:])),
    (
        "a resend on a fresh connection",
        log(get(1), put(4, ONE, B, A, fault="reset"), put(4, ONE, B, B), *good().log[2:]),
    ),
    (
        "a no that nobody lived to hear",
        then(
            log(get(1), put(3, ONE, B, A, applied=False, status=422, fault="status"), *good().log[1:]),
            sitting(killed=True, ended_at=3.5),
        ),
    ),
    (
        "in flight when killed",
        then(log(get(1), get(4.5), *TWICE[1:]), sitting(killed=True)),
    ),
]


@pytest.mark.parametrize("spoil", [pytest.param(spoil, id=what) for what, spoil in FORGIVEN])
def test_what_cannot_be_helped_is_forgiven(spoil: Spoil) -> None:
    """Each PUT with an intent of its own, as the journal of such a run has."""
    twice = tuple(replace(e, seq=e.seq + 1) for e in REST)
    noted = replace(good(), journal=(OPENED, entry(2, 3, "intent", 0), *twice))
    evidence = spoil(noted)
    last = replace(evidence.sittings[0], killed=False)
    assert violations(replace(evidence, sittings=(*evidence.sittings, last))) == []


# ── the story and the reading ─────────────────────────────────────────────────────────────────────────────────────────


def test_owners_are_played_from_the_log() -> None:
    """Before an event and after it; a displaced trunk is served by nobody."""
    evidence = replace(good(), displaces=True, log=(put(1, ONE, B, A),))
    story = Story(evidence)
    assert (story.owner(ONE, 0), story.owner(ONE, 1), story.owner(THREE, 1)) == (A, B, None)
    assert story.owners(ONE, 0, 1) == {A, B}


def test_a_list_page_shows_only_its_numbers() -> None:
    """By their place in the state; a lie shows none, a page that is late does."""
    query = "page=1&per_page=2"
    reads = (get(1, query=query), get(2, query="page=2&per_page=2"), get(3, query=query, fault="html"))
    story = Story(replace(good(), log=(*reads, get(4, path="/phone-numbers/channels", number="+3"))))
    assert (story.looks("+1", 0, 9), story.looks("+3", 0, 9)) == ([0], [1, 3])


def test_the_log_is_read_line_by_line() -> None:
    """As the stand-in writes it."""
    text = '{"seq": 1, "at": 2.5, "mono": 1.0, "event": "late", "of": 7, "token": "", "applied": true}'
    assert read_log([text, "\n"]) == (Event(seq=1, at=2.5, mono=1.0, event="late", of=7, token="", applied=True),)


def test_a_run_folder_is_read_whole(tmp_path: Path) -> None:
    """Journal, results and summary; what is not there is empty."""
    rows = {"rows": [], "log": [], "before": {}, "after": {}, "sittings": (), "token": ""}
    assert gather(tmp_path / "nothing", **rows).journal == ()
    (tmp_path / "results.csv").write_text("row,status\r\n2,done\r\n")
    (tmp_path / "summary.json").write_text('{"exit_code": 5}')
    with sqlite3.connect(tmp_path / "journal.sqlite") as database:
        database.execute("CREATE TABLE entry (seq, at, kind, change, body, hash)")
        database.execute("INSERT INTO entry VALUES (1, 2.0, 'opened', NULL, '{\"run_id\":\"r\"}', x'00')")
    database.close()
    evidence = gather(tmp_path, **rows)
    assert (evidence.results, evidence.summary) == (({"row": "2", "status": "done"},), {"exit_code": 5})
    assert read_journal(tmp_path / "journal.sqlite") == (Entry(seq=1, at=2.0, kind="opened", body={"run_id": "r"}),)
