"""Dagster with the project's own `dagster.yaml` and no environment variable of its own."""

from pathlib import Path

import pytest
from dagster import DagsterInstance, RunsFilter, job, op
from dagster._core.instance import InstanceRef
from dagster._serdes import deserialize_value, serialize_value
from dagster_postgres import PostgresRunStorage
from sqlalchemy import URL, create_engine, text

from analytics_pipeline.database.engine import dagster_database_url
from analytics_pipeline.settings import PROJECT_DIR, get_settings


@op
def speak() -> None:
    print("words on stdout")


@job
def talk() -> None:
    speak()


def test_every_process_finds_the_database_and_no_file_holds_its_address(
    database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url.set(password="hunter2").render_as_string(False))
    get_settings.cache_clear()
    # As `dagster dev` does: a temporary folder, and the settings of the current one.
    reference = InstanceRef.from_dir(str(tmp_path), config_dir=str(PROJECT_DIR))

    with DagsterInstance.from_ref(reference) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        result = talk.execute_in_process(instance=instance)
        handed_over = serialize_value(instance.get_ref())
    assert "hunter2" not in handed_over
    assert str(database_url.database) not in handed_over

    with DagsterInstance.from_ref(deserialize_value(handed_over, InstanceRef)) as instance:
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.is_success
        assert instance.get_runs_count(RunsFilter(job_name="talk")) == 1
        assert Path(instance.storage_directory()).is_relative_to(tmp_path / "home")

    written = [path.read_text() for path in (tmp_path / "home").rglob("*.out")]
    assert written == ["words on stdout\n"]
    engine = create_engine(dagster_database_url())
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT status FROM runs")) == "SUCCESS"
    engine.dispose()


def test_the_settings_that_keep_a_dead_run_from_blocking_its_platform(database_url: URL, tmp_path: Path) -> None:
    reference = InstanceRef.from_dir(str(tmp_path), config_dir=str(PROJECT_DIR))
    with DagsterInstance.from_ref(reference) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 7200
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        pools = instance.get_concurrency_config().pool_config
        assert (pools.default_pool_limit, pools.pool_granularity and pools.pool_granularity.value) == (1, "op")
        assert instance.telemetry_enabled is False
