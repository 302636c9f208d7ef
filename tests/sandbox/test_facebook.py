"""Pages, posts and tokens of the simulated graph.facebook.com. Not here: insights, batches, limits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.sandbox.model import Account, FacebookSettings, Observation, World
from tests.sandbox.graph_client import NOW, PAGE, TOKEN, Client, at, page, page_post, serving

FIELDS = "id,message,created_time,permalink_url,status_type,attachments{media_type,type},shares"
SUMMARIES = "reactions.limit(0).summary(true),comments.limit(0).summary(true),likes.limit(0).summary(true)"


READ = at(15)


def reading(number: int = 1, observed_at: datetime = READ, **figures: int) -> Observation:
    return Observation("facebook", f"{PAGE}_{number}", observed_at, **figures)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A Page with one post of each kind that the tests look at."""
    world = World(
        accounts=[
            page(refresh_token="user-token"),
            page(external_id="2", access_token="second-token", refresh_token="user-token", display_name="Second"),
            page(external_id="30", access_token="stranger-token"),
            Account("instagram", "178", username="acme", page_id=PAGE, access_token="ig", login="facebook"),
        ],
        posts=[
            page_post(1, text="New pricing is live", post_type="image"),
            page_post(2, at(13), post_type="reel", media_id="777", duration_s=12.5),
            page_post(3, at(12), post_type="video"),
            page_post(4, at(11), deleted_at=at(15)),
            page_post(5, at(16)),
            page_post(6, at(10), external_id="30"),
        ],
        observations=[
            reading(
                1, likes=180, reaction_love=41, reaction_wow=6, reaction_haha=3, reaction_sad=1, comments=27, shares=14
            ),
            reading(1, at(16), likes=999),
            reading(2, likes=5, comments=0, shares=0, video_views=50),
            reading(3, comments=2),
        ],
    )
    with serving(world) as client:
        yield client


def test_a_post_with_its_figures(client: Client) -> None:
    post = client.json(f"{PAGE}_1", fields=f"{FIELDS},{SUMMARIES}")
    assert post == {
        "id": f"{PAGE}_1",
        "message": "New pricing is live",
        "created_time": "2026-09-14T08:31:07+0000",
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/1",
        "status_type": "added_photos",
        "attachments": {"data": [{"media_type": "photo", "type": "photo"}]},
        "shares": {"count": 14},
        "reactions": {"data": [], "summary": {"total_count": 231, "viewer_reaction": "NONE"}},
        "comments": {"data": [], "summary": {"order": "ranked", "total_count": 27, "can_comment": True}},
        "likes": {"data": [], "summary": {"total_count": 180, "viewer_reaction": "NONE"}},
    }
    part = client.json(f"{PAGE}_1", fields="attachments")["attachments"]["data"][0]
    assert part["url"] == post["permalink_url"]


def test_default_fields_and_id(client: Client) -> None:
    assert client.json(f"{PAGE}_1").keys() == {"created_time", "message", "id"}
    assert client.json(f"{PAGE}_1", fields="created_time").keys() == {"created_time", "id"}


def test_reactions_of_one_type(client: Client) -> None:
    post = client.json(f"{PAGE}_1", fields="reactions.type(SAD).limit(0).summary(total_count)")
    assert post["reactions"]["summary"]["total_count"] == 1


def test_zero_and_withheld(client: Client) -> None:
    """0 comments is 0, 0 shares leaves `shares` out, withheld figures leave their summary out."""
    zero = client.json(f"{PAGE}_2", fields=f"shares,{SUMMARIES}")
    assert "shares" not in zero
    assert zero["comments"]["summary"]["total_count"] == 0
    withheld = client.json(f"{PAGE}_3", fields=f"shares,{SUMMARIES}")
    assert "shares" not in withheld
    assert withheld["reactions"] == {"data": []}
    assert withheld["comments"]["summary"]["total_count"] == 2


def test_a_later_reading_shows_later_figures(client: Client) -> None:
    client.sandbox.clock.set(at(16, 1))
    try:
        assert client.json(f"{PAGE}_1", fields=SUMMARIES)["likes"]["summary"]["total_count"] == 999
    finally:
        client.sandbox.clock.set(NOW)


