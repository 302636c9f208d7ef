"""The sensor that lets the summaries follow the raw days, by their automation condition, in one dbt run a time.

Here: when it looks, and how what is to be rebuilt becomes one run. Not here: the condition itself (assets).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
)
from dagster_shared.record import replace

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.shared import SUMMARIES
from analytics_pipeline.automation.jobs import SYNC_JOBS
from analytics_pipeline.automation.schedules import GOING_ON

_NAME = "summaries_follow_raw_days"
_ASKED_FOR = {SENSOR_NAME_TAG: _NAME}

LONGEST_BURST = timedelta(minutes=10)
"""So long the summaries wait for raw runs that are under way; then they follow what is finished."""


class OneRunSensor(dg.AutomationConditionSensorDefinition):
    """Evaluates automation conditions while no raw run is under way, and asks for one run over all days that it finds.

    Dagster itself asks for a run per gap between days and per tick; dbt takes seconds before its first statement.
    """

    def evaluate_tick(self, context: dg.SensorEvaluationContext) -> SensorExecutionData:
        """As for every sensor. A tick that only waits keeps the cursor: nothing that changed meanwhile is lost."""
        if waiting_for := _burst(context.instance):
            return SensorExecutionData(
                skip_message=f"{waiting_for} is under way: the summaries follow all its days at once",
                cursor=context.cursor,
            )
        if context.instance.get_runs_count(dg.RunsFilter(statuses=list(GOING_ON), tags=_ASKED_FOR)):
            return SensorExecutionData(
                skip_message="the summaries are being built: what changes meanwhile follows", cursor=context.cursor
            )
        found = super().evaluate_tick(context)
        if not found.run_requests:
            return found
        assert context.repository_def is not None
        graph = context.repository_def.asset_graph
        # Evaluated once more at once, for which the request is one of the tick before: with the next tick, it would hide
        # what has changed since.
        after = dg.build_sensor_context(context.instance, found.cursor, repository_def=context.repository_def)
        settled = super().evaluate_tick(after)
        requests = [*found.run_requests, *(settled.run_requests or ()), *what_failed(graph, context.instance)]
        request = with_what_was_never_built(one_run(requests), graph, context.instance)
        return replace(found, run_requests=[request], cursor=settled.cursor)


def one_run(requests: Sequence[dg.RunRequest]) -> dg.RunRequest:
    """One request for everything that several ask for: from the first of their days to the last."""
    days = [day for request in requests for day in _days(request)]
    first = requests[0]
    return first.with_replaced_attrs(
        partition_key=None,
        asset_selection=list(dict.fromkeys(key for request in requests for key in request.asset_selection or ())),
        asset_check_keys=list(dict.fromkeys(key for request in requests for key in request.asset_check_keys or ())),
        tags={
            **{name: value for name, value in first.tags.items() if name != PARTITION_NAME_TAG},
            ASSET_PARTITION_RANGE_START_TAG: min(days),
            ASSET_PARTITION_RANGE_END_TAG: max(days),
        },
    )


def what_failed(graph: BaseAssetGraph[Any], instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """What the last run that this sensor asked for was to build, if it failed: it is asked for again with what is next.

    As far as there still is such an asset and day: a newer version, or other settings, may have others.
    """
    failed = []
    for run in instance.get_runs(dg.RunsFilter(tags=_ASKED_FOR), limit=1):
        repeated = run.tags.get(WILL_RETRY_TAG) == "true"  # by Dagster, as its worker died
        if repeated or run.status not in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
            continue
        first = max(run.tags.get(ASSET_PARTITION_RANGE_START_TAG, ""), PUBLISH_DAYS.start.date().isoformat())
        last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, "")
        assets = [key for key in run.asset_selection or () if key in graph.materializable_asset_keys]
        if assets and first <= last:
            failed.append(
                dg.RunRequest(
                    asset_selection=assets,
                    asset_check_keys=[k for k in run.asset_check_selection or () if k in graph.asset_check_keys],
                    tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last},
                )
            )
    return failed


def with_what_was_never_built(
    request: dg.RunRequest, graph: BaseAssetGraph[Any], instance: dg.DagsterInstance
) -> dg.RunRequest:
    """The request, and the summaries that its assets are made of and that have no table yet.

    Nothing asks for those whose own raw assets did not change: those of accounts, where posts alone were read so far.
    """
    asked = set(request.asset_selection or ())
    made_of = dg.AssetSelection.assets(*asked).upstream() & dg.AssetSelection.groups(SUMMARIES)
    others = made_of.resolve(graph) - asked
    missing = others - {key for key, event in instance.get_latest_materialization_events(others).items() if event}
    checks = graph.get_check_keys_for_assets(missing)
    return request.with_replaced_attrs(
        asset_selection=[*asked, *missing], asset_check_keys=[*(request.asset_check_keys or ()), *checks]
    )


def _days(request: dg.RunRequest) -> list[str]:
    if request.partition_key is not None:
        return [request.partition_key]
    return [request.tags[ASSET_PARTITION_RANGE_START_TAG], request.tags[ASSET_PARTITION_RANGE_END_TAG]]


def _burst(instance: dg.DagsterInstance) -> str | None:
    """What a raw run that has begun lately, and still goes on, works on. Runs from the UI are of Dagster's own job."""
    going_on = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
        created_after=datetime.now(UTC) - LONGEST_BURST,
    )
    jobs = {job.name for job in SYNC_JOBS.values()}
    for run in instance.get_runs(going_on):
        if run.job_name in jobs:
            return run.job_name
        for key in sorted(run.asset_selection or ()):
            if key.path[-1] == "post_analytics":
                return key.to_user_string()
    return None


summaries_sensor = OneRunSensor(
    _NAME,
    target=dg.AssetSelection.groups(SUMMARIES),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    use_user_code_server=True,
    emit_backfills=False,
    description="Rebuilds the summaries of publish days whose raw figures changed, in one run.",
)
