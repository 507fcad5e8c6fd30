"""What an answer says about the server's limit: ``Retry-After`` and the four dialects of rate headers, as values.

    X-RateLimit-Limit/-Remaining/-Reset     de facto; Laravel and most proxies (Reset: epoch, or seconds)
    RateLimit-Limit/-Remaining/-Reset       draft-ietf-httpapi-ratelimit-headers up to 06 (Reset: seconds)
    RateLimit: limit=…, remaining=…, reset=…                              draft 07
    RateLimit: "name";r=…;t=…   RateLimit-Policy: "name";q=…;w=…          drafts 08 and later

A header is a stranger's text: whatever does not parse, or makes no sense, is as good as absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

MAX_WAIT = 3600.0
"""Seconds. No answer makes us wait longer: a limit counted by the day ends the run at its deadline, not silently."""
EPOCH_FROM = 1_000_000_000
"""A Reset above this is a moment (seconds since 1970), below it a duration; above a thousandfold it is milliseconds."""
DIGITS = 10
MAX_COUNT = 1_000_000_000
FAMILIES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
_NUMBER = re.compile(r"\s*\+?(\d{1,20}(?:\.\d{0,9})?|\.\d{1,9})\s*", re.ASCII)
_ITEM = re.compile(r'\s*"?([^";,]*)"?\s*((?:;[^,]*)?)(?:,|$)')
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*\"?([\d.]+)", re.IGNORECASE)
_PAIR = re.compile(r"([a-z]+)\s*=\s*\"?([\d.]+)", re.IGNORECASE)
_LIMIT_WINDOW = re.compile(r"\s*(\d{1,12})\s*;\s*w\s*=\s*\"?(\d{1,12})", re.ASCII)


class Quota(Struct, frozen=True, kw_only=True):
    """One limit as a server tells it. ``window`` and ``reset_in`` are seconds; what was not told is ``None``."""

    name: str = ""
    limit: int | None = None
    remaining: int | None = None
    window: float | None = None
    reset_in: float | None = None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long the server asks us to stay away, in seconds from the answer, 0 … :data:`MAX_WAIT`.

    ``None`` when it does not say, or says nothing that makes sense (RFC 9110 §10.2.3: whole seconds, or a date). A date
    is measured against the answer's own ``Date``: our clock may be an hour off. Fractions, which some servers send, are
    taken; a date that has passed is 0; a negative number is nonsense.
    """
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is not None:
        return min(seconds, MAX_WAIT)
    then, served = _date(text), _date(headers.get("date", ""))
    if then is None or served is None:
        return None
    return min(max(0.0, (then - served).total_seconds()), MAX_WAIT)


def quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """Every limit that the answer tells of, newest dialect first; only those with a limit or a rest."""
    found = _structured(headers) if "ratelimit" in headers else ()
    if not found:
        found = next((quota for family in FAMILIES if (quota := _triple(headers, family))), ())
    return tuple(quota for quota in found if quota.limit is not None or quota.remaining is not None)


def _triple(headers: Mapping[str, str], family: str) -> tuple[Quota, ...]:
    """The three-header dialects. ``RateLimit-Limit: 100, 100;w=60`` also tells the window (draft 03)."""
    limit_text = headers.get(f"{family}limit")
    remaining = _count(headers.get(f"{family}remaining"))
    if limit_text is None and remaining is None:
        return ()
    limit_text = limit_text or ""
    ruled = f"{limit_text} {headers.get('ratelimit-policy', '')}"
    policies = _LIMIT_WINDOW.findall(ruled) if ";" in ruled else []
    limit = _count(limit_text.split(",")[0].split(";")[0])
    windows = [float(w) for q, w in policies if limit is None or int(q) == limit]
    reset_in = _reset(headers[f"{family}reset"], headers) if f"{family}reset" in headers else None
    return (Quota(limit=limit, remaining=remaining, window=windows[0] if windows else None, reset_in=reset_in),)


def _structured(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """The one-header dialects, joined with the policy of the same name."""
    state, policy = headers.get("ratelimit", ""), headers.get("ratelimit-policy", "")
    old = {key.lower(): value for key, value in _PAIR.findall(state)}
    if "remaining" in old or "limit" in old:
        limit = _count(old.get("limit"))
        windows = [float(w) for q, w in _LIMIT_WINDOW.findall(policy) if limit is None or int(q) == limit]
        return (
            Quota(
                limit=limit,
                remaining=_count(old.get("remaining")),
                window=windows[0] if windows else None,
                reset_in=_seconds(old.get("reset")),
            ),
        )
    told, ruled = _named(state), _named(policy)
    return tuple(
        Quota(
            name=name,
            limit=_count(ruled.get(name, {}).get("q")),
            remaining=_count(facts.get("r")),
            window=_number(ruled.get(name, {}).get("w", "")),
            reset_in=_seconds(facts.get("t")),
        )
        for name, facts in told.items()
        if "r" in facts
    )


def _named(text: str) -> dict[str, dict[str, str]]:
    """A structured-field list as name → parameters."""
    items = (match for match in _ITEM.finditer(text) if match.group(1))
    return {item.group(1).strip(): {k.lower(): v for k, v in _PARAMETER.findall(item.group(2))} for item in items}


def _reset(text: str, headers: Mapping[str, str]) -> float | None:
    """Seconds until the window ends, from a duration, an epoch in seconds or milliseconds, or a date."""
    value = _number(text)
    if value is not None and value < EPOCH_FROM:  # no date need be read, which takes as long as all the rest
        return _sane(value)
    served = _date(headers.get("date", ""))
    if value is None:
        then = _date(text)
        return None if then is None or served is None else _sane((then - served).total_seconds())
    if served is None:
        return None
    return _sane((value / 1000 if value > EPOCH_FROM * 1000 else value) - served.timestamp())


def _sane(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_WAIT)


def _seconds(text: str | None) -> float | None:
    value = _number(text or "")
    return None if value is None else _sane(value)


def _count(text: str | None) -> int | None:
    """A whole number that can be a quota; a negative rest means that nothing is left."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal() and len(text) < DIGITS:  # as good as always
        return int(text)
    if re.fullmatch(r"-\d{1,12}", text, re.ASCII):
        return 0
    value = _number(text)
    return None if value is None or value > MAX_COUNT else int(value)


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    value = float(match.group(1)) if match else math.nan
    return value if math.isfinite(value) else None


def _date(text: str) -> datetime | None:
    """An HTTP date, in any of its three forms (RFC 9110 §5.6.7), or ISO 8601."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
