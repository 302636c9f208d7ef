"""Dagster's real queue and pools with the project's `dagster.yaml`: a backfill never starves the hourly refresh.

Runs are queued, launched and given the platform's one place by Dagster's own code; what a launched run would do beside
asking for its place is left out.
"""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import CodePointer
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.instance import InstanceRef
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import MockedRunLauncher, create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from sqlalchemy import URL

from analytics_pipeline.automation.jobs import sync_job_name
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.automation.retry_sensor import RETRY_TAG, runs_to_come
from analytics_pipeline.automation.schedules import FIRST_IN_QUEUE, REFRESH_TAG
from analytics_pipeline.definitions import defs
from analytics_pipeline.settings import PROJECT_DIR

POOL = "twitter_api"
LAUNCHER = {"run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}}
CODE = CodePointer.from_module("analytics_pipeline.definitions", "defs", None)
REFRESH = {**REFRESH_TAG, **FIRST_IN_QUEUE}


class Queue:
    """The queue, as the daemon works on it."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance = instance
        self._workspace = workspace
        self._daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)

    def run(self, day: int, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        """A run over one day, as the command line makes it: it does not queue."""
        job = defs.resolve_job_def(sync_job_name("twitter"))
        target = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="analytics_pipeline.definitions"))
        return self.instance.create_run_for_job(
            job,
            tags={**range_tags(date(2026, 9, day), date(2026, 9, day)), **(tags or {})},
            job_code_origin=JobPythonOrigin(job.name, RepositoryPythonOrigin(sys.executable, CODE)),
            remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(target, "__repository__"), job.name),
        )

    def queued(self, day: int, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        """A run that queues."""
        return self.instance.submit_run(self.run(day, tags).run_id, self._workspace.create_request_context())

    def tick(self) -> list[str]:
        """The runs that are launched now."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, MockedRunLauncher)
        launched: list[dg.DagsterRun] = launcher.queue()  # type: ignore[no-untyped-call]
        before = len(launched)
        list(self._daemon.run_iteration(self._workspace))
        return [run.run_id for run in launched[before:]]

    def tell(self, run: dg.DagsterRun, what: dg.DagsterEventType) -> None:
        """What the process of a launched run tells."""
        self.instance.report_dagster_event(dg.DagsterEvent(what.value, run.job_name), run.run_id)

    def gets_the_place(self, run: dg.DagsterRun, asset: str) -> bool:
        """Whether a step of the run is given the platform's place; if not, it waits from now on."""
        return InstanceConcurrencyContext(self.instance, run).claim(POOL, f"twitter__{asset}")

    def leaves(self, run: dg.DagsterRun, asset: str) -> None:
        """A step of the run ends."""
        self.instance.event_log_storage.free_concurrency_slot_for_step(run.run_id, f"twitter__{asset}")


@pytest.fixture
def queue(database_url: URL, tmp_path: Path) -> Iterator[Queue]:
    """An empty queue."""
    reference = InstanceRef.from_dir(str(tmp_path), config_dir=str(PROJECT_DIR), overrides=LAUNCHER)
    with (
        dg.DagsterInstance.from_ref(reference) as instance,
        create_test_daemon_workspace_context(EmptyWorkspaceTarget(), instance) as workspace,
    ):
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)  # as after the first run ever
        yield Queue(instance, workspace)


def test_a_refresh_is_next_whatever_a_backfill_has_queued(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_OP_CONCURRENCY_KEYS_ALLOTTED_FOR_STARTED_RUN_SECONDS", "0")
    working, waiting, *others = [queue.queued(day) for day in (20, 19, 18, 17)]
    assert queue.tick() == [working.run_id, waiting.run_id], "one works, one is about to"
    for run in (working, waiting):
        queue.tell(run, dg.DagsterEventType.RUN_START)
    assert queue.gets_the_place(working, "post_analytics")
    assert not queue.gets_the_place(waiting, "published_posts")
    refresh = queue.queued(21, REFRESH)
    assert queue.tick() == []

    queue.leaves(working, "post_analytics")
    queue.tell(working, dg.DagsterEventType.RUN_SUCCESS)
    assert queue.gets_the_place(waiting, "published_posts")
    assert queue.tick() == [refresh.run_id], "before two runs that have queued for longer"
    queue.tell(refresh, dg.DagsterEventType.RUN_START)
    assert not queue.gets_the_place(refresh, "published_posts")

    queue.leaves(waiting, "published_posts")
    assert not queue.gets_the_place(waiting, "post_analytics")
    assert queue.gets_the_place(refresh, "published_posts"), "between two steps of one run of the backfill"
    assert queue.tick() == []
    assert queue.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) == len(others)


def test_a_refresh_waits_for_one_step_of_a_backfill_from_the_command_line(queue: Queue) -> None:
    chunk = queue.run(20)
    assert queue.gets_the_place(chunk, "published_posts")
    refresh = queue.queued(21, REFRESH)

    assert queue.tick() == [refresh.run_id], "though the place is taken"
    assert not queue.gets_the_place(refresh, "published_posts")
    queue.leaves(chunk, "published_posts")
    assert not queue.gets_the_place(chunk, "post_analytics")
    assert queue.gets_the_place(refresh, "published_posts")
    queue.leaves(refresh, "published_posts")
    queue.gets_the_place(refresh, "post_analytics")
    queue.leaves(refresh, "post_analytics")
    assert queue.gets_the_place(chunk, "post_analytics"), "and the backfill goes on"


def test_a_retry_is_to_come_until_it_begins(queue: Queue) -> None:
    day = date(2026, 9, 20)
    queue.queued(21, REFRESH)
    retry = queue.queued(20, RETRY_TAG)
    assert runs_to_come(queue.instance) == {"twitter_sync": [(day, day)]}
    assert retry.run_id in queue.tick()
    assert runs_to_come(queue.instance) == {"twitter_sync": [(day, day)]}, "its process starts"
    queue.tell(retry, dg.DagsterEventType.RUN_START)
    assert runs_to_come(queue.instance) == {}
