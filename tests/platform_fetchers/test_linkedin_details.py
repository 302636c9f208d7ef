"""LinkedIn's fetcher over real HTTP: details of one post, its author, fresh tokens, ageing versions."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostAbsentError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    NOT_FOUND,
    PAGE,
    STATISTICS,
    page_fetcher,
    refs,
    share,
    statistics,
    ugc,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


# --- one post and its details


def test_what_ends_the_account_leaves_the_videos_that_were_read(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    young = [PostRef(ugc(n), NOW - timedelta(days=1), "video") for n in range(3)]
    old = [PostRef(ugc(n), NOW - timedelta(days=100), "text") for n in range(3, 60)]
    posts = statistics({ref.platform_post_id: FIGURES for ref in [*young, *old]})
    asked = 0

    def said(request: Request) -> Answer:
        nonlocal asked
        asked += request.path == STATISTICS
        if request.path == STATISTICS and asked == 2:
            return Answer(status=429, json={"status": 429, "serviceErrorCode": 101})
        return posts(request) if request.path == STATISTICS else NOT_FOUND

    server.answer = said
    read: list[PostReading] = []
    with pytest.raises(RateLimitError):
        read.extend(fetcher.fetch_many([*young, *old]))
    assert len(read) == 50
    assert {ref.platform_post_id for ref in young} <= {r.platform_post_id for r in read if r.analytics is not None}


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


# --- details of many posts, and their ration


def page_of(posts: int, kind: str = "text", hours: int = 1) -> list[PostRef]:
    """Posts, one every `hours` hours, the newest now."""
    return [PostRef(ugc(n), NOW - timedelta(hours=hours * n), kind) for n in range(posts)]


def everything(request: Request) -> Answer:
    """Statistics, reactions and video figures of any post."""
    if request.path == "/rest/socialMetadata":
        ids = [unquote(urn) for urn in re.findall(r"urn%3A[^,)]+", request.target)]
        assert request.target == f"/rest/socialMetadata?ids=List({','.join(urn.replace(':', '%3A') for urn in ids)})"
        assert len(ids) <= 50
        summaries = {"LIKE": {"count": 2}, "PRAISE": {"count": 1}}
        return Answer(json={"results": {urn: {"reactionSummaries": summaries} for urn in ids}, "errors": {}})
    if request.path == "/rest/videoAnalytics":
        return Answer(json={"elements": [{"value": 5000 if request.query["type"] == "TIME_WATCHED" else 9}]})
    return statistics({ugc(n): FIGURES for n in range(2000)})(request)


def paths(server: PlatformServer) -> Counter[str]:
    """Calls by resource."""
    return Counter(request.path.rpartition("/")[2] for request in server.requests)


def test_reactions_come_fifty_posts_a_call(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = everything
    readings = list(fetcher.fetch_many(page_of(120)))
    assert [r.analytics["reactions_count"] for r in readings if r.analytics] == [3] * 120
    assert paths(server) == {"organizationalEntityShareStatistics": 3, "socialMetadata": 3}
    assert readings[0].raw["socialMetadata"]["reactionSummaries"]["PRAISE"] == {"count": 1}


def test_videos_have_views_and_seconds(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = everything
    (reading,) = fetcher.fetch_many(page_of(1, "video"))
    assert reading.analytics is not None
    assert (reading.analytics["video_views"], reading.analytics["video_watch_time"]) == (9, 5.0)
    assert paths(server)["videoAnalytics"] == 2


def test_details_are_for_the_young_and_within_their_ration(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = everything
    readings = {r.platform_post_id: r.analytics for r in fetcher.fetch_many(page_of(1000, "video"))}
    assert paths(server) == {"organizationalEntityShareStatistics": 20, "socialMetadata": 8}, "reactions first"
    known = {urn for urn, analytics in readings.items() if analytics and analytics["reactions_count"] is not None}
    assert known == {ugc(n) for n in range(400)}
    assert len(readings) == 1000

    server.requests.clear()
    old = [PostRef(ugc(1), NOW - timedelta(days=31), "video"), PostRef(ugc(2), None, "video")]
    assert all(r.analytics for r in fetcher.fetch_many(old))
    assert paths(server) == {"organizationalEntityShareStatistics": 1}


def test_batches_that_an_app_may_not_send_are_tried_once(server: PlatformServer, slept: list[float]) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    server.answer = lambda r: denied if "socialMetadata" in r.path else everything(r)
    for dead in (set[str](), {"socialMetadata"}):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.denied_metrics |= dead
        assert [bool(r.analytics) for r in fetcher.fetch_many(page_of(120))] == [True] * 120
        assert fetcher.denied_metrics == {"socialMetadata"}
        assert fetcher.dead_metrics == set(), "another page's token may see them"
        fetcher.close()
    assert paths(server)["socialMetadata"] == 1


def test_videos_that_a_token_may_not_see_are_tried_once(server: PlatformServer) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    server.answer = lambda r: denied if "videoAnalytics" in r.path else everything(r)
    for known in (set[str](), {"videoAnalytics"}):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.denied_metrics |= known
        readings = list(fetcher.fetch_many(page_of(3, "video")))
        assert [r.analytics and r.analytics["reactions_count"] for r in readings] == [3] * 3
        assert fetcher.denied_metrics == {"videoAnalytics"}
        fetcher.close()
    assert paths(server)["videoAnalytics"] == 1


def test_a_video_without_views_is_not_asked_for_its_watch_time(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = lambda r: Answer(json={"elements": []}) if "videoAnalytics" in r.path else everything(r)
    readings = list(fetcher.fetch_many(page_of(3, "video")))
    assert [r.analytics and r.analytics["video_views"] for r in readings] == [None] * 3
    assert paths(server)["videoAnalytics"] == 3


@pytest.mark.parametrize("where", ["statuses", "errors"])
def test_of_posts_without_statistics_the_deleted_are_told_by_their_entry(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, where: str
) -> None:
    quiet, deleted, old = ugc(1), ugc(2), ugc(3)
    entry = {"statuses": {quiet: 200, deleted: 404}, "errors": {deleted: {"status": 404, "code": "NOT_FOUND"}}}
    metadata = Answer(json={"results": {quiet: {"entity": quiet, "reactionSummaries": {}}}, where: entry[where]})
    server.answer = lambda r: metadata if "socialMetadata" in r.path else Answer(json={"elements": []})
    published = {quiet: NOW, deleted: NOW, old: NOW - timedelta(days=400)}
    found = {r.platform_post_id: r.error for r in fetcher.fetch_many([PostRef(u, t) for u, t in published.items()])}
    assert {urn: type(error) for urn, error in found.items()} == {
        quiet: PostAbsentError,
        deleted: PostNotFoundError,
        old: PostAbsentError,
    }
    assert server.requests[-1].target.count("urn%3Ali") == 2, "what is too old for details is not asked about"


def test_a_throttle_ends_the_details_and_no_reading(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    throttled = Answer(status=429, json={"status": 429, "serviceErrorCode": 101})
    server.answer = lambda r: throttled if "socialMetadata" in r.path else everything(r)
    assert [bool(r.analytics) for r in fetcher.fetch_many(page_of(120))] == [True] * 120
    assert paths(server)["socialMetadata"] == 1


# --- quotas


def test_a_used_up_day_is_kept_for_the_resource_until_midnight(server: PlatformServer, slept: list[float]) -> None:
    said = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
    throttled = Answer(status=429, json={"message": said, "status": 429, "serviceErrorCode": 101})
    server.answer = lambda r: throttled if r.path == STATISTICS else Answer(json={"elements": []})
    quota = MemoryQuota()
    for _ in range(2):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.quota = quota
        with pytest.raises(RateLimitError) as caught:
            list(fetcher.fetch_many(page_of(1)))
        assert caught.value.retry_after == 12 * 3600
        list(fetcher.list_posts(NOW - timedelta(days=1), NOW))
        fetcher.close()
    assert paths(server) == {"organizationalEntityShareStatistics": 1, "posts": 2}
    assert "2026-09-02 00:00:00 UTC" in str(caught.value)


def test_a_throttle_without_a_name_that_comes_again_lasts_for_the_day(server: PlatformServer) -> None:
    server.script(Answer(429, json={"status": 429, "message": "slow down"}))
    quota, now, waits = MemoryQuota(), NOW, []
    for minutes in (0, 2, 0, 60 * 12, 60):  # at 12:00, 12:02, at once, after midnight, an hour later
        now += timedelta(minutes=minutes)
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: now)  # noqa: B023
        fetcher.quota = quota
        server.date = now
        with pytest.raises(RateLimitError) as caught:
            list(fetcher.fetch_many(page_of(1)))
        fetcher.close()
        waits.append(caught.value.retry_after)
    rest = (12 * 60 - 2) * 60.0
    assert waits == [120, rest, rest, 120, 120]
    assert len(server.requests) == 4, "nothing is sent while it lasts"


def test_the_settings_limits_are_never_passed(server: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKEDIN_MEMBER_CALLS_PER_DAY", "3")
    get_settings.cache_clear()
    server.answer = everything
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
    get_settings.cache_clear()
    with pytest.raises(RateLimitError, match="used up"):
        list(fetcher.fetch_many(page_of(300)))
    fetcher.close()
    assert paths(server)["organizationalEntityShareStatistics"] == 3
    assert fetcher.usage.calls == len(server.requests)


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
