"""facebook-business, Meta's own client, reads the simulated Facebook and Instagram right: figures, pages, batches, errors."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from facebook_business.adobjects.igmedia import IGMedia
from facebook_business.adobjects.igmediaforigonlyapi import IGMediaForIGOnlyAPI
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.iguserforigonlyapi import IGUserForIGOnlyAPI
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from analytics_pipeline.sandbox.model import Account, AccountDay, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.graph_client import NOW, PAGE, serving

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # its lists of names lag behind the platform

USER, OWN_USER = "17841405822304914", "17841405822304999"
POSTS = 130
DAY = date(2026, 9, 10)


def kind(n: int) -> str:
    return {3: "reel", 4: "carousel"}.get(n % 10, "image")


def posts_of(platform: str, account: str) -> Iterator[tuple[Post, Observation]]:
    for n in range(POSTS):
        key = f"{PAGE}_{9000 + n}" if platform == "facebook" else f"{account}{n:03d}"
        at = NOW - timedelta(hours=n + 1)
        figures = Observation(
            platform, key, at, likes=n, comments=n % 7, shares=n % 5, impressions=10 * n, reach=5 * n,
            clicks=n, url_clicks=n // 2, watch_time_ms=1500 * n if kind(n) == "reel" else None,
        )  # fmt: skip
        if platform == "facebook":
            figures.reaction_love = 2
        else:
            figures.bookmarks = n % 4
        yield Post(platform, account, key, at, kind(n), f"Post {n}"), figures


def make_world() -> World:
    """A Page, the Instagram account linked to it, and one with Instagram login, with the same figures each."""
    accounts = [
        Account("facebook", PAGE, "Acme", access_token="EAApage", refresh_token="EAAperson", followers=5000),
        Account("instagram", USER, "Acme", access_token="EAAig", page_id=PAGE, followers=700, username="acme"),
        Account("instagram", OWN_USER, "Solo", access_token="IGAAown", login="instagram", followers=800),
    ]
    made = [pair for account in accounts for pair in posts_of(account.platform, account.external_id)]
    return World(
        accounts=accounts,
        posts=[post for post, _ in made],
        observations=[figures for _, figures in made],
        account_days=[
            AccountDay(account.platform, account.external_id, DAY, metric, 42)
            for account in accounts
            for metric in ("impressions", "reach")
        ],
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """One server for all tests; none of them changes the world."""
    with serving(make_world()) as client:
        yield client.sandbox


def api(sandbox: SandboxServer, platform: str, token: str, secret: str | None = None) -> FacebookAdsApi:
    """The client, pointed at the sandbox by its own attribute for the host."""
    session = FacebookSession(app_id=sandbox.state.world.oauth.client_id, app_secret=secret, access_token=token)
    session.GRAPH = f"{sandbox.url}/{platform}"
    return FacebookAdsApi(session, api_version="v25.0")


def values(results: Any) -> dict[str, Any]:
    """Metric → value, lifetime or of the only day."""
    return {
        each["name"]: each["total_value"]["value"] if each.get("total_value") else each["values"][0]["value"]
        for each in results
    }


class TestFacebook:
    @pytest.fixture
    def page(self, sandbox: SandboxServer) -> Page:
        return Page(PAGE, api=api(sandbox, "facebook", "EAApage"))

    def test_every_post_with_its_insights_through_all_pages(self, page: Page) -> None:
        metrics = "post_media_view,post_total_media_view_unique,post_clicks,post_reactions_by_type_total"
        fields = ["id", "created_time", "shares", "comments.limit(0).summary(true)", f"insights.metric({metrics})"]
        found = list(page.get_published_posts(fields=fields, params={"limit": 50}))
        assert [post["id"] for post in found] == [f"{PAGE}_{9000 + n}" for n in range(POSTS)]
        for n, post in enumerate(found):
            assert datetime.fromisoformat(post["created_time"]) == NOW - timedelta(hours=n + 1)
            assert post["comments"]["summary"]["total_count"] == n % 7
            assert (post["shares"]["count"] if "shares" in post else 0) == n % 5
            expected: dict[str, Any] = {
                "post_media_view": 10 * n,
                "post_clicks": n,
                "post_reactions_by_type_total": {"like": n, "love": 2} if n else {"love": 2},
            }
            if kind(n) != "reel":
                expected["post_total_media_view_unique"] = 5 * n
            assert values(post["insights"]["data"]) == expected

    def test_insights_of_one_post(self, sandbox: SandboxServer) -> None:
        post = PagePost(f"{PAGE}_9040", api=api(sandbox, "facebook", "EAApage"))
        metrics = ["post_media_view", "post_clicks_by_type"]
        found = list(post.get_insights(params={"metric": metrics, "period": "lifetime"}))
        assert values(found) == {"post_media_view": 400, "post_clicks_by_type": {"link clicks": 20, "other clicks": 20}}
        assert [each["period"] for each in found] == ["lifetime"] * 2

    def test_a_day_of_the_page(self, page: Page) -> None:
        [series] = page.get_insights(
            params={
                "metric": ["page_media_view"],
                "period": "day",
                "since": DAY.isoformat(),
                "until": (DAY + timedelta(days=1)).isoformat(),
            }
        )
        assert [(each["value"], each["end_time"]) for each in series["values"]] == [(42, "2026-09-11T07:00:00+0000")]

    def test_reels_by_video_insights(self, sandbox: SandboxServer) -> None:
        answer = api(sandbox, "facebook", "EAApage").call(
            "GET", ("9003", "video_insights"), {"metric": ["blue_reels_play_count", "post_video_view_time"]}
        )
        assert values(answer.json()["data"]) == {"blue_reels_play_count": 30, "post_video_view_time": 4500}

    def test_a_batch_tells_each_entry_apart(self, sandbox: SandboxServer) -> None:
        client = api(sandbox, "facebook", "EAApage")
        batch, good, bad = client.new_batch(), [], []

        def failed(response: FacebookResponse) -> None:
            bad.append(response.error().api_error_code())

        for n in (1, 2, 999):
            batch.add(
                "GET",
                f"{PAGE}_{9000 + n}/insights",
                params={"metric": "post_media_view"},
                success=lambda response: good.append(values(response.json()["data"])),
                failure=failed,
            )
        sandbox.script_fault("delay", platform="facebook", path_contains=f"{PAGE}_9002")
        unfinished = batch.execute()
        assert (good, bad, len(unfinished)) == ([{"post_media_view": 10}], [100], 1)
        assert unfinished.execute() is None
        assert good[1] == {"post_media_view": 20}

    @pytest.mark.parametrize(
        ("metric", "token", "expected"),
        [
            ("post_impressions", "EAApage", (400, 100, None, "(#100) The value must be a valid insights metric")),
            ("", "EAApage", (400, 3001, 1504028, "No metric was specified to be fetched.")),
            ("post_media_view", "nobody's", (400, 190, None, "Invalid OAuth access token")),
        ],
        ids=["dead metric", "no metric", "no token of ours"],
    )
    def test_errors_are_understood(
        self, sandbox: SandboxServer, metric: str, token: str, expected: tuple[int, int, int | None, str]
    ) -> None:
        post = PagePost(f"{PAGE}_9001", api=api(sandbox, "facebook", token))
        with pytest.raises(FacebookRequestError) as caught:
            post.get_insights(params={"metric": [metric]} if metric else {})
        error = caught.value
        found = (error.http_status(), error.api_error_code(), error.api_error_subcode())
        assert found == expected[:3]
        assert error.api_error_message().startswith(expected[3])

    def test_a_throttle_is_understood(self, sandbox: SandboxServer, page: Page) -> None:
        sandbox.script_fault("status", status=429, platform="facebook")
        with pytest.raises(FacebookRequestError) as caught:
            page.api_get(fields=["followers_count"])
        assert (caught.value.api_error_code(), caught.value.api_transient_error()) == (4, True)

    def test_the_pages_of_a_person(self, sandbox: SandboxServer) -> None:
        person = User("me", api=api(sandbox, "facebook", "EAAperson"))
        [page] = person.get_accounts(fields=["id", "access_token", "instagram_business_account"])
        assert (page["id"], page["access_token"]) == (PAGE, "EAApage")
        assert page["instagram_business_account"]["id"] == USER

    def test_a_proof_of_the_apps_secret_is_checked(self, sandbox: SandboxServer) -> None:
        right = Page(PAGE, api=api(sandbox, "facebook", "EAApage", sandbox.state.world.oauth.client_secret))
        assert right.api_get(fields=["followers_count"])["followers_count"] == 5000
        with pytest.raises(FacebookRequestError) as caught:
            Page(PAGE, api=api(sandbox, "facebook", "EAApage", "another secret")).api_get(fields=["id"])
        assert caught.value.api_error_message() == "Invalid appsecret_proof provided in the API argument"


class TestInstagram:
    """With Facebook login and, on its own objects, with Instagram login."""

    @pytest.fixture(params=["Facebook login", "Instagram login"])
    def account(self, request: pytest.FixtureRequest, sandbox: SandboxServer) -> Any:
        if request.param == "Facebook login":
            return IGUser(USER, api=api(sandbox, "instagram", "EAAig"))
        return IGUserForIGOnlyAPI(OWN_USER, api=api(sandbox, "instagram", "IGAAown"))

    def test_every_media_through_all_pages(self, account: Any) -> None:
        fields = ["id", "timestamp", "media_type", "media_product_type", "like_count", "comments_count"]
        found = list(account.get_media(fields=fields, params={"limit": 50}))
        assert [media["id"] for media in found] == [f"{account['id']}{n:03d}" for n in range(POSTS)]
        kinds = {"image": ("IMAGE", "FEED"), "carousel": ("CAROUSEL_ALBUM", "FEED"), "reel": ("VIDEO", "REELS")}
        for n, media in enumerate(found):
            assert (media["like_count"], media["comments_count"]) == (n, n % 7)
            assert (media["media_type"], media["media_product_type"]) == kinds[kind(n)]
            assert datetime.fromisoformat(media["timestamp"]) == NOW - timedelta(hours=n + 1)

    @pytest.mark.parametrize("n", [40, 53], ids=["image", "reel"])
    def test_insights_of_one_media(self, account: Any, n: int) -> None:
        metrics = ["views", "reach", "likes", "comments", "saved", "shares"]
        expected = {
            "views": 10 * n, "reach": 5 * n, "likes": n, "comments": n % 7, "saved": n % 4, "shares": n % 5
        }  # fmt: skip
        if kind(n) == "reel":
            metrics.append("ig_reels_video_view_total_time")
            expected["ig_reels_video_view_total_time"] = 1500 * n
        of_login = IGMedia if isinstance(account, IGUser) else IGMediaForIGOnlyAPI
        media = of_login(f"{account['id']}{n:03d}", api=account.get_api())
        assert values(media.get_insights(params={"metric": metrics, "period": ["lifetime"]})) == expected

    def test_clicks_by_action_type(self, account: Any) -> None:
        of_login = IGMedia if isinstance(account, IGUser) else IGMediaForIGOnlyAPI
        media = of_login(f"{account['id']}040", api=account.get_api())
        [found] = media.get_insights(params={"metric": ["profile_activity"], "breakdown": ["action_type"]})
        [split] = found["total_value"]["breakdowns"]
        assert {each["dimension_values"][0]: each["value"] for each in split["results"]} == {
            "bio_link_clicked": 20,
            "other": 20,
        }

    @pytest.mark.parametrize(
        ("metric", "metric_type"), [("views", "total_value"), ("reach", "time_series"), ("reach", "default")]
    )
    def test_a_day_of_the_account(self, account: Any, metric: str, metric_type: str) -> None:
        found = account.get_insights(
            params={
                "metric": [metric],
                "period": ["day"],
                "metric_type": metric_type,
                "since": DAY.isoformat(),
                "until": (DAY + timedelta(days=1)).isoformat(),
            }
        )
        assert values(found) == {metric: 42}

    def test_the_account_itself(self, account: Any) -> None:
        fields = ["username", "followers_count", "media_count"]
        name, followers = ("acme", 700) if isinstance(account, IGUser) else ("Solo", 800)
        found = account.api_get(fields=fields)
        assert [found[name] for name in fields] == [name, followers, POSTS]

    def test_a_metric_of_another_kind_is_refused_by_name(self, account: Any) -> None:
        of_login = IGMedia if isinstance(account, IGUser) else IGMediaForIGOnlyAPI
        media = of_login(f"{account['id']}040", api=account.get_api())
        with pytest.raises(FacebookRequestError) as caught:
            media.get_insights(params={"metric": ["views", "ig_reels_video_view_total_time"]})
        error = caught.value
        assert (error.http_status(), error.api_error_code()) == (400, 100)
        assert error.api_error_type() == ("OAuthException" if isinstance(account, IGUser) else "IGApiException")
        assert "does not support the ig_reels_video_view_total_time metric" in error.api_error_message()
