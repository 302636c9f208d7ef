"""The retry sensor, which drains the ledger of what was rate limited or failed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy.orm import Session

from analytics_pipeline.automation.jobs import SYNC_JOBS, only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import grouped, range_tags
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync import plan, retries, workers

MAX_RUNS_PER_TICK = 4
"""Runs of a platform that one tick asks for: a backlog never crowds out the refresh of young posts."""
LONGEST_RANGE = 366
"""Publish days that one run covers at most: it only works on those of them that are due."""


def retry_requests(session: Session, now: datetime) -> Iterator[dg.RunRequest]:
    """A run for each range of publish days with units whose waiting time is over, or that nobody works on.

    The ledger remembers that they were asked for, so that nothing is asked for twice, and what a dead run left behind
    is asked for again. Commits.
    """
    workers.take_back(session, now)
    for platform in SYNC_JOBS:
        units = retries.due_units(session, platform, now)
        ranges = grouped((unit.publish_day for unit in units), LONGEST_RANGE, plan.LISTED_TOGETHER.days)
        for first, last in ranges[:MAX_RUNS_PER_TICK]:
            asked = [unit for unit in units if first <= unit.publish_day <= last]
            retries.remember_asked(session, asked, now)
            attempt = max(unit.attempts for unit in asked) + 1
            yield dg.RunRequest(
                run_key=f"{platform}:{first}:{last}:attempt {attempt}:{now:%Y-%m-%dT%H:%M:%S}",
                job_name=sync_job_name(platform),
                run_config=only_due_config(platform),
                tags={**range_tags(first, last), "retry": "true"},
            )
    session.commit()


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
