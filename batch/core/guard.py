"""The brakes before the first write (DESIGN.md §3.10), judged from the plan alone, so that a saved plan meets them too.

    too_many_trunks   more than 30 % of the workspace's trunks would change
    agents_emptied    more than 30 % of the agents that serve a number would lose their last one
    too_many_changes  more changes than ``--max-changes`` allows, where it is given
    kind_not_allowed  a change of a kind that ``--allow`` does not name, where it is given
    wrong_workspace   fewer than half of the sheet's numbers are in this workspace

``--max-change`` lifts the first two, nothing lifts the last: another workspace is meant, or another sheet.
The first two only speak in workspaces of ten trunks, or ten serving agents, and more: in a small one any change is a
large part. A sheet of fewer than four numbers says nothing about the workspace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from msgspec import Struct

from batch.core.model import Action, Limits, Plan
from batch.errors import UsageError

MAX_CHANGE = Fraction(30, 100)
SMALL_WORKSPACE = 10
SMALL_SHEET = 4

MAX_FAILURES = Fraction(5, 100)
LEAST_FAILURES = 5

KINDS = {action.value: action for action in (Action.ASSIGN, Action.PARK)}
"""The kinds of change that write, by the words of ``--allow``."""

COUNT = r"\d{1,9}"
PERCENT = r"(\d{1,9}(?:\.\d{1,9})?)\s*%"
"""What a number and a percentage look like, to the brakes, to the settings and in the schema of job files."""


class Refusal(Struct, frozen=True):
    """Why a plan is not applied: the numbers in words, and the flag that lifts it (empty when none does)."""

    rule: str
    message: str
    flag: str = ""


def guard(plan: Plan, limits: Limits) -> tuple[Refusal, ...]:
    """What ``apply`` would refuse about *plan*. Raises :class:`UsageError` for limits that cannot be read."""
    most = _part(limits.max_change, "--max-change") if limits.max_change else MAX_CHANGE
    return (*_refusals(plan, most), *_count_refusal(plan, limits.max_changes), *_kind_refusal(plan, limits.allow))


def failure_budget(limits: Limits, changes: int) -> int:
    """How many of *changes* may fail before a run stops: ``--max-failures``, or 5 % and at least 5.

    A percentage is rounded down: 10 % of 5 changes is none. Raises :class:`UsageError`.
    """
    text = limits.max_failures.strip()
    if not text:
        return max(LEAST_FAILURES, int(MAX_FAILURES * changes))
    count = count_in(text)
    return int(_part(text, "--max-failures") * changes) if count is None else count


def count_in(text: str) -> int | None:
    """``50`` as a number; ``None`` for what is not one of at most nine digits."""
    return int(text) if re.fullmatch(COUNT, text, re.ASCII) else None


def part_in(text: str) -> Fraction | None:
    """``30%`` as 3/10, exactly; ``None`` for what is not a percentage from 0 to 100."""
    found = re.fullmatch(PERCENT, text, re.ASCII)
    part = Fraction(found[1]) / 100 if found else None
    return part if part is not None and part <= 1 else None


def _part(text: str, flag: str) -> Fraction:
    part = part_in(text.strip())
    if part is None:
        raise UsageError(f"{flag} {text}: not a percentage", hint="write a part such as 50%, up to 100%")
    return part


def _refusals(plan: Plan, most: Fraction) -> Iterator[Refusal]:
    facts = plan.facts
    if facts.numbers_asked >= SMALL_SHEET and facts.numbers_missing * 2 > facts.numbers_asked:
        yield Refusal(
            "wrong_workspace",
            f"{facts.numbers_missing:,} of the sheet's {facts.numbers_asked:,} numbers are not in {plan.workspace}:"
            " is it the right workspace?",
        )
    trunks = len({change.trunk for change in plan.writes()})
    if _too_many(trunks, plan.trunks_total, most):
        yield Refusal(
            "too_many_trunks",
            f"{trunks:,} of {plan.trunks_total:,} trunks would change ({_shown(trunks, plan.trunks_total)}),"
            f" more than {_percent(most)}.",
            f"--max-change {_shown(trunks, plan.trunks_total)}",
        )
    if _too_many(facts.agents_emptied, facts.agents_serving, most):
        share = _shown(facts.agents_emptied, facts.agents_serving)
        yield Refusal(
            "agents_emptied",
            f"{facts.agents_emptied:,} of {facts.agents_serving:,} agents that serve a number would lose their last"
            f" ({share}), more than {_percent(most)}.",
            f"--max-change {share}",
        )


def _count_refusal(plan: Plan, most: str) -> Iterator[Refusal]:
    """What may be said yes to without a person looking: few changes, or none."""
    if not most:
        return
    count, allowed = len(plan.writes()), count_in(most)
    if allowed is None:
        raise UsageError(f"--max-changes {most}: not a count", hint="write a number such as 50")
    if count > allowed:
        yield Refusal("too_many_changes", f"{count:,} changes are more than {allowed:,}.", f"--max-changes {count}")


def kinds(text: str) -> frozenset[Action]:
    """``assign,park`` as the kinds of change that write. Raises :class:`UsageError`."""
    named = frozenset(word.strip() for word in text.split(",") if word.strip())
    if not named <= KINDS.keys():
        raise UsageError(f"--allow {text}: not kinds of change", hint="write assign, park, or assign,park")
    return frozenset(KINDS[word] for word in named)


def _kind_refusal(plan: Plan, allow: str) -> Iterator[Refusal]:
    """What may be said yes to without a person looking: not every detour over a spare agent, say."""
    allowed = kinds(allow) if allow else frozenset(KINDS.values())
    others = [change for change in plan.writes() if change.action not in allowed]
    if others:
        named = ",".join(sorted({change.action.value for change in (*others, *plan.writes())}))
        yield Refusal(
            "kind_not_allowed",
            f"{len(others):,} changes are of a kind that --allow does not name.",
            f"--allow {named}",
        )


def _too_many(count: int, total: int, most: Fraction) -> bool:
    return total >= SMALL_WORKSPACE and count > most * total


def _shown(count: int, total: int) -> str:
    """A share as the whole per cent that would let it pass."""
    return f"{-(-count * 100 // total)}%"


def _percent(part: Fraction) -> str:
    return f"{float(part * 100):g}%"
