"""What was believed against what the final look shows."""

from __future__ import annotations

from itertools import product

import pytest

from batch.core.model import Action, Outcome, Reason, Status, Verified
from batch.core.verify import LEFT, LOST, TABLE, Belief, Place, belief_of, verify
from tests.records import agent, change, outcome, plan, state

ENDED = {
    Belief.HOLDS: outcome(verified=Verified.ECHO),
    Belief.SEEN: outcome(verified=Verified.SWEEP),
    Belief.IN_DOUBT: outcome(status=Status.UNKNOWN, reason=Reason.UNCLEAR, written=True, detail="timeout"),
    Belief.PUT_BACK: outcome(status=Status.FAILED, reason=Reason.UNIT_PUT_BACK, written=True),
    Belief.WRITTEN: outcome(status=Status.FAILED, reason=Reason.OUT_OF_RETRIES, written=True, detail="gone"),
    Belief.UNTOUCHED: outcome(status=Status.REJECTED, reason=Reason.SERVER_REFUSED, detail="no"),
}
OWNER = {Place.WANTED: 1, Place.BEFORE: 0, Place.ELSEWHERE: 7}


def judged(ended: Outcome, owner: int | None, *, settled: bool = True) -> Outcome:
    """What a look that shows *owner* makes of the change of number 2 from agent 0 to agent 1."""
    seen = {(s := state(call=owner)).number: s}
    return verify(plan([], [change()]), {0: ended}, seen, settled=settled)[0]


def test_the_table_judges_every_belief_in_every_place() -> None:
    """A gap would be a crash after all the work is done."""
    assert set(product(Belief, Place)) == set(TABLE)


@pytest.mark.parametrize(("belief", "place"), list(TABLE), ids=lambda one: one.value)
def test_a_settled_look_makes_of_an_outcome_what_the_table_says(belief: Belief, place: Place) -> None:
    """Status and reason are the finding's, or stay; the owner is always the one seen."""
    finding, ended = TABLE[belief, place], ENDED[belief]
    found = judged(ended, OWNER[place])
    left = LEFT[ended.reason] if (belief, place) == (Belief.PUT_BACK, Place.WANTED) else ended.reason
    assert (finding.status or ended.status, finding.reason or left) == (found.status, found.reason)
    assert found.after == agent(OWNER[place])


@pytest.mark.parametrize("belief", Belief, ids=lambda belief: belief.value)
def test_the_examples_are_what_they_claim_to_be(belief: Belief) -> None:
    """The table test above would prove nothing with the wrong examples."""
    assert belief is belief_of(ENDED[belief])


@pytest.mark.parametrize(
    ("belief", "place", "status"),
    [
        (Belief.HOLDS, Place.BEFORE, Status.UNKNOWN),
        (Belief.HOLDS, Place.ELSEWHERE, Status.DRIFTED),
        (Belief.SEEN, Place.BEFORE, Status.DRIFTED),
        (Belief.IN_DOUBT, Place.WANTED, Status.DONE),
        (Belief.IN_DOUBT, Place.BEFORE, Status.FAILED),
        (Belief.PUT_BACK, Place.WANTED, Status.DONE),
        (Belief.WRITTEN, Place.WANTED, Status.DONE),
        (Belief.UNTOUCHED, Place.WANTED, Status.REJECTED),
    ],
    ids=[
        "a promise not kept",
        "taken since",
        "taken back since it was seen",
        "it worked",
        "it did not",
        "still split",
        "it came late",
        "not our doing",
    ],
)
def test_what_is_seen_outweighs_what_was_said(belief: Belief, place: Place, status: Status) -> None:
    """The lines of the table that a reader of the report relies on, in so many words."""
    assert status is judged(ENDED[belief], OWNER[place]).status


# ── before late writes have had their time ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", [Place.BEFORE, Place.ELSEWHERE], ids=lambda place: place.value)
def test_what_is_in_doubt_stays_unknown_until_late_writes_have_had_their_time(place: Place) -> None:
    """A PUT that was given up on may still be applied."""
    found = judged(ENDED[Belief.IN_DOUBT], OWNER[place], settled=False)
    assert (Status.UNKNOWN, Reason.UNCLEAR, Verified.NO) == (found.status, found.reason, found.verified)
    assert found.after == agent(OWNER[place])


