"""The schedules against a real ledger: how far back a tick reaches, and which ticks ask for nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from sqlalchemy import delete
from sqlalchemy.orm import Session

from analytics_pipeline.automation import schedules
from analytics_pipeline.automation.jobs import ACCOUNT_JOBS, SYNC_JOBS
from analytics_pipeline.automation.schedules import REFRESH_TAG, SCHEDULES, next_refresh
from analytics_pipeline.database.models import AccountAnalytics, Business, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.definitions import defs
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from tests.stopped_clock import stopped_at

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TODAY = NOW.date()
OWN_FIGURES = "twitter_account_analytics_daily"
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture(autouse=True)
def _still_this_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "datetime", stopped_at(NOW))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in a folder: a schedule opens it for itself."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def account(session: Session) -> SocialAccount:
    """A connected X account."""
    session.add(Business(name="Acme"))
    session.flush()
    account = SocialAccount(business_id=1, platform="twitter", external_id="1", access_token="t", status="connected")
    session.add(account)
    session.commit()
    return account


def tick(instance: dg.DagsterInstance, at: datetime = NOW, name: str = "twitter_refresh") -> ScheduleExecutionData:
    """One evaluation of a schedule, as the daemon makes it."""
    (schedule,) = (schedule for schedule in SCHEDULES if schedule.name == name)
    with dg.build_schedule_context(
        instance,
        scheduled_execution_time=at,
        resources={"database": DatabaseResource()},
        repository_def=defs.get_repository_def(),
    ) as context:
        return schedule.evaluate_tick(context)


def read_at(session: Session, account: SocialAccount, age_days: int, moment: datetime) -> None:
    """A post of that age, and its unit, last read at `moment`."""
    published = NOW - timedelta(days=age_days)
    session.add(
        PublishedPost(
            business_id=1, social_account_id=account.id, platform="twitter", platform_post_id=str(age_days),
            published_at=published,
        )
    )  # fmt: skip
    session.add(
        SyncUnit(
            social_account_id=account.id, publish_day=published.date(), platform="twitter", state="done",
            posts_expected=1, posts_synced=1, started_at=moment,
        )
    )  # fmt: skip
    session.commit()


def test_every_tick_looks_for_new_posts_of_two_days(instance: dg.DagsterInstance, account: SocialAccount) -> None:
    (request,) = list(tick(instance).run_requests or [])
    assert (request.tags[START], request.tags[END]) == (str(TODAY - timedelta(days=1)), str(TODAY))
    assert request.tags["dagster/priority"] == "10"
    assert request.run_key == f"twitter:{NOW:%Y-%m-%dT%H}"


def test_a_tick_reaches_back_to_the_oldest_day_that_is_due(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session
) -> None:
    read_at(session, account, 12, NOW - timedelta(days=2))
    read_at(session, account, 60, NOW)
    (request,) = list(tick(instance).run_requests or [])
    assert (request.tags[START], request.tags[END]) == (str(TODAY - timedelta(days=12)), str(TODAY))


def test_a_tick_reaches_back_to_what_a_failing_listing_may_have_missed(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session
) -> None:
    account.listed_at = NOW - timedelta(days=5)
    session.commit()
    (request,) = list(tick(instance).run_requests or [])
    assert (request.tags[START], request.tags[END]) == (str(TODAY - timedelta(days=6)), str(TODAY))
    account.status = "needs_reauth"
    session.add(SocialAccount(business_id=1, platform="twitter", external_id="2", access_token="t", listed_at=NOW))
    session.commit()
    (request,) = list(tick(instance).run_requests or [])
    assert request.tags[START] == str(TODAY - timedelta(days=1)), "what waits for a person is listed when it is back"


def test_a_missed_tick_asks_for_nothing_and_the_newest_for_everything(
    instance: dg.DagsterInstance, account: SocialAccount
) -> None:
    missed = tick(instance, NOW - timedelta(hours=2))
    assert not missed.run_requests
    assert "was missed" in str(missed.skip_message)
    assert len(tick(instance).run_requests or ()) == 1


def test_a_tick_waits_for_the_refresh_before_it_and_for_no_backfill(
    instance: dg.DagsterInstance, account: SocialAccount
) -> None:
    job = defs.resolve_job_def(SYNC_JOBS["twitter"].name)
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert len(tick(instance).run_requests or ()) == 1
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=REFRESH_TAG)
    assert "still goes on" in str(tick(instance).skip_message)


def test_a_run_that_was_made_and_never_submitted_holds_up_no_refresh(
    instance: dg.DagsterInstance, account: SocialAccount
) -> None:
    job = defs.resolve_job_def(SYNC_JOBS["twitter"].name)
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED, tags=REFRESH_TAG)
    (request,) = list(tick(instance).run_requests or [])
    assert request.run_key == f"twitter:{NOW:%Y-%m-%dT%H}", "by this key the next daemon finds the run, and submits it"


@pytest.mark.parametrize("status", ["needs_reauth", "disconnected"])
def test_without_a_connected_account_nothing_is_asked_for(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session, status: str
) -> None:
    account.status = status
    session.commit()
    assert tick(instance).skip_message == "no twitter account is connected"


def test_a_platform_can_be_switched_off(
    instance: dg.DagsterInstance, account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITTER_REFRESH", "off")
    get_settings.cache_clear()
    assert tick(instance).skip_message == "TWITTER_REFRESH is off"


def own_figures(session: Session, account: SocialAccount, read_at: datetime) -> None:
    session.add(
        AccountAnalytics(
            social_account_id=account.id, platform=account.platform, day=read_at.date(), followers=7, fetched_at=read_at
        )
    )
    session.commit()


def asked(instance: dg.DagsterInstance, platform: str = "twitter") -> list[tuple[Any, str, str]]:
    """(accounts, first day, last day) of each run of a platform's account figures that a tick asks for."""
    job = defs.resolve_job_def(ACCOUNT_JOBS[platform].name)
    requests = list(tick(instance, name=f"{platform}_account_analytics_daily").run_requests or [])
    assert len({request.run_key for request in requests}) == len(requests)
    assert all(dg.validate_run_config(job, dict(request.run_config)) for request in requests)
    configs = [request.run_config["ops"][f"{platform}__account_analytics"]["config"] for request in requests]
    return [
        (config["accounts"], request.tags[START], request.tags[END])
        for config, request in zip(configs, requests, strict=True)
    ]


