"""One small history that can be checked in the head: falls, gaps, removed and moved posts, what every metric covers.

Not here: every figure in every mixture (`test_history_marts.py`).
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, text

from analytics_pipeline.database.models import PostAnalytics
from analytics_pipeline.platform_fetchers.metrics import ACCOUNT_METRICS, COUNT_METRICS
from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.history_worlds import ACCOUNT_FIGURES, History, store_history
from tests.dbt_summaries.worlds import Post, Reading, World, store

MARTS = ("--select", "+post_daily_gains", "+post_performance", "+activity_summaries", "+account_growth")
METRICS = [*COUNT_METRICS, "video_watch_time"]


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2024, 2, day, hour, tzinfo=UTC)


FALLEN = Post(
    "linkedin",
    at(1),
    (
        Reading(at(1, 13), likes=5, impressions=100),
        Reading(at(2, 13), likes=None, impressions=80, clicks=4),  # likes withheld; impressions corrected
        Reading(at(28, 12), likes=9, comments=3, impressions=200),
    ),
)
READ_LATE = Post("linkedin", at(1, 0), (Reading(at(28), likes=1000, shares=-1),))
NEVER_READ = Post("linkedin", at(1))


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def account(**figures: int) -> dict[str, int | None]:
    return dict.fromkeys(ACCOUNT_FIGURES) | figures


def test_a_month_by_hand(engine: Engine, dbt: Dbt) -> None:
    accounts = {
        ("linkedin", 1, date(2024, 2, 1)): account(followers=100),
        ("linkedin", 1, date(2024, 2, 2)): account(follower_gain=1, impressions=700),
        ("linkedin", 1, date(2024, 2, 29)): account(followers=90, impressions=300),
    }
    store_history(engine, History({7: {1: FALLEN, 2: READ_LATE, 3: NEVER_READ}}, {7: accounts}))
    assert dbt("run", *MARTS).succeeded

    gains = "SELECT likes_gain, likes_days, impressions_gain, impressions_days, engagements_gain, clicks_days"
    found = rows(engine, f"{gains} FROM post_daily_gains ORDER BY post_id, observed_on")
    assert [tuple(row.values()) for row in found] == [
        (5, 1, 100, 1, 5, None),
        (None, None, -20, 1, None, 2),
        (4, 27, 120, 26, 4, None),  # likes since the 1st, impressions since the 2nd; comments have no baseline
        (None, None, None, None, None, None),  # 1000 likes, but who knows since when
    ]

    (month,) = rows(engine, "SELECT * FROM activity_summaries WHERE platform = 'all' AND period_type = 'monthly'")
    assert {
        name: month[name] for name in month if name.endswith(("likes", "impressions", "days")) or "gain" in name
    } == {
        "likes_gain": 5 + 4,
        "likes_gain_of_several_days": 4,
        "readings_with_likes": 2,
        "comments_gain": None,
        "comments_gain_of_several_days": None,
        "shares_gain": None,
        "shares_gain_of_several_days": None,
        "engagements_gain": 5 + 4,
        "engagements_gain_of_several_days": 4,
        "impressions_gain": 200,
        "impressions_gain_of_several_days": 120,
        "readings_with_impressions": 3,
        "clicks_gain": 4,
        "clicks_gain_of_several_days": 4,
        "video_views_gain": None,
        "video_views_gain_of_several_days": None,
        "account_days": 3,
        "account_likes": None,
        "account_days_with_likes": 0,
        "account_impressions": 700 + 300,
        "account_days_with_impressions": 2,
        "account_follower_gain": 1,
        "account_days_with_follower_gain": 1,
    }
    assert (month["readings"], month["period_end"]) == (4, date(2024, 2, 29))

    growth = "SELECT day, followers_change, change_days, growth_rate, reported_gain FROM account_growth ORDER BY day"
    assert [tuple(row.values()) for row in rows(engine, growth)] == [
        (date(2024, 2, 1), None, None, None, None),
        (date(2024, 2, 2), None, None, None, 1),
        (date(2024, 2, 29), -10, 28, -10.0, None),
    ]

    performance = "SELECT * FROM post_performance ORDER BY post_id"
    fallen, late, never = rows(engine, performance)
    assert (fallen["engagements_after_1h"], fallen["engagements_after_24h"]) == (5, None)  # withheld at 25 hours
    assert (fallen["readings"], fallen["age_hours"], fallen["likes"], fallen["clicks"]) == (3, 27 * 24.0, 9, None)
    assert [post["engagement_rank"] for post in (fallen, late, never)] == [2, 1, None]
    assert (late["ranked_posts"], late["engagement_percentile"]) == (2, 100.0)
    assert late["multiple_of_median"] == 999 / ((999 + 12) / 2)
    assert {name for name, value in never.items() if value is not None} == {
        "post_id",
        "business_id",
        "social_account_id",
        "platform",
        "published_at",
        "published_on",
        "readings",
        "updated_at",
    }


def test_a_reading_that_comes_amid_a_build_is_of_the_next_one(engine: Engine, dbt: Dbt) -> None:
    posts = {1: Post("linkedin", at(1), ()), 2: Post("linkedin", at(1), (Reading(at(1, 13), likes=5),))}
    store(engine, {7: posts})
    assert dbt("run", "--select", "+int_posts").succeeded
    with engine.begin() as connection:  # a first reading; and the other post's only one is a later one now
        first = {"post_id": 1, "platform": "linkedin", "platform_post_id": "1", "published_on": date(2024, 2, 1)}
        connection.execute(insert(PostAnalytics), [first | {"fetched_at": at(1, 14), "likes_count": 9}])
        connection.execute(
            text("UPDATE post_analytics SET likes_count = 6, fetched_at = :at WHERE post_id = 2"), {"at": at(1, 15)}
        )
    assert dbt("build", "--select", "post_performance").succeeded

    found = "SELECT readings, first_read_at, last_read_at, likes, engagements_after_1h FROM post_performance ORDER BY post_id"
    first, second = rows(engine, found)
    assert list(first.values()) == [0, None, None, None, None]
    assert list(second.values())[:4] == [1, at(1, 13), at(1, 13), 5]

    assert dbt("build", *MARTS).succeeded
    assert [row["readings"] for row in rows(engine, found)] == [1, 1]


def test_only_what_is_told_within_a_day_of_publication_has_grown_from_nothing(engine: Engine, dbt: Dbt) -> None:
    """An account that is connected today has posts with a past: their first figures are no gains of today."""
    last_moment = datetime(2024, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    first_told = {
        1: Post("twitter", last_moment, (Reading(last_moment, likes=10),)),
        2: Post("twitter", last_moment, (Reading(at(1, 23), likes=20),)),
        3: Post("twitter", last_moment, (Reading(at(2, 0), likes=30),)),
        4: Post("twitter", last_moment, (Reading(at(1), likes=40), Reading(at(2), likes=40, comments=50))),
        5: Post("twitter", last_moment, (Reading(at(1)), Reading(at(2), likes=60), Reading(at(9), likes=59))),
    }
    store(engine, {7: first_told})
    assert dbt("run", *MARTS).succeeded
    gains = "SELECT post_id, likes_gain, likes_days, comments_gain, engagements_gain FROM post_daily_gains"
    assert [tuple(row.values()) for row in rows(engine, f"{gains} ORDER BY post_id, observed_on")] == [
        (1, 10, 1, None, 10),
        (2, 20, 2, None, 20),
        (3, None, None, None, None),
        (4, 40, 2, None, 40),
        (4, 0, 1, None, 0),
        (5, None, None, None, None),
        (5, None, None, None, None),
        (5, -1, 7, None, -1),
    ]
    activity = "SELECT readings, likes_gain, readings_with_likes FROM activity_summaries WHERE period_type = 'daily'"
    of_the_2nd = rows(engine, f"{activity} AND platform = 'all' AND period_start = '2024-02-02'")
    assert of_the_2nd == [{"readings": 3, "likes_gain": 0, "readings_with_likes": 1}]


def test_posts_that_are_gone_or_moved_leave_what_they_touched(engine: Engine, dbt: Dbt) -> None:
    moved = Post("linkedin", at(3), FALLEN.readings[2:])
    before: World = {7: {1: FALLEN, 2: READ_LATE, 3: Post("linkedin", at(5), (Reading(at(6), likes=7),))}}
    store(engine, before)
    assert dbt("run", *MARTS).succeeded
    store(engine, {7: {1: moved, 3: before[7][3]}})
    assert dbt("run", *MARTS, days=(date(2024, 2, 3), date(2024, 2, 3))).succeeded  # only the day that it moved to
    gains = "SELECT published_on, observed_on, likes_days FROM post_daily_gains WHERE post_id = 1"
    assert [tuple(row.values()) for row in rows(engine, gains)] == [(date(2024, 2, 3), date(2024, 2, 28), None)]
    ranks = "SELECT post_id, published_on, engagement_rank, ranked_posts FROM post_performance ORDER BY post_id"
    assert [tuple(row.values()) for row in rows(engine, ranks)] == [
        (1, date(2024, 2, 3), 2, 3),
        (2, date(2024, 2, 1), 1, 3),
        (3, date(2024, 2, 5), 3, 3),
    ]

    assert dbt("run", *MARTS, days=(date(2024, 2, 1), date(2024, 2, 1))).succeeded
    assert [tuple(row.values()) for row in rows(engine, ranks)] == [
        (1, date(2024, 2, 3), 1, 2),
        (3, date(2024, 2, 5), 2, 2),
    ]
    days = "SELECT period_start, likes_gain FROM activity_summaries WHERE platform = 'all' AND period_type = 'daily'"
    assert [tuple(row.values()) for row in rows(engine, f"{days} ORDER BY 1")] == [
        (date(2024, 2, 6), 7),
        (date(2024, 2, 28), None),
    ]

    known = "SELECT * FROM int_reading_days ORDER BY platform, published_on, observed_on"
    before_again = rows(engine, known)
    assert [(row["published_on"].day, row["readings"]) for row in before_again] == [
        (1, 0),
        (1, 0),
        (1, 0),
        (3, 1),
        (5, 1),
    ]
    for first, last in [(1, 2), (3, 5)]:
        assert dbt("run", "--select", "int_reading_days", days=(date(2024, 2, first), date(2024, 2, last))).succeeded
    assert rows(engine, known) == before_again, "what is as it was, or gone as it was, is not told as changed again"


def test_gains_that_are_gone_leave_activity_though_their_readings_were_found_gone_before(
    engine: Engine, dbt: Dbt
) -> None:
    gone = Post("linkedin", at(1), (Reading(at(2), likes=5),))
    store(engine, {7: {1: gone, 2: Post("linkedin", at(2), (Reading(at(2, 13), likes=7),))}})
    assert dbt("run", *MARTS).succeeded
    store(engine, {7: {2: Post("linkedin", at(2), (Reading(at(2, 13), likes=8),))}})
    first, second = (date(2024, 2, 1),) * 2, (date(2024, 2, 2),) * 2
    assert dbt("run", "--select", "int_reading_days", days=first).succeeded  # all that a run came to that died
    for days in (second, first):
        assert dbt("run", *MARTS, days=days).succeeded
    activity = "SELECT period_start, readings, likes_gain FROM activity_summaries WHERE period_type = 'daily'"
    found = rows(engine, f"{activity} AND platform = 'all'")
    assert [tuple(row.values()) for row in found] == [(date(2024, 2, 2), 1, 8)]


def test_without_the_newest_post_older_ones_are_ranked_again(engine: Engine, dbt: Dbt) -> None:
    """Ranked are the 90 days up to an account's newest post: when that is gone they begin earlier."""
    days = [at(20) - timedelta(days=91), at(17), at(20)]
    posts = {n: Post("linkedin", day, (Reading(at(28), likes=n),)) for n, day in enumerate(days, start=1)}
    ranks = "SELECT engagement_rank, ranked_posts FROM post_performance ORDER BY post_id"
    store(engine, {7: posts})
    assert dbt("run", *MARTS).succeeded
    assert [tuple(row.values()) for row in rows(engine, ranks)] == [(None, None), (2, 2), (1, 2)]
    del posts[3]
    store(engine, {7: posts})
    assert dbt("run", *MARTS, days=(date(2024, 2, 20), date(2024, 2, 20))).succeeded
    assert [tuple(row.values()) for row in rows(engine, ranks)] == [(2, 2), (1, 2)]


