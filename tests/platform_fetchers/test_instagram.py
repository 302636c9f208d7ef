"""Instagram: its error table, and which figure is which for each kind of media."""

from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    InvalidTokenError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
)
from analytics_pipeline.platform_fetchers.graph_errors import error_from
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.instagram_errors import (
    INSTAGRAM_ERRORS,
    NoBatchesError,
    NoInsightsError,
    TooFewViewersError,
)
from analytics_pipeline.platform_fetchers.instagram_metrics import METRICS, link_clicks
from analytics_pipeline.platform_fetchers.instagram_metrics import post_type as type_of
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import START, error, insights
from tests.platform_fetchers.instagram_fake import (
    END,
    FIGURES,
    IMAGE_FIGURES,
    REEL_FIGURES,
    STORY_FIGURES,
    USER,
    FakeAccount,
    account_fetcher,
    known,
    media,
    reel,
    served_account,
)
from tests.platform_fetchers.platform_server import PlatformServer

account, fetcher = served_account, account_fetcher


# --- the error table of instagram.md §5, row by row; what is shared is tested in test_graph.py

ROWS = [
    (100, None, "(#100) The Media Insights API does not support the impressions metric for x", MetricError, "impressions"),
    (100, None, "(#100) The metric saved is not supported for this media type", MetricError, "saved"),
    (100, None, "(#100) metric[3] must be one of the following values: a, b, c", MetricError, "metric[3]"),
    (100, None, "(#100) Starting from version 22 and above, the impressions metric is no longer supported for the queried "
     "user.", MetricError, "impressions"),
    (100, 2108006, "Invalid parameter", NoInsightsError, None),
    (10, 2108006, "Invalid parameter", NoInsightsError, None),
    (10, None, "(#10) Not enough viewers for the media to show insights", TooFewViewersError, None),
    (10, None, "(#10) Application does not have permission for this action", PermissionDeniedError, None),
    (100, 2207086, "facebook_views", MetricError, None),
    (200, 2207086, "facebook_views", MetricError, None),
    (200, None, "(#200) total_views is not available", MetricError, "total_views"),
    (200, None, "(#200) Permissions error", PermissionDeniedError, None),
    (100, 33, "", PostNotFoundError, None),
    (100, None, "Unsupported request - method type: get", PermissionDeniedError, None),
    (100, None, "Unsupported request - method type: post", NoBatchesError, None),
    (190, 463, "Error validating access token: Session has expired on Monday", InvalidTokenError, None),
    (80002, None, "(#80002) There have been too many calls to this Instagram account.", RateLimitError, None),
    (4, None, "(#4) Application request limit reached", RateLimitError, None),
    (2500, None, "Unknown path components: /x", ConfigurationError, None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "subcode", "message", "expected", "metric"), ROWS)
@pytest.mark.parametrize("kind", ["OAuthException", "IGApiException"])
def test_each_row_of_the_table_whatever_the_type(
    code: int, subcode: int | None, message: str, expected: type[PlatformAPIError], metric: str | None, kind: str
) -> None:
    made = error_from("instagram", error(code, message, subcode, type=kind)[1], 400, INSTAGRAM_ERRORS, str)
    assert type(made) is expected
    assert getattr(made, "metric", None) == metric


def test_a_missing_permission_is_told_with_the_names_that_instagram_has_for_them() -> None:
    refused = error(10, "(#10) Application does not have permission for this action")[1]
    assert "instagram_manage_insights" in error_from("instagram", refused, 400, INSTAGRAM_ERRORS, str).message
    refused = error(100, "Unsupported request - method type: get")[1]
    assert "Instagram Tester" in error_from("instagram", refused, 400, INSTAGRAM_ERRORS, str).message


# --- figures by kind


@pytest.mark.parametrize(
    ("stored", "post_type", "expected"),
    [
        (media(9), "image", IMAGE_FIGURES),
        (media(9, "CAROUSEL_ALBUM"), "carousel", IMAGE_FIGURES),
        (reel(9), "reel", REEL_FIGURES),
        (media(9, "VIDEO", "STORY"), "story", STORY_FIGURES | {"video_views": 9120}),
        (media(9, "IMAGE", "STORY"), "story", STORY_FIGURES),
        (
            media(9, "VIDEO", without=["likes", "comments", "shares"]),
            "video",
            {
                "likes_count": 400,
                "comments_count": 18,
                "bookmarks_count": 33,
                "impressions": 9120,
                "reach": 7000,
                "video_views": 9120,
            },
        ),
    ],
    ids=["image", "carousel", "reel", "video story", "image story", "old video"],
)
@pytest.mark.parametrize("told", [True, False], ids=["type known", "type found out"])
def test_each_kind_is_asked_for_its_own_metrics(
    stored: dict[str, Any],
    post_type: str,
    expected: dict[str, Any],
    told: bool,
    account: FakeAccount,
    fetcher: InstagramFetcher,
    server: PlatformServer,
) -> None:
    account.nodes["9"] = stored
    [reading] = fetcher.fetch_many([PostRef("9", None, post_type if told else None)])
    assert known(reading) == expected
    assert reading.analytics is not None
    assert reading.analytics["platform_post_url"] == "https://www.instagram.com/p/9/"
    may_have_clicks = post_type in ("image", "carousel", "story")
    refuses_a_part = post_type == "video"
    assert len(server.requests) <= (1 if told else 3) + may_have_clicks + refuses_a_part


