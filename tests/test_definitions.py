"""The code location as Dagster's processes load it: whole, with the names that the UI, the docs and run configs use."""

import dagster as dg

from analytics_pipeline.definitions import defs
from analytics_pipeline.platform_fetchers import FETCHERS


def test_the_code_location_loads_with_the_names_that_people_know() -> None:
    dg.Definitions.validate_loadable(defs)  # what a code server checks beyond the import
    repository = defs.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {f"{p}_{job}" for p in FETCHERS for job in ("sync", "account_analytics")} | {"summaries", "purge"}
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    assert schedules == dict.fromkeys(
        [*(f"{p}_{each}" for p in FETCHERS for each in ("refresh", "account_analytics_daily")), "purge_daily"],
        dg.DefaultScheduleStatus.RUNNING,
    )
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert sensors == dict.fromkeys(
        [
            "alerts",
            "end_dead_runs",
            "platform_state",
            "refresh_tokens",
            "retry_due_units",
            "summaries_follow_raw_days",
            "tell_changed_days",
        ],
        dg.DefaultSensorStatus.RUNNING,
    )
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert keys >= {f"{p}/{a}" for p in FETCHERS for a in ("published_posts", "post_analytics", "account_analytics")}
    assert "analytics_summaries" in keys


def test_what_the_ui_says_of_a_raw_asset() -> None:
    specs = {key: spec for asset in defs.assets or () for spec in getattr(asset, "specs", ()) for key in [spec.key]}
    for platform in FETCHERS:
        for name in ("published_posts", "post_analytics", "account_analytics"):
            spec = specs[dg.AssetKey([platform, name])]
            assert (spec.group_name, list(spec.owners)) == (platform, ["team:analytics"])
            assert spec.tags["platform"] == platform
            assert spec.kinds == {"python", "postgres"}
            assert platform in str(spec.description)
            assert spec.metadata["dagster/table_name"] == name
            (source,) = spec.metadata["dagster/code_references"].code_references
            assert source.file_path.endswith(f"analytics_pipeline/assets/{name}.py")