def test_reels_and_videos(client: Client) -> None:
    post = client.json(f"{PAGE}_2", fields="permalink_url,attachments{target}")
    assert post["permalink_url"] == "https://www.facebook.com/reel/777/"
    assert post["attachments"]["data"][0]["target"] == {"id": "777"}
    video = client.json("777", fields="post_id,length,views,permalink_url")
    assert video == {
        "post_id": f"{PAGE}_2",
        "length": 12.5,
        "views": 50,
        "permalink_url": f"/{PAGE}/videos/777/",
        "id": "777",
    }
    assert client.json("3", fields="post_id") == {"post_id": f"{PAGE}_3", "id": "3"}, "the video id behind page_video"


@pytest.mark.parametrize(
    "object_id",
    [f"{PAGE}_99", f"{PAGE}_4", f"{PAGE}_5", f"{PAGE}_6", "99"],
    ids=["never there", "deleted", "not yet published", "of another account", "no video"],
)
def test_unknown_object(client: Client, object_id: str) -> None:
    status, error = client.error(object_id)
    assert (status, error["code"], error["error_subcode"], error["type"]) == (400, 100, 33, "GraphMethodException")
    assert error["message"].startswith(f"Unsupported get request. Object with ID '{object_id}' does not exist")
    assert error["fbtrace_id"]


@pytest.mark.parametrize("path", ["no-such", "no-such/published_posts"])
def test_unknown_alias(client: Client, path: str) -> None:
    status, error = client.error(path)
    assert (status, error["code"], error["type"]) == (400, 803, "OAuthException")
    assert error["message"] == "(#803) Some of the aliases you requested do not exist: no-such"


@pytest.mark.parametrize(
    "fields",
    ["attachments{media_type,nonsense}", "reactions.type(ANGER).summary(true)", "comments.filter(all).summary(true)",
     "comments.order(newest).summary(true)", "insights.metric(post_clicks){name,nonsense}"],
)  # fmt: skip
def test_unknown_words_within_a_field_fail_the_call(client: Client, fields: str) -> None:
    status, error = client.error(f"{PAGE}_1", fields=fields)
    assert (status, error["code"]) == (400, 100)


def test_known_fields_without_anything_in_the_world(client: Client) -> None:
    fields = "parent_id,story,privacy,properties,promotable_id,attachments{title}"
    assert client.json(f"{PAGE}_1", fields=fields) == {
        "id": f"{PAGE}_1",
        "promotable_id": f"{PAGE}_1",
        "attachments": {"data": [{"title": "New pricing is live"}]},
    }


def test_unknown_field_fails_the_call(client: Client) -> None:
    status, error = client.error(f"{PAGE}_1", fields="id,post_id")
    assert (status, error["code"]) == (400, 100)
    assert error["message"] == "(#100) Tried accessing nonexisting field (post_id) on node type (PagePost)"


def test_broken_fields_and_paths(client: Client) -> None:
    status, error = client.error(f"{PAGE}_1", fields="id,insights.metric(")
    assert (status, error["code"]) == (400, 2500)
    assert error["message"].startswith("Syntax error")
    status, error = client.error(f"{PAGE}/posts/extra")
    assert (status, error["code"], error["message"]) == (400, 2500, "Unknown path components: /extra")
    assert client.error(f"{PAGE}/likes_of_my_aunt")[1]["code"] == 100


def test_root_ids_is_refused(client: Client) -> None:
    status, error = client.error("", ids=f"{PAGE}_1,{PAGE}_2", fields="id")
    assert (status, error["code"]) == (400, 100)
    assert "ids" in error["message"]


def test_followers(client: Client) -> None:
    fields = client.json(PAGE, fields="followers_count,fan_count,name")
    assert fields == {"followers_count": 5000, "fan_count": 5000, "name": "Acme", "id": PAGE}
    assert client.json("me") == {"id": PAGE, "name": "Acme"}, "a Page token is the Page"


