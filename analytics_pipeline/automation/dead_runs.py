"""Runs whose process is gone: they are ended, their places in the pools freed, and what they stored is told.

Dagster notices a dead process only while the code server that started it lives. A run that died with its server, or
was started from a command line, would stay STARTED for hours, and keep its platform's place in the pool.
Here: Dagster's side. Not here: the sign of life itself (database), units that a dead worker held (`sync/ledger.py`).
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from time import sleep

import dagster as dg
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SyncUnit
from analytics_pipeline.database.sign_of_life import TAKEN_ANEW_SECONDS, shows_life
from analytics_pipeline.executor import watched
from analytics_pipeline.resources import DatabaseResource

_log = logging.getLogger(__name__)
_LOOKED_BACK = timedelta(hours=1)
"""How far the first tick looks for runs that ended without telling all."""


_GOING_ON = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
"""A run of the command line shows life before it is made, and may die before it starts."""


def end_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Fails the watched runs without a sign of life, and frees their places; gives them. Their work is in the ledger.

    Where there are any, it waits `TAKEN_ANEW_SECONDS` for a second look: a restart of the server, or a lost connection,
    takes the sign from living runs too.
    """
    going_on = dg.RunsFilter(statuses=list(_GOING_ON))
    watched_runs = [run for run in instance.get_runs(going_on) if run.tags.items() >= watched(run.run_id).items()]
    silent = [run for run in watched_runs if not shows_life(run.run_id)]
    if silent:
        names = ", ".join(run.run_id[:8] for run in silent)
        _log.warning("No sign of life of runs %s: they are looked at once more in %.0f s", names, TAKEN_ANEW_SECONDS)
        sleep(TAKEN_ANEW_SECONDS)
    dead = []
    for run in silent:
        if shows_life(run.run_id):
            continue
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:  # it ended by itself between the looks
            continue
        instance.report_run_failed(run, "The process of this run is gone: it was killed, or its machine stopped.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        dead.append(run)
    return dead


def tell_what_they_stored(instance: dg.DagsterInstance, session: Session, runs: Iterable[dg.DagsterRun]) -> int:
    """Materialises the days of which runs have stored something, but died before they could say so; says how many.

    Without that the summaries would not follow these days.
    """
    told = 0
    stored_a_part = and_(SyncUnit.posts_synced > 0, SyncUnit.finished_at.is_not(None))  # else it is an older run's
    for run in runs:
        stored = session.execute(
            select(SyncUnit.platform, SyncUnit.publish_day)
            .where(SyncUnit.run_id == run.run_id, or_(SyncUnit.state == "done", stored_a_part))
            .distinct()
            .order_by(SyncUnit.publish_day)
        ).all()
        if not stored:
            continue
        said = {
            event.asset_materialization.partition
            for event in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            if event.asset_materialization and event.asset_materialization.asset_key.path[-1] == "post_analytics"
        }
        for platform, day in stored:
            if day.isoformat() not in said:
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        [platform, "post_analytics"],
                        partition=day.isoformat(),
                        metadata={"stored_by": dg.MetadataValue.dagster_run(run.run_id)},
                    )
                )
                told += 1
    return told


def ended_since(instance: dg.DagsterInstance, moment: datetime) -> list[dg.DagsterRun]:
    """Runs that failed or were cancelled since then, whoever ended them."""
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    return list(instance.get_runs(dg.RunsFilter(statuses=ended, updated_after=moment)))


@dg.sensor(
    name="end_dead_runs",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process is gone, frees their places in the pools, and tells what they had stored.",
)
def dead_runs_sensor(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
    """Asks for no run: Dagster starts a crashed one again, and the retry sensor reads what is left of the others."""
    began = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else began - _LOOKED_BACK
    dead = end_dead_runs(context.instance)
    with database.session() as session:
        told = tell_what_they_stored(context.instance, session, ended_since(context.instance, since))
    said = f"{len(dead)} dead runs ended, {told} days told that they had stored" if dead or told else "no run is dead"
    return dg.SensorResult(cursor=began.isoformat(), skip_reason=dg.SkipReason(said))
