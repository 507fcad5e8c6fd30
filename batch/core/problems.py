"""The catalogue of everything that can be wrong with a row, and of everything that was repaired in one.

A code is stable: it stands in reports and in people's filters. ``title`` groups problems of one kind, ``template`` is
the sentence about one cell (``{value}`` is the text as typed, ``{detail}`` what the finder adds, ``{related}`` the
other rows), ``hint`` says what to do.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from batch.core.model import Problem

MOST_RELATED = 10
"""Rows a problem names at most: a thousand rows for one trunk must not become a million names."""


class Severity(StrEnum):
    """An error makes its row invalid; a note is only told."""

    ERROR = "error"
    NOTE = "note"


class Kind(Struct, frozen=True):
    """One entry of the catalogue."""

    title: str
    template: str
    hint: str
    severity: Severity = Severity.ERROR


CATALOGUE: dict[str, Kind] = {
    # rows by their own text (read, normalise)
    "ragged_row": Kind(
        "Row with too few or too many cells",
        "the row has {detail}, so its values cannot be told apart",
        "put text that contains the separator into quotes, or save the sheet as XLSX",
    ),
    "row_total": Kind(
        "Row of totals",
        "{value!r} heads a row of totals, not a trunk",
        "delete the row, or keep totals on another sheet",
    ),
    "row_above_header": Kind(
        "Row above the header",
        "{value!r} stands above the header, where nothing is read",
        "put the header on top, or delete what is above it",
    ),
    "row_hidden": Kind(
        "Hidden row",
        "the row is hidden or filtered out, and is read like any other",
        "show all rows and look; delete the row if it is not meant",
        Severity.NOTE,
    ),
    "sheets_passed_over": Kind(
        "Sheets not read",
        "read {value!r}; not read: {detail}",
        "nothing to do; --sheet reads another one",
        Severity.NOTE,
    ),
    "cell_merged": Kind(
        "Merged cell",
        "the cell is merged with another one, which alone holds the value",
        "split merged cells, and write the value into each row it is meant for",
    ),
    "cell_uncomputed": Kind(
        "Formula without a result",
        "the cell holds a formula whose result is not in the file",
        "open and save the file in a spreadsheet program, or type the value",
    ),
    "cell_error": Kind(
        "Spreadsheet error in a cell",
        "{value!r} is a spreadsheet error, not a value",
        "mend the formula, or type the value",
    ),
    "cell_date": Kind(
        "Date or time in a cell",
        "{value!r} is a date or a time: the spreadsheet has changed what was typed",
        "format the column as Text, then type the value again",
    ),
    "cell_boolean": Kind(
        "TRUE or FALSE in a cell",
        "{value!r} is a truth value, which means nothing here",
        "type the value that is meant",
    ),
    "number_repaired": Kind(
        "Number repaired",
        "{value!r} is read as {detail}",
        "nothing to do; format the column as Text to keep numbers as typed",
        Severity.NOTE,
    ),
    "number_empty": Kind(
        "No number",
        "the number is empty",
        "type the number with + and country code; an error, or a formula without a result, reads as empty too",
    ),
    "number_scientific": Kind(
        "Number rounded by the spreadsheet",
        "{value!r} is scientific notation, its last digits are lost",
        "take the number from its source, and format the column as Text before typing it",
    ),
    "number_too_many_digits": Kind(
        "More digits than a spreadsheet keeps",
        "{value!r} has more than 15 digits: no number has, and a spreadsheet turns the rest into zeros",
        "take the number from its source, and format the column as Text before typing it",
    ),
    "number_decimal": Kind(
        "Number with decimals",
        "{value!r} has decimals, and no phone number has",
        "take the number from its source, and format the column as Text before typing it",
    ),
    "number_negative": Kind("Negative number", "{value!r} begins with a minus", "write + and country code"),
    "number_formula": Kind("Formula as text", "{value!r} is a formula, not its result", "type the number itself"),
    "number_national": Kind(
        "Number without a country",
        "{value!r} has no country code{detail}",
        "write + and country code, or name the country with --region, for example --region TR",
    ),
    "number_country": Kind(
        "No such country code",
        "{value!r} begins with +{detail}, which is no country's code",
        "write + and country code",
    ),
    "number_country_zero": Kind(
        "Zero after the country code",
        "{value!r} has a 0 after {detail}, and is no number with or without it",
        "write + and country code, and the number without its first 0",
    ),
    "number_short": Kind(
        "Number too short", "{value!r} is too short ({detail})", "write the whole number with + and country code"
    ),
    "number_long": Kind(
        "Number of impossible length",
        "{value!r} has an impossible length ({detail})",
        "look for a digit too many or too few",
    ),
    "number_two": Kind(
        "Several numbers in one cell", "{value!r} holds more than one number", "give each number its own row"
    ),
    "number_extension": Kind(
        "Extension", "{value!r} has an extension, and a trunk has none", "write the trunk's number alone"
    ),
    "number_sip": Kind(
        "SIP address", "{value!r} is an address, not a number", "write the trunk's number with + and country code"
    ),
    "number_letters": Kind(
        "Letters in a number", "{value!r} has letters in it", "write digits only; O and 0, l and 1 look alike"
    ),
    "number_characters": Kind(
        "Odd characters in a number",
        "{value!r} has characters, or an order of them, that no number has",
        "write + and digits only",
    ),
    "channel_empty": Kind("No channel", "the channel is empty", "write call, whatsapp, both names, or all"),
    "channel_elsewhere": Kind(
        "Not a trunk's channel",
        "{value!r}: {detail} is not a channel of a trunk",
        "write call, whatsapp, or all; other channels are set in the panel",
    ),
    "channel_unknown": Kind(
        "Unknown channel",
        "{value!r} is not a channel: {detail}",
        "write call, whatsapp, or all; separate several with a comma",
    ),
    "agent_empty": Kind(
        "No agent", "the agent is empty, which does not mean nobody", "write the agent's uuid or exact name"
    ),
    "agent_unassign": Kind(
        "Nobody as agent",
        "{value!r} means nobody: the API cannot take an agent away, only put another in its place",
        "name an agent (one that is called so by its uuid), or delete the row",
    ),
    "agent_uuid_malformed": Kind(
        "Malformed uuid",
        "{value!r} is not a uuid, though it should be",
        "copy the uuid again: 32 digits 0-9 a-f",
    ),
    "agent_disagrees": Kind(
        "Two agents in one row",
        "{value!r} is another agent than {detail} in the same row",
        "keep one of the agent columns, or make them agree",
    ),
    "wave_malformed": Kind("Malformed wave", "{value!r} is not a wave", "write 1, 2, 3 … or leave it empty"),
    # rows against live state (expand)
    "no_such_trunk": Kind(
        "No such trunk",
        "{value} has no external trunk on {detail} in this workspace",
        "register the trunk first, or correct the number or the channel",
    ),
    "nobody_serves": Kind(
        "Nobody serves the number",
        "{value} has no agent on any channel, so `all` names none",
        "write call or whatsapp instead",
    ),
    "not_edited": Kind(
        "Not edited since the export",
        "the agent is the one of the export, {value!r}, but the trunk is with {detail} by now",
        "take the row out if that is to stay: kept, it takes the trunk back",
        Severity.NOTE,
    ),
    "purchased_number": Kind(
        "Purchased number",
        "{value} is a number bought from the platform, not an external trunk",
        "move purchased numbers in the panel: the trunk call does not apply to them",
    ),
    "not_listed": Kind(
        "Not in the list of trunks",
        "{value} is an external number, but the list of trunks does not show it",
        "move a SIP connection or an extension in the panel; for a trunk try again: the list may have been cut off",
    ),
    "plus_missing": Kind(
        "Number without its +",
        "{value} has no + and no external trunk of this workspace is {detail}",
        "write + and country code, or name the country with --region, for example --region TR",
    ),
    "plus_restored": Kind(
        "Lost + restored",
        "{value} was read as {detail}, the one trunk with these digits",
        "nothing to do; format the column as text to keep the +",
        Severity.NOTE,
    ),
    "agent_unknown": Kind(
        "No such agent",
        "no agent {value!r} in this workspace{detail}",
        "copy the agent's uuid or exact name from `reassign export`",
    ),
    "agent_ambiguous": Kind(
        "Several agents of that name",
        "{value!r} is the name of several agents: {detail}",
        "write the uuid instead of the name",
    ),
    "agent_not_ready": Kind(
        "Agent not ready",
        "agent {value!r} is {detail}: it may not answer",
        "start the agent before its numbers arrive",
        Severity.NOTE,
    ),
    "contradiction": Kind(
        "Rows contradict each other",
        "{value} on {detail} is given to another agent in {related}",
        "keep one of the rows",
    ),
    "expect_contradiction": Kind(
        "Rows expect different agents",
        "{value} on {detail} is expected with another agent in {related}",
        "keep one of the rows",
    ),
    "duplicate": Kind(
        "Same row twice",
        "{value} on {detail} is the same in {related}; counted once",
        "nothing to do",
        Severity.NOTE,
    ),
    # changes against each other (order)
    "two_rows_one_agent": Kind(
        "Two numbers into one agent",
        "agent {value} would serve two numbers on {detail}, see {related}",
        "give each number its own agent, or say --occupancy shared if the platform allows it",
    ),
    "agent_occupied": Kind(
        "Agent already serves another number",
        "agent {value} already serves {detail}",
        "move that number too, choose a free agent, or say --occupancy shared if the platform allows it",
    ),
    "ring_without_spare": Kind(
        "Ring without a spare agent",
        "these rows swap agents in a ring, {detail}, so none can go first: {related}",
        "name a free agent with --parking-agent UUID to park one trunk on",
    ),
}


def describe(problem: Problem) -> str:
    """The sentence about one problem, without its place."""
    related = ", ".join(f"row {origin.row}" for origin in problem.related)
    kind = CATALOGUE[problem.code]
    said = kind.template.format(value=problem.value, detail=problem.detail, related=related)
    return said.removesuffix(": ")  # there may be no more to say of it


def is_error(problem: Problem) -> bool:
    """Whether the problem makes its row invalid."""
    return CATALOGUE[problem.code].severity is Severity.ERROR