def test_the_accounts_own_figures_are_read_for_the_last_week_every_day(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session
) -> None:
    own_figures(session, account, NOW.replace(hour=0) - timedelta(microseconds=1))
    assert asked(instance) == [([], str(TODAY - timedelta(days=7)), str(TODAY))]
    own_figures(session, account, NOW.replace(hour=0))
    assert tick(instance, name=OWN_FIGURES).skip_message == "every twitter account has been read today"


def test_a_new_account_is_read_as_far_back_as_its_posts_and_others_for_a_week(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY_DAYS", "90")
    get_settings.cache_clear()
    others = [
        SocialAccount(business_id=1, platform="twitter", external_id=name, access_token="t", status="connected")
        for name in ("read yesterday", "read today")
    ]
    session.add_all(others)
    session.flush()
    own_figures(session, others[0], NOW - timedelta(days=1))
    own_figures(session, others[1], NOW)
    assert asked(instance) == [
        ([account.id], str(TODAY - timedelta(days=90)), str(TODAY)),
        ([others[0].id], str(TODAY - timedelta(days=7)), str(TODAY)),
    ]


def test_an_account_whose_history_failed_is_read_that_far_back_again(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session
) -> None:
    account.platform = "linkedin"
    yesterday = NOW - timedelta(days=1)
    own_figures(session, account, yesterday)
    history = get_settings().history_days
    assert asked(instance, platform="linkedin") == [([], str(TODAY - timedelta(days=history)), str(TODAY))]

    own_figures(session, account, NOW - timedelta(days=4))
    week: list[tuple[Any, str, str]] = [([], str(TODAY - timedelta(days=7)), str(TODAY))]
    assert asked(instance, platform="linkedin") == week, "withheld for days, it is not asked for for ever"
    session.execute(delete(AccountAnalytics).where(AccountAnalytics.day < yesterday.date()))
    session.add(
        AccountAnalytics(
            social_account_id=account.id,
            platform="linkedin",
            day=TODAY - timedelta(days=9),
            reach=5,
            fetched_at=yesterday,
        )
    )
    session.commit()
    assert asked(instance, platform="linkedin") == week


def test_the_own_figures_of_nobody_and_of_missed_ticks_are_not_asked_for(
    instance: dg.DagsterInstance, account: SocialAccount, session: Session
) -> None:
    assert "was missed" in str(tick(instance, NOW - timedelta(hours=5), OWN_FIGURES).skip_message)
    account.status = "needs_reauth"
    session.commit()
    assert tick(instance, name=OWN_FIGURES).skip_message == "no twitter account is connected"
    assert {s.name: s.cron_schedule for s in SCHEDULES}[OWN_FIGURES] == "10 5-21/4 * * *"


def test_platforms_tick_minutes_apart() -> None:
    minutes = {schedule.name: str(schedule.cron_schedule).split()[0] for schedule in SCHEDULES}
    assert len(set(minutes.values())) == len(minutes) == 8


def test_the_next_refresh_is_that_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next_refresh("twitter", NOW) == NOW.replace(minute=7)
    assert next_refresh("twitter", NOW.replace(minute=7)) == NOW.replace(minute=7) + timedelta(hours=1)
    assert {s.name: s.cron_schedule for s in SCHEDULES}["twitter_refresh"] == "7 * * * *"
    monkeypatch.setenv("TWITTER_REFRESH", "off")
    get_settings.cache_clear()
    assert next_refresh("twitter", NOW) is None
    monkeypatch.delenv("TWITTER_REFRESH")
    get_settings.cache_clear()
