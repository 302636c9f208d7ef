"""The public Meta fetcher: which platform an id belongs to, and the interface of the plan."""

import json
from collections.abc import Iterator
from unittest.mock import MagicMock, patch

import pytest

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, PostNotFoundError
from analytics_pipeline.platform_fetchers.meta import MetaAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.oauth import FixedToken
from tests.platform_fetchers.conftest import TOKEN
from tests.platform_fetchers.graph_fake import GONE
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

PAGE, POST, MEDIA = "104928374650192", "104928374650192_122", "17895695668004550"
FACEBOOK = {"id": POST, "insights": {"data": [{"name": "post_media_view", "values": [{"value": 11}]}]}}
INSTAGRAM = {"id": MEDIA, "insights": {"data": [{"name": "views", "values": [{"value": 22}]}]}}


@pytest.fixture
def fetcher(server: PlatformServer) -> Iterator[MetaAnalyticsFetcher]:
    def answer(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(json=INSTAGRAM if request.path.endswith(MEDIA) else FACEBOOK)
        parts = json.loads(request.form["batch"])
        return Answer(json=[{"code": 200, "body": json.dumps(FACEBOOK)} for _ in parts])

    server.answer = answer
    made = MetaAnalyticsFetcher(TOKEN, PAGE, base_url=server.url, api_version="v25.0")
    yield made
    made.close()


def test_the_id_tells_the_platforms_apart(fetcher: MetaAnalyticsFetcher) -> None:
    assert isinstance(fetcher, BasePlatformFetcher)
    facebook, instagram = fetcher.fetch_post_analytics("1", POST), fetcher.fetch_post_analytics("2", MEDIA)
    assert (facebook["platform"], facebook["impressions"]) == ("facebook", 11)
    assert (instagram["platform"], instagram["impressions"]) == ("instagram", 22)
    assert fetcher.fetch_facebook_analytics("1", POST)["platform_post_id"] == POST
    assert fetcher.fetch_instagram_analytics("2", MEDIA)["platform_post_id"] == MEDIA


def test_many_posts_of_both_platforms(fetcher: MetaAnalyticsFetcher) -> None:
    readings = list(fetcher.fetch_many([PostRef(MEDIA), PostRef(POST, None, "image")]))
    assert [(r.platform_post_id, r.analytics and r.analytics["impressions"]) for r in readings] == [
        (POST, 11),
        (MEDIA, 22),
    ]


@pytest.mark.parametrize("bad", ["", "abc", "1_", "urn:li:share:1", "１２"])
def test_an_id_of_neither_is_refused_by_name(bad: str, fetcher: MetaAnalyticsFetcher, server: PlatformServer) -> None:
    with pytest.raises(ConfigurationError, match=repr(bad)):
        fetcher.fetch_post_analytics("1", bad)
    for read in (fetcher.fetch_facebook_analytics, fetcher.fetch_instagram_analytics):
        with pytest.raises(ConfigurationError):
            read("1", bad)
    assert server.requests == []


def test_a_media_id_is_no_post_id(fetcher: MetaAnalyticsFetcher) -> None:
    with pytest.raises(ConfigurationError):
        fetcher.fetch_facebook_analytics("1", MEDIA)
    with pytest.raises(ConfigurationError):
        fetcher.fetch_instagram_analytics("1", POST)


@pytest.mark.parametrize("key", [POST, MEDIA])
def test_a_post_that_is_gone_is_named_by_both_ids(
    key: str, fetcher: MetaAnalyticsFetcher, server: PlatformServer
) -> None:
    server.answer = lambda _: Answer(*GONE)
    with pytest.raises(PostNotFoundError) as caught:
        fetcher.fetch_post_analytics("4711", key)
    assert caught.value.post_id == key
    assert "4711" in caught.value.message


def test_no_other_host_is_called_than_the_one_given(server: PlatformServer) -> None:
    both = MetaAnalyticsFetcher(TOKEN, base_url=server.url)
    assert both.instagram.base_url == server.url
    apart = MetaAnalyticsFetcher(TOKEN, base_url=server.url, instagram_base_url="https://graph.instagram.com")
    assert (apart.instagram.base_url, apart.instagram.batches) == ("https://graph.instagram.com", False)
    assert apart.batches


@patch("requests.Session.request")
def test_a_mocked_session_is_enough(request_mock: MagicMock) -> None:
    request_mock.return_value.json.return_value = {
        "data": [
            {"name": "post_media_view", "values": [{"value": 5000}]},
            {"name": "post_reactions_like_total", "values": [{"value": 100}]},
            {"name": "views", "values": [{"value": 600}]},
            {"name": "likes", "values": [{"value": 50}]},
        ]
    }
    fetcher = MetaAnalyticsFetcher(access_token="test_token", page_id=PAGE)
    facebook = fetcher.fetch_facebook_analytics("1", POST)
    assert (facebook["likes_count"], facebook["impressions"]) == (100, 5000)
    instagram = fetcher.fetch_instagram_analytics("1", MEDIA)
    assert (instagram["likes_count"], instagram["impressions"]) == (50, 600)


def test_both_platforms_are_asked_with_the_present_token_and_counted(
    fetcher: MetaAnalyticsFetcher, server: PlatformServer
) -> None:
    fetcher.tokens = FixedToken("EAAnew")
    for post in (POST, MEDIA):
        fetcher.fetch_post_analytics("1", post)
    list(fetcher.fetch_many([PostRef(MEDIA), PostRef(POST, None, "image")]))
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer EAAnew"}
    assert (fetcher.usage.calls, fetcher.usage.posts) == (len(server.requests), 4)
