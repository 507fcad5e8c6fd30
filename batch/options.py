"""Every option that commands, the environment, job files and the settings file share: one table for all of them.

Only the standard library is imported here, so that ``--help`` can be printed from it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How an option is written on the command line."""

    TEXT = "text"
    MANY = "many"  # may be given several times
    SWITCH = "switch"
    COUNT = "count"  # -v, -vv


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. ``name`` is the key in job files; the flag and the environment variable follow from it."""

    name: str
    metavar: str
    help: str
    form: Form = Form.TEXT
    short: str = ""
    path: bool = False

    @property
    def flag(self) -> str:
        """The long flag, ``--max-change``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable, ``REASSIGN_MAX_CHANGE``."""
        return PREFIX + self.name.upper()


PREFIX = "REASSIGN_"

VENDOR_VARIABLES = {"MIHU_TENANT": "workspace", "MIHU_BASE_URL": "base_url"}
"""The names the vendor's own quickstart uses (API.md §1); our own name for the same setting wins over them."""

_SWITCH, _MANY = Form.SWITCH, Form.MANY

OPTIONS: tuple[Option, ...] = (
    Option("workspace", "NAME", "The tenant's subdomain (also MIHU_TENANT)."),
    Option("base_url", "URL", "Where the API answers (also MIHU_BASE_URL); https, or http on loopback only."),
    Option("token_file", "FILE", "File that holds the API token; else MIHU_API_TOKEN is read.", path=True),
    Option("runs_dir", "FOLDER", "Where run folders are kept.", path=True),
    Option("run_id", "ID", "Name of the run; by default made from the time."),
    Option("sheet", "NAME", "Which sheet of the workbook to read."),
    Option("map", "HEADER=FIELD", "Read a column of another name as a field; may be repeated.", _MANY),
    Option("region", "CC", "Country of numbers written without a country code, such as TR."),
    Option("encoding", "NAME", "Encoding of a text file that is not UTF-8, such as cp1254."),
    Option("only", "EXPR", "Take only the rows that match."),
    Option("exclude", "EXPR", "Leave out the rows that match."),
    Option("limit", "N", "Move at most N trunks, the first that are to be moved."),
    Option("rate", "auto|N/s|N/min", "How many calls to make at most; auto learns it from the server."),
    Option("concurrency", "auto|N", "How many calls may be in flight at once."),
    Option("reserve", "P%", "Part of the server's quota to leave to others."),
    Option("deadline", "DURATION", "Stop starting calls after this long, such as 90s, 15m or 2h."),
    Option("window", "SPAN", 'Write only at this time of day, such as "02:00-04:00 Europe/Berlin".'),
    Option("at", "TIME", 'Wait until then, such as "02:00 Europe/Berlin" or "2027-01-31 02:00 UTC".'),
    Option("waves", "LIST", "Sizes of the waves, such as 1,10%,100%."),
    Option("max_failures", "N|P%", "Stop when more changes than this fail (default 5 %, at least 5)."),
    Option("max_change", "P%", "Allow this part of the workspace's trunks to change (default 30 %)."),
    Option("max_changes", "N", "Refuse a plan with more changes than this, so that cron may say --yes to small ones."),
    Option("allow", "KINDS", "Refuse a plan with changes of kinds other than these: assign, park (a detour)."),
    Option("plan_ttl", "DURATION", "Refuse a saved plan that is older than this."),
    Option("approve_by", "FILE", "Apply only saved plans that one of these signers has approved.", path=True),
    Option("probe", "COMMAND", "Run this, without a shell, between waves; if it fails, the wave is put back."),
    Option("occupancy", "auto|exclusive|shared", "Whether an agent may serve several numbers on one channel."),
    Option("parking_agent", "UUID", "Free agent to park a trunk on when a ring is opened; may be repeated.", _MANY),
    Option("on_split", "restore|keep", "What to do with a row's other channels when one is refused."),
    Option("verify", "sweep|each|echo", "How a change is seen to be true."),
    Option("max_age", "DURATION", "How old the live state may be when a write relies on it."),
    Option("skip_invalid", "", "Send the valid rows although others are invalid.", _SWITCH),
    Option("yes", "", "Do not ask before writing.", _SWITCH),
    Option("json", "", "Print the result on stdout as JSON.", _SWITCH),
    Option("quiet", "", "Say only what went wrong.", _SWITCH, short="q"),
    Option("verbose", "", "Say more; twice for every call.", Form.COUNT, short="v"),
    Option("log_file", "FILE", "Write a log of JSON lines to this file.", path=True),
    Option("color", "auto|always|never", "Whether to colour what is said on the terminal."),
)

BY_NAME = {option.name: option for option in OPTIONS}
