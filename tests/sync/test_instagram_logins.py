"""One installation with Instagram accounts of both logins: each is asked at its own host, and refreshed its own way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PostAnalytics, SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS, meta_oauth
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan
from analytics_pipeline.sync.accounts import connect

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
PAGE, LINKED, OWN = "104928374650192", "17841405822304914", "17841405822304999"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """graph.facebook.com and graph.instagram.com; INSTAGRAM_BASE_URL is unset."""
    accounts = [
        Account("facebook", PAGE, access_token="EAApage", followers=500),
        Account("instagram", LINKED, access_token="EAAlinked", page_id=PAGE, followers=500),
        Account("instagram", OWN, access_token="IGAAown", login="instagram", followers=500),
    ]
    posts = [
        Post("instagram", account, f"{account}{n}", NOW - timedelta(hours=n), "reel" if n == 1 else "image")
        for account in (LINKED, OWN)
        for n in (1, 2, 3)
    ]
    figures = [
        Observation("instagram", p.post_id, p.published_at, likes=5, impressions=9, watch_time_ms=1500) for p in posts
    ]
    world = World(accounts=accounts, posts=posts, observations=figures, clock=ClockSettings("fixed", NOW))
    with SandboxServer(world) as running:
        monkeypatch.setenv("FACEBOOK_BASE_URL", f"{running.url}/facebook")
        monkeypatch.delenv("INSTAGRAM_BASE_URL", raising=False)
        # Another name of this machine: the fetcher tells the hosts apart by their names.
        monkeypatch.setattr(meta_oauth, "_INSTAGRAM_HOST", f"http://localhost:{running.port}/instagram")
        get_settings.cache_clear()
        yield running
    get_settings.cache_clear()


def test_each_account_is_asked_at_the_host_of_its_login(
    sandbox: SandboxServer, engine: Engine, session: Session
) -> None:
    business = Business(name="Acme")
    session.add(business)
    session.flush()
    ids = {
        external_id: connect(session, business, "instagram", external_id, token).id
        for external_id, token in ((LINKED, "EAAlinked"), (OWN, "IGAAown"))
    }
    session.commit()

    def fetcher(account: plan.Account) -> BasePlatformFetcher:
        return FETCHERS[account.platform].for_account(account.access_token, account.external_id, clock=lambda: NOW)

    service = AnalyticsSyncService(session, make_fetcher=fetcher, clock=lambda: NOW, run_id="run-1")
    list(service.list_posts("instagram", NOW.date(), NOW.date()))
    list(service.read_days("instagram", NOW.date(), NOW.date()))
    list(service.read_account_days("instagram", date(2026, 9, 28), NOW.date()))

    asked = {(record.platform, record.account) for record in sandbox.requests}
    assert asked == {("facebook", LINKED), ("instagram", OWN)}
    assert {record.status for record in sandbox.requests} == {200}
    methods = {record.platform: set[str]() for record in sandbox.requests}
    for record in sandbox.requests:
        methods[record.platform].add(record.method)
    assert "POST" not in methods["instagram"], "that host takes no batches"
    with Session(engine) as fresh:
        read = fresh.execute(select(PostAnalytics.platform_post_id, PostAnalytics.likes_count)).all()
        ends = {row.id: row.token_expires_at for row in fresh.scalars(select(SocialAccount))}
    assert sorted(post for post, _ in read) == sorted(post.post_id for post in sandbox.state.world.posts)
    assert {likes for _, likes in read} == {5}
    # The token of Instagram login has an end that nobody told: a refresh did. A Page's token has none.
    assert ends[ids[OWN]] is not None
    assert ends[ids[LINKED]] is None
