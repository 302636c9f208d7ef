"""The daily schedule of each platform: yesterday, today and the days whose posts still move, as one run."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.automation.jobs import SYNC_JOBS
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.settings import get_settings


def daily_schedule(platform: str, minute: int) -> dg.ScheduleDefinition:
    """Every day at 04:`minute` UTC, the platforms a few minutes apart."""

    @dg.schedule(
        job=SYNC_JOBS[platform],
        name=f"{platform}_daily",
        cron_schedule=f"{minute} 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Lists and reads the posts of the last REFRESH_DAYS days.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time.astimezone(UTC)
        return dg.RunRequest(run_key=f"{platform}:{tick:%Y-%m-%d}", tags=refresh_tags(tick))

    return schedule


def refresh_tags(tick: datetime) -> dict[str, str]:
    """The range of publish days that a tick (UTC) refreshes, never before the first partition."""
    first = tick.date() - timedelta(days=get_settings().refresh_days - 1)
    return range_tags(max(first, PUBLISH_DAYS.start.date()), tick.date())


DAILY_SCHEDULES = [daily_schedule(platform, 7 * n) for n, platform in enumerate(SYNC_JOBS)]
