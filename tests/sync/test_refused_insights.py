"""Facebook and Instagram: insights of one post that may not be read, and those of a whole account."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PostAnalytics, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan
from analytics_pipeline.sync.accounts import connect

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
POSTS = 8
ACCOUNT = "17841400000000001"


@pytest.fixture(params=["facebook", "instagram", "instagram login"])
def account(request: pytest.FixtureRequest) -> Account:
    """One on each host."""
    own = request.param == "instagram login"
    return Account(
        request.param.split()[0],
        ACCOUNT,
        access_token="IGAA1" if own else "EAA1",
        login="instagram" if own else "facebook",
        followers=500,
    )


@pytest.fixture
def patch_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    get_settings.cache_clear()


def synced(account: Account, refused: range, session: Session, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The report on an account with eight posts, a day between them; the insights of those numbers are refused."""
    keys = [f"{ACCOUNT}_{n}" if account.platform == "facebook" else f"1790000000000000{n}" for n in range(POSTS)]
    posts = [
        Post(
            account.platform,
            ACCOUNT,
            key,
            NOW - timedelta(days=1 + n),
            "image",
            flags=frozenset({"insights_refused"}) if n in refused else frozenset(),
        )
        for n, key in enumerate(keys)
    ]
    readings = [
        Observation(post.platform, post.post_id, post.published_at, likes=3, impressions=40, reach=5) for post in posts
    ]
    world = World(accounts=[account], posts=posts, observations=readings, clock=ClockSettings("fixed", NOW))
    with SandboxServer(world) as sandbox:
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        business = Business(name="Acme")
        session.add(business)
        session.flush()
        connect(session, business, account.platform, ACCOUNT, account.access_token)
        session.commit()

        def fetcher(account: plan.Account) -> BasePlatformFetcher:
            return FETCHERS[account.platform].for_account(
                account.access_token, account.external_id, clock=lambda: NOW, sleep=lambda _: None
            )

        service = AnalyticsSyncService(session, make_fetcher=fetcher, clock=lambda: NOW)
        report = service.sync_business_analytics(business.id)
    session.expire_all()
    return report


def test_one_post_is_named_and_seven_are_read(
    account: Account, session: Session, patch_environment: pytest.MonkeyPatch
) -> None:
    report = synced(account, range(3, 4), session, patch_environment)
    assert {name: report[name] for name in ("total_posts", "synced", "failed")} == {
        "total_posts": 8,
        "synced": 7,
        "failed": 1,
    }
    [failed] = report["errors"]
    assert (failed["error_class"], failed["platform_post_id"][-1]) == ("permission", "3")
    assert session.scalars(select(PostAnalytics.impressions)).all() == [40] * 7
    assert session.scalars(select(SocialAccount.status)).all() == ["connected"]
    assert set(session.scalars(select(SyncUnit.state))) == {"done"}


def test_an_account_that_may_not_read_insights_needs_a_person(
    account: Account, session: Session, patch_environment: pytest.MonkeyPatch
) -> None:
    report = synced(account, range(POSTS), session, patch_environment)
    assert report["synced"] == 0
    assert session.scalars(select(SocialAccount.status)).all() == ["needs_reauth"]
    assert "needs_reauth" in set(session.scalars(select(SyncUnit.state)))
    assert session.scalars(select(PostAnalytics.id)).all() == []
