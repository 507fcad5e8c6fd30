"""Turning JSON from a file or a control call into a checked value, with the place of a mistake in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from batch.errors import UsageError


class Strict(BaseModel):
    """The base of everything that can be written in a file here: unknown keys are mistakes, values stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], data: Any, what: str) -> M:
    """*data* as a *model*; :class:`UsageError` names each wrong place, e.g. ``rules[3].do.status``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        complaints = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False))
        raise UsageError(f"{what}: {complaints}", hint="the keys are described in batch/sandbox") from error


def checked_file(model: type[M], path: Path) -> M:
    """The JSON file at *path* as a *model*; raises :class:`UsageError` when it is not there, not JSON or not right."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    return checked(model, data, str(path))


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "the whole"
