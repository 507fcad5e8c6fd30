"""What leaves on a connection, and to whom: the token, the address, TLS."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import traceback
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from batch.core import calls
from batch.core.calls import Answer, Fault, FaultKind
from tests.byte_servers import TOKEN, answer, reply_to, serving
from tests.rigs import move

pytestmark = pytest.mark.anyio

# ── what is sent, and to whom ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_token_is_in_the_header_and_nowhere_else() -> None:
    """Once, in a request that says what it accepts and is no larger than it must be."""
    async with serving(answer()) as heard:
        api = heard.api()
        await api.send(calls.assign(move().trunk, move().after))
        await api.aclose()
    head, _, body = heard.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PUT /api/v1/phone-numbers/trunks/assign HTTP/1.1"
    assert {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines[1:]} == {
        "host": f"127.0.0.1:{heard.port}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": "reassign",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "authorization": f"Bearer {TOKEN}",
    }
    assert json.loads(body).keys() == {"phone_number", "channel", "agent_uuid"}


async def test_a_plus_in_a_query_arrives_as_one() -> None:
    """A bare ``+`` would be read as a space."""
    async with serving(answer()) as heard:
        api = heard.api()
        await api.send(calls.channels_of(move().trunk.number))
        await api.aclose()
    assert heard.requests[0].startswith(b"GET /api/v1/phone-numbers/channels?number=%2B90")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """The other host hears nothing, least of all the token."""
    async with serving(answer()) as other:
        place = b"Location: http://127.0.0.1:%d/api/v1/contacts" % other.port
        reply = await reply_to(answer(b"", place, status=b"%d Moved" % status))
    assert isinstance(reply, Answer), reply
    assert (reply.status, other.requests) == (status, [])


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would see the token of every plain call; who needs one says so elsewhere."""
    async with serving(answer()) as proxy, serving(answer()) as heard:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        api = heard.api()
        reply = await api.send(calls.probe())
        await api.aclose()
    assert (isinstance(reply, Answer), proxy.requests, len(heard.requests)) == (True, [], 1)


async def test_a_traceback_that_prints_variables_shows_no_token() -> None:
    """Cut off in the middle of a call, with the request in the frames of the stack."""

    async def silent(stream: anyio.abc.ByteStream) -> None:
        await stream.receive()
        await anyio.sleep_forever()

    told = ""
    async with serving(silent) as heard:
        api = heard.api()
        with anyio.move_on_after(0.1):
            try:
                await api.send(calls.probe())
            except BaseException as error:
                lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
                told = "".join(lines)
                raise
        await api.aclose()
    assert ("exchange" in told, "s3cr3t" in told) == (True, False)


async def test_a_server_that_quotes_the_token_does_not_bring_it_in() -> None:
    """What comes back may land in reports and logs."""
    quoted = f"Authorization: Bearer {TOKEN}".encode()
    reply = await reply_to(answer(quoted, b"X-Debug: " + quoted, status=b"422 Unprocessable Content"))
    assert (reply.status, TOKEN in repr(reply), repr(reply).count("Bearer [token]")) == (422, False, 2)


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ``localhost`` that nobody has signed, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = subprocess.run(
        [openssl, "req", "-x509", *key, *name, "-days", "2", "-out", "-"], check=True, capture_output=True
    )
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


def with_certificate(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    """Not the token, not a byte of the request: its certificate is refused."""
    async with serving(answer(), tls=with_certificate(certificate)) as heard:
        reply = await heard.api(scheme="https", host="localhost").send(calls.probe())
    assert isinstance(reply, Fault), reply
    assert (reply.kind, "certificate" in reply.detail.lower(), heard.requests) == (FaultKind.CONNECT, True, [])


@pytest.mark.parametrize(("host", "good"), [("localhost", True), ("127.0.0.1", False)], ids=["its name", "another"])
async def test_a_company_can_vouch_for_its_own(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, *, good: bool
) -> None:
    """By SSL_CERT_FILE; the name must still be the one that was asked for."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serving(answer(), tls=with_certificate(certificate)) as heard:
        api = heard.api(scheme="https", host=host)
        reply = await api.send(calls.probe())
        await api.aclose()
    assert (isinstance(reply, Answer), len(heard.requests)) == (good, int(good))
