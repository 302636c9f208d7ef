"""Fixtures of the fetchers' tests: a server to talk to, a clock that stands still, sleeping that takes no time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import settings

from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.platform_server import PlatformServer

# A busy machine is no failure.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

NOW = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
"""The fetchers' clock; the server's Date header says the same."""

TOKEN = "CANARY-token-7c1e"


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    """A platform that answers {} until told otherwise."""
    with PlatformServer() as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    """The seconds that the fetcher of the test has slept, one entry per pause."""
    return []


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
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
