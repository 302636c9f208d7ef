"""The transport under every fetcher: a `requests.Session` whose replies are complete, bounded and never redirected.

Here: the deadline of a whole call, the cap on the decoded body, the refusal of redirects, redaction, parsing of JSON.
Not here: what a reply means.
"""

import http.client
import io
import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import ReadTimeoutError

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Cap on a decoded body. A page of 100 posts with every metric is below 1 MB."""

LONGEST_WAIT: Final = 25 * 3600.0
"""Seconds. What a header asks for beyond that is a mistake: the longest windows that platforms count in are of a day."""

_CHUNK: Final = 64 * 1024
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SECRET_PARAMETERS: Final = re.compile(
    r"(?i)\b(access_token|refresh_token|client_secret|appsecret_proof|fb_exchange_token|input_token|code)"
    r"(=|%3D|[\"']\s*:\s*[\"'])[^&\s\"']+"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=%-]+")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""NUL, and halves of characters, which JSON may hold: what some servers cut a text to."""


class BodyTooLargeError(requests.RequestException):
    """The decoded body passed the cap."""


class DeadlineExceededError(requests.Timeout):
    """The whole call, from connecting to the last byte, took longer than allowed."""


class RedirectRefusedError(requests.RequestException):
    """The platform answered with a redirect, which could carry a token to another host."""


def redact(text: str, *secrets: str | None) -> str:
    """`text` without the given secrets, bearer values, and the values of parameters that carry tokens.

    Nor with what no database stores and no log holds: a replacement character stands for it.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    text = _BEARER.sub(r"\1 [redacted]", _SECRET_PARAMETERS.sub(r"\1\2[redacted]", text))
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def parse_json(text: str | bytes) -> Any:
    """The JSON of a reply, or of a part of one. Raises ValueError or RecursionError for what is none.

    What JSON does not know but some servers write (NaN, another encoding than UTF-8) is read too; NaN as text, which is no
    figure.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text, parse_constant=str)


def parse_retry_after(value: object, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header: seconds, fractions or an HTTP date; None for anything else.

    At most LONGEST_WAIT.
    """
    if not isinstance(value, str):
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?|\.\d+", value):
        return min(LONGEST_WAIT, float(value))
    moment = parse_http_date(value)
    return None if moment is None else min(LONGEST_WAIT, max(0.0, (moment - now).total_seconds()))


def parse_http_date(value: object) -> datetime | None:
    """The moment (UTC) that a header like `Date` names, None for anything but an HTTP date."""
    if not isinstance(value, str):
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class _DeadlineReader(io.RawIOBase):
    """The bytes of one reply, until the time is over that the socket was given when the reading began."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no complete reply before the deadline")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """Status line, headers, chunk sizes and body all come through one `_DeadlineReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock), _CHUNK)


class _HTTPConnection(HTTPConnection):
    response_class = _DeadlineResponse


class _HTTPSConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _Reply(requests.Response):
    def json(self, **_: Any) -> Any:
        return parse_json(self.content)


class BoundedAdapter(HTTPAdapter):
    """Reads every body to its end before the fetcher sees it, within one deadline and one cap.

    `requests` applies its timeout to each read only, so a server that drips a byte a second holds a call for ever.
    """

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        super().__init__(pool_connections=4, pool_maxsize=8)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool for a request, through a proxy or not, whose connections keep the deadline."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _HTTPSConnection if isinstance(pool, HTTPSConnectionPool) else _HTTPConnection
        return pool

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The reply with a faster reader of JSON."""
        response = super().build_response(req, resp)
        response.__class__ = _Reply
        return response

    def send(  # type: ignore[override]  # requests leaves the arguments untyped
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | None = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """One request and its whole reply, within `timeout` seconds from connecting to the last byte.

        Raises DeadlineExceededError, BodyTooLargeError, RedirectRefusedError, ChunkedEncodingError (cut body) and
        what `requests` raises for a connection that fails.
        """
        if urlsplit(request.url or "").hostname in _THIS_MACHINE:
            proxies = None  # no proxy reaches the sandbox
        try:
            response = super().send(request, True, Timeout(total=timeout), verify, cert, proxies)  # type: ignore[arg-type]  # the stubs know no Timeout
        except requests.ReadTimeout:
            raise DeadlineExceededError("no reply before the deadline") from None
        except Urllib3Error as error:
            raise requests.ConnectionError(f"no reply: {type(error).__name__}") from None
        try:
            if 300 <= response.status_code < 400 and "location" in response.headers:
                raise RedirectRefusedError(f"redirect (status {response.status_code}) refused")
            response._content = self._read(response)
        except BaseException:
            response.close()  # the rest of the reply must not be taken for the next one
            raise
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _read(self, response: requests.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in response.raw.stream(_CHUNK, decode_content=True):
                size += len(chunk)
                if size > self._max_body_bytes:
                    raise BodyTooLargeError(f"body larger than {self._max_body_bytes} bytes")
                chunks.append(chunk)
        except ReadTimeoutError:
            raise DeadlineExceededError("no complete reply before the deadline") from None
        except Urllib3Error as error:
            raise requests.exceptions.ChunkedEncodingError(f"body broke off: {type(error).__name__}") from None
        return b"".join(chunks)


class _Session(requests.Session):
    """Looks into the environment once for every host, not with every call: that takes as long as to send one.

    `calling` is held from the first byte sent to the last one read; not while a request is made.
    """

    def __init__(self, calling: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self._calling = calling
        self._settings: dict[str | None, dict[str, Any]] = {}

    def merge_environment_settings(self, url: Any, *arguments: Any, **named: Any) -> Any:
        host = urlsplit(url).netloc
        if host not in self._settings:
            self._settings[host] = super().merge_environment_settings(url, *arguments, **named)  # type: ignore[assignment]
        return dict(self._settings[host])

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        with self._calling():
            return super().send(request, **options)


def new_session(calling: Callable[[], AbstractContextManager[Any]] = nullcontext) -> requests.Session:
    """A session that follows no redirects and bounds every reply; what `calling` gives is held during every call.

    Proxy and CA settings of the environment count, a netrc file does not: its entry would replace the bearer header.
    """
    session = _Session(calling)
    session.auth = lambda request: request
    adapter = BoundedAdapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
