"""Why a change, or a result line, is what it is."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a change, or a result line, is what it is. Sentences: :data:`batch.core.reasons.SENTENCES`."""

    # why a change is planned
    DIFFERS = "differs"
    BREAKS_RING = "breaks_ring"
    ALREADY_THERE = "already_there"
    # why a line ended as it did
    VERIFIED = "verified"
    DUPLICATE = "duplicate"
    INVALID_ROW = "invalid_row"
    OTHER_ROWS_INVALID = "other_rows_invalid"
    AUDIT = "audit"
    REFUSED_BY_GUARD = "refused_by_guard"
    DECLINED = "declined"
    NOT_SELECTED = "not_selected"
    SERVER_REFUSED = "server_refused"
    AGENT_TAKEN = "agent_taken"
    TRUNK_GONE = "trunk_gone"
    NOT_APPLIED = "not_applied"
    UNCLEAR = "unclear"
    OWNER_CHANGED = "owner_changed"
    AGENT_OCCUPIED = "agent_occupied"
    CHANGED_AFTERWARDS = "changed_afterwards"
    NOT_EXPECTED = "not_expected"
    DEPENDENCY = "dependency"
    UNIT_PUT_BACK = "unit_put_back"
    WAVE_PUT_BACK = "wave_put_back"
    LEFT_IN_PLACE = "left_in_place"
    BUDGET_SPENT = "budget_spent"
    WAVE_FAILED = "wave_failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    DEADLINE = "deadline"
    WINDOW_CLOSED = "window_closed"
    JOURNAL_FAILED = "journal_failed"
    LEFT_SPLIT = "left_split"
    LOST_TO_ANOTHER_NUMBER = "lost_to_another_number"
    API_UNAVAILABLE = "api_unavailable"
    CREDENTIALS = "credentials"
    OUT_OF_RETRIES = "out_of_retries"
