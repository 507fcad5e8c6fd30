"""The JSON the stand-in answers: API.md §4, and the error bodies of a Laravel-like server (§5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch.sandbox.rows import BINDING_CHANNELS, AgentRow, NumberRow
from batch.sandbox.world import World

_STAMP = "2026-03-14T09:26:53Z"

_PROMPT = (
    "You are the voice of our company. Greet the caller, find out what they need, answer from the knowledge base only, "
    "and hand over to a colleague when you are not sure. Never promise a refund. Speak slowly and confirm every date. "
)


def channels_snapshot(world: World, row: NumberRow, bindings: Mapping[str, str | None]) -> dict[str, Any]:
    """API.md §4.1: the answer to the assign call and to the two channels reads."""
    call, sms, whatsapp = (_binding(world, bindings.get(channel)) for channel in BINDING_CHANNELS)
    on_call = "call" in row.bindings
    return {
        "phone_number_uuid": row.uuid,
        "number": row.number,
        "is_external": row.external,
        "source": "external" if row.external else "purchased",
        "channels": {
            "call": {
                "capable": on_call,
                "enabled": on_call,
                "channel_limit": 10 if on_call else None,
                "whitelisted_destinations": [row.country] if on_call else [],
                **call,
            },
            "sms": {
                "capable": not row.external,
                "enabled": sms["bound"],
                "channel_limit": None,
                "whitelisted_destinations": [],
                **sms,
            },
            "whatsapp": whatsapp,
            "inbound": {"enabled": True, "channel_limit": None},
        },
    }


def phone_number(world: World, row: NumberRow, bindings: Mapping[str, str | None]) -> dict[str, Any]:
    """API.md §4.2: an item of the two lists; settings spell the call channel ``voice``, bindings ``call``."""
    voice = {"enabled": "call" in row.bindings, "channel_limit": 10, "whitelisted_destinations": [row.country]}
    return {
        "phone_number_uuid": row.uuid,
        "number": row.number,
        "country_code": row.country,
        "location": None,
        "type": row.type,
        "is_external": row.external,
        "source": "external" if row.external else "purchased",
        "status": row.status,
        "compliance": None if row.external else {"status": "approved"},
        "capabilities": {"voice": True, "sms": not row.external, "whatsapp": "whatsapp" in row.bindings},
        "channel_settings": {"voice": voice, "sms": {"enabled": False}, "inbound": {"enabled": True}},
        "billing": None if row.external else {"monthly_price": "4.00", "currency": "USD"},
        "bindings": {channel: _binding(world, bindings.get(channel)) for channel in BINDING_CHANNELS},
        "purchased_at": None if row.external else _STAMP,
        "updated_at": _STAMP,
    }


def agent(row: AgentRow) -> dict[str, Any]:
    """API.md §4.4: the items are heavy, because the whole configuration of an agent comes with each."""
    return {
        "agent_uuid": row.uuid,
        "name": row.name,
        "status": row.status,
        "language": row.language,
        "created_at": _STAMP,
        "updated_at": _STAMP,
        "prompt": {"system": _PROMPT * 9, "greeting": "Hello, how can I help?", "language": row.language},
        "voice": {"provider": "house", "voice_id": row.uuid[:8], "speed": 1.0, "stability": 0.6},
        "model": {"name": "large-3", "temperature": 0.2, "max_tokens": 600, "tools": ["calendar", "crm", "handover"]},
        "webhooks": [{"event": event, "url": f"https://hooks.example/{row.uuid}"} for event in ("call.ended", "lead")],
        "working_hours": {day: {"from": "09:00", "to": "18:00"} for day in ("mon", "tue", "wed", "thu", "fri")},
        "knowledge_bases": [],
        "channels": None,
    }


def _binding(world: World, agent_uuid: str | None) -> dict[str, Any]:
    if agent_uuid is None:
        return {"bound": False, "agent_uuid": None, "agent_name": None}
    return {"bound": True, "agent_uuid": agent_uuid, "agent_name": world.agents[agent_uuid].name}


# ── envelopes and errors ──────────────────────────────────────────────────────────────────────────────────────────────


def envelope(data: Any) -> dict[str, Any]:
    """API.md §4.5."""
    return {"success": True, "message": "OK", "data": data}


def refusal(code: str, message: str, *, field: str = "") -> dict[str, Any]:
    """The vendor's own error body: ``error.code`` and ``error.details``."""
    error = {"code": code, "details": message} | ({"field": field} if field else {})
    return {"success": False, "message": message, "error": error}


def invalid(errors: Mapping[str, str]) -> dict[str, Any]:
    """Laravel's answer to a failed validation: the first sentence, and how many more there are."""
    first, more = next(iter(errors.values())), len(errors) - 1
    rest = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
    return {"message": first + rest, "errors": {field: [text] for field, text in errors.items()}}


def page_of_html(title: str, words: str) -> bytes:
    """A small HTML page: the login page, a firewall, a proxy's error."""
    head, body = f"<head><title>{title}</title></head>", f"<body><h1>{title}</h1>{words}</body>"
    return f"<!DOCTYPE html>\n<html>{head}{body}</html>\n".encode()
