"""Settings: what a run can be told, as one frozen value.

Fields are the texts as typed, checked; the properties say what they mean. :mod:`batch.sources` gathers them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from batch import values
from batch.adapters import runs
from batch.adapters.files import state_folder
from batch.core import select
from batch.core.columns import field_called
from batch.core.guard import COUNT, PERCENT, kinds
from batch.core.model import AgentId, Limits, Occupancy, OnSplit
from batch.core.waves import read_sizes
from batch.errors import UsageError


def _checked(parse: Callable[[str], object]) -> AfterValidator:
    """A text that *parse* must understand; empty stands for *not set*."""

    def check(text: str) -> str:
        if text:
            parse(text)
        return text

    return AfterValidator(check)


def _like(form: str) -> object:
    """What a text looks like unless it is empty, for the JSON Schema: editors show it before anything is run."""
    return Field(json_schema_extra={"pattern": f"^(?:{form})?$"})


def _several(given: object) -> object:
    """A list from the environment: entries between semicolons or line breaks."""
    return [part.strip() for part in re.split(r"[;\n]", given) if part.strip()] if isinstance(given, str) else given


def _no_truth(given: object) -> object:
    """A truth value would be taken for 1."""
    if isinstance(given, bool):
        raise ValueError("give a number")  # noqa: TRY004 - how a validator says no
    return given


def _found(path: Path) -> Path:
    """What still begins with a tilde has found no home folder (:func:`batch.sources.placed`)."""
    if str(path).startswith("~"):
        raise ValueError("there is no such user, or no home folder: write the whole path")
    return path


def _country(text: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - its tables are large, and few name a country

    if text.upper() not in SUPPORTED_REGIONS:
        raise ValueError("give the two letters of a country, such as TR or DE")
    return text


def _pair(text: str) -> str:
    header, sign, what = text.rpartition("=")
    if not (sign and header.strip() and what.strip()):
        raise ValueError(f'write {text!r} as "Header=field"')
    _sentence(field_called)(what)
    return text


def _uuid(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError as error:
        raise ValueError(f"{text!r} is not the uuid of an agent") from error


def _encoding(name: str) -> str:
    try:
        b"".decode(name)  # some codecs are none of texts
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError("there is no such encoding: give one such as utf-8, cp1254 or utf-16") from error


def _sentence(parse: Callable[[str], object]) -> Callable[[str], None]:
    """*parse* of the core, whose complaints are then told with all others, each with its place."""

    def check(text: str) -> None:
        try:
            parse(text)
        except UsageError as error:
            raise ValueError(f"{error.message}; {error.hint}" if error.hint else error.message) from error

    return check


Many = Annotated[tuple[str, ...], BeforeValidator(_several)]
Place = Annotated[Path, AfterValidator(_found)]
MOST_ROWS = 999_999_999
ABSURD = 10**100


class Settings(BaseModel):
    """Everything a run can be told. Texts are as typed; see the properties for their meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, validate_by_name=True)

    workspace: str = ""
    base_url: str = ""
    token_file: Place | None = None
    runs_dir: Place = Field(default_factory=lambda: state_folder() / "runs")
    run_id: Annotated[str, _checked(runs.check_run_id)] = ""
    sheet: str = ""
    map: Annotated[Many, AfterValidator(lambda pairs: tuple(map(_pair, pairs)))] = ()
    region: Annotated[str, _checked(_country)] = ""
    encoding: Annotated[str, _checked(_encoding)] = ""
    only: Annotated[str, _checked(_sentence(select.parse))] = ""
    exclude: Annotated[str, _checked(_sentence(select.parse))] = ""
    limit: Annotated[int | None, Field(ge=1, le=MOST_ROWS), BeforeValidator(_no_truth)] = None
    rate: Annotated[str, _checked(values.rate), _like(f"auto|{values.RATE}")] = "auto"
    concurrency: Annotated[str, _checked(values.concurrency), _like(r"auto|\d{1,3}")] = "auto"
    reserve: Annotated[str, _checked(values.percent), _like(PERCENT)] = "0%"
    deadline: Annotated[str, _checked(values.duration), _like(values.DURATION)] = ""
    window: Annotated[str, _checked(values.window), _like(values.WINDOW)] = ""
    at: Annotated[str, _checked(values.moment), _like(values.MOMENT)] = ""
    waves: Annotated[str, _checked(_sentence(read_sizes))] = ""
    max_failures: Annotated[str, _checked(values.count_or_percent), _like(rf"{COUNT}|{PERCENT}")] = ""
    max_change: Annotated[str, _checked(values.percent), _like(PERCENT)] = ""
    max_changes: Annotated[str, _checked(values.count), _like(COUNT)] = ""
    allow: Annotated[str, _checked(_sentence(kinds))] = ""
    plan_ttl: Annotated[str, _checked(values.duration), _like(values.DURATION)] = ""
    approve_by: Place | None = None
    probe: Annotated[str, _checked(values.command)] = ""
    occupancy: Occupancy = Occupancy.AUTO
    parking_agent: Annotated[Many, AfterValidator(lambda agents: tuple(map(_uuid, agents)))] = ()
    on_split: OnSplit | None = None
    verify: Literal["sweep", "each", "echo"] = "sweep"
    max_age: Annotated[str, _checked(values.duration), _like(values.DURATION)] = "30s"
    skip_invalid: bool = False
    yes: bool = False
    as_json: bool = Field(default=False, alias="json")  # pydantic's own models have a method of that name
    quiet: bool = False
    verbose: Annotated[int, Field(ge=0)] = 0
    log_file: Place | None = None
    color: Literal["auto", "always", "never"] = "auto"

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_handed_on(cls, given: object) -> object:
        """A NUL ends every text that the system takes, and a number of thousands of digits cannot be told as one."""
        for one in given if isinstance(given, tuple | list) else (given,):
            if isinstance(one, str | Path) and "\0" in str(one):
                raise ValueError("write it without the NUL character")
            if isinstance(one, int) and abs(one) > ABSURD:
                raise ValueError("give a smaller number")
        return given

    @property
    def mapping(self) -> Mapping[str, str]:
        """``--map`` as header → field."""
        pairs = (pair.rpartition("=") for pair in self.map)
        return {header.strip(): what.strip() for header, _, what in pairs}

    @property
    def parking(self) -> tuple[AgentId, ...]:
        """The agents a ring's first trunk may be parked on."""
        return tuple(AgentId(agent) for agent in self.parking_agent)

    @property
    def limits(self) -> Limits:
        """The brakes, as the plan keeps them."""
        return Limits(
            waves=self.waves,
            max_failures=self.max_failures,
            max_change=self.max_change,
            max_changes=self.max_changes,
            allow=self.allow,
            on_split=self.on_split or OnSplit.RESTORE,
        )

    @property
    def calls_in_seconds(self) -> tuple[int, float] | None:
        """``--rate`` as so many calls in so many seconds; ``None`` lets the pacer learn it."""
        return values.rate(self.rate)

    @property
    def per_second(self) -> float | None:
        """``--rate`` in calls per second."""
        typed = self.calls_in_seconds
        return None if typed is None else typed[0] / typed[1]

    @property
    def workers(self) -> int | None:
        """``--concurrency``; ``None`` lets the engine choose."""
        return values.concurrency(self.concurrency)

    @property
    def reserve_share(self) -> float:
        """``--reserve`` as a part of one."""
        return values.percent(self.reserve)

    @property
    def deadline_seconds(self) -> float | None:
        """``--deadline`` in seconds from the start of the run, which ``--at`` may put off."""
        return values.duration(self.deadline) if self.deadline else None

    @property
    def start(self) -> values.Moment | None:
        """``--at``: when the run may begin to write; ``None`` is at once."""
        return values.moment(self.at) if self.at else None

    @property
    def plan_ttl_seconds(self) -> float | None:
        """How many seconds old a saved plan may be; ``None`` is any age."""
        return values.duration(self.plan_ttl) if self.plan_ttl else None

    @property
    def max_age_seconds(self) -> float:
        """How many seconds old the live state may be when a write relies on it."""
        return values.duration(self.max_age)

    @property
    def opening(self) -> values.Window | None:
        """``--window``: when writes may be made; ``None`` is always."""
        return values.window(self.window) if self.window else None
