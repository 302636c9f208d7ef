"""Insights of the simulated Instagram: the metric matrix, every refusal, account series. Not here: media and tokens."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.sandbox.model import Account, AccountDay, InstagramSettings, Observation, Post, World
from tests.sandbox.graph_client import NOW, Client, at, serving

IG, OWN = "17841405822304914", "17841400000000007"
NOT_FOR_PRODUCT = "(#100) The Media Insights API does not support the {} metric for this media product type."
FEED, REEL, STORY, QUIET, CAROUSEL, CHILD, OLD, CONVERTED, SHARED, WITHHELD, OWNED = (str(100 + n) for n in range(11))

MATRIX = {
    "views": {FEED: 9000, REEL: 9120, STORY: 300},
    "reach": {FEED: 8000, REEL: 8500, STORY: 5},
    "likes": {FEED: 412, REEL: 600},
    "comments": {FEED: 19, REEL: 20},
    "saved": {FEED: 33, REEL: 44},
    "shares": {FEED: 7, REEL: 8, STORY: 0},
    "total_interactions": {FEED: 471, REEL: 672, STORY: 3},
    "profile_visits": {FEED: 12, STORY: 2},
    "profile_activity": {FEED: 10, STORY: 4},
    "link_clicks": {FEED: 6, STORY: 1},
    "replies": {STORY: 3},
    "ig_reels_avg_watch_time": {REEL: 7415},
    "ig_reels_video_view_total_time": {REEL: 67_624_800},
    "total_likes": {FEED: 412, REEL: 600},
    "total_comments": {FEED: 19, REEL: 20},
    "reposts": {},
    "follows": {},
    "navigation": {},
    "reels_skip_rate": {},
}
"""Metric → media → figure. Those without a figure are alive, but the world keeps none: withheld."""
PRODUCTS = {
    "reposts": {FEED, REEL, STORY},
    "follows": {FEED, STORY},
    "navigation": {STORY},
    "reels_skip_rate": {REEL},
}


def media(media_id: str, post_type: str = "image", account: str = IG, **columns: Any) -> Post:
    return Post("instagram", account, media_id, columns.pop("published_at", at(15, 3)), post_type, **columns)


def reading(media_id: str, **figures: int) -> Observation:
    return Observation("instagram", media_id, at(15, 4), **figures)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(140)]
    world = World(
        accounts=[
            Account("instagram", IG, access_token="ig", followers=900),
            Account("instagram", OWN, access_token="own", login="instagram", followers=99),
        ],
        posts=[
            media(FEED),
            media(REEL, "reel"),
            media(STORY, "story"),
            media(QUIET, "story"),
            media(CAROUSEL, "carousel"),
            media(CHILD, parent_id=CAROUSEL),
            media(CONVERTED, flags=frozenset({"pre_conversion"})),
            media(SHARED, flags=frozenset({"shared_to_facebook", "no_shares"})),
            media(WITHHELD),
            media(OWNED, account=OWN),
        ],
        observations=[
            reading(
                FEED, impressions=9000, reach=8000, likes=412, comments=19, bookmarks=33, shares=7, profile_clicks=12,
                clicks=10, url_clicks=6,
            ),
            reading(
                REEL, impressions=9120, reach=8500, likes=600, comments=20, bookmarks=44, shares=8,
                watch_time_ms=67_624_800,
            ),
            reading(STORY, impressions=300, reach=5, comments=3, shares=0, profile_clicks=2, clicks=4, url_clicks=1),
            reading(QUIET, impressions=6, reach=4),
            reading(CAROUSEL, impressions=50, likes=0),
            reading(SHARED, impressions=60),
            reading(WITHHELD, likes=2),
            reading(OWNED, impressions=8, likes=1),
        ],
        account_days=[
            AccountDay("instagram", account, day, metric, 10 * n + offset)
            for account in (IG, OWN)
            for n, day in enumerate(days)
            for offset, metric in enumerate(("reach", "impressions", "follower_gain", "likes", "bookmarks"))
        ],
        instagram=InstagramSettings(retired_metrics=["facebook_views"]),
    )  # fmt: skip
    with serving(world, "instagram", "ig") as client:
        yield client


@pytest.mark.parametrize("metric", MATRIX)
@pytest.mark.parametrize("media_id", [FEED, REEL, STORY])
def test_matrix(client: Client, metric: str, media_id: str) -> None:
    applies = media_id in (PRODUCTS.get(metric) or MATRIX[metric])
    if applies:
        expected = {metric: MATRIX[metric][media_id]} if media_id in MATRIX[metric] else {}
        assert client.metrics(f"{media_id}/insights", metric=metric) == expected
    else:
        status, error = client.error(f"{media_id}/insights", metric=f"views,{metric}")
        assert (status, error["code"], error["type"]) == (400, 100, "OAuthException")
        assert error["message"] == NOT_FOR_PRODUCT.format(metric)


def test_shape_and_period(client: Client) -> None:
    frame = client.json(f"{FEED}/insights", metric="views", period="day")["data"][0]
    assert (frame["name"], frame["period"], frame["values"]) == ("views", "lifetime", [{"value": 9000}])
    assert frame["id"] == f"{FEED}/insights/views/lifetime"
    nested = client.json(FEED, fields="id,insights.metric(views,saved){name,values}")["insights"]["data"]
    assert [(each["name"], each["values"]) for each in nested] == [
        ("views", [{"value": 9000}]),
        ("saved", [{"value": 33}]),
    ]


def test_carousels_take_the_feed_set_and_their_items_nothing(client: Client) -> None:
    assert client.metrics(f"{CAROUSEL}/insights", metric="views,likes,saved,reach") == {"views": 50, "likes": 0}
    status, error = client.error(f"{CHILD}/insights", metric="views")
    assert (status, error["message"]) == (400, "(#100) The metric views is not supported for this media type")


def test_withheld_is_absent(client: Client) -> None:
    assert client.metrics(f"{WITHHELD}/insights", metric="views,reach,likes,comments") == {"likes": 2}
    assert client.json(f"{WITHHELD}/insights", metric="views")["data"] == []


def test_unknown_metric_lists_the_allowed_ones(client: Client) -> None:
    status, error = client.error(f"{FEED}/insights", metric="views,likes,made_up,reach")
    assert (status, error["code"]) == (400, 100)
    assert error["message"].startswith("(#100) metric[2] must be one of the following values: views, reach, likes, ")
    assert "made_up" not in error["message"]


@pytest.mark.parametrize(
    "metric", ["impressions", "plays", "video_views", "engagement", "taps_forward", "facebook_views"]
)
def test_dead_metrics(client: Client, metric: str) -> None:
    """The last one was retired by the world."""
    assert client.error(f"{FEED}/insights", metric=metric)[1]["message"] == NOT_FOR_PRODUCT.format(metric)


def test_impressions_of_old_media_in_old_versions() -> None:
    """In spring 2026, when such media still had insights."""
    last, first = datetime(2024, 7, 1, 23, tzinfo=UTC), datetime(2024, 7, 2, tzinfo=UTC)
    world = World(
        accounts=[Account("instagram", IG, access_token="ig", followers=900)],
        posts=[media(OLD, published_at=last), media(FEED, published_at=first)],
        observations=[Observation("instagram", OLD, first, impressions=77)],
    )
    with serving(world, "instagram", "ig", now=at(1, month=5)) as client:
        v21 = Client(client.sandbox, client.base.replace("v25.0", "v21.0"), client.token, client.http)
        assert v21.metrics(f"{OLD}/insights", metric="impressions") == {"impressions": 77}
        assert v21.error(f"{FEED}/insights", metric="impressions")[1]["code"] == 100
        assert client.error(f"{OLD}/insights", metric="impressions")[1]["code"] == 100


def test_shares_refused_for_a_media_type(client: Client) -> None:
    assert client.error(f"{SHARED}/insights", metric="views,shares")[1]["message"] == (
        "(#100) The metric shares is not supported for this media type"
    )


def test_metrics_of_media_shared_to_facebook(client: Client) -> None:
    assert client.metrics(f"{SHARED}/insights", metric="views,total_views") == {"views": 60, "total_views": 60}
    status, error = client.error(f"{FEED}/insights", metric="views,total_views")
    assert (status, error["code"]) == (403, 200)


@pytest.mark.parametrize(("product", "metric"), [
    ("image", "facebook_views"), ("reel", "facebook_views"), ("story", "facebook_views"), ("reel", "crossposted_views"),
])  # fmt: skip
def test_metrics_of_media_that_is_not_shared_to_facebook(product: str, metric: str) -> None:
    shared = frozenset({"shared_to_facebook"})
    world = World(
        accounts=[Account("instagram", IG, access_token="ig", followers=900)],
        posts=[media(FEED, product), media(SHARED, product, flags=shared)],
        observations=[reading(media_id, impressions=60, reach=50) for media_id in (FEED, SHARED)],
    )
    with serving(world, "instagram", "ig") as client:
        status, error = client.error(f"{FEED}/insights", metric=f"views,{metric}")
        assert (status, error["code"], error["error_subcode"]) == (400, 100, 2207086)
        assert client.metrics(f"{SHARED}/insights", metric=f"views,{metric}") == {"views": 60}


def test_media_from_before_the_conversion(client: Client) -> None:
    status, error = client.error(f"{CONVERTED}/insights", metric="views")
    assert (status, error["code"], error["error_subcode"]) == (400, 100, 2108006)
    assert error["error_user_title"] == "Media posted before business account conversion"
    assert error["error_data"] == {"blame_field_specs": [[""]]}
    assert client.json(CONVERTED, fields="id,like_count")["like_count"] == 0
    assert client.error(f"{IG}/media", fields="id,insights.metric(views)")[1]["error_subcode"] == 2108006


def test_one_refused_metric_fails_a_whole_page(client: Client) -> None:
    window = {"since": int(at(15, 3).timestamp()), "until": int(at(15, 3).timestamp())}
    error = client.error(f"{IG}/media", fields="id,insights.metric(views,ig_reels_avg_watch_time)", **window)[1]
    assert error["code"] == 100


def test_stories_with_too_few_viewers(client: Client) -> None:
    status, error = client.error(f"{QUIET}/insights", metric="views")
    assert (status, error["code"]) == (400, 10)
    assert error["message"] == "(#10) Not enough viewers for the media to show insights"


def test_breakdowns(client: Client) -> None:
    frame = client.json(f"{FEED}/insights", metric="profile_activity", breakdown="action_type")["data"][0]
    assert frame["values"] == [{"value": 10}]
    assert frame["total_value"] == {
        "value": 10,
        "breakdowns": [
            {
                "dimension_keys": ["action_type"],
                "results": [
                    {"dimension_values": ["bio_link_clicked"], "value": 6},
                    {"dimension_values": ["other"], "value": 4},
                ],
            }
        ],
    }
    status, error = client.error(f"{FEED}/insights", metric="views", breakdown="action_type")
    assert (status, error["code"], error["message"]) == (500, 1, "An unknown error has occurred.")


def test_instagram_login(client: Client) -> None:
    own = Client(client.sandbox, client.base, "own", client.http)
    assert own.metrics(f"{OWNED}/insights", metric="views,likes") == {"views": 8, "likes": 1}
    for metric in ("total_likes", "total_comments", "total_views"):
        error = own.error(f"{OWNED}/insights", metric=f"views,{metric}")[1]
        assert (error["code"], error["type"]) == (100, "IGApiException")
        assert error["message"].startswith("(#100) metric[1] must be one of the following values: ")


# --- accounts


def frames(client: Client, metric: str, **params: str | int) -> dict[str, Any]:
    body = client.json(f"{IG}/insights", metric=metric, **{"period": "day", **params})
    return {each["name"]: each for each in body["data"]}


def test_a_series_of_days(client: Client) -> None:
    """10 × days since 1 May (+ 0 for reach, + 2 for new followers)."""
    found = frames(client, "reach,follower_count", since="2026-09-13", until="2026-09-15")
    assert found["reach"]["values"] == [
        {"value": 1350, "end_time": "2026-09-14T07:00:00+0000"},
        {"value": 1360, "end_time": "2026-09-15T07:00:00+0000"},
    ]
    assert [each["value"] for each in found["follower_count"]["values"]] == [1352, 1362]
    assert frames(client, "reach")["reach"]["values"][0]["value"] == 1360, "without since: the last day"
    paging = client.json(f"{IG}/insights", metric="reach", period="day")["paging"]
    assert "since=" in paging["next"]


def test_totals(client: Client) -> None:
    window = {"since": "2026-09-13", "until": "2026-09-15", "metric_type": "total_value"}
    found = frames(client, "views,likes,saves", **window)
    assert {name: each["total_value"] for name, each in found.items()} == {
        "views": {"value": 1351 + 1361},
        "likes": {"value": 1353 + 1363},
        "saves": {"value": 1354 + 1364},
    }
    assert "values" not in found["views"]
    one_day = frames(client, "reach", since="2026-09-14", until="2026-09-15", metric_type="total_value")
    assert one_day["reach"]["total_value"] == {"value": 1360}
    assert "total_value" not in frames(client, "reach", **window)["reach"], "different people are not added up"


def test_the_wrong_metric_type_gives_bare_frames(client: Client) -> None:
    """`follower_count` as a total, everything but reach as a series, a metric without its breakdown."""
    mixed = frames(client, "reach,follower_count", metric_type="total_value")
    assert mixed["reach"]["total_value"] == {"value": 1360}
    assert not {"values", "total_value"} & mixed["follower_count"].keys()
    for params in ({}, {"metric_type": "time_series"}):
        found = frames(client, "reach,views,likes", **params)
        assert found["reach"]["values"]
        assert not {"values", "total_value"} & (found["views"].keys() | found["likes"].keys())
    found = frames(client, "follows_and_unfollows", metric_type="total_value")
    assert "total_value" not in found["follows_and_unfollows"]
    assert client.error(f"{IG}/insights", metric="reach", period="day", metric_type="pie")[1]["code"] == 100


def test_window_of_at_most_30_days(client: Client) -> None:
    assert len(frames(client, "reach", since="2026-08-16", until="2026-09-15")["reach"]["values"]) == 30
    status, error = client.error(f"{IG}/insights", metric="reach", period="day", since="2026-08-15", until="2026-09-15")
    assert (status, error["code"]) == (400, 100)
    assert error["message"] == "(#100) There cannot be more than 30 days (2592000 s) between since and until"


def test_kept_for_90_days(client: Client) -> None:
    """90 days before 15 September 13:00 is 17 June 13:00; the day that ends after it is 17 June."""
    ends = [
        each["end_time"] for each in frames(client, "reach", since="2026-06-10", until="2026-06-20")["reach"]["values"]
    ]
    assert ends == ["2026-06-18T07:00:00+0000", "2026-06-19T07:00:00+0000", "2026-06-20T07:00:00+0000"]


def test_a_day_that_just_ended_is_not_there(client: Client) -> None:
    try:
        client.sandbox.clock.set(at(15, 9))
        assert frames(client, "reach", since="2026-09-14", until="2026-09-15") == {}
        client.sandbox.clock.set(at(15, 10))
        assert len(frames(client, "reach", since="2026-09-14", until="2026-09-15")["reach"]["values"]) == 1
    finally:
        client.sandbox.clock.set(NOW)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"metric": "impressions", "period": "day"},
            "(#100) Starting from version 22 and above, the impressions metric is no longer",
        ),
        ({"metric": "reach,made_up", "period": "day"}, "(#100) metric[1] must be one of the following values: reach, "),
        ({"metric": "email_contacts", "period": "day"}, "(#100) metric[0] must be one of the following values: "),
        ({"metric": "views", "period": "lifetime"}, "(#100) Incompatible metrics (views) with period lifetime"),
        ({"metric": "views"}, "(#100) The parameter period is required"),
    ],
)
def test_refused_account_calls(client: Client, params: dict[str, str], text: str) -> None:
    status, error = client.error(f"{IG}/insights", **params)
    assert (status, error["code"]) == (400, 100)
    assert error["message"].startswith(text)


def test_fewer_than_100_followers(client: Client) -> None:
    own = Client(client.sandbox, client.base, "own", client.http)
    data = own.json("me/insights", metric="follower_count,reach", period="day")["data"]
    assert [each["name"] for each in data] == ["reach"]
    assert (
        own.json(
            "me/insights",
            metric="follower_demographics",
            period="lifetime",
            metric_type="total_value",
            timeframe="last_14_days",
        )["data"]
        == []
    )
