"""A real `dagster-daemon` with its code server and run workers dies at points of the retry sensor and of a run.

What was asked for is done once, after the next start. Nothing but the daemon acts here: no sensor is called by the test.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from analytics_pipeline import runs
from analytics_pipeline.database.engine import dagster_database_url, libpq_url
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import PROJECT_DIR, get_settings
from tests.end_to_end.gates import gate
from tests.end_to_end.recovery import assert_all_is_well, connect_pages, pass_time, world

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


def asked(engine: Engine) -> int:
    """Units that the ledger notes a run was asked for."""
    with engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM sync_units WHERE asked_at IS NOT NULL")) or 0


@pytest.mark.timeout(400)
def test_the_daemon_dies_at_each_point_and_the_next_one_goes_on(
    engine: Engine, instance: dg.DagsterInstance, home: Path
) -> None:
    daemons: list[Daemon] = []
    try:
        with gate(libpq_url(dagster_database_url()), "runs", "BEFORE INSERT ON {table} FOR EACH ROW") as here:
            daemons.append(Daemon(home))
            here.await_arrival(PATIENCE)
            daemons[-1].kill_everything()
            here.forget_the_dead()
        assert asked(engine) == 4, "the ledger notes the run that was never made"
        assert instance.get_runs_count() == 0

        pass_time(engine, timedelta(minutes=15))
        with gate(libpq_url(engine.url), "post_analytics", "BEFORE INSERT ON {table} FOR EACH STATEMENT") as here:
            daemons.append(Daemon(home))
            here.await_arrival(PATIENCE)
            daemons[-1].kill_everything()
            here.forget_the_dead()
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]

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


GOING_ON = dg.RunsFilter(
    statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
)


def retried(instance: dg.DagsterInstance) -> bool:
    """Whether the dead run was ended."""
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) > 0


def done(engine: Engine) -> bool:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT state FROM sync_units"))) == {"done"}
