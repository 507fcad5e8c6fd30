"""What is known of the cells of a sheet beside their texts: errors, truth values, missing results, merges, hidden rows.

The reader gives an error as an empty text, a truth value in words of its own, a formula that was never computed as an
empty text too, and of merged cells only the first. A person should be told which of them it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[int, int]
"""A row and a column, both from 0."""
Area = tuple[Place, Place]
"""The first and the last cell of a merged area."""

TRUTH = ("FALSE", "TRUE")
ERRORS: Mapping[int, str] = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""How binary workbooks write errors ([MS-XLS] 2.5.10 BErr, the same in [MS-XLSB])."""


@dataclass(slots=True, kw_only=True)
class Marks:
    """What is known of a sheet: texts to put in place of the reader's, cells with no result, merges, hidden rows."""

    texts: dict[Place, str] = field(default_factory=dict)
    uncomputed: set[Place] = field(default_factory=set)
    merged: list[Area] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
