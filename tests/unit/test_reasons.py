"""One sentence for each reason and each status."""

from __future__ import annotations

import pytest

from batch.core.model import Reason, Status
from batch.core.reasons import MEANINGS, SENTENCES, sentence


def test_every_reason_has_a_sentence() -> None:
    """No line of a report is without words."""
    assert set(Reason) == set(SENTENCES)


def test_every_status_has_a_meaning() -> None:
    """In the order in which they are told."""
    assert list(Status) == list(MEANINGS)


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_a_sentence_begins_large_and_leaves_room_for_more(reason: Reason) -> None:
    """No full stop: what the server or a guard said may follow."""
    words = SENTENCES[reason]
    assert words[0].isupper()
    assert not words.endswith((".", ":", " "))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "server_refused: The server said no"),
        ({"detail": "the server said no: archived"}, "server_refused: The server said no: archived"),
        ({"detail": "the server said no", "http_status": 404}, "server_refused: The server said no (404)"),
        ({"detail": "agent not found"}, "server_refused: The server said no: agent not found"),
        ({"http_status": 422}, "server_refused: The server said no (422)"),
        (
            {"detail": "agent not found", "http_status": 422},
            "server_refused: The server said no (422): agent not found",
        ),
    ],
    ids=["bare", "the same words", "the same words alone", "with a detail", "with a status", "with both"],
)
def test_a_sentence_begins_with_its_stable_code(given: dict, said: str) -> None:
    """People's filters go by the code, people by the words."""
    assert said == sentence(Reason.SERVER_REFUSED, **given)
