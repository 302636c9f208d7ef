"""Figures of the marts that a person can recompute from the CSV files of the real sets, with nothing but a calculator.

Each figure stands here as a number, with the file and the rows that it comes from; `grep` finds them. The rows go
straight into the tables. Not here: the same sets read over HTTP (`tests/real_data`).
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.history_worlds import ACCOUNT_FIGURES, AccountDays, History, store_history
from tests.dbt_summaries.worlds import Post, Reading
from tests.real_data.realset import DATA, rows

POLICE = "facebook_police_pages_2018/posts_exported_{}.csv"
EXPORTS = {"20180920": datetime(2018, 9, 20, 1, 40, tzinfo=UTC), "20181018": datetime(2018, 10, 18, 5, 3, tzinfo=UTC)}
SHARES = "linkedin_company_share_stats_2021/share_statistics.csv"
PAGE, FOLLOWERS = "linkedin_page_daily_2025/page_daily.csv", "linkedin_page_daily_2025/followers_daily.csv"
KNOX, SHEPPARTON, COMPANY, WOMEN_IN_AI = 1, 2, 3, 4
PAGES = {
    KNOX: "Eyewatch - Knox Police Service Area",
    SHEPPARTON: "Eyewatch - Greater Shepparton Police Service Area",
}


def police_posts(page: str) -> dict[str, Post]:
    """By post id; each export is a reading."""
    posts: dict[str, Post] = {}
    for export, read_at in EXPORTS.items():
        for row in rows(POLICE.format(export)):
            if row["Facebook Page"] == page:
                published_at = datetime.fromisoformat(row["Date (GMT)"]).replace(tzinfo=UTC)
                reading = Reading(read_at, int(row["Reactions"]), int(row["Comments"]), int(row["Shares"]))
                before = posts[row["Post ID"]].readings if row["Post ID"] in posts else ()
                posts[row["Post ID"]] = Post("facebook", published_at, (*before, reading))
    return posts


def company_posts() -> dict[str, Post]:
    """By URN; of a UTC day the last reading is kept, as the pipeline does."""
    readings: dict[str, dict[date, Reading]] = {}
    published: dict[str, datetime] = {}
    for row in sorted(rows(SHARES), key=lambda row: row["_fivetran_synced"]):
        urn, at = row["_share_entity_urn"], datetime.fromisoformat(row["_fivetran_synced"]).replace(tzinfo=UTC)
        published[urn] = datetime.fromisoformat(row["derived_published_at_utc"]).replace(tzinfo=UTC)
        figures = (row[name] for name in ("like_count", "comment_count", "share_count", "impression_count"))
        readings.setdefault(urn, {})[at.date()] = Reading(at, *map(int, figures))
    return {urn: Post("linkedin", published[urn], tuple(days.values())) for urn, days in readings.items()}


def page_days() -> AccountDays:
    """Followers are counted from 0 at the start of the export, which is as good as any number."""
    days: dict[tuple[str, int, date], dict[str, int | None]] = {}
    for row in rows(PAGE):
        days["linkedin", 1, date.fromisoformat(row["Date"])] = dict.fromkeys(ACCOUNT_FIGURES) | {
            "impressions": int(row["Impressions (total)"]),
            "clicks": int(row["Clicks (total)"]),
            "likes": int(row["Reactions (total)"]),
        }
    for row in rows(FOLLOWERS):
        of_day = days.setdefault(("linkedin", 1, date.fromisoformat(row["Date"])), dict.fromkeys(ACCOUNT_FIGURES))
        of_day |= {"followers": int(row["Cumulative Followers"]), "follower_gain": int(row["Total followers"])}
    return days


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not here: {DATA}")
def test_figures_by_hand(engine: Engine, dbt: Dbt) -> None:
    named = {KNOX: police_posts(PAGES[KNOX]), SHEPPARTON: police_posts(PAGES[SHEPPARTON]), COMPANY: company_posts()}
    posts = {
        business: {business * 10_000 + n: post for n, post in enumerate(named[business].values())} for business in named
    }
    keys = {name: business * 10_000 + n for business in named for n, name in enumerate(named[business])}
    store_history(engine, History(posts | {WOMEN_IN_AI: {}}, {WOMEN_IN_AI: page_days()}))
    assert dbt("run").succeeded

    def found(query: str, **values: Any) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def gains(post: str, *columns: str) -> list[tuple[Any, ...]]:
        listed = ", ".join(columns)
        return found(
            f"SELECT {listed} FROM post_daily_gains WHERE post_id = :post ORDER BY observed_on", post=keys[post]
        )

    def month(mart: str, business: int, start: str, *columns: str) -> tuple[Any, ...]:
        ((*row,),) = found(
            f"SELECT {', '.join(columns)} FROM {mart} WHERE business_id = :business AND platform <> 'all'"
            " AND period_type = 'monthly' AND period_start = :start",
            business=business,
            start=start,
        )
        return tuple(row)

    # Police, two readings 28 days apart. Post 597550253628752_2085309348186161 of Knox, 2018-09-19 09:28:32:
    # 61 reactions, 4 comments, 9 shares in the export of 20 September, 81, 8, 10 in that of 18 October.
    fresh = gains("597550253628752_2085309348186161", "likes_gain", "likes_days", "comments_gain", "shares_gain")
    assert fresh == [(61, 2, 4, 9), (81 - 61, 28, 8 - 4, 10 - 9)]
    # Post 349554451900294_876084355913965 of Shepparton, 2018-09-10: 10 days old when first read, then 329 → 324 shares.
    settled = gains("349554451900294_876084355913965", "likes_gain", "shares_gain", "shares_days")
    assert settled == [(None, None, None), (0, 324 - 329, 28)]

    # Knox: 109 rows in the export of 20 September, one of a post of the day before (61 reactions); the same 109 posts
    # among the 390 of 18 October, with 37 reactions, 6 comments and 0 shares more in all. The other 281 have no baseline.
    gained = (
        "readings",
        "readings_with_likes",
        "likes_gain",
        "comments_gain",
        "shares_gain",
        "likes_gain_of_several_days",
    )
    assert month("activity_summaries", KNOX, "2018-09-01", *gained) == (109, 1, 61, 4, 9, 61)
    assert month("activity_summaries", KNOX, "2018-10-01", *gained) == (390, 109, 37, 6, 0, 37)
    # Shepparton: 182 posts in both exports, with 26 reactions more in all; of the 653 of October four are of the 17th,
    # the day before the export.
    new = [post for post in named[SHEPPARTON].values() if post.published_at.date() == date(2018, 10, 17)]
    assert [post.readings[0].likes for post in new] == [3, 35, 38, 5]
    assert month("activity_summaries", SHEPPARTON, "2018-10-01", "readings", "readings_with_likes", "likes_gain") == (
        653, 182 + 4, 26 + 81,
    )  # fmt: skip

    # Knox by publication: in the export of 18 October, rows of August and of September by `Date (GMT)`.
    totals = ("total_posts", "total_likes", "total_comments", "total_shares", "total_engagements", "total_impressions")
    september = month("analytics_summaries", KNOX, "2018-09-01", *totals)
    assert september == (39, 1507, 278, 166, 1507 + 278 + 166, None)
    assert month("summary_coverage", KNOX, "2018-09-01", "posts_with_likes", "posts_with_impressions") == (39, 0)
    growth, top = month("analytics_summaries", KNOX, "2018-09-01", "engagement_growth", "top_post_id")
    assert growth == pytest.approx(100 * (1951 - 2106) / 2106)
    assert top == keys["597550253628752_2093473574036405"]  # 2018-09-26 04:25:53: 319 engagements

    # LinkedIn: like_count adds up to 2,716 over the 100 rows; a second reading on one day (…6123513602981842944, 10
    # likes, on 2021-10-27) replaces the first; by the last reading of each post there are 2,077.
    assert sum(int(row["like_count"]) for row in rows(SHARES)) == 2716
    assert found("SELECT sum(likes_count) FROM post_analytics WHERE platform = 'linkedin'") == [(2706,)]
    of_all = (
        "SELECT sum(total_likes), sum(total_posts) FROM analytics_summaries WHERE business_id = 3 AND platform = 'all'"
    )
    for period_type in ("daily", "weekly", "monthly"):
        assert found(f"{of_all} AND period_type = :period_type", period_type=period_type) == [(2077, 80)]
    assert found("SELECT sum(likes) FROM post_performance WHERE business_id = 3") == [(2077,)]
    # urn:li:share:6589784456654135297: 8, 7, 6, 5 impressions on 6, 13, 14, 27 October; 77 likes throughout.
    falling = gains("urn:li:share:6589784456654135297", "impressions_gain", "impressions_days", "likes_gain")
    assert falling == [(None, None, None), (-1, 7, 0), (-1, 1, 0), (-1, 13, 0)]
    # 19 pairs of days: impressions fell in 15 (12 by 1, 3 by 2), and rose in 4 (1 + 4 + 1 + 1).
    impressions = ("readings", "readings_with_impressions", "impressions_gain")
    assert month("activity_summaries", COMPANY, "2021-10-01", *impressions) == (99, 19, -(12 + 3 * 2) + 7)

    # The page of Women in AI: the 31 rows of page_daily.csv with a Date of March 2025; one day fell below zero.
    of_account = (
        "account_days",
        "account_impressions",
        "account_clicks",
        "account_likes",
        "account_follower_gain",
        "likes_gain",
    )
    assert month("activity_summaries", WOMEN_IN_AI, "2025-03-01", *of_account) == (31, 9660, 600, 208, 206, None)
    day = "SELECT account_likes, account_impressions FROM activity_summaries WHERE business_id = 4 AND platform = 'linkedin'"
    assert found(f"{day} AND period_type = 'daily' AND period_start = '2025-08-06'") == [(-1, 26)]
    # followers_daily.csv: 356 on 29 March, 355 on the 30th.
    on_the_30th = (
        "SELECT followers, followers_change, change_days, reported_gain FROM account_growth WHERE day = '2025-03-30'"
    )
    assert found(on_the_30th) == [(355, -1, 1, -1)]
