"""Insights of the simulated graph.facebook.com: posts, videos, Pages. Not here: posts and tokens (test_facebook.py)."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from analytics_pipeline.sandbox.graph_presets import days_of
from analytics_pipeline.sandbox.model import AccountDay, FacebookSettings, Observation, World
from tests.sandbox.graph_client import NOW, PAGE, Client, at, page, page_post, serving

INVALID = "(#100) The value must be a valid insights metric"
DEAD = [
    "post_impressions",
    "post_impressions_unique",
    "post_impressions_paid",
    "post_engaged_users",
    "post_negative_feedback",
    "post_clicks_unique",
    "post_video_views_10s",
    "post_video_views_unique",
    "post_made_up",
]


def reading(number: int, observed_at: date, **figures: int) -> Observation:
    return Observation("facebook", f"{PAGE}_{number}", at(observed_at.day, month=observed_at.month), **figures)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Post 1 has every figure, post 2 only zeros, post 3 nothing, post 4 is a reel, post 5 is one day old."""
    world = World(
        accounts=[page(), page(external_id="9", access_token="small", followers=99)],
        posts=[
            page_post(1, at(10), post_type="video", duration_s=30.5),
            page_post(2, at(11)),
            page_post(3, at(12)),
            page_post(4, at(13), post_type="reel", media_id="444"),
            page_post(5, at(14, 20), post_type="video"),
        ],
        observations=[
            reading(1, date(2026, 9, 13), video_views=300, watch_time_ms=900_000),
            reading(
                1, date(2026, 9, 15), likes=180, reaction_love=41, reaction_wow=6, reaction_haha=3, reaction_sad=2,
                reaction_anger=1, comments=27, shares=14, impressions=4821, reach=3990, clicks=301, url_clicks=44,
                video_views=410, watch_time_ms=1_230_500,
            ),
            reading(
                2, date(2026, 9, 15), likes=0, comments=0, shares=0, impressions=0, reach=0, clicks=0, url_clicks=0,
                reaction_love=0,
            ),
            reading(3, date(2026, 9, 15), comments=4),
            reading(
                4, date(2026, 9, 15), likes=7, reaction_love=2, comments=3, shares=0, impressions=950, reach=800,
                watch_time_ms=4000,
            ),
            reading(5, date(2026, 9, 15), video_views=12, watch_time_ms=100),
        ],
        account_days=[
            *(
                AccountDay("facebook", PAGE, date(2026, 6, 1) + timedelta(days=n), metric, 10 * n + offset)
                for n in range(120)
                for offset, metric in enumerate(("followers", "impressions", "reach", "likes", "comments", "shares"))
                if metric != "reach" or n != 104
            ),
            AccountDay("facebook", "9", date(2026, 9, 14), "followers", 99),
        ],
        facebook=FacebookSettings(retired_metrics=["post_video_views_15s", "page_views_total"]),
    )  # fmt: skip
    with serving(world) as client:
        yield client


def test_every_figure(client: Client) -> None:
    reactions = {f"post_reactions_{kind}_total": n for kind, n in
                 [("like", 180), ("love", 41), ("wow", 6), ("haha", 3), ("sorry", 2), ("anger", 1)]}  # fmt: skip
    expected = {
        "post_media_view": 4821,
        "post_total_media_view_unique": 3990,
        "post_clicks": 301,
        "post_clicks_by_type": {"link clicks": 44, "other clicks": 257},
        **reactions,
        "post_reactions_by_type_total": {"like": 180, "love": 41, "wow": 6, "haha": 3, "sorry": 2, "anger": 1},
        "post_activity_by_action_type": {"like": 233, "comment": 27, "share": 14},
        "post_video_views": 410,
        "post_video_view_time": 1_230_500,
        "post_video_avg_time_watched": 3001,
        "post_video_length": 30_500,
    }
    assert client.metrics(f"{PAGE}_1/insights", metric=",".join(expected)) == expected
    nested = client.json(f"{PAGE}/published_posts", fields=f"id,insights.metric({','.join(expected)}).period(lifetime)")
    rows = {row["id"]: row["insights"]["data"] for row in nested["data"]}
    assert {each["name"]: each["values"][0]["value"] for each in rows[f"{PAGE}_1"]} == expected


