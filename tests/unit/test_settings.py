"""Settings: where they come from, what they mean, and how a wrong one is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch import sources, values
from batch.core.model import Occupancy, OnSplit
from batch.errors import UsageError
from batch.options import OPTIONS
from batch.settings import Settings
from batch.sources import Layer

AGENT = "11111111-2222-3333-4444-555555555555"
NINES = "9" * 400


def load(flags=None, environ=None, job=None, user_file=Path("/nonexistent/settings.toml")) -> Settings:
    return sources.load(flags or {}, environ=environ or {}, job=job, user_file=user_file)


def job_layer(**values_: object) -> Layer:
    return Layer(values_, lambda key: f"`{key}` in job.toml")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_every_option_is_a_setting_and_every_setting_an_option() -> None:
    """The table of options and the model cannot drift apart."""
    fields = {field.alias or name for name, field in Settings.model_fields.items()}
    assert fields == {option.name for option in OPTIONS}


def test_the_stronger_source_wins_key_by_key(tmp_path: Path) -> None:
    """Flags beat the environment, that the job file, that the user file, that the default."""
    user = tmp_path / "settings.toml"
    user.write_text('rate = "1/s"\nregion = "TR"\nreserve = "10%"\nsheet = "user"\n')
    settings = load(
        {"rate": "4/s"},
        {"REASSIGN_RATE": "3/s", "REASSIGN_SHEET": "env"},
        job_layer(rate="2/s", sheet="job", region="DE"),
        user,
    )
    assert (settings.rate, settings.sheet, settings.region, settings.reserve, settings.verify) == (
        *("4/s", "env", "DE", "10%"),
        "sweep",
    )


def test_the_vendors_variables_are_heard_and_ours_win_over_them() -> None:
    """MIHU_TENANT and MIHU_BASE_URL set what REASSIGN_… may override."""
    environ = {"MIHU_TENANT": "acme", "MIHU_BASE_URL": "https://a.example", "REASSIGN_BASE_URL": "https://b.example"}
    settings = load(environ=environ)
    assert (settings.workspace, settings.base_url) == ("acme", "https://b.example")


def test_an_empty_variable_is_an_unset_one() -> None:
    """A crontab with RATE= does not break a run."""
    assert load(environ={"REASSIGN_RATE": ""}).rate == "auto"


def test_a_mistyped_variable_is_named_with_the_right_one() -> None:
    """A limit that is silently ignored would be worse than an error."""
    with pytest.raises(UsageError, match="REASSIGN_MAX_CHAGNE") as caught:
        load(environ={"REASSIGN_MAX_CHAGNE": "5%"})
    assert caught.value.hint == "did you mean REASSIGN_MAX_CHANGE?"


@pytest.mark.parametrize(
    ("sources_", "place"),
    [
        pytest.param(({"rate": "fast"}, {}, None), "--rate is 'fast'", id="flag"),
        pytest.param(({}, {"REASSIGN_RATE": "fast"}, None), "environment variable REASSIGN_RATE is 'fast'", id="env"),
        pytest.param(({}, {}, job_layer(rate="fast")), "`rate` in job.toml is 'fast'", id="job"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_the_way_out(sources_, place: str) -> None:
    """Source, value, and what to write instead."""
    with pytest.raises(UsageError) as caught:
        load(*sources_)
    assert place in caught.value.message
    assert "give auto, or a rate such as 20/s or 60/min" in caught.value.message


def test_all_faults_are_told_at_once() -> None:
    """Nobody mends settings one run at a time."""
    with pytest.raises(UsageError) as caught:
        load({"rate": "fast", "deadline": "soon"}, {}, job_layer(waves="a", occupancy="both"))
    assert [line.split(" is ")[0] for line in sorted(caught.value.message.splitlines())] == [
        *("--deadline", "--rate", "`occupancy` in job.toml", "`waves` in job.toml")
    ]


def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    """Job files and the user file are closed."""
    with pytest.raises(UsageError, match=r"`max_failure` in job\.toml is not a setting: did you mean `max_failures`\?"):
        load(job=job_layer(max_failure=3))


def test_a_damaged_user_file_is_named(tmp_path: Path) -> None:
    """Bad TOML is a usage error that names the file."""
    user = tmp_path / "settings.toml"
    user.write_text("rate = ")
    with pytest.raises(UsageError, match=r"settings\.toml"):
        load(user_file=user)


def test_paths_in_a_file_begin_at_that_file_and_tilde_is_home(tmp_path: Path, monkeypatch) -> None:
    """A job runs the same from wherever cron starts it."""
    monkeypatch.setenv("HOME", "/home/someone")
    user = tmp_path / "settings.toml"
    user.write_text('token_file = "secret/token"\nlog_file = "~/log"\n')
    settings = load({"runs_dir": Path("here")}, user_file=user)
    assert settings.token_file == tmp_path / "secret/token"
    assert settings.log_file == Path("/home/someone/log")
    assert settings.runs_dir == Path("here")


def test_numbers_in_toml_stand_for_their_text() -> None:
    """``concurrency = 8`` and ``"8"`` are the same."""
    settings = load(job=job_layer(concurrency=8, max_failures=5, limit=3))
    assert (settings.workers, settings.max_failures, settings.limit) == (8, "5", 3)


def test_texts_mean_what_they_say() -> None:
    """The properties give seconds, shares, calls per second."""
    settings = load(
        {
            "rate": "90/min",
            "reserve": "30%",
            "deadline": "1h30m",
            "max_age": "5s",
            "map": ("Numara=number", "a=b=agent"),
            "parking_agent": (AGENT.upper(),),
            "waves": "1,10%,100%",
            "occupancy": "shared",
            "on_split": "keep",
            "max_change": "50%",
        }
    )
    assert settings.per_second == 1.5
    assert settings.reserve_share == 0.3
    assert settings.deadline_seconds == 5400
    assert settings.max_age_seconds == 5
    assert settings.mapping == {"Numara": "number", "a=b": "agent"}
    assert settings.parking == (AGENT,)
    assert settings.occupancy is Occupancy.SHARED
    assert (settings.limits.waves, settings.limits.on_split) == ("1,10%,100%", OnSplit.KEEP)


def test_the_defaults_leave_pace_and_time_to_the_engine() -> None:
    """Nothing set means: learn the rate, no deadline, no window."""
    settings = load()
    assert (settings.per_second, settings.workers, settings.deadline_seconds, settings.opening) == (None,) * 4


def test_lists_in_the_environment_stand_between_semicolons() -> None:
    """A header may hold a comma, so commas do not divide."""
    assert load(environ={"REASSIGN_MAP": "Nr, alt=number; Wer=agent"}).map == ("Nr, alt=number", "Wer=agent")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("deadline", text) for text in ("90", "0s", "1w", "-5s", "5 s", "٣s", "s", f"{NINES}h")),
        *(("rate", text) for text in ("5", "0/s", "5/h", "auto/s", "1e3/s", f"{NINES}/s")),
        *(("concurrency", text) for text in ("0", "257", "many", "²", NINES)),
        *(("max_change", text) for text in ("30", "101%", "-1%", "%")),
        *(("waves", text) for text in ("1,,5", "x%", "1;2")),
        *(
            ("window", text)
            for text in ("02:00-04:00", "25:00-26:00 UTC", "02:00-02:00 UTC", "2-4 UTC", "01:00-02:00 Mars")
        ),
        *(("region", text) for text in ("TUR", "9")),
        *(("run_id", text) for text in ("../x", ".x", "a/b", "last", "x" * 65, "a b", "ä", "x\n")),
        *(("map", text) for text in (("number",), ("=number",), ("x=",))),
        *(("limit", text) for text in ("-1", "x", NINES, "9" * 5000)),
        *(("max_changes", text) for text in ("x", NINES, "9" * 5000)),
        *(("max_failures", text) for text in ("12345678901", "5.12345678901%", "1 0%")),
        ("parking_agent", ("not-a-uuid",)),
        ("encoding", "klingon"),
        ("max_age", "0s"),
    ],
)
def test_nonsense_is_refused(key: str, value: object) -> None:
    """Each form of nonsense is a usage error that begins with its place."""
    with pytest.raises(UsageError, match=rf"^`{key}` in job.toml"):
        load(job=job_layer(**{key: value}))


@pytest.mark.parametrize(
    ("typed", "said"),
    [(("number",), "is 'number': write 'number' as"), (("a=agent", "b"), "is 'a=agent', 'b': write 'b'")],
)
def test_a_flag_that_can_be_given_several_times_is_told_as_it_was_typed(typed: tuple[str, ...], said: str) -> None:
    """Without the brackets of a list, which nobody typed."""
    with pytest.raises(UsageError) as refused:
        load(job=job_layer(map=typed))
    assert said in refused.value.message


# ── windows: what the wall clock says, on the two odd days too ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("window", "moment", "left"),
    [
        pytest.param("02:00-04:00 UTC", "2026-11-24T02:00:00", 7200, id="opens to the second"),
        pytest.param("02:00-04:00 UTC", "2026-11-24T01:59:59", 0, id="not before"),
        pytest.param("02:00-04:00 UTC", "2026-11-24T04:00:00", 0, id="the end is outside"),
        pytest.param("02:00-04:00 UTC", "2026-11-24T03:59:30.5", 29.5, id="parts of a second"),
        pytest.param("22:00-02:00 UTC", "2026-11-24T23:00:00", 10800, id="past midnight, evening"),
        pytest.param("22:00-02:00 UTC", "2026-11-24T01:00:00", 3600, id="past midnight, morning"),
        pytest.param("22:00-02:00 UTC", "2026-11-24T12:00:00", 0, id="past midnight, noon"),
        pytest.param("02:00-04:00 Europe/Berlin", "2026-07-01T00:00:00", 7200, id="summer time"),
        pytest.param("02:00-04:00 Europe/Berlin", "2026-03-29T01:00:00", 3600, id="spring: 02:00 is skipped"),
        pytest.param("01:00-02:30 Europe/Berlin", "2026-03-29T00:30:00", 1800, id="spring: the end is skipped"),
        pytest.param("02:00-03:00 Europe/Berlin", "2026-10-25T00:00:00", 7200, id="autumn: the hour comes twice"),
    ],
)
def test_a_window_follows_the_wall_clock(window: str, moment: str, left: float) -> None:
    """It is open for so many seconds from then on, on clock-change days too."""
    opening = values.window(window)
    seen = [opening.is_open(at(moment) + seconds) for seconds in (0, max(0, left - 0.5), left)]
    assert seen == [left > 0, left > 0, False]


def test_a_window_is_written_as_it_was_read() -> None:
    """What the report says is what was typed."""
    assert str(values.window("2:00-04:30 Europe/Berlin")) == "02:00-04:30 Europe/Berlin"


def test_a_user_without_a_home_needs_none_until_something_is_kept_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may have no name and no folder."""
    monkeypatch.delenv("HOME", raising=False)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_294_000_000)
    assert sources.load({"runs_dir": "/runs"}, environ={}).runs_dir == Path("/runs")
    with pytest.raises(UsageError, match="no home folder"):
        _ = sources.load({}, environ={}).runs_dir


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_configuration_that_may_not_be_looked_for_is_told(tmp_path: Path) -> None:
    """It may hold brakes."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(UsageError, match="cannot look for"):
        load(user_file=closed / "settings.toml")


# ── what a file or a flag may hold by mistake ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"rate = {'[' * 100_000}", id="brackets"),
        pytest.param(f"rate.{'a.' * 3000}b = 1", id="points"),
        pytest.param(f"limit = 0x{'F' * 6000}", id="a number of thousands of digits"),
        pytest.param(f"max_failures = 0x{'F' * 6000}", id="and one that stands for a text"),
        pytest.param(f"map = [0x{'F' * 6000}]", id="and one in a list"),
        pytest.param(f"max_changes = {'9' * 5000}", id="and one in decimals"),
    ],
)
def test_a_user_file_that_is_absurd_is_refused_not_passed_over(tmp_path: Path, text: str) -> None:
    """What else it holds may be a brake."""
    user = tmp_path / "settings.toml"
    user.write_text(f'max_change = "5%"\n{text}')
    with pytest.raises(UsageError, match=r"settings\.toml") as refused:
        load(user_file=user)
    assert len(refused.value.message) < 1000


def test_a_user_file_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """Somebody has put it there, and it is not to be read as none."""
    (tmp_path / "settings.toml").symlink_to(tmp_path / "settings.toml")
    with pytest.raises(UsageError, match=r"cannot read .*settings\.toml"):
        load(user_file=tmp_path / "settings.toml")


def test_a_user_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody might ever write to it."""
    os.mkfifo(tmp_path / "settings.toml")
    with pytest.raises(UsageError, match="not a regular file"):
        load(user_file=tmp_path / "settings.toml")