def test_gains_are_built_from_the_first_changed_reading_on(engine: Engine, dbt: Dbt) -> None:
    """Of each platform and publish day; with the baseline of each figure, however long ago it was told."""

    def post(platform: str, *likes_and_clicks: tuple[int, int | None, int | None]) -> Post:
        told = tuple(Reading(at(day), likes=likes, clicks=clicks) for day, likes, clicks in likes_and_clicks)
        return Post(platform, at(1), told)

    def build(*likes_and_clicks: tuple[int, int | None, int | None]) -> list[tuple[Any, ...]]:
        store(engine, {7: {1: post("linkedin", *likes_and_clicks)} | untouched})
        assert dbt("run", *MARTS, days=(date(2024, 2, 1), date(2024, 2, 2))).succeeded
        assert rows(engine, f"{gains} WHERE post_id <> 1 ORDER BY post_id, observed_on") == others
        assert rows(engine, activity) == rows(engine, sums), "a day whose gains are others is told anew"
        found = rows(engine, f"{gains} WHERE post_id = 1 ORDER BY observed_on")
        times.append({row["observed_on"].day: row.pop("updated_at") for row in found})
        return [(row["observed_on"].day, *list(row.values())[1:]) for row in found]

    activity = (
        "SELECT period_start AS day, likes_gain, clicks_gain FROM activity_summaries"
        " WHERE period_type = 'daily' AND platform = 'all' ORDER BY period_start"
    )
    sums = (
        "SELECT observed_on AS day, sum(likes_gain)::bigint AS likes_gain, sum(clicks_gain)::bigint AS clicks_gain"
        " FROM post_daily_gains GROUP BY observed_on ORDER BY observed_on"
    )
    gains = "SELECT observed_on, likes_gain, likes_days, clicks_gain, clicks_days, updated_at FROM post_daily_gains"
    of_another_day = Post("linkedin", at(2), (Reading(at(2, 13), likes=1), Reading(at(6), likes=2)))
    untouched = {2: post("twitter", (1, 3, 2), (4, 5, 2)), 3: of_another_day}
    times: list[dict[int, datetime]] = []
    store(engine, {7: {1: post("linkedin", (1, 10, 1), (4, 20, None))} | untouched})
    assert dbt("run", *MARTS).succeeded
    others = rows(engine, f"{gains} WHERE post_id <> 1 ORDER BY post_id, observed_on")
    assert len(others) == 4
    first, fourth = (1, 10, 1, 1, 1), (4, 10, 3, None, None)
    assert build((1, 10, 1), (4, 20, None)) == [first, fourth]
    assert build((1, 10, 1), (4, 20, None), (5, 26, 8)) == [first, fourth, (5, 6, 1, 7, 4)]
    assert times[1][1] == times[0][1]
    assert times[1][4] == times[0][4]
    # One that comes late is the baseline of what was built before it came; one that is gone is no more.
    assert build((1, 10, 1), (3, 13, 4), (4, 20, None), (5, 26, 8)) == [
        first, (3, 3, 2, 3, 2), (4, 7, 1, None, None), (5, 6, 1, 4, 2),
    ]  # fmt: skip
    assert times[2][1] == times[0][1] < times[2][3] == times[2][5]
    assert build((1, 10, 1), (3, 14, 4), (5, 26, 8)) == [first, (3, 4, 2, 3, 2), (5, 12, 2, 4, 2)]
    # The reading that is gone is gone for good: what came after it is not built again.
    later = ((5, 12, 2, 4, 2), (6, 1, 1, 0, 1))
    assert build((1, 10, 1), (3, 14, 4), (5, 26, 8), (6, 27, 8)) == [first, (3, 4, 2, 3, 2), *later]
    assert times[4][5] == times[3][5]
    # The gains of the sixth become others although nothing was read that day that was not read before.
    assert build((1, 10, 1), (3, 14, 4), (5, 25, 8), (6, 27, 8)) == [
        first, (3, 4, 2, 3, 2), (5, 11, 2, 4, 2), (6, 2, 1, 0, 1),
    ]  # fmt: skip
    assert build((3, 14, 4), (5, 26, 8), (6, 27, 8)) == [(3, None, None, None, None), *later]
    days = (
        "SELECT period_start, likes_gain FROM activity_summaries WHERE platform = 'linkedin' AND period_type = 'daily'"
    )
    assert [tuple(row.values()) for row in rows(engine, f"{days} ORDER BY 1")] == [
        (date(2024, 2, 2), 1),
        (date(2024, 2, 3), None),
        (date(2024, 2, 5), 12),
        (date(2024, 2, 6), 2),
    ]