def test_a_putting_back_in_doubt_is_remembered_as_one() -> None:
    """The next look must know that the trunk is wanted on its old agent."""
    found = judged(ENDED[Belief.PUT_BACK], 1, settled=False)
    assert (Status.UNKNOWN, Reason.UNIT_PUT_BACK) == (found.status, found.reason)
    assert (Status.FAILED, Reason.UNIT_PUT_BACK) == ((again := judged(found, 0)).status, again.reason)


@pytest.mark.parametrize(
    ("why", "left"),
    [(Reason.UNIT_PUT_BACK, Reason.LEFT_SPLIT), (Reason.WAVE_PUT_BACK, Reason.LEFT_IN_PLACE)],
    ids=["of its row", "of its wave"],
)
def test_a_change_that_was_to_be_put_back_and_was_not_says_what_it_was_left_as(why: Reason, left: Reason) -> None:
    """It is done, but not as it should be."""
    found = judged(outcome(status=Status.UNKNOWN, reason=why, written=True), 1)
    assert (Status.DONE, left) == (found.status, found.reason)


def test_what_is_good_news_need_not_wait() -> None:
    """A trunk that is seen on the wanted agent will not be more so later."""
    assert Status.DONE is judged(ENDED[Belief.IN_DOUBT], 1, settled=False).status


# ── how it was verified, and what is said about it ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("belief", "owner", "verified"),
    [
        (Belief.HOLDS, 1, Verified.SWEEP),
        (Belief.HOLDS, 0, Verified.NO),
        (Belief.HOLDS, 7, Verified.SWEEP),
        (Belief.IN_DOUBT, 1, Verified.SWEEP),
        (Belief.UNTOUCHED, 0, Verified.NO),
    ],
    ids=["holds", "contradicted", "taken", "seen after all", "never sent"],
)
def test_only_what_the_look_decides_is_verified_by_it(belief: Belief, owner: int, verified: Verified) -> None:
    """A look that contradicts an answer verifies neither."""
    assert verified is judged(ENDED[belief], owner).verified


def test_a_change_that_turns_out_done_has_nothing_to_explain() -> None:
    """The error of its last attempt would only worry the reader."""
    assert judged(ENDED[Belief.IN_DOUBT], 1).detail == ""
    assert judged(ENDED[Belief.IN_DOUBT], 0).detail == "timeout"


# ── what the look does not reach ──────────────────────────────────────────────────────────────────────────────────────


def test_a_number_that_was_not_seen_leaves_its_outcome_alone() -> None:
    """Not seen is not gone."""
    ended = ENDED[Belief.HOLDS]
    assert {0: ended} == verify(plan([], [change()]), {0: ended}, {}, settled=True)


def test_a_change_without_an_outcome_gets_none() -> None:
    """Nothing was claimed, so nothing is judged."""
    seen = {(s := state(call=0)).number: s}
    assert {} == verify(plan([], [change()]), {}, seen, settled=True)


def test_nobody_before_and_nobody_now_is_where_it_was() -> None:
    """A trunk without an agent is in a place too."""
    seen = {(s := state(call=None)).number: s}
    found = verify(plan([], [change(before=None)]), {0: ENDED[Belief.IN_DOUBT]}, seen, settled=True)[0]
    assert (Status.FAILED, Reason.NOT_APPLIED) == (found.status, found.reason)


@pytest.mark.parametrize(("settled", "reason"), [(False, Reason.UNCLEAR), (True, Reason.UNCLEAR)], ids=["yet", "ever"])
def test_a_call_that_nobody_answered_may_still_be_applied(settled: bool, reason: Reason) -> None:
    """The server was at it when we gave up: that the trunk is where it was does not say that it will stay there."""
    seen = {(s := state(call=0)).number: s}
    doubt = outcome(0, Status.UNKNOWN, Reason.UNCLEAR, written=True, unanswered=True)
    found = verify(plan([], [change()]), {0: doubt}, seen, settled=settled)[0]
    assert (Status.UNKNOWN, reason) == (found.status, found.reason)


