"""Which column means what, in five languages, and what is said when that cannot be told."""

from __future__ import annotations

import pytest

from batch.core import columns
from batch.core.model import Field
from batch.errors import InputError, UsageError

ENGLISH = ("Phone number", "Channel", "New agent", "Expected agent", "Wave", "Comment")
TURKISH = ("TELEFON NUMARASI", "Kanal", "Yeni temsilci", "Beklenen temsilci", "Dalga", "Açıklama")
GERMAN = ("Rufnummer", "Kanäle", "Ziel-Agent", "Erwarteter Agent", "Welle", "Bemerkung")
FRENCH = ("N° de téléphone", "Canal", "Nouvel agent", "Agent attendu", "Vague", "Commentaire")
SPANISH = ("Número de teléfono", "Canales", "Nuevo agente", "Agente esperado", "Oleada", "Observaciones")
MEANT = [Field.NUMBER, Field.CHANNEL, Field.AGENT, Field.EXPECT, Field.WAVE, Field.NOTE]


@pytest.mark.parametrize(
    "header",
    [ENGLISH, TURKISH, GERMAN, FRENCH, SPANISH],
    ids=["English", "Turkish", "German", "French", "Spanish"],
)
def test_the_words_of_five_languages_are_known(header: tuple[str, ...]) -> None:
    """A sheet is written by people in their own language."""
    assert dict(zip(MEANT, range(6), strict=True)) == columns.settle(header, {}, "sheet")


@pytest.mark.parametrize(
    "spelled", ["agent_uuid", "Agent UUID", " AGENT-UUID ", "agentUuid", "Agent\u00a0Uuid:", "ＡＧＥＮＴ uuid"]
)
def test_case_spacing_and_punctuation_of_a_header_mean_nothing(spelled: str) -> None:
    """They are the first thing a person changes."""
    assert {Field.AGENT_UUID: [0]} == columns.match([spelled], {})


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("Yeni Agent", Field.AGENT),
        ("AGENT YENİ", Field.AGENT),
        ("Hedef agent", Field.AGENT),
        ("Atanacak Temsilci", Field.AGENT),
        ("Agent (neu)", Field.AGENT),
        ("Neuer Agent (UUID)", Field.AGENT_UUID),
        ("Number (E.164)", Field.NUMBER),
        ("E.164 number", Field.NUMBER),
        ("GSM Numarası", Field.NUMBER),
        ("Telefon", Field.NUMBER),
        ("Kanal Tipi", Field.CHANNEL),
        ("Channel type", Field.CHANNEL),
    ],
)
def test_a_header_as_people_write_it_is_known(header: str, what: Field) -> None:
    """Half in one language and half in another, with what is meant in brackets; in a cell *telefon* is a channel."""
    assert {what: [0]} == columns.match([header], {})


def test_no_word_means_two_fields() -> None:
    """The table of words is a mapping, not a choice."""
    fields = [(columns.key(word), what) for what, words in columns.WORDS.items() for word in words.split(",")]
    assert {key for key, _ in fields} == columns.KEYS.keys()
    assert all(columns.KEYS[key] is what for key, what in fields)


@pytest.mark.parametrize(
    "header",
    ["Old agent", "current agent", "present agent", "before_agent_uuid", "after_agent_name", "Eski temsilci",
     "Mevcut temsilci", "Eski agent", "Agent eski", "Agent alt", "Alter Agent", "Ancien agent", "Agente actual",
     "customer", "row", "status", ""],
)  # fmt: skip
def test_a_header_that_only_contains_a_word_is_not_recognised(header: str) -> None:
    """*Old agent* beside *agent* is the usual sheet; taking the wrong one would send calls back."""
    assert {} == columns.match([header], {})


def test_what_map_says_comes_before_the_words() -> None:
    """A column told for a field leaves the others of that field unread."""
    header = ["Phone", "Number", "Old agent", "Agent"]
    assert {Field.NUMBER: [1], Field.AGENT: [2]} == columns.match(header, {"number ": "number", "OLD AGENT": "agent"})