PATHS = [option.name for option in OPTIONS if option.path]


@pytest.mark.parametrize("name", PATHS)
def test_a_home_that_is_not_there_is_told_with_its_place(name: str) -> None:
    """A tilde and a name that is nobody's, in a flag and in a file."""
    with pytest.raises(UsageError, match=rf"^--{name.replace('_', '-')} is '~nosuchuser/x': there is no such user"):
        load({name: "~nosuchuser/x"})
    with pytest.raises(UsageError, match=f"`{name}` in job.toml is '~nosuchuser/x': there is no such user"):
        load(job=Layer({name: "~nosuchuser/x"}, lambda key: f"`{key}` in job.toml", Path("/jobs")))


@pytest.mark.parametrize("name", [*PATHS, "probe", "workspace", "sheet", "run_id", "encoding", "map", "only"])
@pytest.mark.parametrize("text", ["a\0b", "~a\0b/c"])
def test_a_text_that_the_system_cannot_take_is_refused_at_once(name: str, text: str) -> None:
    """Not when a file is opened or a probe begun, after the first write."""
    with pytest.raises(UsageError, match=rf"^`{name}` in job.toml is .*: write it without the NUL character"):
        load(job=job_layer(**{name: (text,) if name == "map" else text}))


def test_a_number_may_stand_for_a_name() -> None:
    """However long it is, within reason."""
    assert load(job=job_layer(run_id=20261125193300)).run_id == "20261125193300"
