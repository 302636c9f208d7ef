"""The retry sensor, which drains the ledger, and the sensor that lets the summaries follow the raw days."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy.orm import Session

from analytics_pipeline.automation.jobs import SYNC_JOBS, only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import grouped, range_tags
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import ledger

MAX_UNITS_PER_TICK = 1000
"""Units of a platform that one tick looks at; the newest publish days come first."""
MAX_RUNS_PER_TICK = 4
"""Runs of a platform that one tick asks for: a backlog never crowds out the daily refresh."""


def retry_requests(session: Session, now: datetime) -> Iterator[dg.RunRequest]:
    """A run for each range of publish days with units whose waiting time is over, or that a dead run left behind.

    The run key names the attempt: what fails again is asked for again, and nothing is asked for twice.
    """
    for platform in SYNC_JOBS:
        units = ledger.due_units(session, platform, now, MAX_UNITS_PER_TICK)
        ranges = grouped((unit.publish_day for unit in units), get_settings().backfill_days_per_run)
        for first, last in ranges[:MAX_RUNS_PER_TICK]:
            attempt = "".join(
                f"{unit.social_account_id}/{unit.publish_day}/{unit.attempts}/{unit.updated_at};"
                for unit in units
                if first <= unit.publish_day <= last
            )
            digest = hashlib.sha256(attempt.encode()).hexdigest()[:16]
            yield dg.RunRequest(
                run_key=f"{platform}:{first}:{last}:{digest}",
                job_name=sync_job_name(platform),
                run_config=only_due_config(platform),
                tags={**range_tags(first, last), "retry": "true"},
            )


@dg.sensor(
    name="retry_due_units",
    jobs=list(SYNC_JOBS.values()),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Comes back for what was rate limited or failed, once the platform allows it again.",
)
def retry_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
    """Asks for retry runs; says so when nothing is due."""
    with database.session() as session:
        requests = list(retry_requests(session, datetime.now(UTC)))
    return dg.SensorResult(requests, skip_reason=None if requests else dg.SkipReason("nothing in the ledger is due"))


summaries_sensor = dg.AutomationConditionSensorDefinition(
    "summaries_follow_raw_days",
    target=dg.AssetSelection.groups("summaries"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Rebuilds the summaries of publish days whose raw figures changed.",
)
