"""Where settings come from: flags, environment, job file, user file and defaults, the first one first.

A wrong value is an error that names where it was written, what was written and what to write instead.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from batch.errors import UsageError
from batch.options import BY_NAME, OPTIONS, PREFIX, VENDOR_VARIABLES
from batch.settings import Settings

S = TypeVar("S", bound=Settings)

HANDED_OVER = ("/dev/", "/proc/")
"""Where a shell's ``<(…)`` and ``/dev/stdin`` are."""
MOST_SHOWN = 200
"""Characters of a wrong value that are told."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings. ``place`` names a key of it to a person; relative paths in it begin at ``base``."""

    values: Mapping[str, Any]
    place: Callable[[str], str]
    base: Path | None = None


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    job: Layer | None = None,
    user_file: Path | None = None,
) -> Settings:
    """The settings of a run; the stronger layer wins key by key. Raises :class:`UsageError` with all faults."""
    layers = [flag_layer(flags or {}), environment_layer(environ), job, _user_layer(user_file)]
    return merge([layer for layer in layers if layer is not None], Settings)


def merge(layers: Iterable[Layer], model: type[S]) -> S:
    """Merge layers, strongest first, and check the outcome; raises :class:`UsageError` with all faults."""
    merged: dict[str, Any] = {}
    places: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in merged:
                merged[key] = _from_base(key, value, layer.base)
                places[key] = layer.place(key)
    try:
        return model.model_validate(merged, by_name=False, by_alias=True)
    except ValidationError as error:
        keys = tuple(field.alias or name for name, field in model.model_fields.items())
        faults = dict.fromkeys(_sentence(fault, places, keys) for fault in error.errors(include_url=False))
        raise UsageError("\n".join(faults), hint="`--help` behind a command lists its options") from None


def flag_layer(flags: Mapping[str, Any]) -> Layer:
    """The options that were given on the command line; an empty one would lift a brake that a script meant to set."""
    texts = {name: value for name, value in flags.items() if isinstance(value, str) and name in BY_NAME}
    empty = [BY_NAME[name].flag for name, text in texts.items() if not text.strip()]
    if empty:
        raise UsageError(f"{empty[0]} is empty", hint="give it a value, or leave it out")
    given = {name: value for name, value in flags.items() if value is not None and value not in ((), False, 0)}
    return Layer(given, lambda key: BY_NAME[key].flag if key in BY_NAME else key)


def _user_layer(path: Path | None) -> Layer | None:
    """The user's own file, if there is one: a user without a home has none."""
    try:
        path = path or platformdirs.user_config_path("reassign") / "settings.toml"
    except RuntimeError:
        return None
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # not to be passed over: it may hold brakes
        hint = "set HOME or XDG_CONFIG_HOME to a folder that this user may read"
        raise UsageError(f"cannot look for {path}: {error.strerror}", hint=hint) from error
    return file_layer(path)


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """The vendor's variables and ours. An unset and an empty variable are the same; a near miss is an error."""
    names = VENDOR_VARIABLES | {option.variable: option.name for option in OPTIONS}  # the later one wins
    found = {name: (variable, environ[variable]) for variable, name in names.items() if environ.get(variable)}
    known = {option.variable for option in OPTIONS}
    for variable in sorted(environ):
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
        if variable.startswith(PREFIX) and variable not in known and near:
            raise UsageError(f"the environment variable {variable} is not known", hint=f"did you mean {near[0]}?")
    return Layer(
        {name: text for name, (_, text) in found.items()}, lambda key: f"the environment variable {found[key][0]}"
    )


def file_layer(path: Path) -> Layer:
    """A TOML file of settings; raises :class:`UsageError` when it cannot be read."""
    try:
        found = tomllib.loads(_content(path))
    except (OSError, ValueError, RecursionError) as error:
        nested = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        reason = error.strerror if isinstance(error, OSError) else nested
        raise UsageError(f"cannot read {path}: {reason}", hint="it must be a TOML file in UTF-8") from error
    return Layer(found, lambda key: f"`{key}` in {path}", path.resolve().parent)


def _content(path: Path) -> str:
    """The text of a file. A pipe or a device would be waited for, so it is only read where a shell hands it over."""
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or str(path).startswith(HANDED_OVER)):
        raise ValueError("it is not a regular file")
    return path.read_text("utf-8-sig")


def placed(value: str | Path, base: Path | None) -> Path:
    """A path as it was meant: ``~`` is the home folder everywhere, and paths in a file are relative to that file.

    One whose home folder is not there stays as it is, for the check of the settings to refuse.
    """
    try:
        path = Path(value).expanduser()
    except (RuntimeError, ValueError):
        return Path(value)
    return base / path if base is not None else path


def _from_base(key: str, value: Any, base: Path | None) -> Any:
    if not (isinstance(value, str | Path) and key in BY_NAME and BY_NAME[key].path):
        return value
    return placed(value, base)


def _sentence(fault: ErrorDetails, places: Mapping[str, str], keys: tuple[str, ...]) -> str:
    key = str(fault["loc"][0]) if fault["loc"] else ""
    place = places.get(key, f"`{key}`" if key else "")
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, keys, n=1)
        return f"{place} is not a setting" + (f": did you mean `{near[0]}`?" if near else "")
    words = fault["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    if fault["type"] == "missing":
        return f"{place} is missing"
    return f"{place} is {_shown(fault['input'])}: {words}" if place else words


def _shown(value: Any) -> str:
    """A value as it was given, up to a length; a flag that may be given several times, each time by itself."""
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    try:
        text = repr(str(value) if isinstance(value, Path) else value)
    except (RecursionError, ValueError):  # nested too deeply; a number of thousands of digits
        return "too much"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
