"""Dagster runs started from the command line, in this process: they stand in the UI like any other.

Here: the instance, one run over a range of days, the retry sensor's runs. Not here: what assets do.
A run process of its own costs 10 s and more before the first line of work; a person at a terminal waits for it.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from analytics_pipeline.automation.jobs import only_due_config, sync_job_name
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.automation.sensors import retry_requests
from analytics_pipeline.database.engine import new_session
from analytics_pipeline.settings import PROJECT_DIR, get_settings

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def prepare_dagster_home() -> str:
    """DAGSTER_HOME, by default below ANALYTICS_HOME with the project's `dagster.yaml` in it; set for child processes."""
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        folder = get_settings().analytics_home / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT_DIR / "dagster.yaml", folder / "dagster.yaml")
        home = os.environ["DAGSTER_HOME"] = str(folder)
    return home


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that the UI shows."""
    prepare_dagster_home()
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_days(
    instance: dg.DagsterInstance, platform: str, first: date, last: date, *, only_due: bool = False
) -> dg.ExecuteInProcessResult:
    """One run of a platform's job over `first` to `last`. A failed run is a result, not an exception."""
    config = only_due_config(platform) if only_due else {}
    return _execute(instance, sync_job_name(platform), range_tags(first, last), config)


def run_due(instance: dg.DagsterInstance) -> list[dg.ExecuteInProcessResult]:
    """The runs that the retry sensor asks for at this moment, done."""
    with new_session() as session:
        requests = list(retry_requests(session, datetime.now(UTC)))
    return [
        _execute(instance, str(request.job_name), dict(request.tags), dict(request.run_config)) for request in requests
    ]


def run_summaries(instance: dg.DagsterInstance, first: date, last: date) -> dg.ExecuteInProcessResult:
    """One run that rebuilds the summaries of `first` to `last`."""
    return _execute(instance, "analytics_summaries", range_tags(first, last), {})


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

    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags, run_config=config | _QUIET, raise_on_error=False
    )
