"""Our program and what people use instead, on the same server in the same run: time, refusals, calls, rows done.

    python -m tests.benchmarks.bench_peers [refused unknown known free] [--runs 3] [--at-once 3] [--only NAME …]
    python -m tests.benchmarks.bench_peers changing shared

The server is ``reassign sandbox`` in a process of its own for each run; every figure is from its own log and its own
state at the end. Peers are looked for in the folder REASSIGN_PEERS (``venv/bin/python``, ``npm/node_modules/.bin``) and
on PATH; one that is missing is named, with how to install it. Paced runs mostly wait: ``--at-once`` of them go side
by side, each with a server of its own; those without a limit go alone.

time ÷ ideal   from the first call that arrives to the last, over the time of a client who knows the limit by heart
               and makes a call a row, nothing else
÷ own          the same over the ideal of all its accepted calls, ours with the reads before, between and after
done           trunks that hold the wanted agent at the end
early          calls that arrived before a told Retry-After was over, those apart that were on their way already
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import watched
from tests.benchmarks.stand import ROOT, TOKEN, stand_in, state, write_sheet
from tests.benchmarks.watched import Scenario, Seen, control

HERE = Path(__file__).parent / "peers"
LONGEST = 240.0
"""Seconds after which a run is ended."""
CHANGES_LAST = 60.0
RATES = (20, 5, 50)
WINDOWS = 5
OTHERS = 18
"""Calls a minute of the other client: 30 % of 60."""

SCENARIOS = {
    "refused": Scenario("100 rows, window 20/s, refusals with Retry-After and nothing else", 100),
    "unknown": Scenario("300 rows, window 20/s, nothing told", 300, told={"retry_after": "none"}),
    "known": Scenario(
        "300 rows, window 20/s, told by headers (RateLimit-*) or typed in", 300, told={"headers": "draft"}, typed=20
    ),
    "free": Scenario("1,000 rows, no limit", 1_000, limit=0),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """One contestant: ``command`` takes the sheet, the URL and the rate that may be typed in, if any."""

    name: str
    command: Callable[[str, str, int | None], list[str]]
    version: Sequence[str]
    install: str = ""
    types: bool = True


def _peers() -> Path:
    return Path(os.environ.get("REASSIGN_PEERS", "/nonexistent"))


def _python() -> str:
    own = _peers() / "venv/bin/python"
    return str(own) if own.exists() else sys.executable


def _path() -> str:
    return os.pathsep.join([str(_peers() / "npm/node_modules/.bin"), os.environ["PATH"]])


def _ours(*more: str) -> Callable[[str, str, int | None], list[str]]:
    wanted = ["--yes", "--max-change", "100%", "--occupancy", "shared", "-q", *more]
    return lambda sheet, _url, _rate: [sys.executable, "-m", "batch", "apply", sheet, *wanted]


def _typed(sheet: str, url: str, rate: int | None) -> list[str]:
    return _ours("--rate", f"{rate}/s")(sheet, url, rate)


def _file(name: str) -> Callable[[str, str, int | None], list[str]]:
    def command(sheet: str, url: str, rate: int | None) -> list[str]:
        runner = _python() if name.endswith(".py") else "sh"
        return [runner, str(HERE / name), sheet, url, TOKEN, *([str(rate)] if rate else [])]

    return command


def _version(package: str) -> list[str]:
    return [_python(), "-c", f"import {package}; from importlib.metadata import version as v; print(v('{package}'))"]


PEERS = [
    Peer("reassign", _ours(), [sys.executable, "-m", "batch", "--version"], types=False),
    Peer("reassign --rate", _typed, [sys.executable, "-m", "batch", "--version"]),
    Peer("httpx + tenacity", _file("naive.py"), _version("tenacity"), "pip install httpx tenacity", types=False),
    Peer("curl --parallel", _file("curl_parallel.sh"), ["curl", "--version"], "apt install curl", types=False),
    Peer("xargs -P16 curl", _file("xargs_curl.sh"), ["xargs", "--version"], "apt install findutils curl", types=False),
    Peer("Newman", _file("newman.sh"), ["newman", "--version"], "npm install newman"),
    Peer("DBOS", _file("dbos_queue.py"), _version("dbos"), "pip install dbos requests"),
    Peer("dlt", _file("dlt_requests.py"), _version("dlt"), "pip install dlt", types=False),
]


def version(peer: Peer) -> str:
    """What the peer says of itself, "" when it is not there."""
    try:
        told = subprocess.run(
            peer.version, env={**os.environ, "PATH": _path()}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    number = re.search(r"\d+(\.\d+)+", told.stdout)
    return number[0] if told.returncode == 0 and number else ""


@contextmanager
def started(command: list[str], folder: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A contestant in a process group of its own, whose end is waited for by whoever looks; ended with its children."""
    environment = {**os.environ, "PATH": _path(), "HOME": folder, "REASSIGN_RUNS_DIR": f"{folder}/runs"}
    environment |= {"MIHU_BASE_URL": url, "MIHU_API_TOKEN": TOKEN}
    with Path(folder, "out").open("w") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, cwd=ROOT, start_new_session=True, text=True
        )
        timer = threading.Timer(LONGEST * 2, os.killpg, (process.pid, signal.SIGTERM))
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(10)


def race(peer: Peer, case: Scenario, seed: int) -> Seen:
    """One contestant against one server."""
    with tempfile.TemporaryDirectory() as folder, stand_in(case.rows, "--seed", str(seed)) as url:
        sheet = Path(folder) / "moves.csv"
        write_sheet(sheet, state(url), case.rows)
        control(url, "throttle", case.throttle)
        began = time.perf_counter()
        rate = case.typed if peer.types else None
        with started(peer.command(str(sheet), url, rate), folder, url) as process:
            timer = threading.Timer(LONGEST, os.killpg, (process.pid, signal.SIGTERM))
            timer.start()
            _, _, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = 0
        wall = time.perf_counter() - began
        return watched.seen(case, control(url, "log")["entries"], done(sheet, url), wall, usage)


