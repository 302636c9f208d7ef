"""Days whose rows changed outside Dagster's runs: it is told, once, so that their summaries follow."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.orm import Session

from analytics_pipeline.automation.changed_days_sensor import changed_days_sensor
from analytics_pipeline.database.models import AccountAnalytics, Business, SocialAccount
from analytics_pipeline.database.writes import PostRow, upsert_posts
from analytics_pipeline.platform_fetchers.exceptions import TransientError
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import connect
from tests.sync.scripted import Platform

MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
KEYS = [dg.AssetKey(["linkedin", name]) for name in ("published_posts", "post_analytics", "account_analytics")]
Told = dict[str, set[str]]
"""Asset → days."""


@pytest.fixture
def instance(engine: Engine) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in a folder. In the database a business with an account, two posts and figures of a day.

    Runs have materialised the first days of September.
    """
    with Session(engine) as session, session.begin():
        for business in (1, 2):
            session.add(Business(id=business, name=f"Business {business}"))
        session.flush()
        session.add(SocialAccount(id=1, business_id=1, platform="linkedin", external_id="1"))
        session.flush()
        publish(session, "a", 3)
        publish(session, "b", 5)
        figures = {"social_account_id": 1, "platform": "linkedin", "day": date(2026, 9, 7), "followers": 5}
        session.execute(insert(AccountAnalytics), {**figures, "fetched_at": datetime(2026, 9, 8, tzinfo=UTC)})
    with dg.instance_for_test() as instance:
        for key in KEYS:
            for day in range(1, 10):
                instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=f"2026-09-0{day}"))
        yield instance


def publish(session: Session, name: str, day: int, year: int = 2026) -> None:
    """As a listing finds it."""
    at = datetime(year, 9, day, 12, tzinfo=UTC)
    upsert_posts(session, [PostRow(1, 1, "linkedin", name, at)])


def tick(instance: dg.DagsterInstance) -> Told:
    """What is told."""
    before = {key: instance.get_latest_storage_id_by_partition(key, MATERIALIZED) for key in KEYS}
    changed_days_sensor(dg.build_sensor_context(instance, resources={"database": DatabaseResource()}))
    after = {key: instance.get_latest_storage_id_by_partition(key, MATERIALIZED) for key in KEYS}
    return {
        key.path[-1]: {day for day, number in days.items() if before[key].get(day) != number}
        for key, days in after.items()
        if days != before[key]
    }


def test_both_days_of_a_post_whose_time_was_corrected(engine: Engine, instance: dg.DagsterInstance) -> None:
    with Session(engine) as session, session.begin():
        publish(session, "a", 1)
        publish(session, "b", 5)  # as it was
        publish(session, "c", 9)  # new: the run that found it tells
    assert tick(instance) == {"published_posts": {"2026-09-01", "2026-09-03"}}
    assert tick(instance) == {}


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("DELETE FROM published_posts WHERE platform_post_id = 'a'", {"published_posts": {"2026-09-03"}}),
        (
            "DELETE FROM businesses WHERE id = 1",
            {"published_posts": {"2026-09-03", "2026-09-05"}, "account_analytics": {"2026-09-07"}},
        ),
        ("UPDATE published_posts SET business_id = 2", {"published_posts": {"2026-09-03", "2026-09-05"}}),
        ("UPDATE social_accounts SET business_id = 2", {"account_analytics": {"2026-09-07"}}),
        ("UPDATE social_accounts SET business_id = business_id, display_name = 'Acme'", {}),
        ("UPDATE published_posts SET likes_count = 7, published_at = published_at + interval '1 hour'", {}),
    ],
)
def test_whatever_the_application_does(engine: Engine, instance: dg.DagsterInstance, done: str, expected: Told) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("CREATE ROLE application; GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application")
        )
        connection.execute(text("REVOKE ALL ON changed_days FROM application; SET LOCAL ROLE application"))
        connection.execute(text(done))
        connection.execute(text("RESET ROLE; DROP OWNED BY application; DROP ROLE application"))
    assert tick(instance) == expected
    assert tick(instance) == {}


def test_days_that_no_run_has_materialised_are_forgotten(engine: Engine, instance: dg.DagsterInstance) -> None:
    """They would look whole, though perhaps one account of many was read."""
    with Session(engine) as session, session.begin():
        publish(session, "old", 3, year=1999)
        session.execute(text("DELETE FROM published_posts WHERE platform_post_id = 'old'"))
    assert tick(instance) == {}
    with Session(engine) as session:
        assert session.scalars(text("SELECT day FROM changed_days")).all() == []


@pytest.mark.parametrize(("run_id", "expected"), [(None, {"2026-09-03"}), ("of-dagster", set())])
def test_what_is_read_outside_a_run(
    engine: Engine, instance: dg.DagsterInstance, run_id: str | None, expected: set[str]
) -> None:
    platform = Platform()
    platform.publish("1", "a", datetime(2026, 9, 3, 12, tzinfo=UTC))
    platform.publish("1", "new", datetime(2026, 9, 4, 12, tzinfo=UTC))
    platform.post_errors["new"] = TransientError("HTTP 500", "linkedin", 500)
    days = date(2026, 9, 3), date(2026, 9, 4)
    with Session(engine) as session:
        connect(session, session.get_one(Business, 1), "linkedin", "1", "a-token-of-the-page")
        session.commit()
        service = AnalyticsSyncService(
            session, make_fetcher=platform.fetcher, clock=lambda: platform.now, run_id=run_id
        )
        list(service.list_posts("linkedin", *days))
        assert tick(instance) == ({"published_posts": {str(day) for day in days}} if expected else {})
        list(service.read_days("linkedin", *days))
    assert tick(instance) == ({"post_analytics": expected} if expected else {})
