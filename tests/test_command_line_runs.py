"""Runs of the command line in the UI: they are runs of the code location that the UI serves."""

from collections.abc import Collection, Iterator
from datetime import date

import dagster as dg
import pytest
from dagster._core.workspace.load_target import PyProjectFileTarget, WorkspaceFileTarget

from analytics_pipeline import runs
from analytics_pipeline.settings import PROJECT_DIR
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.work import AccountResult

DAY = date(2026, 9, 1)


def test_the_code_location_has_one_name_however_the_ui_is_started() -> None:
    """By `dagster dev`, which goes by pyproject.toml, as well: cursors and switches of sensors are kept by the name."""
    targets = (
        PyProjectFileTarget(str(PROJECT_DIR / "pyproject.toml")),
        WorkspaceFileTarget([str(PROJECT_DIR / "workspace.yaml")]),
        WorkspaceFileTarget([str(PROJECT_DIR / "deploy" / "workspace.yaml")]),
    )
    assert [origin.location_name for target in targets for origin in target.create_origins()] == [
        "analytics_pipeline"
    ] * len(targets)


@pytest.mark.usefixtures("session")
def test_a_run_of_a_command_that_is_killed_can_be_executed_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the UI needs for it is there while the run goes on: nothing of a killed process comes after."""
    seen: list[dg.DagsterRun] = []
    with dg.DagsterInstance.ephemeral() as instance:
        read = AnalyticsSyncService.read_account_days

        def look_and_read(
            service: AnalyticsSyncService, platform: str, first: date, last: date, only: Collection[int] = ()
        ) -> Iterator[AccountResult]:
            seen.extend(instance.get_runs())
            return read(service, platform, first, last, only)

        monkeypatch.setattr(AnalyticsSyncService, "read_account_days", look_and_read)
        runs.run_account_days(instance, "linkedin", DAY, DAY)
    (run,) = seen
    assert run.status == dg.DagsterRunStatus.STARTED
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.job_name == "linkedin_account_analytics"


@pytest.mark.usefixtures("session")
def test_a_run_of_the_command_line_can_be_executed_again_and_is_listed_with_its_job() -> None:
    """The UI finds the job of a run by its origin, and a job's runs by the tag."""
    (location,) = WorkspaceFileTarget([str(PROJECT_DIR / "workspace.yaml")]).create_origins()
    with dg.DagsterInstance.ephemeral() as instance:
        done = runs.run_account_days(instance, "linkedin", DAY, DAY)
        (run,) = instance.get_runs(
            dg.RunsFilter(tags={".dagster/repository": f"__repository__@{location.location_name}"})
        )
    assert (run.run_id, run.status) == (done.run_id, dg.DagsterRunStatus.SUCCESS)
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == location.location_name
    assert run.remote_job_origin.repository_origin.repository_name == "__repository__"
    assert run.remote_job_origin.job_name == "linkedin_account_analytics"
