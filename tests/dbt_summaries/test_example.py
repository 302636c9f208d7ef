"""One small world whose summaries can be checked in the head, and what becomes of them when posts go.

Not here: every figure in every mixture (`test_analytics_summaries.py`).
"""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from tests.dbt_summaries.conftest import Dbt, read_summaries
from tests.dbt_summaries.worlds import Post, Reading, store

MARTS = ("--select", "+analytics_summaries", "+summary_coverage")


def at(month: int, day: int) -> datetime:
    return datetime(2024, month, day, 12, tzinfo=UTC)


READ_TWICE = Post(
    "linkedin",
    at(2, 1),
    (
        # Stored before the older one; later some likes were withdrawn and the clicks withheld.
        Reading(at(2, 5), likes=60, comments=20, shares=10, impressions=900, reach=500),
        Reading(at(2, 2), likes=70, comments=20, shares=10, impressions=1000, reach=600, clicks=40),
    ),
)
DELETED = Post("twitter", at(2, 1), (Reading(at(2, 2), likes=91, shares=-1, impressions=1100, clicks=11),), "deleted")
WITHOUT_IMPRESSIONS = Post("twitter", at(2, 29), (Reading(at(3, 1), likes=0, comments=6, clicks=3),))
NEVER_READ = Post("instagram", at(2, 2))
IN_MARCH = Post("twitter", at(3, 20), (Reading(at(3, 21), likes=45),))
IN_JANUARY = Post("linkedin", at(1, 31), (Reading(at(2, 3), likes=100, comments=0, shares=0, impressions=2000),))


def test_a_month_by_hand(engine: Engine, dbt: Dbt) -> None:
    posts = {1: READ_TWICE, 2: DELETED, 3: WITHOUT_IMPRESSIONS, 4: NEVER_READ, 5: IN_JANUARY}
    store(engine, {7: posts})
    assert dbt("run", *MARTS).succeeded
    found = read_summaries(engine)

    february = found[7, "all", "monthly", date(2024, 2, 1)]
    assert {name: value for name, value in february.items() if name not in ("id", "updated_at")} == {
        "business_id": 7,
        "platform": "all",
        "period_type": "monthly",
        "period_start": date(2024, 2, 1),
        "period_end": date(2024, 2, 29),
        "total_posts": 4,
        "total_likes": 60 + 91 + 0,
        "total_comments": 20 + 6,
        "total_shares": 10 - 1,
        "total_engagements": 90 + 90 + 6,
        "total_impressions": 900 + 1100,
        "total_reach": 500,
        "total_clicks": 11 + 3,
        "total_video_views": None,
        "avg_engagement_rate": pytest.approx(100 * (90 + 90) / (900 + 1100)),
        "avg_click_through_rate": pytest.approx(100 * 11 / 1100),
        "top_post_id": 2,  # as many engagements as the first, more impressions
        "engagement_growth": pytest.approx(86.0),  # from 100 to 186
    }
    never_read = found[7, "instagram", "weekly", date(2024, 1, 29)]
    assert {name for name, value in never_read.items() if value is None} == {
        *(name for name in never_read if name.startswith(("total_", "avg_", "top_", "engagement_"))),
    } - {"total_posts"}
    assert never_read["total_posts"] == 1


def test_the_top_post(engine: Engine, dbt: Dbt) -> None:
    def post(likes: int | None, impressions: int | None, day: int = 1) -> Post:
        return Post("facebook", at(1, day), (Reading(at(3, 1), likes=likes, impressions=impressions),))

    # Per business: the first post is the top, though it is stored last; days 1 and 2 make one week.
    ranked = {
        "most engagements": [post(9, 1, day=2), post(8, 500)],
        "as many, more impressions": [post(9, 2, day=2), post(9, 1)],
        "unknown impressions are fewest": [post(9, 0, day=2), post(9, None)],
        "fewer even than corrected ones": [post(9, -1), post(9, None)],
        "the older": [post(9, 1, day=1), post(9, 1, day=2)],
        "known engagements, however few": [post(-1, None, day=2), post(None, 500)],
    }
    worlds = {}
    for business, posts in enumerate(ranked.values(), start=1):
        worlds[business] = {business * 10 + n: stored for n, stored in enumerate(reversed(posts))}
    worlds[100] = {1000: post(9, 1), 1001: post(9, 1)}  # published in the same moment: the one stored first
    worlds[101] = {1010: post(None, 500)}
    store(engine, worlds)
    assert dbt("run", *MARTS).succeeded
    top = {key[0]: row["top_post_id"] for key, row in read_summaries(engine).items() if key[1:3] == ("all", "weekly")}
    assert {name: top[business] for business, name in enumerate(ranked, start=1)} == {
        name: business * 10 + 1 for business, name in enumerate(ranked, start=1)
    }
    assert top[100] == 1000
    assert top[101] is None


def test_posts_that_are_gone_leave_their_summaries(engine: Engine, dbt: Dbt) -> None:
    day, week, february, march = date(2024, 2, 1), date(2024, 1, 29), date(2024, 2, 1), date(2024, 3, 1)
    store(engine, {7: {1: READ_TWICE, 2: DELETED, 3: IN_MARCH, 5: IN_JANUARY}})
    assert dbt("run", *MARTS).succeeded
    old = read_summaries(engine)
    assert old[7, "linkedin", "daily", day]["engagement_growth"] == pytest.approx(-10)
    assert old[7, "all", "monthly", march]["engagement_growth"] == pytest.approx(-75)  # from 180 to 45
    assert old[7, "twitter", "monthly", march]["engagement_growth"] == pytest.approx(-50)  # from 90 to 45

    store(engine, {7: {2: DELETED, 3: IN_MARCH, 5: IN_JANUARY}})
    assert dbt("run", *MARTS, days=(day, day)).succeeded
    found = read_summaries(engine)
    assert {key[2:] for key in found if key[1] == "linkedin"} == {
        ("daily", date(2024, 1, 31)),
        ("weekly", week),
        ("monthly", date(2024, 1, 1)),
    }
    assert found[7, "linkedin", "weekly", week]["total_engagements"] == 100
    assert found[7, "all", "monthly", february]["total_posts"] == 1
    # March is built anew where its baseline changed, and nowhere else.
    assert found[7, "all", "monthly", march]["engagement_growth"] == pytest.approx(-50)
    assert found[7, "all", "monthly", march]["updated_at"] > old[7, "all", "monthly", march]["updated_at"]
    assert found[7, "twitter", "monthly", march] == old[7, "twitter", "monthly", march]

    store(engine, {7: {3: IN_MARCH, 5: IN_JANUARY}})
    assert dbt("run", *MARTS, days=(day, day)).succeeded
    found = read_summaries(engine)
    assert {key[2:] for key in found if key[3] < march} == {
        ("daily", date(2024, 1, 31)),
        ("weekly", week),
        ("monthly", date(2024, 1, 1)),
    }
    assert found[7, "all", "monthly", march]["engagement_growth"] is None
    assert found[7, "twitter", "monthly", march]["engagement_growth"] is None
