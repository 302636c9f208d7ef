"""Every row of Meta's error tables, fired at the pipeline: class, state of the unit, status of account and post."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan, work
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.results import UnitResult
from tests.sync.meta_errors import FACEBOOK, INSTAGRAM, Row

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
TABLES: list[tuple[str, str, list[Row]]] = [
    ("facebook", "", FACEBOOK),
    ("instagram", "facebook", INSTAGRAM),
    ("instagram", "instagram", INSTAGRAM),
]
ROWS = [(platform, login, row) for platform, login, rows in TABLES for row in rows]
STATES = {
    "throttled": "waiting",
    "transient": "waiting",
    "token": "needs_reauth",
    "permission": "needs_reauth",
    "configuration": "parked",
    "gone": "done",
    "metric": "done",
}
"""What a class does to the unit of an account that has nothing but this post."""


def ident(number: int) -> str:
    return str(17841400000000000 + number)


def post_id(number: int, platform: str) -> str:
    return f"{ident(number)}_1" if platform == "facebook" else f"{ident(number)}1"


@dataclass
class Ended:
    """What became of one row's account."""

    unit: UnitResult
    account: SocialAccount
    post: PublishedPost


@pytest.fixture(scope="module")
def ended() -> dict[int, Ended]:
    """By the number of the row. Filled by the first test that asks for `fired`."""
    return {}


@pytest.fixture
def fired(ended: dict[int, Ended], request: pytest.FixtureRequest) -> dict[int, Ended]:
    """An account and a post per row: all are listed, then reading each post meets the row's answer."""
    if not ended:
        ended.update(fire(request.getfixturevalue("engine"), request.getfixturevalue("session")))
    return ended


def fire(engine: Engine, session: Session) -> Iterator[tuple[int, Ended]]:
    accounts, posts = [], []
    for number, (platform, login, _) in enumerate(ROWS):
        token = ("IGAA" if login == "instagram" else "EAA") + str(number)
        accounts.append(Account(platform, ident(number), access_token=token, login=login, followers=500))
        posts.append(Post(platform, ident(number), post_id(number, platform), NOW - timedelta(hours=30), "image"))
    figures = [Observation(post.platform, post.post_id, post.published_at, likes=1) for post in posts]
    world = World(accounts=accounts, posts=posts, observations=figures, clock=ClockSettings("fixed", NOW))
    with SandboxServer(world) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in {**sandbox.environment, "PLATFORM_MAX_RETRIES": "1"}.items():
            patch.setenv(name, value)
        # All these accounts share an app, and one of them is told that its quota is used up.
        patch.setattr(work, "SharedQuota", lambda *_: MemoryQuota())
        get_settings.cache_clear()
        business = Business(name="Acme")
        session.add(business)
        session.flush()
        ids = [connect(session, business, a.platform, a.external_id, a.access_token).id for a in accounts]
        session.commit()

        def fetcher(account: plan.Account) -> BasePlatformFetcher:
            return FETCHERS[account.platform].for_account(
                account.access_token, account.external_id, clock=lambda: NOW, sleep=lambda _: None
            )

        service = AnalyticsSyncService(session, make_fetcher=fetcher, clock=lambda: NOW)
        day = posts[0].published_at.date()
        listed = [r for platform in ("facebook", "instagram") for r in service.list_posts(platform, day, day)]
        assert [result.failure for result in listed] == [None] * len(ROWS)
        for number, (platform, _, (_, status, envelope, _)) in enumerate(ROWS):
            sandbox.script_fault(
                "reply",
                platform=platform,
                path_contains=f"/{post_id(number, platform)}",
                status=status,
                body=json.dumps({"error": envelope}),
                times=0,
            )
        units = {
            unit.social_account_id: unit
            for platform in ("facebook", "instagram")
            for result in service.read_days(platform, day, day)
            for unit in result.units
        }
    get_settings.cache_clear()
    with Session(engine, expire_on_commit=False) as fresh:
        known = {post.social_account_id: post for post in fresh.scalars(select(PublishedPost))}
        for number, account in enumerate(ids):
            yield number, Ended(units[account], fresh.get_one(SocialAccount, account), known[account])


@pytest.mark.parametrize(
    "number", range(len(ROWS)), ids=[f"{platform} {login} {row[0]}" for platform, login, row in ROWS]
)
def test_a_row_ends_in_its_class(number: int, fired: dict[int, Ended]) -> None:
    _, _, (_, status, envelope, expected) = ROWS[number]
    found = fired[number]
    [failure] = found.unit.failures or [None]
    told = found.unit.error_class or (failure and failure.error_class)
    assert (told, found.unit.state) == (expected, STATES[expected])
    assert found.account.status == ("needs_reauth" if expected in ("token", "permission") else "connected")
    assert found.post.status == ("unavailable" if expected == "gone" else "published")
    said = " ".join([found.unit.error_message or "", failure.message if failure else ""])
    assert envelope["message"][:200] in said, "the platform's own words"
    assert str(envelope["code"]) in said
    if failure is not None:
        assert failure.status_code == status
    assert (found.unit.usage.unknown_errors > 0) == (envelope["code"] == 987654)
