"""Job files: checked as a whole, relative to themselves, with a schema that says the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from batch import sources
from batch.errors import UsageError
from batch.options import BY_NAME, OPTIONS
from batch.settings import Settings
from jobs import job
from jobs.job import JobKind

SAMPLES = Path(__file__).parents[2] / "samples" / "jobs"


def write(folder: Path, text: str) -> Path:
    (folder / "moves.csv").write_text("number,channel,agent\n")
    path = folder / "job.toml"
    path.write_text(text)
    return path


def test_a_job_says_what_it_does_and_with_what(tmp_path: Path) -> None:
    """Kind, file, and any option under its own name."""
    loaded = job.load(write(tmp_path, 'kind = "migrate"\nfile = "moves.csv"\nyes = true\nmax_failures = "2%"\n'))
    settings = sources.load({}, environ={}, job=loaded.layer, user_file=tmp_path / "none")
    assert (loaded.kind, loaded.file) == (JobKind.MIGRATE, tmp_path / "moves.csv")
    assert (settings.yes, settings.max_failures) == (True, "2%")


def test_a_jobs_paths_begin_at_the_job_file(tmp_path: Path, monkeypatch) -> None:
    """Whatever the working folder is, as under cron."""
    path = write(tmp_path, 'kind = "audit"\nfile = "moves.csv"\nruns_dir = "runs"\ntoken_file = "token"\n')
    monkeypatch.chdir("/")
    loaded = job.load(path)
    settings = sources.load({}, environ={}, job=loaded.layer, user_file=tmp_path / "none")
    assert loaded.file == tmp_path / "moves.csv"
    assert (settings.runs_dir, settings.token_file) == (tmp_path / "runs", tmp_path / "token")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param('file = "moves.csv"', "`kind` is missing", id="no kind"),
        pytest.param('kind = "move"\nfile = "moves.csv"', "`kind` in", id="unknown kind"),
        pytest.param('kind = "migrate"', "`file` is missing", id="no file"),
        pytest.param('kind = "audit"\nfile = "other.csv"', "there is no such file", id="file not there"),
        pytest.param('kind = "rollback"', "`run` is missing", id="no run"),
        pytest.param('kind = "audit"\nfile = "moves.csv"\nmax_chang = "5%"', "did you mean `max_change`?", id="typo"),
        pytest.param('kind = "audit"\nfile = "moves.csv"\ntoken = "x"', "`token` in", id="a token in the file"),
        pytest.param('kind = "audit"\nfile = ', "cannot read", id="not TOML"),
        pytest.param(f"kind = {'[' * 100_000}", "nested too deeply", id="nested"),
        pytest.param('kind = "audit"\nfile = "~nosuchuser/x"', "there is no such user", id="nobody's home"),
        pytest.param(f'kind = "audit"\nfile = "{"x" * 300}"', "File name too long", id="name too long"),
        pytest.param('kind = "audit"\nfile = "a\\u0000b"', "NUL", id="NUL in the file"),
        pytest.param('kind = "rollback"\nrun = "a\\u0000b"', "NUL", id="NUL in the run"),
        pytest.param('kind = "rollback"\nrun = "last"\nprobe = "a\\u0000b"', "NUL", id="NUL in the probe"),
    ],
)
def test_a_faulty_job_is_refused_by_the_name_of_its_key(tmp_path: Path, text: str, told: str) -> None:
    """Before anything runs."""
    with pytest.raises(UsageError) as caught:
        job.load(write(tmp_path, text))
    assert told in caught.value.message


def test_every_fault_of_a_job_is_told_at_once(tmp_path: Path) -> None:
    """Two bad values and an unknown key make three lines."""
    path = write(tmp_path, 'kind = "audit"\nfile = "moves.csv"\nrate = "fast"\nwindow = "noon"\nlimits = 3\n')
    with pytest.raises(UsageError) as caught:
        job.load(path)
    assert len(caught.value.message.splitlines()) == 3


def test_the_schema_knows_every_option_and_nothing_else() -> None:
    """Editors complete what the job accepts."""
    told = job.schema()
    assert set(told["properties"]) == {option.name for option in OPTIONS} | {"kind", "file", "run"}
    assert told["additionalProperties"] is False
    assert (told["required"], told["then"], told["else"]) == (["kind"], {"required": ["run"]}, {"required": ["file"]})
    assert told["properties"]["max_failures"]["type"] == ["string", "number"]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("rate", ["auto", "20/s", "0.5 / min"], ["fast", "20", "20/h"]),
        ("concurrency", ["auto", "16"], ["many", "-1"]),
        ("reserve", ["30%", "12.5 %"], ["30", "a third"]),
        ("deadline", ["90s", "1h30m"], ["90", "1 h"]),
        ("window", ["02:00-04:00 Europe/Berlin", "22:00 - 4:00 UTC"], ["noon", "02:00-04:00"]),
        ("at", ["02:00 UTC", "2027-01-31 02:00 UTC"], ["tonight", "02:00"]),
        ("max_failures", ["5", "2%", "2 %"], ["few", "-1"]),
        ("max_change", ["100%"], ["100", "all"]),
        ("max_changes", ["50"], ["5%", "-1"]),
        ("plan_ttl", ["4h"], ["4"]),
        ("max_age", ["1s"], ["soon"]),
    ],
)
def test_the_schema_says_what_a_text_looks_like_as_the_settings_take_it(
    name: str, good: list[str], bad: list[str]
) -> None:
    """An editor underlines what a run would refuse, and nothing else."""
    told = job.schema()["properties"][name]
    assert told["description"] == BY_NAME[name].help
    taken = [text for text in (*good, *bad) if re.search(told["pattern"], text)]
    assert taken == [text for text in (*good, *bad) if is_taken(name, text)] == good
    assert re.search(told["pattern"], "")


def is_taken(name: str, text: str) -> bool:
    try:
        Settings.model_validate({name: text})
    except ValidationError:
        return False
    return True


def test_a_truth_value_is_no_number(tmp_path: Path) -> None:
    """It would be taken for one row."""
    (tmp_path / "moves.csv").write_text("number,channel,agent\n")
    with pytest.raises(UsageError, match=r"limit.*is True: give a number"):
        job.load(write(tmp_path, 'kind = "audit"\nfile = "moves.csv"\nlimit = true\n'))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_sample_jobs_are_good(path: Path) -> None:
    """What the README shows can be run."""
    assert job.load(path).kind.value in path.stem


def test_there_is_a_sample_of_every_kind() -> None:
    """One job file per kind."""
    assert {job.load(path).kind for path in SAMPLES.glob("*.toml")} == set(JobKind)


def test_a_job_file_that_is_a_pipe_is_not_waited_for_unless_a_shell_hands_it_over(tmp_path: Path) -> None:
    """Somebody has it written by another command; what merely lies there may never be written to."""
    os.mkfifo(tmp_path / "job.toml")
    with pytest.raises(UsageError, match="not a regular file"):
        job.load(tmp_path / "job.toml")
    reading, writing = os.pipe()
    os.write(writing, b'kind = "rollback"\nrun = "last"\n')
    os.close(writing)
    assert job.load(Path(f"/dev/fd/{reading}")).run == "last"
    os.close(reading)
