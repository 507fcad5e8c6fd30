"""What the integration tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder."""
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made
