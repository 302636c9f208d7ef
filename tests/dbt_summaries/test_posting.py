"""An account whose posting times can be checked in the head, and dbt tests that find errors in the accounts' marts.

Not here: every figure in every mixture (`test_account_marts.py`).
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.accounts_worlds import AccountsWorld, store_accounts
from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.test_account_marts import read_mart

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = date(2024, 11, 3)


def weekly(account: int, weeks: int, *, hour: int, likes: list[int], newest: date = SUNDAY) -> AccountsWorld:
    """An account with a post on each of the last Sundays at this hour, by the clocks of Berlin, newest first."""
    world = AccountsWorld([], [{"id": account, "business_id": 1, "platform": "twitter", "external_id": str(account)}])
    for week in range(weeks):
        # Summer time ends on the Sunday before the newest.
        at = datetime.combine(newest - timedelta(weeks=week), time(hour), BERLIN)
        post = {"id": account * 1000 + hour * 20 + week, "platform": "twitter"}
        post["platform_post_id"] = str(post["id"])
        world.published_posts.append(post | {"business_id": 1, "social_account_id": account, "published_at": at})
        reading = {"post_id": post["id"], "platform": "twitter", "platform_post_id": post["platform_post_id"]}
        figures = {"likes_count": likes[week % len(likes)], "impressions": 1000}
        world.post_analytics.append(reading | figures | {"published_on": at.date(), "fetched_at": at})
    return world


def all_of(*worlds: AccountsWorld) -> AccountsWorld:
    return AccountsWorld(
        [row for world in worlds for row in world.businesses],
        [row for world in worlds for row in world.social_accounts],
        published_posts=[row for world in worlds for row in world.published_posts],
        post_analytics=[row for world in worlds for row in world.post_analytics],
    )


def together(*worlds: AccountsWorld) -> AccountsWorld:
    """One business with the accounts and posts of all."""
    accounts = {row["id"]: row for world in worlds for row in world.social_accounts}
    business = {"id": 1, "name": "Acme", "timezone": "Europe/Berlin"}
    return replace(all_of(*worlds), businesses=[business], social_accounts=list(accounts.values()))


def test_times_by_hand_and_errors_that_are_found(engine: Engine, dbt: Dbt) -> None:
    store_accounts(
        engine,
        together(
            # 0 o'clock on Sunday is Saturday in UTC; the 17th week is out of the window.
            weekly(1, 17, hour=0, likes=[50, 60]),
            weekly(1, 17, hour=9, likes=[10]),
            weekly(2, 16, hour=9, likes=[10, 20]),
            weekly(2, 3, hour=10, likes=[40]),
            # Twenty posts, just enough, all alike; the first of them in the moment in which the window begins.
            weekly(3, 16, hour=9, likes=[10]),
            weekly(3, 3, hour=10, likes=[10]),
            weekly(3, 1, hour=0, likes=[10], newest=date(2024, 7, 15)),
        ),
    )
    assert dbt("run").succeeded
    times = read_mart(engine, "posting_times")
    assert list(times.index) == [(1, 7, 0), (1, 7, 9), (2, 7, 9), (2, 7, 10), (3, 1, 0), (3, 7, 9), (3, 7, 10)]
    night, morning, few, _, _, alike, _ = (row for _, row in times.iterrows())

    assert (night["window_start"], night["window_end"]) == (pd.Timestamp("2024-07-15"), pd.Timestamp(SUNDAY))
    assert (night["posts"], night["account_posts"]) == (16, 32)
    assert night["median_engagement_rate"] == pytest.approx(5.5)
    # Eight posts with 5 and eight with 6 per cent; of sixteen rates the 4th from below and from above.
    assert night["account_median_engagement_rate"] == pytest.approx((1 + 5) / 2)
    assert night["engagement_lift"] == pytest.approx(100 * 2.5 / 3)
    assert night["engagement_lift_low"] == pytest.approx(100 * 2 / 3)
    assert night["engagement_lift_high"] == pytest.approx(100)
    assert (night["recommendation"], morning["recommendation"]) == ("better than usual", "worse than usual")
    assert (few["account_posts"], few["recommendation"]) == (19, "not enough posts")
    assert (alike["engagement_lift_low"], alike["engagement_lift_high"]) == (0, 0)
    assert (alike["account_posts"], alike["recommendation"]) == (20, "no clear difference")

    with engine.begin() as connection:
        connection.execute(text("UPDATE posting_times SET recommendation = 'better than usual'"))
        connection.execute(text("UPDATE content_types SET posts = posts + 1 WHERE trait = 'media_count'"))
        connection.execute(text("UPDATE benchmarks SET peer_accounts = 4, peer_median = 1"))
    statuses = dbt("test", "--select", "test_type:singular").statuses
    assert {name for name, status in statuses.items() if status != "pass"} == {
        "posting_times_hours_make_the_account",
        "content_types_have_every_post_once",
        "benchmarks_tell_nothing_of_few",
    }


# --- what a changed day reaches

EDGES = ("--indirect-selection", "empty", "--select", "+posting_times", "+content_types")
CHANGED = date(2024, 1, 24)


def published(account: int, zone: str, *moments: datetime) -> AccountsWorld:
    """A business of its own with one account and a post, with figures, at each of these moments (UTC)."""
    world = AccountsWorld(
        [{"id": account, "name": "Acme", "timezone": zone}],
        [{"id": account, "business_id": account, "platform": "twitter", "external_id": str(account)}],
    )
    for n, moment in enumerate(moments):
        at = moment.replace(tzinfo=UTC)
        of_post = {"platform": "twitter", "platform_post_id": f"{account}-{n}"}
        post = {"id": account * 1000 + n, "business_id": account, "social_account_id": account, "published_at": at}
        world.published_posts.append(of_post | post)
        reading = {"post_id": post["id"], "published_on": moment.date(), "fetched_at": at}
        world.post_analytics.append(of_post | reading | {"likes_count": 10, "impressions": 1000})
    return world


def test_a_changed_day_reaches_the_windows_and_months_at_its_edges_and_nothing_else(engine: Engine, dbt: Dbt) -> None:
    eastmost, westmost = "Pacific/Kiritimati", "Pacific/Pago_Pago"  # 14 hours before UTC, 11 behind
    window = timedelta(weeks=16)
    day = datetime.combine(CHANGED, time())
    # Noon of the changed day is its morrow in the east: the first day of the window that ends 16 weeks later.
    at_its_start = published(1, eastmost, day + timedelta(hours=12), day + window + timedelta(hours=1))
    # Five o'clock of the changed day is the day before in the west. The post goes.
    at_its_end = published(2, westmost, day - timedelta(days=9), day + timedelta(hours=5))
    # A first post after the window.
    behind = published(3, "UTC", day - timedelta(days=40), day + timedelta(hours=1))
    moving = published(4, "UTC", day - timedelta(days=90, hours=-23))
    # Seven days apart over the turn of a month; a post on the first of the month after that of the changed day.
    months = published(5, "UTC", *(day + timedelta(days=n) for n in (-30, -23, 0, 8)))
    untouched = published(6, "UTC", day - timedelta(days=90))
    everything = [at_its_start, at_its_end, behind, moving, months, untouched]
    late = behind.published_posts.pop(), behind.post_analytics.pop()
    store_accounts(engine, all_of(*everything))
    assert dbt("run", *EDGES).succeeded
    old = {mart: read_mart(engine, mart) for mart in ("posting_times", "content_types")}
    windows = old["posting_times"].reset_index().groupby("social_account_id")
    assert windows["window_start"].min()[1] == pd.Timestamp(CHANGED + timedelta(days=1))
    assert windows["window_end"].max()[2] == pd.Timestamp(CHANGED - timedelta(days=1))

    at_its_start.post_analytics[0]["likes_count"] = 90
    at_its_end.published_posts.pop()
    at_its_end.post_analytics.pop()
    behind.published_posts.append(late[0])
    behind.post_analytics.append(late[1])
    moving.businesses[0]["timezone"] = eastmost
    months.post_analytics[2]["likes_count"] = 90
    store_accounts(engine, all_of(*everything))
    assert dbt("run", *EDGES, days=(CHANGED, CHANGED)).succeeded
    new = {mart: read_mart(engine, mart) for mart in old}
    times, types = (new[mart][new[mart]["updated_at"] == old[mart]["updated_at"].max()].reset_index() for mart in new)
    assert set(times["social_account_id"]) == {6}
    assert set(types["month_start"].dt.date) == {
        date(2023, 10, 1),
        date(2023, 12, 1),
        date(2024, 2, 1),
        date(2024, 5, 1),
    }
    assert dbt("run", *EDGES, "--full-refresh").succeeded
    for mart, rows in new.items():
        anew = read_mart(engine, mart).drop(columns="updated_at")
        pd.testing.assert_frame_equal(rows.drop(columns="updated_at"), anew, obj=mart)
