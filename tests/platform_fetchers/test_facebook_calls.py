"""Facebook Pages: the fewest calls, the permission that comments need, retired metrics, days of the page."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    MetricError,
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import PAGE_DAYS, POST_METRICS
from analytics_pipeline.platform_fetchers.graph_errors import TooMuchDataError
from analytics_pipeline.platform_fetchers.metrics import AccountDay, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.facebook_fake import (
    FIGURES,
    FakePage,
    by_id,
    make,
    node,
    page_fetcher,
    posts_of,
    reel,
    refs,
    served_page,
)
from tests.platform_fetchers.graph_fake import BAD_METRIC, NO_COMMENTS, PAGE, error
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

page, fetcher = served_page, page_fetcher


# --- fewest calls


def test_a_thousand_posts_in_twenty_calls(page: FakePage, fetcher: FacebookFetcher, server: PlatformServer) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(1000)}
    readings = by_id(fetcher.fetch_many(refs(range(1000))))
    assert len(server.requests) == fetcher.usage.calls == 20
    assert set(readings) == set(page.nodes)
    assert all(r.analytics and r.analytics["comments_count"] == 27 for r in readings.values())


def test_reels_and_posts_that_are_not_listed_go_in_batches(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(100)} | {f"{PAGE}_{n}": reel(n) for n in range(100, 125)}
    wanted = [*refs(range(100)), *refs(range(100, 125), post_type="reel"), PostRef(f"{PAGE}_999")]
    readings = by_id(fetcher.fetch_many(wanted))
    assert len(readings) == 126
    assert isinstance(readings[f"{PAGE}_999"].error, PostNotFoundError)
    assert sum(r.analytics is not None for r in readings.values()) == 125
    assert len(server.requests) == 4, "two pages, the lost post, the reels"


def test_posts_far_apart_are_named_rather_than_looked_for(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(2000)}
    wanted = [*refs(range(5)), *refs(range(1965, 1990))]
    assert len(by_id(fetcher.fetch_many(wanted))) == 30
    assert len(server.requests) == 2


def test_a_listing_without_permission_does_not_stand_in_the_way(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(40)}
    page.failing[f"{PAGE}/published_posts"] = NO_COMMENTS
    assert all(r.analytics for r in by_id(fetcher.fetch_many(refs(range(40)))).values())
    with pytest.raises(PermissionDeniedError, match="pages_read_user_content"):
        posts_of(fetcher)


# --- comments need a permission of their own


def test_without_the_permission_comments_come_from_the_activity(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(150)}
    page.comments_denied = True
    readings = by_id(fetcher.fetch_many(refs(range(150))))
    assert {r.analytics["comments_count"] for r in readings.values() if r.analytics} == {25}
    assert len(readings) == 150
    assert len(server.requests) == 3
    assert sum("summary" in part for part in page.parts) == 1, "asked once, not again"


def test_where_insights_are_withheld_the_summaries_tell_likes_and_reactions(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    """Without read_insights Facebook answers 200 with no insights at all (facebook.md §10)."""
    page.nodes = {f"{PAGE}_{n}": node(n, insights={}) for n in range(50)}
    readings = by_id(fetcher.fetch_many(refs(range(50))))
    assert len(server.requests) == 1
    told = {"likes_count": 181, "reactions_count": 232, "comments_count": 27, "shares_count": 14}
    for reading in readings.values():
        assert reading.analytics is not None
        assert told.items() <= dict(reading.analytics).items()
        assert reading.analytics["impressions"] is None
    assert len(readings) == 50


PASSING = error(2, "Service temporarily unavailable")
THROTTLED = error(80001, "(#80001) too many calls")


@pytest.mark.parametrize("insights", [FIGURES, {}], ids=["with insights", "without read_insights"])
def test_a_post_whose_summaries_fail_for_once_is_not_read_by_half(
    insights: dict[str, Any], page: FakePage, fetcher: FacebookFetcher
) -> None:
    """Its comments would jump to those of the activity, its likes and reactions to none."""
    page.nodes = {f"{PAGE}_{n}": node(n, insights=insights) for n in range(3)}
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    readings = by_id(fetcher.fetch_many(refs(range(3))))
    assert isinstance(readings[f"{PAGE}_1"].error, TransientError)
    assert readings[f"{PAGE}_1"].analytics is None
    assert [readings[f"{PAGE}_{n}"].analytics["comments_count"] for n in (0, 2)] == [27, 27]  # type: ignore[index]


def test_a_post_whose_summaries_were_not_finished_is_not_read_by_half(page: FakePage, server: PlatformServer) -> None:
    def answer(request: Request) -> Answer:
        entries = [entry["relative_url"] for entry in json.loads(request.form["batch"])]
        return Answer(json=[None if f"{PAGE}_1?" in e and "summary" in e else page.entry(e) for e in entries])

    server.answer = answer
    readings = by_id(make(server).fetch_many(refs(range(3))))
    assert [isinstance(readings[f"{PAGE}_{n}"].error, TransientError) for n in range(3)] == [False, True, False]


def test_a_page_whose_summaries_fail_for_once_is_not_listed_by_half(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    assert [(post.platform_post_id, post.reading) for post in posts_of(fetcher)] == [
        (f"{PAGE}_{n}", None) for n in (2, 1, 0)
    ]


def test_a_page_whose_summaries_are_throttled_is_not_listed(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.summaries_failing = {f"{PAGE}_1": THROTTLED}
    with pytest.raises(RateLimitError):
        posts_of(fetcher)


def test_a_page_whose_summaries_are_too_much_is_halved(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(40)}
    page.largest_with = {"summary": 13}
    found = [post.reading.analytics for post in posts_of(fetcher) if post.reading]
    assert [figures["comments_count"] for figures in found if figures] == [27] * 40
    assert fetcher.page_size == 12


def test_where_the_figures_of_one_post_are_too_much_for_a_page_posts_are_read_by_their_ids(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(120)}
    page.largest_with = {"insights": 0}
    found = posts_of(fetcher)
    assert {post.platform_post_id for post in found} == set(page.nodes)
    assert {post.reading for post in found} == {None}
    assert len(server.requests) == 6 + 3, "50, 25, 12, 6, 3, 1, then pages of 50 again"
    readings = by_id(fetcher.fetch_many(refs(range(120))))
    assert {reading.analytics and reading.analytics["impressions"] for reading in readings.values()} == {4821}


@pytest.mark.parametrize("post_type", ["reel", None])
def test_a_throttle_of_what_stands_aside_ends_the_account(
    post_type: str | None, page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n) if post_type else node(n) for n in range(3)}
    (page.failing if post_type else page.summaries_failing)[f"{PAGE}_1"] = THROTTLED
    found: list[str] = []
    with pytest.raises(RateLimitError):
        found += (reading.platform_post_id for reading in fetcher.fetch_many(refs(range(3), post_type=post_type)))
    assert found == [f"{PAGE}_0", f"{PAGE}_2"]


# --- one retired metric


def test_a_retired_metric_costs_one_failed_call_and_one_to_find_it(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(200)}
    page.dead = {"post_clicks"}
    readings = by_id(fetcher.fetch_many(refs(range(200))))
    assert len(server.requests) == 4 + 2
    assert fetcher.dead_metrics == {"post_clicks"}
    for reading in readings.values():
        assert reading.analytics is not None
        assert reading.analytics["clicks"] is None
        assert (reading.analytics["likes_count"], reading.analytics["url_clicks"]) == (180, 31)
    assert len(readings) == 200

    server.requests.clear()
    remembering = make(server, dead_metrics=fetcher.dead_metrics)
    assert len(list(remembering.fetch_many(refs(range(200))))) == 200
    assert len(server.requests) == 4
    remembering.close()


@settings(deadline=None, max_examples=25)
@given(st.sets(st.sampled_from(POST_METRICS), max_size=len(POST_METRICS) - 1))
def test_any_retired_metrics_hide_no_other_metric_and_no_post(dead: set[str]) -> None:
    served = FakePage([node(n) for n in range(3)])
    served.dead = dead
    with PlatformServer(served) as server:
        fetcher = make(server)
        readings = by_id(fetcher.fetch_many(refs(range(3))))
        assert fetcher.dead_metrics == dead
        assert fetcher.usage.calls <= 3
        fetcher.close()
    expected = {name for name in FIGURES if name not in dead}
    for reading in readings.values():
        assert {row["name"] for row in reading.raw.get("insights", {}).get("data", ())} == expected


def test_a_retired_reel_metric_leaves_the_post_metric_of_that_name(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_1": node(1), f"{PAGE}_7": reel(7), f"{PAGE}_8": reel(8)}
    page.dead = {"blue_reels_play_count"}
    readings = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_1"), *refs(range(7, 9), post_type="reel")]))
    assert fetcher.dead_metrics == {"video_insights/blue_reels_play_count"}
    figures = readings[f"{PAGE}_7"].analytics
    assert figures is not None
    assert (figures["impressions"], figures["video_watch_time"]) == (None, 123.456)


def test_a_retired_post_metric_leaves_the_reel_metric_of_that_name(page: FakePage, server: PlatformServer) -> None:
    page.nodes[f"{PAGE}_7"] = reel(7)
    fetcher = make(server, dead_metrics={"post_video_view_time"})
    readings = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_1"), *refs(range(7, 8), post_type="reel")]))
    watched = {key: reading.analytics and reading.analytics["video_watch_time"] for key, reading in readings.items()}
    fetcher.close()
    assert watched == {f"{PAGE}_1": None, f"{PAGE}_7": 123.456}


def test_a_post_that_has_no_insights_buries_no_metric(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.failing[f"{PAGE}_1"] = error(100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)")
    readings = by_id(fetcher.fetch_many(refs(range(3))))
    assert isinstance(readings[f"{PAGE}_1"].error, MetricError)
    assert readings[f"{PAGE}_0"].analytics is not None
    assert fetcher.dead_metrics == set()


NO_INSIGHTS = error(100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)")


def test_posts_that_refuse_every_metric_are_read_for_what_else_they_tell(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(10)}
    for n, refusal in ((2, BAD_METRIC), (4, NO_INSIGHTS), (5, NO_INSIGHTS)):
        page.nodes[f"{PAGE}_{n}"]["failing"] = refusal
    found = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(10)]))
    assert [reading.error for reading in found.values()] == [None] * 10
    told = {key: dict(reading.analytics or {}) for key, reading in found.items()}
    names = ("likes_count", "comments_count", "shares_count", "reactions_count", "impressions", "clicks")
    assert {key: [figures[name] for name in names] for key, figures in told.items()} == {
        f"{PAGE}_{n}": [181, 27, 14, 232, None, None] if n in (2, 4, 5) else [180, 27, 14, 231, 4821, 77]
        for n in range(10)
    }
    assert fetcher.dead_metrics == set()
    batch, search, fields_alone = 1, 1, 1
    assert len(server.requests) == batch + search + fields_alone


@pytest.mark.parametrize("lacking", [1, 7])
def test_a_post_beside_one_that_refuses_every_metric_loses_none(
    lacking: int, page: FakePage, fetcher: FacebookFetcher
) -> None:
    """It is read, or it is named and its last figures stand."""
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(10)}
    page.nodes[f"{PAGE}_2"]["failing"] = BAD_METRIC
    page.lacking = {f"{PAGE}_{lacking}": "post_clicks"}
    found = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(10)]))
    assert {r.analytics["impressions"] for key, r in found.items() if r.analytics and key != f"{PAGE}_2"} == {4821}
    assert [reading.error is None for reading in found.values()].count(False) <= 1
    assert found[f"{PAGE}_2"].error is None


def test_a_post_that_refuses_every_metric_and_tells_nothing_else_is_named(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.comments_denied = True
    del page.nodes[f"{PAGE}_1"]["shares"]
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    found = by_id(fetcher.fetch_many(refs(range(3))))
    assert (found[f"{PAGE}_1"].analytics, type(found[f"{PAGE}_1"].error)) == (None, MetricError)


def test_a_post_asked_for_alone_that_refuses_every_metric_is_not_read_by_half(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    with pytest.raises(MetricError):
        fetcher.fetch_post_analytics("1", f"{PAGE}_1")


def test_a_post_that_refuses_every_metric_is_read_later_where_its_summaries_fail_for_once(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    found = by_id(fetcher.fetch_many(refs(range(3))))
    assert (found[f"{PAGE}_1"].analytics, type(found[f"{PAGE}_1"].error)) == (None, TransientError)


def test_a_throttle_of_what_else_they_tell_ends_the_account(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    page.plain_failing[f"{PAGE}_1"] = THROTTLED
    found: list[str] = []
    with pytest.raises(RateLimitError):
        found += (reading.platform_post_id for reading in fetcher.fetch_many(refs(range(3))))
    assert found == [f"{PAGE}_0", f"{PAGE}_2"]


# --- the page itself


def test_days_of_the_page_stand_under_the_day_before_their_end(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.days = {metric: {"2026-08-31T07:00:00+00:00": 10 + n} for n, metric in enumerate(PAGE_DAYS)}
    page.days["page_media_view"] |= {"2026-08-30T07:00:00+00:00": 0, "2026-09-01T07:00:00+00:00": 99}
    assert fetcher.fetch_account_days(date(2026, 8, 29), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 29), {"impressions": 0}),
        AccountDay(
            date(2026, 8, 30),
            {
                "impressions": 10,
                "reach": 11,
                "engagements": 12,
                "profile_views": 13,
                "follower_gain": 14,
                "clicks": 15,
                "likes": 16,
                "followers": 17,
                "video_views": 18,
            },
        ),
    ]


def test_a_day_that_is_not_over_is_left_out(page: FakePage, server: PlatformServer) -> None:
    """The platform's day: at 03:00 UTC the last but one is still going on."""
    page.days = {"page_media_view": {"2026-08-31T07:00:00+00:00": 5, "2026-09-01T07:00:00+00:00": 1}}
    early = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: NOW - timedelta(hours=9))
    found = early.fetch_account_days(date(2026, 8, 30), date(2026, 8, 31))
    early.close()
    assert found == [AccountDay(date(2026, 8, 30), {"impressions": 5})]