def test_a_mapped_column_completes_a_header() -> None:
    """With it, a sheet in any language can be read."""
    header = ("numero", "channel", "Kim")
    mapping = {"Numero": "number", "kim": "agent"}
    assert {Field.NUMBER: 0, Field.CHANNEL: 1, Field.AGENT: 2} == columns.settle(header, mapping, "sheet")


def test_map_may_name_a_field_by_any_of_its_words() -> None:
    """People write the word they know."""
    assert Field.NUMBER is columns.field_called("telefon")


def test_map_to_an_unknown_field_is_refused_with_the_fields() -> None:
    """The message has the list to choose from."""
    with pytest.raises(UsageError) as refused:
        columns.field_called("owner")
    assert "there is no field 'owner'" in refused.value.message
    assert "number, channel, agent" in refused.value.hint


# ── where the header is ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_header_is_the_first_row_with_a_number_and_an_agent() -> None:
    """Titles, logos and dates above it are common."""
    assert 2 == columns.locate([["Trunks of May"], ["number: all"], ["number", "agent name"], ["number", "agent"]], {})


def test_a_sheet_without_such_a_row_has_no_header() -> None:
    """A number column alone is any list of phone numbers."""
    assert columns.locate([["number", "channel"], ["+905321234567", "call"]], {}) is None


def test_the_likeliest_header_is_the_row_with_most_known_words() -> None:
    """It is what the complaint is about."""
    assert 1 == columns.likeliest([["Trunks", ""], ["number", "channel"], ["+905321234567", "call"]], {})


def test_blank_rows_have_no_likeliest_header() -> None:
    """There is nothing to complain about."""
    assert columns.likeliest([["", " "], []], {}) is None


# ── complaints ────────────────────────────────────────────────────────────────────────────────────────────────────────


def refusal(*header: str, **mapping: str) -> InputError:
    with pytest.raises(InputError) as refused:
        columns.settle(header, mapping, "sheet.csv row 1")
    return refused.value


def test_every_missing_column_is_named_with_what_was_found() -> None:
    """One look, all complaints."""
    error = refusal("number", "customer")
    assert "sheet.csv row 1 has no column for channel and column for agent" == error.message
    assert "found 'number', 'customer'" in error.hint
    assert 'say --map "Header=channel"' in error.hint


def test_a_near_miss_is_suggested_and_never_taken() -> None:
    """The flag stands there ready to be copied."""
    error = refusal("numbr", "chanel", "Agent")
    assert 'did you mean --map "numbr=number" --map "chanel=channel"' in error.hint


def test_a_near_miss_of_a_past_owner_is_not_even_suggested() -> None:
    """Whoever copies a suggestion must not be led to the wrong column."""
    assert [None] * 6 == [*map(columns.near_miss, ("old agents", "Agent eski", "Agent alt", "agentOld", "Agent önceki",
                                                   "AGENT (ACTUEL)"))]  # fmt: skip
    assert columns.near_miss("Customer city") is None
    assert columns.near_miss("agent") is None
    assert Field.AGENT is columns.near_miss("agentt")


@pytest.mark.parametrize("others", [(), ("Phone",), ("Old agent", "Agent (mevcut)")], ids=["alone", "unread", "past"])
def test_the_only_column_that_means_nothing_stands_in_the_flag(others: tuple[str, ...]) -> None:
    """A flag with *Header* in it is typed as it stands."""
    error = refusal("number", "agent", *others, " Nerede ", "", number="number")
    assert error.hint.endswith("""; if 'Nerede' is it, say --map "Nerede=channel\"""")


@pytest.mark.parametrize("only", ["Kime", "Kimden", "From", "Losing agent", "Ist Agent"])
def test_no_column_is_offered_for_the_agent_because_it_is_left(only: str) -> None:
    """It may say who has the number now."""
    assert 'say --map "Header=agent"' in refusal("number", "channel", only).hint


