"""A run worker dies at each point of its work, by kill -9, by SIGTERM, with its database; one recovery cycle mends all."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from analytics_pipeline import runs
from analytics_pipeline.database import embedded
from analytics_pipeline.database.engine import dagster_database_url, get_engine, libpq_url, new_session, upgrade
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import workers
from tests.end_to_end.gates import gate
from tests.end_to_end.recovery import assert_all_is_well, connect_pages, pass_time, recover, world
from tests.end_to_end.server import restart_at_once
from tests.end_to_end.worker import Worker

LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=3)
WORLD = world(FIRST, LAST)

POINTS: dict[str, tuple[LiteralString, LiteralString]] = {
    "a page of the listing is being stored": ("published_posts", "BEFORE INSERT ON {table} FOR EACH ROW"),
    "listed, and not yet claimed": (
        "sync_units",
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.state = 'running')",
    ),
    "fetched, and nothing written": ("post_analytics", "BEFORE INSERT ON {table} FOR EACH STATEMENT"),
    "in the middle of writing": (
        "sync_units",
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.state = 'done' AND OLD.state = 'running')",
    ),
    "all is written, and not committed": (
        "sync_units",
        "AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        " WHEN (NEW.state = 'done' AND OLD.state = 'running')",
    ),
}
TOLD: LiteralString = (
    "BEFORE INSERT ON {table} FOR EACH ROW"
    " WHEN (NEW.dagster_event_type = 'ASSET_MATERIALIZATION' AND NEW.asset_key LIKE '%post_analytics%')"
)


@pytest.fixture
def sandbox(engine: Engine) -> Iterator[SandboxServer]:
    """The platform, with all its accounts connected."""
    connect_pages(engine, WORLD, FIRST)
    with SandboxServer(WORLD) as server:
        yield server


@pytest.fixture
def instance(engine: Engine, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster on the test's database; this process, which recovers, uses the same sandbox."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with runs.dagster_instance() as instance:
        yield instance
    get_settings.cache_clear()


def start() -> Worker:
    """A worker on all days."""
    return Worker(os.environ, FIRST, LAST)


@pytest.mark.parametrize("point", POINTS)
def test_killed_where(point: str, engine: Engine, instance: dg.DagsterInstance) -> None:
    table, when = POINTS[point]
    with gate(libpq_url(engine.url), table, when) as here:
        worker = start()
        here.await_arrival()
        worker.signal(signal.SIGKILL)
        assert worker.end() == -signal.SIGKILL
    recover(engine, instance)
    assert_all_is_well(engine, instance, WORLD)


def test_killed_while_the_platform_answers(
    engine: Engine, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    sandbox.script_fault("slow_body", path_contains="ShareStatistics", seconds=60)
    worker = start()
    while not any(request.fault for request in sandbox.requests):
        assert worker.process.is_alive()
    worker.signal(signal.SIGKILL)
    assert worker.end() == -signal.SIGKILL
    recover(engine, instance)
    assert_all_is_well(engine, instance, WORLD)


def test_killed_after_the_commit_and_before_dagster_was_told(engine: Engine, instance: dg.DagsterInstance) -> None:
    with gate(libpq_url(dagster_database_url()), "event_logs", TOLD) as here:
        worker = start()
        here.await_arrival()
        worker.signal(signal.SIGKILL)
        assert worker.end() == -signal.SIGKILL
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1 FROM sync_units WHERE state = 'done'")).first()
    recover(engine, instance)
    assert_all_is_well(engine, instance, WORLD)


def test_told_to_stop_a_worker_gives_its_units_back_and_ends_its_run(
    engine: Engine, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    sandbox.script_fault("delay", path_contains="ShareStatistics", seconds=1.5, times=0)
    worker = start()
    while not any(request.fault for request in sandbox.requests):
        assert worker.process.is_alive()
    worker.signal(signal.SIGTERM)
    assert worker.end() != 0
    sandbox.state.faults.clear()
    with engine.connect() as connection:
        states = set(connection.execute(text("SELECT state, attempts FROM sync_units")).all())
    assert states <= {("due", 0), ("done", 0)}
    assert ("due", 0) in states
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    recover(engine, instance)
    assert_all_is_well(engine, instance, WORLD)


def test_a_stopped_worker_that_wakes_up_stores_nothing(
    engine: Engine, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    """While it is stopped it keeps its accounts, until it has hung for two hours; then their locks are taken from it."""
    sandbox.script_fault("delay", path_contains="ShareStatistics", seconds=1, times=2)
    zombie = start()
    while sum(bool(request.fault) for request in sandbox.requests) < 2:
        assert zombie.process.is_alive()
    zombie.signal(signal.SIGSTOP)
    pass_time(engine, timedelta(hours=1))
    with new_session(engine) as session:
        assert workers.take_back(session, datetime.now(UTC)) == 0, "a worker with a connection may be at work"
    (run,) = instance.get_runs()
    # What run_monitoring does with a run of two hours.
    instance.report_run_failed(run)
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    pass_time(engine, timedelta(hours=1, minutes=1))
    recover(engine, instance)
    assert_all_is_well(engine, instance, WORLD)
    before = everything(engine)

    zombie.signal(signal.SIGCONT)

    assert zombie.end() == 1
    assert everything(engine) == before
    assert_all_is_well(engine, instance, WORLD)


def everything(engine: Engine) -> list[object]:
    """Every reading and every unit, with the run that it comes from."""
    tables = {"post_analytics": "post_id, fetched_at", "raw_observations": "post_id", "sync_units": "publish_day"}
    with engine.connect() as connection:
        return [
            row
            for table, order in tables.items()
            for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}, 1"))
        ]


def test_everything_dies_at_once_in_the_middle_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database too, without warning (`-m immediate`); the worker is killed only where it does not die of that."""
    server = embedded.start(tmp_path / "postgres", fast=True)
    monkeypatch.setenv("DATABASE_URL", server.url("deaths"))
    get_settings.cache_clear()
    get_engine.cache_clear()
    upgrade()
    engine = get_engine()
    connect_pages(engine, WORLD, FIRST)
    with SandboxServer(WORLD) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        with gate(server.url("deaths"), *POINTS["in the middle of writing"]) as here:
            worker = start()
            here.await_arrival()
            restart_at_once(server)
            assert worker.end() != 0
        with runs.dagster_instance() as instance:
            recover(engine, instance)
            assert_all_is_well(engine, instance, WORLD)
    engine.dispose()
    get_engine.cache_clear()
    get_settings.cache_clear()
    server.stop()
