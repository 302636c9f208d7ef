"""Settings by the environment, and hosts that answer as a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from analytics_pipeline.health.finding import Finding
from analytics_pipeline.settings import get_settings

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Sets variables of the environment; None unsets one."""

    def configure(**variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield configure
    get_settings.cache_clear()


@contextmanager
def host(status: int = 404, ahead: timedelta = timedelta(0)) -> Iterator[str]:
    """The URL of a host that gives every request this status, on a clock that is `ahead` of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
            if 300 <= status < 400:
                self.send_header("Location", "https://elsewhere.invalid/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def states(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    """Check and state of each finding."""
    return [(finding.check, finding.state) for finding in findings]
