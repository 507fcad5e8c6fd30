"""Which change may start next: the plan's order, kept under every interleaving of completions.

Pure bookkeeping without clock or I/O, so that any order of endings can be played through in a test. It keeps the needs
of each change, the units of a row, the waves, the canary and the failure budget.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from batch.core.blocks import blocks
from batch.core.model import Action, AgentId, Change, Channel, OnSplit, Outcome, Reason, Status

GOOD = frozenset({Status.DONE, Status.ALREADY})
"""Ends after which dependents may start."""

TAKEN = GOOD | {Status.UNKNOWN}
"""Ends of a change after which its trunk has, or may have, the agent that it was to get."""

FAILURES = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN})
"""Ends that the failure budget counts."""

SPLITTING = frozenset({Status.REJECTED, Status.FAILED, Status.DRIFTED, Status.SKIPPED})
"""Ends of one channel for which the other channels of its row are put back."""


class Brakes(Struct, frozen=True, kw_only=True):
    """What a schedule must not exceed.

    ``budget`` failures are allowed; one more stops the run. With ``canary`` changes go one row at a time until one is
    done. ``on_split`` says what happens to a row of which one channel did not end well.
    """

    budget: int
    on_split: OnSplit = OnSplit.RESTORE
    canary: bool = True


class Work(Struct, frozen=True):
    """Something for a worker to do: make a change, or put it back. A ``canary`` is read back before it counts.

    ``earlier`` is how the change was refused before it had to wait for another.
    """

    change: Change
    restore: bool = False
    canary: bool = False
    earlier: Outcome | None = None


class _Unit(Struct):
    """The changes of one source row: how many have no end yet, and how the others ended."""

    open: int = 0
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    restoring: int = 0


class Schedule:
    """The changes still to be made: ``take`` hands out, ``settled`` takes back, ``stop`` ends the handing out."""

    def __init__(self, changes: Iterable[Change], ended: Mapping[int, Outcome], brakes: Brakes) -> None:
        plan = tuple(changes)
        self._changes = {c.id: c for c in plan if c.action is not Action.KEEP}
        self._block = {id_: number for number, block in enumerate(blocks(plan)) for id_ in block.changes}
        self._brakes = brakes
        self._ended = {id_: outcome.status for id_, outcome in ended.items() if id_ in self._changes}
        self._failures = _spent(self._changes, ended, brakes.budget)
        self._canary = brakes.canary and Status.DONE not in self._ended.values()
        self._stopped: Reason | None = None
        self._in_flight: set[int] = set()
        self._restoring = 0
        self._ready: deque[int] = deque()
        self._restore: deque[Change] = deque()
        self._waves: dict[int, list[int]] = {}
        self._wave = -1
        self._units: dict[int, _Unit] = {}
        self._missing: dict[int, int] = {}
        self._dependents: dict[int, list[int]] = {}
        self._neighbours: dict[int, list[int]] = {}
        self._frees: dict[tuple[Channel, AgentId | None], list[int]] = {}
        self._takers: dict[int, list[int]] = {}
        self._refused: dict[int, Outcome] = {}
        self._skipped: list[Outcome] = []
        self._prepare(ended)
        self.next_wave()

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def stopped(self) -> Reason | None:
        """Why nothing more starts; ``None`` while things may start."""
        return self._stopped

    @property
    def finished(self) -> bool:
        """Whether nothing is under way and nothing will start."""
        if self._in_flight or self._restoring or self._restore:
            return False
        return self._stopped is not None or not (self._ready or self._waves or self._refused)

    @property
    def between_waves(self) -> bool:
        """Whether a wave has ended and a later one waits for :meth:`next_wave`."""
        return self._idle and bool(self._waves)

    @property
    def stuck(self) -> Outcome | None:
        """A refused change that waits for one that will not start either: how it ended, to be :meth:`settled`."""
        if not self._idle or self._waves:
            return None
        return next(iter(self._refused.values()), None)

    @property
    def waiting(self) -> tuple[Outcome, ...]:
        """The changes that were refused and wait for another, as they were refused."""
        return tuple(self._refused.values())

    @property
    def _idle(self) -> bool:
        """Whether nothing is under way or could start, though nothing has stopped it."""
        busy = self._in_flight or self._restoring or self._restore or self._ready
        return not busy and self._stopped is None

    @property
    def wave(self) -> int:
        """The wave that is open, counted from 0."""
        return self._wave

    @property
    def unproven(self) -> int | None:
        """The wave before the open one, when none of that has begun: an earlier sitting may not have looked at it."""
        first = [id_ for id_, change in self._changes.items() if change.wave == self._wave]
        earlier = [
            change.wave for id_, change in self._changes.items() if change.wave < self._wave and id_ in self._ended
        ]
        begun = any(id_ in self._ended for id_ in first)
        return None if begun or not earlier else max(earlier)

    def blocker_of(self, change: Change) -> Change | None:
        """A change without an end that will free the agent *change* needs: what a conflict may wait for."""
        for id_ in self._frees.get((change.trunk.channel, change.after), ()):
            if id_ not in self._ended and id_ != change.id:
                return self._changes[id_]
        return None

    # ── handing out and taking back ───────────────────────────────────────────────────────────────────────────────────

    def take(self) -> Work | None:
        """The next thing to do; ``None`` when nothing may start now. Putting back goes first, even after a stop."""
        if self._restore:
            self._restoring += 1
            return Work(self._restore.popleft(), restore=True)
        if self._stopped is not None or not self._ready or not self._may_start():
            return None
        id_ = self._ready.popleft()
        self._in_flight.add(id_)
        return Work(self._changes[id_], canary=self._canary, earlier=self._refused.pop(id_, None))

    def settled(self, outcome: Outcome) -> list[Outcome]:
        """A change has ended. Returns the outcomes of those that therefore will never start."""
        change = self._changes[outcome.change]
        self._in_flight.discard(change.id)
        self._refused.pop(change.id, None)
        self._ended[change.id] = outcome.status
        if outcome.status is Status.DONE:
            self._canary = False
        self._count(outcome)
        self._pass_on(change.id, self._neighbours)
        self._end_in_unit(outcome)
        return self._told()

    def put_back(self, outcome: Outcome) -> list[Outcome]:
        """A putting back has ended, with this outcome for its change. Returns like :meth:`settled`."""
        self._restoring -= 1
        unit = self._units[self._changes[outcome.change].unit]
        unit.outcomes[outcome.change] = outcome
        unit.restoring -= 1
        self._ended[outcome.change] = outcome.status
        if not unit.restoring:
            self._conclude(unit)
        return self._told()

    def wait_for(self, refused: Outcome, blocker: Change) -> None:
        """A change under way, *refused* because its agent is taken, goes back to wait until *blocker* has ended."""
        self._in_flight.discard(refused.change)
        self._refused[refused.change] = refused
        self._missing[refused.change] += 1
        self._dependents.setdefault(blocker.id, []).append(refused.change)

    def abandon(self, work: Work) -> None:
        """Something under way was broken off without an end; ``resume`` will look at it."""
        if work.restore:
            self._restoring -= 1
        else:
            self._in_flight.discard(work.change.id)

    def stop(self, reason: Reason) -> None:
        """Start nothing more. The first reason stays."""
        self._stopped = self._stopped or reason

    def next_wave(self) -> None:
        """Open the next wave that has something to start."""
        while self._waves and not self._ready:
            self._wave = min(self._waves)
            members = [id_ for id_ in self._waves.pop(self._wave) if id_ not in self._ended and not self._missing[id_]]
            # by list page, so that one look at a page serves many changes (batch.engine.live)
            self._ready.extend(sorted(members, key=lambda id_: self._changes[id_].page))

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, ended: Mapping[int, Outcome]) -> None:
        for id_, change in self._changes.items():
            unit = self._units.setdefault(change.unit, _Unit())
            for need in change.needs:
                freed = self._changes.get(need)
                if freed and (freed.trunk.channel, freed.before) == (change.trunk.channel, change.after):
                    self._takers.setdefault(need, []).append(id_)
            self._frees.setdefault((change.trunk.channel, change.before), []).append(id_)
            if id_ in self._ended:
                unit.outcomes[id_] = ended[id_]
                continue
            unit.open += 1
            self._waves.setdefault(change.wave, []).append(id_)
            needs = [need for need in change.needs if need in self._changes and self._ended.get(need) not in GOOD]
            self._missing[id_] = len(needs)
            for need in needs:
                # rows that wait for each other cannot wait for each other's ends: inside a block each channel counts
                waiting = self._neighbours if self._block[need] == self._block[id_] else self._dependents
                waiting.setdefault(need, []).append(id_)
        for id_ in list(self._ended):
            self._pass_on(id_, self._neighbours)
        for unit in self._units.values():
            if unit.outcomes and not unit.open:
                self._restore_or_conclude(unit)

    def _count(self, outcome: Outcome) -> None:
        self._failures += _is_failure(outcome)
        if self._failures > self._brakes.budget:
            self.stop(Reason.BUDGET_SPENT)

    def _may_start(self) -> bool:
        if self._failures + len(self._in_flight) > self._brakes.budget:
            return False
        if not self._canary or not self._in_flight:
            return True
        unit = self._changes[self._ready[0]].unit
        return all(self._changes[id_].unit == unit for id_ in self._in_flight)

    def _end_in_unit(self, outcome: Outcome) -> None:
        unit = self._units[self._changes[outcome.change].unit]
        unit.outcomes[outcome.change] = outcome
        unit.open -= 1
        if not unit.open:
            self._restore_or_conclude(unit)

    def _restore_or_conclude(self, unit: _Unit) -> None:
        split = any(outcome.status in SPLITTING for outcome in unit.outcomes.values())
        if split and self._brakes.on_split is OnSplit.RESTORE:
            back = self._to_put_back(unit)
            unit.restoring = len(back)
            self._restore.extend(back)
        if not unit.restoring:
            self._conclude(unit)

    def _to_put_back(self, unit: _Unit) -> list[Change]:
        """What of a split unit can go back: no trunk whose agent another has got since, by a change that waited for it.

        A server that displaces would take it away again, from a trunk that is where it is wanted.
        """
        done = [
            self._changes[id_]
            for id_, outcome in unit.outcomes.items()
            if outcome.status is Status.DONE and outcome.reason is not Reason.LEFT_SPLIT
        ]
        home = {c.trunk for c in done if c.action is Action.PARK} & {c.trunk for c in done if c.action is Action.ASSIGN}
        return [change for change in reversed(done) if change.trunk not in home and not self._taken_after(change)]

    def _taken_after(self, change: Change) -> bool:
        """Whether the agent that *change* freed serves another trunk now, or may do so at any moment."""
        takers = self._takers.get(change.id, ())
        return any(id_ in self._in_flight or self._ended.get(id_) in TAKEN for id_ in takers)

    def _conclude(self, unit: _Unit) -> None:
        for id_ in list(unit.outcomes):
            self._pass_on(id_, self._dependents)

    def _pass_on(self, id_: int, waiting: dict[int, list[int]]) -> None:
        """How a change ended decides about those that need it: neighbours at once, others when its unit has ended."""
        for dependent in waiting.pop(id_, ()):
            if self._ended[id_] in GOOD:
                self._release(dependent)
            else:
                self._skip(dependent)

    def _release(self, id_: int) -> None:
        self._missing[id_] -= 1
        if not self._missing[id_] and id_ not in self._ended and self._changes[id_].wave <= self._wave:
            self._ready.append(id_)

    def _skip(self, id_: int) -> None:
        """A change whose need did not end well is not started; what needs it follows when its unit concludes.

        One that waited because the server had refused it stays refused.
        """
        queue = deque([id_])
        while queue:
            skipped = queue.popleft()
            if skipped in self._ended:
                continue
            outcome = self._refused.pop(skipped, None)
            if outcome is None:
                outcome = Outcome(change=skipped, status=Status.SKIPPED, reason=Reason.DEPENDENCY)
            else:
                self._count(outcome)
            self._skipped.append(outcome)
            self._ended[skipped] = outcome.status
            queue.extend((*self._neighbours.pop(skipped, ()), *self._dependents.pop(skipped, ())))
            self._end_in_unit(outcome)

    def _told(self) -> list[Outcome]:
        told, self._skipped = self._skipped, []
        return told


def _is_failure(outcome: Outcome) -> bool:
    return outcome.status in FAILURES and outcome.reason not in (Reason.UNIT_PUT_BACK, Reason.WAVE_PUT_BACK)


def _spent(changes: Mapping[int, Change], ended: Mapping[int, Outcome], budget: int) -> int:
    """The failures that earlier sittings count for; whoever goes on after they had spent the budget gives a new one."""
    failures = sum(_is_failure(outcome) for id_, outcome in ended.items() if id_ in changes)
    return 0 if failures > budget else failures
