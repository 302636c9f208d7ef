"""A business with accounts, a scripted platform, and the service on a real database."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PostAnalytics, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.results import DayResult
from tests.sync.scripted import Platform

D1, D2 = date(2026, 9, 1), date(2026, 9, 2)
Connect = Callable[..., int]


@pytest.fixture
def platform() -> Platform:
    """A platform without posts; the present is noon of 2026-09-30."""
    return Platform()


@pytest.fixture
def service(session: Session, platform: Platform) -> AnalyticsSyncService:
    """The service on the test's database and the scripted platform."""
    return AnalyticsSyncService(session, make_fetcher=platform.fetcher, clock=lambda: platform.now, run_id="run-1")


@pytest.fixture
def connected(session: Session) -> Connect:
    """Connects an account of business 1 and gives its id."""
    session.add(Business(name="Acme"))
    session.commit()

    def add(external_id: str, platform: str = "linkedin") -> int:
        business = session.get_one(Business, 1)
        account = connect(
            session, business, platform, external_id, f"token-of-{external_id}", display_name=f"Page {external_id}"
        )
        session.commit()
        return account.id

    return add


def at(day: date, hour: int = 9) -> datetime:
    """A moment on `day`, UTC."""
    return datetime.combine(day, time(hour), UTC)


def ledger_states(engine: Engine) -> dict[tuple[str, str], str]:
    """{(external id, day): state} of the whole ledger."""
    with Session(engine) as session:
        rows = session.execute(
            select(SocialAccount.external_id, SyncUnit.publish_day, SyncUnit.state).join(
                SocialAccount, SocialAccount.id == SyncUnit.social_account_id
            )
        )
        return {(external_id, day.isoformat()): state for external_id, day, state in rows}


def run(service: AnalyticsSyncService, only_due: bool = False, since: datetime | None = None) -> dict[date, DayResult]:
    """Lists and reads D1 to D2, as a Dagster run does."""
    list(service.list_posts("linkedin", D1, D2, only_due))
    return {day.publish_day: day for day in service.read_days("linkedin", D1, D2, only_due=only_due, reuse_since=since)}


def likes(session: Session) -> list[tuple[str, str, int | None]]:
    """Every observation: post, day of reading, likes."""
    session.expire_all()
    rows = session.execute(
        select(PostAnalytics.platform_post_id, PostAnalytics.fetched_at, PostAnalytics.likes_count).order_by(
            PostAnalytics.platform_post_id, PostAnalytics.fetched_at
        )
    )
    return [(post, f"{moment:%m-%d}", n) for post, moment, n in rows]


def only_post(session: Session) -> PublishedPost:
    """The one post there is, as the database has it now."""
    post = session.scalars(select(PublishedPost)).one()
    session.refresh(post)
    session.commit()
    return post
