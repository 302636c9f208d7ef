"""A sandbox with one account per way of refreshing, the same accounts in the database, and what came of them.

Not here: tests. Every secret begins with CANARY.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sandbox.model import Account, ClockSettings, OAuthSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.tokens import AccountTokens

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECRET = "CANARY-client-secret"
IDS = {"linkedin": "101", "twitter": "2200000001", "facebook": "104928374650192", "instagram": "17841400000000002"}
LINKEDIN, X, FACEBOOK, INSTAGRAM = range(1, 5)
"""Ids of the accounts in the database."""
APPS = {
    f"{platform}_CLIENT_{kind}": value
    for platform in ("LINKEDIN", "TWITTER", "FACEBOOK")
    for kind, value in (("ID", "app"), ("SECRET", SECRET))
}


def world() -> World:
    """Each account with a post of the day before. `CANARY-access-x` works, the refresh tokens too."""
    published = NOW - DAY
    posts = {
        "linkedin": "urn:li:share:7301000000000000001",
        "twitter": "1970000000000000001",
        "facebook": f"{IDS['facebook']}_1",
        "instagram": "17900000000000001",
    }
    return World(
        clock=ClockSettings("fixed", NOW),
        oauth=OAuthSettings("app", SECRET),
        accounts=[
            Account(
                platform,
                number,
                platform,
                access_token=f"CANARY-access-{platform}",
                refresh_token="" if platform == "instagram" else f"CANARY-refresh-{platform}",
                login="instagram" if platform == "instagram" else "",
                followers=500,
            )
            for platform, number in IDS.items()
        ],
        posts=[Post(platform, IDS[platform], post, published, "image") for platform, post in posts.items()],
        observations=[
            Observation(platform, post, published, likes=5, comments=1, shares=1, impressions=100)
            for platform, post in posts.items()
        ],
    )


@dataclass
class TokenWorld:
    """The sandbox, the database, and the present, which is the sandbox's."""

    sandbox: SandboxServer
    engine: Engine
    patch: pytest.MonkeyPatch

    def now(self) -> datetime:
        return self.sandbox.clock.now()

    def configure(self, **variables: str | None) -> None:
        """Sets variables of the environment; None unsets one."""
        for name, value in variables.items():
            if value is None:
                self.patch.delenv(name, raising=False)
            else:
                self.patch.setenv(name, value)
        get_settings.cache_clear()

    def tokens(self, account: int) -> AccountTokens:
        """What a worker gets."""
        return AccountTokens(self.engine, account, list(IDS)[account - 1], self.now)

    def change(self, account: int, **columns: object) -> None:
        with Session(self.engine) as session, session.begin():
            row = session.get_one(SocialAccount, account)
            for name, value in columns.items():
                setattr(row, name, value)

    def row(self, account: int) -> SocialAccount:
        with Session(self.engine) as session:
            return session.get_one(SocialAccount, account)

    def kill_token(self, platform: str, state: str = "expired") -> None:
        """The platform takes the access token of the world no more."""
        token = self.sandbox.state.tokens.find(platform, f"CANARY-access-{platform}")
        assert token is not None
        token.state = state

    def asked(self, path_contains: str = "oken") -> int:
        """How often the token endpoints were asked."""
        return sum(
            path_contains in record.path and "me/accounts" not in record.path for record in self.sandbox.requests
        )

    def service(self, session: Session) -> AnalyticsSyncService:
        """The service, speaking to the sandbox in its time."""

        def fetcher(account: plan.Account) -> BasePlatformFetcher:
            return FETCHERS[account.platform].for_account(
                account.access_token, account.external_id, clock=self.now, sleep=self.sandbox.clock.advance
            )

        return AnalyticsSyncService(session, make_fetcher=fetcher, clock=self.now, run_id="run-1")

    def everything_written(self) -> str:
        """Every column of every table of the database as text, tokens as they are stored."""
        tables = inspect(self.engine).get_table_names()
        with self.engine.connect() as connection:
            rows = (connection.scalars(text(f'select to_jsonb(t)::text from "{table}" t')).all() for table in tables)
            return "\n".join(row for of_table in rows for row in of_table)


@contextmanager
def running(engine: Engine, patch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """The world, served; its accounts connected to business 1, their tokens without a known end."""
    with SandboxServer(world()) as sandbox:
        here = TokenWorld(sandbox, engine, patch)
        here.configure(**APPS, **sandbox.environment)
        with Session(engine) as session, session.begin():
            business = Business(name="Acme")
            session.add(business)
            session.flush()
            for account in sandbox.state.world.accounts:
                connect(
                    session,
                    business,
                    account.platform,
                    account.external_id,
                    account.access_token,
                    refresh_token=account.refresh_token or None,
                )
        yield here
    get_settings.cache_clear()
