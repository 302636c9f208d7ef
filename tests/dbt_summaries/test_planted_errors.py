"""Wrong figures planted in marts that are right: which tests of dbt find them; and right states that none takes for wrong.

dbt builds and tests once. The SQL that it made of its tests is then run on each error, in a transaction that is undone.
Not here: errors in the SQL of models (`mutants.py`).
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from tests.dbt_summaries.conftest import Dbt, RanTest
from tests.dbt_summaries.history_worlds import History, store_history
from tests.dbt_summaries.worlds import Post, Reading

Found = dict[str, str]
"""Test → warn or error."""
DAYS = (1, 2, 9)


def post(platform: str, day: int) -> Post:
    """Read on its publish day and two days later."""
    at = datetime(2024, 1, day, 12, tzinfo=UTC)
    readings = (
        Reading(at, likes=day, comments=2, shares=1, impressions=100 * day, clicks=day),
        Reading(
            at + timedelta(days=2), likes=10 * day, comments=3, impressions=1000 * day, video_views=7, clicks=9 * day
        ),
    )
    return Post(platform, at, readings)


WORLD = History(
    posts={
        1: {day: post("twitter", day) for day in DAYS} | {10 + day: post("linkedin", day) for day in DAYS},
        2: {20 + day: post("twitter", day) for day in DAYS},
    },
    accounts={
        1: {("twitter", 1, date(2024, 1, day)): {"followers": 100 + day, "impressions": 50 * day} for day in DAYS},
        2: {("twitter", 1, date(2024, 1, 5)): {"followers": 7, "impressions": None}},
    },
)

OF_DAYS: Found = {"summaries_are_sums_of_publish_days": "error"}
OF_POSTS: Found = {"publish_days_are_sums_of_posts": "warn"}
OF_PERFORMANCE: Found = {"performance_is_of_the_posts": "error"}
OF_GAINS: Found = {"gains_add_up_to_the_readings": "error"}
OF_FOLLOWERS: Found = {"followers_change_since_the_day_before": "error"}
OF_COVERAGE: Found = {"coverage_is_of_the_readings": "error"}
OF_ACTIVITY: Found = {"activity_adds_up": "error"}

ERRORS: dict[str, Found] = {
    "UPDATE analytics_summaries SET total_likes = total_likes + 1 WHERE period_type = 'weekly'": OF_DAYS,
    "UPDATE analytics_summaries SET total_reach = 0 WHERE platform = 'all'": {
        "coverage_is_of_the_summaries": "error",
        **OF_DAYS,
    },
    "UPDATE analytics_summaries SET period_end = period_end + 1 WHERE period_type = 'monthly'": {
        "periods_start_and_end_right": "error"
    },
    "UPDATE analytics_summaries SET engagement_growth = 0 WHERE period_type = 'monthly'": OF_DAYS,
    "UPDATE analytics_summaries SET platform = 'myspace' WHERE platform = 'twitter'": {
        "platform_is_known": "error",
        "summaries_have_their_posts": "warn",
        **OF_DAYS,
    },
    "DELETE FROM analytics_summaries WHERE period_type = 'weekly' AND period_start = '2024-01-08'": {
        "coverage_is_of_the_summaries": "error",
        **OF_DAYS,
    },
    "UPDATE analytics_summaries SET avg_engagement_rate = 10 * avg_engagement_rate WHERE business_id = 1": OF_DAYS,
    "UPDATE analytics_summaries SET avg_click_through_rate = -5": OF_DAYS,
    "UPDATE analytics_summaries SET total_engagements = 2 * total_engagements": OF_DAYS,
    "UPDATE analytics_summaries SET total_likes = 2 * total_likes, total_impressions = 2 * total_impressions": OF_DAYS,
    "UPDATE analytics_summaries SET top_post_id = 999999 WHERE period_type = 'monthly'": OF_DAYS,
    "UPDATE int_publish_days SET likes = 2 * likes": {
        "publish_days_hold_together": "error",
        **OF_DAYS,
        **OF_POSTS,
    },
    # And the summaries of them as well.
    """
    UPDATE int_publish_days SET impressions = 2 * impressions;
    UPDATE analytics_summaries SET total_impressions = 2 * total_impressions
    """: OF_POSTS,
    """
    DELETE FROM int_publish_days WHERE business_id = 2;
    DELETE FROM analytics_summaries WHERE business_id = 2;
    DELETE FROM summary_coverage WHERE business_id = 2
    """: OF_POSTS,
    "DELETE FROM post_performance WHERE published_on = '2024-01-02'": OF_PERFORMANCE,
    "UPDATE post_performance SET post_id = 999999 WHERE post_id = 1": OF_PERFORMANCE,
    "UPDATE post_performance SET impressions = -5 WHERE post_id = 1": OF_PERFORMANCE,
    """
    UPDATE post_performance
    SET ranked_posts = NULL, engagement_rank = NULL, engagement_percentile = NULL, multiple_of_median = NULL
    """: {"posts_are_ranked_within_their_account": "error"},
    "UPDATE post_daily_gains SET likes_gain = likes_gain + 1000": {"gains_have_their_days": "error", **OF_GAINS},
    """
    UPDATE post_daily_gains
    SET likes_gain = likes_gain + 1000, engagements_gain = engagements_gain + 1000 WHERE observed_on = '2024-01-03'
    """: OF_GAINS,
    "UPDATE post_daily_gains SET clicks_gain = 0": OF_GAINS,
    "UPDATE post_daily_gains SET clicks_gain = NULL, clicks_days = NULL WHERE observed_on = published_on": OF_GAINS,
    "UPDATE post_daily_gains SET video_views_gain = 7, video_views_days = 3 WHERE observed_on > published_on": OF_GAINS,
    "UPDATE post_daily_gains SET post_id = 999999 WHERE post_id = 1": {"gains_have_their_posts": "warn"},
    "UPDATE account_growth SET followers = -5 WHERE day = '2024-01-02'": {
        "followers_are_not_below_zero": "warn",
        **OF_FOLLOWERS,
    },
    "UPDATE account_growth SET followers = -5 WHERE business_id = 2": {"followers_are_not_below_zero": "warn"},
    "UPDATE account_growth SET followers_change = followers_change + 1": OF_FOLLOWERS,
    "UPDATE platform_coverage SET null_share = 500": OF_COVERAGE,
    "UPDATE platform_coverage SET known = readings + 1, null_share = -100.0 / readings": OF_COVERAGE,
    "UPDATE activity_summaries SET likes_gain = likes_gain + 1 WHERE period_type = 'weekly'": OF_ACTIVITY,
    """
    UPDATE activity_summaries
    SET account_impressions = account_impressions + 1 WHERE period_type = 'daily' AND platform = 'all'
    """: OF_ACTIVITY,
    "DELETE FROM activity_summaries WHERE period_type = 'monthly' AND platform = 'all'": OF_ACTIVITY,
}

RIGHT: dict[str, Found] = {
    # What was read since the marts were built.
    "UPDATE post_analytics SET likes_count = likes_count + 1, fetched_at = fetched_at + interval '1 hour'": {},
    """
    INSERT INTO post_analytics (post_id, platform, platform_post_id, published_on, fetched_at, likes_count)
    SELECT post_id, platform, platform_post_id, published_on, max(fetched_at) + n * interval '12 hours', 77
    FROM post_analytics CROSS JOIN generate_series(-2, 2, 4) AS n
    GROUP BY post_id, platform, platform_post_id, published_on, n
    """: {},
    # A post that a platform moved since; to a day that begins after its first reading, and to its eve.
    "UPDATE published_posts SET published_at = '2024-01-03' WHERE id = 22": {"summaries_have_their_posts": "warn"},
    "UPDATE published_posts SET published_at = '2023-12-31' WHERE id = 22": {"summaries_have_their_posts": "warn"},
    # int_publish_days built alone since; and what a post that moved leaves in its old day.
    """
    UPDATE post_analytics SET impressions = 2 * impressions;
    UPDATE int_publish_days
    SET impressions = 2 * impressions, rated_impressions = 2 * rated_impressions,
        clickable_impressions = 2 * clickable_impressions;
    UPDATE analytics_summaries
    SET total_impressions = 2 * total_impressions, avg_engagement_rate = avg_engagement_rate / 2,
        avg_click_through_rate = avg_click_through_rate / 2
    """: {},
    """
    UPDATE published_posts SET published_at = '2024-01-03' WHERE id = 22;
    DELETE FROM post_daily_gains WHERE post_id = 22;
    DELETE FROM int_posts WHERE post_id = 22;
    DELETE FROM post_performance WHERE post_id = 22
    """: {"summaries_have_their_posts": "warn"},
    # What is left of posts and accounts that are gone, of which one day was built since.
    "DELETE FROM published_posts WHERE id = 9": {"summaries_have_their_posts": "warn"},
    "DELETE FROM social_accounts; DELETE FROM account_growth WHERE day = '2024-01-02'": {
        "summaries_have_their_posts": "warn"
    },
}


# Errors of which a run for 2 January does not look at the rows.
OF_OTHER_DAYS = (
    "DELETE FROM analytics_summaries WHERE period_type = 'weekly' AND period_start = '2024-01-08'",
    "UPDATE post_performance SET post_id = 999999 WHERE post_id = 1",
    "UPDATE post_performance SET impressions = -5 WHERE post_id = 1",
    """
    UPDATE post_daily_gains
    SET likes_gain = likes_gain + 1000, engagements_gain = engagements_gain + 1000 WHERE observed_on = '2024-01-03'
    """,
    "UPDATE post_daily_gains SET post_id = 999999 WHERE post_id = 1",
    "UPDATE account_growth SET followers = -5 WHERE business_id = 2",
)


def findings(engine: Engine, tests: dict[str, RanTest]) -> dict[str, Found]:
    """Error or right state → what the tests find when it is planted."""
    found: dict[str, Found] = {}
    with engine.connect() as connection:
        for planted in ERRORS | RIGHT:
            assert connection.exec_driver_sql(planted).rowcount
            failures = {
                name: connection.exec_driver_sql(f"SELECT count(*) FROM (\n{test.sql}\n) AS found").scalar()
                for name, test in tests.items()
            }
            found[planted] = {name: tests[name].severity for name, count in failures.items() if count}
            connection.rollback()
    return found


def test_errors_are_found_and_right_states_are_not_taken_for_errors(engine: Engine, dbt: Dbt) -> None:
    store_history(engine, WORLD)
    built = dbt("build")
    assert set(built.statuses.values()) == {"success", "pass", "no-op"}
    expected = ERRORS | RIGHT
    assert findings(engine, built.tests) == expected

    of_a_day = dbt("test", days=(date(2024, 1, 2), date(2024, 1, 2)))
    assert set(of_a_day.statuses.values()) == {"pass"}
    assert findings(engine, of_a_day.tests) == expected | {planted: {} for planted in OF_OTHER_DAYS}
