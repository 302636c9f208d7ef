"""What the purge deletes and what it must leave, on a real database and real runs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics_pipeline.automation import purge as purging
from analytics_pipeline.automation.purge import purge
from analytics_pipeline.database.models import (
    Alert,
    Business,
    PublishedPost,
    RawObservation,
    SocialAccount,
    SyncError,
    SyncUnit,
)
from analytics_pipeline.resources import DatabaseResource

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=91), NOW - timedelta(days=89)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def figures() -> None:
    """Something that is materialised."""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def rows(session: Session) -> Session:
    """Old and young rows of every kind."""
    session.add(Business(name="Acme"))
    session.flush()
    session.add(SocialAccount(business_id=1, platform="linkedin", external_id="1", access_token="t"))
    session.flush()
    session.add(
        PublishedPost(
            business_id=1, social_account_id=1, platform="linkedin", platform_post_id="urn:1", published_at=LONG_AGO
        )
    )
    session.flush()
    for n in range(5):
        session.add(RawObservation(post_id=1, platform="linkedin", payload={}, fetched_at=LONG_AGO - timedelta(days=n)))
    session.add(RawObservation(post_id=1, platform="linkedin", payload={}, fetched_at=LATELY))
    for day, state in ((1, "done"), (2, "parked")):
        key = {"social_account_id": 1, "publish_day": date(2026, 5, day)}
        session.add(SyncUnit(**key, platform="linkedin", state=state))
        for moment in (LONG_AGO, LATELY):
            session.add(SyncError(**key, error_class="gone", message=state, occurred_at=moment))
    for cause, resolved_at in (("solved", LONG_AGO), ("solved lately", LATELY), ("open", None)):
        session.add(Alert(cause=cause, message="", first_seen=LONG_AGO, last_seen=LONG_AGO, resolved_at=resolved_at))
    session.commit()
    return session


def counts(session: Session, instance: dg.DagsterInstance, *, dry_run: bool, now: datetime = NOW) -> dict[str, int]:
    return {gone.what: gone.count for gone in purge(session, instance, now, dry_run=dry_run)}


def test_a_dry_run_counts_and_deletes_nothing(rows: Session, instance: dg.DagsterInstance) -> None:
    too_old = {"raw_observations": 5, "sync_errors": 1, "alerts": 1, "Dagster runs": 0}
    assert counts(rows, instance, dry_run=True) == too_old
    assert counts(rows, instance, dry_run=True) == too_old


def test_what_is_old_and_done_goes(
    rows: Session, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    assert counts(rows, instance, dry_run=False) == {
        "raw_observations": 5, "sync_errors": 1, "alerts": 1, "Dagster runs": 0
    }  # fmt: skip
    assert rows.scalars(select(RawObservation.fetched_at)).all() == [LATELY]
    assert sorted(rows.scalars(select(SyncError.message))) == ["done", "parked", "parked"]
    assert sorted(rows.scalars(select(Alert.cause))) == ["open", "solved lately"]
    assert rows.scalar(select(func.count()).select_from(PublishedPost)) == 1


def test_runs_go_once_no_partition_needs_them(session: Session, instance: dg.DagsterInstance) -> None:
    first = dg.materialize([figures], instance=instance, partition_key="a")
    again = dg.materialize([figures], instance=instance, partition_key="a")
    other = dg.materialize([figures], instance=instance, partition_key="b")
    later = datetime.now(UTC) + timedelta(days=91)
    assert counts(session, instance, dry_run=False, now=datetime.now(UTC))["Dagster runs"] == 0
    assert counts(session, instance, dry_run=False, now=later)["Dagster runs"] == 1
    assert {run.run_id for run in instance.get_runs()} == {again.run_id, other.run_id}
    assert first.run_id not in {again.run_id, other.run_id}
    assert set(instance.get_materialized_partitions(figures.key)) == {"a", "b"}


def test_the_daily_job_says_what_went(rows: Session, instance: dg.DagsterInstance) -> None:
    run = purging.purge_job.execute_in_process(
        instance=instance, run_config={"ops": {"purge_what_is_too_old": {"config": {"dry_run": True}}}},
        resources={"database": DatabaseResource()},
    )  # fmt: skip
    assert run.success
    assert rows.scalar(select(func.count()).select_from(Alert)) == 3
