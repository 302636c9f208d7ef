"""A refresh by the ladder: each account is read and listed as far as its own posts are due, and nothing lasting is repeated."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PublishedPost, SyncUnit
from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, TransientError
from analytics_pipeline.settings import DEFAULT_LADDER, parse_ladder
from analytics_pipeline.sync import AnalyticsSyncService, ladder, plan
from analytics_pipeline.sync.accounts import connect
from tests.sync.conftest import Connect
from tests.sync.scripted import Platform

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = date(2026, 9, 28)


@pytest.fixture
def two(service: AnalyticsSyncService, platform: Platform, connected: Connect) -> None:
    """Two accounts, each with a post of today, of yesterday and of ten days ago, all read at noon."""
    platform.now = datetime(2026, 9, 28, 12, 5, tzinfo=UTC)
    for account in ("10", "20"):
        connected(account)
        for name, age in (("today", HOUR), ("yesterday", 30 * HOUR), ("old", 10 * DAY)):
            platform.publish(account, f"{account} {name}", platform.now - age)
    refresh(service, platform)
    platform.reads.clear()


def refresh(service: AnalyticsSyncService, platform: Platform, days: int = 20) -> None:
    """What a run of the refresh does."""
    period = (platform.now.date() - days * DAY, platform.now.date())
    began = platform.now
    list(service.list_posts("linkedin", *period, by_ladder=True))
    list(service.read_days("linkedin", *period, by_ladder=True, reuse_since=began))


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("passed", "read"),
    [
        (timedelta(minutes=30), set()),
        (HOUR, {"today"}),
        (6 * HOUR, {"today", "yesterday"}),
        (12 * HOUR, {"today", "yesterday", "old"}),
    ],
)
def test_only_what_is_due_is_read(
    service: AnalyticsSyncService, platform: Platform, passed: timedelta, read: set[str]
) -> None:
    platform.now += passed
    refresh(service, platform)
    assert sorted(platform.reads) == sorted(f"{account} {name}" for account in ("10", "20") for name in read)


@pytest.mark.parametrize("others", [True, False], ids=["with older posts", "without any other post"])
def test_a_post_that_a_failing_listing_hid_is_found_later(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, others: bool
) -> None:
    platform.now = datetime(2026, 9, 28, 12, 5, tzinfo=UTC)
    connected("10")
    if others:
        platform.publish("10", "old", platform.now - 10 * DAY)
    platform.publish("10", "morning", platform.now - 4 * HOUR)
    refresh(service, platform)
    platform.publish("10", "evening", platform.now + HOUR)
    platform.listing_errors["10"] = TransientError("HTTP 500", "linkedin", 500)
    for _ in range(5):
        platform.now += 12 * HOUR
        refresh(service, platform)
    platform.listing_errors.clear()
    platform.now += 12 * HOUR
    assert min(plan.listed_until(session, "linkedin").values()) == TODAY
    refresh(service, platform)
    assert "evening" in session.scalars(select(PublishedPost.platform_post_id)).all()
    assert min(plan.listed_until(session, "linkedin").values()) == platform.now.date()


@pytest.mark.usefixtures("two")
def test_what_one_account_has_to_catch_up_costs_the_others_nothing(
    service: AnalyticsSyncService, platform: Platform, session: Session
) -> None:
    session.execute(
        update(SyncUnit)
        .where(SyncUnit.social_account_id == 2, SyncUnit.publish_day < TODAY - 5 * DAY)
        .values(started_at=platform.now - 3 * DAY)
    )
    session.commit()
    platform.now += timedelta(minutes=30)
    refresh(service, platform)
    assert platform.reads == ["20 old"]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("error_class", "read"), [("transient", 1), ("configuration", 0)])
def test_given_up_after_passing_faults_is_tried_at_the_ladders_pace_and_for_a_lasting_reason_not(
    service: AnalyticsSyncService, platform: Platform, session: Session, error_class: str, read: int
) -> None:
    given_up = update(SyncUnit).where(SyncUnit.social_account_id == 1, SyncUnit.publish_day == TODAY)
    session.execute(given_up.values(state="parked", attempts=5, error_class=error_class))
    session.commit()
    platform.now += timedelta(minutes=30)
    refresh(service, platform)
    assert platform.reads == []
    platform.now += timedelta(minutes=30)
    refresh(service, platform)
    assert platform.reads.count("10 today") == read


def test_a_listing_that_failed_for_a_lasting_reason_is_made_once_a_day(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    calls: list[datetime] = []

    reason = "LinkedIn-Version 202501 has ended: set LINKEDIN_API_VERSION"
    platform.listing_errors["10"] = ConfigurationError(reason, "linkedin", 426)
    platform.publish("10", "a", platform.now)

    def refresh_results() -> list[str | None]:
        today = platform.now.date()
        results = list(service.list_posts("linkedin", today - DAY, today, by_ladder=True))
        calls.extend([platform.now] * sum(result.usage.calls for result in results))
        return [result.failure.message if result.failure else None for result in results]

    for _ in range(5):
        assert refresh_results() == [reason]
        platform.now += HOUR
    assert len(calls) == 1
    platform.now += DAY
    assert refresh_results() == [reason]
    assert len(calls) == 2, "a day that was never tried"
    del platform.listing_errors["10"]
    connect(session, session.get_one(Business, 1), "linkedin", "10", "new-token")
    session.commit()
    assert {unit.state for unit in session.scalars(select(SyncUnit))} == {"due"}, "a person has dealt with it"
    assert refresh_results() == [None]


def test_the_last_private_reading_of_x_does_not_list_the_month_again(session: Session, connected: Connect) -> None:
    now = datetime(2026, 9, 28, 12, tzinfo=UTC)
    connected("10", "twitter")
    for age in (28 * DAY + HOUR, 20 * DAY, 2 * HOUR):
        published = now - age
        session.add(
            PublishedPost(
                business_id=1,
                social_account_id=1,
                platform="twitter",
                platform_post_id=str(age),
                published_at=published,
            )
        )
        session.add(
            SyncUnit(
                social_account_id=1, publish_day=published.date(), platform="twitter", state="done",
                posts_expected=1, started_at=max(published, now - 4 * HOUR) if age < 27 * DAY else published + 20 * DAY,
            )
        )  # fmt: skip
    session.commit()
    slow = parse_ladder("24h:1h")
    assert ladder.due(session, "twitter", slow, now) == {
        1: ladder.Due(frozenset({now.date(), (now - 28 * DAY - HOUR).date()}), now.date())
    }
    assert (
        ladder.due(session, "twitter", parse_ladder(DEFAULT_LADDER), now)[1].listed_from
        == (now - 28 * DAY - HOUR).date()
    )