def test_followers_of_today_are_those_of_now(page: FakePage, fetcher: FacebookFetcher) -> None:
    assert fetcher.fetch_account_days(NOW.date(), NOW.date()) == [AccountDay(NOW.date(), {"followers": 5150})]


def test_days_that_fail_leave_the_followers_of_now(page: FakePage, server: PlatformServer) -> None:
    def days(request: Request) -> Answer:
        throttled = Answer(status=400, json={"error": {"code": 80001, "message": "too many calls", "type": "x"}})
        return throttled if "/insights" in request.path else answer(request)

    answer = server.answer
    assert answer is not None
    server.answer = days
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: NOW, sleep=lambda _: None)
    assert fetcher.fetch_account_days(date(2026, 8, 1), NOW.date()) == [AccountDay(NOW.date(), {"followers": 5150})]
    assert isinstance(fetcher.incomplete, RateLimitError)
    fetcher.close()


def test_a_year_of_days_in_few_calls_with_none_lost(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    first, last = date(2025, 8, 1), date(2026, 7, 31)
    days = [first + timedelta(days=n) for n in range(365)]
    ends = [datetime(d.year, d.month, d.day, 8, tzinfo=UTC) + timedelta(days=1) for d in days]
    page.days = {"page_views_total": {end.isoformat(): n for n, end in enumerate(ends)}}
    found = fetcher.fetch_account_days(first, last)
    assert found == [AccountDay(day, {"profile_views": n}) for n, day in enumerate(days)]
    assert len(server.requests) == 5


@pytest.mark.parametrize("hour", [0, 7, 12, 23])
def test_no_day_is_asked_for_that_began_longer_ago_than_is_kept(
    hour: int, page: FakePage, server: PlatformServer
) -> None:
    now = NOW.replace(hour=hour, minute=30)
    page.oldest = now - timedelta(days=730)
    days = [NOW.date() - timedelta(days=n) for n in range(2, 730)][::-1]  # whether yesterday is over hangs on the hour
    page.days = {"page_views_total": {f"{day + timedelta(days=1)}T08:00:00+00:00": n for n, day in enumerate(days)}}
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: now)
    assert fetcher.fetch_account_days(NOW.date() - timedelta(days=800), days[-1]) == [
        AccountDay(day, {"profile_views": n}) for n, day in enumerate(days)
    ]
    assert fetcher.incomplete is None
    assert len(server.requests) == 9
    fetcher.close()


