"""Whose trunks, and where the API answers for them: the one place that decides which host may get the token."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import SplitResult, urlsplit

from batch.adapters.credentials import Secret
from batch.core.model import BRANDS, Workspace
from batch.errors import UsageError

PREFIX: Final = "/api/v1"
PORTS: Final = {"https": 443, "http": 80}
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
"""A host that resolvers read as an address in some other notation (2130706433, 0x7f.1) ends in such a label."""
_VISIBLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # no space, line break, backslash or letter beyond ASCII
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A workspace, the URL that every call begins with (it ends in ``/api/v1``), and the token for it."""

    workspace: Workspace
    base_url: str
    token: Secret = field(repr=False)


def resolve(*, tenant: str, base_url: str, token: Secret) -> Target:
    """The target that settings name; raises :class:`UsageError`.

    The host is ``TENANT.mihu.ai`` (API.md §1), or that of *base_url*: by https, or by http on loopback only.
    """
    if tenant and _LABEL.fullmatch(tenant) is None:
        _refuse(f"the workspace {tenant!r} is not a subdomain", "give only the part before .mihu.ai, such as acme")
    if not tenant and not base_url:
        _refuse("there is no workspace", "set MIHU_TENANT or --workspace to the tenant's subdomain")
    if not base_url:
        host = f"{tenant.lower()}.{BRANDS[0]}"
        return Target(Workspace(tenant.lower(), host), f"https://{host}{PREFIX}", token)
    url = _split(base_url)
    host = _host(url)
    return Target(Workspace(_tenant(tenant, host), host), f"{url.scheme}://{host}{_path(base_url, url)}", token)


def _split(base_url: str) -> SplitResult:
    """The URL in parts, when it is one that may get the token."""
    if _VISIBLE.fullmatch(base_url) is None:  # urlsplit drops line breaks, and what is left is another host
        _bad(base_url, "it holds spaces, line breaks, backslashes or letters beyond ASCII")
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError:
        _bad(base_url, "it is not a URL")
    name = url.hostname or ""
    if url.scheme not in PORTS:
        _bad(base_url, "it must begin with https://")
    if "@" in url.netloc or url.query or url.fragment or "?" in base_url or "#" in base_url:
        _bad(base_url, "it must be scheme, host and path only")
    if port == 0 or not _is_host(name) or ("[" in url.netloc) != (":" in name):
        _bad(base_url, "its host is not one")
    if url.scheme == "http" and not is_loopback(name):
        _bad(base_url, "plain http would send the token unprotected; it is allowed on loopback only")
    return url


def _host(url: SplitResult) -> str:
    """Host and port, spelt so that two ways to write one host are one workspace."""
    name = url.hostname or ""
    shown = f"[{name}]" if ":" in name else name
    return shown if url.port in {None, PORTS[url.scheme]} else f"{shown}:{url.port}"


def _path(base_url: str, url: SplitResult) -> str:
    path = url.path.rstrip("/")
    if _PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
        _bad(base_url, "its path is not one")
    return path if path.endswith(PREFIX) else path + PREFIX


def is_loopback(host: str) -> bool:
    """Whether *host* can only be this machine."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_host(name: str) -> bool:
    named = _HOST.fullmatch(name) is not None and ".." not in name and _NUMERIC.fullmatch(name) is None
    return named or _is_address(name)


def _is_address(host: str) -> bool:
    """Whether *host* is an address as everybody writes it; a zone would be part of this machine's set-up, not of it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _tenant(tenant: str, host: str) -> str:
    """The tenant's name; that of a brand's host must be the one asked for."""
    label, _, rest = host.partition(".")
    if rest not in BRANDS:
        return tenant.lower()
    if tenant and tenant.lower() != label:
        _refuse(f"the workspace is {tenant!r}, but the base URL is that of {label!r}", "give only one of the two")
    return label


def _bad(base_url: str, why: str) -> NoReturn:
    # whatever stands before an @ may be a password, and whatever follows a ? or # a token
    shown = re.sub(r"([?#]).*", r"\1…", re.sub(r"^(\w+://)?.*@", r"\1…@", base_url, flags=re.DOTALL), flags=re.DOTALL)
    _refuse(f"the base URL {shown!r} cannot be used: {why}", "give a URL such as https://acme.mihu.ai/api/v1")


def _refuse(message: str, hint: str) -> NoReturn:
    raise UsageError(message, hint=hint)
