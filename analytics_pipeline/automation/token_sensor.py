"""The sensor that keeps tokens alive, also those of accounts that nothing is read of."""

from datetime import UTC, datetime

import dagster as dg

from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync.tokens import refresh_due

EVERY_SECONDS = 240
"""Several ticks within the quarter of an hour before a token's end."""
SECONDS_PER_TICK = 20.0
"""Dagster allows a tick 60 seconds; one refresh may take PLATFORM_FETCH_TIMEOUT."""


@dg.sensor(
    name="refresh_tokens",
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refreshes the tokens that end soon, where the platform and the app's settings allow it.",
)
def token_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SkipReason:
    """Starts no run: a refresh is one call. Says what was refreshed, and why what was not."""
    with database.session() as session:
        done = list(refresh_due(session.get_bind().engine, lambda: datetime.now(UTC), SECONDS_PER_TICK))
    said = [f"{each.platform} {each.account}: {each.failure or 'refreshed'}" for each in done]
    return dg.SkipReason("; ".join(said) or "no token ends soon")
