"""Runs without a sign of life: they are ended, their places freed, and what they had stored is told."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.automation import dead_runs
from analytics_pipeline.automation.dead_runs import dead_runs_sensor
from analytics_pipeline.automation.jobs import SYNC_JOBS
from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit
from analytics_pipeline.database.sign_of_life import shows_life, sign_of_life
from analytics_pipeline.definitions import defs
from analytics_pipeline.executor import watched
from analytics_pipeline.resources import DatabaseResource

KEY = dg.AssetKey(["twitter", "post_analytics"])


@pytest.fixture
def instance(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in a folder; the second look comes at once."""
    monkeypatch.setattr(dead_runs, "sleep", lambda _: None)
    with dg.instance_for_test() as instance:
        yield instance


def started(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    """A run that goes on."""
    job = defs.resolve_job_def(SYNC_JOBS["twitter"].name)
    run_id = str(uuid4())
    instance.create_run_for_job(job, run_id=run_id, status=status, tags=watched(run_id))
    return run_id


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    result = dead_runs_sensor(
        dg.build_sensor_context(instance, cursor=cursor, resources={"database": DatabaseResource()})
    )
    assert isinstance(result, dg.SensorResult)
    return result


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


@pytest.mark.parametrize("before", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_is_dead_without_its_sign_of_life(
    instance: dg.DagsterInstance, before: dg.DagsterRunStatus, caplog: pytest.LogCaptureFixture
) -> None:
    living, dead = started(instance), started(instance, before)
    with sign_of_life(living):
        assert "1 dead runs ended" in str(tick(instance).skip_reason)
        # A command at a terminal waits for this, too.
        assert f"No sign of life of runs {dead[:8]}: they are looked at once more in 15 s" in caplog.text
        assert (status(instance, living), status(instance, dead)) == ("STARTED", "FAILURE")
        assert shows_life(living)
    tick(instance)
    assert status(instance, living) == "FAILURE"


def test_a_run_that_lost_its_lock_with_a_restart_of_the_server_has_time_to_take_it_anew(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with ExitStack() as keeper:

        def wait(seconds: float) -> None:
            waits.append(seconds)
            keeper.enter_context(sign_of_life(living))

        monkeypatch.setattr(dead_runs, "sleep", wait)
        living, dead, other = started(instance), started(instance), started(instance)
        with sign_of_life(other):
            assert "1 dead runs ended" in str(tick(instance).skip_reason)
        assert [status(instance, run) for run in (living, dead, other)] == ["STARTED", "FAILURE", "STARTED"]
        assert waits == [15], "once for all"


def test_where_all_runs_show_life_nobody_waits(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(dead_runs, "sleep", waits.append)
    with sign_of_life(started(instance)):
        tick(instance)
    assert waits == []


def test_a_run_that_never_showed_one_is_not_judged(instance: dg.DagsterInstance) -> None:
    parent = started(instance)
    job = defs.resolve_job_def(SYNC_JOBS["twitter"].name)
    retry = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=watched(parent))
    other = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    tick(instance)
    assert {status(instance, retry.run_id), status(instance, other.run_id)} == {"STARTED"}


def test_what_a_dead_run_stored_and_did_not_tell_is_told_once(instance: dg.DagsterInstance, session: Session) -> None:
    session.add(Business(name="Acme"))
    session.flush()
    session.add(SocialAccount(business_id=1, platform="twitter", external_id="1", access_token="t"))
    session.flush()
    run_id = started(instance)
    ended = datetime.now(UTC)
    for day, state, synced, at in (
        (1, "done", 0, ended),
        (2, "waiting", 3, ended),  # some of its posts
        (3, "waiting", 0, ended),
        (4, "waiting", 3, None),  # those of a run before; this one did not come to it
    ):
        session.add(
            SyncUnit(
                social_account_id=1, platform="twitter", publish_day=date(2026, 9, day), state=state, posts_synced=synced,
                finished_at=at, run_id=run_id,
            )
        )  # fmt: skip
    session.commit()
    told = tick(instance)
    assert "2 days told" in str(told.skip_reason)
    assert instance.get_materialized_partitions(KEY) == {"2026-09-01", "2026-09-02"}
    later = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert "no run is dead" in str(tick(instance, later).skip_reason)
