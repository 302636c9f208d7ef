"""A small HTTP server that answers as a test tells it to, well or badly, and remembers what it was asked.

Not here: any platform's behaviour (that is the sandbox's, and the tests' own few lines).
"""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What arrived: `target` is path and query as they were sent, `query` the decoded values."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Answer:
    """What goes back: JSON, or bytes, or whatever `send` writes instead of the whole reply."""

    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    send: Callable[[BufferedIOBase, threading.Event], None] | None = None


class PlatformServer:
    """`answer` is called with each request; `requests` holds all that came. With `tls` it speaks HTTPS."""

    def __init__(
        self, answer: Callable[[Request], Answer] = lambda _: Answer(json={}), tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.date = datetime(2026, 9, 1, 12, tzinfo=UTC)
        """What the Date header of its answers says."""
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def script(self, *answers: Answer) -> None:
        """From now on these answers in this order; the last one again and again."""
        remaining = list(answers)
        self.answer = lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = self.rfile.read(int(headers.get("content-length", 0)))
                request = Request(self.command, self.path, headers, sent)
                server.requests.append(request)
                answer = server.answer(request)
                try:
                    self._send(answer)
                except OSError:  # the client has had enough, as it should
                    self.close_connection = True

            def _send(self, answer: Answer) -> None:
                if answer.send is not None:
                    self.close_connection = True
                    answer.send(self.wfile, server.stopping)
                    return
                body = answer.body if answer.body is not None else json.dumps(answer.json).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815  # the name that http.server looks for

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(server.date, usegmt=True)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
