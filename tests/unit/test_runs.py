"""Run folders: private, never taken over, found again, purged only when finished."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.adapters import runs
from batch.core.results import results
from batch.core.summary import summarise, to_json
from batch.errors import JournalError, SafetyError, UsageError
from tests.records import change, outcome, record, row

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make(runs_dir: Path, run_id: str, *, started: str = "", exit_code: int | None = 0, age: float = 0) -> Path:
    """A run with a summary, or without one when *exit_code* is ``None``; *age* in seconds before NOON."""
    folder = runs.create(runs_dir, run_id)
    (folder / runs.JOURNAL).touch()
    if exit_code is not None:
        summary = {"run_id": run_id, "started_at": started, "finished_at": started, "exit_code": exit_code}
        (folder / runs.SUMMARY).write_text(json.dumps(summary))
    for path in (*folder.iterdir(), folder):
        os.utime(path, (NOON - age, NOON - age))
    return folder


def test_a_run_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """0700 under a umask of 000 and of 077."""
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            folder = runs.create(tmp_path / "runs", f"run-{umask}")
        finally:
            os.umask(before)
        assert mode(folder) == 0o700


def test_an_input_copy_is_private_and_keeps_its_kind(tmp_path: Path) -> None:
    """``input.xlsx`` with mode 0600, byte for byte."""
    source = tmp_path / "Moves FINAL.XLSX"
    source.write_bytes(b"rows")
    copy = runs.copy_input(source, runs.create(tmp_path / "runs", "a"))
    assert (copy.name, copy.read_bytes(), mode(copy)) == ("input.xlsx", b"rows", 0o600)


def test_an_input_with_a_hostile_suffix_stays_inside(tmp_path: Path) -> None:
    """The suffix becomes part of a name only when it is plain."""
    source = tmp_path / "x.c$v;"
    source.write_bytes(b"rows")
    assert runs.copy_input(source, runs.create(tmp_path / "runs", "a")).name == "input"


def test_a_link_planted_as_the_input_copy_is_refused(tmp_path: Path) -> None:
    """What the link points to is not overwritten."""
    folder, victim = runs.create(tmp_path / "runs", "a"), tmp_path / "victim"
    victim.write_text("mine")
    (folder / "input.csv").symlink_to(victim)
    source = tmp_path / "s.csv"
    source.write_text("rows")
    with pytest.raises(JournalError):
        runs.copy_input(source, folder)
    assert victim.read_text() == "mine"


def test_a_used_id_is_refused_and_its_run_untouched(tmp_path: Path) -> None:
    """A run is never taken over."""
    folder = make(tmp_path, "a")
    with pytest.raises(UsageError, match="there is a run a already"):
        runs.create(tmp_path, "a")
    assert (folder / runs.SUMMARY).exists()


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_planted_under_the_runs_id_is_refused(tmp_path: Path, target: str) -> None:
    """Whether or not it leads somewhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a").symlink_to(tmp_path / target)
    with pytest.raises(UsageError):
        runs.create(tmp_path / "runs", "a")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_runs_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Somebody else chose where it leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SafetyError, match="is a link"):
        runs.create(tmp_path / "runs", "a")


