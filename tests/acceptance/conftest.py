"""Real processes: commands against a stand-in of the API that is a process of its own.

A command is forked from a process that has its imports behind it. Where the start is part of what is tested, a file
sets ``desk.forks`` to none, and the command runs as it is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, Sandbox, sandbox_process
from tests.forks import Forks
from tests.worlds import world

NUMBERS, SERVING, AGENTS = 40, 10, 20
"""Sixty trunks: number i is on call, an even one on WhatsApp too, with agent i % 10; agents 10 to 19 serve nobody."""

SINGLES, SPARES = 12, 4
"""In the workspace without sharing: number i is on both channels with agent i; agents 12 to 15 serve nobody."""


@pytest.fixture(scope="session")
def shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One stand-in for all tests of a worker, where agents serve several numbers."""
    state = tmp_path_factory.mktemp("shared") / "state.json"
    trunks = [{"call": i % SERVING} | ({"whatsapp": i % SERVING} if i % 2 == 0 else {}) for i in range(NUMBERS)]
    world(*trunks, agents=AGENTS, purchased=[{"call": 0}]).save(state)
    with sandbox_process("--state", state, folder=state.parent) as process:
        yield process


@pytest.fixture(scope="session")
def exclusive_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One stand-in for all tests of a worker that refuses a second number for an agent."""
    state = tmp_path_factory.mktemp("exclusive") / "state.json"
    world(*({"call": i, "whatsapp": i} for i in range(SINGLES)), agents=SINGLES + SPARES).save(state)
    with sandbox_process("--state", state, "--occupancy", "refuse", folder=state.parent) as process:
        yield process


@pytest.fixture
def sandbox(shared_process: Sandbox) -> Sandbox:
    """The stand-in as it was at first: every trunk with its agent, no faults, an empty log."""
    shared_process.reset()
    return shared_process


@pytest.fixture
def exclusive(exclusive_process: Sandbox) -> Sandbox:
    """The same for the workspace without sharing."""
    exclusive_process.reset()
    return exclusive_process


@pytest.fixture
def desk(tmp_path: Path, forks: Forks) -> Desk:
    """A user's account with nothing in it, and no API to speak to."""
    return Desk(tmp_path, forks=forks)


@pytest.fixture
def at(desk: Desk, sandbox: Sandbox) -> Desk:
    """The same account, set up for the stand-in."""
    return desk.set_up_for(sandbox)


@pytest.fixture
def at_exclusive(desk: Desk, exclusive: Sandbox) -> Desk:
    """The same account, set up for the workspace without sharing."""
    return desk.set_up_for(exclusive)
