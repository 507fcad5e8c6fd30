"""What rows say against each other, as far as the sheet alone shows it.

:mod:`batch.core.expand` judges the same with the live state, which knows more: that a name and a uuid are one agent,
and which channels a number has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from operator import attrgetter

from batch.core.model import Channel, Number, Origin, Problem, Request
from batch.core.problems import MOST_RELATED

ALL = "every channel"
_NUMBER = attrgetter("number")


def contradictions(requests: Sequence[Request]) -> tuple[Problem, ...]:
    """A ``contradiction`` in every row that gives a trunk to another agent than some other row does."""
    return tuple(
        problem
        for number, claims in _claims(requests).items()
        for channel, rivals in _channels(claims)
        for problem in _contradict(number, channel, rivals)
    )


def _claims(requests: Sequence[Request]) -> dict[Number, list[Request]]:
    """The numbers that several rows name, each with its rows in their order.

    Sorting finds them in a fifth of the memory that a table of all numbers takes.
    """
    numbers = sorted(map(_NUMBER, requests))
    several: dict[Number, list[Request]] = {number: [] for number, after in pairwise(numbers) if number == after}
    for request in requests if several else ():
        if (claims := several.get(request.number)) is not None:
            claims.append(request)
    return several


def _channels(claims: Sequence[Request]) -> Iterator[tuple[str, list[Request]]]:
    """The claims on each channel. *all* claims what another row names, and all that another *all* does."""
    for channel in Channel:
        on_it = [claim for claim in claims if claim.channels is None or channel in claim.channels]
        if any(claim.channels for claim in on_it):
            yield channel.value, on_it
    yield ALL, [claim for claim in claims if claim.channels is None]


def _contradict(number: Number, channel: str, claims: Sequence[Request]) -> Iterator[Problem]:
    """Two uuids are surely two agents, and so are two names; a name and a uuid may be one."""
    for named_by_uuid in (True, False):
        alike = [claim for claim in claims if bool(claim.agent.uuid) is named_by_uuid]
        first: dict[str, Origin] = {}
        for claim in alike:
            first.setdefault(_agent(claim), claim.origin)
        for claim in alike if len(first) > 1 else ():
            others = (origin for agent, origin in first.items() if agent != _agent(claim))
            yield Problem("contradiction", claim.origin, "", number, channel, tuple(islice(others, MOST_RELATED)))


def _agent(claim: Request) -> str:
    return claim.agent.uuid or claim.agent.name
