"""What an answer says about the server's limit: forty forms, good and bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.engine.rate_headers import MAX_WAIT, Quota, quotas, retry_after

SERVED = "Wed, 21 Oct 2026 07:28:00 GMT"

RETRY_AFTER = [
    ("1", 1.0),
    ("0", 0.0),
    ("60", 60.0),
    (" 5 ", 5.0),
    ("+5", 5.0),
    ("007", 7.0),
    ("1.5", 1.5),
    (".5", 0.5),
    ("2.", 2.0),
    ("3600", 3600.0),
    ("3601", MAX_WAIT),
    ("86400", MAX_WAIT),
    ("99999999999999999999", MAX_WAIT),
    ("9" * 400, None),
    ("-1", None),
    ("-0.5", None),
    ("1e3", None),
    ("0x10", None),
    ("1,5", None),
    ("1;2", None),
    ("NaN", None),
    ("inf", None),
    ("Infinity", None),
    ("soon", None),
    ("120 seconds", None),
    ("", None),
    ("   ", None),
    ("null", None),
    ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
    ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ("Thu, 22 Oct 2026 07:28:00 GMT", MAX_WAIT),
    ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
    ("Wed Oct 21 07:28:30 2026", 30.0),
    ("Wed, 21 Oct 2026 09:28:30 +0200", 30.0),
    ("2026-10-21T07:28:30Z", 30.0),
    ("2026-10-21T07:28:30+00:00", 30.0),
    ("Wed, 32 Oct 2026 07:28:30 GMT", None),
    ("Wed, 21 Oct 2026 25:28:30 GMT", None),
    ("Wed, 21 Oct", None),
    ("\x00", None),
    ("٣", None),
]


@pytest.mark.parametrize(("text", "seconds"), RETRY_AFTER, ids=[repr(text)[:40] for text, _ in RETRY_AFTER])
def test_every_form_of_retry_after_is_read_or_ignored(text: str, seconds: float | None) -> None:
    """Seconds and dates are taken, long ones are capped, nonsense is as good as absent."""
    assert retry_after({"retry-after": text, "date": SERVED}) == seconds


def test_a_date_without_the_servers_own_clock_is_ignored() -> None:
    """Our clock may be an hour off, so a date alone says nothing."""
    assert retry_after({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}) is None


QUOTAS = [
    ("laravel", {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59"}, Quota(limit=60, remaining=59)),
    (
        "epoch reset against the server's date",
        {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567690", "date": SERVED},
        Quota(limit=60, remaining=0, reset_in=10.0),
    ),
    (
        "epoch in milliseconds",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567690000", "date": SERVED},
        Quota(remaining=0, reset_in=10.0),
    ),
    (
        "epoch without a date",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567690"},
        Quota(remaining=0),
    ),
    (
        "reset as a date",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "Wed, 21 Oct 2026 07:28:30 GMT", "date": SERVED},
        Quota(remaining=0, reset_in=30.0),
    ),
    (
        "reset in the past",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1792567600", "date": SERVED},
        Quota(remaining=0, reset_in=0.0),
    ),
    (
        "draft with three headers and a policy",
        {
            "ratelimit-limit": "100",
            "ratelimit-remaining": "40",
            "ratelimit-reset": "9",
            "ratelimit-policy": "100;w=10, 5000;w=3600",
        },
        Quota(limit=100, remaining=40, reset_in=9.0, window=10.0),
    ),
    (
        "draft with the window inside the limit",
        {"ratelimit-limit": "100, 100;w=10", "ratelimit-remaining": "40"},
        Quota(limit=100, remaining=40, window=10.0),
    ),
    (
        "draft 07, one header",
        {"ratelimit": "limit=100, remaining=50, reset=5", "ratelimit-policy": "100;w=10"},
        Quota(limit=100, remaining=50, reset_in=5.0, window=10.0),
    ),
    (
        "draft 08",
        {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
        Quota(name="default", limit=100, remaining=50, reset_in=30.0, window=60.0),
    ),
    (
        "draft 08 without a policy",
        {"ratelimit": "default;r=50"},
        Quota(name="default", remaining=50),
    ),
    ("dashed", {"x-rate-limit-limit": "10", "x-rate-limit-remaining": "3"}, Quota(limit=10, remaining=3)),
    ("below zero", {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "-2"}, Quota(limit=10, remaining=0)),
    ("limit only", {"x-ratelimit-limit": "10"}, Quota(limit=10)),
    ("nonsense beside sense", {"x-ratelimit-limit": "many", "x-ratelimit-remaining": "7"}, Quota(remaining=7)),
]


@pytest.mark.parametrize(("headers", "quota"), [case[1:] for case in QUOTAS], ids=[case[0] for case in QUOTAS])
def test_every_dialect_of_rate_headers_is_read(headers: dict[str, str], quota: Quota) -> None:
    """The same four facts come out of every dialect; what is missing or makes no sense is None."""
    assert quotas(headers) == (quota,)


def test_several_policies_are_several_quotas() -> None:
    """A burst limit and a daily limit are kept apart by name."""
    headers = {
        "ratelimit": '"burst";r=5;t=1, "day";r=900;t=7200',
        "ratelimit-policy": '"burst";q=10;w=1,"day";q=1000;w=86400',
    }
    assert quotas(headers) == (
        Quota(name="burst", limit=10, remaining=5, window=1.0, reset_in=1.0),
        Quota(name="day", limit=1000, remaining=900, window=86400.0, reset_in=MAX_WAIT),
    )


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-ratelimit-limit": "x"}, {"ratelimit": ";;;"}, {"ratelimit": '"a";t=5'}, {"x-ratelimit-limit": "9" * 18}],
)
def test_headers_that_say_nothing_make_no_quota(headers: dict[str, str]) -> None:
    """What cannot be understood is as good as absent."""
    assert quotas(headers) == ()


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "retry-after",
                "date",
                "ratelimit",
                "ratelimit-policy",
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
            ]
        ),
        st.one_of(st.text(max_size=40), st.from_regex(r'"?[a-z]*"?;[rqtw]=[0-9.]+(,|;)?', fullmatch=True)),
    )
)
def test_no_text_from_a_server_breaks_the_reading(headers: dict[str, str]) -> None:
    """Whatever arrives, the result is a sane number of seconds or nothing, and counts are not negative."""
    wait = retry_after(headers)
    assert wait is None or 0.0 <= wait <= MAX_WAIT
    for quota in quotas(headers):
        assert quota.remaining is None or quota.remaining >= 0
        assert quota.reset_in is None or 0.0 <= quota.reset_in <= MAX_WAIT
