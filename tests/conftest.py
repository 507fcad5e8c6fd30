"""What every test can rely on."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop the program itself runs on; tests of timing choose trio's virtual clock instead."""
    return "asyncio"
