"""The retry sensor, which drains the ledger of what was rate limited or failed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg
from sqlalchemy.orm import Session

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.automation.jobs import SYNC_JOBS, only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import grouped, range_of, range_tags
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync import plan, retries, workers

MAX_RUNS_PER_TICK = 4
"""Runs of a platform that one tick asks for: a backlog never crowds out the refresh of young posts."""
LONGEST_RANGE = 366
"""Publish days that one run covers at most: it only works on those of them that are due."""
RETRY_TAG = {"retry": "true"}
_TO_COME = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
"""Not NOT_STARTED: a daemon that dies while it starts a run may leave it so for ever."""

Ranges = Mapping[str, Sequence[tuple[date, date]]]
"""Job → first and last publish day of runs."""


def runs_to_come(instance: dg.DagsterInstance) -> Ranges:
    """The runs that this sensor asked for and that have not begun: a long backfill may be before them in the queue."""
    found: dict[str, list[tuple[date, date]]] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=_TO_COME, tags=RETRY_TAG)):
        found.setdefault(run.job_name, []).append(range_of(run.tags))
    return found


def retry_requests(session: Session, now: datetime, to_come: Ranges) -> Iterator[dg.RunRequest]:
    """A run for each range of publish days with units whose waiting time is over, or that nobody works on.

    Days before ANALYTICS_START_DATE, which may have been an earlier one, are no partitions: a run with one of them fails.
    The ledger remembers that they were asked for, so that nothing is asked for twice, and what a dead run left behind
    is asked for again. What a run `to_come` covers is left to that run. Commits.
    """
    workers.take_back(session, now)
    for platform in SYNC_JOBS:
        covered = to_come.get(sync_job_name(platform), ())
        units = [
            unit
            for unit in retries.due_units(session, platform, now)
            if unit.publish_day >= PUBLISH_DAYS.start.date()
            and not any(first <= unit.publish_day <= last for first, last in covered)
        ]
        ranges = grouped((unit.publish_day for unit in units), LONGEST_RANGE, plan.LISTED_TOGETHER.days)
        for first, last in ranges[:MAX_RUNS_PER_TICK]:
            asked = [unit for unit in units if first <= unit.publish_day <= last]
            retries.remember_asked(session, asked, now)
            attempt = max(unit.attempts for unit in asked) + 1
            yield dg.RunRequest(
                run_key=f"{platform}:{first}:{last}:attempt {attempt}:{now:%Y-%m-%dT%H:%M:%S}",
                job_name=sync_job_name(platform),
                run_config=only_due_config(platform),
                tags={**range_tags(first, last), **RETRY_TAG},
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
        requests = list(retry_requests(session, datetime.now(UTC), runs_to_come(context.instance)))
    return dg.SensorResult(requests, skip_reason=None if requests else dg.SkipReason("nothing in the ledger is due"))