def test_readings_of_other_days_wait_for_the_run_of_their_own_day(engine: Engine, dbt: Dbt) -> None:
    """A run that ended after `int_reading_days`, before the gains, has told of readings that nobody built yet."""

    def read(*days_after: int) -> History:
        told = {n: tuple(Reading(at(n + days), likes=10 * days) for days in days_after) for n in (1, 2, 3)}
        posts = {n: Post("linkedin", at(n), readings) for n, readings in told.items()}
        return History({7: posts}, {7: {("linkedin", 1, date(2024, 2, n)): account(followers=n) for n in told}})

    def gains() -> list[tuple[Any, ...]]:
        found = "SELECT post_id, array_agg(likes_gain ORDER BY observed_on) AS gains FROM post_daily_gains"
        return [(row["post_id"], row["gains"]) for row in rows(engine, f"{found} GROUP BY post_id ORDER BY post_id")]

    store_history(engine, read(1, 5))
    assert dbt("run", *MARTS).succeeded
    of_accounts = "SELECT * FROM int_account_days ORDER BY day"
    known = rows(engine, of_accounts)
    assert [row["day"].day for row in known] == [1, 2, 3]
    store_history(engine, read(1, 3, 5))
    assert dbt("run", "--select", "int_reading_days", days=(date(2024, 2, 1), date(2024, 2, 3))).succeeded
    gained = ("--select", "post_daily_gains", "int_account_days")
    assert dbt("run", *gained, days=(date(2024, 2, 2), date(2024, 2, 2))).succeeded
    assert gains() == [(1, [10, 40]), (2, [10, 20, 20]), (3, [10, 40])]
    assert rows(engine, of_accounts) == known
    assert dbt("run", *gained, days=(date(2024, 2, 1), date(2024, 2, 3))).succeeded
    assert gains() == [(n, [10, 20, 20]) for n in (1, 2, 3)]


