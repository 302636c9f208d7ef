"""Instagram: metric sets by kind of media, media without insights, both hosts, fewest calls, account days."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
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
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph_errors import error_from
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.instagram_errors import (
    INSTAGRAM_ERRORS,
    NoBatchesError,
    NoInsightsError,
    TooFewViewersError,
)
from analytics_pipeline.platform_fetchers.instagram_metrics import METRICS
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostReading, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import START, FakeGraph, Read, at, error, insights
from tests.platform_fetchers.platform_server import PlatformServer

USER = "17841405822304914"
END = START + timedelta(days=366)
BEFORE_CONVERSION = error(
    100, "Invalid parameter", 2108006, error_user_title="Media posted before business account conversion"
)
FEW_VIEWERS = error(10, "(#10) Not enough viewers for the media to show insights")

FIGURES: Mapping[str, Any] = {
    "views": 9120,
    "reach": 7000,
    "likes": 412,
    "comments": 19,
    "saved": 33,
    "shares": 8,
    "replies": 4,
    "ig_reels_video_view_total_time": 7415250,
}


def media(number: int, media_type: str = "IMAGE", product: str = "FEED", **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "media_type": media_type,
        "media_product_type": product,
        "permalink": f"https://www.instagram.com/p/{number}/",
        "timestamp": at(number),
        "like_count": 400,
        "comments_count": 18,
        "insights": FIGURES,
    } | more


def reel(number: int, **more: Any) -> dict[str, Any]:
    return media(number, "VIDEO", "REELS", **more)


def names_it(metric: str) -> Read:
    text = f"(#100) The Media Insights API does not support the {metric} metric for this media product type."
    return error(100, text)


def also_names_it(metric: str) -> Read:
    return error(100, f"(#100) The metric {metric} is not supported for this media type")


class FakeAccount(FakeGraph):
    """An account. `without` lists metrics that a media does not have; `retired` ones are in no list of allowed names."""

    listing = "media"
    time_field = "timestamp"

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        super().__init__(USER, nodes)
        self.retired: set[str] = set()
        self.refuse: Callable[[str], Read] = names_it
        self.days: dict[str, dict[date, int]] = {}

    def refusal(self, stored: Mapping[str, Any], metrics: list[str], fields: str) -> Read | None:
        if metrics and "failing" in stored:
            return stored["failing"]  # type: ignore[no-any-return]  # a node holds anything
        for place, metric in enumerate(metrics):
            if metric in self.retired:
                return error(100, f"(#100) metric[{place}] must be one of the following values: a, b, c")
        kind = str(stored["media_product_type"])
        allowed = set(METRICS[kind]) - set(stored.get("without", ()))
        bad = next((metric for metric in metrics if metric not in allowed), None)
        return self.refuse(bad) if bad else None

    def page(self, query: Mapping[str, str]) -> Read:
        stories = [node for node in self.nodes.values() if node["media_product_type"] == "STORY"]
        for story in stories:
            del self.nodes[story["id"]]
        reply = super().page(query)
        self.nodes |= {story["id"]: story for story in stories}
        return reply

    def other(self, path: str, query: Mapping[str, str]) -> Read:
        if path == f"{USER}/stories":
            stories = [node for node in self.nodes.values() if node["media_product_type"] == "STORY"]
            return 200, {"data": [self.node(story["id"], query["fields"])[1] for story in stories]}
        if path == USER:
            return 200, {"id": USER, "followers_count": 777}
        if path == f"{USER}/insights":
            return self.account_insights(query)
        return super().other(path, query)

    def account_insights(self, query: Mapping[str, str]) -> Read:
        metrics, kind = query["metric"].split(","), query.get("metric_type")
        since, until = (datetime.fromtimestamp(int(query[name]), UTC).date() for name in ("since", "until"))
        if (until - since).days > 30:
            return error(100, "(#100) There cannot be more than 30 days between since and until")
        if bad := self.dead & set(metrics):
            return error(
                100, f"(#100) Starting from version 22 and above, the {min(bad)} metric is no longer supported"
            )
        rows = []
        for metric in metrics:
            found = {day: n for day, n in self.days.get(metric, {}).items() if since <= day < until}
            row: dict[str, Any] = {"name": metric, "period": "day"}
            if kind == "total_value":
                if metric == "follower_count":
                    found = {}
                row["total_value"] = {"value": sum(found.values())} if found else {}
            else:
                if metric not in ("follower_count", "reach"):
                    found = {}
                row["values"] = [
                    {"value": n, "end_time": f"{day + timedelta(days=1)}T07:00:00+0000"} for day, n in found.items()
                ]
            rows.append(row)
        return 200, {"data": rows}


@pytest.fixture
def account(server: PlatformServer) -> FakeAccount:
    served = FakeAccount([media(1), media(2, "CAROUSEL_ALBUM"), reel(3)])
    server.answer = served
    return served


@pytest.fixture
def fetcher(server: PlatformServer) -> Iterator[InstagramFetcher]:
    made = make(server)
    yield made
    made.close()


def make(server: PlatformServer, now: datetime = NOW, **options: Any) -> InstagramFetcher:
    return InstagramFetcher(
        TOKEN, USER, base_url=server.url, api_version="v25.0", clock=lambda: now, sleep=lambda _: None, **options
    )


def refs(numbers: range, post_type: str | None = "image") -> list[PostRef]:
    return [PostRef(str(n), START + timedelta(hours=n), post_type) for n in numbers]


def by_id(readings: Iterator[PostReading]) -> dict[str, PostReading]:
    found = list(readings)
    assert len({reading.platform_post_id for reading in found}) == len(found)
    return {reading.platform_post_id: reading for reading in found}


def known(reading: PostReading) -> dict[str, Any]:
    """The figures that a reading has."""
    assert reading.analytics is not None, reading.error
    notes = ("fetched_at", "platform", "platform_post_id", "platform_post_url", "engagement_rate", "click_through_rate")
    return {name: v for name, v in reading.analytics.items() if v is not None and name not in notes}


IMAGE_FIGURES = {
    "likes_count": 412,
    "comments_count": 19,
    "shares_count": 8,
    "bookmarks_count": 33,
    "impressions": 9120,
    "reach": 7000,
}
REEL_FIGURES = IMAGE_FIGURES | {"video_views": 9120, "video_watch_time": 7415.25}
STORY_FIGURES = {"comments_count": 4, "shares_count": 8, "impressions": 9120, "reach": 7000}

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
    assert len(server.requests) <= (1 if told else 3)


def test_a_type_that_proves_wrong_is_mended(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["9"] = media(9, "IMAGE", "STORY")
    [wrong_reel, story] = fetcher.fetch_many([PostRef("3", None, "image"), PostRef("9", None, "image")])
    assert known(wrong_reel) == REEL_FIGURES
    assert known(story) == STORY_FIGURES


def test_missing_is_unknown_and_zero_is_zero(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["1"]["insights"] = {"likes": 0, "views": 0}
    assert known(next(fetcher.fetch_many([PostRef("1")]))) == {"likes_count": 0, "comments_count": 18, "impressions": 0}


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


# --- media without insights, metrics that one media does not have


def test_before_conversion_the_fields_are_all_there_is(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["1"] |= {"failing": BEFORE_CONVERSION}
    account.nodes["2"] |= {"failing": BEFORE_CONVERSION, "like_count": None, "comments_count": None}
    found = by_id(fetcher.fetch_many(refs(range(1, 4), None)))
    assert known(found["1"]) == {"likes_count": 400, "comments_count": 18}
    assert type(found["2"].error) is NoInsightsError
    assert "before business account conversion" in found["2"].error.message
    assert known(found["3"]) == REEL_FIGURES
    assert fetcher.dead_metrics == set()


def test_a_story_too_few_have_seen_has_unknown_figures(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["9"] = media(9, "IMAGE", "STORY", failing=FEW_VIEWERS)
    [reading] = fetcher.fetch_many([PostRef("9", None, "story")])
    assert known(reading) == {}


@pytest.mark.parametrize("refuse", [names_it, also_names_it])
def test_a_refused_metric_is_dropped_for_that_media_only(
    refuse: Any, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.refuse = refuse
    account.nodes["2"]["without"] = ["shares", "saved"]
    found = by_id(fetcher.fetch_many(refs(range(1, 3))))
    assert known(found["1"]) == IMAGE_FIGURES
    assert known(found["2"]) == {n: v for n, v in IMAGE_FIGURES.items() if n not in ("shares_count", "bookmarks_count")}
    assert fetcher.dead_metrics == set()
    assert len(server.requests) == 3


def test_a_refusal_that_names_nobody_is_probed_metric_by_metric(
    account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    account.refuse = lambda _: error(100, "(#100) The value must be a valid insights metric")
    account.nodes["1"]["without"] = ["shares"]
    [reading] = fetcher.fetch_many([PostRef("1", None, "image")])
    assert known(reading) == {name: value for name, value in IMAGE_FIGURES.items() if name != "shares_count"}
    assert fetcher.dead_metrics == {"FEED/shares"}


def test_a_retired_metric_costs_one_failed_call_and_is_remembered(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(40)} | {str(n): reel(n) for n in range(40, 50)}
    account.retired = {"saved"}
    wanted = [*refs(range(40)), *refs(range(40, 50), "reel")]
    found = by_id(fetcher.fetch_many(wanted))
    assert len(server.requests) == 2
    assert fetcher.dead_metrics == {"FEED/saved", "REELS/saved"}
    assert known(found["45"]) == {name: value for name, value in REEL_FIGURES.items() if name != "bookmarks_count"}
    assert len(found) == 50

    server.requests.clear()
    remembering = make(server, dead_metrics=fetcher.dead_metrics)
    assert len(by_id(remembering.fetch_many(wanted))) == 50
    assert len(server.requests) == 1
    remembering.close()


def test_two_odd_media_do_not_retire_a_metric(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.retired = {"saved"}
    list(fetcher.fetch_many(refs(range(1, 3))))
    assert fetcher.dead_metrics == set()


def test_gone_and_unreadable_media_cost_themselves(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.failing["2"] = error(2, "Service temporarily unavailable", status=500)
    found = by_id(fetcher.fetch_many([*refs(range(1, 4), None), PostRef("999"), PostRef("1_2")]))
    assert known(found["1"]) == IMAGE_FIGURES
    assert type(found["2"].error) is TransientError
    assert type(found["999"].error) is PostNotFoundError
    assert type(found["1_2"].error) is ConfigurationError


# --- listings


def test_a_listing_carries_figures_but_those_of_reels(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    [listed] = fetcher.list_posts(START, END - timedelta(days=365))
    reel_row, carousel, image = listed
    assert reel_row == ListedPost("3", START + timedelta(hours=3), "https://www.instagram.com/p/3/", "reel", None)
    assert (carousel.post_type, image.post_type) == ("carousel", "image")
    assert image.reading is not None
    assert known(image.reading) == IMAGE_FIGURES


def test_one_media_that_fails_the_page_costs_its_figures_only(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(150)}
    account.nodes["20"]["failing"] = BEFORE_CONVERSION
    listed = [post for page in fetcher.list_posts(START, START + timedelta(days=20)) for post in page]
    assert [post.platform_post_id for post in listed] == [str(n) for n in reversed(range(150))]
    assert [post.reading is not None for post in listed] == [True] * 100 + [False] * 50
    assert len(server.requests) == 3


def test_stories_alive_are_listed(account: FakeAccount, server: PlatformServer) -> None:
    account.nodes["5"] = media(5, "VIDEO", "STORY")
    fetcher = make(server, now=START + timedelta(hours=12))
    *_, stories = fetcher.list_posts(START, START + timedelta(days=1))
    assert [(story.platform_post_id, story.post_type, story.reading) for story in stories] == [("5", "story", None)]
    server.requests.clear()
    assert len(list(fetcher.list_posts(START - timedelta(days=9), START - timedelta(hours=13)))) == 0
    assert len(server.requests) == 1, "no story of that time can be alive"
    fetcher.close()


# --- fewest calls, both hosts


def test_a_thousand_media_of_all_kinds_in_thirty_calls(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): reel(n) if n % 5 in (0, 1) else media(n) for n in range(1000)}
    wanted = [PostRef(str(n), START + timedelta(hours=n), "reel" if n % 5 in (0, 1) else "image") for n in range(1000)]
    found = by_id(fetcher.fetch_many(wanted))
    assert all(known(found[str(n)]) == (REEL_FIGURES if n % 5 in (0, 1) else IMAGE_FIGURES) for n in range(1000))
    assert len(server.requests) <= 30


def test_a_thousand_images_in_ten_calls(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(1000)}
    assert len(by_id(fetcher.fetch_many(refs(range(1000))))) == 1000
    assert len(server.requests) == 10


def test_without_batches_the_listing_carries_and_reels_are_asked_singly(
    account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = False
    account.nodes = {str(n): media(n) for n in range(90)} | {"90": reel(90), "91": reel(91)}
    fetcher = make(server, batches=False)
    found = by_id(fetcher.fetch_many([*refs(range(90)), *refs(range(90, 92), "reel")]))
    assert (known(found["5"]), known(found["91"])) == (IMAGE_FIGURES, REEL_FIGURES)
    assert [request.method for request in server.requests] == ["GET"] * 3
    fetcher.close()


def test_a_host_that_refuses_a_batch_is_sent_no_second(account: FakeAccount, server: PlatformServer) -> None:
    account.takes_batches = False
    fetcher = make(server)
    for _ in range(2):
        assert len(by_id(fetcher.fetch_many(refs(range(1, 4), "carousel")))) == 3
    assert [request.method for request in server.requests].count("POST") == 1
    fetcher.close()


@pytest.mark.parametrize(
    ("base_url", "expected"), [("https://graph.instagram.com", False), ("https://graph.facebook.com", True)]
)
def test_the_host_says_whether_it_takes_batches(base_url: str, expected: bool) -> None:
    assert InstagramFetcher(TOKEN, base_url=base_url).batches is expected


# --- the account itself


def test_days_of_the_account_by_both_kinds_of_call(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    first, last = date(2026, 8, 1), date(2026, 8, 31)
    days = [first + timedelta(days=n) for n in range(31)]
    everything = (
        "reach",
        "follower_count",
        "views",
        "total_interactions",
        "likes",
        "comments",
        "shares",
        "profile_links_taps",
    )
    account.days = {metric: {day: 1000 * m + n for n, day in enumerate(days)} for m, metric in enumerate(everything)}
    names = ("reach", "follower_gain", "impressions", "engagements", "likes", "comments", "shares", "clicks")
    assert fetcher.fetch_account_days(first, last) == [
        AccountDay(day, {name: 1000 * m + n for m, name in enumerate(names)}) for n, day in enumerate(days)
    ]
    assert len(server.requests) <= 4


def test_what_the_account_has_no_figure_for_is_left_out(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.days = {"views": {date(2026, 8, 30): 0}}
    assert fetcher.fetch_account_days(date(2026, 8, 29), NOW.date()) == [
        AccountDay(date(2026, 8, 30), {"impressions": 0}),
        AccountDay(NOW.date(), {"followers": 777}),
    ]


def test_a_retired_account_metric_costs_itself(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.days = {"views": {date(2026, 8, 30): 5}, "likes": {date(2026, 8, 30): 6}}
    account.dead = {"views"}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 30), {"likes": 6})
    ]
    assert fetcher.dead_metrics == {"account/views"}


def test_no_call_reaches_behind_what_the_platform_keeps(fetcher: InstagramFetcher, server: PlatformServer) -> None:
    assert fetcher.fetch_account_days(date(2025, 1, 1), date(2026, 5, 1)) == []
    assert server.requests == []


def test_a_dead_token_ends_the_account(account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer) -> None:
    account.failing = {key: error(190, f"Error validating access token {TOKEN}", 460) for key in account.nodes}
    with pytest.raises(InvalidTokenError) as caught:
        list(fetcher.fetch_many(refs(range(1, 4))))
    assert TOKEN not in str(caught.value)
    assert len(server.requests) == 1
