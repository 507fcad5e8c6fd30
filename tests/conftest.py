"""What every test can rely on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.forks import Forks

settings.register_profile("untimed", settings(), deadline=None)  # how long a case takes is no property of the program
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop the program itself runs on; tests of timing choose trio's virtual clock instead."""
    return "asyncio"


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """A process that forks commands, for all tests of one worker."""
    with Forks() as made:
        yield made
