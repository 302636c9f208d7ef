"""A metric that Meta retires: one search for it a day, by one account for all, shown by `platforms`."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.database.models import Business, PostAnalytics, RetiredMetric
from analytics_pipeline.database.sign_of_life import sign_of_life
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import POST_METRICS
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan, retired
from analytics_pipeline.sync.accounts import connect

NOW = datetime.now(UTC).replace(hour=12)
"""Of today: what the command shows is of the present."""
PAGES = ("104928374650192", "104928374650193")
POSTS = 30


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """Two Pages on a platform that has retired `post_clicks`."""
    posts = [
        Post("facebook", page, f"{page}_{n}", NOW - timedelta(days=1, minutes=n), "image")
        for page in PAGES
        for n in range(POSTS)
    ]
    world = World(
        accounts=[Account("facebook", page, access_token=f"EAA{page}", followers=500) for page in PAGES],
        posts=posts,
        observations=[Observation("facebook", p.post_id, p.published_at, likes=3, clicks=4, reach=5) for p in posts],
        clock=ClockSettings("fixed", NOW),
    )
    world.facebook.retired_metrics = ["post_clicks"]
    with SandboxServer(world) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        yield running
    get_settings.cache_clear()


def test_once_a_day_and_never_at_the_cost_of_another(sandbox: SandboxServer, engine: Engine, session: Session) -> None:
    business = Business(name="Acme")
    session.add(business)
    session.flush()
    for account in sandbox.state.world.accounts:
        connect(session, business, "facebook", account.external_id, account.access_token)
    session.commit()

    def fetcher(account: plan.Account) -> BasePlatformFetcher:
        return FETCHERS["facebook"].for_account(account.access_token, account.external_id, clock=sandbox.clock.now)

    service = AnalyticsSyncService(session, make_fetcher=fetcher, clock=sandbox.clock.now)
    first, last = (NOW - timedelta(days=2)).date(), NOW.date()

    def calls_of_a_run() -> tuple[int, int]:
        """Searches, which ask for each metric alone; and other calls."""
        sandbox.clear_requests()
        list(service.list_posts("facebook", first, last))
        searches = sum(request.calls == len(POST_METRICS) for request in sandbox.requests)
        return searches, len(sandbox.requests) - searches

    # A page each, and the failed one: of an account that has asked before the other's search has ended, a second.
    assert calls_of_a_run() in [(1, 3), (1, 4)]
    assert calls_of_a_run() == (0, 2)
    sandbox.clock.advance(23 * 3600)
    assert calls_of_a_run() == (0, 2)
    sandbox.clock.advance(2 * 3600)
    assert calls_of_a_run() in [(1, 3), (1, 4)], "asked again once a day"

    with Session(engine) as fresh:
        assert fresh.scalars(select(RetiredMetric.metric)).all() == ["post_clicks"]
        read = fresh.execute(select(PostAnalytics.clicks, PostAnalytics.likes_count, PostAnalytics.reach)).all()
    assert {tuple(row) for row in read} == {(None, 3, 5)}
    assert len(read) >= 2 * POSTS

    shown = CliRunner().invoke(app, ["platforms", "--platform", "facebook", "--json"])
    assert shown.exit_code == 0, shown.output
    [left_out] = json.loads(shown.stdout)["left_out"]
    assert (left_out["metric"], left_out["figures unknown"]) == ("post_clicks", "clicks")


def test_a_run_that_lives_keeps_no_search_waiting(engine: Engine) -> None:
    """Though the second keys of their locks, made of an id and of a name, are the same by chance."""
    with Session(engine) as session:
        keys = {name: session.scalar(select(func.hashtext(name))) or -1 for name in map(str, range(100))}
    name, key = next((name, key) for name, key in keys.items() if key >= 0)
    found: set[str] = set()

    def search() -> None:
        with retired.search(engine, name, found, set(), lambda: NOW):
            found.add("post_clicks")

    with sign_of_life(str(UUID(int=key))):
        searching = threading.Thread(target=search)
        searching.start()
        searching.join(10)
        assert found == {"post_clicks"}
    searching.join()
