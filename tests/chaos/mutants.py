"""Planted bugs: each is put into a copy of the package, and the scenario named beside it must complain.

``python -m tests.chaos.mutants [NAME …]`` plants them one after the other and prints the score. A bug is a few
replacements of text; one that no longer applies to the program fails loudly, because it would prove nothing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import scenarios
from tests.chaos.scenarios import SCENARIOS, Scenario, timed
from tests.chaos.stand import ROOT


class PatchError(AssertionError):
    """The program is no longer what a patch was made for."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Put *new* in the place of *old*, which must be in the file exactly once."""

    file: str
    old: str
    new: str

    def apply(self, package: Path) -> None:
        """Change the file; raises :class:`PatchError`."""
        path = package / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise PatchError(f"{self.file}: found {text.count(self.old)} times, not once: {self.old!r}")
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A planted bug, and where it shows."""

    name: str
    scenario: Scenario
    patches: tuple[Patch, ...]


SETTLE, RECORD, JOURNAL = "batch/engine/settle.py", "batch/core/record.py", "batch/adapters/journal.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "done before the PUT",
        scenarios.kills,
        (
            Patch(
                SETTLE,
                "        reply = await self._sent(attempt, calls.assign(trunk, change.after))\n",
                "        early = self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.ECHO)\n"
                "        from batch.core.encode import outcome_to_json\n"
                "        await self._log.append(Entry(Kind.OUTCOME, now, change.id, outcome_to_json(early)))\n"
                "        reply = await self._sent(attempt, calls.assign(trunk, change.after))\n",
            ),
        ),
    ),
    Mutant(
        "unknown is dropped",
        scenarios.stops,
        (
            Patch(
                "batch/core/results.py",
                "            yield row, teller.line(row, channel)\n",
                "            line = teller.line(row, channel)\n"
                "            if line.status is not Status.UNKNOWN:\n"
                "                yield row, line\n",
            ),
        ),
    ),
    Mutant(
        "unknown is rounded to failed",
        scenarios.stops,
        (
            Patch(
                SETTLE,
                "        return self._end(attempt, Status.UNKNOWN, attempt.why or reason)\n",
                "        return self._end(attempt, Status.FAILED, attempt.why or reason)\n",
            ),
        ),
    ),
    Mutant(
        "before is overwritten on resume",
        scenarios.kills,
        (
            Patch(
                SETTLE,
                "            attempt.go_on(earlier)\n",
                "            attempt.go_on(earlier)\n"
                "            state = self._live.state(change.trunk.number)\n"
                '            seen = {"before": number_to_json(state)} if state else {}\n'
                "            await self._log.append(Entry(Kind.INTENT, self._wall(), change.id, seen))\n",
            ),
            Patch(
                RECORD,
                "    earlier = so_far.befores.setdefault(trunk.number, state)\n",
                "    earlier = so_far.befores[trunk.number] = state\n",
            ),
        ),
    ),
    Mutant(
        "redirects are followed",
        scenarios.redirects,
        (
            Patch(
                "batch/adapters/http.py",
                "        body = self._token.struck_out(await _whole(response.stream))\n",
                "        if response.has_redirect_location:\n"
                "            there = self._base.join(response.headers['location'])\n"
                "            again = httpx.Request(request.method, there, headers=request.headers)\n"
                "            response = await OneConnection(_host_of(there)).handle_async_request(again)\n"
                "        body = self._token.struck_out(await _whole(response.stream))\n",
            ),
        ),
    ),
    Mutant(
        "422 is tried again",
        scenarios.answers,
        (
            Patch(
                "batch/core/verdict.py",
                'Line(_statuses((400, 499)), Sign.ANY, Verdict.REJECTED, "the server said no")',
                'Line(_statuses((400, 499)), Sign.ANY, Verdict.RESEND, "the server said no")',
            ),
        ),
    ),
    Mutant(
        "only the worker that was refused pauses",
        scenarios.pauses,
        (
            Patch(
                "batch/engine/pace.py",
                "        seconds = self._wait(now)\n        if seconds == math.inf:\n",
                "        seconds = 0.0\n        if seconds == math.inf:\n",
            ),
            Patch(
                "batch/engine/caller.py",
                "        if retry and asks_for_pause(reply):\n",
                "        if asks_for_pause(reply):\n"
                "            await self.gate.sleep(float(reply.headers.get('retry-after', 1)))\n"
                "        if retry and asks_for_pause(reply):\n",
            ),
        ),
    ),
    Mutant(
        "no fsync",
        scenarios.durable,
        (Patch(JOURNAL, "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),),
    ),
    Mutant(
        "the token is printed",
        scenarios.answers,
        (
            Patch(
                "batch/adapters/http.py",
                "        yield request\n",
                "        print('sending', request.headers)\n        yield request\n",
            ),
            Patch(
                "batch/adapters/http.py",
                'request.headers["Authorization"] = f"Bearer {self._token.reveal()}"',
                'request.headers["Authorization"] = f"Bearer {self._token.reveal()}"; print(self._token.reveal())',
            ),
        ),
    ),
    Mutant(
        "drift is ignored",
        scenarios.drift,
        (
            Patch(
                SETTLE,
                "        if live.owner(change.trunk) != change.before:\n",
                "        if live.owner(change.trunk) != change.before and attempt.in_doubt:\n",
            ),
        ),
    ),
    Mutant(
        "sent twice on resume",
        scenarios.kills,
        (
            Patch(
                SETTLE,
                "        if live.owner(change.trunk) != change.after:\n",
                "        if attempt.free and attempt.attempts == attempt.free:\n"
                "            return None\n"
                "        if live.owner(change.trunk) != change.after:\n",
            ),
        ),
    ),
    Mutant(
        "reported before the outcomes are known",
        scenarios.answers,
        (
            Patch(
                "batch/run.py",
                "(reports.write_all, record, self.folder)",
                "(reports.write_all, self.record, self.folder)",
            ),
        ),
    ),
    Mutant(
        "an unclear answer is believed, and nothing is read back",
        scenarios.answers,
        (
            Patch(
                SETTLE,
                "            case Verdict.UNCLEAR | Verdict.FRESH_CONNECTION:\n",
                "            case Verdict.UNCLEAR:\n"
                "                attempt.written = True\n"
                "                return self._end(attempt, Status.DONE, Reason.VERIFIED, Verified.ECHO)\n"
                "            case Verdict.FRESH_CONNECTION:\n",
            ),
            Patch("batch/carry.py", '        if settings.verify != "echo" and', "        if not settings.verify and"),
        ),
    ),
    Mutant(
        "the final look is left out",
        scenarios.answers,
        (Patch("batch/carry.py", '        if settings.verify != "echo" and', "        if not settings.verify and"),),
    ),
    Mutant(
        "a stop stops nothing",
        scenarios.stops,
        (
            Patch(
                "batch/engine/execute.py",
                "        self._schedule.stop(reason)\n        self._setting.gate.stop()\n",
                "        self._schedule._stopped, kept = reason, self._schedule._stopped\n"
                "        self._schedule._stopped = kept\n",
            ),
        ),
    ),
    Mutant(
        "the exit code is always 0",
        scenarios.answers,
        (Patch("batch/cli/entry.py", "    os._exit(code)", "    os._exit(0)"),),
    ),
    Mutant(
        "reports are written in place",
        scenarios.reports,
        (
            Patch(
                "batch/adapters/files.py",
                '    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")\n',
                '    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")\n'
                "    temporary.touch()\n"
                "    temporary.unlink()\n"
                "    path.unlink(missing_ok=True)\n"
                "    temporary = path\n",
            ),
        ),
    ),
    Mutant(
        "a look writes",
        scenarios.looks,
        (
            Patch(
                "batch/pipeline.py",
                "    async with open_session(there, _terms(settings, read_only=True)) as session:\n"
                "        planned = await _plan(table, settings, session, hooks)\n",
                "    async with open_session(there, _terms(settings)) as session:\n"
                "        planned = await _plan(table, settings, session, hooks)\n"
                "        from batch.core.calls import assign\n"
                "        first = planned.writes()[0]\n"
                "        await session.apis[0].send(assign(first.trunk, first.after))\n",
            ),
        ),
    ),
    Mutant(
        "no lock",
        scenarios.two_at_once,
        (
            Patch(
                "batch/adapters/lock.py",
                "        lock.acquire(timeout=PATIENCE, poll_interval=0.05)\n",
                "        pass\n",
            ),
        ),
    ),
)


def plant(mutant: Mutant, folder: Path) -> Path:
    """A copy of the package with the bug in it; gives the folder to put on the path."""
    package = folder / "package"
    shutil.copytree(ROOT / "batch", package / "batch", ignore=shutil.ignore_patterns("__pycache__"))
    for patch in mutant.patches:
        patch.apply(package)
    return package


def caught(mutant: Mutant, folder: Path) -> tuple[list[str], float]:
    """What the scenario says of the planted bug, and the seconds that took."""
    return timed(mutant.scenario, folder / "stand", plant(mutant, folder))


def main(names: Sequence[str]) -> int:
    """Plant the bugs called *names*, or all, and print what became of each; 0 when all were caught."""
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    wrong = sum(_false_alarm(name) for name in sorted({mutant.scenario.__name__ for mutant in chosen}))
    score = sum(_caught(mutant) for mutant in chosen)
    _say(f"{score} of {len(chosen)} planted bugs caught, {wrong} false alarms")
    return int(score < len(chosen) or wrong > 0)


def _false_alarm(name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        complaints, seconds = timed(SCENARIOS[name], Path(folder) / "stand", ROOT)
    _tell("FALSE ALARM" if complaints else "clean", seconds, f"without a bug, {name}", complaints)
    return bool(complaints)


def _caught(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            complaints, seconds = caught(mutant, Path(folder))
        except PatchError as error:
            _tell("NOT PLANTED", 0, mutant.name, [str(error)])
            return False
    _tell("caught" if complaints else "MISSED", seconds, mutant.name, complaints)
    return bool(complaints)


def _tell(what: str, seconds: float, name: str, complaints: Sequence[str]) -> None:
    _say(f"{what:12} {seconds:5.1f} s  {name}{''.join(f': {first}' for first in complaints[:1])}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
