"""What the application asks the service for: a business, a post, a state."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount
from analytics_pipeline.platform_fetchers.exceptions import RateLimitError, TransientError
from analytics_pipeline.sync import AnalyticsSyncService, InvalidRequestError, ledger
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, likes
from tests.sync.scripted import Platform


def test_report(service: AnalyticsSyncService, platform: Platform, connected: Connect) -> None:
    connected("10")
    connected("20", "twitter")
    platform.publish("10", "a", at(D1), likes=3)
    platform.publish("20", "1", at(D2), likes=4)
    platform.publish("20", "2", at(D2), likes=4)
    platform.post_errors["2"] = TransientError("HTTP 500", "twitter", 500)
    report = service.sync_business_analytics(1)
    assert {name: report[name] for name in ("total_posts", "synced", "failed", "rate_limited")} == {
        "total_posts": 3, "synced": 2, "failed": 1, "rate_limited": 0,
    }  # fmt: skip
    assert report["by_platform"]["twitter"]["synced"] == 1
    assert report["by_platform"]["linkedin"] == {
        "total_posts": 1, "synced": 1, "failed": 0, "rate_limited": 0,
        "api_calls": 2, "posts_read": 1, "cost_usd": None, "unknown_errors": 0,
    }  # fmt: skip
    assert [(row["account"], row["total_posts"], row["synced"]) for row in report["by_account"]] == [
        ("Page 10", 1, 1),
        ("Page 20", 2, 1),
    ]
    assert any("HTTP 500" in error["message"] for error in report["errors"])


def test_rate_limited_posts_are_not_failed(
    service: AnalyticsSyncService, platform: Platform, connected: Connect
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    platform.reading_errors["10"] = RateLimitError("slow down", "linkedin", 429, retry_after=900)
    report = service.sync_business_analytics(1)
    assert (report["failed"], report["rate_limited"], report["synced"]) == (0, 1, 0)


def test_limit_takes_the_newest_posts_and_settles_no_unit(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "old", at(D1))
    platform.publish("10", "new", at(D2), likes=9)
    report = service.sync_business_analytics(1, limit=1)
    assert report["total_posts"] == report["synced"] == 1
    assert likes(session) == [("new", "09-30", 9)]
    assert set(ledger_states(engine).values()) == {"due"}


def test_a_listing_that_fails_is_named_and_made_up_for(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "morning", platform.now - timedelta(hours=2))
    service.sync_business_analytics(1)
    platform.publish("10", "evening", platform.now + timedelta(hours=3))
    platform.listing_errors["10"] = TransientError("HTTP 500", "linkedin", 500)
    for _ in range(6):  # three days long, figures are read all the same
        platform.now += timedelta(hours=12)
        report = service.sync_business_analytics(1)
        assert report["synced"] >= 1
        assert {
            "platform": "linkedin", "account": "Page 10", "error_class": "transient",
            "message": "Page 10 was not listed for new posts: HTTP 500",
        } in report["errors"]  # fmt: skip
    platform.listing_errors.clear()
    platform.now += timedelta(hours=12)
    report = service.sync_business_analytics(1)
    assert (report["total_posts"], report["synced"], report["errors"]) == (2, 2, [])
    assert {post for post, *_ in likes(session)} == {"morning", "evening"}


def test_who_publishes_nothing_is_up_to_date_all_the_same(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    service.sync_business_analytics(1)
    account = session.get_one(SocialAccount, 1)
    assert (account.last_sync, account.listed_at) == (platform.now, platform.now)
    list(service.list_posts("linkedin", D1, D2))
    platform.now += timedelta(days=30)
    list(service.list_posts("linkedin", platform.now.date() - timedelta(days=1), platform.now.date()))
    session.refresh(account)
    assert account.last_sync == platform.now
    assert account.listed_at == platform.now - timedelta(days=30), "of the month between, nothing is known"


def test_single_post(service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=1)
    platform.publish("10", "b", at(D1), likes=2)
    list(service.list_posts("linkedin", D1, D2))
    post = session.scalars(select(PublishedPost).where(PublishedPost.platform_post_id == "b")).one()
    report = service.sync_single_post(post.id)
    assert report["synced"] == 1
    assert likes(session) == [("b", "09-30", 2)]


def test_single_post_of_an_account_that_another_business_has_now(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    platform.publish("10", "a", at(D1), likes=3)
    account = session.get_one(SocialAccount, connected("10"))
    list(service.list_posts("linkedin", D1, D1))
    other = Business(name="Buyer")
    session.add(other)
    session.flush()
    account.business_id = other.id
    session.commit()
    assert service.sync_single_post(session.scalars(select(PublishedPost.id)).one())["synced"] == 1


def test_single_post_that_was_deleted_is_refused_with_its_reason(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    list(service.list_posts("linkedin", D1, D1))
    post = session.scalars(select(PublishedPost)).one()
    post.status = "deleted"
    session.commit()
    with pytest.raises(InvalidRequestError, match=f"^post {post.id} was deleted on linkedin; its last figures stay$"):
        service.sync_single_post(post.id)


def test_status(service: AnalyticsSyncService, platform: Platform, connected: Connect) -> None:
    connected("10")
    assert service.get_sync_status(1) == {
        "total_posts": 0, "synced_posts": 0, "last_sync_at": None, "sync_percentage": None,
    }  # fmt: skip
    for n in range(3):
        platform.publish("10", f"p{n}", at(D1))
    platform.post_errors["p0"] = TransientError("HTTP 500", "linkedin", 500)
    service.sync_business_analytics(1)
    assert service.get_sync_status(1) == {
        "total_posts": 3, "synced_posts": 2, "last_sync_at": platform.now, "sync_percentage": 66.7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"business_id": 99}, "no business 99"),
        ({"business_id": 1, "platforms": ["myspace"]}, "unknown platform 'myspace'"),
        ({"business_id": 1, "limit": 0}, "at least 1"),
    ],
)
def test_bad_arguments_are_refused_by_name_before_any_call(
    service: AnalyticsSyncService,
    platform: Platform,
    connected: Connect,
    arguments: dict[str, object],
    message: str,
) -> None:
    connected("10")
    platform.listing_errors["10"] = AssertionError("called")
    with pytest.raises(InvalidRequestError, match=message):
        service.sync_business_analytics(**arguments)  # type: ignore[arg-type]


def test_unknown_post_is_refused(service: AnalyticsSyncService) -> None:
    with pytest.raises(InvalidRequestError, match="no post 5"):
        service.sync_single_post(5)


def test_what_no_platform_was_asked_for_is_no_sync(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    """A day without posts is done in no time, also while the platform is down."""
    account = connected("10")
    platform.publish("10", "a", at(D1))
    ledger.owe_listing(session, account, "linkedin", D1, D2)
    session.commit()
    service.sync_business_analytics(1)
    read_at = platform.now
    platform.now += timedelta(days=1)
    platform.listing_errors["10"] = platform.reading_errors["10"] = TransientError("HTTP 502", "linkedin", 502)
    report = service.sync_business_analytics(1)
    assert (report["synced"], report["failed"]) == (0, 1)
    assert service.get_sync_status(1)["last_sync_at"] == read_at
