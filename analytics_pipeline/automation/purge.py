"""What grows for ever and is soon worthless: replies word for word, errors of finished units, solved alerts, old runs.

Here: what may go, and the daily job. Not here: ticks of sensors and schedules (`dagster.yaml`, retention). Observations and
summaries are never purged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EventLogs
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.executor import watched_executor
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings

BATCH = 10_000
"""Rows deleted in one transaction: no writer waits long, and a purge that is stopped keeps what it did."""

_TOO_OLD = {
    "raw_observations": "fetched_at < :replies_before",
    "sync_errors": "occurred_at < :runs_before AND NOT EXISTS (SELECT FROM sync_units u WHERE u.state <> 'done'"
    " AND u.social_account_id = t.social_account_id AND u.publish_day = t.publish_day)",
    "alerts": "resolved_at < :runs_before",
}
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows of a table, or runs of Dagster, that were too old; they are gone, unless it was a dry run."""

    what: str
    count: int


def purge(session: Session, instance: dg.DagsterInstance, now: datetime, *, dry_run: bool) -> Iterator[Purged]:
    """Deletes what is older than RAW_RETENTION_DAYS and RUN_RETENTION_DAYS, in small transactions; `dry_run` only counts."""
    settings = get_settings()
    runs_before = now - timedelta(days=settings.run_retention_days)
    limits = {"replies_before": now - timedelta(days=settings.raw_retention_days), "runs_before": runs_before}
    for table, too_old in _TOO_OLD.items():
        used = {name: limit for name, limit in limits.items() if f":{name}" in too_old}
        yield Purged(table, _purge_table(session, table, too_old, used, dry_run))
    runs = _runs_to_purge(instance, runs_before)
    if not dry_run:
        for run_id in runs:
            instance.delete_run(run_id)
    yield Purged("Dagster runs", len(runs))


def _purge_table(session: Session, table: str, too_old: str, limits: dict[str, datetime], dry_run: bool) -> int:
    if dry_run:
        return session.scalar(text(f"SELECT count(*) FROM {table} t WHERE {too_old}"), limits) or 0  # noqa: S608
    some = f"SELECT ctid FROM {table} t WHERE {too_old} LIMIT {BATCH}"  # noqa: S608
    total = 0
    while True:
        deleted = session.execute(text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({some})) RETURNING 1"), limits)  # noqa: S608
        count = len(deleted.all())
        session.commit()
        total += count
        if count < BATCH:
            return total


def _runs_to_purge(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Runs that ended and are too old, but for those that some partition still owes its materialisation to.

    Deleting such a run would make the UI show the day as missing.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return []
    newest = (
        select(func.max(EventLogs.c.id))
        .where(EventLogs.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value)
        .group_by(EventLogs.c.asset_key, EventLogs.c.partition)
    )
    with storage.index_connection() as connection:
        needed: set[str] = set(
            connection.scalars(select(EventLogs.c.run_id).where(EventLogs.c.id.in_(newest)).distinct())
        )
    old = instance.get_run_records(dg.RunsFilter(statuses=_FINISHED, created_before=before))
    return [record.dagster_run.run_id for record in old if record.dagster_run.run_id not in needed]


class PurgeConfig(dg.Config):
    """How the job works."""

    dry_run: bool = False


@dg.op(
    name="purge_what_is_too_old",
    description="Deletes replies, errors, solved alerts and runs older than the settings say.",
)
def purge_op(context: dg.OpExecutionContext, config: PurgeConfig, database: DatabaseResource) -> None:
    """Says what went in the run's log."""
    with database.session() as session:
        for gone in purge(session, context.instance, datetime.now(UTC), dry_run=config.dry_run):
            context.log.info("%s: %d %s", gone.what, gone.count, "too old" if config.dry_run else "deleted")


@dg.job(name="purge", executor_def=watched_executor, description=purge_op.description)
def purge_job() -> None:
    """The daily purge."""
    purge_op()


PURGE_SCHEDULE = dg.ScheduleDefinition(
    name="purge_daily",
    job=purge_job,
    cron_schedule="40 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=purge_op.description,
)
