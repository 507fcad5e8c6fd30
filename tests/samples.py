"""The sheets of ``samples/order`` and the workspace they are for; ``python -m tests.samples`` writes them again.

In that workspace number *i* is served by agent *i*, on call and – the first forty – on WhatsApp; the last ten agents
serve nobody. The stand-in plays it with ``reassign sandbox --state samples/order/workspace.json``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "samples" / "order"
NUMBERS, SPARES, BOTH = 1_010, 10, 40
HEADER = ("number", "channel", "agent")
FIRST_OF_CHAIN, CHAIN = 10, 1_000


def uuid(index: int) -> str:
    """The uuid of agent *index*."""
    return f"5a3b1e00-0000-4000-8000-{index:012d}"


def name(index: int) -> str:
    """Its name."""
    return f"Desk {index:04d}" if index < NUMBERS else f"Spare {index - NUMBERS}"


def number(index: int) -> str:
    """The number it serves at first."""
    return f"+4930{5_000_000 + index}"


def sheets() -> dict[str, str]:
    """Every file of the folder by its name."""
    chain = range(FIRST_OF_CHAIN, FIRST_OF_CHAIN + CHAIN)
    ring = range(5)
    return {
        "workspace.json": _workspace(),
        "swap.csv": _csv(HEADER, ((number(0), "call", name(1)), (number(1), "call", name(0)))),
        "ring_of_five.csv": _csv(HEADER, ((number(i), "call", name((i + 1) % 5)) for i in ring)),
        "chain_of_a_thousand.csv": _csv(HEADER, ((number(i), "call", name(i + 1)) for i in chain)),
        "split_trunk.csv": _csv(HEADER, [(number(2), "call, whatsapp", name(NUMBERS))]),
        "two_waves.csv": _csv((*HEADER, "wave"), _two_waves()),
    }


def _two_waves() -> Iterator[tuple[str, ...]]:
    """Twenty numbers in two waves; the second takes over the agents that the first has freed."""
    for i in range(10):
        yield number(20 + i), "call", name(NUMBERS + i), "1"
    for i in range(10):
        yield number(30 + i), "call", name(20 + i), "2"


def _workspace() -> str:
    agents = [{"uuid": uuid(i), "name": name(i)} for i in range(NUMBERS + SPARES)]
    numbers = [
        {
            "uuid": f"7e1c0000-0000-4000-8000-{i:012d}",
            "number": number(i),
            "bindings": {"call": uuid(i)} | ({"whatsapp": uuid(i)} if i < BOTH else {}),
        }
        for i in range(NUMBERS)
    ]
    lines = ",\n".join(json.dumps(entry) for entry in agents), ",\n".join(json.dumps(entry) for entry in numbers)
    return f'{{"agents": [\n{lines[0]}],\n"numbers": [\n{lines[1]}]}}\n'


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, content in sheets().items():
        (FOLDER / file).write_text(content, "utf-8")
