"""Facebook Pages: which figure is which, types of posts, listings, the interface of the plan."""

import logging
from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import BadDataError, RateLimitError, TransientError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import POST_METRICS
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostAnalytics, PostReading, PostRef
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
from tests.platform_fetchers.graph_fake import GONE, PAGE, START, at, error, insights
from tests.platform_fetchers.platform_server import PlatformServer

page, fetcher = served_page, page_fetcher


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


@pytest.mark.parametrize(("post_type", "comments"), [("reel", 25), (None, 27)], ids=["known", "found out"])
def test_every_figure_of_a_reel(post_type: str | None, comments: int, page: FakePage, fetcher: FacebookFetcher) -> None:
    """Comments are those of the summary where that was read: of a reel known for one it is not."""
    page.nodes[f"{PAGE}_7"] = reel(7)
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, post_type)])
    assert reading.analytics is not None
    assert {name: value for name, value in reading.analytics.items() if value is not None} == {
        "likes_count": 8,
        "reactions_count": 10,
        "comments_count": comments,
        "shares_count": 14,
        "impressions": 900,
        "clicks": 77,
        "url_clicks": 31,
        "video_views": 900,
        "video_watch_time": 123.456,
        "engagement_rate": pytest.approx(100 * (8 + comments + 14) / 900),
        "click_through_rate": pytest.approx(100 * 77 / 900),
        "fetched_at": NOW,
        "platform": "facebook",
        "platform_post_id": f"{PAGE}_7",
        "platform_post_url": "https://www.facebook.com/reel/7",
    }


def test_a_reel_whose_post_is_not_to_be_had_keeps_the_figures_of_its_video(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes[f"{PAGE}_7"] = reel(7)
    page.failing[f"{PAGE}_7"] = error(2, "Service temporarily unavailable")
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, "reel")])
    assert reading.analytics is not None
    assert (reading.analytics["impressions"], reading.analytics["clicks"]) == (900, None)
    assert isinstance(reading.error, TransientError), "or it would count as whole, and its clicks stay unknown"


def test_a_reel_is_not_gone_while_nobody_knows_of_its_post(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_2"] = reel(2)
    page.failing[f"{PAGE}_1"] = error(2, "Service temporarily unavailable")
    page.failing["1/video_insights"] = GONE
    posts = [PostRef(f"{PAGE}_{n}", None, "reel") for n in (1, 2)]
    errors = {reading.platform_post_id: reading.error for reading in fetcher.fetch_many(posts)}
    assert errors[f"{PAGE}_2"] is None
    assert isinstance(errors[f"{PAGE}_1"], TransientError)


def test_a_reel_read_before_a_throttle_is_not_whole_without_its_post(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes |= {f"{PAGE}_{n}": reel(n) for n in (7, 8)}
    page.failing[f"{PAGE}_7"] = error(2, "Service temporarily unavailable")
    page.failing["8/video_insights"] = error(80001, "(#80001) too many calls")
    readings: list[PostReading] = []
    with pytest.raises(RateLimitError):
        readings.extend(fetcher.fetch_many([PostRef(f"{PAGE}_{n}", None, "reel") for n in (7, 8)]))
    [reading] = [each for each in readings if each.platform_post_id == f"{PAGE}_7"]
    assert reading.analytics is not None
    assert isinstance(reading.error, TransientError)


def test_a_post_held_to_be_a_reel_is_not_gone_for_having_no_video(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.failing["1/video_insights"] = GONE
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_1", None, "reel")])
    assert reading.analytics is not None
    assert (reading.analytics["clicks"], reading.analytics["impressions"]) == (77, None)


def test_a_reel_without_activity_has_none(page: FakePage, fetcher: FacebookFetcher) -> None:
    silent = {"post_video_likes_by_reaction_type": {}, "post_video_social_actions": {}, "blue_reels_play_count": 5}
    post = {"post_activity_by_action_type": {}, "post_reactions_like_total": 0}
    page.nodes[f"{PAGE}_7"] = {name: v for name, v in reel(7, reel=silent, insights=post).items() if name != "shares"}
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, "reel")])
    assert reading.analytics is not None
    assert reading.analytics["engagement_rate"] == 0
    names = ("likes_count", "reactions_count", "comments_count", "shares_count")
    assert {name: value for name, value in reading.analytics.items() if name in names} == dict.fromkeys(names, 0)


@pytest.mark.parametrize(
    ("actions", "shares", "expected"),
    [({"SHARE": 1}, {"count": 14}, 14), ({"SHARE": 1}, None, 5), (None, None, 5)],
)
def test_shares_of_a_reel_come_from_the_first_that_tells_them(
    actions: Any, shares: Any, expected: int, page: FakePage, fetcher: FacebookFetcher
) -> None:
    video = {} if actions is None else {"post_video_social_actions": actions}
    stored = reel(7, reel=video, insights={"post_activity_by_action_type": {"share": 5}}, shares=shares)
    page.nodes[f"{PAGE}_7"] = {name: value for name, value in stored.items() if value is not None}
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, "reel")])
    assert reading.analytics is not None
    assert reading.analytics["shares_count"] == expected