def test_a_window_that_is_refused_costs_none_that_is_newer(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.oldest = NOW - timedelta(days=100)
    days = [NOW.date() - timedelta(days=n) for n in range(1, 200)][::-1]
    page.days = {"page_views_total": {f"{day + timedelta(days=1)}T07:00:00+00:00": 4 for day in days}}
    found = fetcher.fetch_account_days(days[0], days[-1])
    assert [day.day for day in found] == days[-88:]
    assert isinstance(fetcher.incomplete, ConfigurationError)


def test_no_call_reaches_behind_what_the_platform_keeps(fetcher: FacebookFetcher, server: PlatformServer) -> None:
    assert fetcher.fetch_account_days(date(2020, 1, 1), date(2023, 12, 31)) == []
    assert server.requests == []


def test_a_retired_page_metric_costs_itself(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.days = {"page_media_view": {"2026-08-31T07:00:00+00:00": 5}}
    page.dead = {"page_views_total", "page_daily_follows"}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 30), {"impressions": 5})
    ]
    assert fetcher.dead_metrics == page.dead


def test_one_post_whose_figures_are_too_much_is_asked_for_them_in_halves(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(3)}
    page.heavy[f"{PAGE}_1"] = (len(POST_METRICS) + 1) // 2
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert [found[f"{PAGE}_{n}"].error for n in range(3)] == [None] * 3
    heavy, light = (found[f"{PAGE}_{n}"].analytics for n in (1, 0))
    assert heavy is not None
    assert light is not None
    notes = ("platform_post_id", "platform_post_url", "fetched_at")
    assert {k: v for k, v in heavy.items() if k not in notes} == {k: v for k, v in light.items() if k not in notes}
    assert len(server.requests) <= 4
    page.heavy = dict.fromkeys(page.nodes, (len(POST_METRICS) + 1) // 2)
    page.comments_denied = True
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert [found[f"{PAGE}_{n}"].error for n in range(3)] == [None] * 3, "all of them are too much"
    page.heavy[f"{PAGE}_1"] = 1
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert isinstance(found[f"{PAGE}_1"].error, TooMuchDataError)


@pytest.mark.parametrize(("most", "calls"), [(5, 3), (4, 5), (1, 17)])
def test_page_metrics_that_are_too_much_are_asked_for_in_halves(
    most: int, calls: int, page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.days = {metric: {"2026-08-31T07:00:00+00:00": 10 + n} for n, metric in enumerate(PAGE_DAYS)}
    page.most_metrics = most
    expected = {name: 10 + n for n, name in enumerate(PAGE_DAYS.values())}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [AccountDay(date(2026, 8, 30), expected)]
    assert len(server.requests) == calls


def test_one_page_metric_that_is_too_much_is_the_end(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.most_metrics = 0
    with pytest.raises(TooMuchDataError):
        fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30))
    assert len(server.requests) == 4, "9 metrics, 4, 2, 1"


@patch("requests.Session.request")
def test_page_insights(request_mock: MagicMock) -> None:
    values = [{"value": 410, "end_time": "2026-09-15T07:00:00+0000"}]
    request_mock.return_value.json.return_value = {
        "data": [
            {"name": "page_media_view", "period": "day", "values": values},
            {"name": "page_media_view", "period": "week", "values": [{"value": 1}]},
        ]
    }
    fetcher = FacebookFetcher("test_token", PAGE)
    assert fetcher.fetch_page_insights(["page_media_view"], "day") == {"page_media_view": values}


@pytest.mark.parametrize(("names", "period"), [([], "day"), (["page_follows"], "hour"), (["page_follows&x=1"], "day")])
def test_page_insights_refuse_what_makes_no_sense(
    names: list[str], period: str, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    with pytest.raises(ConfigurationError):
        fetcher.fetch_page_insights(names, period)
    with pytest.raises(ConfigurationError):
        FacebookFetcher(TOKEN, base_url=server.url).fetch_page_insights(["page_follows"])
    assert server.requests == []
