"""X's day series and watch time over real HTTP: what is known in part, what is refused (platforms/x.md §4, §5)."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.platform_fetchers.x_account import USER, XAccount, served_account

account = served_account
DAY = date(2026, 8, 30)
BORN = NOW - timedelta(days=2)


@pytest.fixture
def fetcher(
    server: PlatformServer, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TwitterAnalyticsFetcher]:
    """A fetcher that asks for the analytics of the last 30 days."""
    monkeypatch.setenv("TWITTER_ANALYTICS_DAYS", "30")
    get_settings.cache_clear()
    fetcher = TwitterAnalyticsFetcher.for_account(
        TOKEN, USER, base_url=server.url, clock=lambda: NOW, sleep=slept.append
    )
    yield fetcher
    fetcher.close()
    monkeypatch.undo()
    get_settings.cache_clear()


def bucket(**metrics: Any) -> dict[str, Any]:
    return {"timestamped_metrics": [{"timestamp": f"{DAY}T00:00:00Z", "metrics": metrics}]}


def answering(account: XAccount, posts: Answer, media: Answer | None = None) -> Callable[[Request], Answer]:
    """The account, and these answers to the calls for analytics."""

    def answer(request: Request) -> Answer:
        if request.path == "/2/tweets/analytics":
            return posts
        if request.path == "/2/media/analytics":
            return media or Answer(json={"data": []})
        return account.answer(request)

    return answer


def read(fetcher: TwitterAnalyticsFetcher, post: str) -> PostReading:
    [reading] = fetcher.fetch_many([PostRef(post, BORN)])
    return reading


def test_the_days_of_an_edited_post_are_those_that_all_versions_tell(
    server: PlatformServer, account: XAccount, fetcher: TwitterAnalyticsFetcher
) -> None:
    first, second = account.edit(account.publish(BORN))
    row = {"id": second, **bucket(likes=70, impressions=5100)}
    server.answer = answering(account, Answer(json={"data": [row]}))
    assert read(fetcher, first).days == {}, "70 likes of one version would pass for those of the post"

    server.answer = answering(account, Answer(json={"data": [row, {"id": first, **bucket(likes=5)}]}))
    assert read(fetcher, first).days == {DAY: {"likes_count": 75}}


@pytest.mark.parametrize(
    "counters",
    [
        (
            "likes",
            "replies",
            "retweets",
            "quote_tweets",
            "bookmarks",
            "impressions",
            "url_clicks",
            "user_profile_clicks",
        ),
        ("likes", "replies", "reposts", "quotes", "bookmarks", "impressions", "link_clicks", "profile_visits"),
    ],
    ids=["tweets", "posts"],
)
def test_a_day_is_told_in_either_vocabulary(
    server: PlatformServer, account: XAccount, fetcher: TwitterAnalyticsFetcher, counters: tuple[str, ...]
) -> None:
    post = account.publish(BORN)
    told = {name: number for number, name in enumerate(counters, 1)} | {"shares": 99}
    server.answer = answering(account, Answer(json={"data": [{"id": post, **bucket(**told)}]}))
    assert read(fetcher, post).days[DAY] == {
        "likes_count": 1,
        "comments_count": 2,
        "retweets_count": 3,
        "quote_tweets_count": 4,
        "bookmarks_count": 5,
        "impressions": 6,
        "url_clicks": 7,
        "profile_clicks": 8,
    }


@pytest.mark.parametrize(("other", "seconds"), [("600000", 6000.0), (None, None)])
def test_views_and_watch_time_are_those_of_all_videos_of_a_post(
    server: PlatformServer,
    account: XAccount,
    fetcher: TwitterAnalyticsFetcher,
    other: str | None,
    seconds: float | None,
) -> None:
    views = {"public_metrics": {"view_count": 300}} if other else {}
    media = {"13_1": {"type": "video", "public_metrics": {"view_count": 2100}}, "13_2": {"type": "video", **views}}
    post = account.publish(BORN, media=media)
    watched = [
        {"media_key": "13_1", **bucket(watch_time_ms=5400000)},
        {"media_key": "13_2", **bucket(watch_time_ms=other)},
    ]
    server.answer = answering(account, Answer(json={"data": []}), Answer(json={"data": watched}))
    figures = read(fetcher, post).analytics
    assert figures is not None
    assert (figures["video_views"], figures["video_watch_time"]) == (2400 if other else None, seconds)


REFUSED = {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden"}
INVALID = {"title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request", "errors": []}


@pytest.mark.parametrize(
    ("answer", "remembered"),
    [
        (Answer(json={"errors": [REFUSED]}), "denied_metrics"),
        (Answer(400, json=INVALID), "denied_metrics"),
        (Answer(404, body=b""), "dead_metrics"),
        (Answer(404, json={"errors": [{"code": 34, "message": "not here"}]}), ""),
    ],
)
def test_what_is_refused_is_asked_for_once(
    server: PlatformServer, account: XAccount, fetcher: TwitterAnalyticsFetcher, answer: Answer, remembered: str
) -> None:
    posts = [account.publish(NOW - timedelta(hours=n + 1)) for n in range(250)]
    server.answer = answering(account, answer)
    found = list(fetcher.fetch_many([PostRef(post) for post in posts]))
    assert [reading.error for reading in found] == [None] * 250
    attempts = 3 if answer.body == b"" else 1  # an empty page may be a gateway's
    assert sum("analytics" in request.path for request in server.requests) == attempts
    for name in ("dead_metrics", "denied_metrics"):
        assert getattr(fetcher, name) == ({"tweets/analytics"} if name == remembered else set())
