"""What a channel cell asks for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.core.channels import EVERY, WORDS, ChannelReading, read_channels
from batch.core.model import Channel
from batch.core.problems import CATALOGUE

CALL, WHATSAPP = Channel.CALL, Channel.WHATSAPP


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("call", (CALL,)),
        (" Voice ", (CALL,)),
        ("WA", (WHATSAPP,)),
        ("WhatsApp", (WHATSAPP,)),
        ("ÇAĞRI", (CALL,)),
        ("Whats  App\u00a0", (WHATSAPP,)),
        ('="call"', (CALL,)),
        ("call, voice", (CALL,)),
        ("call,,wa,", (CALL, WHATSAPP)),
        ("all", None),
        ("Both", None),
        ("her İkisi", None),
        ("call, all", None),
        ("SESLİ", (CALL,)),
        ("Telefonie", (CALL,)),
        ("What’s App", (WHATSAPP,)),
        ("WP", (WHATSAPP,)),
        ("Alle Kanäle", None),
        ("tüm kanallar", None),
    ],
)
def test_words_for_channels_are_read_in_any_case_and_five_languages(
    text: str, channels: tuple[Channel, ...] | None
) -> None:
    """``None`` is every channel on which the number has a trunk."""
    assert ChannelReading(channels=channels) == read_channels(text)


@pytest.mark.parametrize(
    "separator", [",", ";", "|", "/", "+", "&", "\n", " , ", " and ", " VE ", " und ", " et ", " y ", ", and "]
)
def test_every_separator_gives_the_same_channels_in_one_order(separator: str) -> None:
    """The order that was typed means nothing."""
    both = ChannelReading(channels=(CALL, WHATSAPP))
    assert both == read_channels(f"call{separator}wa") == read_channels(f"wa{separator}call")


@pytest.mark.parametrize("text", ["whats app y voz", "her ikisi de", "les deux", "voice call & what's app"])
def test_a_word_for_and_separates_only_where_it_stands_alone(text: str) -> None:
    """No name of a channel is taken apart by it."""
    assert read_channels(text).code == ""


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("", "channel_empty", ""),
        ("\u200b ,", "channel_empty", ""),
        ("sms", "channel_elsewhere", "sms"),
        ("call, SMS", "channel_elsewhere", "sms"),
        ("call and SMS", "channel_elsewhere", "sms"),
        ("fax", "channel_unknown", ""),
        (" Whatsap", "channel_unknown", "did you mean 'whatsapp'"),
        ("call, fax", "channel_unknown", "'fax'"),
        ("call ve whatsap", "channel_unknown", "'whatsap', did you mean 'whatsapp'"),
        ("call whatsapp xyzzy", "channel_unknown", ""),
        ("callandwhatsapp xyzzy", "channel_unknown", ""),
        ("call and", "channel_unknown", ""),
        ("#REF!", "cell_error", ""),
        ("TRUE", "cell_boolean", ""),
        ("yanlış", "cell_boolean", ""),
        ("2024-05-01 00:00:00", "cell_date", ""),
        ("1/2", "cell_date", ""),
        ("12:30:00", "cell_date", ""),
    ],
)
def test_anything_else_is_refused(text: str, code: str, detail: str) -> None:
    """An empty cell never means anything, a near miss is only suggested, and nothing is said twice."""
    assert ChannelReading(code=code, detail=detail) == read_channels(text)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_known_code(text: str) -> None:
    """No text raises."""
    code = read_channels(text).code
    assert not code or code in CATALOGUE


def test_no_word_means_two_things() -> None:
    """A word for one channel is no word for all of them, and each is spelled as it is looked up."""
    assert not EVERY.intersection(WORDS)
    assert all(read_channels(word).code == "" for word in itertools.chain(WORDS, EVERY))
