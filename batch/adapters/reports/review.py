"""What a person weighs before saying yes to a plan: what speaks against it, what it takes, and in which waves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from batch.adapters.reports.clean import clean
from batch.adapters.reports.told import Told
from batch.core.cost import Cost, believed, cost
from batch.core.figures import rows_said, share, span
from batch.core.guard import Refusal, failure_budget, guard
from batch.core.last import of_the_last
from batch.core.model import Action, Plan
from batch.core.steps import OCCUPANCIES, Step, steps
from batch.errors import UsageError

MOST_WAVES = 20
"""Waves that are told one by one."""

NO_LIMIT = "none seen"
"""The pace of a run that was never told, and never found out, what is allowed (:mod:`batch.engine.pace`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Steps that may start together: how many trunks and calls, how long that takes, and which rows, in words."""

    number: int
    trunks: int
    calls: int
    time: str
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """``against`` is what ``apply`` would refuse; all texts are safe to show.

    ``facts`` are names and values. ``parked`` trunks go by way of a spare agent. ``further`` waves are not among
    ``waves``.
    """

    against: Sequence[Refusal]
    facts: Sequence[tuple[str, str]]
    parked: int
    waves: Sequence[Wave]
    further: int


@of_the_last
def review(told: Told) -> Review:
    """The plan of a run that only looked, weighed by the limits it was made with."""
    plan = told.record.plan
    found = steps(plan)
    price = cost(plan, believed(told.record.pace), looking=told.record.calls.get)
    waves = list(_waves(found, price.per_second))
    return Review(
        against=[replace(refusal, message=clean(refusal.message)) for refusal in refusals(plan)],
        facts=[(name, clean(value)) for name, value in _facts(told, found, price) if value],
        parked=sum(step.change.action is Action.PARK for step in found),
        waves=waves[:MOST_WAVES],
        further=max(len(waves) - MOST_WAVES, 0),
    )


def refusals(plan: Plan) -> Iterator[Refusal]:
    """What ``apply`` would say no to: invalid rows first, as it does, then the guards."""
    invalid = sum(row.selected and not row.valid for row in plan.rows)
    writes = bool(plan.writes())
    if invalid:
        said = f"{'1 row is' if invalid == 1 else f'{invalid:,} rows are'} invalid, so nothing is sent"
        if writes:
            yield Refusal("invalid_rows", f"{said} unless the others are to be sent without.", "--skip-invalid")
        else:
            yield Refusal("invalid_rows", f"{said} before they are mended.")
    if writes:
        try:
            yield from guard(plan, plan.limits)
        except UsageError as error:  # a limit that cannot be read stops apply just so
            yield Refusal("limits", f"{error.message}.")


def lifting(against: Sequence[Refusal]) -> str:
    """The flags that lift all of *against*, each once, with the larger of two values; empty when one has none."""
    if not all(refusal.flag for refusal in against):
        return ""
    flags: dict[str, str] = {}
    for refusal in against:
        name, _, value = refusal.flag.partition(" ")
        flags[name] = max(value, flags.get(name, ""), key=lambda text: int(text.rstrip("%") or 0))
    return " ".join(f"{name} {value}".strip() for name, value in flags.items())


def _facts(told: Told, found: Sequence[Step], price: Cost) -> Iterator[tuple[str, str]]:
    if found:
        yield from _takes(told, found, price)
    yield from (("Note", note) for note in told.record.plan.notes)


def _takes(told: Told, found: Sequence[Step], price: Cost) -> Iterator[tuple[str, str]]:
    """What is to be known of a plan that changes something."""
    plan, facts = told.record.plan, told.record.plan.facts
    trunks = sum(step.change.action is Action.ASSIGN for step in found)
    depth = max(step.depth for step in found)
    yield "To change", f"{share(trunks, plan.trunks_total)} trunks of {plan.workspace}"
    yield "Calls", f"{_puts(price.puts, trunks)} and about {price.gets:,} GET"
    yield "Time", f"about {span(price.seconds)} {_basis(told, price)}"
    yield "One after the other", f"up to {depth:,} calls, each waiting for the one before" if depth > 1 else ""
    yield "Occupancy", OCCUPANCIES[plan.occupancy]
    if facts.agents_emptied:
        emptied = share(facts.agents_emptied, facts.agents_serving)
        yield "Agents emptied", f"{emptied} that serve a number now would serve none"
    yield "Stops", _stops(plan, len(found))


def _puts(puts: int, trunks: int) -> str:
    extra = puts - trunks
    if not extra:
        return f"{puts:,} PUT"
    return f"{puts:,} PUT, {extra:,} of them to park a trunk on a spare agent that opens a ring,"


def _basis(told: Told, price: Cost) -> str:
    per_minute = f"{price.per_second * 60:,.4g} calls a minute"
    pace = told.record.pace
    if not price.usual:
        return f"at {per_minute} ({pace.get('why', 'believed')})"
    seen = f" (seen so far: {pace['limit']})" if pace.get("limit", NO_LIMIT) != NO_LIMIT else ""
    return f"at {per_minute}: assumed, the usual limit, as no rate is known{seen}; sooner if more is allowed"


def _stops(plan: Plan, writes: int) -> str:
    try:
        budget = failure_budget(plan.limits, writes)
    except UsageError:
        return ""
    return f"when more than {budget:,} {'change fails' if budget == 1 else 'changes fail'}"


def _waves(found: Sequence[Step], per_second: float) -> Iterator[Wave]:
    by_wave: dict[int, list[Step]] = {}
    for step in found:
        by_wave.setdefault(step.wave, []).append(step)
    for number, members in sorted(by_wave.items()):
        yield Wave(
            number=number,
            trunks=sum(step.change.action is Action.ASSIGN for step in members),
            calls=len(members),
            time=f"about {span(len(members) / per_second)}",
            rows=rows_said(step.change.origin.row for step in members),
        )
