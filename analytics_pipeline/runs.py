"""Dagster runs started from the command line, in this process: they stand in the UI like any other.

Here: the instance, one run over a range of days, the retry sensor's runs. Not here: what assets do.
A run process of its own costs 10 s and more before the first line of work; a person at a terminal waits for it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RETRIES_TAG, REPOSITORY_LABEL_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from analytics_pipeline.automation.dead_runs import end_dead_runs, tell_what_they_stored
from analytics_pipeline.automation.jobs import ACCOUNT_JOBS, SUMMARIES_JOB, only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.automation.retry_sensor import retry_sensor
from analytics_pipeline.database.engine import new_session
from analytics_pipeline.database.sign_of_life import sign_of_life
from analytics_pipeline.executor import watched
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import PROJECT_DIR
from analytics_pipeline.sync.errors import InvalidRequestError

_TAGS = {"started_from": "command line", MAX_RETRIES_TAG: "0"}
"""Not started again by the daemon: whoever gave the command is told; the retry sensor reads what is left."""
_REPOSITORY = RemoteRepositoryOrigin(
    ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, module_name="analytics_pipeline.definitions"),
        "analytics_pipeline",
    ),
    "__repository__",
)
"""As `workspace.yaml` names it. The UI executes again only runs of which it knows that, and lists a job's by its label."""
_NO_COMPUTE_LOGS = {
    # Capturing what steps print takes two processes a step; what people should read is in the events.
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that the UI shows: DAGSTER_HOME where it is set, else the project's `dagster.yaml`.

    Raises InvalidRequestError where there is none in DAGSTER_HOME: Dagster would keep its runs in files there.
    """
    home = os.environ.get("DAGSTER_HOME") or str(PROJECT_DIR)
    if not (Path(home) / "dagster.yaml").is_file():
        raise InvalidRequestError(f"{home} has no dagster.yaml: copy the project's there, or unset DAGSTER_HOME")
    ref = InstanceRef.from_dir(home, overrides=_NO_COMPUTE_LOGS)
    with dg.DagsterInstance.from_ref(ref) as instance:
        # By default Dagster opens a connection for every event, which takes longer than the event. The name says for
        # whom this was made; its effect is a kept connection.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)
        with new_session() as session:
            tell_what_they_stored(instance, session, end_dead_runs(instance))
        yield instance


def run_days(
    instance: dg.DagsterInstance, platform: str, first: date, last: date, *, only_due: bool = False
) -> dg.ExecuteInProcessResult:
    """One run that lists and reads a platform's posts of `first` to `last`. A failed run is a result, not an exception."""
    config = only_due_config(platform) if only_due else {}
    return _execute(instance, sync_job_name(platform), range_tags(first, last), config)


def run_account_days(instance: dg.DagsterInstance, platform: str, first: date, last: date) -> dg.ExecuteInProcessResult:
    """One run that reads the accounts' own figures of `first` to `last`."""
    return _execute(instance, ACCOUNT_JOBS[platform].name, range_tags(first, last), {})


def run_due(instance: dg.DagsterInstance) -> list[dg.ExecuteInProcessResult]:
    """The runs that the retry sensor asks for at this moment, done."""
    context = dg.build_sensor_context(instance, resources={"database": DatabaseResource()})
    tick = retry_sensor(context)
    assert isinstance(tick, dg.SensorResult)
    return [
        _execute(instance, str(request.job_name), dict(request.tags), dict(request.run_config))
        for request in tick.run_requests or ()
    ]


def run_summaries(instance: dg.DagsterInstance, first: date, last: date) -> dg.ExecuteInProcessResult:
    """One run that rebuilds the summaries of `first` to `last`."""
    return _execute(instance, SUMMARIES_JOB.name, range_tags(first, last), {})


def problems(results: Iterable[dg.ExecuteInProcessResult]) -> list[str]:
    """Why steps of these runs failed, in the words of the assets."""
    failures = [event for result in results for event in result.all_events if event.is_step_failure]
    return [_why(failure.step_failure_data) for failure in failures]


def _why(failed: StepFailureData) -> str:
    if failed.user_failure_data:
        return failed.user_failure_data.description or ""
    error = failed.error and (failed.error.cause or failed.error)  # the outer one only says that a step failed
    return error.message.strip() if error else ""


def _execute(
    instance: dg.DagsterInstance, job: str, tags: dict[str, str], config: dict[str, Any]
) -> dg.ExecuteInProcessResult:
    from analytics_pipeline.definitions import defs  # seconds of imports, and dbt's manifest

    run_id = str(uuid4())

    def place(event: dg.EventLogEntry) -> None:
        """Says where the job of the run is, as soon as it begins: a run that is killed can be executed again too."""
        if event.dagster_event_type == dg.DagsterEventType.RUN_START and (run := instance.get_run_by_id(run_id)):
            instance.run_storage.replace_job_origin(run, RemoteJobOrigin(_REPOSITORY, job))

    instance.add_event_listener(run_id, place)
    with (
        sign_of_life(run_id),
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),  # dbt's lines are in its log and the run's
    ):
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_id=run_id,
            tags=tags | _TAGS | watched(run_id) | {REPOSITORY_LABEL_TAG: _REPOSITORY.get_label()},
            run_config=config | _QUIET,
            raise_on_error=False,
        )
    if any(_was_interrupted(event) for event in result.all_events):
        raise KeyboardInterrupt  # Dagster has ended the run in good order; now it is the command's turn
    return result


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    if event.event_type_value == "PIPELINE_CANCELED":
        return True
    error = event.step_failure_data.error if event.is_step_failure else None
    while error is not None and error.cls_name != dg.DagsterExecutionInterruptedError.__name__:
        error = error.cause
    return error is not None
