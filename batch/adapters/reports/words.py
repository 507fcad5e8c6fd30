"""The first thing a reader sees: what happened, and what to do next, in plain words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from batch.adapters.reports.clean import clean
from batch.adapters.reports.entries import Verdict, verdicts
from batch.adapters.reports.review import lifting, refusals
from batch.adapters.reports.told import Told
from batch.core.cost import believed, cost
from batch.core.figures import span
from batch.core.model import Reason, Status
from batch.core.reasons import SENTENCES
from batch.core.results import GOOD, reason_of, stopped_by
from batch.core.summary import counted


class Tone(StrEnum):
    """How the reader should feel about it."""

    GOOD = "good"
    CALM = "calm"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """*what* happened in one sentence, *more* about it, what to do *next* and the *command* for it."""

    tone: Tone
    what: str
    more: str = ""
    next: str = ""
    command: str = ""


_REFUSED: Mapping[Reason, str] = {
    Reason.REFUSED_BY_GUARD: "If the change is meant, give the flag that the message names; else mend the sheet.",
    Reason.DECLINED: "Run the same command again and answer yes, or add --yes.",
}


def headline(told: Told) -> Headline:
    """What to say first about a run; safe to show."""
    said = _said(told)
    return replace(said, what=clean(said.what), more=clean(said.more), command=clean(said.command))


def _said(told: Told) -> Headline:
    whole_run = told.record.whole_run
    if told.looked:
        return _looked(told)
    if whole_run is Reason.OTHER_ROWS_INVALID:
        return Headline(
            tone=Tone.WARN,
            what=f"Nothing was sent: {_to_mend(_invalid_rows(told))} first.",
            more="No trunk was changed.",
            next="Mend the rows under Problems, or say --skip-invalid to send the good ones without them.",
        )
    if whole_run is not None and whole_run in _REFUSED:
        return Headline(
            tone=Tone.WARN,
            what=f"{SENTENCES[whole_run]}.",
            more=_sentence(told.record.whole_run_detail) or "No trunk was changed.",
            next=_REFUSED[whole_run],
        )
    stopped = stopped_by(told.record)
    return _finished(told) if stopped is None else _broken_off(told, stopped)


def _looked(told: Told) -> Headline:
    found = verdicts(told)
    to_change, drifted = found[Verdict.MOVE], found[Verdict.DRIFTED]
    invalid = _invalid_rows(told)
    right = f"{found[Verdict.ALREADY]:,} already right"
    more = f"{right}, {drifted:,} drifted." if drifted else f"{right}."
    if invalid:
        return Headline(
            tone=Tone.WARN,
            what=f"Looked only: {_to_mend(invalid)}.",
            more=f"{to_change:,} to change, {more}",
            next="Mend the rows under Problems, then look again.",
        )
    if not to_change and not drifted:
        return Headline(tone=Tone.GOOD, what="Reality is what the sheet says.", more=f"Nothing to change: {more}")
    if told.record.command == "audit":
        return _audited(told, to_change, drifted, more)
    if not to_change:
        return Headline(tone=Tone.CALM, what="There is nothing that would be moved.", more=more)
    return _planned(told, found)


def _audited(told: Told, to_change: int, drifted: int, more: str) -> Headline:
    differ = to_change + drifted
    said = Headline(
        tone=Tone.CALM,
        what=f"{_trunks(differ)} {_are(differ)} not where the sheet wants {'it' if differ == 1 else 'them'}.",
        more=more,
    )
    if not to_change:
        return replace(said, next="Apply would leave what has drifted alone: look who moved it, and mend the sheet.")
    return replace(
        said,
        next="Apply it:",
        command=f"reassign apply {shlex.quote(told.record.plan.source.file)}",
    )


def _planned(told: Told, found: Counter[Verdict]) -> Headline:
    """A plan that can be said yes to: exactly this one, as it is saved beside the page."""
    plan = told.record.plan
    against = tuple(refusals(plan))
    flags = lifting(against)
    waves = len({change.wave for change in plan.writes()})
    price = cost(plan, believed(told.record.pace), looking=told.record.calls.get)
    size = f"In {_waves(waves)}, with {price.puts + price.gets:,} calls, in about {span(price.seconds)}."
    beside = {"already right": found[Verdict.ALREADY], "drifted": found[Verdict.DRIFTED]}
    others = ", ".join(f"{count:,} {what}" for what, count in beside.items() if count)
    more = f"{size} {others}." if others else size
    said = Headline(
        tone=Tone.CALM,
        what=f"{_trunks(found[Verdict.MOVE])} would be moved; nothing has been changed yet.",
        more=more,
        next="Read it, then apply exactly this, from the folder that this file is in:",
        command=f"reassign apply plan.json {flags}".strip(),
    )
    if not against:
        return said
    said = replace(said, tone=Tone.WARN, more=f"{more} As it is, apply would refuse it.")
    if not flags:
        return replace(said, next="Look again at the sheet and the workspace.", command="")
    return replace(said, next="If all of it is meant, say so, from the folder that this file is in:")


def _broken_off(told: Told, reason: Reason) -> Headline:
    record, counts = told.record, _asked_for(told)
    good, total = sum(counts[status] for status in GOOD), counts.total()
    ill = {status: count for status, count in counts.items() if status not in GOOD}
    why = _sentence(SENTENCES[reason] + (f": {record.whole_run_detail}" if record.whole_run_detail else ""))
    return Headline(
        tone=Tone.BAD if reason in (Reason.JOURNAL_FAILED, Reason.CREDENTIALS) else Tone.WARN,
        what=f"The run did not go to its end: {good:,} of {total:,} {_are(good)} with the wanted agent.",
        more=f"{why} The others: {counted(ill)}." if ill else why,
        next="Once the cause is gone, go on where it stopped; what is done is not done again:",
        command=f"reassign resume {record.run_id}",
    )


def _asked_for(told: Told) -> Counter[Status]:
    """How the lines ended that were not left out on purpose."""
    return Counter(result.status for _, result in told.lines if reason_of(result) is not Reason.NOT_SELECTED)


def _finished(told: Told) -> Headline:
    counts = _asked_for(told)
    good, total = sum(counts[status] for status in GOOD), counts.total()
    left_out = f" {len(told.lines) - total:,} left out on purpose." if total < len(told.lines) else ""
    if good == total:
        return _all_well(told, counts, left_out)
    ill = {status: count for status, count in counts.items() if status not in GOOD}
    unknown = " Unknown means: look before trusting." if counts[Status.UNKNOWN] else ""
    mending = ("Mend the rows in failed.csv, and give that back:", "reassign apply failed.csv")
    again = ("Mend what can be mended, then try only these again:", f"reassign retry {told.record.run_id}")
    next_, command = mending if ill.keys() == {Status.INVALID} else again
    return Headline(
        tone=Tone.BAD if counts[Status.UNKNOWN] or counts[Status.FAILED] else Tone.WARN,
        what=f"{good:,} of {total:,} {_are(good)} with the wanted agent, {total - good:,} {_are(total - good)} not.",
        more=f"{counted(ill)}.{unknown}{left_out}",
        next=f"See below why. {next_}",
        command=command,
    )


def _all_well(told: Told, counts: Counter[Status], left_out: str) -> Headline:
    moved, there = counts[Status.DONE], counts[Status.ALREADY]
    if not moved:
        right = f"{there:,} already right." if there else "The sheet asks for nothing."
        return Headline(tone=Tone.GOOD, what="There was nothing to do.", more=right + left_out)
    all_of_them = "It is" if moved + there == 1 else f"All {moved + there:,} are"
    back = "back " if told.record.command == "rollback" else ""
    return Headline(
        tone=Tone.GOOD,
        what=f"{all_of_them} {back}with the wanted agent.",
        more=f"{moved:,} moved and seen to be true, {there:,} there already.{left_out}",
        next="Should it have been a mistake, take it back:",
        command=f"reassign rollback {told.record.run_id}",
    )


def _invalid_rows(told: Told) -> int:
    return sum(row.selected and not row.valid for row in told.record.plan.rows)


def _to_mend(count: int) -> str:
    return "1 row needs mending" if count == 1 else f"{count:,} rows need mending"


def _trunks(count: int) -> str:
    return "1 trunk" if count == 1 else f"{count:,} trunks"


def _waves(count: int) -> str:
    return "one wave" if count == 1 else f"{count:,} waves"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _sentence(text: str) -> str:
    """*text* with a capital letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
