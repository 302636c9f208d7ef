"""Dagster with the project's own `dagster.yaml` and no environment variable of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    MaterializeResult,
    RunsFilter,
    asset,
    define_asset_job,
    in_process_executor,
    job,
    op,
)
from dagster._core.instance import InstanceRef
from dagster._serdes import deserialize_value, serialize_value
from dagster_postgres import PostgresRunStorage
from sqlalchemy import URL, create_engine, text

from analytics_pipeline.automation.ranges import range_tags
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


_A_RUN = """
from datetime import UTC, datetime
from dagster import DagsterInstance, RunsFilter
from analytics_pipeline.database.dagster_storage import instance_ref
from tests.database.test_dagster_storage import talk

began = datetime.now(UTC)
with DagsterInstance.from_ref(instance_ref()) as instance:
    talk.execute_in_process(instance=instance)
    (record,) = instance.get_run_records()
    print(instance.get_runs_count(RunsFilter(created_after=began)), instance.get_runs_count(RunsFilter(updated_after=began)))
    print(began <= record.create_timestamp <= record.update_timestamp <= datetime.now(UTC))
"""


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_runs_are_found_by_their_times_whatever_the_zone_of_the_server(database_url: URL, zone: str) -> None:
    """Dagster's columns have no zone and are compared with times of UTC: as the sensors of dead runs and summaries do."""
    server = create_engine(dagster_database_url())
    with server.begin() as connection:
        name = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {name} SET timezone = '{zone}'"))
    server.dispose()
    done = subprocess.run([sys.executable, "-c", _A_RUN], capture_output=True, text=True, check=True, cwd=PROJECT_DIR)
    assert done.stdout.splitlines() == ["words on stdout", "1 1", "True"]


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


def checks_of(run_id: str) -> list[Any]:
    """Check, day and outcome of what Dagster knows of a run's checks."""
    engine = create_engine(dagster_database_url())
    with engine.connect() as connection:
        columns = "check_name, partition, execution_status, evaluation_event IS NOT NULL AS told"
        rows = connection.execute(
            text(f"SELECT {columns} FROM asset_check_executions WHERE run_id = :run ORDER BY partition, id"),
            {"run": run_id},
        ).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def test_events_written_together_are_those_written_one_by_one(
    database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")

    @asset(
        partitions_def=days,
        backfill_policy=BackfillPolicy.single_run(),
        check_specs=[AssetCheckSpec("whole", asset="figures", partitions_def=days)],
    )
    def figures(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
        for day in context.partition_keys[:30]:
            context.log_event(AssetCheckEvaluation(context.asset_key, "whole", passed=True, partition=day))
        yield MaterializeResult(check_results=[AssetCheckResult(passed=True, check_name="whole")])

    figures_job = define_asset_job("figures_job", [figures], executor_def=in_process_executor)
    resolved = Definitions(assets=[figures], jobs=[figures_job]).resolve_job_def("figures_job")
    told = {}
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), config_dir=str(PROJECT_DIR))) as instance:
        for size in ("0", "20"):  # 0: one by one, by Dagster's own code
            monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
            run = resolved.execute_in_process(instance=instance, tags=range_tags(date(2026, 1, 1), date(2026, 1, 31)))
            records = instance.get_records_for_run(run.run_id).records
            events = [
                (e.event_type_value, e.partition, e.message) for r in records if (e := r.event_log_entry.dagster_event)
            ]
            key = instance.get_asset_records([figures.key])[0].asset_entry
            assert key.last_run_id == run.run_id
            assert key.last_materialization_record is not None
            assert key.last_materialization_record.partition_key == "2026-01-31"
            told[size] = [event for event in events if event[0].startswith("ASSET_")], checks_of(run.run_id)
        assert instance.get_materialized_partitions(figures.key) == set(days.get_partition_keys())

    assert len(told["20"][0]) == 2 * 31 + 1 + 31
    assert told["20"] == told["0"]


def test_whoever_loads_the_storage_writes_events_together() -> None:
    asked = (
        "import analytics_pipeline.database.dagster_storage\n"
        "from dagster._core.instance.utils import _get_event_batch_size\n"
        "print(_get_event_batch_size())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_EVENT_BATCH_SIZE"}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1000\n", "the daemon is such a process, and loads no definitions"
