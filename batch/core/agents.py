"""What an agent cell asks for: a uuid in any of its spellings, an exact name, or both as ``Name [uuid]``.

Round brackets do as well.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from batch.core.model import AgentId
from batch.core.texts import fold, is_blank, is_cell_date, is_cell_error, trim, unwrap

UNASSIGN = frozenset(
    map(fold, ("unassign", "unassigned", "unbind", "detach", "remove", "delete", "clear", "no agent", "nobody",
               "kaldır", "sil", "yok", "kimse", "boş", "entfernen", "keiner", "leer", "supprimer", "aucun",
               "quitar", "ninguno", "nadie", "-", "--", "–", "—"))
)  # fmt: skip
"""Words for *nobody*, which the API cannot set. ``None``, ``NA`` and ``null`` are not among them: they are names."""

_UUID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_NEAR_UUID = re.compile(
    r"[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}"  # the right form with a wrong letter
    r"|(?=.{24,44}$)[0-9a-f]+(?:-[0-9a-f]*){2,6}"  # the right letters with a wrong length
    r"|[0-9a-f]{28,36}"
)
_WRAPPED = re.compile(r"(?:urn:uuid:|uuid:)?\{?([^{}]*)\}?", re.IGNORECASE)
_LABEL = re.compile(r"(.*)\[([^\[\]]+)\]", re.DOTALL)
"""``Name [uuid]``, as an export and its drop-down list call an agent whose name alone would not do."""
_SAID = re.compile(r"(.*)\(([^()]+)\)", re.DOTALL)
"""``Name (uuid)``, as people write it, and messages do; in round brackets, a slip in the uuid is only a name."""


class AgentReading(Struct, frozen=True):
    """A uuid, a name (NFC), or both of a label, whose uuid leads; ``code`` is the problem, if the cell was refused."""

    uuid: AgentId | None = None
    name: str = ""
    code: str = ""


def read_agent(text: str, *, uuid_only: bool = False) -> AgentReading:
    """The agent a cell names. ``uuid_only`` refuses names: the column promises uuids."""
    plain = unwrap(trim(text))
    if is_blank(plain):
        return AgentReading(code="agent_empty")
    if fold(plain) in UNASSIGN:
        return AgentReading(code="agent_unassign")
    if is_cell_error(plain):
        return AgentReading(code="cell_error")
    if is_cell_date(plain):
        return AgentReading(code="cell_date")
    return _uuid_or_name(plain, uuid_only=uuid_only)


def _uuid_or_name(plain: str, *, uuid_only: bool) -> AgentReading:
    whole = _uuid(plain)
    if whole.uuid or whole.code:
        return whole
    label = _LABEL.fullmatch(plain)
    bracketed = _uuid(label[2]) if label else whole
    if label and bracketed.uuid:
        return AgentReading(uuid=bracketed.uuid, name=_name(label[1]))
    said = _SAID.fullmatch(plain)
    uuid = _uuid(said[2]).uuid if said else None
    if said and uuid:
        return AgentReading(uuid=uuid, name=_name(said[1]))
    if uuid_only or bracketed.code:
        return AgentReading(code="agent_uuid_malformed")
    return AgentReading(name=_name(plain))


def _uuid(text: str) -> AgentReading:
    """The uuid that *text* is, the problem if it only should be one, or nothing."""
    plain = trim(text).casefold()
    wrapped = _WRAPPED.fullmatch(plain)
    bare = wrapped[1] if wrapped else plain
    uuid = _UUID.fullmatch(bare)
    if uuid:
        return AgentReading(uuid=AgentId("-".join(uuid.groups())))
    malformed = _NEAR_UUID.fullmatch(bare) or plain.startswith("urn:uuid:")
    return AgentReading(code="agent_uuid_malformed") if malformed else AgentReading()


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", trim(text))
