"""A backfill whose steps two Celery workers carry out leaves the same tables as one process, with a real broker.

The broker is PostgreSQL, by kombu's transport for SQLAlchemy: it needs no server of its own. Dagster's daemon is driven
step by step (backfills every 30 s are too slow for a test); code server, run processes and workers are real processes.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.selector import (
    PartitionRangeSelector,
    PartitionsByAssetSelector,
    PartitionsSelector,
)
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from kombu.connection import Connection
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline import runs
from analytics_pipeline.database.dagster_storage import instance_ref
from analytics_pipeline.database.engine import libpq_url
from analytics_pipeline.database.models import Business
from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync.accounts import connect

PLATFORMS, DAYS, POSTS_PER_DAY = ("linkedin", "twitter"), 6, 3
LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=DAYS - 1)
WORKERS = ("first", "second")
PATIENCE_SECONDS = 400


def world() -> World:
    """A page and an X account with three posts on each day, no two with the same figures."""
    accounts = [Account(platform, "77", "Acme", access_token=f"token-of-{platform}") for platform in PLATFORMS]
    posts, observations = [], []
    for n in range(DAYS * POSTS_PER_DAY):
        moment = datetime.combine(LAST - timedelta(days=n // POSTS_PER_DAY), datetime.min.time(), UTC)
        for platform, post_id in (("linkedin", f"urn:li:share:73{n:017d}"), ("twitter", f"19{n:017d}")):
            posts.append(Post(platform, "77", post_id, moment + timedelta(hours=n % POSTS_PER_DAY)))
            observations.append(
                Observation(platform, post_id, moment, likes=n, comments=n % 5, shares=1, impressions=100 + n)
            )
    return World("spread", accounts, posts, observations)


TABLES = {
    "published_posts": ("id", "last_synced_at", "created_at", "updated_at"),
    "post_analytics": ("id", "post_id", "fetched_at"),
    "sync_units": ("attempt_id", "run_id", "started_at", "finished_at", "created_at", "updated_at"),
}
"""What is compared, and the columns that say who did it and when."""


def rows(engine: Engine) -> dict[str, list[str]]:
    """All rows of the tables, as text."""
    found = {}
    with engine.connect() as connection:
        for table, differing in TABLES.items():
            without = "".join(f" - '{name}'" for name in differing)
            found[table] = sorted(connection.scalars(text(f"select (to_jsonb(t){without})::text from {table} t")))
    return found


def backfill_in_one_process() -> None:
    """As the command line does it, without the summaries."""
    with runs.dagster_instance() as instance:
        for platform in PLATFORMS:
            assert runs.run_days(instance, platform, FIRST, LAST).success


def forget(engine: Engine) -> None:
    """Takes everything but businesses and accounts away."""
    with engine.begin() as connection:
        connection.execute(text("truncate published_posts, sync_units, api_usage, api_quotas, billed_reads cascade"))


@contextmanager
def workers(home: Path) -> Iterator[None]:
    """Two workers, each carrying out one step at a time."""
    celery = [str(Path(sys.executable).with_name("celery")), "-A", "analytics_pipeline.celery_worker", "worker"]
    with (home / "workers.log").open("w") as log:
        started = [
            subprocess.Popen([*celery, "-n", f"{name}@test", "-c", "1"], stdout=log, stderr=log, start_new_session=True)
            for name in WORKERS
        ]
        try:
            yield
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait(30)


def backfill_by_workers(instance: dg.DagsterInstance) -> PartitionBackfill:
    """A backfill as the UI asks for it, from the raw assets of both platforms to the summaries."""
    target = ModuleTarget("analytics_pipeline.definitions", None, None, "analytics_pipeline")
    with WorkspaceProcessContext(instance, target) as workspace:
        graph = workspace.create_request_context().asset_graph
        raw = [[platform, name] for platform in PLATFORMS for name in ("published_posts", "post_analytics")]
        days = PartitionsSelector(ranges=[PartitionRangeSelector(start=str(FIRST), end=str(LAST))])
        selected = [
            PartitionsByAssetSelector(asset_key=dg.AssetKey(key), partitions=days)
            for key in [*raw, ["int_publish_days"], ["analytics_summaries"]]
        ]
        asked = PartitionBackfill.from_partitions_by_assets(
            "spread", graph, time.time(), {}, instance, selected, title=None, description=None, run_config=None
        )
        instance.add_backfill(asked)
        log, queue = logging.getLogger("backfill"), QueuedRunCoordinatorDaemon(interval_seconds=1)
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := instance.get_backfill("spread")) and found.status == BulkActionStatus.REQUESTED:
            assert time.monotonic() < until, [(run.status, run.tags) for run in instance.get_runs()]
            assert not any(execute_backfill_iteration(workspace, log))
            assert not [error for error in queue.run_iteration(workspace) if hasattr(error, "message")]
            time.sleep(1)
    assert found
    return found


def workers_of_steps(instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """Which steps each worker carried out, by the events of the runs."""
    found: dict[str, set[str]] = {}
    for run in instance.get_runs():
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event and event.is_engine_event and (worker := event.engine_event_data.metadata.get("Celery worker")):
                found.setdefault(str(worker.value), set()).add(str(event.step_key))
    return found


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # kombu's
def test_two_workers_leave_the_tables_of_one_process(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
        session.flush()
        for platform in PLATFORMS:
            connect(session, session.get_one(Business, 1), platform, "77", f"token-of-{platform}")
    broker = engine.url.set(database=f"{engine.url.database}_broker", drivername="postgresql+psycopg2")
    with psycopg.connect(libpq_url(engine.url), autocommit=True) as connection:
        connection.execute(f'create database "{broker.database}"')
    broker_url = "sqla+" + broker.render_as_string(hide_password=False)
    with Connection(broker_url) as made:  # type: ignore[no-untyped-call]
        made.SimpleQueue("dagster").qsize()  # makes the tables: two workers that begin at once would both try
    settings = {
        "RUN_EXECUTOR": "celery",
        "CELERY_BROKER_URL": broker_url,
        "ANALYTICS_HOME": str(tmp_path / "home"),
    }
    with SandboxServer(world()) as sandbox:
        for name, value in (sandbox.environment | settings).items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        (tmp_path / "home").mkdir()
        with workers(tmp_path / "home"):
            backfill_in_one_process()
            expected = rows(engine)
            forget(engine)
            for platform in PLATFORMS:  # a step of each is under way at the same time: one worker alone cannot do them
                sandbox.script_fault("delay", seconds=8, platform=platform)
            with dg.DagsterInstance.from_ref(instance_ref()) as instance:
                ended = backfill_by_workers(instance)
                by = workers_of_steps(instance)
        spread = rows(engine)
    assert ended.status == BulkActionStatus.COMPLETED_SUCCESS
    posts = DAYS * POSTS_PER_DAY * len(PLATFORMS)
    assert {table: len(found) for table, found in expected.items()} == {
        "published_posts": posts, "post_analytics": posts, "sync_units": DAYS * len(PLATFORMS),
    }  # fmt: skip
    assert spread == expected
    with engine.connect() as connection:
        summed = connection.execute(
            text(
                "select sum(total_posts), sum(total_likes) from analytics_summaries"
                " where period_type = 'daily' and platform = 'all'"
            )
        ).one()
    assert summed == (posts, len(PLATFORMS) * sum(range(DAYS * POSTS_PER_DAY)))
    assert set(by) == {f"{name}@test" for name in WORKERS}, "both worked"
    raw = {f"{platform}__{asset}" for platform in PLATFORMS for asset in ("published_posts", "post_analytics")}
    assert raw | {"analytics_summaries"} <= set.union(*by.values())
