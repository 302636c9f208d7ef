"""Deaths at random moments: the worker killed or stopped, its connections cut, the whole database at once.

The suite does few rounds. More, each printed with its seed:

    python -m pytest -n 0 -s tests/end_to_end/test_random_kills.py --rounds 50
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from analytics_pipeline import runs
from analytics_pipeline.database import embedded
from analytics_pipeline.database.engine import get_engine, upgrade
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from tests.end_to_end.recovery import assert_all_is_well, connect_pages, recover, world
from tests.end_to_end.server import restart_at_once
from tests.end_to_end.worker import Worker

LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=9)
WORLD = world(FIRST, LAST)
LONGEST = 1.5
"""Seconds from its first call after which a worker is done, about; later deaths hit nothing."""


def cut_connections(engine: Engine) -> None:
    """As a network would: all that anybody has to this server."""
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        )  # fmt: skip


@pytest.mark.timeout(1800)
def test_whatever_dies_one_cycle_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    server = embedded.start(tmp_path / "postgres", fast=True)
    monkeypatch.setenv("DATABASE_URL", server.url("deaths"))
    with SandboxServer(WORLD) as sandbox:
        sandbox.script_fault("delay", seconds=0.1, times=0)
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        get_engine.cache_clear()
        upgrade()
        engine = get_engine()
        first = pytestconfig.getoption("--seed") or random.randrange(10**6)
        seen: Counter[str] = Counter()
        for seed in range(first, first + pytestconfig.getoption("--rounds")):
            seen[one_round(random.Random(seed), seed, engine, server, sandbox)] += 1
        print(f"{seen.total()} rounds, seeds {first} to {seed}: {dict(seen)}")
    engine.dispose()
    get_engine.cache_clear()
    get_settings.cache_clear()
    server.stop()


def one_round(
    chance: random.Random, seed: int, engine: Engine, server: embedded.EmbeddedServer, sandbox: SandboxServer
) -> str:
    """From an empty database to a whole one, with a death on the way; says what died."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE businesses RESTART IDENTITY CASCADE"))
    connect_pages(engine, WORLD, FIRST)
    sandbox.clear_requests()
    worker = Worker(os.environ, FIRST, LAST)
    deaths: dict[str, Callable[[], None]] = {
        "kill -9": lambda: worker.signal(signal.SIGKILL),
        "SIGTERM": lambda: worker.signal(signal.SIGTERM),
        "connections cut": lambda: cut_connections(engine),
        "database restarted at once": lambda: restart_at_once(server),
    }
    name = chance.choice([*deaths, "kill -9", "kill -9"])
    delay = chance.uniform(0, LONGEST)
    while not sandbox.requests:
        assert worker.process.is_alive()
    time.sleep(delay)
    lived = worker.process.is_alive()
    if lived:
        deaths[name]()
    code = worker.end()
    with engine.connect() as connection:
        states = Counter(connection.scalars(text("SELECT state FROM sync_units")))
        posts = connection.scalar(text("SELECT count(*) FROM post_analytics"))
    said = f"seed {seed}: {name} after {delay:.2f} s" if lived else f"seed {seed}: it was done before {delay:.2f} s"
    print(f"{said}, exit {code}, {posts} readings stored, units {dict(states)}")
    with runs.dagster_instance() as instance:
        recover(engine, instance)
        assert_all_is_well(engine, instance, WORLD)
    return name if lived else "nothing"
