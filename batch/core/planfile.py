"""The plan as a document: ``plan.json``, one line per row and per change, so that two plans can be compared by eye.

    {"tool": "reassign", "schema": 2, "digest": "<sha256>", "source": {…},
     "workspace": {"tenant", "host"}, "occupancy", "limits": {…}, "header": [text], "columns": {field: index},
     "agents": {uuid: name}, "trunks_total", "facts": {…}, "notes": [text],
     "rows":    [{"row", "cells", "number", "channels", "agent_uuid", "agent_name", "wave", "note", "valid", "selected",
                  "duplicate_of": {channel: row},
                  "problems": [{"code", "column", "value", "detail", "related": [row]}]}],
     "changes": [{"row", "number", "channel", "action", "reason", "before", "after", "needs", "unit", "wave", "page"}]}

A change's id is its position; what is empty, or as usual (``valid``, ``selected``), is left out. The file's name and
hash stand in ``source`` only, which is not part of the digest: the same rows and the same live state make the same
digest, from CSV and XLSX alike. The name of a workbook's only sheet is not kept, since a CSV has none.

The digest protects against edits, a good one is no proof of origin: needs and numbers are checked when loading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from batch.core.json_text import decode, encode, encode_sorted
from batch.core.model import Plan
from batch.core.plan_encode import change_to_json, head_to_json, plan_from_json, row_to_json, source_to_json
from batch.core.plan_sound import check_shape, check_sound
from batch.errors import SafetyError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

TOOL, SCHEMA = "reassign", 2

_AT_ONCE = 500
"""Lines put together at once: alone, each would take a kilobyte."""
_BETWEEN = b"\n"
"""Stands between rows and changes in what the digest is over."""
_AGAIN = "make a new plan with `reassign plan FILE -o PLAN.json`"


class Pieces(Struct, frozen=True):
    """A plan as text, in pieces of some hundred lines, so that it need not be held as one.

    ``head`` is all of the document but its rows and changes. Of these each piece is some, as JSON with commas between.
    """

    head: Mapping[str, Any]
    rows: tuple[bytes, ...]
    changes: tuple[bytes, ...]

    def text(self) -> Iterator[bytes]:
        """The text of ``plan.json``, in UTF-8."""
        lines = [b" %b: %b," % (encode(key), encode_sorted(value)) for key, value in self.head.items()]
        yield b"\n".join((b"{", *lines, b' "rows": [', b""))
        yield from _with_commas(self.rows)
        yield b'\n ],\n "changes": [\n'
        yield from _with_commas(self.changes)
        yield b"\n ]\n}\n"


def pieces(plan: Plan) -> Pieces:
    """*plan*, ready to be written down."""
    head: dict[str, Any] = decode(encode_sorted(head_to_json(plan)))
    found = hashlib.sha256(encode_sorted(head))
    rows = tuple(_hashed(found, map(row_to_json, plan.rows)))
    found.update(_BETWEEN)
    changes = tuple(_hashed(found, map(change_to_json, plan.changes)))
    first = {"tool": TOOL, "schema": SCHEMA, "digest": found.hexdigest(), "source": source_to_json(plan.source)}
    return Pieces({**first, **head}, rows, changes)


def dump(plan: Plan) -> bytes:
    """*plan* as the text of ``plan.json``, in UTF-8."""
    return b"".join(pieces(plan).text())


def digest(plan: Plan) -> str:
    """What identifies a plan: sha256 over everything in it but ``source``."""
    return _digest(head_to_json(plan), map(row_to_json, plan.rows), map(change_to_json, plan.changes))


def load(text: str | bytes) -> Plan:
    """The plan in *text*, which a file holds.

    Raises :class:`SafetyError` like :func:`read`, and when its rows and changes do not fit: whoever edits a plan can
    give it a good digest.
    """
    try:
        document = decode(text)
    except (ValueError, RecursionError) as error:
        raise SafetyError("this file is not a plan: it is not JSON", hint=_AGAIN) from error
    plan = read(document)
    try:
        check_shape(document)
        check_sound(plan)
    except ValueError as error:
        raise _damaged(error) from error
    return plan


def read(document: Any, *, sheet: str = "") -> Plan:
    """The plan that a decoded *document* tells; *sheet* is the name of the workbook's only sheet, where it is known.

    Raises:
        SafetyError: not a plan of this tool, made by a later version, or edited since it was made.
    """
    _check_kind(document)
    try:
        rows, changes = document["rows"], document["changes"]
        if _digest(_told_of(document), rows, changes) != document["digest"]:
            raise _edited()
        return plan_from_json(document, rows, changes, sheet)
    except _DAMAGED as error:
        raise _damaged(error) from error


def read_pieces(head: Any, rows: Iterable[Any], changes: Iterable[Any], *, sheet: str = "") -> Plan:
    """The same of a *head* whose *rows* and *changes* come one by one; these are taken in this order, once."""
    _check_kind(head)
    try:
        found = hashlib.sha256(encode_sorted(_told_of(head)))
        plan = plan_from_json(head, _heard(found, rows), _heard(found, changes, before=_BETWEEN), sheet)
        if found.hexdigest() != head["digest"]:
            raise _edited()
    except _DAMAGED as error:
        raise _damaged(error) from error
    return plan


_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


def _damaged(error: Exception) -> SafetyError:
    return SafetyError(f"this plan is damaged: {type(error).__name__} {error}", hint=_AGAIN)


def _edited() -> SafetyError:
    return SafetyError("this plan was edited after it was made", hint=_AGAIN)


_NOT_DIGESTED = frozenset({"tool", "schema", "digest", "source", "rows", "changes"})


def _told_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a document's head the digest is over."""
    return {key: document[key] for key in document if key not in _NOT_DIGESTED}


def _check_kind(document: Any) -> None:
    if not isinstance(document, dict) or document.get("tool") != TOOL:
        raise SafetyError("this JSON file is not a plan of this tool", hint=_AGAIN)
    if document.get("schema") != SCHEMA:
        raise SafetyError(
            f"this plan has schema {document.get('schema')}, but this version of the tool knows only {SCHEMA}",
            hint="use the version that made it, or " + _AGAIN,
        )


def _digest(head: Mapping[str, Any], rows: Iterable[Any], changes: Iterable[Any]) -> str:
    found = hashlib.sha256(encode_sorted(head))
    for _ in _hashed(found, rows):
        pass
    found.update(_BETWEEN)
    for _ in _hashed(found, changes):
        pass
    return found.hexdigest()


def _hashed(found: Hash, values: Iterable[Any]) -> Iterator[bytes]:
    """*values* as lines, some hundreds at once, each added to *found* after a line break."""
    rest = iter(values)
    while lines := [encode_sorted(value) for value in islice(rest, _AT_ONCE)]:
        found.update(b"\n" + b"\n".join(lines))
        yield b",\n".join(lines)


def _heard(found: Hash, values: Iterable[Any], *, before: bytes = b"") -> Iterator[Any]:
    """*values* as they are, each added to *found* as it comes, the first after *before*."""
    found.update(before)
    for value in values:
        found.update(b"\n" + encode_sorted(value))
        yield value


def _with_commas(some: Iterable[bytes]) -> Iterator[bytes]:
    for place, piece in enumerate(some):
        yield b",\n" + piece if place else piece