def test_metrics_as_a_json_array(client: Client) -> None:
    """The form in which the platform's own client library sends them."""
    values = client.metrics(f"{PAGE}_1/insights", metric='["post_media_view", "post_clicks"]')
    assert values == {"post_media_view": 4821, "post_clicks": 301}


def test_shape_of_a_frame(client: Client) -> None:
    body = client.json(f"{PAGE}_1/insights", metric="post_media_view")
    frame = body["data"][0]
    assert frame["id"] == f"{PAGE}_1/insights/post_media_view/lifetime"
    assert (frame["period"], frame["values"]) == ("lifetime", [{"value": 4821}])
    assert frame["title"]
    assert frame["description"]
    assert "since=" in body["paging"]["next"], "insights page for ever, lifetime ones too"
    assert "until=" in body["paging"]["previous"]
    narrowed = client.json(f"{PAGE}_1", fields="insights.metric(post_media_view){name}")["insights"]["data"]
    assert narrowed == [{"name": "post_media_view", "id": frame["id"]}]


def test_zero_is_zero(client: Client) -> None:
    values = client.metrics(
        f"{PAGE}_2/insights",
        metric="post_media_view,post_clicks,post_clicks_by_type,post_reactions_like_total,post_reactions_by_type_total,"
        "post_activity_by_action_type",
    )
    assert values == {
        "post_media_view": 0,
        "post_clicks": 0,
        "post_clicks_by_type": {},
        "post_reactions_like_total": 0,
        "post_reactions_by_type_total": {},
        "post_activity_by_action_type": {},
    }


def test_withheld_is_absent(client: Client) -> None:
    metrics = "post_media_view,post_reactions_like_total,post_clicks_by_type,post_activity_by_action_type"
    assert client.json(f"{PAGE}_3/insights", metric=metrics)["data"] == []
    both = client.metrics(f"{PAGE}_5/insights", metric="post_video_views,post_media_view")
    assert both == {"post_video_views": 12}


@pytest.mark.parametrize("metric", [*DEAD, "post_video_views_15s"])
def test_one_dead_metric_fails_the_whole_call(client: Client, metric: str) -> None:
    """The last one was retired by the world."""
    status, error = client.error(f"{PAGE}_1/insights", metric=f"post_media_view,{metric},post_clicks")
    assert (status, error["code"], error["type"], error["message"]) == (400, 100, "OAuthException", INVALID)
    status, error = client.error(f"{PAGE}/published_posts", fields=f"id,insights.metric(post_clicks,{metric})")
    assert (status, error["code"], error["message"]) == (400, 100, INVALID)


def test_deaths_hold_in_every_version(client: Client) -> None:
    old = Client(client.sandbox, client.base.replace("v25.0", "v21.0"), client.token, client.http)
    assert old.error(f"{PAGE}_1/insights", metric="post_impressions")[1]["message"] == INVALID


def test_no_metric(client: Client) -> None:
    status, error = client.error(f"{PAGE}_1/insights")
    assert (status, error["code"], error["error_subcode"]) == (400, 3001, 1504028)
    assert error["message"].startswith("No metric was specified to be fetched.")


def test_days_come_in_a_frame_of_their_own(client: Client) -> None:
    """The newest finished Pacific day is 14 September; its readings are those of its two midnights."""
    frames = client.json(f"{PAGE}_1/insights", metric="post_video_views")["data"]
    assert [(each["period"], each["values"]) for each in frames] == [
        ("day", [{"value": 110, "end_time": "2026-09-15T07:00:00+0000"}]),
        ("lifetime", [{"value": 410}]),
    ]
    only_days = client.json(f"{PAGE}_5/insights", metric="post_video_views", period="day")["data"]
    assert [each["values"][0]["value"] for each in only_days] == [12]
    assert len(client.json(f"{PAGE}_1/insights", metric="post_video_views", period="lifetime")["data"]) == 1
    assert client.json(f"{PAGE}_1/insights", metric="post_media_view", period="day")["data"] == []
    assert client.error(f"{PAGE}_1/insights", metric="post_media_view", period="fortnight")[1]["code"] == 100