@pytest.mark.parametrize(
    "header", [("number", "channel", "Kime", "Nereye"), ("number", "channel", "Old agent"), ("number", "Kime")]
)
def test_a_column_is_not_offered_when_it_could_be_another(header: tuple[str, ...]) -> None:
    """Two could be it, or none, or it could be for either of two fields."""
    assert 'say --map "Header=' in refusal(*header).hint


@pytest.mark.parametrize("cell", ["+14152067310", "0532 123 45 67", "905321234567", "0049 30 1234567"])
def test_a_row_with_a_phone_number_is_data_and_wants_a_header_above_it(cell: str) -> None:
    """Its *call* is near a header's word, but a flag for it would only lead to the next error."""
    error = refusal(cell, "call", "Anneliese")
    assert error.hint.startswith(f"found {cell!r}, 'call', 'Anneliese'; this row looks like data")
    assert ("--map" in error.hint, "a row above it" in error.hint) == (False, True)


def test_no_header_at_all_is_said_so() -> None:
    """A row of blanks has no names to list."""
    assert "no header was found" in refusal("", " ").hint


def test_two_columns_for_one_field_are_not_chosen_between() -> None:
    """Which of them is meant, only the person knows."""
    error = refusal("number", "phone", "channel", "agent")
    assert "'number' and 'phone' both mean number" in error.message
    assert 'say which one: --map "number=number"' == error.hint


def test_two_headers_that_differ_only_by_case_are_not_told_apart_by_a_map() -> None:
    """So none is suggested."""
    error = refusal("number", "channel", "agent", "Note", "note")
    assert ("'Note' and 'note' both mean note" in error.message, "rename" in error.hint) == (True, True)


def test_two_columns_of_the_same_name_are_refused_when_they_mean_something() -> None:
    """``--map`` could not tell them apart either."""
    assert "two columns are called 'agent'" in refusal("number", "channel", "agent", " agent ").message
    assert "two columns are called 'to'" in refusal("number", "channel", "to", "to", to="agent").message


def test_two_columns_of_the_same_name_that_mean_nothing_are_carried_through() -> None:
    """As spreadsheets name columns without a name."""
    assert len(columns.settle(("number", "channel", "agent", "Column1", "Column1"), {}, "moves.csv row 1")) == 3


# ── headers that are given back ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "mapping", "expected"),
    [
        (("Number", "Kanal", "agent", "city"), {}, ("Number", "Kanal", "agent", "city")),
        (("number", "channel", "Agent", "To"), {"To": "agent"}, ("number", "channel", "Agent (not read)", "agent")),
        (("number", "channel", "Agent", "To"), {"to": "agent", "Agent": "expect"},
         ("number", "channel", "expect", "agent")),
        (("hat", "tel", "how", "who"), {"tel": "number", "how": "channel", "who": "agent uuid"},
         ("hat (not read)", "tel", "channel", "agent_uuid")),
    ],
    ids=["no map", "a word that lost its meaning", "a word that got another", "words of one's own"],
)  # fmt: skip
def test_a_header_is_spelt_out_so_that_it_means_the_same_without_a_map(
    header: tuple[str, ...], mapping: dict[str, str], expected: tuple[str, ...]
) -> None:
    """What did not end well is given back as a sheet, without the flags of the run."""
    meant = columns.settle(header, mapping, "moves.csv row 1")
    assert expected == columns.spelt_out(header, meant)
    assert meant == columns.settle(expected, {}, "failed.csv row 1")


def test_a_map_of_a_header_that_is_not_there_is_refused() -> None:
    """A misspelt flag must not be passed over."""
    error = refusal("number", "channel", "agent", Owner="agent")
    assert "--map names 'Owner', but there is no such header" in error.message
