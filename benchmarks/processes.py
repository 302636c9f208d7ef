"""What a measurement runs on: a database server of its own, a sandbox in a process of its own, a fresh process.

Here: starting and stopping. Not here: what is measured. Nothing of the user's own database or settings of hosts is used.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from cryptography.fernet import Fernet
from sqlalchemy import make_url

from analytics_pipeline.database import embedded, engine
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.wire import RequestRecord
from analytics_pipeline.settings import get_settings
from benchmarks.world import DAYS, make_world

T = TypeVar("T")
Environment = dict[str, str]

_SPAWN = get_context("spawn")


class Sandbox(Protocol):
    """A running sandbox, wherever it runs."""

    def environment(self) -> Environment:
        """The settings that point the pipeline at it."""

    def log(self) -> list[RequestRecord]:
        """What was asked of it since the last time this was called, oldest first."""

    def billed(self) -> dict[date, dict[tuple[str, str], str]]:
        """As SandboxServer.billed."""

    def cpu_seconds(self) -> float:
        """CPU time of its process so far."""


class _SandboxProcess:
    """A world and its server; lives in the process that a manager starts."""

    def __init__(self, platforms: Sequence[str], accounts: int, posts: int, latency: float, days: int) -> None:
        world = make_world(platforms, accounts, posts, datetime.now(UTC), days)
        self._server = SandboxServer(world).__enter__()
        for platform in platforms if latency else ():
            # Calls carry the version in their path, the entries of a Graph batch do not: a batch waits once.
            path = f"/{get_settings().meta_api_version}/" if platform in ("facebook", "instagram") else ""
            self._server.script_fault("delay", platform=platform, seconds=latency, times=0, path_contains=path)

    def environment(self) -> Environment:
        return self._server.environment

    def log(self) -> list[RequestRecord]:
        records = self._server.requests
        self._server.clear_requests()
        return records

    def billed(self) -> dict[date, dict[tuple[str, str], str]]:
        return self._server.billed

    def cpu_seconds(self) -> float:
        return time.process_time()


class _Manager(BaseManager):
    pass


_Manager.register("sandbox", _SandboxProcess)


@contextmanager
def sandbox(platforms: Sequence[str], accounts: int, posts: int, latency: float, days: int = DAYS) -> Iterator[Sandbox]:
    """A sandbox with a world of that size per platform, whose every answer comes `latency` seconds after its request."""
    with _Manager(ctx=_SPAWN) as manager:
        yield cast(Sandbox, manager.sandbox(platforms, accounts, posts, latency, days))  # type: ignore[attr-defined]


@contextmanager
def database_server() -> Iterator[Callable[[str], Environment]]:
    """An embedded server; gives what makes a fresh, migrated database on it and says the settings that name it."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder:
        server = embedded.start(Path(folder) / "postgres")
        home = {"ANALYTICS_HOME": folder, "ANALYTICS_ENCRYPTION_KEY": Fernet.generate_key().decode()}

        def fresh(name: str) -> Environment:
            url = server.url(name)
            engine.upgrade(make_url(url).set(drivername="postgresql+psycopg"))
            return {**home, "DATABASE_URL": url}

        try:
            yield fresh
        finally:
            server.stop()
            shutil.rmtree(server.home, ignore_errors=True)  # the guard of the server may leave a file behind it


def in_fresh_process(environment: Environment, work: Callable[..., T], *arguments: Any) -> T:
    """The result of `work` in a process that has done nothing else, so that its peak memory is that of the work."""
    with ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_use, initargs=(environment,)) as process:
        return process.submit(work, *arguments).result()


def _use(environment: Environment) -> None:
    os.environ.update(environment)
    get_settings.cache_clear()
