"""The one partitions definition that raw assets, dbt assets, jobs and schedules share."""

import dagster as dg

from analytics_pipeline.settings import get_settings

PUBLISH_DAYS = dg.DailyPartitionsDefinition(
    start_date=get_settings().analytics_start_date.isoformat(),
    timezone="UTC",
    end_offset=1,  # today counts: its posts are the ones that change most
)
"""A partition is the UTC day on which posts were published, today included."""