@pytest.mark.parametrize("name", ["file", "file/runs", "n" * 300, f"absent/{'n' * 300}"])
def test_a_runs_folder_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever is in the way, nothing can be written down there."""
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="no runs can be kept in"):
        runs.create(tmp_path / name, "a")


@given(st.text(max_size=80))
def test_an_id_that_is_accepted_is_one_plain_name(text: str) -> None:
    """Whatever is typed: accepted ids have no separator, no leading point, no control character."""
    try:
        name = runs.check_run_id(text)
    except ValueError:
        return
    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")


def test_a_new_id_sorts_by_its_start_and_can_be_used() -> None:
    """Time first, then a tail that keeps two runs of one second apart."""
    first, second = runs.new_run_id(NOON), runs.new_run_id(NOON)
    assert first.startswith("20261124-120000-")
    assert first != second
    assert runs.check_run_id(first) == first


def test_the_history_has_the_newest_first_and_shows_the_unfinished(tmp_path: Path) -> None:
    """By the start of the run; a run without a summary is unfinished."""
    make(tmp_path, "zz-old", started="2026-11-23T10:00:00Z")
    make(tmp_path, "aa-new", started="2026-11-24T10:00:00Z")
    make(tmp_path, "mm-now", exit_code=None, age=60)
    assert [(run.run_id, run.finished) for run in runs.listing(tmp_path)] == [
        *(("mm-now", False), ("aa-new", True), ("zz-old", True))
    ]


def test_the_history_passes_over_links_files_and_hidden_folders(tmp_path: Path) -> None:
    """Only real run folders are runs."""
    make(tmp_path, "a")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").touch()
    (tmp_path / ".d").mkdir()
    assert [run.run_id for run in runs.listing(tmp_path)] == ["a"]
    assert runs.listing(tmp_path / "absent") == ()


@pytest.mark.parametrize(
    "summary",
    [
        *(b"{", b"[]", b"\xff", b'{"exit_code": []}', b'{"exit_code": true}', b'{"exit_code": 1e300}'),
        *(pytest.param(b"[" * 200_000, id="nested"), pytest.param(b'{"exit_code": %s}' % (b"9" * 5000), id="digits")),
    ],
)
def test_a_damaged_summary_makes_a_run_unfinished_not_an_error(tmp_path: Path, summary: bytes) -> None:
    """The history must be readable after any crash."""
    (make(tmp_path, "a") / runs.SUMMARY).write_bytes(summary)
    (run,) = runs.listing(tmp_path)
    assert not run.finished


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"plan_digest": [1], "run_id": "a"}, {"run_id": "a"}),
        ({"status_counts": 5}, {}),
        ({"status_counts": {"done": 1, "failed": "x"}}, {}),
        (
            {"status_counts": {"done": 1, "of a later version": 2}},
            {"status_counts": {"done": 1, "of a later version": 2}},
        ),
        ({"command": "\ud800"}, {"command": "\ud800"}),
        ({"pace": {"limit": float("nan")}, "notes": "x", "later": {}}, {}),
    ],
    ids=str,
)
def test_a_summary_tells_only_what_a_summary_may_say(tmp_path: Path, told: object, kept: object) -> None:
    """What reads it need not ask of what kind a value is."""
    (tmp_path / runs.SUMMARY).write_text(json.dumps(told))
    assert runs.read_summary(tmp_path) == kept


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All of it."""
    of = record([row()], [change()], [outcome()])
    told = to_json(summarise(of, list(results(of))))
    (tmp_path / runs.SUMMARY).write_text(json.dumps(told))
    assert json.loads(json.dumps(runs.read_summary(tmp_path))) == json.loads(json.dumps(told))


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_summary_that_is_no_file_is_none(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, a link not followed."""
    (tmp_path / "elsewhere").write_text('{"exit_code": 0}')
    path = tmp_path / runs.SUMMARY
    {"pipe": os.mkfifo, "link": lambda it: it.symlink_to("elsewhere"), "folder": Path.mkdir}[kind](path)
    assert runs.read_summary(tmp_path) == {}


def test_a_file_that_goes_while_the_history_is_read_is_passed_over(tmp_path: Path, monkeypatch) -> None:
    """As those of a run that is under way do."""
    folder, scandir = make(tmp_path, "a"), os.scandir
    (folder / "journal.sqlite-wal").touch()

    def gone(path: Path) -> list[os.DirEntry[str]]:
        entries = list(scandir(path))
        (folder / "journal.sqlite-wal").unlink(missing_ok=True)
        return entries

    monkeypatch.setattr("os.scandir", gone)
    assert [run.run_id for run in runs.listing(tmp_path)] == ["a"]


def test_a_run_is_found_by_id_by_beginning_and_as_last(tmp_path: Path) -> None:
    """An exact id wins over a longer one that begins with it."""
    make(tmp_path, "run-1", started="2026-11-24T10:00:00Z")
    make(tmp_path, "run-10", started="2026-11-24T11:00:00Z")
    make(tmp_path, "other", started="2026-11-24T09:00:00Z")
    assert [runs.find(tmp_path, name).name for name in ("run-1", "oth", "last")] == ["run-1", "other", "run-10"]


def test_a_run_is_found_by_the_folder_that_a_command_printed(tmp_path: Path) -> None:
    """As a script hands it on; a folder of the same name elsewhere is none of these."""
    make(tmp_path / "runs", "run-1")
    make(tmp_path / "others", "run-1")
    assert "run-1" == runs.find(tmp_path / "runs", str(tmp_path / "runs" / "run-1")).name
    with pytest.raises(UsageError):
        runs.find(tmp_path / "runs", str(tmp_path / "others" / "run-1"))


@pytest.mark.parametrize("name", ["loop/x", "loop", "a\0/b", f"{'n' * 300}/x"])
def test_a_name_that_leads_nowhere_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """A link to itself among them."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    make(tmp_path / "runs", "run-1")
    with pytest.raises(UsageError, match="there is no run"):
        runs.find(tmp_path / "runs", str(tmp_path / name) if "/" in name else name)


def test_an_empty_name_is_not_the_beginning_of_the_only_run(tmp_path: Path) -> None:
    """A script whose variable is not set must not roll it back."""
    make(tmp_path, "run-1")
    with pytest.raises(UsageError, match="no run is named"):
        runs.find(tmp_path, " ")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_the_runs_of_somebody_else_are_passed_over(tmp_path: Path) -> None:
    """One folder that cannot be read must not hide the others."""
    make(tmp_path, "run-1")
    make(tmp_path, "run-2")
    (tmp_path / "run-2").chmod(0)
    assert ["run-1"] == [run.run_id for run in runs.listing(tmp_path)]


@pytest.mark.parametrize("name", ["run", "absent", "../secret", ""])
def test_an_unclear_or_absent_name_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """Never a guess, never a path."""
    make(tmp_path / "runs", "run-1")
    make(tmp_path / "runs", "run-2")
    (tmp_path / "secret").mkdir()
    with pytest.raises(UsageError):
        runs.find(tmp_path / "runs", name)


def test_only_old_and_finished_runs_are_purgeable(tmp_path: Path) -> None:
    """A resumable or a young run stays, however often purge is called."""
    day = 86400
    make(tmp_path, "old", age=10 * day)
    make(tmp_path, "young", age=day)
    make(tmp_path, "killed", exit_code=None, age=10 * day)
    make(tmp_path, "cut-off", exit_code=10, age=10 * day)
    (run,) = runs.purgeable(tmp_path, 9 * day, NOON)
    runs.remove(run)
    assert {found.run_id for found in runs.listing(tmp_path)} == {"young", "killed", "cut-off"}
