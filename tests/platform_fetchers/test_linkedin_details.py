"""LinkedIn's fetcher over real HTTP: details of one post, its author, fresh tokens, ageing versions."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostAbsentError,
    PostNotFoundError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import FIGURES, NOT_FOUND, PAGE, STATISTICS, refs, share, statistics, ugc
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request


@pytest.fixture
def fetcher(server: PlatformServer, slept: list[float]) -> Iterator[LinkedInAnalyticsFetcher]:
    fetcher = LinkedInAnalyticsFetcher(
        TOKEN, "40012345", base_url=server.url, api_version="202608", clock=lambda: NOW, sleep=slept.append
    )
    yield fetcher
    fetcher.close()


# --- one post and its details


def test_a_deleted_post_is_told_from_an_absent_one(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({})
    with pytest.raises(PostNotFoundError, match="post 1: ") as caught:
        fetcher.fetch_post_analytics("1", share(1))
    assert (caught.value.post_id, caught.value.status_code) == (share(1), 404)

    server.answer = lambda r: Answer(json={"elements": []} if r.path == STATISTICS else {"id": share(1)})
    with pytest.raises(PostAbsentError):
        fetcher.fetch_post_analytics("1", share(1))


def test_reactions_of_all_types_are_added_up(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    summaries = {"LIKE": {"reactionType": "LIKE", "count": 30}, "PRAISE": {"count": 6}, "EMPATHY": {"count": 4}}
    posts = statistics({share(1): FIGURES})
    metadata = {"entity": share(1), "reactionSummaries": summaries}
    server.answer = lambda r: Answer(json=metadata) if "socialMetadata" in r.path else posts(r)
    assert fetcher.fetch_post_analytics("1", share(1))["reactions_count"] == 40
    assert server.requests[-1].target == f"/rest/socialMetadata/{share(1).replace(':', '%3A')}"


@pytest.mark.parametrize(
    "details",
    [
        Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"}),
        Answer(status=429, json={"status": 429, "serviceErrorCode": 101}),
        Answer(json={"reactionSummaries": {"LIKE": {"count": "many"}}, "elements": [{"value": {}}, 3]}),
        Answer(json={"reactionSummaries": {"LIKE": None}, "elements": []}),
        Answer(json=[]),
    ],
)
def test_details_never_cost_the_figures(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, details: Answer
) -> None:
    posts = statistics({ugc(1): FIGURES})
    server.answer = lambda r: posts(r) if r.path == STATISTICS else details
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert analytics["likes_count"] == 40
    assert (analytics["reactions_count"], analytics["video_views"], analytics["video_watch_time"]) == (None, None, None)


def test_watch_time_is_seconds(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    posts = statistics({ugc(1): FIGURES})
    values = {"VIDEO_VIEW": 120, "TIME_WATCHED": 845_500}

    def answer(request: Request) -> Answer:
        if request.path != "/rest/videoAnalytics":
            return posts(request)
        assert (request.query["q"], request.query["entity"]) == ("entity", ugc(1))
        kind = request.query["type"]
        return Answer(json={"elements": [{"entity": ugc(1), "statisticsType": kind, "value": values[kind]}]})

    server.answer = answer
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert (analytics["video_views"], analytics["video_watch_time"]) == (120, 845.5)


def test_many_posts_never_ask_for_details(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({ugc(1): FIGURES})
    list(fetcher.fetch_many(refs(ugc(1))))
    assert [request.path for request in server.requests] == [STATISTICS]


# --- the author


def test_without_an_organization_the_posts_author_is_asked_for_once(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    posts = statistics({share(1): FIGURES, share(2): FIGURES})
    server.answer = lambda r: Answer(json={"author": PAGE}) if r.path.startswith("/rest/posts/") else posts(r)
    assert [r.error for r in fetcher.fetch_many(refs(share(1)))] == [None]
    assert [r.error for r in fetcher.fetch_many(refs(share(2)))] == [None]
    fetcher.close()
    assert [request.path for request in server.requests] == [
        f"/rest/posts/{share(1).replace(':', '%3A')}",
        STATISTICS,
        STATISTICS,
    ]


def test_a_members_own_post_is_refused_with_the_reason(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    server.script(Answer(json={"author": "urn:li:person:abc"}))
    with pytest.raises(PermissionDeniedError, match="organization pages only"):
        fetcher.fetch_post_analytics("1", share(1))
    fetcher.close()


def test_a_deleted_post_does_not_hide_the_author_of_the_others(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    posts = statistics({share(2): FIGURES})
    deleted = f"/rest/posts/{share(1).replace(':', '%3A')}"

    def answer(request: Request) -> Answer:
        if request.path == deleted:
            return NOT_FOUND
        return Answer(json={"author": PAGE}) if request.path.startswith("/rest/posts/") else posts(request)

    server.answer = answer
    first, second = fetcher.fetch_many(refs(share(1), share(2)))
    fetcher.close()
    assert isinstance(first.error, PostNotFoundError)
    assert second.analytics is not None


def test_calls_about_the_page_need_an_organization(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    for call in (
        lambda: list(fetcher.list_posts(NOW, NOW)),
        lambda: fetcher.fetch_account_days(NOW.date(), NOW.date()),
    ):
        with pytest.raises(ConfigurationError, match="organization_id"):
            call()
    fetcher.close()


# --- token and version


REVOKED = Answer(
    status=401,
    json={
        "status": 401,
        "serviceErrorCode": 65601,
        "code": "REVOKED_ACCESS_TOKEN",
        "message": "The token used in the request has been revoked by the user",
    },
)


def test_a_token_minted_a_moment_ago_gets_a_second_chance(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, slept: list[float]
) -> None:
    good = {"organizationalEntity": PAGE, "share": share(1), "totalShareStatistics": FIGURES}
    server.script(REVOKED, Answer(json={"elements": [good]}))
    (reading,) = fetcher.fetch_many(refs(share(1)))
    assert reading.analytics is not None
    assert slept == [5.0]


def test_a_revoked_token_is_tried_twice_and_no_more(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, slept: list[float]
) -> None:
    server.script(REVOKED)
    with pytest.raises(InvalidTokenError):
        list(fetcher.fetch_many(refs(share(1))))
    assert (len(server.requests), slept) == (2, [5.0])


def test_what_ends_the_account_comes_after_what_was_read(server: PlatformServer, slept: list[float]) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url=server.url, list_size=1, sleep=slept.append)
    good = {"organizationalEntity": PAGE, "share": share(1), "totalShareStatistics": FIGURES}
    server.script(Answer(json={"elements": [good]}), Answer(status=500, json={}))
    readings = fetcher.fetch_many(refs(share(1), share(2)))
    assert next(readings).analytics is not None
    with pytest.raises(TransientError):
        next(readings)
    fetcher.close()


@pytest.mark.parametrize(
    ("version", "warned"), [("202511", True), ("202510", True), ("202601", False), ("202401", True), ("999999", False)]
)
def test_a_version_near_its_end_is_warned_of(caplog: pytest.LogCaptureFixture, version: str, warned: bool) -> None:
    clock = datetime(2026, 9, 17, tzinfo=UTC)
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url="http://unused", api_version=version, clock=lambda: clock)
    assert fetcher.answering_version == version
    assert ("LINKEDIN_API_VERSION" in caplog.text) == warned
