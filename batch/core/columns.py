"""Which column means what: one table of header words in five languages, and the row that holds them.

Only whole headers are recognised. *Old agent* or *current agent* is not an agent to assign, so nothing here looks
for a word inside a header; a near miss is only suggested (``--map "Header=field"``).
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from batch.core.model import Field
from batch.core.texts import is_blank, trim
from batch.errors import InputError, UsageError

HEADER_WITHIN = 20
"""The header is looked for in this many rows: titles, logos and dates above it are common, data is not."""

WORDS: dict[Field, str] = {
    Field.NUMBER: """
        number, numbers, phone, phone number, phone no, phone numbers, telephone, telephone number, tel, tel no,
        mobile, mobile number, cell, cell phone, msisdn, did, ddi, e164, e164 number, number e164, trunk,
        trunk number, line, line number,
        numara, numaralar, telefon, telefon no, telefon numarası, telefon numaraları, hat, hat no, hat numarası, gsm,
        gsm no, gsm numarası, cep, cep no, cep telefonu,
        nummer, nummern, rufnummer, rufnummern, telefonnummer, telefonnummern, telefonnr, telnr, leitung, handynummer,
        mobilnummer,
        numéro, numéros, numéro de téléphone, numéro tél, n° de téléphone, n° tél, téléphone, ligne, numéro de ligne,
        número, números, número de teléfono, n.º de teléfono, teléfono, teléfonos, línea, número de línea, móvil""",
    Field.CHANNEL: """
        channel, channels, channel type, trunk channel, kanal, kanallar, kanal tipi, hat kanalı, kanäle,
        canal, canaux, canales""",
    Field.AGENT: """
        agent, new agent, target agent, wanted agent, to agent, voice agent, ai agent, assistant,
        temsilci, yeni temsilci, hedef temsilci, atanacak temsilci, yeni agent, agent yeni, hedef agent, atanacak agent,
        asistan, yeni asistan, ajan, yeni ajan,
        neuer agent, agent neu, ziel agent, zielagent, assistent, neuer assistent,
        nouvel agent, agent cible, agent vocal, nouvel assistant,
        agente, nuevo agente, agente nuevo, agente destino, asistente, nuevo asistente""",
    Field.AGENT_UUID: """
        agent uuid, agent id, new agent uuid, new agent id, target agent uuid, target agent id, assistant id,
        temsilci uuid, temsilci id, temsilci kimliği, asistan uuid, asistan id,
        neuer agent uuid, assistent uuid, assistent id, uuid de l'agent, id agent, uuid agent,
        agente uuid, agente id, uuid del agente, id del agente""",
    Field.AGENT_NAME: """
        agent name, new agent name, target agent name, name of agent, assistant name,
        temsilci adı, temsilci ismi, asistan adı, ajan adı, agentenname, name des agenten, assistentenname,
        nom de l'agent, nom d'agent, nom agent, nombre del agente, nombre de agente, nombre agente,
        nombre del asistente""",
    Field.EXPECT: """
        expect, expected, expected agent, expect agent, expected present agent,
        beklenen, beklenen temsilci, erwartet, erwarteter agent, attendu, agent attendu, esperado, agente esperado""",
    Field.WAVE: """
        wave, wave number, dalga, welle, vague, oleada""",
    Field.NOTE: """
        note, notes, comment, comments, remark, remarks, not, notlar, açıklama, yorum, notiz, bemerkung, kommentar,
        remarque, remarques, commentaire, commentaires, nota, notas, comentario, comentarios, observaciones""",
}

AGENTS = (Field.AGENT_UUID, Field.AGENT, Field.AGENT_NAME)
"""The columns that can name the agent; where several are filled in, the first one leads."""

PRESENT_AGENT = "present agent"
"""The column of an export that tells who serves the trunk: no field, but it shows which rows were edited."""

_PAST = ("old", "current", "present", "previous", "before", "after", "eski", "mevcut", "onceki", "alt", "bisher",
         "aktuell", "ancien", "actuel", "anterior", "actual", "antiguo", "from", "von", "kimden", "source", "losing",
         "ist")  # fmt: skip
"""How a word of a header begins or ends that tells of a past or present owner: *Old agent*, *Agent alt*."""


def key(header: str) -> str:
    """A header without case, accents, spacing and punctuation: ``Agent_UUID`` and ``agent uuid`` are one."""
    return "".join(_words(header))


def _words(header: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", header).casefold().replace("ı", "i")
    bare = (char for char in plain if not unicodedata.combining(char))
    return "".join(char if char.isalnum() else " " for char in bare).split()


KEYS: dict[str, Field] = {key(word): what for what, words in WORDS.items() for word in words.split(",")}


def field_called(name: str) -> Field:
    """The field that ``--map "Header=name"`` means; raises :class:`UsageError`."""
    what = KEYS.get(key(name))
    if what is None:
        raise UsageError(f"--map: there is no field {name!r}", hint=f"fields are {', '.join(Field)}")
    return what


def match(header: Sequence[str], mapping: Mapping[str, str]) -> dict[Field, list[int]]:
    """Every field with the columns whose header means it; what ``--map`` says comes before the words."""
    told = {key(name): field_called(what) for name, what in mapping.items()}
    keys = [key(name) for name in header]
    settled = {told[name] for name in keys if name in told}
    found: dict[Field, list[int]] = {}
    for index, name in enumerate(keys):
        what = told.get(name) or KEYS.get(name)
        if what is not None and (name in told or what not in settled):
            found.setdefault(what, []).append(index)
    return found


def locate(rows: Iterable[Sequence[str]], mapping: Mapping[str, str]) -> int | None:
    """The position of the first row that heads a number column and an agent column."""
    for index, row in enumerate(rows):
        found = match(row, mapping)
        if Field.NUMBER in found and any(what in found for what in AGENTS):
            return index
    return None


def likeliest(rows: Sequence[Sequence[str]], mapping: Mapping[str, str]) -> int | None:
    """The row a person would take for the header, to complain about; ``None`` when there is no text at all."""
    inked = [index for index, row in enumerate(rows) if not is_blank("".join(row))]
    return max(inked, key=lambda index: len(match(rows[index], mapping)), default=None)


def settle(header: Sequence[str], mapping: Mapping[str, str], place: str) -> dict[Field, int]:
    """One column per field; *place* (file, sheet, row) begins the complaint.

    Raises:
        InputError: a needed column is missing, a header or a field stands twice, or ``--map`` names no header.
    """
    keys = {key(name) for name in header}
    for name in mapping:
        if key(name) not in keys:
            raise InputError(f"{place}: --map names {name!r}, but there is no such header", hint=_seen(header))
    found = match(header, mapping)
    _refuse_twins([header[index] for indexes in found.values() for index in indexes], place)
    for what, indexes in found.items():
        if len(indexes) > 1:
            names = " and ".join(repr(header[index]) for index in indexes)
            raise InputError(f"{place}: {names} both mean {what}", hint=_which(header, indexes, what))
    _refuse_missing(header, found, place)
    return {what: indexes[0] for what, indexes in found.items()}


def spelt_out(header: Sequence[str], fields: Mapping[Field, int]) -> tuple[str, ...]:
    """*header* in words that mean *fields* without ``--map``, for a sheet that is given back without it.

    A column that has its meaning from there is called by it; one that lost its meaning to it is no field's word.
    """
    meant = {index: what for what, index in fields.items()}
    return tuple(_spelt_out(name, meant.get(index)) for index, name in enumerate(header))


def _spelt_out(name: str, what: Field | None) -> str:
    if KEYS.get(key(name)) is what:
        return name
    return f"{name} (not read)" if what is None else what.value


def _refuse_twins(header: Sequence[str], place: str) -> None:
    names = [trim(name) for name in header if not is_blank(name)]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(
            f"{place}: two columns are called {', '.join(map(repr, twins))}", hint="rename or delete one of them"
        )


def _which(header: Sequence[str], indexes: Sequence[int], what: Field) -> str:
    """How to say which of several columns is meant; ``--map`` cannot tell headers apart that differ by case only."""
    if len({key(header[index]) for index in indexes}) < len(indexes):
        return "rename or delete one of them"
    return f'say which one: --map "{header[indexes[0]]}={what}"'


def _refuse_missing(header: Sequence[str], found: Mapping[Field, Sequence[int]], place: str) -> None:
    missing = [what for what in (Field.NUMBER, Field.CHANNEL) if what not in found]
    if not any(what in found for what in AGENTS):
        missing.append(Field.AGENT)
    if missing:
        names = " and ".join(f"column for {what}" for what in missing)
        help_ = _ABOVE if any(map(is_phone_number, header)) else _say(header, found, missing)
        raise InputError(f"{place} has no {names}", hint=f"{_seen(header)}; {help_}")


_ABOVE = "this row looks like data: write number, channel, agent in a row above it"
"""A word of data can be near a header's word, so nothing is suggested for it."""


