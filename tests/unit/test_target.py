"""Which host may get the token: hostile URLs and workspaces are refused, good ones mean the same however spelt."""

from __future__ import annotations

import pytest

from batch.adapters import target
from batch.adapters.credentials import Secret
from batch.adapters.target import Target
from batch.core.model import Workspace
from batch.errors import UsageError

TOKEN = Secret("t0ken")


def resolve(base_url: str = "", tenant: str = "") -> Target:
    return target.resolve(tenant=tenant, base_url=base_url, token=TOKEN)


# ── good ones ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tenant", ["acme", "ACME", "a", "acme-2", "2acme", "a" * 63])
def test_a_tenant_is_a_subdomain_of_the_vendor(tenant: str) -> None:
    """By https, in lower case."""
    host = f"{tenant.lower()}.mihu.ai"
    assert resolve(tenant=tenant) == Target(Workspace(tenant.lower(), host), f"https://{host}/api/v1", TOKEN)


GOOD = {
    "https://acme.mihu.ai": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai/": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai/api/v1": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai/api/v1/": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai:443": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai:0443": "https://acme.mihu.ai/api/v1",
    "https://acme.mihu.ai:": "https://acme.mihu.ai/api/v1",
    "HTTPS://ACME.MIHU.AI": "https://acme.mihu.ai/api/v1",
    "https://acme.mindhunters.ai": "https://acme.mindhunters.ai/api/v1",
    "https://acme.mihu.ai:8443": "https://acme.mihu.ai:8443/api/v1",
    "https://gateway.example/mihu/acme": "https://gateway.example/mihu/acme/api/v1",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example/api/v1",
    "https://192.0.2.7": "https://192.0.2.7/api/v1",
    "https://[2001:DB8::1]:8443": "https://[2001:db8::1]:8443/api/v1",
    "http://localhost:8080/api/v1": "http://localhost:8080/api/v1",
    "http://LOCALHOST": "http://localhost/api/v1",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080/api/v1",
    "http://127.0.0.1:80": "http://127.0.0.1/api/v1",
    "http://127.9.9.9": "http://127.9.9.9/api/v1",
    "http://[::1]:8080": "http://[::1]:8080/api/v1",
}


@pytest.mark.parametrize(("typed", "meant"), GOOD.items(), ids=GOOD)
def test_a_good_base_url_ends_in_the_prefix_once(typed: str, meant: str) -> None:
    """With or without it, with or without the port that goes without saying."""
    assert resolve(typed).base_url == meant


@pytest.mark.parametrize(
    ("base_url", "tenant", "workspace"),
    [
        ("https://acme.mihu.ai", "", Workspace("acme", "acme.mihu.ai")),
        ("https://ACME.mindhunters.ai:443/", "Acme", Workspace("acme", "acme.mindhunters.ai")),
        ("http://127.0.0.1:8080", "Acme", Workspace("acme", "127.0.0.1:8080")),
        ("https://gateway.example", "", Workspace("", "gateway.example")),
    ],
    ids=["of the brand", "named twice", "named for a stand-in", "elsewhere"],
)
def test_the_workspace_is_the_hosts(base_url: str, tenant: str, workspace: Workspace) -> None:
    """The brand's own hosts say whose they are; elsewhere it is as given."""
    assert resolve(base_url, tenant).workspace == workspace


def test_two_spellings_of_one_host_are_one_workspace() -> None:
    """So that one lock holds both, and a plan made by one can be applied by the other."""
    spelt = ("https://acme.mihu.ai", "https://Acme.mihu.ai:443/api/v1", "https://acme.mindhunters.ai:")
    assert {resolve(url).workspace.key for url in spelt} | {resolve(tenant="ACME").workspace.key} == {"acme"}


