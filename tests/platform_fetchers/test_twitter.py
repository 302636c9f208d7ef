"""X's fetcher over real HTTP: figures, batches, media (platforms/x.md §4, §7)."""

from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PlatformAPIError,
)
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.platform_fetchers.twitter_wire import read_reply
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer
from tests.platform_fetchers.x_account import PUBLIC, XAccount, account_fetcher, item, post_id, served_account

ENVELOPE = ["data", "id", "errors", "type", "value", "includes", "media", "meta", "next_token", "resource_id", "status"]
FIELDS = ["media_key", "attachments", "media_keys", "public_metrics", "like_count", "edit_history_tweet_ids", "code"]
KEYS = [*ENVELOPE, *FIELDS, "referenced_tweets"]
"""What the parser looks at, for replies that hold these keys in wrong places."""

YOUNG = NOW - timedelta(days=5)
OLD = NOW - timedelta(days=60)


account, fetcher = served_account, account_fetcher


def refs(*ids: str) -> list[PostRef]:
    return [PostRef(i) for i in ids]


def errors_of(fetcher: TwitterAnalyticsFetcher, *ids: str) -> dict[str, PlatformAPIError | None]:
    return {reading.platform_post_id: reading.error for reading in fetcher.fetch_many(refs(*ids))}


ROW = {"id": "1", "public_metrics": {"retweet_count": 12, "reply_count": 4, "like_count": 88, "quote_count": 3}}


@patch("requests.Session.request")
def test_twitter_fetcher_with_one_post(mock_request: MagicMock) -> None:
    mock_request.return_value.json.return_value = {"data": ROW}
    analytics = TwitterAnalyticsFetcher(access_token="test_token").fetch_post_analytics("7", "1")
    assert analytics["likes_count"] == 88
    assert analytics["shares_count"] == 15


@patch("requests.Session.request")
def test_twitter_fetcher_with_many_posts(mock_request: MagicMock) -> None:
    mock_request.return_value.json.return_value = {"data": [ROW, {**ROW, "id": "2"}]}
    found = TwitterAnalyticsFetcher(access_token="test_token").fetch_multiple_tweets(["1", "2", "3"])
    assert found.keys() == {"1", "2"}
    assert found["1"]["comments_count"] == 4


@patch("requests.Session.request")
def test_twitter_fetcher_with_a_user(mock_request: MagicMock) -> None:
    metrics = {"followers_count": 5120, "following_count": 88, "tweet_count": 1402, "listed_count": 31}
    mock_request.return_value.json.return_value = {"data": {"id": "9", "public_metrics": metrics}}
    assert TwitterAnalyticsFetcher(access_token="test_token").fetch_user_metrics("9") == {**metrics, "like_count": None}


# --- figures


