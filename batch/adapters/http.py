"""The vendor's API over HTTP; the one importer of httpx.

httpx's own pool is not used: it is quadratic in its waiters, and how a call broke is not to be told from its errors.
Each worker has an :class:`HttpApi` of its own, whose transport is a single connection (:mod:`batch.adapters.wire`).
Redirects are never followed and no proxy is taken from the environment, since nobody asks a client to do either here.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Generator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from batch.adapters.credentials import Secret
from batch.adapters.target import PORTS, Target
from batch.adapters.wire import CALL_SECONDS, MAX_BODY, Connection, Host, WireError
from batch.core.calls import Answer, Call, Fault, Reply
from batch.core.json_text import encode

if TYPE_CHECKING:
    import httpx
else:
    try:
        import httpx2 as httpx  # the extra [httpx2]: a maintained fork with the same interface
    except ImportError:
        import httpx

_SENT_WITH_A_CALL: Mapping[str, str] = {
    # Laravel answers a failed login with a redirect to a page unless JSON was asked for (API.md §1)
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "reassign",
}


class _Bearer(httpx.Auth):
    """Puts the token into the header: the only place where it is unwrapped."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


class _Sealed(bytes):
    """A request as sent, token and all, which a traceback that prints variables does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<a request of {len(self)} bytes>"


class _Body(httpx.AsyncByteStream):
    """A body that is all there."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


class OneConnection(httpx.AsyncBaseTransport):
    """An httpx transport of one keep-alive connection, which carries one request at a time.

    Raises :class:`WireError`, not httpx's errors: those do not tell a dead idle connection from a refused one. The
    headers stand in the response's extensions too, as texts by their names.
    """

    def __init__(self, host: Host) -> None:
        self._connection = Connection(host)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and receive the whole answer."""
        status, headers, body = await self._connection.exchange(_written(request, await _whole(request.stream)))
        # as bytes: httpx takes texts in ASCII only, and a server may say anything
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Response(status, headers=raw, stream=_Body(body), extensions={"headers": headers})

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.aclose()


async def _whole(stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> bytes:
    if isinstance(stream, _Body):
        return stream.content
    assert isinstance(stream, httpx.AsyncByteStream)
    return b"".join([part async for part in stream])


def _written(request: httpx.Request, content: bytes) -> _Sealed:
    target: bytes = request.extensions.get("target") or request.url.raw_path
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), target)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    return _Sealed(b"\r\n".join((*lines, b"", content)))


class HttpApi:
    """One worker's way to the API: an :class:`batch.adapters.api.Api`. Without *tls* it finds out itself."""

    def __init__(
        self,
        target: Target,
        *,
        call_deadline: float = CALL_SECONDS,
        max_body: int = MAX_BODY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = httpx.URL(target.base_url)
        self._urls: dict[str, httpx.URL] = {}
        self._headers = _signed(httpx.Request("GET", self._base, headers=_SENT_WITH_A_CALL), target.token).headers.raw
        self._token = target.token
        self._transport = OneConnection(_host_of(self._base, call_deadline, max_body, tls))

    async def send(self, call: Call) -> Reply:
        """Send *call* once; whatever happens on the wire comes back as a value."""
        began = time.monotonic()
        request = self._request(call)
        try:
            response = await self._transport.handle_async_request(request)
        except WireError as error:
            return Fault(error.kind, error.detail, time.monotonic() - began)
        body = self._token.struck_out(await _whole(response.stream))
        headers = {name: self._token.struck_out(value) for name, value in response.extensions["headers"].items()}
        return Answer(response.status_code, headers, body, time.monotonic() - began)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._transport.aclose()

    def _request(self, call: Call) -> httpx.Request:
        """The call with all its headers: httpx would work them out anew each time, which takes as long as sending."""
        headers, content = self._headers, b""
        if call.body is not None:
            content = encode(dict(call.body))
            headers = [*headers, (b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(content))]
        url = self._url(call.path)
        target = url.raw_path + (b"?" + urlencode(call.query).encode() if call.query else b"")
        return httpx.Request(call.method, url, headers=headers, stream=_Body(content), extensions={"target": target})

    def _url(self, path: str) -> httpx.URL:
        """The URL of a path, worked out once: parsing it, each time with another query, costs more than sending it."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._base.copy_with(path=self._base.path + path)
        return url


def _signed(request: httpx.Request, token: Secret) -> httpx.Request:
    return next(_Bearer(token).auth_flow(request))


def connections(target: Target, count: int) -> list[HttpApi]:
    """So many ways to *target*, none of them open yet. What it takes to encrypt is the same for all of them."""
    tls = _tls_of(httpx.URL(target.base_url))
    return [HttpApi(target, tls=tls) for _ in range(count)]


def _host_of(
    url: httpx.URL, seconds: float = CALL_SECONDS, max_body: int = MAX_BODY, tls: ssl.SSLContext | None = None
) -> Host:
    return Host(url.host, url.port or PORTS[url.scheme], tls or _tls_of(url), seconds, max_body)


def _tls_of(url: httpx.URL) -> ssl.SSLContext | None:
    """How to encrypt; ``None`` for http. Reading the certificate authorities takes 50 ms."""
    # honours SSL_CERT_FILE and SSL_CERT_DIR, as a company with a certificate authority of its own needs
    return httpx.create_ssl_context() if url.scheme == "https" else None
