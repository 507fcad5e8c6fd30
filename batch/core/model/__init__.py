"""The values that walk through the rooms, from a spreadsheet row to a line of the report.

Every value is frozen; a room takes one and hands on a new one. ``Trunk`` is the key of everything and
``Origin`` travels with every value, so any line of any output leads back to the spreadsheet row. Values are trees, so
those of which there are many are none of the garbage collector's business (``gc=False``).

    SourceTable ─ normalise ▶ Request ─ expand ▶ Assignment ─ plan, order, waves ▶ Plan[Change]
                                          ▲ Snapshot
    Plan[Change] ─ execute ▶ Outcome ─ verify ▶ Outcome ─ results ▶ Result
"""

from batch.core.model.live import Agent, Binding, NumberState, Snapshot
from batch.core.model.outcome import Calls, Outcome, Result, RunRecord, Status, Summary, Surprise, Verified
from batch.core.model.plan import (
    BRANDS,
    Action,
    Change,
    Facts,
    Limits,
    Occupancy,
    OnSplit,
    Plan,
    PlanRow,
    Source,
    Workspace,
)
from batch.core.model.reason import Reason
from batch.core.model.source import (
    AgentRef,
    Assignment,
    Field,
    Normalised,
    Origin,
    Problem,
    Request,
    SourceRow,
    SourceTable,
)
from batch.core.model.trunk import CHANNELS, AgentId, Channel, Number, Trunk

__all__ = [
    "BRANDS",
    "CHANNELS",
    "Action",
    "Agent",
    "AgentId",
    "AgentRef",
    "Assignment",
    "Binding",
    "Calls",
    "Change",
    "Channel",
    "Facts",
    "Field",
    "Limits",
    "Normalised",
    "Number",
    "NumberState",
    "Occupancy",
    "OnSplit",
    "Origin",
    "Outcome",
    "Plan",
    "PlanRow",
    "Problem",
    "Reason",
    "Request",
    "Result",
    "RunRecord",
    "Snapshot",
    "Source",
    "SourceRow",
    "SourceTable",
    "Status",
    "Summary",
    "Surprise",
    "Trunk",
    "Verified",
    "Workspace",
]
