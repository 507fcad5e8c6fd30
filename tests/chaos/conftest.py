"""What the tests of the proving ground share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.forks import Forks


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """A process that forks commands, for all tests of one worker."""
    with Forks() as made:
        yield made