def test_what_each_metric_covers(engine: Engine, dbt: Dbt) -> None:
    """Of as many posts as there are metrics, the first tells one metric, the next two …"""
    posts = {n: Post("facebook", at(1)) for n in range(1, len(METRICS) + 1)}
    accounts = {("facebook", 1, date(2024, 2, 2)): account(followers=0)}
    store_history(engine, History({7: posts}, {7: accounts}))
    with engine.begin() as connection:
        common = {"platform": "facebook", "published_on": date(2024, 2, 1), "fetched_at": at(2)}
        for post, metric in enumerate(METRICS, start=1):
            told = dict.fromkeys(METRICS[: METRICS.index(metric) + 1], 0)
            connection.execute(insert(PostAnalytics).values(post_id=post, platform_post_id=str(post), **common, **told))
    assert dbt("run", "--select", "+platform_coverage").succeeded
    count = len(METRICS)
    found = {(row["subject"], row["metric"]): row for row in rows(engine, "SELECT * FROM platform_coverage")}
    assert found.keys() == {("post", name) for name in METRICS} | {("account", name) for name in ACCOUNT_METRICS}
    for place, metric in enumerate(METRICS):
        row = found["post", metric]
        assert (row["day"], row["readings"], row["known"]) == (at(2).date(), count, count - place)
        assert abs(row["null_share"] - 100 * place / count) < 1e-9
    assert {metric: found["account", metric]["null_share"] for metric in ("followers", "reach")} == {
        "followers": 0,
        "reach": 100,
    }

    corrected = {("facebook", 1, date(2024, 2, 2)): account(reach=5)}
    store_history(engine, History({7: posts}, {7: corrected}))
    assert dbt("run", "--select", "+platform_coverage", days=(date(2024, 2, 2), date(2024, 2, 2))).succeeded
    shares = "SELECT metric, null_share FROM platform_coverage WHERE subject = 'account'"
    told = {row["metric"]: row["null_share"] for row in rows(engine, shares)}
    assert (told["followers"], told["reach"]) == (100, 0)

    store(engine, {7: {1: Post("facebook", at(4))}})
    assert dbt("run", "--select", "+platform_coverage", days=(at(1).date(), at(1).date())).succeeded
    assert rows(engine, "SELECT * FROM platform_coverage WHERE subject = 'post'") == []
