"""Dagster's settings, storage and daemon: as they should be, and not."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterError
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import URL, create_engine, text

from analytics_pipeline.database.dagster_storage import instance_ref
from analytics_pipeline.database.engine import dagster_database_url
from analytics_pipeline.health import orchestration
from analytics_pipeline.settings import PROJECT_DIR
from tests.health.conftest import Configure, states

OURS = (PROJECT_DIR / "dagster.yaml").read_text()


@pytest.mark.parametrize(
    ("written", "state", "found"),
    [
        (OURS, "ok", "says the same"),
        ("# Ours\n" + OURS, "ok", "says the same"),
        (None, "failed", "would use SQLite"),
        (OURS.replace("max_retries: 2", "max_retries: 9"), "warning", "differs from the project's in run_retries"),
        (OURS + "\nrun_launcher: {module: m, class: c}\n", "warning", "differs from the project's in run_launcher"),
        ("", "warning", "differs from the project's in everything"),
    ],
)
def test_dagster_yaml_in_dagster_home(
    configure: Configure, tmp_path: Path, written: str | None, state: str, found: str
) -> None:
    configure(DAGSTER_HOME=str(tmp_path))
    if written is not None:
        (tmp_path / "dagster.yaml").write_text(written)
    (finding,) = orchestration.dagster_yaml()
    assert (finding.state, found in finding.found) == (state, True), finding
    assert bool(finding.advice) == (state != "ok")


def test_without_dagster_home_the_project_counts(configure: Configure) -> None:
    configure(DAGSTER_HOME=None)
    assert states(orchestration.dagster_yaml()) == [("dagster.yaml", "ok")]


def test_a_new_storage_without_a_daemon(database_url: URL) -> None:
    storage, daemon = orchestration.storage_and_daemon()
    assert (storage.state, storage.found) == ("ok", "PostgresRunStorage, 0 runs")
    assert (daemon.state, daemon.found) == ("warning", "has never run: nothing is read by itself")


def test_a_storage_of_an_older_dagster(database_url: URL) -> None:
    list(orchestration.storage_and_daemon())
    engine = create_engine(dagster_database_url())
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '16e3115a602a'"))
    engine.dispose()
    storage, _ = orchestration.storage_and_daemon()
    assert (storage.state, storage.advice) == ("failed", "stop the daemon, then: dagster instance migrate")


@pytest.mark.parametrize(
    ("age", "errors", "state", "found"),
    [
        (20, (), "ok", "runs; last sign of life 2"),
        (301, (), "warning", "no sign of life since "),
        (20, ("the sensor broke\n",), "warning", "runs, with errors: the sensor broke"),
    ],
)
def test_the_daemon(database_url: URL, age: int, errors: tuple[str, ...], state: str, found: str) -> None:
    with dg.DagsterInstance.from_ref(instance_ref()) as instance:
        for daemon in ("SCHEDULER", "SENSOR"):
            faults = [SerializableErrorInfo(message, [], DagsterError.__name__) for message in errors]
            moment = datetime.now(UTC).timestamp() - (age if daemon == "SENSOR" else 1)
            instance.add_daemon_heartbeat(DaemonHeartbeat(moment, daemon, "id", faults))
    _, finding = orchestration.storage_and_daemon()
    assert (finding.state, finding.found.startswith(found)) == (state, True), finding


def test_what_was_switched_off_in_the_ui_is_named(database_url: URL) -> None:
    def state(name: str, kind: InstigatorType, status: InstigatorStatus) -> InstigatorState:
        location = RegisteredCodeLocationOrigin("analytics_pipeline")
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
        return InstigatorState(
            origin, kind, status, None if kind == InstigatorType.SENSOR else ScheduleInstigatorData("", 0.0)
        )

    with dg.DagsterInstance.from_ref(instance_ref()) as instance:
        for daemon in ("SCHEDULER", "SENSOR"):
            instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp(), daemon, "id", []))
        instance.add_instigator_state(state("alerts", InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE))
        instance.add_instigator_state(state("of_an_older_version", InstigatorType.SENSOR, InstigatorStatus.STOPPED))
        _, well = orchestration.storage_and_daemon()
        instance.add_instigator_state(state("twitter_refresh", InstigatorType.SCHEDULE, InstigatorStatus.STOPPED))
        instance.add_instigator_state(state("retry_due_units", InstigatorType.SENSOR, InstigatorStatus.STOPPED))
        _, finding = orchestration.storage_and_daemon()
    assert well.state == "ok"
    assert (finding.state, finding.found) == ("warning", "runs, but retry_due_units, twitter_refresh are switched off")
    assert finding.advice == "switch them on in the UI, under Automation, unless that is meant"