def done(sheet: Path, url: str) -> int:
    """How many rows the server holds as wanted."""
    owners = {(trunk["number"], trunk["channel"]): trunk["agent"] for trunk in state(url)["trunks"]}
    with sheet.open(newline="") as file:
        return sum(owners[row["number"], row["channel"]] == row["agent_uuid"] for row in csv.DictReader(file))


def table(key: str, peers: list[Peer], runs: int, at_once: int) -> None:
    """One scenario, a line a contestant."""
    case = SCENARIOS[key]
    print(f"\n{case.name}; ideal {case.ideal(case.rows):g} s" if case.limit else f"\n{case.name}")
    print(watched.HEAD if case.limit else watched.HEAD_FREE)
    for peer in peers:
        if peer.command is _typed and not case.typed:
            continue
        with ThreadPoolExecutor(at_once if case.limit else 1) as pool:
            found = list(pool.map(lambda seed, peer=peer: race(peer, case, seed), range(1, runs + 1)))
        middle = {name: statistics.median(getattr(one, name) for one in found) for name in Seen.__dataclass_fields__}
        print(watched.line(peer.name, case, middle), flush=True)
    print(f"load of the machine now: {os.getloadavg()[0]:.1f}")


# ── ours alone, against a limit that moves and a quota that is shared ─────────────────────────────────────────────


def changing(told: str) -> list[str]:
    """20, then 5, then 50 a second, a minute each; gives a line a phase."""
    with tempfile.TemporaryDirectory() as folder, stand_in(4_700) as url:
        sheet = Path(folder) / "moves.csv"
        write_sheet(sheet, state(url), 4_700)
        rules = [Scenario("", 1, limit=rate, told={"headers": told, "retry_after": "none"}).throttle for rate in RATES]
        rules = [rule if told == "none" else rule | {"retry_after": "seconds"} for rule in rules]
        control(url, "throttle", rules[0])
        with started(_ours()(str(sheet), url, None), folder, url) as process:
            starts = [watched.first_call(url)]
            for rule in (*rules[1:], {"kind": "none"}):
                watched.wait_until(starts[-1] + CHANGES_LAST)
                control(url, "throttle", rule)
                starts.append(time.monotonic())
            code = process.wait()
        entries = control(url, "log")["entries"]
        lines = []
        for rate, start, end in zip(RATES, starts, starts[1:], strict=False):
            share, refused = watched.between(entries, start, end, rate * (end - start))
            lines.append(f"  {rate:3}/s, headers {told:7}  time ÷ ideal {1 / share:.2f}  429s {refused:.1%}")
        return [*lines, f"  exit {code}, {done(sheet, url):,} of 4,700 in the end"]


def shared(reserve: str) -> list[str]:
    """Stock Laravel's 60 a minute, of which another client makes 18; five windows."""
    rows = 260
    with tempfile.TemporaryDirectory() as folder, stand_in(rows) as url:
        sheet = Path(folder) / "moves.csv"
        write_sheet(sheet, state(url), rows)
        control(url, "throttle", {"kind": "fixed", "limit": 60, "window": 60.0, "headers": "laravel"})
        with started(_ours("--reserve", reserve)(str(sheet), url, None), folder, url) as process:
            start = watched.first_call(url)
            end = start + WINDOWS * 60
            for number in range(WINDOWS * OTHERS):
                watched.wait_until(start + 0.5 + number * 60 / OTHERS)
                watched.other_client(url)
            watched.wait_until(end)
            control(url, "throttle", {"kind": "none"})
            code = process.wait()
        entries = control(url, "log")["entries"]
        theirs = [entry for entry in entries if entry["query"] == watched.OTHER]
        ours = [entry for entry in entries if entry["query"] != watched.OTHER]
        share, _ = watched.between(ours, start, end, WINDOWS * (60 - OTHERS))
        inside = [entry for entry in ours if start <= entry["mono"] < end]
        refused = sum(entry["status"] == 429 for entry in inside)
        line = (
            f"  --reserve {reserve:4} free quota used {share:.1%}  our 429s {refused} of {len(inside)}"
            f"  the other client's 429s {sum(entry['status'] == 429 for entry in theirs)} of {len(theirs)}"
            f"  exit {code}, {done(sheet, url)} of {rows} in the end"
        )
        return [line]


ALONE: dict[str, tuple[str, Callable[[str], list[str]], Sequence[str]]] = {
    "changing": (f"ours: the limit changes {RATES} a second, a minute each", changing, ("draft", "none")),
    "shared": ("ours: 60 a minute, another client makes 18 of them", shared, ("30%", "0%")),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=list(SCENARIOS), help=", ".join([*SCENARIOS, *ALONE]))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[peer.name for peer in PEERS], help="contestants, by name")
    options = parser.parse_args()
    print(f"median of {options.runs}; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    there = []
    for peer in PEERS:
        if peer.name in options.only and any(key in SCENARIOS for key in options.what):
            told = version(peer)
            print(f"  {peer.name}: {told or f'skipped; to have it: {peer.install}'}")
            there += [peer] if told else []
    for key in options.what:
        if key in ALONE:
            title, measure, ways = ALONE[key]
            print(f"\n{title}", flush=True)
            with ThreadPoolExecutor(len(ways)) as pool:
                for lines in pool.map(measure, ways):
                    print("\n".join(lines), flush=True)
        else:
            table(key, there, options.runs, options.at_once)


if __name__ == "__main__":
    main()