def test_reels_are_read_by_video_insights(client: Client) -> None:
    values = client.metrics("444/video_insights")
    assert values == {
        "blue_reels_play_count": 950,
        "fb_reels_total_plays": 950,
        "post_video_view_time": 4000,
        "post_video_likes_by_reaction_type": {"REACTION_LIKE": 7, "REACTION_LOVE": 2},
        "post_video_social_actions": {"COMMENT": 3},
    }
    assert client.metrics("444/video_insights", metric="blue_reels_play_count") == {"blue_reels_play_count": 950}
    assert client.error("444/video_insights", metric="post_video_views_10s")[1]["message"] == INVALID
    assert client.metrics(f"{PAGE}_4/insights", metric="post_total_media_view_unique,post_media_view") == {
        "post_media_view": 950
    }, "no reach for reels"


def test_a_bare_video_has_no_insights(client: Client) -> None:
    status, error = client.error("444/insights", metric="post_video_views")
    assert (status, error["code"]) == (400, 100)
    assert error["message"] == "(#100) Tried accessing nonexisting field (insights) on node type (Video)"


# --- Pages


def series(client: Client, metric: str, **params: str | int) -> dict[str, int]:
    data = client.json(f"{PAGE}/insights", metric=metric, **{"period": "day", **params})["data"]
    return {value["end_time"]: value["value"] for each in data for value in each["values"]}


def test_page_days_end_at_midnight_pacific(client: Client) -> None:
    """10 × days since 1 June; the `since` day is inside the first value; today is not finished."""
    assert series(client, "page_follows", since="2026-09-12", until="2026-09-30") == {
        "2026-09-13T07:00:00+0000": 1030,
        "2026-09-14T07:00:00+0000": 1040,
        "2026-09-15T07:00:00+0000": 1050,
    }
    stamps = {"since": int(at(14, 7).timestamp()), "until": int(at(15, 7).timestamp())}
    assert series(client, "page_media_view", **stamps) == {"2026-09-15T07:00:00+0000": 1051}
    assert series(client, "page_total_media_view_unique", since="2026-09-12", until="2026-09-15") == {
        "2026-09-13T07:00:00+0000": 1032,
        "2026-09-15T07:00:00+0000": 1052,
    }, "a day the world does not know is left out"
    assert series(client, "page_post_engagements", since="2026-09-14") == {
        "2026-09-15T07:00:00+0000": 1053 + 1054 + 1055
    }


def test_winter_time() -> None:
    days = [
        AccountDay("facebook", PAGE, date(2026, 10, 31) + timedelta(days=n), "followers", 500 + n) for n in range(3)
    ]
    with serving(World(accounts=[page()], account_days=days), now=at(10, month=11)) as client:
        assert series(client, "page_follows", since="2026-10-31", until="2026-11-03") == {
            "2026-11-01T07:00:00+0000": 500,
            "2026-11-02T08:00:00+0000": 501,
            "2026-11-03T08:00:00+0000": 502,
        }


def test_default_window_is_two_days(client: Client) -> None:
    assert list(series(client, "page_follows").values()) == [1040, 1050]


def test_sums_over_a_week(client: Client) -> None:
    frames = client.json(f"{PAGE}/insights", metric="page_media_view", since="2026-09-14", until="2026-09-15")["data"]
    assert {each["period"]: each["values"][0]["value"] for each in frames} == {
        "day": 1051,
        "week": sum(10 * n + 1 for n in range(99, 106)),
        "days_28": sum(10 * n + 1 for n in range(78, 106)),
    }


def test_window_of_at_most_90_days(client: Client) -> None:
    assert len(series(client, "page_follows", since="2026-06-17", until="2026-09-15")) == 90
    status, error = client.error(
        f"{PAGE}/insights", metric="page_follows", period="day", since="2026-06-16", until="2026-09-15"
    )
    assert (status, error["code"]) == (400, 100)
    assert error["message"] == "(#100) There cannot be more than 90 days (7776000 s) between since and until"
    backwards = client.error(f"{PAGE}/insights", metric="page_follows", since="2026-09-15", until="2026-09-14")
    assert backwards[1]["code"] == 100


@pytest.mark.parametrize(
    "metric", ["page_fans", "page_impressions", "page_engaged_users", "page_fan_adds", "page_views_total"]
)
def test_dead_page_metrics(client: Client, metric: str) -> None:
    assert client.error(f"{PAGE}/insights", metric=f"page_follows,{metric}", period="day")[1]["message"] == INVALID


def test_fields_of_a_frame(client: Client) -> None:
    found = client.json(f"{PAGE}_1/insights", metric="post_clicks", fields="name,period")["data"]
    assert found == [{"id": f"{PAGE}_1/insights/post_clicks/lifetime", "name": "post_clicks", "period": "lifetime"}]
    assert client.error(f"{PAGE}_1/insights", metric="post_clicks", fields="nonsense")[1]["code"] == 100


