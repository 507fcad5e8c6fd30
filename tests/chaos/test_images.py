"""The power goes at any moment: what the disk then holds is enough to go on with, and knows of every PUT that left."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.checker import violations
from tests.chaos.evidence import Entry, Event, Sitting, gather, read_journal
from tests.chaos.images import Image, around_a_checkpoint, heard, images, put_there, recorded
from tests.chaos.sequences import MEMORY
from tests.chaos.stand import TOKEN, Stand, Task, shared, standing
from tests.chaos.story import plan_of
from tests.chaos.syscalls import STRACE, Made, Surgeon
from tests.forks import SOON, Forks

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")

SEED, RUN, JOURNAL = 17, "run", "journal.sqlite"
LONG = 500
"""Rows of a run whose journal has more pages than SQLite lets its log have."""
NO_JOURNAL = frozenset({2, 11})


@dataclass(slots=True)
class Room:
    """A run that was recorded, and where its images are tried out."""

    stand: Stand
    task: Task
    log: tuple[Event, ...]
    images: list[Image]
    kept: dict[str, bytes]

    @property
    def folder(self) -> Path:
        return self.stand.runs / RUN

    def lay_out(self, image: Image) -> None:
        """The disk as it is after the loss."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        for name, data in {**self.kept, **image.files}.items():
            (self.folder / name).write_bytes(data)

    def resumed(self, image: Image) -> list[str]:
        """What is wrong after going on with it; nothing may have been sent when that is refused."""
        told = heard(self.log, image)
        put_there(self.stand, self.task, told)
        self.lay_out(image)
        since = self.stand.since()
        done = self.stand.fork("resume", RUN, "--yes", "--quiet").end()
        if done.exit_code in NO_JOURNAL and b"journal" in done.output:
            return [f"{image}: refused after {len(image.sent)} PUTs: {done.output!r}"] if image.sent else []
        evidence = gather(
            self.folder,
            rows=self.task.rows,
            log=[*told, *self.stand.log()[since.events :]],
            before=self.task.world().owners(),
            after=self.stand.owners(),
            sittings=[Sitting(command="apply", exit_code=-9, killed=True), done],
            token=TOKEN,
        )
        wrong = violations(evidence)
        return [f"{image}: {complaint}" for complaint in [*wrong, *self._end(done)]]

    @staticmethod
    def _end(done: Sitting) -> Iterator[str]:
        if done.exit_code != 0:
            yield f"resume ended with {done.exit_code}: {done.output!r}"


@contextlib.contextmanager
def room(
    folder: Path, forks: Forks, rows: int, moments: Callable[[Sequence[Made]], range] = lambda made: range(len(made))
) -> Iterator[Room]:
    """A run of so many rows, recorded, and the images of some moments."""
    task = shared(SEED, rows)
    with standing(folder / "stand", task, latency=0.004) as stand:
        stand.extra["PYTHONDONTWRITEBYTECODE"] = "1"
        made = recorded(Surgeon(stand, task), RUN)
        found = list(images(made, stand.runs / RUN, SEED, moments(made)))
        kept = {path.name: path.read_bytes() for path in (stand.runs / RUN).glob("[ip][nl]*")}
        log = stand.log()
        stand.behave(latency=0.0)
        stand.forks, stand.pauses = forks, SOON
        with tempfile.TemporaryDirectory(dir=MEMORY) as memory:
            stand.folder = Path(memory)
            yield Room(stand, task, log, found, kept)


def unknown(image: Image, folder: Path) -> list[str]:
    """The PUTs that had left, and of which the image knows nothing."""
    for name, data in image.files.items():
        (folder / name).write_bytes(data)
    try:
        entries: Sequence[Entry] = read_journal(folder / JOURNAL)
    except sqlite3.DatabaseError:
        entries = ()
    finally:
        for path in folder.iterdir():
            path.unlink()
    plan = plan_of(entries)
    meant = Counter(
        (plan[entry.change].trunk, plan[entry.change].after)
        for entry in entries
        if entry.kind == "intent" and entry.change is not None
    )
    sent = Counter((put.trunk, put.agent) for put in image.sent)
    return [f"{image}: {key} had left {sent[key]} times, meant {meant[key]} times" for key in sent - meant]


def test_every_image_knows_of_what_had_left_and_some_are_gone_on_with(tmp_path: Path, forks: Forks) -> None:
    """All images of a short run are looked into; 24 of them, one from each stretch, are resumed."""
    with room(tmp_path, forks, 12) as made:
        assert len(made.images) > 150
        looked = made.stand.folder / "looked"
        looked.mkdir()
        assert [complaint for image in made.images for complaint in unknown(image, looked)] == []
        chance = random.Random(SEED)
        some = [chance.choice(made.images[i::24]) for i in range(24)]
        assert [complaint for image in some for complaint in made.resumed(image)] == []


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_every_image_is_gone_on_with(tmp_path: Path, forks: Forks, part: int) -> None:
    """Each moment at which something changed on disk or left, in each way of a loss."""
    with room(tmp_path, forks, 12) as made:
        assert [complaint for image in made.images[part::4] for complaint in made.resumed(image)] == []


@pytest.mark.nightly
def test_images_around_a_checkpoint_are_gone_on_with(tmp_path: Path, forks: Forks) -> None:
    """A run so long that the journal is folded into its file on the way."""
    with room(tmp_path, forks, LONG, around_a_checkpoint) as made:
        assert len(made.images) > 60
        assert [complaint for image in made.images[::12] for complaint in made.resumed(image)] == []
