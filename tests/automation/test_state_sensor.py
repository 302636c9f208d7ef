"""The checks of a platform's state on a real ledger, and the sensor that records what is new of them."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.assets.state_checks import STATE_CHECKS
from analytics_pipeline.automation.state_sensor import state_sensor
from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit
from analytics_pipeline.definitions import defs
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync.status import account_statuses

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
YESTERDAY = date(2026, 9, 29)


@pytest.fixture
def account(session: Session) -> SocialAccount:
    """A connected X account, listed and read a minute ago."""
    session.add(Business(name="Acme"))
    session.flush()
    account = SocialAccount(
        business_id=1, platform="twitter", external_id="1", display_name="Bakery", access_token="t",
        last_sync=NOW - timedelta(minutes=1), listed_at=NOW - timedelta(minutes=1),
    )  # fmt: skip
    session.add(account)
    session.commit()
    return account


def add_unit(session: Session, day: date, state: str, **values: object) -> None:
    session.add(SyncUnit(social_account_id=1, platform="twitter", publish_day=day, state=state, **values))
    session.flush()


def says(session: Session, name: str) -> tuple[bool, str]:
    result = STATE_CHECKS[name](session, "twitter", account_statuses(session, NOW), NOW)
    return result.passed, str(result.description)


def test_all_is_well(session: Session, account: SocialAccount) -> None:
    add_unit(session, YESTERDAY, "done")
    assert [says(session, name) for name in STATE_CHECKS] == [
        (True, "2026-09-29 is there for all 1 accounts."),
        (True, "All 1 accounts were read within 24 h."),
        (True, "No day was given up."),
    ]


def test_yesterday_is_not_there_before_a_listing_of_today(session: Session, account: SocialAccount) -> None:
    account.listed_at = datetime.combine(NOW.date(), time(), UTC) - timedelta(seconds=1)
    session.flush()
    assert says(session, "yesterday_is_there") == (
        False,
        "2026-09-29 is incomplete: Bakery was not listed since 2026-09-29 ended (the next refresh lists it)",
    )


def test_yesterday_is_not_there_while_a_unit_waits(session: Session, account: SocialAccount) -> None:
    add_unit(session, YESTERDAY, "waiting", next_attempt_at=NOW + timedelta(minutes=20), error_message="HTTP 429")
    add_unit(session, YESTERDAY - timedelta(days=1), "waiting")
    assert says(session, "yesterday_is_there") == (
        False,
        "2026-09-29 is incomplete: Bakery: HTTP 429. Tried again after 2026-09-30 12:20:00 UTC",
    )


def test_readings_grow_old(session: Session, account: SocialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    account.last_sync = NOW - timedelta(hours=24)
    session.flush()
    passed, description = says(session, "readings_are_young")
    assert not passed
    assert description.startswith("Figures are not fresh: Bakery: no schedule has reached it")
    monkeypatch.setenv("TWITTER_REFRESH", "off")
    get_settings.cache_clear()
    assert says(session, "readings_are_young") == (True, "TWITTER_REFRESH is off: nothing is to be read.")
    monkeypatch.delenv("TWITTER_REFRESH")
    get_settings.cache_clear()


def test_given_up_days_are_named_with_what_to_do(session: Session, account: SocialAccount) -> None:
    for day in (3, 9):
        add_unit(session, date(2026, 9, day), "parked", error_message="HTTP 502")
    assert says(session, "no_failed_days") == (
        False,
        "Days were given up: Bakery: 2 days, 2026-09-03 to 2026-09-09, HTTP 502. Mend that, then: "
        "analytics-pipeline backfill --platform twitter --from 2026-09-03 --to 2026-09-09 --failed-only",
    )


def test_the_sensor_records_news_only(engine: Engine, session: Session, account: SocialAccount) -> None:
    account.last_sync = account.listed_at = datetime.now(UTC)
    session.commit()

    def tick(cursor: str | None) -> dg.SensorResult:
        context = dg.build_sensor_context(instance, cursor=cursor, resources={"database": DatabaseResource()})
        result = state_sensor(context)
        assert isinstance(result, dg.SensorResult)
        return result

    with dg.instance_for_test() as instance:
        first = tick(None)
        assert len(first.asset_events) == len(FETCHERS) * len(STATE_CHECKS)
        second = tick(first.cursor)
        assert second.asset_events == []
        add_unit(session, datetime.now(UTC).date() - timedelta(days=1), "parked")
        session.commit()
        third = tick(second.cursor)
        recorded = {
            (event.asset_key.path[0], event.check_name, event.passed)
            for event in third.asset_events
            if isinstance(event, dg.AssetCheckEvaluation)
        }
        assert recorded == {("twitter", "yesterday_is_there", False), ("twitter", "no_failed_days", False)}


def test_what_a_backfill_plans_and_skips_is_told_anew(engine: Engine, session: Session, account: SocialAccount) -> None:
    account.last_sync = account.listed_at = datetime.now(UTC)
    session.commit()
    day = str(datetime.now(UTC).date() - timedelta(days=1))
    checks = [dg.AssetCheckKey(dg.AssetKey(["twitter", "post_analytics"]), name) for name in STATE_CHECKS]
    with dg.instance_for_test() as instance:

        def tick(cursor: str | None) -> dg.SensorResult:
            result = state_sensor(dg.build_sensor_context(instance, cursor, resources={"database": DatabaseResource()}))
            assert isinstance(result, dg.SensorResult)
            for event in result.asset_events:  # as the daemon does
                instance.report_runless_asset_event(event)
            return result

        first = tick(None)
        whole = defs.resolve_implicit_global_asset_job_def()
        of_backfill = whole.get_subset(asset_selection={dg.AssetKey(["twitter", "post_analytics"])})
        instance.create_run_for_job(of_backfill, tags={"dagster/partition": day})
        second = tick(first.cursor)
        told = {event.asset_check_key for event in second.asset_events if isinstance(event, dg.AssetCheckEvaluation)}
        assert told == set(checks)
        assert tick(second.cursor).asset_events == []


def test_the_jobs_of_schedules_and_retries_do_not_plan_them() -> None:
    for platform in FETCHERS:
        planned = defs.resolve_job_def(f"{platform}_sync").asset_layer.asset_graph.asset_check_keys
        assert {key.name for key in planned}.isdisjoint(STATE_CHECKS)
        assert "day_complete" in {key.name for key in planned}
