"""An account that somebody removes in the middle of a run: it costs no other account, and leaves nothing behind."""

import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import AccountAnalytics, ApiUsage, SocialAccount
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sync import AnalyticsSyncService, plan
from tests.sync.conftest import D1, D2, Connect, at, likes, run
from tests.sync.scripted import Platform


@pytest.fixture
def accounts(connected: Connect, platform: Platform) -> None:
    """Accounts 10 and 20, each with a post."""
    for account in ("10", "20"):
        connected(account)
        platform.publish(account, f"of {account}", at(D1), likes=int(account))


def remove(engine: Engine, external_id: str) -> None:
    """What the application does."""
    with engine.begin() as connection:
        connection.execute(delete(SocialAccount).where(SocialAccount.external_id == external_id))


def used(session: Session) -> list[int]:
    """The accounts of which usage is kept."""
    return sorted(set(session.scalars(select(ApiUsage.social_account_id))))


@pytest.mark.usefixtures("accounts")
def test_while_its_posts_are_read(
    service: AnalyticsSyncService, platform: Platform, session: Session, engine: Engine
) -> None:
    platform.before_batch = lambda _batch: remove(engine, "10")
    run(service)
    assert likes(session) == [("of 20", "09-30", 20)]
    assert used(session) == [2]


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("what", ["posts", "own figures"])
def test_while_it_is_asked_for(platform: Platform, session: Session, engine: Engine, what: str) -> None:
    def removed(account: plan.Account) -> BasePlatformFetcher:
        fetcher = platform.fetcher(account)
        if account.external_id == "10":
            remove(engine, "10")
        return fetcher

    service = AnalyticsSyncService(session, make_fetcher=removed, clock=lambda: platform.now)
    if what == "posts":
        run(service)
        assert likes(session) == [("of 20", "09-30", 20)]
    else:
        list(service.read_account_days("linkedin", D1, D2))
        assert set(session.scalars(select(AccountAnalytics.social_account_id))) == {2}
    assert used(session) == [2]
