"""What a run that is gone on with, or made from another, keeps of it besides its plan."""

from __future__ import annotations

import os
import time
from pathlib import Path

import anyio

from batch.core.model import Occupancy, RunRecord, Status
from batch.engine.sweep import PAUSES
from batch.errors import SafetyError
from batch.options import BY_NAME
from batch.run import KEPT, Hooks
from batch.settings import Settings


def as_begun(record: RunRecord, settings: Settings, folder: Path, hooks: Hooks) -> Settings:
    """The settings of a run that is gone on with: what it was begun under holds unless something else is given now.

    Raises SafetyError for a probe that somebody else has written down: it would be run as a command.
    """
    kept = _kept(record, settings)
    if "probe" in kept and folder.stat().st_uid != os.geteuid():
        raise SafetyError(
            f"the run has a probe, and its folder {folder} belongs to somebody else", hint="give --probe yourself"
        )
    if kept:
        hooks.say("as the run was begun: " + ", ".join(_said(name, value) for name, value in kept.items()))
    return settings.model_copy(update=kept)


def like(record: RunRecord, settings: Settings) -> Settings:
    """The settings of a run made from another.

    Where that one found that agents may serve several numbers, this one does too; and what it was told to send in spite
    of invalid rows is tried again in spite of them.
    """
    update: dict[str, object] = {}
    if settings.occupancy is Occupancy.AUTO and record.plan.occupancy is Occupancy.SHARED:
        update["occupancy"] = Occupancy.SHARED
    if record.terms.get("skip_invalid"):
        update["skip_invalid"] = True
    return settings.model_copy(update=update)


async def let_arrive(record: RunRecord, hooks: Hooks) -> None:
    """Give calls of *record* that were never answered the time of a final look: what they do is to be seen first."""
    in_doubt = any(it.status is Status.UNKNOWN or it.unanswered for it in record.outcomes.values())
    if not in_doubt or record.sent_at is None:
        return
    seconds = sum(PAUSES) - (time.time() - record.sent_at)
    if 0.0 < seconds <= sum(PAUSES):  # else the clock has been set
        hooks.say(f"waiting {seconds:.0f} s for calls of run {record.run_id} that were not answered")
        await anyio.sleep(seconds)


def _kept(record: RunRecord, settings: Settings) -> dict[str, object]:
    given = settings.model_fields_set
    return {name: value for name, value in record.terms.items() if name in KEPT and name not in given}


def _said(name: str, value: object) -> str:
    flag = BY_NAME[name].flag
    return flag if value is True else f"{flag} {value}"
