"""What `status` tells of an account, and what releasing given-up days does to the ledger."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers.exceptions import RateLimitError
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS, DailyLimits
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, ledger, plan
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.quota import SharedQuota
from analytics_pipeline.sync.status import AccountStatus, account_statuses
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, run
from tests.sync.scripted import Platform


def test_an_account_that_was_never_read(connected: Connect, platform: Platform, session: Session) -> None:
    connected("10")
    (status,) = account_statuses(session, platform.now)
    assert status == AccountStatus(
        id=1, business_id=1, business="Acme", platform="linkedin", account="Page 10", status="connected", posts=0, synced=0,
        last_sync=None, listed_at=None, stale_reason="never read yet", due=0, waiting=0, waiting_until=None, parked=0,
        held_until=None, calls_left_today=None,
    )  # fmt: skip


def test_what_is_read_and_what_waits(
    service: AnalyticsSyncService, connected: Connect, platform: Platform, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    run(service)
    platform.publish("10", "b", at(D2))
    platform.reading_errors["10"] = RateLimitError("slow down", "linkedin", 429, retry_after=900)
    run(service)
    session.expire_all()
    (status,) = account_statuses(session, platform.now, business_id=1)
    assert (status.posts, status.synced, status.waiting, status.due, status.parked) == (2, 1, 2, 0, 0)
    assert status.waiting_until == platform.now + timedelta(seconds=900)
    assert (status.last_sync, status.stale_reason) == (platform.now, None)
    (later,) = account_statuses(session, platform.now + timedelta(hours=24))
    assert later.stale_reason is not None
    assert "daemon" in later.stale_reason
    assert account_statuses(session, platform.now, business_id=2) == []


def test_reasons_that_a_person_or_a_setting_gives(
    connected: Connect, platform: Platform, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected("10")
    connected("20", "twitter")
    page = session.get_one(SocialAccount, 1)
    page.status, page.status_reason = "needs_reauth", "the token was revoked"
    session.flush()
    monkeypatch.setenv("TWITTER_REFRESH", "off")
    get_settings.cache_clear()
    assert [status.stale_reason for status in account_statuses(session, platform.now)] == [
        "the token was revoked",
        "TWITTER_REFRESH is off",
    ]
    monkeypatch.delenv("TWITTER_REFRESH")
    get_settings.cache_clear()


def test_the_daemon_is_not_suspected_before_an_account_that_was_connected_again_can_have_been_read(
    connected: Connect, platform: Platform, session: Session
) -> None:
    account = session.get_one(SocialAccount, connected("10"))
    account.last_sync = platform.now - timedelta(days=5)
    account.status = "needs_reauth"
    session.add(unit := SyncUnit(social_account_id=1, publish_day=D1, platform="linkedin", state="needs_reauth"))
    session.commit()
    connected("10")
    assert unit.state == "due"
    reasons = []
    for minutes in (5, 70):
        unit.updated_at = platform.now - timedelta(minutes=minutes)
        session.flush()
        reasons += [str(status.stale_reason) for status in account_statuses(session, platform.now)]
    assert "within 20 minutes" in reasons[0]
    assert "daemon" not in reasons[0]
    assert "daemon" in reasons[1], "nobody has read it since"


def test_quota_left_and_held(
    connected: Connect, platform: Platform, session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected("10")
    monkeypatch.setenv("LINKEDIN_APP_CALLS_PER_DAY", "500")
    monkeypatch.setenv("LINKEDIN_MEMBER_CALLS_PER_DAY", "100")
    get_settings.cache_clear()
    (fresh,) = account_statuses(session, platform.now)
    assert fresh.calls_left_today == 100
    quota = SharedQuota(engine, "linkedin", 1)
    for endpoint in ("posts", "posts", "statistics"):
        assert quota.take(endpoint, DailyLimits(500, 100), platform.now) is None
    quota.hold("app", ALL_ENDPOINTS, platform.now + timedelta(minutes=9))
    session.expire_all()
    (used,) = account_statuses(session, platform.now)
    assert (used.calls_left_today, used.held_until) == (98, platform.now + timedelta(minutes=9))
    (tomorrow,) = account_statuses(session, platform.now + timedelta(days=1))
    assert (tomorrow.calls_left_today, tomorrow.held_until) == (100, None)
    monkeypatch.delenv("LINKEDIN_APP_CALLS_PER_DAY")
    monkeypatch.delenv("LINKEDIN_MEMBER_CALLS_PER_DAY")
    get_settings.cache_clear()


def test_pages_with_one_members_token_share_its_quota(
    connected: Connect, platform: Platform, session: Session, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for external_id in ("10", "20", "30"):
        connected(external_id)
    session.add(other := Business(name="Bakery"))
    session.flush()
    connect(session, other, "linkedin", "40", "token-of-10")
    connect(session, other, "twitter", "50", "token-of-10")
    session.get_one(SocialAccount, 2).refresh_token = session.get_one(SocialAccount, 3).refresh_token = "the same"
    session.commit()
    ids = {account.id: account.quota_id for account in plan.accounts(session, ["linkedin", "twitter"])}
    assert ids == {1: 1, 2: 2, 3: 2, 4: 1, 5: 5}
    assert [account.quota_id for account in plan.accounts(session, ["linkedin"], other.id)] == [1]
    monkeypatch.setenv("LINKEDIN_MEMBER_CALLS_PER_DAY", "100")
    get_settings.cache_clear()
    SharedQuota(engine, "linkedin", 1).take("posts", DailyLimits(account=100), platform.now)
    left = {status.id: status.calls_left_today for status in account_statuses(session, platform.now)}
    assert left == {1: 99, 2: 100, 3: 100, 4: 99, 5: None}
    monkeypatch.delenv("LINKEDIN_MEMBER_CALLS_PER_DAY")
    get_settings.cache_clear()


def test_release_makes_given_up_and_unknown_days_due(
    service: AnalyticsSyncService, connected: Connect, platform: Platform, session: Session, engine: Engine
) -> None:
    connected("10")
    connected("20")
    platform.publish("10", "a", at(D1))
    platform.publish("10", "b", at(D2))
    run(service)
    day_before = D1 - timedelta(days=1)
    session.execute(update(SyncUnit).where(SyncUnit.publish_day == D2).values(state="parked", attempts=5))
    session.execute(update(SocialAccount).where(SocialAccount.external_id == "20").values(status="needs_reauth"))
    assert ledger.release_failed(session, "linkedin", day_before, D2) == 2
    session.commit()
    assert ledger_states(engine) == {
        ("10", day_before.isoformat()): "due",
        ("10", D1.isoformat()): "done",
        ("10", D2.isoformat()): "due",
    }
    assert session.get_one(SyncUnit, (1, D2)).attempts == 0
    assert ledger.release_failed(session, "twitter", date(2026, 1, 1), D2) == 0
    session.execute(update(SyncUnit).where(SyncUnit.publish_day == D1).values(state="running"))
    assert ledger.release_failed(session, "linkedin", D1, D1) == 1, "left behind by a worker that was killed"
