"""Situations in which a planted bug shows: each runs the program of a package folder and says what is wrong."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.checker import violations
from tests.chaos.killer import Killer, Moment, When, complaints
from tests.chaos.proxy import through
from tests.chaos.stand import TOKEN, Stand, Task, shared, standing, wait_until
from tests.chaos.syscalls import STRACE, Surgeon, undurable

Scenario = Callable[[Path, Path], list[str]]
"""From a folder to work in and the folder that holds the package to the complaints; none when all is well."""

TASK = shared(21, 60)
FEW = ("--concurrency", "4")


@contextmanager
def _standing(folder: Path, package: Path, task: Task = TASK, **options: Any) -> Iterator[Stand]:
    with standing(folder, task, **options) as stand:
        stand.python_path = package
        yield stand


def kills(folder: Path, package: Path) -> list[str]:
    """Killed in the middle, twice, with a slow server, so that calls are in flight each time."""
    with _standing(folder, package, latency=0.03) as stand:
        killer = Killer(stand, TASK)
        plan = [Moment(when=When.DECIDED, nth=30), Moment(when=When.AFTER, nth=25, pause=0.005)]
        return complaints(killer, killer.apply("run", plan))


def answers(folder: Path, package: Path) -> list[str]:
    """Answers that leave it open whether a PUT was applied, and one that says no for good."""
    rules = [
        {"match": {"method": "PUT", "nth": [3, 9]}, "do": {"status": 502, "html": "gateway"}},
        {"match": {"method": "PUT", "nth": [5, 12]}, "when": "after", "do": {"status": 502, "html": "gateway"}},
        {"match": {"method": "PUT", "nth": [7]}, "do": {"lie": "wanted"}},
        {"match": {"method": "PUT", "nth": [20]}, "do": {"status": 422}},
    ]
    return _one_run(folder, package, rules)


def redirects(folder: Path, package: Path) -> list[str]:
    """A redirect to another host, which must never hear of the token."""
    with _trap() as (port, heard):
        place = f"http://127.0.0.1:{port}/api/v1/phone-numbers/trunks/assign"
        rules = [{"match": {"method": "PUT", "nth": [9]}, "do": {"status": 307, "redirect": place}}]
        return _one_run(folder, package, rules, foreign_calls=lambda: len(heard))


def pauses(folder: Path, package: Path) -> list[str]:
    """One 429 that asks everybody to wait for two seconds."""
    again = {"status": 429, "headers": {"Retry-After": "2"}}
    rules = [{"match": {"method": "PUT", "nth": [10]}, "do": again}]
    return _one_run(folder, package, rules, latency=0.08, retry_after=2.0)


def drift(folder: Path, package: Path) -> list[str]:
    """A saved plan, and somebody who changes two trunks before it is applied."""
    with _standing(folder, package) as stand:
        sheet = TASK.write(folder / "sheet.csv")
        stand.run("plan", sheet, "-o", folder / "plan.json", *TASK.flags)
        since = stand.since()
        for row in TASK.rows[10:12]:
            stand.edit((row.number, "call"), next(a for a in stand.owners().values() if a not in {None, row.agent}))
        done = stand.run("apply", folder / "plan.json", "--yes", "--run-id", "run", "--max-change", "100%")
        return violations(stand.evidence("run", TASK, [done], since))


def stops(folder: Path, package: Path) -> list[str]:
    """A signal while PUTs are under way that take longer than there is time, as does any look after the first."""
    rules = [
        {"match": {"method": "PUT", "nth": [12, 13]}, "when": "after", "do": {"delay": 20}},
        {"match": {"method": "GET", "path": "/phone-numbers/trunks", "nth": list(range(2, 99))}, "do": {"delay": 20}},
    ]
    with _standing(folder, package, latency=0.05) as stand:
        stand.faults(*rules)
        killer = Killer(stand, TASK)
        since = stand.since()
        # in one wave, or the two that take so long would keep the next one from beginning all by themselves
        command = ("apply", TASK.write(folder / "sheet.csv"), "--yes", "--run-id", "run", "--waves", "all")
        process = stand.start(*command, *TASK.flags, *FEW)
        killer.tripwire.arm(Moment(when=When.DECIDED, nth=20), lambda: process.send(signal.SIGTERM))
        done = process.end()
        return violations(stand.evidence("run", TASK, [done], since, workers=4))


def durable(folder: Path, package: Path) -> list[str]:
    """Whether what a PUT relies on is on the disk before it leaves."""
    if STRACE is None:
        return []
    with _standing(folder, package) as stand:
        _, made = Surgeon(stand, TASK).trace("run", whole=True)
        return [f"J: {complaint}" for complaint in undurable(made)]


def reports(folder: Path, package: Path) -> list[str]:
    """Killed while the reports are written, a little later each time."""
    with _standing(folder, package) as stand:
        killer = Killer(stand, TASK)
        killer.apply("run", ())
        for step in range(6):
            moment = Moment(when=When.REPORTS, pause=0.02 * step)
            killer.struck(stand.start("report", "run"), "run", moment)
            killer.look_for_torn_files("run")
        return killer.broken


def two_at_once(folder: Path, package: Path) -> list[str]:
    """Two starts on one workspace, of which the second must be refused."""
    with _standing(folder, package) as stand, through(stand.url) as proxy:
        stand.url = proxy.url
        sheet = TASK.write(folder / "sheet.csv")
        proxy.hold()
        first = stand.start("apply", sheet, "--yes", "--run-id", "first", *TASK.flags)
        wait_until(lambda: proxy.accepted == 1, "the first to begin")
        second = stand.start("apply", sheet, "--yes", "--run-id", "second", *TASK.flags)
        wait_until(lambda: not second.running or proxy.accepted == 2, "the second to begin")
        proxy.release()
        codes = [process.end().exit_code for process in (first, second)]
        return [] if codes == [0, 9] else [f"lock: two runs on one workspace ended with {codes}"]


def looks(folder: Path, package: Path) -> list[str]:
    """An audit, which only reads."""
    with _standing(folder, package) as stand:
        since = stand.since()
        done = stand.run("audit", TASK.write(folder / "sheet.csv"), "--run-id", "run")
        return violations(stand.evidence("run", TASK, [done], since))


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _one_run(
    folder: Path,
    package: Path,
    rules: list[dict[str, Any]],
    *,
    latency: float = 0.01,
    foreign_calls: Callable[[], int] = lambda: 0,
    **more: Any,
) -> list[str]:
    with _standing(folder, package, latency=latency) as stand:
        stand.faults(*rules)
        since = stand.since()
        sheet = TASK.write(folder / "sheet.csv")
        done = stand.run("apply", sheet, "--yes", "--run-id", "run", "--log-file", folder / "log", *TASK.flags, *FEW)
        facts = {"workers": 4, "foreign_calls": foreign_calls(), **more}
        found = violations(stand.evidence("run", TASK, [done], since, **facts))
        return [*found, *_stayed_up(folder / "log")]


def _stayed_up(log: Path) -> list[str]:
    return ["I11: the token is in the log"] if log.exists() and TOKEN in log.read_text() else []


@contextmanager
def _trap() -> Iterator[tuple[int, list[bytes]]]:
    """Another host: gives its port, and what it was sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


SCENARIOS: Mapping[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (kills, answers, redirects, pauses, drift, stops, durable, reports, two_at_once, looks)
}


def timed(scenario: Scenario, folder: Path, package: Path) -> tuple[list[str], float]:
    """The complaints, and the seconds it took."""
    began = time.monotonic()
    return scenario(folder, package), time.monotonic() - began
