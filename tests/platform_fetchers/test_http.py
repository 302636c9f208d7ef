"""The transport: one deadline, one cap, no redirects, no netrc, lenient Retry-After, redaction."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from io import BufferedIOBase
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.http import (
    LONGEST_WAIT,
    BodyTooLargeError,
    BoundedAdapter,
    DeadlineExceededError,
    RedirectRefusedError,
    new_session,
    parse_http_date,
    parse_json,
    parse_retry_after,
    redact,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer

DEADLINE = 0.4


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with new_session() as session:
        yield session


def drip(*, before: bytes, drops: bytes) -> Callable[[BufferedIOBase, threading.Event], None]:
    """Sends `before`, then one of `drops` every 20 ms, over and over: each read of the client is in time."""

    def send(wire: BufferedIOBase, stopping: threading.Event) -> None:
        wire.write(before)
        wire.flush()
        for drop in drops * 500:
            if stopping.wait(0.02):
                return
            wire.write(bytes([drop]))
            wire.flush()

    return send


@pytest.mark.parametrize(
    ("before", "drops"),
    [
        pytest.param(b"HTTP/1.1 200", b" ", id="status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", id="chunk size"),
    ],
)
def test_a_server_that_drips_is_left_at_the_deadline(
    server: PlatformServer, http_session: requests.Session, before: bytes, drops: bytes
) -> None:
    server.script(Answer(send=drip(before=before, drops=drops)))
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        http_session.get(server.url, timeout=DEADLINE, allow_redirects=False)
    assert DEADLINE <= time.monotonic() - began < 20 * DEADLINE


def stall(wire: BufferedIOBase, stopping: threading.Event) -> None:
    """Says nothing until the test is over."""
    stopping.wait(10)


def test_a_server_that_says_nothing_is_left_at_the_deadline(
    server: PlatformServer, http_session: requests.Session
) -> None:
    server.script(Answer(send=stall))
    with pytest.raises(DeadlineExceededError):
        http_session.get(server.url, timeout=DEADLINE)


def test_the_deadline_is_one_for_the_whole_call(server: PlatformServer, http_session: requests.Session) -> None:
    deadline = 5 * DEADLINE  # of a machine that pauses for a second the test can tell nothing with less

    def late_then_silent(wire: BufferedIOBase, stopping: threading.Event) -> None:
        stopping.wait(0.75 * deadline)
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        stopping.wait(10)

    server.script(Answer(send=late_then_silent))
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        http_session.get(server.url, timeout=deadline)
    assert time.monotonic() - began < 1.6 * deadline


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate of this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*plain) + signed.public_bytes(Encoding.PEM))
    return file


def test_the_deadline_holds_for_https_as_well(http_session: requests.Session, certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with PlatformServer(tls=tls) as server:
        server.script(Answer(json={"good": 1}), Answer(send=drip(before=b"HTTP/1.1 200 OK\r\nX-Header: ", drops=b"x")))
        assert http_session.get(server.url, verify=str(certificate), timeout=5).json() == {"good": 1}
        with pytest.raises(DeadlineExceededError):
            http_session.get(server.url, verify=str(certificate), timeout=DEADLINE)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_cap_counts_decoded_bytes(server: PlatformServer, encoding: str) -> None:
    body = b"x" * 3_000_000
    server.script(
        Answer(body=gzip.compress(body) if encoding == "gzip" else body, headers={"Content-Encoding": encoding}),
        Answer(json={"next": "reply"}),
    )
    with requests.Session() as session:
        session.mount("http://", BoundedAdapter(max_body_bytes=2_000_000))
        with pytest.raises(BodyTooLargeError):
            session.get(server.url, timeout=5)
        # What was left unread must not be taken for the next reply.
        assert session.get(server.url, timeout=5).json() == {"next": "reply"}


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 100\r\n\r\n{", id="content length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n40\r\n{", id="chunked"),
        pytest.param(b"Content-Length: 12\r\nContent-Encoding: gzip\r\n\r\nnot gzip at ", id="broken gzip"),
    ],
)
def test_a_body_that_breaks_off_is_an_error(
    server: PlatformServer, http_session: requests.Session, head: bytes
) -> None:
    def send(wire: BufferedIOBase, _: threading.Event) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\n" + head)

    server.script(Answer(send=send))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http_session.get(server.url, timeout=5)


def test_a_redirect_is_refused_and_its_target_never_asked(
    server: PlatformServer, http_session: requests.Session
) -> None:
    server.script(Answer(status=302, headers={"Location": f"{server.url}/elsewhere"}, body=b"moved"))
    with pytest.raises(RedirectRefusedError):
        http_session.get(f"{server.url}/here", timeout=5)
    assert [request.path for request in server.requests] == ["/here"]


def test_connections_are_kept_between_calls(server: PlatformServer, http_session: requests.Session) -> None:
    adapter = http_session.get_adapter(server.url)
    for _ in range(3):
        assert http_session.get(server.url, timeout=5).json() == {}
    assert isinstance(adapter, BoundedAdapter)
    (pool,) = (adapter.poolmanager.pools[key] for key in adapter.poolmanager.pools.keys())  # noqa: SIM118
    assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_no_netrc_entry_replaces_the_bearer_header(
    server: PlatformServer, http_session: requests.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    http_session.get(server.url, headers={"Authorization": "Bearer ours"}, timeout=5)
    assert server.requests[0].headers["authorization"] == "Bearer ours"


def test_this_machine_is_reached_without_the_proxy_of_the_environment(
    server: PlatformServer, http_session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert http_session.get(server.url, timeout=5).ok


NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("0", 0.0),
        ("Tue, 01 Sep 2026 12:01:30 GMT", 90.0),
        ("Tuesday, 01-Sep-26 12:01:30 GMT", 90.0),
        ("Tue, 01 Sep 2026 11:00:00 GMT", 0.0),
        ("86400", 86400.0),
        ("999999999", LONGEST_WAIT),
        ("Tue, 01 Sep 2099 11:00:00 GMT", LONGEST_WAIT),
        ("Tue, 01 Sep 2026 14:01:30 +0200", 90.0),
        ("Tue, 01 Sep 2026 12:01:30 -0000", 90.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1e3", None),
        ("99999999999", None),
        ("Tue, 99 Sep 2026 12:00:00 GMT", None),
        (None, None),
        (7, None),
    ],
)
def test_retry_after_in_every_form(value: object, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_is_an_exception(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(0, 4_000_000_000), st.integers(-720, 720))
def test_http_dates_are_read_in_any_zone(second: int, minutes: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    written = format_datetime(moment.astimezone(timezone(timedelta(minutes=minutes))))
    assert parse_http_date(written) == moment


@pytest.mark.parametrize(
    "text",
    [
        "https://host/x?access_token=SECRET&fields=id",
        "https://host/x?a=1&appsecret_proof=SECRET",
        "Authorization: Bearer SECRET",
        "basic SECRET==",
        '{"access_token": "SECRET", "expires_in": 1}',
        "input_token%3DSECRET",
        "the token SECRET is wrong",
    ],
)
def test_redaction(text: str) -> None:
    assert "SECRET" not in redact(text, "SECRET" if text.startswith("the token") else None)
    assert "[redacted]" in redact(text, "SECRET")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b'{"n": 18446744073709551615, "s": "\\u00fc\xc3\xbc", "f": 1.5, "none": null}',
         {"n": 2**64 - 1, "s": "üü", "f": 1.5, "none": None}),
        (b'{"likes": NaN, "views": -Infinity}', {"likes": "NaN", "views": "-Infinity"}),
        ('{"text": "ü"}'.encode("utf-16"), {"text": "ü"}),
        (b'\xef\xbb\xbf{"likes": 1}', {"likes": 1}),
        (r'"half a \ud83d"', "half a \ud83d"),
    ],
)  # fmt: skip
def test_json_is_read_and_what_some_servers_take_for_it(sent: bytes | str, read: object) -> None:
    assert parse_json(sent) == read


@pytest.mark.parametrize("sent", [b"", b"<html>", b'{"cut": [1,', b"\xff\xfe\xfd", "[" * 100_000])
def test_what_is_no_json_is_refused(sent: bytes | str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse_json(sent)
