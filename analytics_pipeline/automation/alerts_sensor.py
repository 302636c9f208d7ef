"""The sensor that tells people what needs them.

Here: when it looks, and which runs of Dagster failed. Not here: all other causes, and whether a cause has been told (`alerts/`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.storage.tags import WILL_RETRY_TAG

from analytics_pipeline.alerts import book, causes, channels
from analytics_pipeline.alerts.causes import Cause
from analytics_pipeline.assets.shared import SUMMARIES
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings

TOLD_FOR = timedelta(hours=23)
"""A failed run is a cause for so long: shorter than the span after which a lasting cause is told again."""
MOST_RUNS = 50
"""Failed runs that one tick looks at, the newest: more of them have one reason."""


def failed_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Cause]:
    """Runs that failed lately and that Dagster does not start again by itself: one cause per job, or what is materialised.

    A platform that is down fails a run every hour, and is one thing to be told of.
    """
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - TOLD_FOR)
    by_job: dict[str, list[str]] = {}
    for run in instance.get_runs(failed, limit=MOST_RUNS):  # the newest first
        if run.tags.get(WILL_RETRY_TAG) != "true":
            by_job.setdefault(_work_of(run), []).append(run.run_id[:8])
    for job, (newest, *others) in by_job.items():
        what = f"The run {newest} of {job} failed"
        if others:
            what = f"{len(others) + 1} runs of {job} failed within a day, the last one is {newest}"
        yield Cause(
            f"runs of {job}",
            f"{what}. Its page in the Dagster UI says why; what it left undone is in the ledger, and is tried again when "
            "that can help",
        )


def _work_of(run: dg.DagsterRun) -> str:
    """The job; in Dagster's own, which has every run of the UI, of a backfill and of automation, the groups of assets."""
    if run.job_name != IMPLICIT_ASSET_JOB_NAME:
        return run.job_name
    keys = run.asset_selection or {check.asset_key for check in run.asset_check_selection or ()}
    return ", ".join(sorted({key.path[0] if len(key.path) > 1 else SUMMARIES for key in keys})) or run.job_name


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells ALERT_URLS, or the log, what needs a person: once per cause, again once a day while it lasts.",
)
def alerts_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SkipReason:
    """Sends a digest where there is something new. Never asks for a run."""
    now, settings = datetime.now(UTC), get_settings()
    with database.session() as session:
        found = [*causes.present(session, settings, now), *failed_runs(context.instance, now)]
        told = book.tell(session, found, lambda title, text: channels.send(channels.urls(settings), title, text), now)
    return dg.SkipReason(f"{len(found)} things need a person, {told} of them told now" if found else "all is well")
