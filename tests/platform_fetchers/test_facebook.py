"""Facebook Pages: the figures, their fewest calls, retired metrics, the permission that comments need, page days."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    MetricError,
    PermissionDeniedError,
    PostNotFoundError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import PAGE_DAYS, POST_METRICS
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import (
    BAD_METRIC,
    NO_COMMENTS,
    START,
    FakeGraph,
    Read,
    at,
    error,
    insights,
)
from tests.platform_fetchers.platform_server import PlatformServer

PAGE = "104928374650192"
END = START + timedelta(days=366)

FIGURES: Mapping[str, Any] = {
    "post_media_view": 4821,
    "post_total_media_view_unique": 3900,
    "post_clicks": 77,
    "post_clicks_by_type": {"link clicks": 31, "other clicks": 46},
    "post_reactions_like_total": 180,
    "post_reactions_by_type_total": {"like": 180, "love": 41, "wow": 6, "haha": 3, "anger": 1},
    "post_activity_by_action_type": {"like": 231, "comment": 25, "share": 14},
    "post_video_views": 0,
}
REEL: Mapping[str, Any] = {
    "blue_reels_play_count": 900,
    "post_video_view_time": 123456,
    "post_video_likes_by_reaction_type": {"REACTION_LIKE": 8, "REACTION_LOVE": 2},
    "post_video_social_actions": {"COMMENT": 3, "SHARE": 1},
}


def node(number: int, **more: Any) -> dict[str, Any]:
    key = f"{PAGE}_{number}"
    return {
        "id": key,
        "created_time": at(number),
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{number}",
        "status_type": "added_photos",
        "attachments": {"data": [{"media_type": "photo", "type": "photo"}]},
        "shares": {"count": 14},
        "comments": {"data": [], "summary": {"total_count": 27}, "paging": {"next": "https://x/?access_token=LEAKED"}},
        "insights": FIGURES,
    } | more


def reel(number: int, **more: Any) -> dict[str, Any]:
    return node(number, permalink_url=f"https://www.facebook.com/reel/{number}", insights={}, reel=REEL) | more


class FakePage(FakeGraph):
    """A page. `comments_denied` as without pages_read_user_content; `days` are metric → end_time → value."""

    listing = "published_posts"
    time_field = "created_time"

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        super().__init__(PAGE, nodes)
        self.comments_denied = False
        self.days: dict[str, dict[str, Any]] = {}

    def refusal(self, stored: Mapping[str, Any], metrics: list[str], fields: str) -> Read | None:
        if "summary" in fields and metrics:
            pytest.fail("comments in a request that must succeed")
        if "summary" in fields and self.comments_denied:
            return NO_COMMENTS
        return super().refusal(stored, metrics, fields)

    def other(self, path: str, query: Mapping[str, str]) -> Read:
        key, _, edge = path.partition("/")
        metrics = query.get("metric", "").split(",")
        if self.dead & set(metrics):
            return BAD_METRIC
        if edge == "video_insights" and f"{PAGE}_{key}" in self.nodes:
            return 200, insights({"insights": self.nodes[f"{PAGE}_{key}"]["reel"]}, metrics)
        if key == PAGE and edge == "insights":
            if int(query["until"]) - int(query["since"]) > 90 * 86400:
                return error(100, "(#100) There cannot be more than 90 days between since and until")
            return 200, {"data": [self.series(metric, query) for metric in metrics if metric in self.days]}
        if path == PAGE:
            return 200, {"id": PAGE, "followers_count": 5150}
        return super().other(path, query)

    def series(self, metric: str, query: Mapping[str, str]) -> dict[str, Any]:
        times = {end: datetime.fromisoformat(end).timestamp() for end in self.days[metric]}
        points = [
            {"value": self.days[metric][end], "end_time": end.replace("+00:00", "+0000")}
            for end, time in times.items()
            if int(query["since"]) < time <= int(query["until"])
        ]
        return {"name": metric, "period": "day", "values": points}


@pytest.fixture
def page(server: PlatformServer) -> FakePage:
    served = FakePage([node(n) for n in range(3)])
    server.answer = served
    return served


@pytest.fixture
def fetcher(server: PlatformServer, slept: list[float]) -> Iterator[FacebookFetcher]:
    made = make(server)
    yield made
    made.close()


def make(server: PlatformServer, **options: Any) -> FacebookFetcher:
    return FacebookFetcher(
        TOKEN, PAGE, base_url=server.url, api_version="v25.0", clock=lambda: NOW, sleep=lambda _: None, **options
    )


def refs(numbers: range, **more: Any) -> list[PostRef]:
    return [PostRef(f"{PAGE}_{n}", START + timedelta(hours=n), **more) for n in numbers]


def by_id(readings: Iterator[PostReading]) -> dict[str, PostReading]:
    found = list(readings)
    assert len({reading.platform_post_id for reading in found}) == len(found)
    return {reading.platform_post_id: reading for reading in found}


def posts_of(fetcher: FacebookFetcher) -> list[ListedPost]:
    return [post for listed in fetcher.list_posts(START, END) for post in listed]


def analytics_of(page: FakePage, server: PlatformServer, **stored: Any) -> PostAnalytics:
    page.nodes[f"{PAGE}_9"] = node(9, **stored)
    return make(server).fetch_post_analytics("1", f"{PAGE}_9")


# --- figures


def test_every_figure_of_a_post(page: FakePage, fetcher: FacebookFetcher) -> None:
    assert fetcher.fetch_post_analytics("1", f"{PAGE}_0") == {
        "likes_count": 180,
        "comments_count": 27,
        "shares_count": 14,
        "reactions_count": 231,
        "retweets_count": None,
        "quote_tweets_count": None,
        "bookmarks_count": None,
        "impressions": 4821,
        "reach": 3900,
        "clicks": 77,
        "url_clicks": 31,
        "profile_clicks": None,
        "video_views": 0,
        "video_watch_time": None,
        "engagement_rate": pytest.approx(100 * (180 + 27 + 14) / 4821),
        "click_through_rate": pytest.approx(100 * 77 / 4821),
        "fetched_at": NOW,
        "platform": "facebook",
        "platform_post_id": f"{PAGE}_0",
        "platform_post_url": f"https://www.facebook.com/{PAGE}/posts/0",
    }


@pytest.mark.parametrize("post_type", ["reel", None], ids=["known", "found out"])
def test_every_figure_of_a_reel(post_type: str | None, page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_7"] = reel(7)
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, post_type)])
    assert reading.analytics is not None
    assert {name: value for name, value in reading.analytics.items() if value is not None} == {
        "likes_count": 8,
        "reactions_count": 10,
        "comments_count": 3,
        "shares_count": 1,
        "impressions": 900,
        "video_views": 900,
        "video_watch_time": 123.456,
        "engagement_rate": pytest.approx(100 * 12 / 900),
        "fetched_at": NOW,
        "platform": "facebook",
        "platform_post_id": f"{PAGE}_7",
    }


def test_withheld_is_unknown_and_zero_is_zero(page: FakePage, server: PlatformServer) -> None:
    withheld = analytics_of(page, server, insights={})
    assert withheld["likes_count"] is withheld["impressions"] is withheld["reactions_count"] is None
    assert withheld["comments_count"] == 27
    zero = analytics_of(page, server, insights={name: 0 for name in FIGURES if "by" not in name})
    assert zero["likes_count"] == zero["impressions"] == zero["clicks"] == 0
    assert zero["url_clicks"] is zero["reactions_count"] is None


@pytest.mark.parametrize(
    ("activity", "shares", "expected"),
    [
        ({"share": 5}, {"count": 14}, 14),
        ({"share": 5}, None, 5),
        ({"comment": 5}, None, 0),
        ({}, None, 0),
        ([], None, 0),
        (None, None, None),
    ],
)
def test_shares_left_out_are_none_only_when_the_activity_says_so_too(
    activity: Any, shares: Any, expected: int | None, page: FakePage, server: PlatformServer
) -> None:
    known = {} if activity is None else {"post_activity_by_action_type": activity}
    stored = {"shares": shares} if shares else {}
    page.nodes[f"{PAGE}_9"] = {name: v for name, v in node(9, insights=known).items() if name != "shares"} | stored
    assert make(server).fetch_post_analytics("1", f"{PAGE}_9")["shares_count"] == expected


def test_a_falling_or_negative_figure_stays_as_it_is(page: FakePage, server: PlatformServer) -> None:
    assert analytics_of(page, server, shares={"count": -1})["shares_count"] == -1


@pytest.mark.parametrize(
    "stored",
    [
        {"shares": {"count": "many"}},
        {"shares": {"count": 1.5}},
        {"insights": {"post_media_view": {"like": 1}}},
        {"insights": {"post_media_view": 2**70}},
        {"insights": {"post_media_view": True}},
        {"insights": {"post_reactions_by_type_total": 5}},
        {"insights": {"post_reactions_by_type_total": {"like": "x"}}},
    ],
)
def test_a_malformed_row_costs_that_post_only(stored: Any, page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_1"] |= stored
    listed = {post.platform_post_id: post.reading for post in posts_of(fetcher)}
    for readings in (listed, by_id(fetcher.fetch_many(refs(range(3))))):
        bad = readings[f"{PAGE}_1"]
        assert bad is not None
        assert isinstance(bad.error, BadDataError)
        assert f"{PAGE}_1" in bad.error.message
        good = [readings[f"{PAGE}_{n}"] for n in (0, 2)]
        assert all(reading and reading.analytics and reading.analytics["likes_count"] == 180 for reading in good)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.text(max_size=3),
            "shares": st.none() | st.integers() | st.dictionaries(st.just("count"), st.integers() | st.text()),
            "comments": st.none() | st.lists(st.integers()) | st.dictionaries(st.just("summary"), st.none()),
            "permalink_url": st.none() | st.integers() | st.text(),
            "attachments": st.none() | st.integers() | st.dictionaries(st.just("data"), st.lists(st.none())),
            "insights": st.none()
            | st.dictionaries(
                st.just("data"), st.lists(st.dictionaries(st.sampled_from(["name", "values"]), st.text()))
            ),
        },
    )
)
def test_a_node_of_any_shape_gives_figures_or_bad_data(stored: dict[str, Any]) -> None:
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url="http://127.0.0.1:1", clock=lambda: NOW)
    reading = fetcher._reading(f"{PAGE}_1", stored)
    assert (reading.analytics is None) == isinstance(reading.error, BadDataError)


@given(st.dictionaries(st.sampled_from(POST_METRICS[:1]), st.integers(-(2**63) + 1, 2**63 - 1)))
def test_whole_numbers_arrive_to_the_digit(figures: dict[str, int]) -> None:
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url="http://127.0.0.1:1", clock=lambda: NOW)
    reading = fetcher._reading(f"{PAGE}_1", {"insights": insights({"insights": figures}, figures)})
    assert reading.analytics is not None
    assert reading.analytics["likes_count"] == figures.get("post_reactions_like_total")


def test_what_is_kept_of_a_reply_holds_no_token(page: FakePage, fetcher: FacebookFetcher) -> None:
    [listed, *_] = posts_of(fetcher)
    assert listed.reading is not None
    assert listed.reading.raw["comments"] == {"data": [], "summary": {"total_count": 27}}
    assert "LEAKED" not in repr([post.reading for post in posts_of(fetcher)])
    assert "LEAKED" not in repr(list(fetcher.fetch_many(refs(range(2)))))


# --- the interface of the plan, with a mocked session


@pytest.mark.parametrize("nested", [True, False], ids=["post node", "insights reply"])
@patch("requests.Session.request")
def test_a_mocked_session_is_enough(request_mock: MagicMock, nested: bool) -> None:
    body = insights({"insights": FIGURES}, FIGURES)
    request_mock.return_value.json.return_value = {**node(1), "insights": body} if nested else body
    analytics = FacebookFetcher("test_token", PAGE).fetch_post_analytics("1", f"{PAGE}_1")
    assert analytics["likes_count"] == 180
    assert analytics["comments_count"] == (27 if nested else 25)
    assert analytics["impressions"] == 4821


@patch("requests.Session.request")
def test_summaries_in_a_mocked_node_are_read(request_mock: MagicMock) -> None:
    request_mock.return_value.json.return_value = {
        "likes": {"summary": {"total_count": 100}},
        "reactions": {"summary": {"total_count": 120}},
        "comments": {"summary": {"total_count": 20}},
        "shares": {"count": 10},
    }
    analytics = FacebookFetcher("test_token").fetch_post_analytics("1", "123_456")
    assert [analytics[name] for name in ("likes_count", "reactions_count", "comments_count", "shares_count")] == [  # type: ignore[literal-required]  # names from a list
        100,
        120,
        20,
        10,
    ]


# --- listings


def test_a_listing_carries_the_figures(page: FakePage, fetcher: FacebookFetcher, server: PlatformServer) -> None:
    newest, *_ = posts_of(fetcher)
    assert newest == ListedPost(
        f"{PAGE}_2", START + timedelta(hours=2), f"https://www.facebook.com/{PAGE}/posts/2", "image", newest.reading
    )
    assert newest.reading is not None
    assert newest.reading.analytics == fetcher.fetch_post_analytics("1", f"{PAGE}_2")
    assert server.requests[0].method == "POST", "figures and comments are two parts of one call"


def test_reels_are_listed_without_figures(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_7"] = reel(7)
    [listed] = [post for post in posts_of(fetcher) if post.platform_post_id == f"{PAGE}_7"]
    assert (listed.post_type, listed.reading) == ("reel", None)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"attachments": {"data": [{"media_type": "album", "type": "album"}]}}, "carousel"),
        ({"attachments": {"data": [{"media_type": "video", "type": "video_inline"}]}}, "video"),
        ({"attachments": {"data": [{"media_type": "link", "type": "share"}]}}, "link"),
        ({"attachments": {"data": [{"media_type": "event", "type": "event"}]}}, "event"),
        ({"attachments": {"data": [{"media_type": "music", "type": "x"}]}, "status_type": "?"}, "other"),
        ({"attachments": None, "status_type": "mobile_status_update"}, "text"),
        ({"attachments": None, "status_type": None}, "text"),
        ({"attachments": None, "status_type": "added_video"}, "video"),
    ],
)
def test_types_of_posts(stored: dict[str, Any], expected: str, page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_1": node(1, **stored)}
    assert [post.post_type for post in posts_of(fetcher)] == [expected]


def test_a_row_that_cannot_be_listed_costs_itself(
    page: FakePage, fetcher: FacebookFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    with patch.object(
        FakePage, "page", lambda *_: (200, {"data": [None, {"id": "x"}, {"created_time": at(1)}, node(1)]})
    ):
        assert [post.platform_post_id for post in posts_of(fetcher)] == [f"{PAGE}_1"]
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 3


# --- fewest calls


def test_a_thousand_posts_in_twenty_calls(page: FakePage, fetcher: FacebookFetcher, server: PlatformServer) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(1000)}
    readings = by_id(fetcher.fetch_many(refs(range(1000))))
    assert len(server.requests) == fetcher.api_calls == 20
    assert set(readings) == set(page.nodes)
    assert all(r.analytics and r.analytics["comments_count"] == 27 for r in readings.values())


def test_reels_and_posts_that_are_not_listed_go_in_batches(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(100)} | {f"{PAGE}_{n}": reel(n) for n in range(100, 150)}
    wanted = [*refs(range(100)), *refs(range(100, 150), post_type="reel"), PostRef(f"{PAGE}_999")]
    readings = by_id(fetcher.fetch_many(wanted))
    assert len(readings) == 151
    assert isinstance(readings[f"{PAGE}_999"].error, PostNotFoundError)
    assert sum(r.analytics is not None for r in readings.values()) == 150
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


@given(st.sets(st.sampled_from(POST_METRICS), max_size=len(POST_METRICS) - 1))
def test_any_retired_metrics_hide_no_other_metric_and_no_post(dead: set[str]) -> None:
    served = FakePage([node(n) for n in range(3)])
    served.dead = dead
    with PlatformServer(served) as server:
        fetcher = make(server)
        readings = by_id(fetcher.fetch_many(refs(range(3))))
        assert fetcher.dead_metrics == dead
        assert fetcher.api_calls <= 3
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


def test_a_post_that_has_no_insights_buries_no_metric(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.failing[f"{PAGE}_1"] = error(100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)")
    readings = by_id(fetcher.fetch_many(refs(range(3))))
    assert isinstance(readings[f"{PAGE}_1"].error, MetricError)
    assert readings[f"{PAGE}_0"].analytics is not None
    assert fetcher.dead_metrics == set()


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
                "followers": 15,
                "video_views": 16,
            },
        ),
    ]


def test_followers_of_today_are_those_of_now(page: FakePage, fetcher: FacebookFetcher) -> None:
    assert fetcher.fetch_account_days(NOW.date(), NOW.date()) == [AccountDay(NOW.date(), {"followers": 5150})]


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
