"""The sensor that tells people what needs them.

Here: when it looks, and which runs of Dagster failed. Not here: all other causes, and whether a cause has been told (`alerts/`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from analytics_pipeline.alerts import book, causes, channels
from analytics_pipeline.alerts.causes import Cause
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings

TOLD_FOR = timedelta(hours=23)
"""A failed run is a cause for so long: shorter than the span after which a lasting cause is told again."""
MOST_RUNS = 50
"""Failed runs that one tick looks at, the newest: more of them have one reason."""


def failed_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Cause]:
    """Runs that failed lately and that Dagster does not start again by itself."""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - TOLD_FOR)
    for run in instance.get_runs(failed, limit=MOST_RUNS):
        if run.tags.get(WILL_RETRY_TAG) != "true":
            yield Cause(
                f"run {run.run_id}",
                f"The run {run.run_id[:8]} of {run.job_name} failed. Its page in the Dagster UI says why; what it left "
                "undone is in the ledger, and is tried again when that can help",
            )


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
