"""One sentence for each reason and each status: reports, the terminal and the documentation all say the same."""

from __future__ import annotations

from collections.abc import Mapping

from batch.core.model import Reason, Status

SENTENCES: Mapping[Reason, str] = {
    # why a change is planned
    Reason.DIFFERS: "Another agent serves the trunk",
    Reason.BREAKS_RING: "The rows swap agents in a ring: the first trunk waits on a spare agent",
    Reason.ALREADY_THERE: "The wanted agent already serves the trunk",
    # why a line ended as it did
    Reason.VERIFIED: "The wanted agent serves the trunk",
    Reason.DUPLICATE: "An earlier row asks for the same",
    Reason.INVALID_ROW: "The row has problems",
    Reason.OTHER_ROWS_INVALID: "Nothing was sent because other rows are invalid",
    Reason.AUDIT: "Nothing was sent: this run only looks",
    Reason.REFUSED_BY_GUARD: "Nothing was sent: a guard refused the plan",
    Reason.DECLINED: "Nothing was sent: the question was not answered with yes",
    Reason.NOT_SELECTED: "Left out by --only, --exclude or --limit",
    Reason.SERVER_REFUSED: "The server said no",
    Reason.AGENT_TAKEN: "The server says that the agent already serves another number",
    Reason.TRUNK_GONE: "The trunk is no longer in the workspace",
    Reason.NOT_APPLIED: "The change was sent, but the trunk still has the agent it had before",
    Reason.UNCLEAR: "Whether the change was applied could not be seen",
    Reason.OWNER_CHANGED: "Somebody else changed the trunk since the plan was made; it was left alone",
    Reason.AGENT_OCCUPIED: "The wanted agent was given another number since the plan was made; nothing was sent",
    Reason.CHANGED_AFTERWARDS: "Somebody else changed the trunk while the run was going on",
    Reason.NOT_EXPECTED: "The trunk of this row is not with the expected agent; the row was left alone",
    Reason.DEPENDENCY: "A change that had to come first did not end well",
    Reason.UNIT_PUT_BACK: "Another channel of the row did not end well, so this one was put back",
    Reason.BUDGET_SPENT: "Too many changes had failed",
    Reason.WAVE_FAILED: "What was seen after a wave stopped the run",
    Reason.STOPPED: "The run was stopped",
    Reason.INTERRUPTED: "The run was interrupted",
    Reason.DEADLINE: "The time allowed for the run was over",
    Reason.WINDOW_CLOSED: "The window for changes had closed",
    Reason.JOURNAL_FAILED: "The journal could not be written, so nothing more was sent",
    Reason.WAVE_PUT_BACK: "The probe after the wave failed, so its changes were put back",
    Reason.LEFT_IN_PLACE: "The probe after the wave failed, but this change could not be put back",
    Reason.LEFT_SPLIT: "The wanted agent serves the trunk, but another channel of the row did not end well",
    Reason.LOST_TO_ANOTHER_NUMBER: "The server took the agent away again when it was given another number",
    Reason.API_UNAVAILABLE: "The API did not answer any more",
    Reason.CREDENTIALS: "The credentials were refused",
    Reason.OUT_OF_RETRIES: "Every attempt failed before it could be applied",
}
"""Without a full stop, so that what the server or a guard said can follow."""

MEANINGS: Mapping[Status, str] = {
    Status.DONE: "moved, and seen to be on the wanted agent",
    Status.ALREADY: "was on the wanted agent before; no call was needed",
    Status.INVALID: "the row has a problem; nothing was sent for it",
    Status.REJECTED: "the server said no, for good",
    Status.FAILED: "surely not applied",
    Status.UNKNOWN: "may have been applied; it could not be seen",
    Status.DRIFTED: "somebody else's value, left alone",
    Status.SKIPPED: "never sent",
}
"""What each status of a result means."""


def sentence(reason: Reason, detail: str = "", *, http_status: int | None = None) -> str:
    """``server_refused: The server said no (422): agent not found`` – the stable code, then words."""
    words = SENTENCES[reason]
    said = f" ({http_status})" if http_status is not None else ""
    if detail.casefold().startswith(words.casefold()):  # what the server's answer meant may be the reason itself
        detail = detail[len(words) :].removeprefix(": ")
    return f"{reason.value}: {words}{said}{f': {detail}' if detail else ''}"
