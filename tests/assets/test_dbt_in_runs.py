"""A run that rebuilds summaries finds the dbt project parsed, whichever days it is for, and leaves nothing behind."""

from datetime import date, timedelta

import dagster as dg
import pytest
from sqlalchemy import URL

from analytics_pipeline.assets.analytics_summaries import parsed_for_runs, summaries_assets
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.resources import DatabaseResource, all_resources

FIRST = date(2026, 3, 1)


def test_no_run_parses_the_project(database_url: URL, capfd: pytest.CaptureFixture[str]) -> None:
    folder = parsed_for_runs()  # as `dev` and `db upgrade` do
    parsed = (folder / "manifest.json").stat().st_mtime_ns

    for days in (0, 3):
        result = dg.materialize(
            [summaries_assets()],
            selection=[dg.AssetKey("time_spine")],
            resources={"database": DatabaseResource(), "dbt": all_resources()["dbt"]},
            tags=range_tags(FIRST, FIRST + timedelta(days=days)),
        )
        assert result.success

    said = capfd.readouterr()
    assert "Finished running 1 view model" in said.out
    assert "Unable to do partial parsing" not in said.out
    assert (folder / "manifest.json").stat().st_mtime_ns == parsed
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []
