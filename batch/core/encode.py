"""Values of the journal as JSON-ready dictionaries, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch.core.model import AgentId, Binding, Number, NumberState, Outcome, Reason, Status, Verified


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome without what is empty; the change's id stands beside it in the journal."""
    pairs = (
        ("status", outcome.status.value),
        ("reason", outcome.reason.value),
        ("detail", outcome.detail),
        ("http_status", outcome.http_status),
        ("attempts", outcome.attempts),
        ("started_at", outcome.started_at),
        ("finished_at", outcome.finished_at),
        ("verified", outcome.verified.value),
        ("after", outcome.after),
        ("written", outcome.written),
    )
    return {key: value for key, value in pairs if value not in (None, "", 0, False)}


def outcome_from_json(change: int, body: Mapping[str, Any]) -> Outcome:
    """The inverse of :func:`outcome_to_json`."""
    return Outcome(
        change=change,
        status=Status(body["status"]),
        reason=Reason(body["reason"]),
        detail=body.get("detail", ""),
        http_status=body.get("http_status"),
        attempts=body.get("attempts", 0),
        started_at=body.get("started_at"),
        finished_at=body.get("finished_at"),
        verified=Verified(body.get("verified", "")),
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
        "bindings": {
            name: {"bound": binding.bound, "agent": binding.agent, "agent_name": binding.agent_name}
            for name, binding in state.bindings.items()
        },
    }


def number_from_json(body: Mapping[str, Any]) -> NumberState:
    """The inverse of :func:`number_to_json`."""
    return NumberState(
        number=Number(body["number"]),
        uuid=body["uuid"],
        external=body["external"],
        source=body["source"],
        status=body["status"],
        page=body["page"],
        bindings={name: _binding(value) for name, value in body["bindings"].items()},
    )


def _binding(body: Mapping[str, Any]) -> Binding:
    agent = body["agent"]
    return Binding(bound=body["bound"], agent=AgentId(agent) if agent else None, agent_name=body["agent_name"])
