"""Bulk writes of series by day: one row per account or post and day, a later reading corrects, nothing is erased."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics_pipeline.database import day_writes, writes
from analytics_pipeline.database.models import AccountAnalytics, PostAnalyticsDay, SocialAccount

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_nothing_to_store_is_no_error(session: Session) -> None:
    assert day_writes.store_account_days(session, []) == day_writes.StoredDays([], [])


def a_day(account: SocialAccount, at: datetime = NOON, day: date = date(2026, 2, 1), **metrics: Any) -> Any:
    return day_writes.AccountDayRow(account.id, day, "twitter", metrics, at)


def test_a_later_reading_corrects_but_erases_nothing(session: Session, account: SocialAccount) -> None:
    day_writes.store_account_days(session, [a_day(account, followers=100, reach=7)])
    day_writes.store_account_days(
        session, [a_day(account, NOON + timedelta(hours=1), followers=90, reach=None, clicks=0)]
    )
    day_writes.store_account_days(session, [a_day(account, NOON - timedelta(hours=1), followers=1, clicks=1)])

    stored = session.scalars(select(AccountAnalytics)).one()
    assert (stored.followers, stored.reach, stored.clicks, stored.impressions) == (90, 7, 0, None)
    assert stored.fetched_at == NOON + timedelta(hours=1)


def test_readings_of_a_day_in_one_call_are_merged_by_time(session: Session, account: SocialAccount) -> None:
    result = day_writes.store_account_days(
        session,
        [
            a_day(account, NOON + timedelta(hours=1), followers=90),
            a_day(account, day=date(2026, 1, 31), followers=5),
            a_day(account, followers=100, reach=7),
        ],
    )

    assert result.stored == [(account.id, date(2026, 1, 31)), (account.id, date(2026, 2, 1))]
    rows = session.execute(select(AccountAnalytics.followers, AccountAnalytics.reach).order_by(AccountAnalytics.day))
    assert [tuple(row) for row in rows] == [(5, None), (90, 7)]


def test_bad_account_days_are_refused(session: Session, account: SocialAccount) -> None:
    ghost = day_writes.AccountDayRow(10**9, date(2026, 2, 1), "twitter", {}, NOON)

    result = day_writes.store_account_days(
        session,
        [a_day(account, likes=2**63), a_day(account, day=date(2026, 1, 1), fans=1), ghost, a_day(account, likes=3)],
    )

    assert result.stored == [(account.id, date(2026, 2, 1))]
    assert dict(result.refused) == {
        (account.id, date(2026, 2, 1)): "likes is too large to store",
        (account.id, date(2026, 1, 1)): "there is no column for fans",
        (10**9, date(2026, 2, 1)): "there is no such account",
    }
    assert session.scalars(select(AccountAnalytics.likes)).all() == [3]


def test_days_of_a_post_are_kept_and_corrected(session: Session, account: SocialAccount) -> None:
    post = writes.PostRow(account.business_id, account.id, "twitter", "p1", NOON)
    post_id = writes.upsert_posts(session, [post]).ids["p1"]

    def gained(at: datetime = NOON, of: int = post_id, **metrics: Any) -> day_writes.PostDayRow:
        return day_writes.PostDayRow(of, date(2026, 3, 1), "twitter", metrics, at)

    day_writes.store_post_days(session, [gained(likes_count=5, impressions=-2)])
    later = [gained(NOON + timedelta(hours=1), likes_count=6), gained(of=10**9), gained(reach=1)]
    result = day_writes.store_post_days(session, later)

    assert [owner for owner, _ in result.stored] == [post_id]
    assert [reason for _, reason in result.refused] == ["there is no column for reach", "there is no such post"]
    stored = session.scalars(select(PostAnalyticsDay)).one()
    assert (stored.likes_count, stored.impressions, stored.url_clicks) == (6, -2, None)
