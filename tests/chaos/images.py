"""Power loss: what a disk may hold afterwards, from the record of everything a run wrote.

After a loss only what was synced is sure. Of what was written since, any part may be there: none, all, the first few,
some in another order, single sectors of 512 bytes; names are made and unmade in the order in which that was asked for,
up to any point. An image is one such disk at one moment, with what had left for the server by then.
"""

from __future__ import annotations

import codecs
import random
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.chaos.evidence import Event, Trunk
from tests.chaos.stand import Stand, Task
from tests.chaos.syscalls import Made, Surgeon

SECTOR = 512
NAMES = (
    *("openat", "close", "write", "pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "sendto"),
    *("pwritev", "writev", "link", "truncate", "sync_file_range", "fallocate"),
)
"""Every call by which a file, a name or a request can come to be; of the last line none is made."""

_FILE = re.compile(r'^\d+<(?P<path>[^>]+)>(?:, "(?P<data>(?:[^"\\]|\\.)*)", (?P<size>\d+))?(?:, (?P<at>\d+))?')
_OPENED = re.compile(r'"(?P<path>[^"]+)", (?P<flags>[A-Z_|]+)')
_NAMED = re.compile(r'"(?P<path>[^"]+)"(?:, "(?P<new>[^"]+)")?')
_PUT = re.compile(r'"PUT .*\\"phone_number\\":\\"(?P<number>[^\\]+)\\".*')
_FIELD = re.compile(r'\\"(\w+)\\":\\"([^\\"]+)\\"')


class How(StrEnum):
    """Which part of what was not synced has survived."""

    NONE = "none"
    ALL = "all"
    FIRST = "first"  # the first few
    SOME = "some"  # whole writes, any
    TORN = "torn"  # sectors, any


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes for a place in a file, or (``data`` is ``None``) a new length."""

    at: int
    data: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name that is given to a file, or taken from it (``file`` is ``None``)."""

    name: str
    file: int | None


@dataclass(slots=True)
class File:
    """What is sure of a file, and what was written to it since."""

    sure: bytes = b""
    since: list[Write] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A request that left."""

    trunk: Trunk
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A disk after a loss: the files of the run's folder by name. ``at`` is when; ``sent`` what had left by then."""

    moment: int
    how: How
    at: float
    files: Mapping[str, bytes]
    sent: tuple[Put, ...]

    def __str__(self) -> str:
        return f"{self.moment}-{self.how}"


class Disk:
    """The journal's files in a folder, under the calls of a trace, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}/"
        self._files: list[File] = []
        self._names: dict[str, int] = {}
        self._sure_names: dict[str, int] = {}
        self._named: list[Name] = []
        self.sent: list[Put] = []

    def take(self, call: Made) -> bool:
        """Carry out one call; whether it was about this folder, or a PUT."""
        if call.name == "sendto":
            return self._send(call)
        if call.name in {"rename", "unlink", "openat"}:
            return " = -1 " not in call.rest and self._name(call)
        found = _FILE.match(call.rest)
        if found is None or not f"{found['path']}/".startswith(self._folder):
            return False
        name = found["path"].removeprefix(self._folder)
        if f"{found['path']}/" == self._folder:
            return call.name in {"fsync", "fdatasync"} and self._sync_names()
        if name not in self._names:
            return False
        return self._file(call, self._files[self._names[name]], found)

    def image(self, moment: int, at: float, how: How, chance: random.Random) -> Image:
        """What may be there if the power goes now."""
        names = dict(self._sure_names)
        for change in _part(self._named, How.FIRST if how in {How.SOME, How.TORN} else how, chance):
            names.pop(change.name, None)
            if change.file is not None:
                names[change.name] = change.file
        files = {name: _content(self._files[file], how, chance) for name, file in names.items()}
        return Image(moment=moment, how=how, at=at, files=files, sent=tuple(self.sent))

    @property
    def unsure(self) -> int:
        """How many writes and names are not synced."""
        return len(self._named) + sum(len(self._files[file].since) for file in set(self._names.values()))

    def _send(self, call: Made) -> bool:
        found = _PUT.search(call.rest)
        if found is None:
            return False
        body = dict(_FIELD.findall(found[0]))
        self.sent.append(Put(trunk=(body["phone_number"], body["channel"]), agent=body["agent_uuid"]))
        return True

    def _name(self, call: Made) -> bool:
        found = (_OPENED if call.name == "openat" else _NAMED).search(call.rest)
        if found is None or not found["path"].startswith(self._folder) or "journal.sqlite" not in found["path"]:
            return False
        name = found["path"].removeprefix(self._folder)
        if call.name == "openat":
            if "O_CREAT" not in found["flags"] or name in self._names:
                return False
            self._files.append(File())
            self._set(name, len(self._files) - 1)
        elif call.name == "rename":
            file = self._names[name]
            self._set(name, None)
            self._set(found["new"].removeprefix(self._folder), file)
        elif name in self._names:
            self._set(name, None)
        return True

    def _set(self, name: str, file: int | None) -> None:
        self._named.append(Name(name=name, file=file))
        self._names.pop(name, None)
        if file is not None:
            self._names[name] = file

    def _sync_names(self) -> bool:
        self._sure_names = dict(self._names)
        self._named.clear()
        return True

    @staticmethod
    def _file(call: Made, file: File, found: re.Match[str]) -> bool:
        match call.name:
            case "pwrite64":
                data = codecs.escape_decode(found["data"])[0]
                assert isinstance(data, bytes)
                assert len(data) == int(found["size"]), "the trace has cut the data short"
                file.since.append(Write(at=int(found["at"]), data=data))
            case "ftruncate":
                file.since.append(Write(at=int(found["at"]), data=None))
            case "fsync" | "fdatasync":
                file.sure = _content(file, How.ALL, random.Random(0))
                file.since.clear()
            case _:
                return False
        return True


def images(made: Sequence[Made], folder: Path, seed: int, moments: Collection[int]) -> Iterator[Image]:
    """Those *moments* of a trace at which something about *folder* changed, in each of the ways of a loss."""
    disk = Disk(folder)
    chance = random.Random(f"images/{seed}")
    for moment, call in enumerate(made):
        if disk.take(call) and moment in moments:
            ways = How if disk.unsure else (How.ALL,)
            yield from (disk.image(moment, call.done_at, how, chance) for how in ways)


def around_a_checkpoint(made: Sequence[Made]) -> range:
    """The moments around the first at which what is in the journal's log is folded into the journal."""
    folded = (i for i, call in enumerate(made) if call.name == "pwrite64" and "/journal.sqlite>" in call.rest[:500])
    first = next(folded)
    return range(first - 8, first + 24)


def recorded(surgeon: Surgeon, run: str) -> list[Made]:
    """The calls of a run that ended well, from its first to its last, with all the bytes they carried."""
    sitting, made = surgeon.trace(run, names=NAMES, whole=True)
    assert sitting.exit_code == 0
    assert {call.name for call in made} <= set(NAMES[:10])
    return made


def _content(file: File, how: How, chance: random.Random) -> bytes:
    content = bytearray(file.sure)
    for write in _part(file.since, how, chance):
        if write.data is None:
            del content[write.at :]
            content.extend(bytes(write.at - len(content)))
            continue
        content.extend(bytes(max(0, write.at + len(write.data) - len(content))))
        for start, part in _sectors(write):
            if how is not How.TORN or chance.random() < 0.5:
                content[start : start + len(part)] = part
    return bytes(content)


def _sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    """A write as the pieces that lie in one sector each."""
    assert write.data is not None
    place = write.at
    end = write.at + len(write.data)
    while place < end:
        stop = min(end, (place // SECTOR + 1) * SECTOR)
        yield place, write.data[place - write.at : stop - write.at]
        place = stop


def _part(whole: Sequence[Write] | Sequence[Name], how: How, chance: random.Random) -> Sequence:  # type: ignore[type-arg]
    match how:
        case How.NONE:
            return ()
        case How.FIRST:
            return whole[: chance.randint(0, len(whole))]
        case How.SOME:
            return [one for one in whole if chance.random() < 0.5]
        case _:
            return whole


# ── what the server had heard by then ─────────────────────────────────────────────────────────────────────────────────


def heard(log: Sequence[Event], image: Image) -> list[Event]:
    """The part of a run's log that had come about when the power went: what had left arrived, and was carried out."""
    left = Counter((put.trunk, put.agent) for put in image.sent)
    told = []
    for event in log:
        key = (event.trunk, event.agent or "")
        if event.is_put:
            left[key] -= 1
            if left[key] >= 0:
                told.append(event)
        elif event.at <= image.at:
            told.append(event)
    return told


def put_there(stand: Stand, task: Task, told: Sequence[Event]) -> None:
    """Make the workspace what it was after *told*."""
    wanted = task.world().owners()
    wanted |= {event.trunk: event.agent for event in told if event.applied}
    for trunk, owner in stand.owners().items():
        if owner != wanted[trunk]:
            stand.edit(trunk, wanted[trunk])
