"""Values of the journal as JSON-ready dictionaries, and back.

Reading back raises :class:`msgspec.ValidationError` for what no writing made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import convert, to_builtins

from batch.core.model import NumberState, Outcome


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome without what is empty; the change's id stands beside it in the journal."""
    told: dict[str, Any] = to_builtins(outcome)
    del told["change"]
    return told


def outcome_from_json(change: int, body: Mapping[str, Any]) -> Outcome:
    """The inverse of :func:`outcome_to_json`."""
    return convert({"change": change, **body}, Outcome)


def number_to_json(state: NumberState) -> dict[str, Any]:
    """A number's state, whole: what the before and after pictures of the report are made of."""
    told: dict[str, Any] = to_builtins(state)
    return told


def number_from_json(body: Mapping[str, Any]) -> NumberState:
    """The inverse of :func:`number_to_json`."""
    return convert(body, NumberState)
