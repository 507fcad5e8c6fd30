"""The parts of ``report.xlsx`` that a plan under review has: what is to be weighed, and every step in its order."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter.worksheet import Worksheet

from batch.adapters.reports.entries import MEANINGS, Entry, Named, Verdict, entries, verdicts
from batch.adapters.reports.grid import Cell, Column, Look, Styles, Table, header, widest
from batch.adapters.reports.review import Review, review
from batch.adapters.reports.told import Told


def review_blocks(sheet: Worksheet, styles: Styles, told: Told, top: int) -> int:
    """What speaks against the plan, what it takes, its waves and its figures, from row *top* on; the last row."""
    weighed = review(told)
    top = _against(sheet, styles, weighed, top)
    for name, value in weighed.facts:
        sheet.write_string(top, 0, name, styles.bold)
        sheet.write_string(top, 1, value)
        top += 1
    return _counts(sheet, styles, told, _waves(sheet, styles, weighed, top + bool(weighed.facts)))


def _against(sheet: Worksheet, styles: Styles, weighed: Review, top: int) -> int:
    if not weighed.against:
        return top
    header(sheet, styles, top, ("apply would refuse", "", "", "why, and what lifts it"))
    for row, refusal in enumerate(weighed.against, top + 1):
        lift = f"Lift it with {refusal.flag}" if refusal.flag else "No flag lifts this."
        sheet.write_string(row, 0, refusal.rule, styles.warning)
        sheet.write_string(row, 3, f"{refusal.message} {lift}")
    return top + len(weighed.against) + 2


def _waves(sheet: Worksheet, styles: Styles, weighed: Review, top: int) -> int:
    if not weighed.waves:
        return top
    header(sheet, styles, top, ("wave", "trunks", "writes", "which"))
    for row, wave in enumerate(weighed.waves, top + 1):
        for place, figure in enumerate((wave.number, wave.trunks, wave.calls)):
            sheet.write_number(row, place, figure, styles.left)
        sheet.write_string(row, 3, f"{wave.rows}; {wave.time}")
    below = top + len(weighed.waves) + 1
    if weighed.further:
        sheet.write_string(below, 0, f"and {weighed.further:,} more", styles.faint)
    return below + 1


def _counts(sheet: Worksheet, styles: Styles, told: Told, top: int) -> int:
    header(sheet, styles, top, ("plan", "lines", "", "meaning"))
    counts = verdicts(told)
    found = [(verdict, counts[verdict]) for verdict in Verdict if counts[verdict]]
    for row, (verdict, count) in enumerate(found, top + 1):
        sheet.write_string(row, 0, verdict.value, styles.verdict[verdict])
        sheet.write_number(row, 1, count)
        sheet.write_string(row, 3, MEANINGS[verdict], styles.faint)
    return top + len(found)


def steps_table(styles: Styles, told: Told) -> Table:
    """Every step in the order of doing, then every line without one."""
    found = entries(told)
    return Table(
        name="Plan",
        columns=_columns(found),
        rows=((styles.verdict[entry.verdict], _cells(entry)) for entry in found),
        count=len(found),
        marked=5,
        marks=tuple(styles.verdict.values()),
    )


def _columns(found: Sequence[Entry]) -> tuple[Column, ...]:
    names = widest({_called(agent) for entry in found for agent in (entry.before, entry.wanted)})
    return (
        *(Column(name, 7, Look.FIGURE) for name in ("step", "wave", "row")),
        *(Column("number", 18), Column("channel", 11), Column("plan", 11)),
        *(Column("from", names, Look.LONG), Column("to", names, Look.LONG), Column("waits for", 18, Look.LONG)),
        *(Column("why", 46, Look.LONG), Column("note", 24, Look.LONG)),
    )


def _cells(entry: Entry) -> tuple[Cell, ...]:
    """A step's are from whom to whom, any other line's who serves it and who is wanted."""
    return (
        entry.step or None,
        entry.wave or None,
        entry.row,
        entry.number,
        entry.channel,
        entry.verdict.value,
        _called(entry.before),
        _called(entry.wanted),
        entry.waits,
        entry.why,
        entry.note,
    )


def _called(agent: Named) -> str:
    return agent[1] or agent[0]