def test_an_old_video_is_asked_for_all_that_posts_have(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes = {"9": media(9, "VIDEO"), "10": media(10, "VIDEO", without=["likes", "comments", "shares"])}
    found = {r.platform_post_id: known(r) for r in fetcher.fetch_many([PostRef(i, None, "video") for i in ("9", "10")])}
    assert (found["9"]["likes_count"], found["9"]["shares_count"]) == (412, 8)
    assert (found["10"]["likes_count"], found["10"].get("shares_count")) == (400, None)


def test_a_type_that_proves_wrong_is_mended(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["9"] = media(9, "IMAGE", "STORY")
    [wrong_reel, story] = fetcher.fetch_many([PostRef("3", None, "image"), PostRef("9", None, "image")])
    assert known(wrong_reel) == REEL_FIGURES
    assert known(story) == STORY_FIGURES


def test_types_of_media() -> None:
    nodes = [
        media(1),
        media(2, "CAROUSEL_ALBUM"),
        media(3, "VIDEO"),
        reel(4),
        media(5, "VIDEO", "STORY"),
        media(6, "AUDIO"),
    ]
    assert list(map(type_of, nodes)) == ["image", "carousel", "video", "reel", "story", "other"]


def test_a_story_tells_who_went_on_to_the_profile_or_the_link(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    told = {"views": 90, "profile_visits": 7, "link_clicks": 3}
    account.nodes["9"] = media(9, "IMAGE", "STORY", insights=told)
    [story] = fetcher.fetch_many([PostRef("9", None, "story")])
    assert known(story) == {"impressions": 90, "profile_clicks": 7, "url_clicks": 3}


def test_missing_is_unknown_and_zero_is_zero(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["1"]["insights"] = {"likes": 0, "views": 0}
    assert known(next(fetcher.fetch_many([PostRef("1")]))) == {"likes_count": 0, "comments_count": 18, "impressions": 0}


@pytest.mark.parametrize(
    ("total", "clicks"),
    [
        ({"value": 9, "breakdowns": [{"results": [{"dimension_values": ["call"], "value": 9}]}]}, 0),
        ({"value": 0}, 0),
        ({"value": 0, "breakdowns": [{"results": []}]}, 0),
        ({"value": 9}, None),
        ({"value": 9, "breakdowns": [{"dimension_keys": ["action_type"]}]}, None),
        ({"breakdowns": []}, None),
    ],
)
def test_a_breakdown_that_is_left_out_is_not_zero_clicks(total: dict[str, Any], clicks: int | None) -> None:
    assert link_clicks({"data": [{"name": "profile_activity", "total_value": total}]}) == clicks


@pytest.mark.parametrize("value", ["many", 1.5, 2**70, True, {"a": 1}])
def test_a_malformed_figure_costs_that_media_only(value: Any, account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["1"]["insights"] = {"views": value}
    listed = {p.platform_post_id: p.reading for page in fetcher.list_posts(START, END) for p in page}
    for bad, good in ((listed["1"], listed["2"]), tuple(fetcher.fetch_many([PostRef("1"), PostRef("2")]))):
        assert bad is not None
        assert isinstance(bad.error, BadDataError)
        assert good is not None
        assert known(good) == IMAGE_FIGURES


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "media_type": st.none() | st.text(),
            "media_product_type": st.none() | st.integers() | st.sampled_from(["STORY", "REELS"]),
            "like_count": st.none() | st.integers() | st.text(),
            "permalink": st.none() | st.integers(),
            "insights": st.none() | st.lists(st.none()) | st.dictionaries(st.just("data"), st.lists(st.none())),
        },
    )
)
def test_a_node_of_any_shape_gives_figures_or_bad_data(stored: dict[str, Any]) -> None:
    fetcher = InstagramFetcher(TOKEN, USER, base_url="http://127.0.0.1:1", clock=lambda: NOW)
    reading = fetcher._reading("1", stored)
    assert (reading.analytics is None) == isinstance(reading.error, BadDataError)


@pytest.mark.parametrize("nested", [True, False], ids=["media node", "insights reply"])
@patch("requests.Session.request")
def test_a_mocked_session_is_enough(request_mock: MagicMock, nested: bool) -> None:
    body = insights({"insights": FIGURES}, METRICS["FEED"])
    request_mock.return_value.json.return_value = {**media(1), "insights": body} if nested else body
    analytics = InstagramFetcher("test_token").fetch_post_analytics("1", "17895695668004550")
    assert (analytics["likes_count"], analytics["impressions"], analytics["bookmarks_count"]) == (412, 9120, 33)
