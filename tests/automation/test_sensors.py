"""The retry sensor against a real ledger."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from analytics_pipeline.automation.sensors import retry_requests
from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)


@pytest.fixture
def account(session: Session) -> SocialAccount:
    """A connected account."""
    session.add(Business(name="Acme"))
    session.flush()
    account = SocialAccount(business_id=1, platform="twitter", external_id="1", access_token="t")
    session.add(account)
    session.flush()
    return account


def unit(session: Session, account: SocialAccount, day: int, state: str, wait: timedelta | None = None) -> SyncUnit:
    """A unit of September; `wait` from NOW to its next attempt."""
    row = SyncUnit(
        social_account_id=account.id, platform=account.platform, publish_day=date(2026, 9, day), state=state, attempts=1,
        next_attempt_at=NOW + wait if wait is not None else None, started_at=NOW, updated_at=NOW,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def ranges(session: Session, now: datetime = NOW) -> list[tuple[str, str, str]]:
    """Job, first and last day of every run that is asked for."""
    return [
        (str(r.job_name), r.tags["dagster/asset_partition_range_start"], r.tags["dagster/asset_partition_range_end"])
        for r in retry_requests(session, now)
    ]


def test_what_may_be_tried_again_is_grouped_into_one_run(session: Session, account: SocialAccount) -> None:
    for day in (3, 4, 6):
        unit(session, account, day, "waiting", timedelta(seconds=-1))
    assert ranges(session) == [("twitter_sync", "2026-09-03", "2026-09-06")]
    (request,) = retry_requests(session, NOW)
    assert request.run_config["ops"]["twitter__post_analytics"]["config"] == {"only_due": True}


def test_nobody_is_asked_before_the_platforms_own_time(session: Session, account: SocialAccount) -> None:
    unit(session, account, 3, "waiting", timedelta(seconds=1))
    assert ranges(session) == []
    assert ranges(session, NOW + timedelta(seconds=1)) == [("twitter_sync", "2026-09-03", "2026-09-03")]


@pytest.mark.parametrize("state", ["done", "parked", "needs_reauth"])
def test_what_needs_a_person_is_left_to_a_person(session: Session, account: SocialAccount, state: str) -> None:
    unit(session, account, 3, state)
    assert ranges(session, NOW + timedelta(days=9)) == []


def test_an_account_that_needs_a_person_is_left_alone(session: Session, account: SocialAccount) -> None:
    unit(session, account, 3, "waiting", timedelta(0))
    account.status = "needs_reauth"
    session.flush()
    assert ranges(session) == []


def test_work_in_progress_is_left_alone_until_it_is_clearly_orphaned(session: Session, account: SocialAccount) -> None:
    unit(session, account, 3, "due")
    unit(session, account, 20, "running")
    assert ranges(session, NOW + timedelta(minutes=15)) == []
    assert ranges(session, NOW + timedelta(minutes=16)) == [("twitter_sync", "2026-09-03", "2026-09-03")]
    assert ranges(session, NOW + timedelta(hours=2, seconds=1)) == [("twitter_sync", "2026-09-03", "2026-09-20")]


def test_the_run_key_changes_with_the_attempt_and_only_with_it(session: Session, account: SocialAccount) -> None:
    row = unit(session, account, 3, "waiting", timedelta(seconds=-5))
    (first,), (again,) = retry_requests(session, NOW), retry_requests(session, NOW + timedelta(seconds=30))
    assert first.run_key == again.run_key
    row.updated_at += timedelta(minutes=1)  # throttled once more: the attempts do not count up
    session.flush()
    (other,) = retry_requests(session, NOW)
    assert other.run_key != first.run_key


def test_a_backlog_asks_for_few_runs_newest_days_first(session: Session, account: SocialAccount) -> None:
    start = date(2025, 1, 1)
    for n in range(0, 400, 40):
        row = unit(session, account, 1, "waiting", timedelta(0))
        row.publish_day = start + timedelta(days=n)
        session.flush()
    session.flush()
    asked = ranges(session)
    assert len(asked) == 4
    assert asked[0][2] == (start + timedelta(days=360)).isoformat()