def test_every_figure_has_its_place(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    one = account.publish(YOUNG, media={"13_1": {"type": "video", "public_metrics": {"view_count": 2100}}})
    assert fetcher.fetch_post_analytics("7", one) == {
        "likes_count": 88,
        "comments_count": 4,
        "shares_count": 15,
        "reactions_count": 88,
        "retweets_count": 12,
        "quote_tweets_count": 3,
        "bookmarks_count": 9,
        "impressions": 7400,
        "reach": None,
        "clicks": None,
        "url_clicks": 61,
        "profile_clicks": 25,
        "video_views": 2100,
        "video_watch_time": None,
        "engagement_rate": 100 * (88 + 4 + 15) / 7400,
        "click_through_rate": None,
        "fetched_at": NOW,
        "platform": "twitter",
        "platform_post_id": one,
        "platform_post_url": f"https://x.com/i/status/{one}",
    }
    assert fetcher.answering_version == "2.168"


def test_both_vocabularies_are_read(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    one, two = post_id(YOUNG), post_id(YOUNG, 1)
    metrics = {**PUBLIC, "repost_count": PUBLIC["retweet_count"]}
    del metrics["retweet_count"]
    row = {"edit_history_post_ids": [one, two], "public_metrics": metrics}
    server.script(Answer(json={"data": [{**row, "id": one}, {**row, "id": two}]}))
    (reading,) = [r for r in fetcher.fetch_many(refs(one, two)) if r.platform_post_id == one]
    assert reading.analytics is not None
    assert reading.analytics["retweets_count"] == 24
    server.script(Answer(json={"data": [{"id": one, "referenced_posts": [{"type": "reposted"}], **row}]}))
    assert isinstance(errors_of(fetcher, one)[one], BadDataError)


def test_what_x_leaves_out_is_unknown(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    one = account.publish(OLD, public={"retweet_count": 3, "like_count": 0})
    analytics = fetcher.fetch_post_analytics("7", one)
    assert (analytics["likes_count"], analytics["comments_count"], analytics["impressions"]) == (0, None, None)
    assert (analytics["shares_count"], analytics["quote_tweets_count"]) == (3, None)
    assert (analytics["url_clicks"], analytics["video_views"], analytics["engagement_rate"]) == (None, None, None)


def test_only_videos_of_the_post_itself_count(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    def medium(kind: str, views: int) -> dict[str, Any]:
        return {"type": kind, "public_metrics": {"view_count": views}}

    one = account.publish(
        OLD, media={"13_1": medium("video", 10), "13_2": medium("video", 5), "3_3": medium("photo", 1)}
    )
    gif = account.publish(OLD, media={"16_4": medium("animated_gif", 70)})
    again = account.publish(YOUNG, media={"13_1": medium("video", 10)})
    plain = account.publish(OLD)
    found = fetcher.fetch_multiple_tweets([one, gif, again, plain])
    # X counts a video's views over all posts that carry it: only the first of them may show the number.
    assert {i: a["video_views"] for i, a in found.items()} == {one: 15, gif: None, again: None, plain: None}


@pytest.mark.parametrize("bad", [{"public_metrics": {"like_count": "x"}}, {"public_metrics": 5}, {}], ids=repr)
def test_a_malformed_row_costs_that_post_only(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, bad: dict[str, Any]
) -> None:
    good, broken = account.publish(OLD), account.publish(OLD)
    del account.posts[broken]["public_metrics"]
    account.posts[broken] |= bad
    found = errors_of(fetcher, good, broken)
    assert found[good] is None
    assert isinstance(found[broken], BadDataError)


def test_an_ignored_field_parameter_stops_the_account(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(OLD) for _ in range(250)]
    for row in account.posts.values():
        del row["public_metrics"]
    with pytest.raises(ConfigurationError, match=r"tweet\.fields"):
        list(fetcher.fetch_many(refs(*ids)))
    assert len(server.requests) == 1, "every post that is read is billed"


def test_an_ignored_field_parameter_stops_the_account_though_a_post_is_missing(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(OLD) for _ in range(150)]
    for row in account.posts.values():
        del row["public_metrics"]
    account.problems = {"5": item("5", "resource-not-found")}
    with pytest.raises(ConfigurationError, match=r"tweet\.fields"):
        list(fetcher.fetch_many(refs("5", *ids)))
    assert len(server.requests) <= 2


# --- batches


def test_a_thousand_posts_cost_ten_calls(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(NOW - timedelta(hours=3 * n)) for n in range(1000)]
    found = {r.platform_post_id: r.analytics for r in fetcher.fetch_many(refs(*ids))}
    assert found.keys() == set(ids)
    assert len(server.requests) == fetcher.usage.calls == 10
    with_clicks = {i for i, analytics in found.items() if analytics and analytics["url_clicks"] == 61}
    assert with_clicks == {i for i in ids if account.created(i) >= NOW - timedelta(days=30)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(st.integers(0, 90), max_size=230), size=st.integers(1, 100))
def test_batches_keep_every_id_once(server: PlatformServer, ages: list[int], size: int) -> None:
    account = XAccount(NOW)
    server.answer = account.answer
    server.requests.clear()
    ids = [account.publish(NOW - timedelta(days=age)) for age in ages]
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW)
    found = fetcher.fetch_multiple_tweets([*ids, *ids[:3]], max_results=size)
    fetcher.close()
    assert found.keys() == set(ids)
    sent = [request.query["ids"].split(",") for request in server.requests]
    assert sorted(i for batch in sent for i in batch) == sorted(ids)
    assert len(sent) == -(-len(ids) // size)
    asked = {
        i for request in server.requests if "non_public" in request.target for i in request.query["ids"].split(",")
    }
    assert asked >= {i for i, age in zip(ids, ages, strict=True) if age < 30}


@pytest.mark.parametrize("size", [0, 101, -1])
def test_a_bad_batch_size_is_refused(fetcher: TwitterAnalyticsFetcher, server: PlatformServer, size: int) -> None:
    with pytest.raises(ConfigurationError, match="max_results"):
        fetcher.fetch_multiple_tweets(["1"], max_results=size)
    assert server.requests == []


def test_bad_ids_never_reach_a_url(account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer) -> None:
    good = account.publish(OLD)
    found = errors_of(fetcher, "abc", "1,2", "", "1" * 20, "１２", good)
    assert found.pop(good) is None
    assert all(isinstance(error, ConfigurationError) for error in found.values())
    assert [request.query["ids"] for request in server.requests] == [good]
    with pytest.raises(ConfigurationError, match="'abc'"):
        TwitterAnalyticsFetcher.for_account(TOKEN, "abc")
    with pytest.raises(ConfigurationError, match="'abc'"):
        fetcher.fetch_user_metrics("abc")


def test_one_id_that_x_refuses_does_not_cost_the_others(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(OLD - timedelta(minutes=n)) for n in range(100)]
    bad = ids[41]
    text = f"The `ids` query parameter value [{bad}] is not valid"
    problem = {"title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request"}
    refusal = Answer(400, {"errors": [{"parameters": {"ids": [bad]}, "message": text}], **problem})
    server.answer = lambda r: refusal if bad in r.query["ids"].split(",") else account.answer(r)
    found = errors_of(fetcher, *ids)
    assert [i for i, error in found.items() if error] == [bad]
    assert text in str(found[bad])
    assert len(server.requests) <= 15


def test_a_medium_that_another_reply_tells_is_no_longer_unread() -> None:
    row = {"id": "11", "attachments": {"media_keys": ["13_5"]}}
    failed = {**item("13_5", "field-hydration-failure"), "resource_type": "media"}
    told = {"media": [{"media_key": "13_5", "type": "video", "public_metrics": {"view_count": 50}}]}
    reply = read_reply({"data": row, "errors": [failed]})
    assert reply.unread_views(["11"]) == [failed]
    reply.add(read_reply({"data": row, "includes": told}), ["11"])
    assert (reply.unread_views(["11"]), reply.media["13_5"]) == ([], told["media"][0])
