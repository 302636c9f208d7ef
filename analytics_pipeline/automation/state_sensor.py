"""The sensor that keeps the checks of each platform's state up to date in the UI, without a run.

Here: when they are asked, and that only news is recorded. Not here: the questions (`assets/state_checks.py`).
"""

import json
from datetime import UTC, datetime

import dagster as dg

from analytics_pipeline.assets.state_checks import STATE_CHECKS, of_platform
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync.status import account_statuses


@dg.sensor(
    name="platform_state",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records whether yesterday is there, readings are young and no day was given up, as that changes.",
)
def state_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
    """Records the evaluations that say something else than the last ones, and all of them once a day. Asks for no run."""
    now = datetime.now(UTC)
    before: dict[str, str] = json.loads(context.cursor or "{}")
    said: dict[str, str] = {}
    news = []
    with database.session() as session:
        accounts = account_statuses(session, now)
        for platform in FETCHERS:
            for name, check in STATE_CHECKS.items():
                result = check(session, platform, of_platform(accounts, platform), now)
                key = f"{platform} {name}"
                said[key] = f"{now.date()} {result.passed} {result.description}"
                if said[key] != before.get(key):
                    news.append(
                        dg.AssetCheckEvaluation(
                            asset_key=dg.AssetKey([platform, "post_analytics"]),
                            check_name=name,
                            passed=result.passed,
                            severity=result.severity,
                            description=result.description,
                            metadata=result.metadata,
                        )
                    )
    return dg.SensorResult(
        asset_events=news,
        cursor=json.dumps(said),
        skip_reason=dg.SkipReason(f"{len(news)} checks say something new" if news else "nothing has changed"),
    )
