"""Values of the journal as JSON-ready dictionaries, and back."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from batch.core.model import AgentId, Binding, Number, NumberState, Outcome, Reason, Status, Verified

BINDINGS = 65_536
"""Bindings kept in mind: the same few hundred agents serve all numbers."""
STATUSES = {status.value: status for status in Status}
REASONS = {reason.value: reason for reason in Reason}
VERIFIED = {verified.value: verified for verified in Verified}
"""The words of the journal: looking one up costs a fifth of ``Status(word)``, and a run of 20,000 changes asks 120,000
times."""


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome without what is empty; the change's id stands beside it in the journal."""
    told = {
        "status": outcome.status.value,
        "reason": outcome.reason.value,
        "detail": outcome.detail,
        "http_status": outcome.http_status,
        "attempts": outcome.attempts,
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "verified": outcome.verified.value,
        "after": outcome.after,
        "written": outcome.written,
    }
    return {key: value for key, value in told.items() if value}


def outcome_from_json(change: int, body: Mapping[str, Any]) -> Outcome:
    """The inverse of :func:`outcome_to_json`."""
    return Outcome(
        change=change,
        status=STATUSES[body["status"]],
        reason=REASONS[body["reason"]],
        detail=body.get("detail", ""),
        http_status=body.get("http_status"),
        attempts=body.get("attempts", 0),
        started_at=body.get("started_at"),
        finished_at=body.get("finished_at"),
        verified=VERIFIED[body.get("verified", "")],
        after=body.get("after"),
        written=body.get("written", False),
    )


def number_to_json(state: NumberState) -> dict[str, Any]:
    """A number's state, whole: what the before and after pictures of the report are made of."""
    return {
        "number": state.number,
        "uuid": state.uuid,
        "external": state.external,
        "source": state.source,
        "status": state.status,
        "page": state.page,
        "bindings": {name: _binding_to_json(binding) for name, binding in state.bindings.items()},
    }


@functools.lru_cache(BINDINGS)
def _binding_to_json(binding: Binding) -> Mapping[str, Any]:
    """One for all equal bindings; nobody changes it."""
    return {"bound": binding.bound, "agent": binding.agent, "agent_name": binding.agent_name}


def number_from_json(body: Mapping[str, Any]) -> NumberState:
    """The inverse of :func:`number_to_json`."""
    return NumberState(
        number=Number(body["number"]),
        uuid=body["uuid"],
        external=body["external"],
        source=body["source"],
        status=body["status"],
        page=body["page"],
        bindings={
            name: _binding(value["bound"], value["agent"], value["agent_name"])
            for name, value in body["bindings"].items()
        },
    )


@functools.lru_cache(BINDINGS)
def _binding(bound: bool, agent: str | None, agent_name: str) -> Binding:  # noqa: FBT001 - as it is written down
    return Binding(bound=bound, agent=AgentId(agent) if agent else None, agent_name=agent_name)