def test_pages_of_a_user(client: Client) -> None:
    user = Client(client.sandbox, client.base, "user-token", client.http)
    first = user.json(
        "me/accounts", fields="id,name,access_token,tasks,instagram_business_account{id,username}", limit=1
    )
    assert first["data"][0]["access_token"] == TOKEN
    assert "ANALYZE" in first["data"][0]["tasks"]
    assert first["data"][0]["instagram_business_account"] == {"id": "178", "username": "acme"}
    second = client.http.get(first["paging"]["next"], timeout=5).json()
    assert [each["id"] for each in second["data"]] == ["2"]
    assert "next" not in second["paging"]
    assert {"permission": "read_insights", "status": "granted"} in user.json("me/permissions")["data"]
    assert client.error("me/accounts")[1]["code"] == 100, "a Page has no accounts"


# --- lists


def listing(count: int, **settings: Any) -> World:
    return World(
        accounts=[page()],
        posts=[page_post(n, at(1) + timedelta(minutes=n)) for n in range(count)],
        observations=[reading(n, at(2), impressions=n, likes=n) for n in range(count)],
        facebook=FacebookSettings(**settings),
    )


@pytest.mark.parametrize("edge", ["published_posts", "posts", "feed"])
def test_all_posts_come_once_newest_first(edge: str) -> None:
    with serving(listing(57)) as client:
        body = client.json(f"{PAGE}/{edge}", fields="id", limit=25)
        pages = [body]
        while "next" in body.get("paging", {}):
            assert f"access_token={TOKEN}" in body["paging"]["next"]
            body = client.http.get(body["paging"]["next"], timeout=5).json()
            pages.append(body)
        assert [len(each["data"]) for each in pages] == [25, 25, 7]
        assert [row["id"] for each in pages for row in each["data"]] == [f"{PAGE}_{n}" for n in range(56, -1, -1)]
        assert [record.posts_returned for record in client.sandbox.requests] == [25, 25, 7]
        assert {record.account for record in client.sandbox.requests} == {PAGE}
        assert not any(TOKEN in record.query for record in client.sandbox.requests)
        back = client.http.get(body["paging"]["previous"], timeout=5).json()
        assert back["data"] == pages[1]["data"]


def test_a_cursor_survives_new_and_deleted_posts() -> None:
    world = listing(30)
    world.posts[20].deleted_at = NOW + timedelta(hours=1)
    world.posts.append(page_post(99, NOW + timedelta(minutes=30)))
    world = World(accounts=world.accounts, posts=world.posts)
    with serving(world) as client:
        first = client.json(f"{PAGE}/posts", limit=10)
        assert first["data"][-1]["id"] == f"{PAGE}_20"
        client.sandbox.clock.advance(7200)
        second = client.http.get(first["paging"]["next"], timeout=5).json()
        assert [row["id"] for row in second["data"]] == [f"{PAGE}_{n}" for n in range(19, 9, -1)]


def test_since_and_until_are_inclusive() -> None:
    with serving(listing(10)) as client:
        since, until = at(1) + timedelta(minutes=3), at(1) + timedelta(minutes=5)
        expected = [f"{PAGE}_{n}" for n in (5, 4, 3)]
        stamps = {"since": int(since.timestamp()), "until": int(until.timestamp())}
        assert [row["id"] for row in client.json(f"{PAGE}/posts", **stamps)["data"]] == expected
        texts = {"since": since.isoformat(), "until": "2026-09-01T00:05:00"}
        assert [row["id"] for row in client.json(f"{PAGE}/posts", **texts)["data"]] == expected
        assert client.json(f"{PAGE}/posts", since="2026-09-02") == {"data": []}
        assert client.error(f"{PAGE}/posts", since="yesterday-ish")[1]["code"] == 100


@pytest.mark.parametrize("limit", ["0", "101", "many", "-1"])
def test_limit_is_at_most_100(limit: str) -> None:
    with serving(listing(1)) as client:
        status, error = client.error(f"{PAGE}/published_posts", limit=limit)
        assert (status, error["code"]) == (400, 100)
        assert "limit" in error["message"]
        assert len(client.json(f"{PAGE}/published_posts", limit=100)["data"]) == 1