@pytest.mark.parametrize(
    ("preset", "first", "end"),
    [
        ("today", date(2026, 9, 15), date(2026, 9, 16)),
        ("yesterday", date(2026, 9, 14), date(2026, 9, 15)),
        ("last_7d", date(2026, 9, 8), date(2026, 9, 15)),
        ("this_month", date(2026, 9, 1), date(2026, 9, 16)),
        ("last_month", date(2026, 8, 1), date(2026, 9, 1)),
        ("this_quarter", date(2026, 7, 1), date(2026, 9, 16)),
        ("last_quarter", date(2026, 4, 1), date(2026, 7, 1)),
        ("last_year", date(2025, 1, 1), date(2026, 1, 1)),
        ("this_week_mon_today", date(2026, 9, 14), date(2026, 9, 16)),
        ("this_week_sun_today", date(2026, 9, 13), date(2026, 9, 16)),
        ("last_week_mon_sun", date(2026, 9, 7), date(2026, 9, 14)),
        ("last_week_sun_sat", date(2026, 9, 6), date(2026, 9, 13)),
        ("maximum", date(2024, 9, 15), date(2026, 9, 16)),
    ],
)
def test_presets_of_days(preset: str, first: date, end: date) -> None:
    """On a Tuesday."""
    assert days_of(preset, date(2026, 9, 15)) == (first, end)


def test_a_preset_in_a_call(client: Client) -> None:
    calls = [{"date_preset": "last_7d"}, {"since": "2026-09-08", "until": "2026-09-15"}]
    answers = [client.json(f"{PAGE}/insights", metric="page_media_view", period="day", **call) for call in calls]
    assert answers[0]["data"] == answers[1]["data"]
    status, error = client.error(f"{PAGE}/insights", metric="page_media_view", date_preset="last_6d")
    assert (status, error["code"]) == (400, 100)


@pytest.mark.parametrize("breakdown", ["is_from_ads", "is_from_followers"])
def test_breakdowns_of_a_page(client: Client, breakdown: str) -> None:
    asked = {"metric": "page_media_view", "period": "day", "since": "2026-09-14"}
    data = client.json(f"{PAGE}/insights", **asked, breakdown=breakdown)
    assert data["data"][0]["values"] == [
        {"value": 1051, "end_time": "2026-09-15T07:00:00+0000", breakdown: "0"},
        {"value": 0, "end_time": "2026-09-15T07:00:00+0000", breakdown: "1"},
    ]
    assert client.error(f"{PAGE}/insights", **asked, breakdown="is_from_space")[1]["code"] == 100


def test_where_followers_live_is_alive_and_not_in_the_world(client: Client) -> None:
    for metric in ("page_follows_city", "page_follows_country"):
        assert client.json(f"{PAGE}/insights", metric=metric, period="day")["data"] == []


def test_a_small_page_has_no_insights(client: Client) -> None:
    small = Client(client.sandbox, client.base, "small", client.http)
    assert small.json("9/insights", metric="page_follows", period="day", since="2026-09-14")["data"] == []


def test_nothing_yet() -> None:
    """A post that was not read yet: no insights, no activity."""
    with serving(World(accounts=[page()], posts=[page_post(1, NOW - timedelta(minutes=1))])) as client:
        assert client.json(f"{PAGE}_1/insights", metric="post_media_view")["data"] == []
        post = client.json(f"{PAGE}_1", fields="shares,comments.limit(0).summary(true)")
        assert post["comments"]["summary"]["total_count"] == 0
        assert "shares" not in post


def test_insights_of_one_post_may_be_refused_and_fail_its_page_with_them() -> None:
    refused = page_post(2, at(11), flags=frozenset({"insights_refused"}))
    posts = "fields=id,insights.metric(post_media_view)"
    with serving(World(accounts=[page()], posts=[page_post(1, at(10)), refused])) as client:
        for path in (f"{PAGE}/published_posts", f"{PAGE}_2"):
            status, error = client.error(f"{path}?{posts}")
            assert (status, error["code"]) == (400, 10)
        assert client.json(f"{PAGE}_1?{posts}")["id"] == f"{PAGE}_1"
        assert len(client.json(f"{PAGE}/published_posts", fields="id")["data"]) == 2
