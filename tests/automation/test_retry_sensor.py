"""The retry sensor against a real ledger."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.automation.retry_sensor import Ranges, retry_requests
from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit
from analytics_pipeline.sync import ledger, retries

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


def unit(
    session: Session,
    account: SocialAccount,
    day: int,
    state: str,
    wait: timedelta | None = None,
    posts: int | None = None,
) -> SyncUnit:
    """A unit of September; `wait` from NOW to its next attempt."""
    row = SyncUnit(
        social_account_id=account.id, platform=account.platform, publish_day=date(2026, 9, day), state=state, attempts=1,
        next_attempt_at=NOW + wait if wait is not None else None, started_at=NOW, updated_at=NOW, posts_expected=posts,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def ranges(session: Session, now: datetime = NOW, to_come: Ranges | None = None) -> list[tuple[str, str, str]]:
    """Job, first and last day of every run that is asked for."""
    return [
        (str(r.job_name), r.tags["dagster/asset_partition_range_start"], r.tags["dagster/asset_partition_range_end"])
        for r in retry_requests(session, now, to_come or {})
    ]


def test_what_may_be_tried_again_is_grouped_into_one_run(session: Session, account: SocialAccount) -> None:
    for day in (3, 4, 6):
        unit(session, account, day, "waiting", timedelta(seconds=-1))
    (request,) = retry_requests(session, NOW, {})
    assert (request.job_name, request.tags["dagster/asset_partition_range_start"]) == ("twitter_sync", "2026-09-03")
    assert request.tags["dagster/asset_partition_range_end"] == "2026-09-06"
    assert str(request.run_key).startswith("twitter:2026-09-03:2026-09-06:attempt 2:")
    assert request.run_config["ops"]["twitter__post_analytics"]["config"] == {"only_due": True}


def test_nobody_is_asked_before_the_platforms_own_time(session: Session, account: SocialAccount) -> None:
    unit(session, account, 3, "waiting", timedelta(seconds=1))
    assert ranges(session) == []
    assert ranges(session, NOW + timedelta(seconds=1)) == [("twitter_sync", "2026-09-03", "2026-09-03")]


def test_a_throttled_account_is_left_alone_until_its_latest_time(session: Session, account: SocialAccount) -> None:
    for day, seconds in ((3, 0), (4, 2)):
        unit(session, account, day, "waiting", timedelta(seconds=seconds)).error_class = "throttled"
    session.flush()
    assert ranges(session) == [], "the call would be refused, and its run fail"
    assert ranges(session, NOW + timedelta(seconds=2)) == [("twitter_sync", "2026-09-03", "2026-09-04")]


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
    unit(session, account, 3, "due", posts=1)
    assert ranges(session, NOW + timedelta(minutes=15)) == []
    assert ranges(session, NOW + timedelta(minutes=16)) == [("twitter_sync", "2026-09-03", "2026-09-03")]


def test_what_a_dead_worker_left_running_is_asked_for_after_a_minute(session: Session, account: SocialAccount) -> None:
    unit(session, account, 20, "running", posts=1)
    assert ranges(session) == []
    assert ranges(session, NOW + timedelta(minutes=1)) == [("twitter_sync", "2026-09-20", "2026-09-20")]


def test_what_was_never_listed_is_nobodys_work_and_asked_for_at_once(session: Session, account: SocialAccount) -> None:
    ledger.owe_listing(session, account.id, "twitter", date(2026, 7, 1), date(2026, 9, 30))
    assert ranges(session) == [("twitter_sync", "2026-07-01", "2026-09-30")]


def test_a_run_that_was_asked_for_has_time_to_begin_and_is_replaced_when_it_died(
    session: Session, account: SocialAccount
) -> None:
    unit(session, account, 3, "waiting", timedelta(seconds=-5))
    (first,) = retry_requests(session, NOW, {})
    assert list(retry_requests(session, NOW + timedelta(minutes=14), {})) == []
    (again,) = retry_requests(session, NOW + timedelta(minutes=15), {})
    assert again.run_key != first.run_key, "a key is spent even when its run died"


def test_what_failed_again_is_asked_for_as_soon_as_its_time_has_come(session: Session, account: SocialAccount) -> None:
    row = unit(session, account, 3, "waiting", timedelta(0), posts=1)
    assert len(list(retry_requests(session, NOW, {}))) == 1
    session.refresh(row)
    (claim,) = ledger.claim(session, account.id, [row.publish_day], "run-1", NOW)
    assert claim.attempts == 2
    session.refresh(row)
    row.state, row.next_attempt_at = "waiting", NOW + timedelta(minutes=4)
    session.flush()
    assert ranges(session, NOW + timedelta(minutes=3)) == []
    assert ranges(session, NOW + timedelta(minutes=4)) == [("twitter_sync", "2026-09-03", "2026-09-03")]


def test_a_backlog_asks_for_few_runs_newest_days_first_and_later_for_the_rest(
    session: Session, account: SocialAccount
) -> None:
    start = date(2025, 1, 1)
    for n in range(0, 400, 40):
        row = unit(session, account, 1, "waiting", timedelta(0))
        row.publish_day = start + timedelta(days=n)
        session.flush()
    asked = ranges(session)
    assert [first for _, first, _ in asked] == [(start + timedelta(days=n)).isoformat() for n in (360, 320, 280, 240)]
    assert ranges(session, NOW + timedelta(seconds=30))[0][1] == (start + timedelta(days=200)).isoformat()


def test_no_account_hides_another_behind_its_backlog(session: Session, account: SocialAccount) -> None:
    ledger.owe_listing(session, account.id, "twitter", date(2024, 1, 1), date(2026, 9, 30))
    other = SocialAccount(business_id=1, platform="twitter", external_id="2", access_token="t")
    session.add(other)
    session.flush()
    unit(session, other, 1, "waiting", timedelta(0)).publish_day = date(2024, 1, 5)
    session.flush()
    due = retries.due_units(session, "twitter", NOW)
    assert [u.publish_day for u in due if u.social_account_id == other.id] == [date(2024, 1, 5)]
    assert sum(u.social_account_id == account.id for u in due) == retries.UNITS_PER_ACCOUNT


def test_what_a_queued_run_covers_is_left_to_it_however_long_it_queues(
    session: Session, account: SocialAccount
) -> None:
    for day in (3, 6):
        unit(session, account, day, "waiting", timedelta(seconds=-5))
    (asked,) = ranges(session)
    unit(session, account, 25, "waiting", timedelta(seconds=-5))
    later = NOW + timedelta(hours=1)
    queued: Ranges = {"twitter_sync": [(date(2026, 9, 3), date(2026, 9, 6))]}
    assert ranges(session, later, queued) == [("twitter_sync", "2026-09-25", "2026-09-25")]
    assert ranges(session, later) == [asked], "it was taken out of the queue"


def test_days_before_the_first_partition_are_in_no_run(session: Session, account: SocialAccount) -> None:
    first = PUBLISH_DAYS.start.date()
    for days in (-3, -1, 0, 2):
        unit(session, account, 1, "waiting", timedelta(seconds=-1)).publish_day = first + timedelta(days=days)
        session.flush()
    assert ranges(session) == [("twitter_sync", str(first), str(first + timedelta(days=2)))]