# ── trunks with several changes ───────────────────────────────────────────────────────────────────────────────────────

PARK = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
HOME = change(1, before=9, needs=(0,))


def ring(owner: int, *, home: Outcome | None) -> dict[int, Outcome]:
    seen = {(s := state(call=owner)).number: s}
    outcomes = {0: outcome(0, verified=Verified.ECHO, after=agent(9))} | ({1: home} if home else {})
    return verify(plan([], [PARK, HOME]), outcomes, seen, settled=True)


def test_a_parking_that_was_left_again_is_not_judged() -> None:
    """The trunk is home; that it is not on the spare any more is the point of it."""
    found = ring(1, home=outcome(1, verified=Verified.ECHO))
    assert [(Status.DONE, Verified.ECHO), (Status.DONE, Verified.SWEEP)] == [
        (o.status, o.verified) for o in found.values()
    ]


def test_a_parking_is_judged_when_nothing_of_ours_followed_it() -> None:
    """A refusal on the way home changed nothing, so the trunk must be on the spare."""
    found = ring(9, home=outcome(1, Status.REJECTED, Reason.SERVER_REFUSED))
    assert (Status.DONE, Verified.SWEEP) == (found[0].status, found[0].verified)
    assert Status.REJECTED is found[1].status


def test_a_trunk_still_on_the_spare_was_not_brought_home() -> None:
    """The spare is one of the agents it had before."""
    doubt = outcome(1, Status.UNKNOWN, Reason.UNCLEAR, written=True)
    assert (Status.FAILED, Reason.NOT_APPLIED) == ((found := ring(9, home=doubt)[1]).status, found.reason)


def test_a_parking_is_judged_alone_while_the_way_home_has_no_outcome() -> None:
    """The run was cut off in between."""
    assert Status.DONE is ring(9, home=None)[0].status


# ── servers that take an agent away from one number when it is given another ──────────────────────────────────────────


def displaced(*, first: Outcome, second: Outcome, settled: bool = True) -> Outcome:
    """Two numbers were given to agent 1; the first is served by nobody now."""
    changes = [change(0, of=2), change(1, of=3)]
    seen = {s.number: s for s in (state(2, call=None), state(3, call=1))}
    return verify(plan([], changes), {0: first, 1: second}, seen, settled=settled)[0]


def test_a_trunk_whose_agent_was_given_another_number_was_lost_to_it() -> None:
    """That is our doing, not somebody else's: failed, with the reason."""
    found = displaced(first=outcome(0), second=outcome(1))
    assert (LOST.status, LOST.reason, None) == (found.status, found.reason, found.after)


def test_a_trunk_that_nobody_serves_is_not_lost_while_its_agent_got_no_other() -> None:
    """Somebody has unbound it in the panel."""
    found = displaced(first=outcome(0), second=outcome(1, Status.REJECTED, Reason.SERVER_REFUSED))
    assert (Status.DRIFTED, Reason.CHANGED_AFTERWARDS) == (found.status, found.reason)


@pytest.mark.parametrize(
    ("settled", "status"), [(False, Status.UNKNOWN), (True, Status.FAILED)], ids=["yet", "at last"]
)
def test_a_change_in_doubt_is_lost_only_when_it_cannot_be_applied_any_more(settled: bool, status: Status) -> None:
    """*Failed* means surely not applied, and a late write may still come."""
    doubt = outcome(0, Status.UNKNOWN, Reason.UNCLEAR, written=True)
    assert status is displaced(first=doubt, second=outcome(1), settled=settled).status


def test_a_trunk_seen_at_home_that_is_back_on_its_spare_is_unknown() -> None:
    """A parking of our own that came late, as a rule: nobody else can be told to have changed it."""
    park = change(0, action=Action.PARK, reason=Reason.BREAKS_RING, after=9)
    home = change(1, before=9, needs=(0,))
    seen = {(one := state(call=9)).number: one}
    ended = {0: outcome(0, after=agent(9)), 1: outcome(1, verified=Verified.SWEEP)}
    assert verify(plan([], [park, home]), ended, seen, settled=True)[1].status is Status.UNKNOWN
