"""The migration sheets of ``samples/sheets``, for the workspace that ``reassign sandbox`` serves by default.

``python -m tests.migration`` writes them again: the same rows as CSV and as XLSX, as people type them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from batch.sandbox.rows import AgentRow, NumberRow
from batch.sandbox.world import World
from tests.builders import write_csv, write_xlsx

FOLDER = Path(__file__).parents[1] / "samples" / "sheets"
HEADER = ("Number", "Channel", "Agent", "Expect", "Wave", "Note")
EVERY = 9
"""Each ninth number: enough to look at, and far fewer than the guard on large changes asks about."""

BOTH = ("call, whatsapp", "all", "voice + wa", "Voice/WhatsApp", "both")
ONE = {"call": "Voice", "whatsapp": "WhatsApp"}

Row = tuple[str, ...]


def rows(world: World) -> list[Row]:
    """The header, and a row for each number that is moved."""
    numbers = [row for row in world.numbers.values() if row.external and any(row.bindings.values())][::EVERY]
    agents = _free(world)
    return [HEADER, *(_row(index, row, agents, world) for index, row in enumerate(numbers))]


def _free(world: World) -> list[AgentRow]:
    """Agents that are ready and have their name for themselves."""
    often = Counter(agent.name for agent in world.agents.values())
    return [agent for agent in world.agents.values() if often[agent.name] == 1 and agent.status == "ready"]


def _row(index: int, number: NumberRow, agents: list[AgentRow], world: World) -> Row:
    channels = [channel for channel, agent in number.bindings.items() if agent]
    typed = BOTH[index % len(BOTH)] if len(channels) > 1 else ONE[channels[0]]
    agent, owner = agents[index % len(agents)], str(number.bindings[channels[0]])
    return (
        _spaced(number.number) if index % 3 == 0 else number.number,
        typed,
        agent.uuid if index % 4 == 0 else agent.name,
        owner if index % 5 == 0 else "",
        str(1 + (index > 2) + (index > 9)),
        f"ticket {100 + index}" if index % 2 else "",
    )


def _spaced(number: str) -> str:
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def write(folder: Path) -> None:
    """Write both sheets into *folder*."""
    told = rows(World.generate())
    write_csv(folder / "migration.csv", told)
    write_xlsx(folder / "migration.xlsx", {"Migration": told})


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write(FOLDER)
