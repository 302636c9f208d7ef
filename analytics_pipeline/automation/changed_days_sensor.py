"""The sensor that tells Dagster of days whose rows changed outside its runs, so that their summaries follow.

Here: telling. Not here: noting such days, which triggers of the database (migrations 0008 and 0011) and syncs do.
"""

import dagster as dg
from sqlalchemy import delete

from analytics_pipeline.database.models import ChangedDay
from analytics_pipeline.resources import DatabaseResource


@dg.sensor(
    name="tell_changed_days",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of days whose posts or figures were removed, moved or read outside Dagster, so that summaries follow.",
)
def changed_days_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
    """Materialises them again, and asks for no run. What no run has materialised is left to be: it would look whole.

    A day is forgotten once it is told; one that is told twice does no harm.
    """
    with database.session() as session:
        told = session.scalars(delete(ChangedDay).returning(ChangedDay)).all()
        known = {key: context.instance.get_materialized_partitions(key) for key in {_key_of(day) for day in told}}
        days = sorted((_key_of(day), day.day.isoformat()) for day in told if day.day.isoformat() in known[_key_of(day)])
        for key, day in days:
            context.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    key,
                    partition=day,
                    description="Rows of this day were removed, moved or read outside Dagster.",
                )
            )
        session.commit()
    said = f"{len(days)} days told whose rows changed outside of runs" if days else "nothing changed outside of runs"
    return dg.SensorResult(skip_reason=dg.SkipReason(said))


def _key_of(day: ChangedDay) -> dg.AssetKey:
    return dg.AssetKey([day.platform, day.asset])
