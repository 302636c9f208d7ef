"""The sensor that keeps the checks of each platform's state up to date in the UI, without a run.

Here: when they are asked, and that only news is recorded. Not here: the questions (`assets/state_checks.py`).
"""

import json
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from analytics_pipeline.assets.state_checks import STATE_CHECKS, of_platform, state_check_keys
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
    """Records the evaluations that say something new, or that a plan hides, and all once a day. Asks for no run."""
    now = datetime.now(UTC)
    before: dict[str, str] = json.loads(context.cursor or "{}")
    said: dict[str, str] = {}
    news = []
    hidden = _hidden(context.instance)
    with database.session() as session:
        accounts = account_statuses(session, now)
        for platform in FETCHERS:
            for asked, (name, check) in zip(state_check_keys(platform), STATE_CHECKS.items(), strict=True):
                result = check(session, platform, of_platform(accounts, platform), now)
                key = f"{platform} {name}"
                said[key] = f"{now.date()} {result.passed} {result.description}"
                if said[key] != before.get(key) or asked in hidden:
                    news.append(
                        dg.AssetCheckEvaluation(
                            asset_key=asked.asset_key,
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


def _hidden(instance: dg.DagsterInstance) -> set[dg.AssetCheckKey]:
    """Checks whose last record is a plan: a backfill plans them and skips them, and the UI shows that until told anew."""
    keys = [key for platform in FETCHERS for key in state_check_keys(platform)]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {key for key, record in latest.items() if record.status == AssetCheckExecutionRecordStatus.PLANNED}
