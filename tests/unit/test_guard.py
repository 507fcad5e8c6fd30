"""The brakes before the first write, judged from the plan alone (DESIGN.md §3.10)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from batch.core.guard import Refusal, failure_budget, guard
from batch.core.model import Facts, Limits, Occupancy, Plan
from batch.errors import UsageError
from tests.plans import live, plan_of, uuid, want

USUAL = Limits()


def moving(count: int, *, of: int) -> Plan:
    """A plan that moves *count* of the *of* trunks that one agent serves in a workspace."""
    there = live(*({"call": "A"} for _ in range(of)))
    return plan_of([want(index, "call", "B") for index in range(count)], there, occupancy=Occupancy.SHARED)


def with_facts(**facts: int) -> Plan:
    """A plan that changes nothing, with these facts."""
    return replace(plan_of([want(0, "call", "A")], live({"call": "A"})), facts=Facts(**facts))


def rules(refusals: tuple[Refusal, ...]) -> list[str]:
    return [refusal.rule for refusal in refusals]


# ── too many trunks ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "of", "max_change", "refused"),
    [
        pytest.param(3, 10, "", False, id="30 % is allowed"),
        pytest.param(4, 10, "", True, id="more is not"),
        pytest.param(301, 1000, "", True, id="one trunk more is more"),
        pytest.param(9, 9, "", False, id="a small workspace has no guard"),
        pytest.param(4, 10, "40%", False, id="lifted"),
        pytest.param(10, 10, "100 %", False, id="lifted altogether"),
        pytest.param(5, 10, "40%", True, id="not lifted far enough"),
        pytest.param(1, 10, "5%", True, id="tightened"),
        pytest.param(1, 10, "0%", True, id="nothing may change"),
        pytest.param(0, 10, "0%", False, id="and nothing does"),
        pytest.param(2, 1000, "0.2%", False, id="a part of a per cent"),
    ],
)
def test_more_than_a_part_of_the_trunks_needs_a_flag(count: int, of: int, max_change: str, refused: bool) -> None:
    """More than 30 % of the trunks of a workspace of ten or more."""
    found = guard(moving(count, of=of), Limits(max_change=max_change))
    assert (["too_many_trunks"] if refused else []) == rules(found)


def test_a_refusal_gives_the_numbers_and_the_flag_that_lifts_it() -> None:
    """Whoever reads it can judge, and knows what to type; the flag it names does lift it."""
    plan = moving(301, of=1000)
    (refusal,) = guard(plan, USUAL)
    assert "301 of 1,000 trunks would change (31%), more than 30%." == refusal.message
    assert "--max-change 31%" == refusal.flag
    assert () == guard(plan, Limits(max_change=refusal.flag.split()[-1]))


def test_a_ring_changes_its_trunks_once() -> None:
    """A parked trunk is one trunk, though it takes two calls."""
    there = live({"call": "A"}, {"call": "B"}, {"call": "C"}, *({"whatsapp": name} for name in "ABCDEFG"))
    rows = [want(0, "call", "B"), want(1, "call", "C"), want(2, "call", "A")]
    plan = plan_of(rows, there, parking=(uuid("H"),))
    assert (4, 10, []) == (len(plan.writes()), plan.trunks_total, rules(guard(plan, USUAL)))


# ── agents' last numbers ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("emptied", "serving", "max_change", "refused"),
    [
        pytest.param(3, 10, "", False, id="30 % is allowed"),
        pytest.param(4, 10, "", True, id="more is not"),
        pytest.param(9, 9, "", False, id="few agents have no guard"),
        pytest.param(4, 10, "40%", False, id="lifted"),
    ],
)
def test_more_than_a_part_of_the_agents_may_not_lose_their_last_number(
    emptied: int, serving: int, max_change: str, refused: bool
) -> None:
    """Agents that serve a number now, and none afterwards."""
    found = guard(with_facts(agents_serving=serving, agents_emptied=emptied), Limits(max_change=max_change))
    assert (["agents_emptied"] if refused else []) == rules(found)


def test_the_refusal_of_emptied_agents_names_them_in_numbers() -> None:
    """And the flag that lifts it."""
    (refusal,) = guard(with_facts(agents_serving=1200, agents_emptied=1000), USUAL)
    assert "1,000 of 1,200 agents that serve a number would lose their last (84%), more than 30%." == refusal.message
    assert "--max-change 84%" == refusal.flag


# ── another workspace ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("missing", "asked", "refused"),
    [
        pytest.param(3, 4, True, id="most are missing"),
        pytest.param(2, 4, False, id="half of them exist"),
        pytest.param(3, 3, False, id="a few numbers say nothing"),
        pytest.param(0, 0, False, id="no numbers"),
    ],
)
def test_most_of_the_sheets_numbers_must_exist(missing: int, asked: int, refused: bool) -> None:
    """Otherwise another workspace is meant, or another sheet; no flag lifts it."""
    found = guard(with_facts(numbers_asked=asked, numbers_missing=missing), Limits(max_change="100%"))
    assert ([("wrong_workspace", "")] if refused else []) == [(refusal.rule, refusal.flag) for refusal in found]


def test_the_refusal_of_a_wrong_workspace_names_it() -> None:
    """The workspace and the counts are shown."""
    (refusal,) = guard(with_facts(numbers_asked=2000, numbers_missing=1500), USUAL)
    assert (
        "1,500 of the sheet's 2,000 numbers are not in acme at acme.mihu.ai: is it the right workspace?"
        == refusal.message
    )


def test_all_that_speaks_against_a_plan_is_said_at_once() -> None:
    """Nobody lifts one guard only to meet the next."""
    facts = Facts(agents_serving=10, agents_emptied=10, numbers_asked=10, numbers_missing=10)
    found = guard(replace(moving(10, of=10), facts=facts), USUAL)
    assert ["wrong_workspace", "too_many_trunks", "agents_emptied"] == rules(found)


@pytest.mark.parametrize("text", ["50", "101%", "-1%", "half", "%", " ", "1e1%", "٥٠%"])
def test_a_part_that_cannot_be_read_is_an_error_of_usage(text: str) -> None:
    """``--max-change`` is a percentage: a number of trunks means something else in each workspace."""
    with pytest.raises(UsageError, match=r"--max-change .*: not a percentage"):
        guard(moving(1, of=10), Limits(max_change=text))


# ── a count that a person set ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("most", "refused"), [("", False), ("3", False), ("2", True), ("0", True)])
def test_more_changes_than_were_allowed_are_refused(most: str, refused: bool) -> None:
    """In a workspace of any size; without a count, any number is allowed."""
    found = guard(moving(3, of=5), Limits(max_changes=most))
    assert (["too_many_changes"] if refused else []) == rules(found)


def test_the_refusal_of_a_count_gives_the_count_that_lifts_it() -> None:
    """So that it can be allowed in so many words."""
    plan = moving(1200, of=4000)
    (refusal,) = guard(plan, Limits(max_changes="1000"))
    assert "1,200 changes are more than 1,000." == refusal.message
    assert () == guard(plan, Limits(max_changes=refusal.flag.split()[-1]))


@pytest.mark.parametrize("text", ["10%", "-1", "many", "٣", "9" * 5000])
def test_a_count_that_cannot_be_read_is_an_error_of_usage(text: str) -> None:
    """``--max-changes`` is a number."""
    with pytest.raises(UsageError, match="--max-changes"):
        guard(moving(1, of=5), Limits(max_changes=text))


# ── kinds that a person named ─────────────────────────────────────────────────────────────────────────────────────────


def swap() -> Plan:
    """Two changes and a parking."""
    there = live({"call": "A"}, {"call": "B"})
    return plan_of([want(0, "call", "B"), want(1, "call", "A")], there, parking=(uuid("H"),))


@pytest.mark.parametrize(("allow", "refused"), [("", 0), ("assign, park", 0), ("assign", 1), ("park", 2)])
def test_changes_of_other_kinds_than_were_allowed_are_refused(allow: str, refused: int) -> None:
    """Without a word, every kind is allowed."""
    found = guard(swap(), Limits(allow=allow))
    assert [f"{refused:,} changes are of a kind that --allow does not name."][: bool(refused)] == [
        refusal.message for refusal in found
    ]
    assert all(guard(swap(), Limits(allow=refusal.flag.split()[-1])) == () for refusal in found)


def test_a_kind_that_is_none_is_an_error_of_usage() -> None:
    """*keep* is no change that writes."""
    with pytest.raises(UsageError, match="--allow keep"):
        guard(swap(), Limits(allow="keep"))


# ── the failure budget ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "changes", "budget"),
    [
        pytest.param("", 10, 5, id="at least five"),
        pytest.param("  ", 100, 5, id="five of a hundred"),
        pytest.param("", 1000, 50, id="5 %"),
        pytest.param("", 119, 5, id="rounded down"),
        pytest.param("0", 1000, 0, id="none"),
        pytest.param("7", 3, 7, id="a number is taken as it is"),
        pytest.param("10%", 5, 0, id="a part is rounded down"),
        pytest.param("10%", 1000, 100, id="a part"),
    ],
)
def test_a_budget_is_a_number_or_a_part_of_the_changes(text: str, changes: int, budget: int) -> None:
    """How many may fail before a run stops; by default 5 %, at least 5."""
    assert budget == failure_budget(Limits(max_failures=text), changes)


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "200%", "1 0%", "12345678901", "5.12345678901%"])
def test_a_budget_that_cannot_be_read_is_an_error_of_usage(text: str) -> None:
    """It names the flag."""
    with pytest.raises(UsageError, match="--max-failures"):
        failure_budget(Limits(max_failures=text), 10)
