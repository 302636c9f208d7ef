"""The quota of calls: the one in memory and the one that all processes share answer alike, the latter across processes."""

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiQuota
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS, CallQuota, DailyLimits, MemoryQuota
from analytics_pipeline.sync.quota import SharedQuota

NOON = datetime(2026, 9, 30, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
FREE = DailyLimits()


@pytest.fixture(params=["memory", "shared"])
def quota(request: pytest.FixtureRequest) -> CallQuota:
    """One account's quota."""
    if request.param == "memory":
        return MemoryQuota()
    engine: Engine = request.getfixturevalue("engine")
    return SharedQuota(engine, "linkedin", 1)


def test_without_limits_and_holds_every_call_may_go(quota: CallQuota) -> None:
    assert [quota.take("posts", FREE, NOON) for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("limits", [DailyLimits(app=2), DailyLimits(account=2), DailyLimits(app=2, account=9)])
def test_a_daily_limit_ends_at_midnight_utc_and_counts_each_endpoint(quota: CallQuota, limits: DailyLimits) -> None:
    assert [quota.take("posts", limits, NOON) for _ in range(4)] == [None, None, MIDNIGHT, MIDNIGHT]
    assert quota.take("statistics", limits, NOON) is None
    assert quota.take("posts", limits, MIDNIGHT - timedelta(microseconds=1)) == MIDNIGHT
    assert [quota.take("posts", limits, MIDNIGHT) for _ in range(3)] == [None, None, MIDNIGHT + timedelta(days=1)]


def test_a_day_is_a_utc_day_whatever_the_clock_shows(quota: CallQuota) -> None:
    in_apia = MIDNIGHT.astimezone(ZoneInfo("Pacific/Apia"))
    assert quota.take("posts", DailyLimits(app=1), NOON) is None
    assert quota.take("posts", DailyLimits(app=1), in_apia) is None


def test_a_hold_of_an_endpoint_leaves_the_others_free(quota: CallQuota) -> None:
    until = NOON + timedelta(minutes=15)
    quota.hold("account", "posts", until)
    assert quota.take("posts", FREE, NOON) == until
    assert quota.take("statistics", FREE, NOON) is None
    assert quota.take("posts", FREE, until) is None


def test_a_hold_of_everything_and_the_longer_of_two(quota: CallQuota) -> None:
    quota.hold("account", ALL_ENDPOINTS, MIDNIGHT)
    quota.hold("account", ALL_ENDPOINTS, NOON)
    quota.hold("account", "posts", NOON + timedelta(minutes=1))
    assert quota.take("posts", FREE, NOON) == MIDNIGHT
    assert quota.take("statistics", FREE, MIDNIGHT - timedelta(seconds=1)) == MIDNIGHT


def test_a_hold_says_why_as_long_as_it_is_the_one_that_counts(quota: CallQuota) -> None:
    assert quota.reason("posts", NOON) is None
    quota.hold("account", "posts", NOON + timedelta(minutes=1))
    quota.hold("account", ALL_ENDPOINTS, MIDNIGHT, "no credits")
    quota.hold("account", ALL_ENDPOINTS, NOON + timedelta(hours=1), "shorter")
    assert [quota.reason(endpoint, NOON) for endpoint in ("posts", "statistics")] == ["no credits"] * 2
    quota.hold("account", ALL_ENDPOINTS, MIDNIGHT + timedelta(hours=1))
    assert quota.reason("posts", NOON) is None, "the longer one is a quota like any other"


def test_a_call_that_may_not_go_is_not_counted(engine: Engine) -> None:
    quota = SharedQuota(engine, "linkedin", 1)
    quota.hold("app", "posts", NOON + timedelta(minutes=1))
    assert quota.take("posts", DailyLimits(app=1), NOON) == NOON + timedelta(minutes=1)
    assert quota.take("posts", DailyLimits(app=1), NOON + timedelta(minutes=1)) is None


def test_accounts_share_the_apps_quota_and_not_each_others(engine: Engine) -> None:
    one, two = SharedQuota(engine, "linkedin", 1), SharedQuota(engine, "linkedin", 2)
    limits = DailyLimits(app=3, account=2)
    assert [one.take("posts", limits, NOON) for _ in range(3)] == [None, None, MIDNIGHT]
    assert [two.take("posts", limits, NOON) for _ in range(2)] == [None, MIDNIGHT]
    assert SharedQuota(engine, "twitter", 1).take("posts", limits, NOON) is None
    one.hold("account", ALL_ENDPOINTS, MIDNIGHT + timedelta(days=1))
    two.hold("app", "statistics", MIDNIGHT + timedelta(hours=1))
    assert one.take("pages", FREE, MIDNIGHT) == MIDNIGHT + timedelta(days=1)
    assert two.take("pages", FREE, MIDNIGHT) is None
    assert two.take("statistics", FREE, MIDNIGHT) == MIDNIGHT + timedelta(hours=1)


def test_an_app_may_serve_two_platforms_and_a_platform_have_two_apps(engine: Engine) -> None:
    page, linked = SharedQuota(engine, "facebook", 1), SharedQuota(engine, "instagram", 2, "facebook")
    own = SharedQuota(engine, "instagram", 3, "instagram")
    page.hold("app", ALL_ENDPOINTS, MIDNIGHT)
    assert [each.take("", FREE, NOON) for each in (page, linked, own)] == [MIDNIGHT, MIDNIGHT, None]
    own.hold("app", ALL_ENDPOINTS, MIDNIGHT)
    assert [each.take("", FREE, NOON) for each in (linked, own)] == [MIDNIGHT, MIDNIGHT]
    linked.hold("account", ALL_ENDPOINTS, MIDNIGHT + timedelta(hours=1))
    assert [each.take("", FREE, MIDNIGHT) for each in (page, linked, own)] == [
        None,
        MIDNIGHT + timedelta(hours=1),
        None,
    ]


def test_workers_side_by_side_never_pass_the_limit(engine: Engine) -> None:
    answers: list[datetime | None] = []

    def work(account: int) -> None:
        quota = SharedQuota(engine, "linkedin", account)
        answers.extend(quota.take("posts", DailyLimits(app=25), NOON) for _ in range(10))

    threads = [threading.Thread(target=work, args=(n % 2,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(None), answers.count(MIDNIGHT)) == (25, 15)
    with Session(engine) as session:
        calls = session.scalar(select(ApiQuota.calls).where(ApiQuota.scope == "app", ApiQuota.endpoint == "posts"))
    assert calls == 25


def test_a_moment_that_is_replayed_takes_nothing_back(engine: Engine) -> None:
    def take(now: datetime) -> datetime | None:
        return SharedQuota(engine, "linkedin", 1).take("posts", DailyLimits(app=2), now)

    assert take(NOON) is None
    assert take(NOON - timedelta(days=300)) is None
    assert take(NOON) == MIDNIGHT