# ── hostile ones ──────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    # somebody else's host behind ours
    "https://acme.mihu.ai@evil.example",
    "https://acme.mihu.ai:443@evil.example/",
    "https://user:password@acme.mihu.ai",
    "https://@acme.mihu.ai",
    "https://evil.example\\@acme.mihu.ai",
    "https://evil.example\\.mihu.ai",
    "https:\\\\acme.mihu.ai",
    "https://acme.mihu.ai\n.evil.example",
    "https://acme.mihu.ai\r\nHost: evil.example",
    "https://acme.mihu.ai\t.evil.example",
    "https://acme.mihu.ai .evil.example",
    "https://acme.mihu.ai\n",
    " https://acme.mihu.ai",
    "https://acme.mihu.ai\x00.evil.example",
    "https://evil.example#.mihu.ai",
    "https://evil.example?.mihu.ai",
    "https://acme.mihu.ai/#",
    "https://acme.mihu.ai/?",
    "https://acme.mihu.ai/api/v1?x=1",
    "https://acme.mihu.ai;evil.example",
    "https://acme.mihu.ai%2eevil.example",
    "https://acme.mihu.ai%00.evil.example",
    # letters that look like others
    "https://acmé.mihu.ai",
    "https://acme.mihu.аi",
    "https://acme。mihu。ai",
    "https://acme.mihu.ai\u202e",
    "https://acme.mihu.ai\u2215evil.example",
    "http://①②⑦.0.0.1",
    # addresses in other notations
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://127.1",
    "https://1.2.3",
    "https://0177.0.0.1",
    "https://1.2.3.4.5",
    "https://[fe80::1%25eth0]",
    "https://[fe80::1%eth0]",
    "http://[::1%25lo]",
    "https://[::1",
    "https://::1",
    "https://[v1.x]",
    "https://[127.0.0.1]",
    # the token without protection
    "http://acme.mihu.ai",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://192.168.0.1",
    "http://2130706433",
    # no host, no port, no path, no scheme
    "https://",
    "https:///api/v1",
    "https://acme..mihu.ai",
    "https://-acme.mihu.ai",
    "https://acme.mihu.ai.",
    "https://.mihu.ai",
    "https://acme_1.mihu.ai",
    f"https://{'a' * 254}",
    "https://acme.mihu.ai:0",
    "https://acme.mihu.ai:65536",
    "https://acme.mihu.ai:-1",
    "https://acme.mihu.ai:80:80",
    "https://acme.mihu.ai:٤٤٣",
    "https://acme.mihu.ai//evil.example",
    "https://acme.mihu.ai/../x",
    "https://acme.mihu.ai/./x",
    "https://acme.mihu.ai/%2e%2e/x",
    "https://acme.mihu.ai/a b",
    "acme.mihu.ai",
    "//acme.mihu.ai",
    "ftp://acme.mihu.ai",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "httpss://acme.mihu.ai",
]


@pytest.mark.parametrize("base_url", HOSTILE, ids=ascii)
def test_a_base_url_that_could_mean_another_host_is_refused(base_url: str) -> None:
    """With what to write instead; nothing is repaired."""
    with pytest.raises(UsageError, match="base URL") as error:
        resolve(base_url)
    assert error.value.hint == "give a URL such as https://acme.mihu.ai/api/v1"


@pytest.mark.parametrize(
    "tenant",
    ["acme.evil.example", "acme/", "acme@evil", "acme:80", "acme\n", "acme ", "a b", "-acme", "acme-", "äcme", "..",
     "acme%2e", "acme#", "acme?", "a" * 64, "acme\x00"],
    ids=ascii,
)  # fmt: skip
def test_a_workspace_that_is_no_subdomain_is_refused(tenant: str) -> None:
    """It becomes part of a host name."""
    with pytest.raises(UsageError, match="is not a subdomain"):
        resolve(tenant=tenant)


def test_without_workspace_and_base_url_there_is_nothing_to_reach() -> None:
    """The message names the variable."""
    with pytest.raises(UsageError, match="no workspace") as error:
        resolve()
    assert "MIHU_TENANT" in error.value.hint


@pytest.mark.parametrize("base_url", ["https://acme.mihu.ai", "https://acme.mindhunters.ai:443"])
def test_a_workspace_that_contradicts_the_base_url_is_refused(base_url: str) -> None:
    """One of the two is a mistake, and which one cannot be known."""
    with pytest.raises(UsageError, match="the workspace is 'other', but the base URL is that of 'acme'"):
        resolve(base_url, "other")


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user:hunter2@acme.mihu.ai",
        "user:hunter2@acme.mihu.ai",
        "https://user:a/hunter2@acme.mihu.ai",
        "https://acme.mihu.ai?token=hunter2",
        "https://acme.mihu.ai/#hunter2",
        "ftp://u:x@y:hunter2@acme.mihu.ai/?hunter2\nhunter2",
    ],
)
def test_what_may_be_a_secret_in_a_url_is_not_repeated(base_url: str) -> None:
    """Neither a password before the host nor a token after it."""
    with pytest.raises(UsageError) as error:
        resolve(base_url)
    assert "hunter2" not in f"{error.value.message} {error.value.hint}"


def test_a_target_does_not_show_its_token() -> None:
    """It may be logged."""
    assert "t0ken" not in repr(resolve(tenant="acme"))
