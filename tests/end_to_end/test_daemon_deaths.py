"""The daemon dies at points of the retry sensor, and with its code server and run worker in the middle of a run.

What was asked for is done once, after the next start. Nothing but the daemon acts here: no sensor is called by the test.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorType, SensorInstigatorData, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from sqlalchemy import Engine, text

from analytics_pipeline import runs
from analytics_pipeline.database.engine import dagster_database_url, libpq_url
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import PROJECT_DIR, get_settings
from tests.end_to_end.gates import gate
from tests.end_to_end.recovery import assert_all_is_well, connect_pages, pass_time, world
from tests.end_to_end.worker import forkserver

LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=2)
WORLD = world(FIRST, LAST, accounts=("10",))
PATIENCE = 120.0


class Daemon:
    """The daemon and all that it starts, in one process group."""

    def __init__(self, home: Path) -> None:
        self._log = (home / "daemon.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dagster._daemon", "run", "-w", str(PROJECT_DIR / "workspace.yaml")],
            env=os.environ | {"DAGSTER_HOME": str(home)},
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def kill_everything(self) -> None:
        """kill -9, code server and runs included."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


def tick(environment: Mapping[str, str]) -> None:
    """One iteration of the daemon over all sensors, as `dagster-daemon` does it, with the code location in this process."""
    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()
    loadable = LoadableTargetOrigin(executable_path=sys.executable, module_name="analytics_pipeline.definitions")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(loadable, location_name="analytics_pipeline"))
    with runs.dagster_instance() as instance, WorkspaceProcessContext(instance, target) as workspace:
        for error in execute_sensor_iteration(workspace, logging.getLogger("sensors"), None, None):
            assert error is None, error


class Sensors:
    """A process that ticks every sensor once. Begun from one that has the imports: a daemon takes ten seconds for them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = forkserver.Process(target=tick, args=(dict(environment),), daemon=True)
        self._process.start()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME with the project's dagster.yaml, watched a little more often."""
    text = (PROJECT_DIR / "dagster.yaml").read_text()
    quick = text.replace("poll_interval_seconds: 30", "poll_interval_seconds: 2")
    assert quick != text
    (tmp_path / "dagster.yaml").write_text(quick)
    return tmp_path


@pytest.fixture
def instance(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster on the test's database, with a sandbox; the ladder is off, so that only the retry sensor asks for runs."""
    connect_pages(engine, WORLD, FIRST)
    with SandboxServer(WORLD) as sandbox:
        ladders = {f"{platform}_REFRESH": "off" for platform in ("LINKEDIN", "TWITTER", "FACEBOOK", "INSTAGRAM")}
        for name, value in (sandbox.environment | ladders).items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        with runs.dagster_instance() as instance:
            yield instance
    get_settings.cache_clear()


def wait_until(what: Callable[[], bool], home: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, (home / "daemon.log").read_text()[-4000:]
        time.sleep(0.2)


def asked(engine: Engine) -> set[bool]:
    """Whether the ledger notes of its units that a run was asked for: of all, of none, or both."""
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT asked_at IS NOT NULL FROM sync_units")))


SENSOR_POINTS: list[tuple[str, LiteralString, LiteralString, bool, int]] = [
    ("before the ledger notes that it asks", "sync_units", "BEFORE UPDATE OF asked_at ON {table} FOR EACH ROW", False, 0),
    ("before the run is made", "runs", "BEFORE INSERT ON {table} FOR EACH ROW", True, 0),
    (
        "before its tick is closed", "job_ticks",
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.status = 'SUCCESS' AND NEW.tick_body LIKE '%retry_due_units%')",
        True, 1,
    ),
]  # fmt: skip
"""What is about to be written where the sensor dies; whether units are noted as asked for, and how many runs exist, after."""


@pytest.mark.timeout(400)
def test_the_daemon_dies_at_each_point_and_the_next_one_goes_on(
    engine: Engine, instance: dg.DagsterInstance, home: Path
) -> None:
    for point, table, when, are_asked, made in SENSOR_POINTS:
        pass_time(engine, timedelta(minutes=15))
        pass_time_of_sensors(instance)
        url = engine.url if table == "sync_units" else dagster_database_url()
        with gate(libpq_url(url), table, when) as here:
            sensors = Sensors(os.environ)
            here.await_arrival(PATIENCE)
            sensors.kill()
            here.forget_the_dead()
        assert (asked(engine), instance.get_runs_count()) == ({are_asked}, made), point
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.QUEUED]

    daemons: list[Daemon] = []
    try:
        pass_time_of_sensors(instance)
        with gate(libpq_url(engine.url), "post_analytics", "BEFORE INSERT ON {table} FOR EACH STATEMENT") as here:
            daemons.append(Daemon(home))
            here.await_arrival(PATIENCE)
            wait_until(lambda: not open_ticks(instance), home)
            daemons[-1].kill_everything()
            here.forget_the_dead()
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED], (
            "the tick made no second run"
        )

        pass_time_of_sensors(instance)
        daemons.append(Daemon(home))
        wait_until(lambda: retried(instance), home)
        pass_time(engine, timedelta(minutes=1))
        wait_until(lambda: done(engine), home)
        wait_until(lambda: instance.get_runs_count(GOING_ON) == 0, home)
    finally:
        for daemon in daemons:
            daemon.kill_everything()
    assert_all_is_well(engine, instance, WORLD)
    dead = [run for run in instance.get_runs() if run.status == dg.DagsterRunStatus.FAILURE]
    assert len(dead) == 1


def pass_time_of_sensors(instance: dg.DagsterInstance) -> None:
    """For Dagster, no sensor has ticked for a minute."""
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        data = state.instigator_data
        assert isinstance(data, SensorInstigatorData)
        earlier = (data.last_tick_start_timestamp or 0) - 60
        instance.update_instigator_state(state.with_data(data._replace(last_tick_start_timestamp=earlier)))


def open_ticks(instance: dg.DagsterInstance) -> int:
    """Ticks of the retry sensor that were begun and not closed."""
    (state,) = [each for each in instance.all_instigator_state() if each.instigator_name == "retry_due_units"]
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, statuses=[TickStatus.STARTED])
    return len(ticks)


GOING_ON = dg.RunsFilter(
    statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
)


def retried(instance: dg.DagsterInstance) -> bool:
    """Whether the dead run was ended."""
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) > 0


def done(engine: Engine) -> bool:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT state FROM sync_units"))) == {"done"}
