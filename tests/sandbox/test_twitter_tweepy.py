"""tweepy, a client that others wrote, reads the simulated X right: figures, pages, errors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import tweepy

from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
POSTS = 230


def make_world() -> World:
    world = World(clock=ClockSettings("fixed", NOW))
    scopes = frozenset({"tweet.read", "users.read"})
    world.accounts.append(
        Account("twitter", "2200000001", "Acme", access_token="CANARY", scopes=scopes, followers=512, username="acme")
    )
    for n in range(POSTS):
        published = NOW - timedelta(hours=n + 1)
        name = str(1970000000000000000 - n)
        world.posts.append(
            Post("twitter", "2200000001", name, published, "video", f"Post {n}", media_id=f"13_{n}", duration_s=30.0)
        )
        world.observations.append(
            Observation(
                "twitter", name, published, likes=n, comments=2 * n, shares=3, quotes=4, bookmarks=5,
                impressions=100 + n, url_clicks=6, profile_clicks=7, video_views=8 * n,
            )
        )  # fmt: skip
    world.__post_init__()
    return world


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """One account with a few hundred posts."""
    with SandboxServer(make_world()) as server:
        yield server


class ToSandbox(requests.adapters.HTTPAdapter):
    """Sends what is meant for api.twitter.com to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = f"{self._url}/twitter/{request.url.split('/', 3)[3]}"
        return super().send(request, *args, **kwargs)


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[tweepy.Client]:
    """A client with the owner's OAuth 2.0 token."""
    client = tweepy.Client("CANARY")
    client.session.mount("https://", ToSandbox(sandbox.url))
    yield client
    client.session.close()


def test_posts_with_all_groups_of_figures(client: tweepy.Client, sandbox: SandboxServer) -> None:
    posts = sandbox.state.world.posts
    reply = client.get_tweets(
        [post.post_id for post in posts[:100]],
        tweet_fields=["created_at", "public_metrics", "non_public_metrics", "attachments"],
        expansions=["attachments.media_keys"],
        media_fields=["type", "public_metrics", "duration_ms"],
    )
    assert len(reply.data) == 100
    for n, tweet in enumerate(reply.data):
        assert tweet.created_at == posts[n].published_at
        assert tweet.text == f"Post {n}"
        assert tweet.public_metrics == {
            "like_count": n, "reply_count": 2 * n, "retweet_count": 3, "quote_count": 4, "bookmark_count": 5,
            "impression_count": 100 + n,
        }  # fmt: skip
        assert tweet.non_public_metrics["url_link_clicks"] == 6
        assert tweet.non_public_metrics["user_profile_clicks"] == 7
    views = {media.media_key: media.public_metrics["view_count"] for media in reply.includes["media"]}
    assert views == {f"13_{n}": 8 * n for n in range(100)}


def test_every_page_of_the_timeline(client: tweepy.Client) -> None:
    pages = tweepy.Paginator(
        client.get_users_tweets, "2200000001", max_results=100, tweet_fields=["created_at"], user_auth=False
    )
    found = [tweet.id for tweet in pages.flatten()]
    assert found == [1970000000000000000 - n for n in range(POSTS)]


def test_the_account(client: tweepy.Client) -> None:
    me = client.get_me(user_fields=["public_metrics"], user_auth=False).data
    assert (me.id, me.username, me.public_metrics["followers_count"]) == (2200000001, "acme", 512)


def test_missing_posts_are_errors_beside_the_data(client: tweepy.Client) -> None:
    reply = client.get_tweets([1970000000000000000, 1234567890123456789])
    assert [tweet.id for tweet in reply.data] == [1970000000000000000]
    assert [error["resource_id"] for error in reply.errors] == ["1234567890123456789"]


@pytest.mark.parametrize(("status", "error"), [(429, tweepy.TooManyRequests), (503, tweepy.TwitterServerError)])
def test_errors_are_understood(
    client: tweepy.Client, sandbox: SandboxServer, status: int, error: type[Exception]
) -> None:
    sandbox.script_fault("status", status=status, platform="twitter")
    with pytest.raises(error):
        client.get_tweets([1970000000000000000])


def test_a_bad_token_is_unauthorized(sandbox: SandboxServer) -> None:
    client = tweepy.Client("nobody's")
    client.session.mount("https://", ToSandbox(sandbox.url))
    with pytest.raises(tweepy.Unauthorized):
        client.get_tweets([1970000000000000000])
    client.session.close()
