"""The log: two readers, no credentials, no whole phone numbers, no local variables."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from batch.errors import UsageError
from batch.log import log, logging_to
from batch.log_events import mask

CANARY = "canary-5ecret-t0ken"


def written(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _fail_holding(token: str) -> int:
    """An error with *token* among its local variables."""
    return len(token) // 0


def test_the_file_gets_everything_and_people_what_they_asked_for(tmp_path: Path) -> None:
    """Without -v people see errors only; the file begins at DEBUG."""
    said: list[str] = []
    with logging_to(verbose=0, log_file=tmp_path / "log", echo=said.append):
        log = structlog.get_logger()
        log.debug("call.sent", path="/agents")
        log.info("change.settled", status="done")
        log.error("disk.full")
    assert [event["event"] for event in written(tmp_path / "log")] == ["call.sent", "change.settled", "disk.full"]
    assert [line.split(" ", 1)[1] for line in said] == ["error disk.full"]


@pytest.mark.parametrize(("verbose", "levels"), [(0, 0), (1, 1), (2, 2)])
def test_each_v_lets_people_see_one_level_more(verbose: int, levels: int) -> None:
    """-v shows INFO, -vv DEBUG."""
    said: list[str] = []
    with logging_to(verbose=verbose, log_file=None, echo=said.append):
        structlog.get_logger().info("a.b")
        structlog.get_logger().debug("a.c")
    assert len(said) == levels


def test_phone_numbers_are_whole_only_at_debug(tmp_path: Path) -> None:
    """From INFO upward the last four digits must do, in keys, events and nested values."""
    with logging_to(verbose=0, log_file=tmp_path / "log", echo=print):
        log = structlog.get_logger()
        log.debug("x", trunk="+902125550199/call")
        log.info("moved +902125550199", trunk="+902125550199/call", several=["902125550198"])
    whole, masked = written(tmp_path / "log")
    assert whole["trunk"] == "+902125550199/call"
    assert masked["trunk"] == "…0199/call"
    assert "90212555" not in json.dumps(masked)


@given(st.from_regex(r"\A[1-9][0-9]{7,14}\Z"), st.sampled_from(["", "number ", "(", "'"]))
def test_a_masked_number_shows_four_digits(digits: str, before: str) -> None:
    """With and without a plus, whatever stands before it."""
    for number in (digits, f"+{digits}"):
        assert mask(f"{before}{number} moved") == f"{before}…{digits[-4:]} moved"


@pytest.mark.parametrize(
    "text",
    ["20261124-193300-k3x9", "11111111-2222-3333-4444-555555555555", "127.0.0.1:43125678", "2026-11-24T19:33:00Z"],
)
def test_what_is_not_a_number_is_left_alone(text: str) -> None:
    """Run ids, uuids, ports and times stay readable."""
    assert mask(text) == text


def test_credentials_never_show(tmp_path: Path) -> None:
    """Not as a key, not in a header's text, not in a traceback, at no level."""
    said: list[str] = []
    with logging_to(verbose=2, log_file=tmp_path / "log", echo=said.append):
        log = structlog.get_logger()
        log.debug("a", token=CANARY, headers={"Authorization": CANARY}, said=f"Authorization: Bearer {CANARY}")
        try:
            _fail_holding(CANARY)
        except ZeroDivisionError:
            log.exception("b.c")
    everything = (tmp_path / "log").read_text() + "".join(said)
    assert CANARY not in everything
    assert "Traceback" in everything


def test_people_get_no_traceback_and_nothing_that_moves_the_cursor() -> None:
    """One line an event, whatever is in it."""
    said: list[str] = []
    with logging_to(verbose=1, log_file=None, echo=said.append):
        try:
            _fail_holding("")
        except ZeroDivisionError:
            structlog.get_logger().exception("x", name="a\x1b[2J\nb")
    (line,) = said
    assert "Traceback" not in line
    assert line.isprintable()


def test_the_http_librarys_own_log_is_silent_and_warnings_are_bridged(tmp_path: Path) -> None:
    """It tells every request at INFO; a warning of any library becomes an event."""
    with logging_to(verbose=0, log_file=tmp_path / "log", echo=print):
        logging.getLogger("httpx").info("HTTP Request: GET https://x")
        logging.getLogger("asyncio").warning("slow callback")
    (event,) = written(tmp_path / "log")
    assert (event["event"], event["library"], event["said"]) == ("library.warned", "asyncio", "slow callback")


def test_the_log_file_is_private_appended_to_and_no_link(tmp_path: Path) -> None:
    """0600; a second run goes on below the first; a planted link is refused."""
    path = tmp_path / "log"
    for _ in range(2):
        with logging_to(verbose=0, log_file=path, echo=print):
            structlog.get_logger().info("a")
    assert len(written(path)) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(path)
    with (
        pytest.raises(UsageError, match="cannot write the log"),
        logging_to(verbose=0, log_file=tmp_path / "link", echo=print),
    ):
        pass


def test_structlog_is_loaded_when_somebody_hears_something() -> None:
    """It takes as long as a tenth of a small plan; errors are heard always."""
    code = (
        "import sys; from batch.log import log, logging_to\n"
        "with logging_to(verbose=0, log_file=None, echo=print):\n"
        "    log.info('a.b'); log.warning('a.c'); assert 'structlog' not in sys.modules\n"
        "    log.error('a.d'); assert 'structlog' in sys.modules\n"
        "log.error('a.e')\n"
        "import structlog; structlog.get_logger().error('a.f')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split(" ", 1)[1] for line in done.stdout.splitlines()] == ["error a.d"]


def test_a_warning_of_a_library_is_told_as_an_event(tmp_path: Path) -> None:
    """At its own level, one without a name among them."""
    with logging_to(verbose=0, log_file=tmp_path / "log", echo=print):
        logging.getLogger("some.library").warning("careful %d", 1)
        logging.getLogger("some.library").log(35, "odd")
    told = [(event["level"], event["library"], event["said"]) for event in written(tmp_path / "log")]
    assert told == [("warning", "some.library", "careful 1"), ("error", "some.library", "odd")]


def test_there_are_no_other_ways_to_tell_an_event() -> None:
    """A slip is noticed, heard or not."""
    with pytest.raises(AttributeError, match="'inform'"):
        log.inform("a.b")


def test_a_pipe_is_a_log_where_somebody_reads_it(tmp_path: Path) -> None:
    """Where nobody does, it is refused and not waited for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with (
        pytest.raises(UsageError, match=r"cannot write the log .*pipe: nobody reads there"),
        logging_to(verbose=0, log_file=path, echo=print),
    ):
        pass
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with logging_to(verbose=0, log_file=path, echo=print):
        structlog.get_logger().info("a.b")
    assert json.loads(os.read(reader, 4096))["event"] == "a.b"
    os.close(reader)


def test_a_reader_that_goes_away_ends_nothing(tmp_path: Path) -> None:
    """The journal decides what a run does."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with logging_to(verbose=0, log_file=path, echo=print):
        os.close(reader)
        structlog.get_logger().info("a.b")


@pytest.mark.parametrize("name", ["folder", "file/log", "absent/log", "n" * 300])
def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """Each in the system's words."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match="cannot write the log"),
        logging_to(verbose=0, log_file=tmp_path / name, echo=print),
    ):
        pass
