"""What a token may not read on the Meta hosts: the Page's own with a person's token, anything without its scope."""

from collections.abc import Iterator
from typing import Any

import pytest

from analytics_pipeline.sandbox.model import Account, Observation, Post, World
from tests.sandbox.graph_client import PAGE, TOKEN, Client, at, page, page_post, serving

LINKED, OWN = "17841405822304914", "17841400000000007"
POST, REEL = f"{PAGE}_1", "777"
NEEDS_PAGE_TOKEN = "(#210) A page access token is required to request this resource."
METRICS = {f"{PAGE}/insights": "page_follows", f"{POST}/insights": "post_clicks", f"{REEL}/video_insights": ""}


def world(**columns: Any) -> World:
    linked = {key: value for key, value in columns.items() if key != "refresh_token"}
    return World(
        accounts=[
            page(**columns),
            Account("instagram", LINKED, access_token="ig", page_id=PAGE, followers=900, **linked),
            Account("instagram", OWN, access_token="own", login="instagram", followers=900, **linked),
        ],
        posts=[
            page_post(1),
            page_post(2, post_type="reel", media_id=REEL),
            Post("instagram", LINKED, "900", at(10), "image"),
            Post("instagram", OWN, "901", at(10), "image"),
        ],
        observations=[Observation("instagram", media, at(11), likes=8) for media in ("900", "901")],
    )


@pytest.fixture(scope="module")
def person() -> Iterator[Client]:
    with serving(world(refresh_token="user"), token="user") as client:
        yield client


@pytest.fixture(scope="module")
def nothing() -> Iterator[Client]:
    """Tokens without any scope."""
    with serving(world(token_state="missing_scope", refresh_token="user")) as client:
        yield client


class TestThePersonsToken:
    """Posts and insights need the Page's (facebook.md section 2); Instagram is read with either (instagram.md section 1)."""

    @pytest.mark.parametrize("edge", ["published_posts", "posts", "feed"])
    def test_reads_no_list_of_posts(self, person: Client, edge: str) -> None:
        status, error = person.error(f"{PAGE}/{edge}", fields="id")
        assert (status, error["code"], error["message"]) == (403, 210, NEEDS_PAGE_TOKEN)

    @pytest.mark.parametrize("edge", METRICS)
    def test_reads_no_insights(self, person: Client, edge: str) -> None:
        status, error = person.error(edge, metric=METRICS[edge], period="day")
        assert (status, error["code"], error.get("error_subcode")) == (400, 190, None)
        assert error["message"] == "(#190) This method must be called with a Page Access Token"

    def test_fails_with_insights_among_the_fields(self, person: Client) -> None:
        assert person.error(POST, fields="id,insights.metric(post_clicks)")[1]["code"] == 190

    def test_reads_the_page_and_instagram(self, person: Client) -> None:
        assert person.json(PAGE, fields="name,followers_count")["followers_count"] == 5000
        assert [row["id"] for row in person.json(f"{LINKED}/media")["data"]] == ["900"]
        assert person.json("900/insights", metric="likes")["data"]


@pytest.mark.parametrize("lacking", ["read_insights", "pages_read_engagement"])
def test_insights_of_a_page_need_two_scopes(lacking: str) -> None:
    """Without one of them there is no error, but `data: []`."""
    needed = {"read_insights", "pages_read_engagement"}
    for scopes, told in ((needed, True), (needed - {lacking}, False)):
        known = world(scopes=frozenset(scopes))
        known.observations += [Observation("facebook", f"{PAGE}_{n}", at(15), impressions=9) for n in (1, 2)]
        served = World(accounts=known.accounts, posts=known.posts, observations=known.observations)
        with serving(served) as client:
            assert bool(client.json(f"{POST}/insights", metric="post_media_view")["data"]) is told
            assert bool(client.json(f"{REEL}/video_insights", metric="blue_reels_play_count")["data"]) is told


class TestWithoutAnyScope:
    @pytest.mark.parametrize("path", [PAGE, POST, REEL, f"{POST}/comments"], ids=["page", "post", "video", "comments"])
    def test_facebook_names_what_is_missing(self, nothing: Client, path: str) -> None:
        fields = {"fields": "id,followers_count"} if path == PAGE else {}
        status, error = nothing.error(path, **fields)
        assert (status, error["code"]) == (403, 10)
        assert "permission" in error["message"]

    def test_a_person_has_no_pages(self, nothing: Client) -> None:
        person = Client(nothing.sandbox, nothing.base, "user", nothing.http)
        assert person.json("me/accounts") == {"data": []}

    @pytest.mark.parametrize(
        ("token", "path", "fields"),
        [
            ("ig", "900", "like_count"),
            ("ig", "900", "id"),
            ("ig", "900/children", "id"),
            ("ig", LINKED, "followers_count"),
            (TOKEN, LINKED, "username"),
            ("own", "901", "like_count"),
            ("own", "me", "followers_count"),
            ("own", "me", "user_id"),
        ],
    )
    def test_instagram_tells_nothing(self, nothing: Client, token: str, path: str, fields: str) -> None:
        instagram = Client(nothing.sandbox, f"{nothing.sandbox.url}/instagram/v25.0", token, nothing.http)
        status, error = instagram.error(path, fields=fields)
        assert (status, error["code"]) == (403, 10)
        assert error["message"] == "(#10) Application does not have permission for this action"


@pytest.mark.parametrize(
    ("path", "lacking"),
    [
        (f"{LINKED}/media", "pages_read_engagement"),
        ("900", "pages_read_engagement"),
        (f"{LINKED}/media", "instagram_basic"),
        ("900/insights", "pages_read_engagement"),
        ("900/insights", "instagram_manage_insights"),
        (f"{LINKED}/insights", "instagram_basic"),
    ],
)
def test_facebook_login_needs_scopes_of_both_platforms(path: str, lacking: str) -> None:
    """instagram.md section 1 lists them."""
    needed = {"instagram_basic", "instagram_manage_insights", "pages_read_engagement"}
    metric = {"metric": "reach", "period": "day"} if path.endswith("insights") else {"fields": "id"}
    for scopes, code in ((needed, 200), (needed - {lacking}, 403)):
        with serving(world(scopes=frozenset(scopes)), "instagram", "ig") as client:
            assert client.get(path, **metric).status_code == code