def is_phone_number(text: str) -> bool:
    """Whether a cell is data: a number as one is typed, with its country or without."""
    from batch.core.numbers import read_number  # noqa: PLC0415 - its tables are large, and few headers have a number

    reading = read_number(text)
    return reading.number is not None or reading.code == "number_national"


def _seen(header: Sequence[str]) -> str:
    names = [repr(trim(name)) for name in header if not is_blank(name)]
    return f"found {', '.join(names)}" if names else "no header was found"


def _say(header: Sequence[str], found: Mapping[Field, Sequence[int]], missing: Sequence[Field]) -> str:
    """The ``--map`` flags that would help; near misses by spelling first, then the only column left, else the form."""
    near = [(name, what) for name in header if (what := near_miss(name)) in missing and what not in found]
    flags = [f'--map "{trim(name)}={what}"' for name, what in near]
    if flags:
        return f"did you mean {' '.join(flags)}"
    left = _left(header, found)
    if len(left) == len(missing) == 1 and missing[0] not in AGENTS:  # it may be whose the number is now
        return f'if {left[0]!r} is it, say --map "{left[0]}={missing[0]}"'
    return f'say --map "Header={missing[0]}"'


def _left(header: Sequence[str], found: Mapping[Field, Sequence[int]]) -> list[str]:
    """The headers that mean nothing; one that tells of a past or present owner means something."""
    read = {index for indexes in found.values() for index in indexes}
    return [
        trim(name)
        for index, name in enumerate(header)
        if index not in read and not is_blank(name) and key(name) not in KEYS and not _is_past(name)
    ]


def _is_past(header: str) -> bool:
    return any(word.startswith(_PAST) or word.endswith(_PAST) for word in _words(header))


def near_miss(header: str) -> Field | None:
    """The field a misspelt header may have meant, only ever as a suggestion; never for a past or present owner."""
    name = key(header)
    if name in KEYS or _is_past(header):
        return None
    close = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.75)
    return KEYS[close[0]] if close else None
