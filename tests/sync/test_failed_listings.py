"""What a failed listing leaves in the ledger, and what becomes of it when listing works again."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SyncUnit
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, RateLimitError, TransientError
from analytics_pipeline.sync import AnalyticsSyncService, plan, retries
from tests.sync.conftest import D1, D2, Connect, at, likes, run
from tests.sync.scripted import Platform

DOWN = TransientError("HTTP 502", "linkedin", 502)


def unit(session: Session) -> tuple[str, int, str | None]:
    """State, attempts and fault of the unit of D1."""
    session.expire_all()
    row = session.scalars(select(SyncUnit).where(SyncUnit.publish_day == D1)).one()
    session.commit()
    return row.state, row.attempts, row.error_class


def test_faults_of_listing_are_none_of_reading(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    platform.listing_errors["10"] = DOWN
    for n in range(1, 5):
        list(service.list_posts("linkedin", D1, D2))
        assert unit(session) == ("waiting", n, "transient")
        platform.now += timedelta(hours=5)
    platform.listing_errors.clear()
    list(service.list_posts("linkedin", D1, D2))
    assert unit(session) == ("due", 0, None)
    platform.reading_errors["10"] = DOWN
    list(service.read_days("linkedin", D1, D2))
    assert unit(session) == ("waiting", 1, "transient"), "one fault is not the fifth"


def test_a_day_whose_posts_are_known_waits_for_its_own_time(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    platform.reading_errors["10"] = RateLimitError("slow down", "linkedin", 429, retry_after=7200)
    run(service)
    assert unit(session) == ("waiting", 0, "throttled")
    for fault in (DOWN, ConfigurationError("the version has ended", "linkedin", 426)):
        platform.listing_errors["10"] = fault
        list(service.list_posts("linkedin", D1, D2))
        assert unit(session) == ("waiting", 0, "throttled")
    platform.reading_errors.clear()
    platform.now += timedelta(hours=2)
    assert run(service, only_due=True)[D1].complete, "its figures are read while listing fails"
    assert likes(session) == [("a", "09-30", 1)]


def test_known_days_of_an_account_that_no_setting_fits_are_given_up(
    platform: Platform, connected: Connect, session: Session
) -> None:
    """Else the retry sensor would ask for them for ever."""
    connected("10")
    platform.publish("10", "a", at(D1))
    platform.publish("10", "b", at(D2))
    wrong = False

    def make_fetcher(account: plan.Account) -> BasePlatformFetcher:
        if wrong:
            raise ConfigurationError("META_API_VERSION is not like v25.0", "linkedin")
        return platform.fetcher(account)

    service = AnalyticsSyncService(session, make_fetcher=make_fetcher, clock=lambda: platform.now)
    list(service.list_posts("linkedin", D1, D2))
    list(service.read_days("linkedin", D2, D2))
    wrong = True
    days = run(service, only_due=True)
    assert unit(session) == ("parked", 1, "configuration")
    assert days[D2].complete, "what is done stays so"
    days = run(service)
    assert days[D2].complete
    assert retries.due_units(session, "linkedin", datetime.now(UTC) + timedelta(days=1)) == []