def test_too_much_data_asks_for_less() -> None:
    metrics = ",".join(f"post_reactions_{kind}_total" for kind in ("like", "love", "wow", "haha", "sorry", "anger"))
    wide = f"id,insights.metric({metrics},post_clicks,post_media_view),{SUMMARIES}"
    with serving(listing(3)) as client:
        answer = client.get(f"{PAGE}/published_posts", fields=wide, limit=100)
        assert answer.status_code == 500
        error = answer.json()["error"]
        assert error["code"] == 1
        assert error["message"] == "Please reduce the amount of data you're asking for, then retry your request"
        assert "type" not in error
        assert len(client.json(f"{PAGE}/published_posts", fields=wide, limit=50)["data"]) == 3
        assert len(client.json(f"{PAGE}/published_posts", fields=FIELDS, limit=100)["data"]) == 3


# --- tokens and permissions


@pytest.mark.parametrize(
    ("state", "subcode", "text"),
    [
        (
            "expired",
            463,
            "Session has expired on Tuesday, 15-Sep-26 12:00:00 PDT. The current time is Tuesday, 15-Sep-26 13:00:00 PDT.",
        ),
        ("password_changed", 460, "changed their password"),
        ("revoked", 458, "has not authorized application"),
        ("logged_out", 467, "logged out"),
        ("unknown", None, "Cannot parse access token"),
    ],
)
def test_dead_tokens(state: str, subcode: int | None, text: str) -> None:
    with serving(World(accounts=[page(token_state=state)], posts=[page_post()])) as client:
        status, error = client.error(f"{PAGE}_1")
        assert status in (400, 401)
        assert (error["code"], error.get("error_subcode"), error["type"]) == (190, subcode, "OAuthException")
        assert text in error["message"]
        assert TOKEN not in error["message"]


def test_no_token_and_header_token(client: Client) -> None:
    nobody = Client(client.sandbox, client.base, None, client.http)
    status, error = nobody.error(PAGE)
    assert (status, error["code"]) == (400, 104)
    answer = client.http.get(f"{client.base}/{PAGE}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5)
    assert answer.json()["id"] == PAGE


def test_missing_scopes() -> None:
    scopes = frozenset({"pages_show_list", "pages_read_engagement"})
    world = World(
        accounts=[page(token_state="missing_scope", scopes=scopes, refresh_token="user-token")],
        posts=[page_post()],
        observations=[reading(impressions=10, comments=2)],
    )
    with serving(world) as client:
        assert client.json(f"{PAGE}_1/insights", metric="post_media_view")["data"] == []
        assert client.json(f"{PAGE}/insights", metric="page_follows", period="day")["data"] == []
        assert client.json(f"{PAGE}/published_posts", fields=FIELDS)["data"][0]["id"] == f"{PAGE}_1"
        status, error = client.error(f"{PAGE}/published_posts", fields=f"id,{SUMMARIES}")
        assert (status, error["code"]) == (403, 10)
        assert "'pages_read_user_content'" in error["message"]
        user = Client(client.sandbox, client.base, "user-token", client.http)
        assert {"permission": "read_insights", "status": "declined"} in user.json("me/permissions")["data"]


def test_feed_needs_what_its_error_does_not_name() -> None:
    world = World(accounts=[page(token_state="missing_scope", scopes=frozenset({"pages_read_engagement"}))])
    with serving(world) as client:
        assert client.json(f"{PAGE}/published_posts") == {"data": []}
        status, error = client.error(f"{PAGE}/feed")
        assert (status, error["code"]) == (403, 10)
        assert "'pages_read_engagement'" in error["message"]


def test_no_page_permission_at_all() -> None:
    with serving(World(accounts=[page(scopes=frozenset({"read_insights"}))], posts=[page_post()])) as client:
        status, error = client.error(f"{PAGE}/published_posts")
        assert (status, error["code"]) == (403, 10)
        assert "'pages_read_engagement'" in error["message"]


def test_debug_token(client: Client) -> None:
    app = Client(client.sandbox, client.base, "sandbox-client|sandbox-secret", client.http)
    data = app.json("debug_token", input_token=TOKEN)["data"]
    assert (data["is_valid"], data["type"], data["expires_at"]) == (True, "PAGE", 0)
    assert data["scopes"] == ["pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights"]
    assert data["granular_scopes"][0]["target_ids"] == [PAGE, "178"]
    assert data["data_access_expires_at"] == int(datetime(2026, 12, 14, 20, tzinfo=UTC).timestamp())
    bad = app.json("debug_token", input_token="nonsense")["data"]
    assert bad["is_valid"] is False
    assert bad["error"]["code"] == 190
