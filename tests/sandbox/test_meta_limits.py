"""What both Meta platforms do not give: posts beyond 600 a year in lists, old insights, those of small Pages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics_pipeline.sandbox.model import Account, AccountDay, Observation, Post, World
from tests.sandbox.graph_client import NOW, PAGE, Client, at, page, page_post, serving

TWO_YEARS = timedelta(days=730)


def all_listed(client: Client, edge: str) -> list[str]:
    """The ids of a list through all its pages."""
    body = client.json(f"{PAGE}/{edge}", fields="id", limit=100)
    rows = list(body["data"])
    while following := body.get("paging", {}).get("next"):
        body = client.http.get(following, timeout=5).json()
        rows += body["data"]
    return [row["id"] for row in rows]


@pytest.mark.parametrize("edge", ["published_posts", "posts", "feed"])
def test_about_600_posts_of_a_year_are_listed(edge: str) -> None:
    """700 posts of 2025 and 100 of 2026: the oldest hundred of 2025 are in no list, and can be read by id."""
    years = (datetime(2025, 3, 1, tzinfo=UTC), 700), (datetime(2026, 1, 1, tzinfo=UTC), 100)
    moments = [first + timedelta(hours=n) for first, posts in years for n in range(posts)]
    posts = [page_post(number, moment) for number, moment in enumerate(moments)]
    with serving(World(accounts=[page()], posts=posts)) as client:
        assert all_listed(client, edge) == [f"{PAGE}_{number}" for number in range(799, 99, -1)]
        first = int(moments[0].timestamp())
        assert client.json(f"{PAGE}/{edge}", since=first, until=first + 86_400)["data"] == []
        assert client.json(f"{PAGE}_0", fields="id") == {"id": f"{PAGE}_0"}


@pytest.mark.parametrize(("age", "known"), [(TWO_YEARS, True), (TWO_YEARS + timedelta(seconds=1), False)])
def test_insights_of_posts_and_media_end_after_two_years(age: timedelta, known: bool) -> None:
    """No error, but `data: []`: the fields of the object go on."""
    born = NOW - age
    world = World(
        accounts=[page(), Account("instagram", "178", access_token="ig", login="facebook")],
        posts=[
            page_post(1, born),
            page_post(2, born, post_type="reel", media_id="777"),
            Post("instagram", "178", "900", born, "image"),
        ],
        observations=[
            Observation("facebook", f"{PAGE}_1", born, impressions=50, shares=3),
            Observation("facebook", f"{PAGE}_2", born, impressions=60),
            Observation("instagram", "900", born, impressions=70, likes=8),
        ],
    )
    with serving(world) as client:
        assert client.metrics(f"{PAGE}_1/insights", metric="post_media_view") == (
            {"post_media_view": 50} if known else {}
        )
        assert client.metrics("777/video_insights", metric="blue_reels_play_count") == (
            {"blue_reels_play_count": 60} if known else {}
        )
        assert client.json(f"{PAGE}_1", fields="shares")["shares"] == {"count": 3}
        client.token = "ig"
        assert client.metrics("900/insights", metric="views") == ({"views": 70} if known else {})
        assert client.json("900", fields="like_count")["like_count"] == 8


@pytest.mark.parametrize(("likes", "told"), [(None, True), (100, True), (99, False), (0, False)])
def test_a_page_needs_100_likes_for_insights(likes: int | None, told: bool) -> None:
    """Of itself, its posts and its reels; what stands in the fields of a post is told all the same."""
    world = World(
        accounts=[page(followers=likes)],
        posts=[page_post(1, at(10)), page_post(2, at(11), post_type="reel", media_id="777")],
        observations=[
            Observation("facebook", f"{PAGE}_1", at(12), impressions=9, likes=4, comments=2, shares=3),
            Observation("facebook", f"{PAGE}_2", at(12), impressions=60),
        ],
        account_days=[AccountDay("facebook", PAGE, date(2026, 9, 13), "impressions", 7)],
    )
    with serving(world) as client:
        days = client.json(f"{PAGE}/insights", metric="page_media_view", period="day", since="2026-09-12")["data"]
        assert [value["value"] for frame in days for value in frame["values"]] == [7] * told
        post = client.metrics(f"{PAGE}_1/insights", metric="post_media_view")
        assert post == ({"post_media_view": 9} if told else {})
        reel = client.metrics("777/video_insights", metric="blue_reels_play_count")
        assert reel == ({"blue_reels_play_count": 60} if told else {})
        fields = "shares,comments.summary(true),likes.summary(true),insights.metric(post_media_view)"
        listed = client.json(f"{PAGE}/published_posts", fields=fields, until=int(at(10).timestamp()))["data"]
        (row,) = listed
        assert (row["shares"]["count"], row["comments"]["summary"]["total_count"]) == (3, 2)
        assert row["likes"]["summary"]["total_count"] == 4
        assert bool(row["insights"]["data"]) is told


@pytest.mark.parametrize("path", [f"{PAGE}/insights", f"{PAGE}_1/insights", "777/video_insights"])
def test_windows_of_insights_are_90_days(path: str) -> None:
    metrics = {"777/video_insights": "blue_reels_play_count", f"{PAGE}/insights": "page_follows"}
    asked = {"metric": metrics.get(path, "post_clicks"), "since": "2026-06-01", "until": "2026-08-30"}
    posts = [page_post(1), page_post(2, post_type="reel", media_id="777")]
    with serving(World(accounts=[page()], posts=posts)) as client:
        assert client.get(path, **asked).status_code == 200
        status, error = client.error(path, **{**asked, "until": "2026-08-31"})
        assert (status, error["code"]) == (400, 100)
        assert error["message"] == "(#100) There cannot be more than 90 days (7776000 s) between since and until"


def test_a_window_among_the_fields_of_a_list_is_90_days_too() -> None:
    window = "insights.metric(post_clicks).since(2026-01-01).until(2026-09-01)"
    with serving(World(accounts=[page()], posts=[page_post()])) as client:
        assert client.error(f"{PAGE}/published_posts", fields=f"id,{window}")[1]["code"] == 100
