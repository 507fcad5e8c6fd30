"""A job file: TOML with a ``kind``, what it works on, and any option of the command line under its own name.

kind = "migrate"
file = "moves.xlsx"      # relative to the job file
yes = true
max_failures = "2%"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from batch.errors import UsageError
from batch.options import BY_NAME
from batch.settings import Place, Settings
from batch.sources import Layer, file_layer, merge, placed


class JobKind(StrEnum):
    """What a job does."""

    MIGRATE = "migrate"
    AUDIT = "audit"
    ROLLBACK = "rollback"


class JobFile(Settings):
    """Everything a job file may hold; its JSON Schema is what ``reassign schema`` prints."""

    kind: JobKind
    file: Place | None = Field(default=None, description="The sheet to work on; a path begins at the job file.")
    run: str = Field(default="", description="The run to roll back: an id, the beginning of one, or `last`.")

    @model_validator(mode="after")
    def _has_its_object(self) -> Self:
        if self.kind is JobKind.ROLLBACK:
            if not self.run:
                raise ValueError("`run` is missing: a rollback job names the run to roll back")
        elif self.file is None:
            raise ValueError(f"`file` is missing: {self.kind.value} needs a sheet")
        else:
            _must_be_there(self.file)
        return self


def _must_be_there(file: Path) -> None:
    try:
        there = file.is_file()
    except OSError as error:
        raise ValueError(f"`file` is {str(file)!r}: {error.strerror}") from error
    if not there:
        raise ValueError(f"`file` is {str(file)!r}: there is no such file")


@dataclass(frozen=True, slots=True)
class Job:
    """A checked job: its own keys, and a layer of settings under the flags and the environment."""

    kind: JobKind
    file: Path | None
    run: str
    layer: Layer


_OWN = frozenset({"kind", "file", "run"})


def load(path: Path) -> Job:
    """Read and check a job file; raises :class:`UsageError` with every fault, each under its key."""
    found = file_layer(path)
    keys: Mapping[str, Any] = found.values
    if isinstance(keys.get("file"), str):
        keys = {**keys, "file": placed(keys["file"], found.base)}
    checked = merge([replace(found, values=keys)], JobFile)
    rest = {key: value for key, value in keys.items() if key not in _OWN}
    return Job(checked.kind, checked.file, checked.run, replace(found, values=rest))


_OBJECT = {
    "if": {"properties": {"kind": {"const": JobKind.ROLLBACK.value}}},
    "then": {"required": ["run"]},
    "else": {"required": ["file"]},
}
"""What a job works on, as :class:`JobFile` has it."""


def schema() -> Mapping[str, Any]:
    """The JSON Schema of a job file. A number may stand where a text is wanted, as ``max_failures = 2``."""
    told = JobFile.model_json_schema(by_alias=True)
    for name, option in told["properties"].items():
        if option.get("type") == "string" and "format" not in option:
            option["type"] = ["string", "number"]
        if name in BY_NAME:
            option["description"] = BY_NAME[name].help
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **told, **_OBJECT}


def needs_file(job: Job) -> Path:
    """The sheet a job works on; the check has seen that it is there."""
    if job.file is None:
        raise UsageError(f"a job of kind {job.kind.value} needs a `file`")
    return job.file
