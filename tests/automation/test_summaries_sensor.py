"""The summaries follow the raw days: however many changed, one run a tick, and none while a raw run is under way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events import DagsterEvent, StepMaterializationData

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.automation.jobs import SYNC_JOBS
from analytics_pipeline.automation.summaries_sensor import summaries_sensor, what_failed
from analytics_pipeline.definitions import defs

ACCOUNT_DAYS = dg.AssetKey("int_account_days")
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(instance: dg.DagsterInstance, cursor: str | None) -> SensorExecutionData:
    """One evaluation, as the daemon makes it."""
    context = dg.build_sensor_context(instance, cursor=cursor, repository_def=defs.get_repository_def())
    return summaries_sensor.evaluate_tick(context)


def changed(instance: dg.DagsterInstance, platform: str, *days: date) -> None:
    """Materialises raw days of a platform."""
    for day in days:
        for name in ("published_posts", "post_analytics"):
            instance.report_runless_asset_event(dg.AssetMaterialization([platform, name], partition=day.isoformat()))


def ranges(found: SensorExecutionData) -> list[tuple[str, str]]:
    """First and last day of every run that is asked for."""
    start, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return [(r.partition_key or r.tags[start], r.partition_key or r.tags[end]) for r in found.run_requests or ()]


def following_posts() -> set[dg.AssetKey]:
    """The summaries that are made of posts."""
    selection = dg.AssetSelection.assets(["linkedin", "post_analytics"]).downstream(include_self=False)
    return set(selection.resolve(defs.resolve_asset_graph()))


def test_a_burst_of_sixty_days_of_two_platforms_is_one_run(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    days = [YESTERDAY - timedelta(days=n) for n in range(80) if n % 4]  # with gaps: 60 days
    changed(instance, "linkedin", *days)
    changed(instance, "twitter", *days[:30])

    found = tick(instance, cursor)

    assert ranges(found) == [(min(days).isoformat(), max(days).isoformat())]
    (request,) = found.run_requests or ()
    assert ACCOUNT_DAYS in (request.asset_selection or ()), "activity is made of it, and it has no table yet"
    assert set(request.asset_selection or ()) == following_posts() | {ACCOUNT_DAYS}
    assert ranges(tick(instance, found.cursor)) == []


def test_what_is_built_already_is_rebuilt_only_where_its_own_raw_days_changed(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    instance.report_runless_asset_event(dg.AssetMaterialization(ACCOUNT_DAYS, partition="2026-01-01"))
    changed(instance, "linkedin", YESTERDAY)

    (request,) = tick(instance, cursor).run_requests or ()

    assert set(request.asset_selection or ()) == following_posts()
    checked = {key.asset_key for key in request.asset_check_keys or ()}
    assert dg.AssetKey("analytics_summaries") in checked
    assert checked <= following_posts()


def test_an_old_day_alone_and_a_platform_that_is_down(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    old = YESTERDAY - timedelta(days=200)
    changed(instance, "facebook", old)
    assert ranges(tick(instance, cursor)) == [(old.isoformat(), old.isoformat())]


def test_single_days_far_apart_are_one_run_that_dagster_takes(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    old = YESTERDAY - timedelta(days=40)
    changed(instance, "instagram", old, YESTERDAY)

    found = tick(instance, cursor)

    assert ranges(found) == [(old.isoformat(), YESTERDAY.isoformat())]
    (request,) = found.run_requests or ()
    job = defs.resolve_implicit_global_asset_job_def()
    instance.create_run_for_job(job, tags=dict(request.tags))  # refuses a partition beside a range


def test_while_a_raw_run_is_under_way_it_waits_and_loses_nothing(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    run = instance.create_run_for_job(
        defs.resolve_job_def(SYNC_JOBS["linkedin"].name), status=dg.DagsterRunStatus.STARTED
    )
    changed(instance, "linkedin", YESTERDAY)

    waiting = tick(instance, cursor)

    assert (ranges(waiting), waiting.cursor) == ([], cursor)
    assert "linkedin_sync is under way" in str(waiting.skip_message)
    instance.report_run_failed(run)
    assert ranges(tick(instance, waiting.cursor)) == [(YESTERDAY.isoformat(), YESTERDAY.isoformat())]


class Build:
    """A run that the sensor asked for, as it goes on: what it tells of its assets, and its end."""

    def __init__(self, instance: dg.DagsterInstance, found: SensorExecutionData) -> None:
        (request,) = found.run_requests or ()
        self._instance, self._days = instance, ranges(found)[0]
        self._assets = list(request.asset_selection or ())
        job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(self._assets))
        tags = {**request.tags, "dagster/sensor_name": summaries_sensor.name}
        self.run = instance.create_run_for_job(
            job, asset_selection=frozenset(self._assets), tags=tags, status=dg.DagsterRunStatus.NOT_STARTED
        )
        self._tell(dg.DagsterEventType.PIPELINE_START)

    def build(self, *days: date) -> None:
        """All its assets, of these days; without any, of the first and the last."""
        for asset in self._assets:
            for day in [day.isoformat() for day in days] or sorted(set(self._days)):
                event = StepMaterializationData(dg.AssetMaterialization(asset, partition=day))
                self._tell(dg.DagsterEventType.ASSET_MATERIALIZATION, event)

    def end(self) -> None:
        self._tell(dg.DagsterEventType.PIPELINE_SUCCESS)

    def fail(self) -> None:
        self._instance.report_run_failed(self.run)

    def _tell(self, kind: dg.DagsterEventType, data: StepMaterializationData | None = None) -> None:
        event = DagsterEvent(event_type_value=kind.value, job_name=self.run.job_name, event_specific_data=data)
        self._instance.report_dagster_event(event, self.run.run_id)


DAY = (YESTERDAY.isoformat(), YESTERDAY.isoformat())


@pytest.mark.parametrize("when", ["before it has begun", "after all models", "of a day within its range"])
def test_what_changes_while_the_summaries_are_built_is_built_after_that(
    instance: dg.DagsterInstance, when: str
) -> None:
    range_of_five = [YESTERDAY - timedelta(days=n) for n in range(5)]
    days = range_of_five if when == "of a day within its range" else [YESTERDAY]
    cursor = tick(instance, None).cursor
    changed(instance, "linkedin", days[0], days[-1])
    found = tick(instance, cursor)
    if when == "before it has begun":
        changed(instance, "twitter", YESTERDAY)
    build = Build(instance, found)
    amid = tick(instance, found.cursor)
    assert "are being built" in str(amid.skip_message)
    if when == "of a day within its range":
        changed(instance, "twitter", days[2])
    build.build(*days)
    if when == "after all models":
        changed(instance, "twitter", YESTERDAY)
    build.end()

    found = tick(instance, amid.cursor)
    changed_day = days[len(days) // 2].isoformat()
    assert ranges(found) == [(changed_day, changed_day)]

    again = Build(instance, found)
    again.build()
    again.end()
    for _ in range(2):
        found = tick(instance, found.cursor)
        assert ranges(found) == [], "the summaries do not follow themselves"


def test_the_days_of_a_build_that_failed_are_asked_for_with_what_is_next(instance: dg.DagsterInstance) -> None:
    cursor = tick(instance, None).cursor
    changed(instance, "linkedin", YESTERDAY)
    found = tick(instance, cursor)
    Build(instance, found).fail()
    changed(instance, "linkedin", YESTERDAY - timedelta(days=3))

    found = tick(instance, found.cursor)

    assert ranges(found) == [((YESTERDAY - timedelta(days=3)).isoformat(), YESTERDAY.isoformat())]
    build = Build(instance, found)
    build.build()
    build.end()
    changed(instance, "linkedin", YESTERDAY)
    assert ranges(tick(instance, found.cursor)) == [DAY], "what was built is not asked for again"


def test_of_a_build_that_failed_only_what_there_still_is_is_asked_for(instance: dg.DagsterInstance) -> None:
    known = dg.AssetKey("analytics_summaries")
    graph = defs.resolve_asset_graph()
    check = next(iter(graph.get_check_keys_for_assets({known})))

    def failed(first: str, last: str, **tags: str) -> list[dg.RunRequest]:
        instance.add_run(
            dg.DagsterRun(
                job_name="__ASSET_JOB",
                status=dg.DagsterRunStatus.FAILURE,
                asset_selection=frozenset({known, dg.AssetKey("a_mart_of_before")}),
                asset_check_selection=frozenset({check}),
                tags={
                    "dagster/sensor_name": summaries_sensor.name,
                    "dagster/asset_partition_range_start": first,
                    "dagster/asset_partition_range_end": last,
                    **tags,
                },
            )
        )
        return what_failed(graph, instance)

    begin = PUBLISH_DAYS.start.date().isoformat()
    (request,) = failed("1999-01-01", DAY[0])
    assert (request.asset_selection, request.asset_check_keys) == ([known], [check])
    assert ranges(SensorExecutionData([request])) == [(begin, DAY[0])]
    assert failed("1999-01-01", "1999-12-31") == []
    assert failed(*DAY, **{"dagster/will_retry": "true"}) == []


def test_a_run_of_a_backfill_from_the_ui_is_waited_for_too(instance: dg.DagsterInstance) -> None:
    """Its job is Dagster's own, of all assets; what it works on says its selection."""
    cursor = tick(instance, None).cursor
    raw = [dg.AssetKey(["linkedin", "published_posts"]), dg.AssetKey(["linkedin", "post_analytics"])]
    everything = defs.resolve_implicit_global_asset_job_def()
    of_raw = everything.get_subset(asset_selection=set(raw))
    of_summaries = everything.get_subset(asset_selection={dg.AssetKey("analytics_summaries")})
    run = instance.create_run_for_job(of_raw, asset_selection=frozenset(raw), status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(
        of_summaries,
        asset_selection=frozenset({dg.AssetKey("analytics_summaries")}),
        status=dg.DagsterRunStatus.STARTED,
    )
    changed(instance, "linkedin", YESTERDAY)

    waiting = tick(instance, cursor)

    assert (ranges(waiting), waiting.cursor) == ([], cursor)
    assert "linkedin/post_analytics is under way" in str(waiting.skip_message)
    instance.report_run_failed(run)
    assert ranges(tick(instance, waiting.cursor)) == [(YESTERDAY.isoformat(), YESTERDAY.isoformat())]