@pytest.mark.parametrize(("activity", "expected"), [({"comment": 25, "share": 14}, (25, 14)), ({}, (3, 1))])
def test_the_video_tells_comments_and_shares_that_the_post_does_not(
    activity: dict[str, int], expected: tuple[int, int], page: FakePage, fetcher: FacebookFetcher
) -> None:
    stored = reel(7, insights={"post_activity_by_action_type": activity})
    page.nodes[f"{PAGE}_7"] = {name: value for name, value in stored.items() if name != "shares"}
    [reading] = fetcher.fetch_many([PostRef(f"{PAGE}_7", None, "reel")])
    assert reading.analytics is not None
    assert (reading.analytics["comments_count"], reading.analytics["shares_count"]) == expected


def test_withheld_is_unknown_and_zero_is_zero(page: FakePage, server: PlatformServer) -> None:
    withheld = analytics_of(page, server, insights={}, likes={"data": []}, reactions={"data": []})
    assert withheld["likes_count"] is withheld["impressions"] is withheld["reactions_count"] is None
    assert withheld["comments_count"] == 27
    zero = analytics_of(page, server, insights={name: 0 for name in FIGURES if "by" not in name})
    assert zero["likes_count"] == zero["impressions"] == zero["clicks"] == 0
    assert zero["url_clicks"] is None
    assert zero["reactions_count"] == 232, "not split by type here: the summary tells"


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


@pytest.mark.parametrize(
    ("kinds", "clicks", "expected"),
    [
        ({"other clicks": 7}, 7, 0),
        ({}, 0, 0),
        ([], 0, 0),
        ({"other clicks": 5}, 7, None),
        ({"other clicks": 7}, None, None),
        (None, 7, None),
        ({"link clicks": 2, "other clicks": 5}, 7, 2),
    ],
)
def test_link_clicks_left_out_are_none_only_when_the_other_kinds_are_all_clicks(
    kinds: Any, clicks: int | None, expected: int | None, page: FakePage, server: PlatformServer
) -> None:
    known = {"post_clicks_by_type": kinds, "post_clicks": clicks}
    found = analytics_of(page, server, insights={name: value for name, value in known.items() if value is not None})
    assert found["url_clicks"] == expected


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
        *(
            {"insights": {f"post_{name}": 5}}
            for name in ("reactions_by_type_total", "activity_by_action_type", "clicks_by_type")
        ),
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


@given(st.dictionaries(st.sampled_from(POST_METRICS[:1]), st.integers(-(10**15), 10**15)))
def test_whole_numbers_arrive_to_the_digit(figures: dict[str, int]) -> None:
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url="http://127.0.0.1:1", clock=lambda: NOW)
    reading = fetcher._reading(f"{PAGE}_1", {"insights": insights({"insights": figures}, figures)})
    assert reading.analytics is not None
    assert reading.analytics["likes_count"] == figures.get("post_reactions_like_total")


def test_a_post_that_lacks_a_metric_of_its_neighbours_retires_it_for_nobody(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(25)}
    page.lacking = {f"{PAGE}_4": "post_clicks", f"{PAGE}_9": "post_media_view"}
    wanted = [PostRef(f"{PAGE}_{n}") for n in range(25)]
    figures = {key: reading.analytics for key, reading in by_id(fetcher.fetch_many(wanted)).items()}
    assert fetcher.dead_metrics == set()
    for key, told in figures.items():
        assert told is not None
        assert told["likes_count"] == 180
        assert (told["clicks"] is None) == (key == f"{PAGE}_4")
        assert (told["impressions"] is None) == (key == f"{PAGE}_9")
    assert len(figures) == 25
    assert len(server.requests) == 5, "refused, and for both posts a search and another attempt"


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
    expected = {"likes_count": 100, "reactions_count": 120, "comments_count": 20, "shares_count": 10}
    assert {name: value for name, value in analytics.items() if name in expected} == expected


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
        ({"attachments": {"data": [{"media_type": "photo", "type": "x"}]}, "status_type": "?"}, "image"),
        ({"attachments": {"data": [{"media_type": "event", "type": "event"}]}}, "event"),
        ({"attachments": {"data": [{"media_type": "music", "type": "x"}]}, "status_type": "?"}, "other"),
        ({"attachments": None, "status_type": "mobile_status_update"}, "text"),
        ({"attachments": None, "status_type": None}, "text"),
        ({"attachments": None, "status_type": "added_video"}, "video"),
        ({"attachments": None, "status_type": "added_photos"}, "image"),
        ({"attachments": None, "status_type": "shared_story"}, "link"),
        ({"attachments": None, "status_type": "created_event"}, "event"),
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
