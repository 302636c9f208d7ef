"""LinkedIn's two daily quotas, of one member's token and of the app: whose calls each of them holds back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from analytics_pipeline.platform_fetchers.exceptions import RateLimitError
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.sandbox.model import Account, ClockSettings, LinkedInSettings, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sync.quota import SharedQuota

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
PAGES = ("101", "102")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Two pages with a post each, whose tokens are of two members."""
    accounts = [Account("linkedin", page, access_token=f"token-{page}") for page in PAGES]
    posts = [Post("linkedin", page, f"urn:li:share:{page}", NOW - timedelta(hours=1)) for page in PAGES]
    with SandboxServer(World(clock=ClockSettings("fixed", NOW), accounts=accounts, posts=posts)) as server:
        yield server


def listed(sandbox: SandboxServer, engine: Engine, page: str) -> int | None:
    """Posts that a listing of the page's last day finds in one call; None when a quota holds it back."""
    fetcher = LinkedInAnalyticsFetcher(
        f"token-{page}", page, base_url=f"{sandbox.url}/linkedin", clock=sandbox.clock.now
    )
    fetcher.quota = SharedQuota(engine, "linkedin", int(page))
    try:
        return len(next(fetcher.list_posts(NOW - timedelta(days=1), NOW)))
    except RateLimitError:
        return None
    finally:
        fetcher.close()


def test_the_used_up_day_of_a_member_leaves_the_other_members_pages(sandbox: SandboxServer, engine: Engine) -> None:
    sandbox.state.world.linkedin = LinkedInSettings(daily_quota=1)
    assert [listed(sandbox, engine, page) for page in ("101", "101", "102")] == [1, None, 1]
    assert [record.status for record in sandbox.requests] == [200, 429, 200]
    assert listed(sandbox, engine, "101") is None
    assert len(sandbox.requests) == 3, "held until midnight"


def test_the_used_up_day_of_the_app_holds_every_page_back(sandbox: SandboxServer, engine: Engine) -> None:
    sandbox.state.world.linkedin = LinkedInSettings(app_daily_quota=1)
    assert [listed(sandbox, engine, page) for page in ("101", "101", "102")] == [1, None, None]
    assert [record.status for record in sandbox.requests] == [200, 429], "the other page's call would be refused too"
    sandbox.clock.advance(12 * 3600)
    assert listed(sandbox, engine, "102") == 1
