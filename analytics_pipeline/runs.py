"""Dagster runs started from the command line, in this process: they stand in the UI like any other.

Here: the instance, one run over a range of days, the retry sensor's runs. Not here: what assets do.
A run process of its own costs 10 s and more before the first line of work; a person at a terminal waits for it.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from analytics_pipeline.automation.jobs import SUMMARIES_JOB, only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.automation.sensors import retry_sensor
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import PROJECT_DIR

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that the UI shows: DAGSTER_HOME where it is set, else the project's `dagster.yaml`."""
    home = os.environ.get("DAGSTER_HOME")
    instance = dg.DagsterInstance.get() if home else dg.DagsterInstance.from_config(str(PROJECT_DIR))
    with instance:
        # By default Dagster opens a connection for every event, which takes longer than the event. The name says for
        # whom this was made; its effect is a kept connection.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)
        yield instance


def run_days(
    instance: dg.DagsterInstance, platform: str, first: date, last: date, *, only_due: bool = False
) -> dg.ExecuteInProcessResult:
    """One run of a platform's job over `first` to `last`. A failed run is a result, not an exception."""
    config = only_due_config(platform) if only_due else {}
    return _execute(instance, sync_job_name(platform), range_tags(first, last), config)


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
    return [
        data.user_failure_data.description or "" if data.user_failure_data else str(data.error and data.error.message)
        for data in (failure.step_failure_data for failure in failures)
    ]


def _execute(
    instance: dg.DagsterInstance, job: str, tags: dict[str, str], config: dict[str, Any]
) -> dg.ExecuteInProcessResult:
    from analytics_pipeline.definitions import defs  # seconds of imports, and dbt's manifest

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # dbt's lines are in its log and the run's
        return defs.resolve_job_def(job).execute_in_process(
            instance=instance, tags=tags, run_config=config | _QUIET, raise_on_error=False
        )
